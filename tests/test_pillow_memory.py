"""PIL images are read where Pillow has them: without a copy in one block, else with one."""

import gc
import tracemalloc

import numpy as np
import pytest
from pictures import picture
from PIL import Image, ImageOps

import fastfit
from fastfit.pillow_memory import samples

MODES = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}


def made(mode, width=37, height=23):
    """Return an image in a mode: sides that are no multiples of 4."""
    if mode == "F":
        return Image.fromarray(picture("noise", (height, width), np.float32))
    if mode == "I;16":
        return Image.fromarray(picture("noise", (height, width), np.uint16))
    return Image.fromarray(picture("noise", (height, width, *MODES[mode])))


@pytest.mark.parametrize("mode", [*MODES, "F", "I;16"])
def test_samples_are_the_images(mode):
    image = made(mode)
    array = samples(image)
    np.testing.assert_array_equal(array, np.asarray(image))
    assert not array.flags.writeable


@pytest.mark.parametrize("mode", [*MODES, "F"])
def test_one_block_is_not_copied(mode):
    image = made(mode)
    first, second = samples(image), samples(image)
    assert np.shares_memory(first, second)


def test_the_memory_lives_as_long_as_the_array():
    array = samples(made("RGB"))
    expected = np.array(array)
    gc.collect()
    others = [made("RGB") for _ in range(20)]
    np.testing.assert_array_equal(array, expected)
    assert others


class _WithoutArrow:
    """An image of a Pillow that has no such interface, or none for this image."""

    def __init__(self, image, error=None):
        self.image, self.mode, self.size = image, image.mode, image.size
        if error is not None:
            self.__arrow_c_array__ = lambda: (_ for _ in ()).throw(error)

    def crop(self, _box):
        return self

    @property
    def __array_interface__(self):
        return self.image.__array_interface__


@pytest.mark.parametrize("error", [None, ValueError("Image rows are not contiguous in memory.")])
def test_without_the_interface_they_are_copied(error):
    image = made("RGB")
    np.testing.assert_array_equal(samples(_WithoutArrow(image, error)), np.asarray(image))


@pytest.fixture(scope="module")
def large():
    """An image of several blocks: above 16 MB."""
    return Image.fromarray(np.tile(picture("noise", (500, 700, 3)), (4, 4, 1)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("resample", ["lanczos", "box"])
def test_fits_are_pillows(mode, resample):
    method = Image.Resampling[resample.upper()]
    for width, height in ((37, 23), (64, 48), (200, 301)):
        image = made(mode, width, height)
        for size in ((16, 9), (90, 120)):
            theirs = np.asarray(ImageOps.fit(image, size, method))
            np.testing.assert_array_equal(fastfit.fit(image, size, resample=resample), theirs)


def test_fits_of_several_blocks_are_pillows(large):
    theirs = np.asarray(ImageOps.fit(large, (224, 224), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(fastfit.fit(large, (224, 224)), theirs)
    np.testing.assert_array_equal(fastfit.fit_many([large, made("RGB")], fastfit.Fit("224x224"))[0], theirs)


@pytest.mark.parametrize("size", [(2000, 1500), (1, 4000), (4000, 1)])
def test_a_fit_of_one_block_copies_nothing(size):
    image = Image.fromarray(picture("noise", (size[1], size[0], 3)))
    spec = fastfit.Fit("32x32")
    spec(image)
    tracemalloc.start()
    spec(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 600_000


@pytest.mark.parametrize("mode", MODES)
def test_several_blocks_are_copied_whole(mode, large):
    image = large.convert(mode)
    np.testing.assert_array_equal(samples(image), np.asarray(image))


def test_a_fit_of_several_blocks_copies_once(large):
    spec = fastfit.Fit("32x32")
    tracemalloc.start()
    spec(large)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    width, height = large.size
    assert peak < 1.1 * 4 * width * height
