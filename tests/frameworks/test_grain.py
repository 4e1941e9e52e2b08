from functools import partial

import grain
import numpy as np
import pytest
from frameworks.pipelines import DATA, PATHS, TENSOR, Loading
from pictures import picture
from PIL import Image

import fastfit
from fastfit import Fit, fit_many

pytestmark = [
    pytest.mark.frameworks,
    # From Python 3.12 on, forking a process with threads warns.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
]

SHAPES = [(61, 97, 3), (97, 61, 3), (45, 46, 3), (30, 200, 3), (61, 97, 4), (61, 97, 1), (61, 97)]


def images():
    return [picture("smooth", shape, seed=seed) for seed, shape in enumerate(SHAPES)]


def expected():
    return np.stack([fastfit.load(path, TENSOR) for path in PATHS])


def photos():
    return grain.MapDataset.source(PATHS).map(Loading(TENSOR))


class Fitted(grain.transforms.Map):
    def __init__(self, spec):
        self._spec = spec

    def map(self, path):
        return fastfit.load(path, self._spec)


def test_files_are_loaded_when_they_are_asked_for():
    for place, wanted in zip((4, 0, 6), expected()[[4, 0, 6]], strict=True):
        np.testing.assert_array_equal(photos()[place], wanted)


def test_batches_are_rows_of_what_was_loaded():
    batches = photos().batch(3)
    assert [batches[place].shape for place in range(3)] == [(3, 3, 24, 35), (3, 3, 24, 35), (1, 3, 24, 35)]
    assert batches[0].dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(list(batches)), expected())


def test_a_shuffled_epoch_has_every_file_once():
    shuffled = list(photos().shuffle(seed=7))
    order = [np.flatnonzero((expected() == each).all((1, 2, 3)))[0] for each in shuffled]
    assert sorted(order) == list(range(len(PATHS)))
    assert order != sorted(order)


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("threads", [0, 1, 16])
def test_threads_of_grain_s_fit_side_by_side(threads):
    many = grain.MapDataset.source(PATHS).repeat(6).map(Loading(TENSOR))
    stream = many.to_iter_dataset(grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(1, 2 * threads)))
    np.testing.assert_array_equal(list(stream), np.tile(expected(), (6, 1, 1, 1)))


def test_images_of_any_sizes_are_batched_by_one_call():
    batches = grain.MapDataset.source(images()).batch(3, batch_fn=partial(fit_many, spec=TENSOR))
    np.testing.assert_array_equal(np.concatenate(list(batches)), fit_many(images(), TENSOR))


def test_pictures_fit_in_the_middle_of_a_pipeline():
    stream = grain.MapDataset.source(PATHS[2:4]).map(Image.open).map(Fit("35x24")).map(lambda pixels: pixels / 255)
    for fitted, path in zip(stream, PATHS[2:4], strict=True):
        with Image.open(path) as opened:
            np.testing.assert_array_equal(fitted, Fit("35x24")(opened) / 255)


def test_two_processes_give_what_one_gives():
    stream = photos().batch(3).to_iter_dataset().mp_prefetch(grain.MultiprocessingOptions(num_workers=2))
    np.testing.assert_array_equal(np.concatenate([np.array(batch) for batch in stream]), expected())


def test_a_data_loader_gives_every_file_once():
    options = {
        "data_source": PATHS,
        "sampler": grain.samplers.IndexSampler(len(PATHS), shuffle=False, num_epochs=1),
        "operations": [Fitted(TENSOR)],
    }
    for workers in (0, 2):
        loaded = [np.array(each) for each in grain.DataLoader(**options, worker_count=workers)]
        np.testing.assert_array_equal(loaded, expected())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_file_is_named(workers):
    stream = grain.MapDataset.source([str(DATA / "truncated.jpg")]).map(Loading(TENSOR)).to_iter_dataset()
    if workers:
        stream = stream.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    with pytest.raises(Exception, match=r"truncated\.jpg: expected"):
        list(stream)


def test_the_state_of_a_stream_brings_back_the_same_images():
    stream = iter(photos().shuffle(seed=3).to_iter_dataset())
    next(stream)
    state = stream.get_state()
    following = [next(stream) for _ in range(3)]
    stream.set_state(state)
    np.testing.assert_array_equal([next(stream) for _ in range(3)], following)
