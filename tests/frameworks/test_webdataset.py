import gc
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset
from frameworks.pipelines import DATA, PATHS, TENSOR, LoadedSample
from PIL import Image, ImageOps

import fastfit
from fastfit import Fit, ImageError, fit_many

pytestmark = [
    pytest.mark.frameworks,
    # webdataset leaves it to the garbage collector to close shards.
    pytest.mark.filterwarnings("ignore:unclosed file <_io.BufferedReader name='.*[.]tar'>:ResourceWarning"),
    # From Python 3.12 on, forking a process with threads warns.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
]

SMALL = Fit("35x24", channels=3)
PATH_OF = {Path(path).stem: path for path in PATHS}


@pytest.fixture(autouse=True)
def collected():
    """Have what webdataset leaves open closed here, where the warning is filtered."""
    yield
    gc.collect()


def write_shard(path, sources):
    with webdataset.TarWriter(str(path)) as shard:
        for source in map(Path, sources):
            shard.write({"__key__": source.stem, source.suffix[1:]: source.read_bytes()})
    return str(path)


@pytest.fixture
def shards(tmp_path):
    return [write_shard(tmp_path / f"{number}.tar", PATHS[number::2]) for number in (0, 1)]


def samples(shards):
    return webdataset.WebDataset(shards, shardshuffle=False)


def image_in(sample):
    return next(sample[kind] for kind in ("jpg", "png", "webp") if kind in sample)


def by_pillow(sample):
    """Return the file's picture as webdataset has it, in RGB, but upright."""
    with Image.open(PATH_OF[sample["__key__"]]) as picture:
        return np.array(ImageOps.exif_transpose(picture.convert("RGB")))


def test_encoded_bytes_are_loaded_as_the_files_are(shards):
    read = list(samples(shards).map(LoadedSample(TENSOR)))
    assert sorted(sample["__key__"] for sample in read) == sorted(PATH_OF)
    for sample in read:
        np.testing.assert_array_equal(sample["pixels"], fastfit.load(PATH_OF[sample["__key__"]], TENSOR))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_two_workers_read_every_sample_of_every_shard_once(shards, start):
    fitted = samples(shards).map(LoadedSample(TENSOR)).batched(2)
    options = {"num_workers": 2, "multiprocessing_context": start, "timeout": 100}
    keys = []
    for batch in webdataset.WebLoader(fitted, batch_size=None, **options):
        assert batch["pixels"].dtype == torch.float32
        expected = [fastfit.load(PATH_OF[key], TENSOR) for key in batch["__key__"]]
        np.testing.assert_array_equal(batch["pixels"], expected)
        keys += batch["__key__"]
    assert sorted(keys) == sorted(PATH_OF)


def test_a_plain_loader_of_torch_s_reads_shards_too(shards):
    fitted = samples(shards).map(LoadedSample(TENSOR)).to_tuple("__key__", "pixels")
    options = {"num_workers": 2, "multiprocessing_context": "fork", "timeout": 100}
    read = dict(torch.utils.data.DataLoader(fitted, batch_size=None, **options))
    assert sorted(read) == sorted(PATH_OF)
    for key, pixels in read.items():
        np.testing.assert_array_equal(pixels, fastfit.load(PATH_OF[key], TENSOR))


def test_pictures_that_webdataset_decodes_come_out_upright(shards):
    for sample in samples(shards).decode("pil"):
        assert isinstance(image_in(sample), Image.Image)
        np.testing.assert_array_equal(SMALL(image_in(sample)), SMALL(by_pillow(sample)))


@pytest.mark.parametrize(("handler", "dtype"), [("rgb8", np.uint8), ("rgb", np.float32)])
def test_arrays_that_webdataset_decodes_fit_as_they_lie(shards, handler, dtype):
    for sample in samples(shards).decode(handler):
        if sample["__key__"].startswith("orientation"):  # nobody knows any more that these lie on their side
            continue
        expected = by_pillow(sample)
        expected = SMALL(expected if dtype == np.uint8 else expected / np.float32(255))
        assert SMALL(image_in(sample)).dtype == dtype
        np.testing.assert_array_equal(SMALL(image_in(sample)), expected)


@pytest.mark.parametrize("handler", ["torchrgb8", "torchrgb"])
def test_tensors_that_webdataset_decodes_say_that_they_are_planes(shards, handler):
    image = image_in(next(iter(samples(shards[1:]).decode(handler))))
    with pytest.raises(ImageError, match=r"permute\(1, 2, 0\)"):
        SMALL(image)
    array = image_in(next(iter(samples(shards[1:]).decode(handler.removeprefix("torch")))))
    np.testing.assert_array_equal(SMALL(image.permute(1, 2, 0)), SMALL(array))


def test_a_batch_of_any_sizes_is_collated_by_one_call(shards):
    def collate(batch):
        return fit_many([image_in(sample) for sample in batch], SMALL)

    batches = list(samples(shards).decode("pil").batched(3, collation_fn=collate))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    expected = [SMALL(by_pillow(sample)) for sample in samples(shards)]
    np.testing.assert_array_equal(np.concatenate(batches), expected)


def test_a_damaged_sample_stops_the_stream_or_is_left_out_as_its_handler_says(tmp_path):
    broken = write_shard(tmp_path / "broken.tar", [PATHS[1], DATA / "truncated.jpg", PATHS[2]])
    with pytest.raises(fastfit.CodecError, match="expected a whole jpeg image"):
        list(samples(broken).map(LoadedSample(TENSOR)))
    fitted = samples(broken).map(LoadedSample(TENSOR), handler=webdataset.ignore_and_continue)
    assert [sample["__key__"] for sample in fitted] == [Path(PATHS[1]).stem, Path(PATHS[2]).stem]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(samples(broken).map(LoadedSample(TENSOR), handler=webdataset.warn_and_continue))
    assert sum("a whole jpeg image" in str(each.message) for each in caught) == 1


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_sample_in_a_worker_is_an_error_that_says_so(tmp_path, workers):
    broken = write_shard(tmp_path / "broken.tar", [DATA / "truncated.jpg"])
    options = {"num_workers": workers, "multiprocessing_context": "fork" if workers else None}
    with pytest.raises(Exception, match="expected a whole jpeg image"):
        list(webdataset.WebLoader(samples(broken).map(LoadedSample(TENSOR)), batch_size=None, **options))


def test_fitted_shards_are_written_from_shards(shards, tmp_path):
    fitted = str(tmp_path / "fitted.tar")
    spec = Fit("35x24")
    with webdataset.TarWriter(fitted) as shard:
        for sample in samples(shards):
            encoded = fastfit.fit_bytes(image_in(sample), spec, fastfit.Output("png"))
            shard.write({"__key__": sample["__key__"], "png": encoded})
    read = list(samples(fitted))
    assert sorted(sample["__key__"] for sample in read) == sorted(PATH_OF)
    for sample in read:
        image, _ = fastfit.decode(sample["png"])
        np.testing.assert_array_equal(image, fastfit.load(PATH_OF[sample["__key__"]], spec))
