"""8 bits by the compiled kernel, at every level that this machine runs, equal Pillow's and the reference's."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from check import layouts
from kernels import FILTERS, KERNELS, assert_bits, by_pillow, by_reference, case, fitted, random_case, samples
from PIL import Image

from fastfit import OptionError, stretch
from fastfit.resample import reference

CHANNELS = (1, 2, 3, 4)
# Premultiply, unpremultiply.
ALPHA = [{"premultiply": first, "unpremultiply": last} for first in (False, True) for last in (False, True)]
# Width only, height only, width first, height first, larger, no resize.
WAYS = [
    ((61, 47), (23, 47)),
    ((61, 47), (61, 20)),
    ((97, 61), (40, 30)),
    ((40, 161), (31, 29)),
    ((37, 29), (80, 99)),
    ((30, 20), (30, 20)),
]
EXTREMES = [
    *[((1, 1), (1, 1)), ((1, 1), (90, 70)), ((90, 70), (1, 1)), ((1, 50), (50, 1)), ((50, 1), (1, 50))],
    *[((3000, 5), (7, 5)), ((3000, 5), (5, 3)), ((5, 3000), (3, 5)), ((3, 5), (3000, 2)), ((5, 3), (2, 3000))],
    *[((20000, 3), (7, 2)), ((3, 20000), (2, 5)), ((9000, 3), (3, 4)), ((3, 9000), (4, 3)), ((2, 2), (333, 333))],
    *[((5000, 3), (4, 3)), ((257, 255), (256, 256)), ((33, 17), (32, 16)), ((8, 8), (9, 7)), ((16, 300), (17, 3))],
]
# Width first, and windows so tall that the rows in use fill megabytes: the kernel works on strips of columns.
STRIPS = [((4000, 600), (1500, 10)), ((2500, 300), (3000, 7)), ((1300, 700), (900, 2)), ((3001, 401), (1999, 399))]


def compare(image, done, counted):
    """Compare every level with Pillow."""
    expected = by_pillow(image, done)
    for level in KERNELS:
        assert_bits(fitted(level, image, done), expected, f"{level}: {done}")
        counted(level)


def assert_random_cases_are_pillows(seed, number, most, channels, counted):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        done = random_case(rng, most)
        image = samples(rng, (done.source.height, done.source.width, int(rng.choice(channels))))
        compare(image, done, counted)


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.quick), *range(1, 8)])
def test_random_cases_are_pillows(seed, counted):
    assert_random_cases_are_pillows(seed, 150, 90, CHANNELS, counted)


def test_larger_random_cases_are_pillows(counted):
    assert_random_cases_are_pillows(8, 60, 900, CHANNELS, counted)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_random_cases_are_pillows(seed, counted):
    assert_random_cases_are_pillows(seed, 1000, 120, range(1, 10), counted)
    assert_random_cases_are_pillows(seed, 30, 2000, CHANNELS, counted)


@pytest.mark.parametrize("channels", range(5, 10))
def test_more_channels_than_images_have_are_the_references(channels, counted):
    rng = np.random.default_rng(channels)
    for _ in range(20):
        done = random_case(rng, 50)
        image = samples(rng, (done.source.height, done.source.width, channels))
        expected = by_reference(image, done)
        assert_bits(by_pillow(image, done), expected, str(done))
        for level in KERNELS:
            assert_bits(fitted(level, image, done), expected, f"{level}: {done}")
            counted(level)


@pytest.mark.quick
def test_random_cases_are_the_references(counted):
    rng = np.random.default_rng(9)
    for _ in range(60):
        done = random_case(rng, 40)
        image = samples(rng, (done.source.height, done.source.width, int(rng.integers(1, 5))))
        expected = by_reference(image, done)
        for level in KERNELS:
            assert_bits(fitted(level, image, done), expected, f"{level}: {done}")
            counted(level)


@pytest.mark.parametrize(("source", "target"), EXTREMES)
def test_extreme_sizes_are_pillows(source, target, counted):
    rng = np.random.default_rng(7)
    for resample in FILTERS:
        for channels in CHANNELS:
            image = samples(rng, (source[1], source[0], channels))
            compare(image, case(source, target, resample), counted)


@pytest.mark.parametrize("resample", FILTERS)
def test_black_and_white_overshoot_as_in_pillow(resample, counted):
    # The largest sums of both signs, in every lane of a vector.
    rng = np.random.default_rng(7)
    for source, target in (((50, 40), (333, 222)), ((90, 80), (41, 33)), ((90, 80), (89, 79)), ((7, 5), (8, 6))):
        for channels in CHANNELS:
            image = rng.integers(0, 2, (source[1], source[0], channels), np.uint8) * np.uint8(255)
            compare(image, case(source, target, resample), counted)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("source", "target"), STRIPS)
def test_many_columns_with_tall_windows_are_pillows(source, target, channels, counted):
    image = samples(np.random.default_rng(7), (source[1], source[0], channels))
    compare(image, case(source, target), counted)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("source", "target"), WAYS)
def test_windows_are_slices_of_the_whole(source, target, channels, counted):
    rng = np.random.default_rng(7)
    image = samples(rng, (source[1], source[0], channels))
    width, height = target
    windows = [(0, 0, 1, 1), (width - 1, height - 1, width, height), (3, 0, 4, height), (0, 5, width, 6)]
    for resample in ("lanczos", "box", "mks2021"):
        whole = by_pillow(image, case(source, target, resample))
        for window in (*windows, (2, 3, width - 5, height - 4)):
            done = case(source, target, resample, window=window)
            for level in KERNELS:
                got = fitted(level, image, done)
                assert_bits(got, whole[done.rows_and_columns], f"{level}: {done}")
                counted(level)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("source", "target"), WAYS)
def test_samples_may_lie_in_any_order(source, target, channels, counted):
    done = case(source, target)
    shape = (source[1], source[0], channels)
    image = samples(np.random.default_rng(7), shape)
    expected = by_pillow(image, done)
    for level in KERNELS:
        for name, view, _ in layouts(shape, np.uint8):
            view[...] = image
            view.flags.writeable = False
            assert_bits(fitted(level, view, done), expected, f"{level}: input: {name}")
        row = np.broadcast_to(image[:1], shape)
        assert_bits(fitted(level, row, done), by_pillow(row, done), f"{level}: a row again and again")
        for name, view, base in layouts(expected.shape, np.uint8):
            assert_writes_only(level, image, done, view, base, expected, name)
        counted(level, 25)


def assert_writes_only(level, image, done, view, base, expected, name):
    """Fit into a view; the memory around it must stay as it is."""
    untouched, pattern = base.copy(), view.copy()
    assert_bits(fitted(level, image, done, out=view), expected, f"{level}: out: {name}")
    view[...] = pattern
    np.testing.assert_array_equal(base, untouched, f"{level}: out: {name}: memory around it was written to")


@pytest.mark.quick
@pytest.mark.parametrize("turned", [np.s_[:], np.s_[::-1], np.s_[:, ::-1], np.s_[::2, 1::3]])
@pytest.mark.parametrize("part", [np.s_[..., :3], np.s_[..., 1:], np.s_[..., 2::-1]])
def test_three_of_four_channels_are_pillows(part, turned, counted):
    base = samples(np.random.default_rng(7), (122, 291, 4))
    image = base[turned][part]
    height, width, _ = image.shape
    for target in ((40, 30), (width, 30), (40, height), (2 * width, 2 * height), (9, 2)):
        for resample in ("lanczos", "bilinear"):
            compare(image, case((width, height), target, resample), counted)


@pytest.mark.parametrize(
    ("source", "target", "height_first"),
    [
        ((60, 200), (50, 40), True),
        ((60, 200), (90, 150), True),
        ((200, 60), (150, 20), False),
        ((100, 102), (50, 2), False),
        ((100, 102), (50, 1), True),
    ],
)
def test_passes_come_in_either_order(source, target, height_first, counted):
    # 8 bits are rounded and clipped between the passes, so their order shows.
    done = case(source, target)
    image = np.random.default_rng(7).integers(0, 2, (source[1], source[0], 3), np.uint8) * np.uint8(255)
    halves = [case(source, (target[0], source[1])), case((target[0], source[1]), target)]
    if height_first:
        halves = [case(source, (source[0], target[1])), case((source[0], target[1]), target)]
    expected = by_pillow(by_pillow(image, halves[0]), halves[1])
    assert done.passes.height_first == height_first
    for level in KERNELS:
        assert_bits(fitted(level, image, done), expected, level)
        counted(level)


def test_a_weight_next_to_a_half_is_rounded_as_in_pillow(counted):
    # Of 4,194,304 the fourth weight of column 1167 is 909,714.4999999987, and the sum is just below a half, too.
    image = np.zeros((1, 2847, 1), np.uint8)
    image[0, 1199:1205, 0] = (189, 129, 198, 255, 37, 248)
    compare(image, case((2847, 1), (2766, 1)), counted)


# ---- Alpha.


@pytest.mark.quick
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize(("source", "target"), WAYS)
def test_alpha_is_the_references(source, target, channels, counted):
    rng = np.random.default_rng(7)
    image = with_holes(rng, (source[1], source[0], channels))
    for resample in ("lanczos", "hamming"):
        for window in (None, (1, 2, target[0] - 3, target[1] - 4)):
            done = case(source, target, resample, window=window)
            for alpha in ALPHA:
                expected = by_reference(image, done, **alpha)
                for level in KERNELS:
                    assert_bits(fitted(level, image, done, **alpha), expected, f"{level}: {done}: {alpha}")
                    counted(level)


def with_holes(rng, shape):
    """Draw an image whose last channel is 0, 255 or anything."""
    image = samples(rng, shape)
    image[..., -1] = np.choose(rng.integers(0, 3, shape[:2]), (0, 255, image[..., -1]))
    return image


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_pillows(channels, counted):
    rng = np.random.default_rng(channels)
    for _ in range(150):
        done = random_case(rng)
        image = with_holes(rng, (done.source.height, done.source.width, channels))
        if done.passes[:2] == (None, None):
            continue  # Pillow copies
        expected = by_pillow(image, done, alpha=True)
        for level in KERNELS:
            got = fitted(level, image, done, premultiply=True, unpremultiply=True)
            assert_bits(got, expected, f"{level}: {done}")
            counted(level)


@pytest.mark.parametrize(("source", "target"), STRIPS)
def test_alpha_in_many_columns_with_tall_windows_is_pillows(source, target, counted):
    image = with_holes(np.random.default_rng(7), (source[1], source[0], 4))
    done = case(source, target)
    expected = by_pillow(image, done, alpha=True)
    for level in KERNELS:
        assert_bits(fitted(level, image, done, premultiply=True, unpremultiply=True), expected, level)
        counted(level)


@pytest.mark.parametrize("source", [(256, 256), (3, 256), (256, 5)])
def test_alpha_of_any_strides_is_pillows(source, counted):
    shape = (source[1], source[0], 4)
    image, done = with_holes(np.random.default_rng(7), shape), case(source, (101, 99))
    expected = by_pillow(image, done, alpha=True)
    for level in KERNELS:
        for name, view, _ in layouts(shape, np.uint8):
            view[...] = image
            got = fitted(level, view, done, premultiply=True, unpremultiply=True)
            assert_bits(got, expected, f"{level}: {name}")
            counted(level)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("alpha", ["premultiply", "unpremultiply"])
def test_every_color_under_every_alpha_is_pillows(alpha, channels, counted):
    color, level = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    pixels = np.dstack([color, color // 2, 255 - color, level])
    given, made = ("RGBA", "RGBa") if alpha == "premultiply" else ("RGBa", "RGBA")
    converted = Image.frombuffer(given, (256, 256), pixels.tobytes(), "raw", given, 0, 1).convert(made)
    expected = np.frombuffer(converted.tobytes(), np.uint8).reshape(pixels.shape)
    some = np.s_[..., 4 - channels :]
    for each in KERNELS:
        got = fitted(each, np.ascontiguousarray(pixels[some]), case((256, 256), (256, 256)), **{alpha: True})
        assert_bits(got, expected[some], each)
        counted(each)


# ---- Averages.


def reduced(image, factor):
    """Average blocks with Pillow."""
    planes = [Image.fromarray(np.ascontiguousarray(plane)).reduce(factor) for plane in np.moveaxis(image, 2, 0)]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


@pytest.mark.quick
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_averages_are_pillows(channels, counted):
    rng = np.random.default_rng(channels)
    for _ in range(60):
        width, height = (int(side) for side in rng.integers(1, rng.choice([5, 100, 300], 2) + 1))
        factor = tuple(int(rng.integers(1, min(side + 2, 300))) for side in (width, height))
        image = samples(rng, (height, width, channels))
        expected = reduced(image, factor)
        for level, kernel in KERNELS.items():
            assert_bits(kernel.reduce(image, factor), expected, f"{level}: {image.shape}: {factor}")
            counted(level)


@pytest.mark.parametrize("channels", [2, 4])
def test_averages_under_alpha_are_pillows(channels, counted):
    rng = np.random.default_rng(channels)
    image = with_holes(rng, (97, 122, channels))
    mode = {2: "LA", 4: "RGBA"}[channels]
    for factor in ((1, 2), (2, 1), (2, 2), (3, 5), (40, 30), (200, 200)):
        whole = Image.fromarray(image).convert(f"{mode[:-1]}a").reduce(factor)
        expected = np.frombuffer(whole.tobytes(), np.uint8).reshape(whole.height, whole.width, channels)
        for level, kernel in KERNELS.items():
            assert_bits(kernel.reduce(image, factor, premultiply=True), expected, f"{level}: {factor}")
            counted(level)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("factor", [(1, 1), (1, 2), (2, 1), (3, 5), (40, 30)])
def test_averages_of_any_strides(factor, dtype, counted):
    shape = (97, 61, 3)
    image = samples(np.random.default_rng(7), shape, dtype)
    for level, kernel in KERNELS.items():
        expected = kernel.reduce(image, factor)
        for name, view, _ in layouts(shape, dtype):
            view[...] = image
            assert_bits(kernel.reduce(view, factor), expected, f"{level}: {name}")
            counted(level)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_other_averages_are_exact(dtype, counted):
    rng = np.random.default_rng(7)
    for _ in range(40):
        height, width, channels = (int(side) for side in rng.integers(1, (70, 70, 5)))
        fx, fy = (int(side) for side in rng.integers(1, 40, 2))
        image = samples(rng, (height, width, channels), dtype)
        expected = exact_averages(image, fx, fy)
        for level, kernel in KERNELS.items():
            got = kernel.reduce(image, (fx, fy))
            # Sums of floats are rounded once to double and once to float.
            np.testing.assert_array_max_ulp(got, expected, 1 if dtype == np.float32 else 0)
            assert got.dtype == dtype
            counted(level)


def exact_averages(image, fx, fy):
    """Average blocks by exact sums; halves of integers go up."""
    height, width, channels = image.shape
    out = np.empty((-(-height // fy), -(-width // fx), channels), image.dtype)
    for y, x, c in np.ndindex(out.shape):
        block = image[y * fy : (y + 1) * fy, x * fx : (x + 1) * fx, c].astype(np.float64)
        mean = math.fsum(block.ravel()) / block.size
        out[y, x, c] = math.floor(mean + 0.5) if image.dtype == np.uint16 else mean
    return out


def test_blocks_that_pillow_has_no_reciprocal_for_are_averaged():
    image = np.full((4200, 4100, 1), 201, np.uint8)
    image[::3] = 77
    for kernel in KERNELS.values():
        assert kernel.reduce(image, (4100, 4200)).tolist() == [[[160]]]


# ---- Memory.


@pytest.mark.quick
@pytest.mark.skipif(sys.platform == "win32", reason="mprotect")
def test_nothing_beside_images_and_results_is_touched():
    command = [sys.executable, "-X", "faulthandler", Path(__file__).parent / "guarded.py"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == 1500


@pytest.mark.parametrize("turned", [np.s_[:], np.s_[::-1], np.s_[:, ::-1], np.s_[..., ::-1]])
def test_an_out_that_overlaps_the_image_is_refused(turned):
    base = samples(np.random.default_rng(7), (97, 122, 3))
    before = base.copy()
    for out in (base[:50, :40], base[47:, 82:], base[10:60, 10:50][turned]):
        with pytest.raises(OptionError, match=r"^out: expected "):
            stretch(base[turned], (40, 50), out=out)
    np.testing.assert_array_equal(base, before)


@pytest.mark.parametrize("factor", [(5000, 5000), (9, 5000), (5000, 9)])
def test_sums_of_large_blocks_do_not_overflow(factor):
    image = np.full((5000, 5000, 1), 200, np.uint8)
    for native in KERNELS.values():
        np.testing.assert_array_equal(native.reduce(image, factor), reference.reduce(image, factor))
