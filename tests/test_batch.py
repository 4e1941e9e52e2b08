"""Many arrays at once: rows, lists and generators, in threads."""

import gc
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count, cycle, islice

import cv2
import joblib
import numpy as np
import pytest
from pictures import picture
from PIL import Image

from fastfit import Fit, ImageError, OptionError, fit_many, runners
from fastfit.resample import Queue

SPEC = Fit("17x13")
TINY = Fit("5x3", resample="box")
TENSOR = Fit("19x11", channels=3, layout="CHW", dtype="float32", scale=1 / 255, mean=(0.5, 0.4, 0.3), std=0.2)
SHAPES = ((23, 31, 3), (41, 29, 3), (13, 17, 3), (7, 53, 3), (60, 8, 3))
JOBS = (1, 2, 3, -1, -2)
WAYS = ("array", "list", "generator")


pytestmark = pytest.mark.usefixtures("alarm")


@pytest.fixture(autouse=True)
def _no_threads_are_left():
    """Whatever became of the images."""
    before = set(threading.enumerate())
    yield
    assert settles(lambda: set(threading.enumerate()) <= before), threading.enumerate()


def settles(condition, seconds=5.0):
    """Tell whether a condition comes true within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


@cache
def pictures(number, shapes=SHAPES):
    """Return images of mixed sizes, each of its own noise, that nobody may write to."""
    found = [picture("noise", shape, seed=seed) for seed, shape in zip(range(number), cycle(shapes), strict=False)]
    for image in found:
        image.flags.writeable = False
    return found


@cache
def tiny(number):
    return pictures(number, ((7, 11, 3),))


def rows(images, spec=SPEC):
    return np.stack([spec(image) for image in images])


def fitted(images, spec=SPEC, n_jobs=2, return_as="array"):
    """Fit in any of the ways, to the end."""
    results = fit_many(images, spec, n_jobs=n_jobs, return_as=return_as)
    return list(results) if return_as == "generator" else results


class Watched:
    """An image that calls `look` whenever it is read."""

    def __init__(self, look=lambda: None, array=None):
        self.look = look
        self.array = pictures(1)[0] if array is None else array

    def __array__(self, *_, **__):
        self.look()
        return self.array


class Hinted:
    """An iterator that says how many images are to come, rightly or not."""

    def __init__(self, images, hint):
        self.images, self.hint = iter(images), hint

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.images)

    def __length_hint__(self):
        return self.hint


class Indexed:
    """The old protocol of sequences, as many a data set has it."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


class Arrayed:
    """Another library's array."""

    def __init__(self, array):
        self.array = array

    def __array__(self, *_, **__):
        return self.array


def run_script(path, script, *, flags=("-W", "error"), quiet=True):
    """Run a script that prints; it has to end well, in time, and to say nothing on stderr."""
    path.write_text(script)
    command = [sys.executable, *flags, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (run.returncode, run.stderr if quiet else "") == (0, "")
    return run.stdout.split()


# ---------------------------------------------------------------------------------------------------------------
# Rows
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.quick
@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("wrap", [list, tuple, iter, Indexed, lambda images: (image for image in images)])
def test_every_row_is_what_the_spec_makes_of_the_image(wrap, jobs):
    images = pictures(9)
    result = fit_many(wrap(images), SPEC, n_jobs=jobs)
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, rows(images), strict=True)


@pytest.mark.quick
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", JOBS)
def test_every_way_gives_the_same_results_in_the_same_order(jobs, way):
    images = pictures(23)
    results = fitted(images, SPEC, jobs, way)
    assert len(results) == 23
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result, SPEC(image), strict=True)


@pytest.mark.quick
@pytest.mark.parametrize("way", WAYS)
def test_order_is_that_of_the_images_however_long_each_takes(way):
    waits = [0.02, 0, 0.01, 0, 0, 0.015, 0, 0, 0, 0.005]
    images = [
        Watched(lambda wait=wait: time.sleep(wait), image) for wait, image in zip(waits, pictures(10), strict=True)
    ]
    results = fitted(images, SPEC, 3, way)
    np.testing.assert_array_equal(np.stack(results), rows(pictures(10)))


def test_all_cores_are_the_default():
    np.testing.assert_array_equal(fit_many(pictures(5), SPEC), rows(pictures(5)))


@pytest.mark.parametrize("number", [1, 2, 63, 64, 65, 128, 129, 257])
def test_generators_of_any_length_fill_as_many_rows(number):
    result = fit_many((image for image in tiny(number)), TINY, n_jobs=1)
    np.testing.assert_array_equal(result, rows(tiny(number), TINY), strict=True)


@pytest.mark.parametrize("number", [1, 64, 65, 129])
def test_generators_of_any_length_fill_as_many_rows_in_threads(number):
    result = fit_many((image for image in tiny(number)), TINY, n_jobs=2)
    np.testing.assert_array_equal(result, rows(tiny(number), TINY), strict=True)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("number", [1, 2, 7])
@pytest.mark.parametrize("hint", [0, 1, 6, 7, 8, 50, NotImplemented, -1, "7", 10**12, 10**30])
def test_hints_at_the_length_need_not_be_right(hint, number, jobs):
    result = fit_many(Hinted(tiny(number), hint), TINY, n_jobs=jobs)
    np.testing.assert_array_equal(result, rows(tiny(number), TINY), strict=True)


def test_a_sequence_may_hold_fewer_or_more_images_than_it_says():
    for says in (0, 3, 9):
        images = Indexed(tiny(6))
        kind = type("Liar", (Indexed,), {"__len__": lambda _, says=says: says})
        np.testing.assert_array_equal(fit_many(kind(images.images), TINY, n_jobs=2), rows(tiny(6), TINY))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("shape", [(5, 23, 31, 3), (5, 23, 31, 1), (5, 23, 31, 4), (5, 23, 31), (1, 6, 5)])
def test_stacks_are_images_one_after_the_other(shape, jobs):
    stack = picture("noise", (shape[0] * shape[1], *shape[2:])).reshape(shape)
    for images in (stack, Arrayed(stack), np.asfortranarray(stack), stack[::-1][::-1]):
        np.testing.assert_array_equal(fit_many(images, SPEC, n_jobs=jobs), rows(list(stack)), strict=True)


def test_stacks_may_have_any_strides():
    stack = picture("noise", (6 * 23, 2 * 31, 4)).reshape(6, 23, 62, 4)
    for images in (stack[::2, :, ::2, :3], stack[::-1, ::-1], stack.swapaxes(1, 2)):
        np.testing.assert_array_equal(fit_many(images, SPEC, n_jobs=2), rows(list(images)), strict=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(23, 31), (23, 31, 1), (23, 31, 2), (23, 31, 4)])
def test_rows_have_the_dtype_and_the_channels_of_the_images(shape, dtype):
    images = [picture("noise", shape, dtype, seed) for seed in range(4)]
    result = fit_many(images, SPEC, n_jobs=2)
    assert result.shape == (4, 13, 17, *shape[2:])
    np.testing.assert_array_equal(result, rows(images), strict=True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_pillow_images_and_arrays_may_be_mixed(jobs, way):
    arrays = pictures(4)
    turned = Image.fromarray(arrays[3])
    turned.getexif()[0x0112] = 6
    images = [Image.fromarray(arrays[0]), arrays[1], Watched(array=arrays[2]), turned]
    results = fitted(images, SPEC, jobs, way)
    np.testing.assert_array_equal(np.stack(results), rows([*arrays[:3], np.rot90(arrays[3], -1)]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_picture_cut_short_is_named(tmp_path, jobs, way):
    Image.fromarray(picture("noise", (150, 211, 3))).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:5000])
    message = r"^images\[1\]: expected a whole PIL image, got a PngImageFile \("
    with Image.open(tmp_path / "a.png") as good, Image.open(tmp_path / "b.png") as bad:
        images = [good, bad]
        with pytest.raises(ImageError, match=message):
            fitted(images, SPEC, jobs, way)


def test_grey_rgb_and_rgba_make_rows_alike_with_channels():
    shapes = ((23, 31), (31, 23, 3), (29, 41, 4), (17, 13, 1), (19, 20, 2))
    images = [picture("holes", shape, seed=seed) for seed, shape in enumerate(shapes * 3)]
    for spec in (Fit("17x13", channels=3), Fit("17x13", channels=1), Fit("17x13", "pad", channels=4), TENSOR):
        for jobs in (1, 2):
            np.testing.assert_array_equal(fit_many(images, spec, n_jobs=jobs), rows(images, spec), strict=True)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_tensors_are_channels_first_and_normalised(jobs, way):
    results = fitted(pictures(7), TENSOR, jobs, way)
    assert {(result.shape, result.dtype) for result in results} == {((3, 11, 19), np.dtype(np.float32))}
    np.testing.assert_array_equal(np.stack(results), rows(pictures(7), TENSOR), strict=True)


def test_grey_images_of_dtypes_of_their_own_make_tensors():
    images = [picture("noise", (23, 31), dtype) for dtype in (np.uint8, np.uint8)] * 2
    spec = Fit("19x11", channels=3, layout="CHW", dtype="float16", scale=1 / 255)
    np.testing.assert_array_equal(fit_many(images, spec, n_jobs=2), rows(images, spec), strict=True)


def test_runs_and_numbers_of_threads_make_no_difference():
    images = [picture("smooth", shape, seed=seed) for seed, shape in enumerate(((101, 143, 3), (157, 89, 3)) * 5)]
    spec = Fit("64x41", dtype="float32", scale=1 / 255)
    first = fit_many(images, spec, n_jobs=1)
    for jobs in (1, 2, 2, 3, 3):
        np.testing.assert_array_equal(fit_many(images, spec, n_jobs=jobs), first)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("wrap", [list, iter, np.stack])
def test_rows_are_the_callers_and_images_stay_as_they_are(wrap, jobs):
    # Of the size asked for already: nothing would be resampled, and a view would do.
    images = [picture("noise", (13, 17, 3), seed=seed) for seed in range(5)]
    before = [image.copy() for image in images]
    given = wrap(images)
    result = fit_many(given, SPEC, n_jobs=jobs)
    assert result.flags.owndata
    assert result.flags.writeable
    assert result.flags.c_contiguous
    again = fit_many(images, SPEC, n_jobs=jobs)
    result[...] = 0
    np.testing.assert_array_equal(again, np.stack(before))
    np.testing.assert_array_equal(images, before)
    if isinstance(given, np.ndarray):
        np.testing.assert_array_equal(given, before)


def test_results_of_a_list_have_memory_of_their_own():
    images = [picture("noise", (13, 17, 3), seed=seed) for seed in range(4)]
    for way in ("list", "generator"):
        results = fitted(images, SPEC, 2, way)
        for at, result in enumerate(results):
            others = [other for other in (*images, *results) if other is not result]
            assert not any(np.shares_memory(result, other) for other in others), at
            assert result.flags.writeable


def test_one_thread_is_the_callers():
    seen = []
    images = [Watched(lambda: seen.append(threading.get_ident())) for _ in range(3)]
    for way in WAYS:
        fitted(images, SPEC, 1, way)
    assert set(seen) == {threading.get_ident()}


@pytest.mark.parametrize("return_as", ["list", "generator"])
@pytest.mark.parametrize(("jobs", "cores", "threads"), [(3, 1, 3), (-1, 3, 3), (-2, 4, 3), (-3, 5, 3)])
def test_so_many_threads_work_at_once_and_no_more(monkeypatch, jobs, cores, threads, return_as):
    monkeypatch.setattr(runners, "cores", lambda: cores)
    met, seen = threading.Barrier(threads), set()

    def look():
        seen.add(threading.get_ident())
        met.wait(10)

    assert len([*fit_many([Watched(look)] * (3 * threads), SPEC, n_jobs=jobs, return_as=return_as)]) == 3 * threads
    assert len(seen) == threads
    # Who takes results one by one has other work to do.
    assert (threading.get_ident() in seen) == (return_as == "list")


class Lazy:
    """A sequence that makes its images when they are asked for, and counts those that are alive."""

    def __init__(self, number):
        self.number, self.alive, self.most = number, 0, 0

    def __len__(self):
        return self.number

    def __iter__(self):
        for _ in range(self.number):
            image = Watched(array=pictures(1)[0].copy())
            self.alive += 1
            self.most = max(self.most, self.alive)
            weakref.finalize(image, self._lost)
            yield image
            del image

    def _lost(self):
        self.alive -= 1


@pytest.mark.parametrize("return_as", WAYS)
def test_images_that_are_made_one_by_one_are_not_kept(return_as):
    images = Lazy(60)
    assert len([*fit_many(images, SPEC, n_jobs=2, return_as=return_as)]) == 60
    assert images.most <= 2 * runners.AHEAD + 4


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_errors_of_the_kernel_come_when_it_is_their_turn(monkeypatch, jobs):
    run = Queue.run

    def fails(self):
        if any(image[0, 0, 0] == 9 for _, _, image, _ in self.jobs):
            raise MemoryError
        run(self)

    def slow():
        time.sleep(0.1)
        raise ImageError("image", "a picture", "none")

    monkeypatch.setattr(Queue, "run", fails)
    images = [np.full((40, 30, 3), 9 * (number > 3), np.uint8) for number in range(12)]
    with pytest.raises(MemoryError):
        fit_many(images, SPEC, n_jobs=jobs)
    images[0] = Watched(slow)
    with pytest.raises(ImageError, match=r"images\[0\]"):
        fit_many(images, SPEC, n_jobs=jobs, return_as="list")


@pytest.mark.parametrize("jobs", [-1, -2, -100])
def test_there_is_always_one_thread(monkeypatch, jobs):
    monkeypatch.setattr(runners, "cores", lambda: 1)
    seen = []
    fit_many([Watched(lambda: seen.append(threading.get_ident()))] * 2, SPEC, n_jobs=jobs)
    assert set(seen) == {threading.get_ident()}


def test_an_iterator_is_read_by_one_thread_at_a_time():
    reading, together = threading.Lock(), []

    def images():
        for image in pictures(40):
            together.append(reading.acquire(blocking=False))
            time.sleep(0.0005)
            reading.release()
            yield image

    for way in WAYS:
        assert len(fitted(images(), SPEC, 3, way)) == 40
    assert all(together)


# ---------------------------------------------------------------------------------------------------------------
# out
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("wrap", [list, iter, np.stack])
def test_out_is_written_in_place_and_returned(wrap, jobs):
    images = pictures(5, ((23, 31, 3),))
    out = np.full((5, 13, 17, 3), 77, np.uint8)
    assert fit_many(wrap(images), SPEC, n_jobs=jobs, out=out) is out
    np.testing.assert_array_equal(out, rows(images))


@pytest.mark.quick
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "cut",
    [
        lambda base: base[3:8],
        lambda base: base[1:11:2],
        lambda base: base[4::-1],
        lambda base: base[2:7, ::-1],
        lambda base: base[2:7, :, ::-1, ::-1],
        lambda base: np.asfortranarray(base)[:5],
    ],
)
def test_out_may_be_any_rows_of_a_bigger_array(cut, jobs):
    base = np.full((12, 13, 17, 3), 77, np.uint8)
    out = cut(base)
    assert fit_many(pictures(5), SPEC, n_jobs=jobs, out=out) is out
    np.testing.assert_array_equal(out, rows(pictures(5)))
    out[...] = 77
    np.testing.assert_array_equal(base, np.full_like(base, 77))


def test_out_may_have_its_channels_last_in_memory_and_first_in_shape():
    base = np.zeros((4, 11, 19, 3), np.float32)
    out = base.transpose(0, 3, 1, 2)
    assert fit_many(pictures(4), TENSOR, n_jobs=2, out=out) is out
    np.testing.assert_array_equal(base, rows(pictures(4), TENSOR).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("wrap", [list, iter, Indexed, np.stack])
@pytest.mark.parametrize("number", [0, 1, 4, 6, 70])
def test_out_has_one_row_for_each_image(number, wrap, jobs):
    images = pictures(5, ((23, 31, 3),))
    out = np.zeros((number, 13, 17, 3), np.uint8)
    with pytest.raises(
        OptionError, match=r"^out: expected .*(one row for each image|rows, one for each image)"
    ) as caught:
        fit_many(wrap(images), SPEC, n_jobs=jobs, out=out)
    assert str(number) in caught.value.got
    assert wrap is iter or not out.any()


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "out",
    [
        np.zeros((5, 13, 17), np.uint8),
        np.zeros((5, 13, 17, 4), np.uint8),
        np.zeros((5, 17, 13, 3), np.uint8),
        np.zeros((5, 3, 13, 17), np.uint8),
        np.zeros((13, 17, 3), np.uint8),
        np.zeros((5, 1, 13, 17, 3), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((5, 13, 17, 3), np.float32),
        np.zeros((5, 13, 17, 3), np.int8),
        np.zeros((5, 13, 17, 3), ">u2"),
    ],
    ids=lambda out: f"{out.dtype}{out.shape}",
)
def test_out_of_another_shape_or_dtype_is_an_error_that_shows_both(out, jobs):
    with pytest.raises(OptionError, match="out: expected") as caught:
        fit_many(pictures(5), SPEC, n_jobs=jobs, out=out)
    assert "uint8" in str(caught.value)
    assert str(out.dtype) in str(caught.value)
    assert "channels=" not in str(caught.value)
    assert not out.any()


@pytest.mark.parametrize(
    "out", [5, [], [np.zeros((13, 17, 3), np.uint8)], np.array(0, np.uint8), "out", np.uint8(0)]
)
def test_out_that_has_no_rows_is_an_error(out):
    with pytest.raises(OptionError, match=r"^out: expected an array of"):
        fit_many(pictures(1), SPEC, out=out)


@pytest.mark.parametrize("jobs", [1, 2])
def test_out_that_is_read_only_is_an_error(jobs):
    out = np.zeros((5, 13, 17, 3), np.uint8)
    out.flags.writeable = False
    with pytest.raises(OptionError, match=r"^out: expected a writeable array"):
        fit_many(pictures(5), SPEC, n_jobs=jobs, out=out)
    assert not out.any()


@pytest.mark.parametrize("jobs", [1, 2])
def test_out_that_overlaps_an_image_is_an_error(jobs):
    memory = np.full((8, 13, 17, 3), 77, np.uint8)
    stacks = (memory[3:8], memory[3:8, ::-1])
    lists = ([*pictures(4), memory[3]], [memory[6, :7], *pictures(4)])
    for images in (*stacks, *lists):
        with pytest.raises(OptionError, match="out: expected memory apart from the images'"):
            fit_many(images, SPEC, n_jobs=jobs, out=memory[3:8])


@pytest.mark.parametrize("jobs", [1, 2])
def test_out_that_overlaps_with_an_image_of_another_row_is_an_error(jobs):
    # Row 4 is read for row 0, and row 0 for row 4: by then one of them would be another picture.
    memory = np.zeros((5, 13, 17, 3), np.uint8)
    for at, row in ((0, 4), (4, 0), (2, 1)):
        images = [*pictures(5)]
        images[at] = memory[row]
        for given in (images, iter(images), [Arrayed(image) for image in images]):
            with pytest.raises(OptionError, match="out: expected memory apart from the images'"):
                fit_many(given, SPEC, n_jobs=jobs, out=memory)


def test_images_that_out_overlaps_are_not_written_to():
    memory = np.full((9, 13, 17, 3), 77, np.uint8)
    for images in (memory[:5], list(memory[:5])):
        with pytest.raises(OptionError, match="out: expected memory apart from the images'"):
            fit_many(images, Fit("17x13", "pad", fill=1, box=(0, 0, 5, 5)), n_jobs=1, out=memory[4:])
        np.testing.assert_array_equal(memory[:5], np.full((5, 13, 17, 3), 77, np.uint8))


@pytest.mark.parametrize("jobs", [1, 2])
def test_images_between_the_rows_of_out_are_apart_from_it(jobs):
    memory = np.zeros((5, 2, 13, 17, 3), np.uint8)
    memory[:, 0] = [picture("noise", (13, 17, 3), seed=seed) for seed in range(5)]
    images, out = memory[:, 0], memory[:, 1]
    assert fit_many(images, SPEC, n_jobs=jobs, out=out) is out
    np.testing.assert_array_equal(out, images)


@pytest.mark.parametrize("way", ["list", "generator"])
def test_out_goes_with_arrays_only(way):
    out = np.zeros((2, 13, 17, 3), np.uint8)
    with pytest.raises(OptionError, match=f'out: expected None with return_as="{way}"'):
        fit_many(pictures(2), SPEC, out=out, return_as=way)


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_before_the_one_that_cannot_be_fitted_are_written(jobs):
    images = [*pictures(4), np.zeros((0, 5, 3), np.uint8), *pictures(2)]
    out = np.zeros((7, 13, 17, 3), np.uint8)
    with pytest.raises(ImageError, match=r"images\[4\]: expected at least one pixel"):
        fit_many(images, SPEC, n_jobs=jobs, out=out)
    np.testing.assert_array_equal(out[:4], rows(pictures(4)))
    assert not out[4].any()


# ---------------------------------------------------------------------------------------------------------------
# Lists and generators
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("way", ["list", "generator"])
@pytest.mark.parametrize(
    "spec",
    [Fit(area=400), Fit(sizes=[(19, 11), (11, 19), (16, 16)]), Fit(longest=20), Fit(shortest=7, layout="CHW")],
)
def test_results_may_each_have_a_shape_of_their_own(spec, way, jobs):
    images = [*pictures(7), picture("noise", (33, 21)), picture("noise", (21, 34, 4), np.uint16)]
    results = fitted(images, spec, jobs, way)
    assert len({result.shape for result in results}) > 2
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result, spec(image), strict=True)


def test_a_list_is_a_list_and_a_generator_a_generator():
    for jobs in (1, 2):
        assert type(fit_many(pictures(2), SPEC, n_jobs=jobs, return_as="list")) is list
        results = fit_many(pictures(2), SPEC, n_jobs=jobs, return_as="generator")
        assert iter(results) is results
        results.close()
        assert list(results) == []


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("images", [[], (), iter(()), np.empty((0, 23, 31, 3), np.uint8)])
def test_no_images_are_no_results(images, jobs):
    for way in ("list", "generator"):
        assert fitted(images, SPEC, jobs, way) == []


@pytest.mark.parametrize("jobs", [2, 3])
def test_a_generator_goes_on_meanwhile_but_not_far(jobs):
    read, begun = count(), count()
    reads, begins = [0], [0]

    def look():
        begins[0] = next(begun) + 1

    def images():
        while True:
            reads[0] = next(read) + 1
            yield Watched(look)

    results = fit_many(images(), SPEC, n_jobs=jobs, return_as="generator")
    total = 0
    for taken in (1, 2, 9):
        assert len(list(islice(results, taken))) == taken
        total += taken
        time.sleep(0.05)
        assert total < begins[0] <= total + 2 * jobs
        assert total < reads[0] <= total + 4 * jobs + 1
    results.close()


def test_a_generator_of_one_thread_reads_an_image_when_it_is_wanted():
    read = []
    results = fit_many(
        (read.append(at) or pictures(9)[at] for at in range(9)), SPEC, n_jobs=1, return_as="generator"
    )
    assert read == []
    for number in range(1, 6):
        next(results)
        assert read == list(range(number))


def test_results_that_are_not_taken_are_not_many():
    done = []
    spec, images = SPEC, (Watched(lambda: done.append(1)) for _ in count())
    results = fit_many(images, spec, n_jobs=2, return_as="generator")
    next(results)
    assert settles(lambda: len(done) > 1)
    time.sleep(0.05)
    assert len(done) <= 1 + 2 * 2
    results.close()


@pytest.mark.parametrize("jobs", [1, 2])
def test_generators_may_run_side_by_side(jobs):
    forth = fit_many(iter(pictures(15)), SPEC, n_jobs=jobs, return_as="generator")
    back = fit_many(pictures(15)[::-1], SPEC, n_jobs=jobs, return_as="generator")
    pairs = list(zip(forth, back, strict=True))
    np.testing.assert_array_equal([pair[0] for pair in pairs], rows(pictures(15)))
    np.testing.assert_array_equal([pair[1] for pair in pairs[::-1]], rows(pictures(15)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_generator_may_be_taken_in_other_threads(jobs):
    results = fit_many(iter(pictures(15)), SPEC, n_jobs=jobs, return_as="generator")
    found = [next(results)]
    for take in (3, 4, 8):
        with ThreadPoolExecutor(1) as pool:
            found += pool.submit(lambda take=take: list(islice(results, take))).result()
    np.testing.assert_array_equal(found, rows(pictures(15)))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("taken", [0, 1, 5])
def test_a_closed_generator_leaves_nothing_behind(taken, jobs):
    before, read = set(threading.enumerate()), []
    results = fit_many(
        (read.append(1) or pictures(1)[0] for _ in count()), SPEC, n_jobs=jobs, return_as="generator"
    )
    assert len(list(islice(results, taken))) == taken
    results.close()
    assert settles(lambda: set(threading.enumerate()) <= before)
    total = len(read)
    time.sleep(0.02)
    assert len(read) == total
    assert list(results) == []


def test_images_that_nobody_wants_any_more_are_not_fitted():
    begun, wait = [], threading.Event()
    images = [pictures(1)[0], *(Watched(lambda at=at: begun.append(at) or wait.wait(10)) for at in range(9))]
    results = fit_many(images, SPEC, n_jobs=2, return_as="generator")
    next(results)
    assert settles(lambda: len(begun) == 2)
    before = threading.active_count()
    threading.Timer(0.05, wait.set).start()
    results.close()
    assert settles(lambda: threading.active_count() < before)
    assert sorted(begun) == [0, 1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_deleted_generator_leaves_nothing_behind(jobs):
    before = set(threading.enumerate())
    results = fit_many((pictures(1)[0] for _ in count()), SPEC, n_jobs=jobs, return_as="generator")
    next(results)
    del results
    assert settles(lambda: set(threading.enumerate()) <= before)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_consumer_that_fails_leaves_nothing_behind(jobs):
    before = set(threading.enumerate())

    def consume():
        for _ in fit_many((pictures(1)[0] for _ in count()), SPEC, n_jobs=jobs, return_as="generator"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        consume()
    gc.collect()
    assert settles(lambda: set(threading.enumerate()) <= before)


def test_closing_is_quiet_when_the_iterator_has_failed_meanwhile():
    raised = threading.Event()

    def images():
        yield from pictures(7)
        raised.set()
        raise RuntimeError("the caller's")

    results = fit_many(images(), SPEC, n_jobs=2, return_as="generator")
    np.testing.assert_array_equal(next(results), SPEC(pictures(1)[0]))
    raised.wait(0.05)
    results.close()


CYCLE = """
import gc, threading, time
import cv2, numpy as np
from fastfit import Fit, fit_many

collect = threading.Event()
class Collecting:
    def __init__(self, at):
        self.at = at
    def __array__(self, *_, **__):
        if self.at:
            collect.wait()
            gc.collect()
        return np.zeros((23, 31, 3), np.uint8)
class Holder:
    pass

gc.disable()
cv2.setNumThreads(2)
before = threading.active_count()
holder = Holder()
holder.itself = holder
holder.results = fit_many(map(Collecting, range(40)), Fit("17x13"), n_jobs=2, return_as="generator")
next(holder.results)
del holder
collect.set()
end = time.monotonic() + 5
while time.monotonic() < end and (threading.active_count(), cv2.getNumThreads()) != (before, 2):
    time.sleep(0.01)
print(threading.active_count() - before, cv2.getNumThreads())
"""


def test_a_generator_may_be_found_to_be_garbage_in_any_thread(tmp_path):
    # The cyclic collector runs in whichever thread makes objects, here in those that the generator waits for.
    assert run_script(tmp_path / "cycle.py", CYCLE) == ["0", "2"]


EXIT = """
import itertools, sys, threading, time
import numpy as np
from fastfit import Fit, fit_many

image = np.zeros((230, 310, 3), np.uint8)
def half_taken():
    return fit_many(itertools.repeat(image), Fit("170x130"), n_jobs=2, return_as="generator")
first, second, third = half_taken(), half_taken(), half_taken()
next(first), next(third)
if "daemon" in sys.argv:
    threading.Thread(target=list, args=(third,), daemon=True).start()
    time.sleep(0.1)
print("done")
"""


@pytest.mark.parametrize("time_", range(3))
def test_generators_that_are_half_taken_at_exit_are_no_trouble(tmp_path, time_):
    assert run_script(tmp_path / f"exit{time_}.py", EXIT) == ["done"]


def test_generators_that_threads_are_taking_at_exit_are_no_trouble(tmp_path):
    # Such a thread may be told by Python that it is too late for new work.
    script = EXIT.replace("sys.argv", "['daemon']")
    assert run_script(tmp_path / "exit.py", script, quiet=False) == ["done"]


# ---------------------------------------------------------------------------------------------------------------
# Errors
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.quick
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.zeros((5, 7, 3, 1), np.uint8), ImageError, r"images\[7\]: expected shape \(H, W\) or"),
        (np.zeros((5, 7, 3), np.int64), ImageError, r"images\[7\]: expected dtype uint8, uint16 or float32"),
        (None, ImageError, r"images\[7\]: expected an array, a PIL image or a tensor, got a NoneType"),
        (np.zeros((9, 6, 3), np.uint8), OptionError, r"images\[7\]: box: expected"),
    ],
)
def test_an_image_that_cannot_be_fitted_is_named(bad, error, message, jobs, way):
    images = [*pictures(7), bad, *pictures(5)]
    with pytest.raises(error, match=f"^{message}") as caught:
        fitted(images, Fit("17x13", box=(0, 0, 7, 7)), jobs, way)
    assert caught.value.name.startswith("images[7]")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_generator_gives_all_results_before_the_error_and_ends_with_it(jobs):
    images = [*pictures(6), None, *pictures(6)]
    results, found = fit_many(images, SPEC, n_jobs=jobs, return_as="generator"), []
    with pytest.raises(ImageError, match=r"^images\[6\]: "):
        found.extend(results)
    np.testing.assert_array_equal(found, rows(pictures(6)))
    assert list(results) == []


@pytest.mark.parametrize("way", WAYS)
def test_the_first_of_several_errors_is_raised_though_it_comes_last(way):
    bad = np.zeros((5, 7), np.int64)
    images = [*pictures(3), Watched(lambda: time.sleep(0.004), bad), bad, pictures(1)[0], None]
    for _ in range(15):
        with pytest.raises(ImageError, match=r"^images\[3\]: "):
            fitted(images, SPEC, 2, way)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_first_image_may_be_the_bad_one(jobs):
    for way in WAYS:
        with pytest.raises(ImageError, match=r"^images\[0\]: expected an array"):
            fitted([None, *pictures(3)], SPEC, jobs, way)


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_of_different_channels_are_an_error_that_knows_what_to_do(jobs):
    images = [*pictures(2), picture("noise", (23, 31)), *pictures(2)]
    with pytest.raises(ImageError, match=r"^images\[2\]: expected a result of uint8 \(13, 17, 3\)") as caught:
        fit_many(images, SPEC, n_jobs=jobs)
    assert "channels=3" in str(caught.value)
    assert "uint8 (13, 17)" in caught.value.got
    with pytest.raises(ImageError, match=r"^images\[2\]: expected a result of uint8 \(3, 13, 17\).*channels=3"):
        fit_many(images, Fit("17x13", layout="CHW"), n_jobs=jobs)


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_of_different_sizes_or_dtypes_are_an_error(jobs):
    with pytest.raises(ImageError, match=r"^images\[1\]: expected a result of") as caught:
        fit_many(pictures(3), Fit(area=400, channels=3), n_jobs=jobs)
    assert "channels=" not in str(caught.value)
    with pytest.raises(ImageError, match=r"^images\[1\]: expected a result of") as caught:
        fit_many([np.zeros((30, 20), np.uint8), np.zeros((40, 20, 3), np.uint8)], Fit(longest=15, layout="CHW"))
    assert "channels=" not in str(caught.value)
    images = [*pictures(2), picture("noise", (23, 31, 3), np.uint16)]
    with pytest.raises(ImageError, match=r"^images\[2\]: expected a result of uint8.*got uint16"):
        fit_many(images, SPEC, n_jobs=jobs)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("after", [0, 1, 6, 70])
def test_what_the_iterator_raises_reaches_the_caller(after, jobs, way):
    mine = RuntimeError("the caller's")

    def images():
        yield from tiny(after)
        raise mine

    with pytest.raises(RuntimeError, match="the caller's") as caught:
        fitted(images(), TINY, jobs, way)
    assert caught.value is mine


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_iterator_raises_comes_after_the_results_before_it(jobs):
    def images():
        yield from pictures(20)
        raise RuntimeError("the caller's")

    found = []
    with pytest.raises(RuntimeError, match="the caller's"):
        found.extend(fit_many(images(), SPEC, n_jobs=jobs, return_as="generator"))
    np.testing.assert_array_equal(found, rows(pictures(20)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_image_that_cannot_be_fitted_comes_before_what_the_iterator_raises_later(jobs, way):
    def images():
        yield from (*pictures(2), None, *pictures(1))
        raise RuntimeError("the caller's")

    with pytest.raises(ImageError, match=r"^images\[2\]: "):
        fitted(images(), SPEC, jobs, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_an_image_raises_reaches_the_caller(jobs, way):
    mine = KeyError("the caller's")

    def fail():
        raise mine

    with pytest.raises(KeyError) as caught:
        fitted([*pictures(4), Watched(fail), *pictures(9)], SPEC, jobs, way)
    assert caught.value is mine


@pytest.mark.parametrize("slow", ["before", "after"])
@pytest.mark.parametrize("source", ["iterator", "image"])
def test_nobody_is_at_work_any_more_when_something_is_raised(source, slow):
    def fail():
        raise KeyError("the caller's")

    def images():
        yield from pictures(1)
        if slow == "before":
            yield Watched(lambda: time.sleep(0.1))
        yield from pictures(2)
        if source == "iterator":
            fail()
        yield Watched(fail)
        yield Watched(lambda: time.sleep(0.1))

    out = np.zeros((9, 13, 17, 3), np.uint8)
    with pytest.raises(KeyError, match="the caller's"):
        fit_many(images(), SPEC, n_jobs=2, out=out)
    written = out.copy()
    time.sleep(0.15)
    np.testing.assert_array_equal(out, written)


@pytest.mark.parametrize("jobs", [0, 0.0, 1.0, 2.5, "2", True, np.True_, [2], (), float("nan")])
@pytest.mark.parametrize("way", WAYS)
def test_a_number_of_threads_that_is_none_is_an_error_at_once(jobs, way):
    with pytest.raises(OptionError, match=r"^n_jobs: expected a number of threads, or -1 for all cores") as caught:
        fit_many(pictures(1), SPEC, n_jobs=jobs, return_as=way)
    assert caught.value.got == repr(jobs)


def test_a_number_of_threads_may_be_of_any_integer_type():
    for jobs in (np.int8(1), np.uint64(2), np.int16(-1)):
        np.testing.assert_array_equal(fit_many(pictures(3), SPEC, n_jobs=jobs), rows(pictures(3)))


@pytest.mark.parametrize("way", ["tuple", "", None, 0, list, "generator_unordered", ["list"]])
def test_a_way_to_return_that_is_none_is_an_error_at_once(way):
    with pytest.raises(OptionError, match=r"^return_as: expected one of array, list, generator"):
        fit_many(pictures(1), SPEC, return_as=way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("spec", [None, "17x13", (17, 13), Fit, lambda image: image])
def test_a_spec_that_is_none_is_an_error_at_once(spec, way):
    with pytest.raises(OptionError, match=r"^spec: expected a Fit"):
        fit_many(pictures(1), spec, return_as=way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("images", [None, 5, 2.5, object(), Image.new("RGB", (31, 23))])
def test_images_that_cannot_be_iterated_are_an_error_at_once(images, way):
    with pytest.raises(ImageError, match=r"^images: expected a list, an iterator or a stack") as caught:
        fit_many(images, SPEC, return_as=way)
    assert type(images).__name__ in caught.value.got


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrap", [np.asarray, Arrayed])
@pytest.mark.parametrize("shape", [(23, 31), (23, 31, 3), (23, 31, 1), (23, 31, 4)])
def test_one_image_is_an_error_at_once_that_knows_what_to_do(shape, wrap, way):
    with pytest.raises(ImageError, match=r"^images: expected a stack") as caught:
        fit_many(wrap(np.zeros(shape, np.uint8)), SPEC, return_as=way)
    assert "that is one image: [image]" in caught.value.got


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 23, 31, 3)])
def test_arrays_that_are_no_stack_are_an_error_at_once(shape):
    with pytest.raises(ImageError, match=r"^images: expected a stack") as caught:
        fit_many(np.zeros(shape, np.uint8), SPEC, return_as="generator")
    assert str(shape) in caught.value.got
    assert "one image" not in caught.value.got


@pytest.mark.parametrize("images", ["photo.jpg", b"bytes", {"photo.jpg": 1}, ["photo.jpg"]])
def test_names_are_no_images(images):
    for jobs in (1, 2):
        for way in WAYS:
            with pytest.raises(ImageError, match=r"^images\[0\]: expected an array, a PIL image or a tensor"):
                fitted(images, SPEC, jobs, way)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("images", [[], (), iter(()), np.empty((0, 23, 31, 3), np.uint8)])
def test_an_array_of_no_images_is_an_error(images, jobs):
    with pytest.raises(ImageError, match=r"^images: expected at least one image, got none"):
        fit_many(images, SPEC, n_jobs=jobs)


def test_no_images_fill_an_array_without_rows():
    out = np.empty((0, 13, 17, 3), np.uint8)
    for images in ([], iter(())):
        assert fit_many(images, SPEC, out=out) is out
        with pytest.raises((ImageError, OptionError)):
            fit_many(images, SPEC, out=np.empty((2, 13, 17, 3), np.uint8))


# ---------------------------------------------------------------------------------------------------------------
# Threads of other libraries
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_thread_settings_come_back(jobs, way):
    fitted(pictures(9), SPEC, jobs, way)
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_thread_settings_come_back_after_an_error(jobs, way):
    def fail():
        raise RuntimeError("the caller's")

    slow = Watched(lambda: time.sleep(0.03))
    for bad in (None, Watched(fail)):
        for images in ([*pictures(4), bad, slow, *pictures(4)], [slow, slow, bad, *pictures(4)], [bad, slow]):
            with pytest.raises((ImageError, RuntimeError)):
                fitted(images, SPEC, jobs, way)
            assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_thread_settings_come_back_after_what_the_iterator_raises(jobs, way):
    def images():
        yield from pictures(3)
        yield Watched(lambda: time.sleep(0.03))
        raise RuntimeError("the caller's")

    with pytest.raises(RuntimeError, match="the caller's"):
        fitted(images(), SPEC, jobs, way)
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("jobs", [1, 2])
def test_thread_settings_come_back_while_a_generator_is_paused(jobs):
    results = fit_many((pictures(1)[0] for _ in count()), SPEC, n_jobs=jobs, return_as="generator")
    for _ in range(3):
        next(results)
        assert settles(lambda: cv2.getNumThreads() == 3, 1 if jobs > 1 else 0)
        time.sleep(0.01)
        assert cv2.getNumThreads() == 3
    results.close()
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_work_is_done_with_one_thread_of_opencvs(jobs, way):
    seen = []
    images = [Watched(lambda at=at: seen.append((at, cv2.getNumThreads()))) for at in range(5)]
    fitted(images, SPEC, jobs, way)
    # The first image of an array tells its shape, in the calling thread, before any is fitted.
    later = [(at, number) for at, number in seen if at or way != "array"]
    assert sorted(later) == [(at, 1) for at in range(way == "array", 5)]


# ---------------------------------------------------------------------------------------------------------------
# Threads within threads
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("three_threads")
def test_many_may_be_fitted_at_once():
    expected = rows(pictures(11))
    ways = [(jobs, way) for jobs in (1, 2, 3) for way in WAYS]
    with ThreadPoolExecutor(len(ways)) as pool:
        for results in pool.map(lambda each: fitted(iter(pictures(11)), SPEC, *each), ways):
            np.testing.assert_array_equal(np.stack(results), expected)
    assert cv2.getNumThreads() == 3


def nested(depth):
    if depth == 0:
        return fit_many(pictures(7), SPEC, n_jobs=2)
    run = joblib.Parallel(n_jobs=2, backend="threading")
    return np.stack(run(joblib.delayed(nested)(depth - 1) for _ in range(2)))


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("depth", [1, 2])
def test_threads_of_joblib_may_each_fit_many(depth):
    result = nested(depth)
    np.testing.assert_array_equal(result, np.broadcast_to(rows(pictures(7)), result.shape))
    assert cv2.getNumThreads() == 3


@pytest.mark.parametrize(
    "options",
    [
        {"backend": "loky"},
        {"backend": "loky", "inner_max_num_threads": 1},
        {"backend": "multiprocessing"},
        {"backend": "threading", "n_jobs": 1},
        {"backend": "sequential"},
        {"n_jobs": 1},
        {"prefer": "processes"},
    ],
)
def test_what_joblib_is_told_to_do_elsewhere_makes_no_difference(options):
    # These images could not be sent to another process, and the threads wait for each other.
    met = threading.Barrier(2)
    images = [Watched(lambda: met.wait(10), image) for image in pictures(6)]
    with joblib.parallel_config(**options):
        results = fit_many(images, SPEC, n_jobs=2, return_as="list")
    np.testing.assert_array_equal(results, rows(pictures(6)))


LOKY = """
import joblib, numpy as np
from fastfit import Fit, fit_many

if __name__ == "__main__":
    spec, images = Fit("17x13"), [np.full((23, 31 + at, 3), 9 * at, np.uint8) for at in range(7)]
    expected = fit_many(images, spec, n_jobs=2)
    run = joblib.Parallel(n_jobs=2, backend="loky", timeout=15)
    for result in run(joblib.delayed(fit_many)(images, spec, n_jobs=jobs) for jobs in (1, 2, -1)):
        np.testing.assert_array_equal(result, expected)
    print("done")
"""


def test_processes_of_joblib_may_each_fit_many(tmp_path):
    assert run_script(tmp_path / "loky.py", LOKY, flags=()) == ["done"]


def test_a_generator_that_goes_on_in_a_forked_process_says_that_it_cannot(tmp_path):
    script = """
import os, signal, time
import numpy as np
from fastfit import Fit, fit_many
results = fit_many([np.zeros((23, 31, 3), np.uint8)] * 50, Fit("17x13"), n_jobs=2, return_as="generator")
next(results)
time.sleep(0.3)
child = os.fork()
if child == 0:
    signal.alarm(10)
    try:
        list(results)  # what came together with the first is there
    except RuntimeError as error:
        os._exit("forked" in str(error))
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(list(results)))
"""
    assert run_script(tmp_path / "fork.py", script) == ["1", "49"]


def test_one_image_is_fitted_without_another_thread():
    seen = []

    class Seen:
        def __array__(self, *_, **__):
            seen.append(threading.current_thread())
            return np.zeros((23, 31, 3), np.uint8)

    fit_many([Seen()], SPEC)
    assert set(seen) == {threading.main_thread()}
