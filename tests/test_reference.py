"""The NumPy reference of the kernel, beside Pillow."""

import ast
import platform
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from drawn import extents
from hypothesis import given
from hypothesis import strategies as st
from pictures import KINDS, picture
from PIL import Image

from fastfit.resample.passes import SUPPORT, Axis, plan_passes
from fastfit.resample.reference import __file__ as source
from fastfit.resample.reference import convolve, premultiply, reduce, unpremultiply, weights
from fastfit.types import Box, Size

FILTERS = tuple(SUPPORT)
# Both axes down and up, one of each, one kept, whole and coprime ratios, and sides of a single pixel.
TARGETS = [(40, 30), (151, 101), (53, 89), (97, 30), (40, 61), (194, 122), (1, 50), (50, 1), (1, 1), (16, 9)]
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
every_filter = pytest.mark.parametrize("resample", FILTERS)


def ours(image, size, resample, box=None, window=None, **options):
    """Resize with the reference; `window` is what of the result is wanted."""
    source, size = Size(image.shape[1], image.shape[0]), Size(*size)
    box = Box(0, 0, *source) if box is None else Box(*box)
    window = Box(0, 0, *size) if window is None else Box(*window)
    return convolve(image, plan_passes(source, size, box, window, resample), **options)


def pillow(image, size, resample, **options):
    """Resize with Pillow; the result has as many dimensions as the image."""
    made = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    return np.asarray(made.resize(size, Image.Resampling[resample.upper()], **options)).reshape(*size[::-1], -1)


def has_alpha(image):
    return image.shape[2] % 2 == 0


# ---------------------------------------------------------------------------------------------------------------
# Weights
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.quick
@every_filter
@pytest.mark.parametrize(("n_in", "n_out"), [(61, 97), (97, 61), (97, 7), (1, 5), (5, 1), (60, 120), (120, 60)])
def test_weights_are_those_that_pillow_multiplies_floats_by(resample, n_in, n_out):
    low, high = n_in * 0.0625, n_in * 0.9375
    taps = weights(Axis(resample, n_in, n_out, low, high, 0, n_out))
    dense = np.zeros((n_out, n_in))
    for line, (first, count) in enumerate(zip(taps.first, taps.counts, strict=True)):
        dense[line, first : first + count] = taps.weights[line, :count]
        assert not taps.weights[line, count:].any()
    identity = np.eye(n_in, dtype=np.float32)[..., None]
    expected = pillow(identity, (n_in, n_out), resample, box=(0, low, n_in, high))
    # Pillow's wheels for other processors have fused multiply-adds, which round once instead of twice.
    is_exact = platform.machine() in {"x86_64", "AMD64"}
    np.testing.assert_allclose(dense.astype(np.float32), expected[..., 0], rtol=0, atol=0 if is_exact else 1e-15)


@given(st.data(), *[st.integers(1, 300)] * 2, st.sampled_from(FILTERS))
def test_weights_of_some_lines_are_a_part_of_all(data, n_in, n_out, resample):
    low, high = data.draw(extents(n_in))
    begin, end = sorted(data.draw(st.lists(st.integers(0, n_out), min_size=2, max_size=2, unique=True)))
    part, whole = (weights(Axis(resample, n_in, n_out, low, high, *each)) for each in ((begin, end), (0, n_out)))
    np.testing.assert_array_equal(part.first, whole.first[begin:end])
    np.testing.assert_array_equal(part.counts, whole.counts[begin:end])
    taps = part.weights.shape[1]
    np.testing.assert_array_equal(part.weights, whole.weights[begin:end, :taps])
    np.testing.assert_allclose(whole.weights.sum(axis=1), 1, rtol=1e-12)


# ---------------------------------------------------------------------------------------------------------------
# 8 bits: Pillow's pixels
# ---------------------------------------------------------------------------------------------------------------


@every_filter
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("kind", ["noise", "ties", "checkerboard", "holes"])
def test_8_bits_are_pillows(kind, channels, resample):
    for shape in ((61, 97), (97, 61)):
        image = picture(kind, (*shape, CHANNELS[channels]))
        for size in TARGETS:
            got = ours(image, size, resample, alpha=has_alpha(image))
            assert (got.dtype, got.flags.c_contiguous) == (np.uint8, True)
            np.testing.assert_array_equal(got, pillow(image, size, resample), str(size))


@given(st.data(), st.sampled_from(FILTERS), st.sampled_from(KINDS), st.integers(1, 4))
def test_8_bits_are_pillows_for_any_sizes_and_box(data, resample, kind, channels):
    sides = st.integers(1, 3) | st.integers(1, 90)
    width, height, *size = (data.draw(sides, label) for label in ("width", "height", "to width", "to height"))
    (left, right), (top, bottom) = (data.draw(extents(side)) for side in (width, height))
    image, box = picture(kind, (height, width, channels)), (left, top, right, bottom)
    if box == (0, 0, *size):  # Pillow copies the image, whatever the filter
        return
    got = ours(image, size, resample, box, alpha=has_alpha(image))
    np.testing.assert_array_equal(got, pillow(image, size, resample, box=box))


@pytest.mark.quick
@every_filter
@pytest.mark.parametrize(
    ("source", "size"), [((60, 200), (50, 40)), ((200, 60), (150, 20)), ((60, 200), (90, 150))]
)
def test_the_order_of_passes_is_pillows(source, size, resample):
    image = picture("checkerboard", (source[1], source[0], 1))
    np.testing.assert_array_equal(ours(image, size, resample), pillow(image, size, resample))


@every_filter
@pytest.mark.parametrize(("source", "size"), [((2000, 9), (7, 5)), ((9, 2000), (5, 7)), ((9, 1), (9, 3000))])
def test_8_bits_are_pillows_where_weights_are_many(source, size, resample):
    image = picture("ties", (source[1], source[0], 3))
    np.testing.assert_array_equal(ours(image, size, resample), pillow(image, size, resample))


def test_any_number_of_channels_is_resampled_one_by_one():
    image = picture("noise", (61, 97, 7))
    planes = [pillow(image[..., channel : channel + 1], (40, 90), "lanczos") for channel in range(7)]
    np.testing.assert_array_equal(ours(image, (40, 90), "lanczos"), np.dstack(planes))


def test_images_of_any_strides_are_left_as_they_are():
    image = picture("holes", (3, 122, 97))
    before = image.copy()
    for view in (np.moveaxis(image, 0, 2), np.moveaxis(image, 0, 2)[::-1, 1::2, ::-1], image.transpose(2, 1, 0)):
        expected = ours(np.ascontiguousarray(view), (40, 30), "lanczos", alpha=True)
        np.testing.assert_array_equal(ours(view, (40, 30), "lanczos", alpha=True), expected)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_axis_that_keeps_its_lines_is_copied(dtype):
    image = picture("noise", (61, 97, 3), dtype)
    got = ours(image, (40, 30), "lanczos", (5, 7, 45, 37), (1, 2, 40, 29))
    assert got.dtype == (np.uint8 if dtype == np.uint8 else np.float32)
    np.testing.assert_array_equal(got, image[9:36, 6:45])
    got[:] = 0
    np.testing.assert_array_equal(image, picture("noise", (61, 97, 3), dtype))


@every_filter
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("size", [(40, 30), (151, 200), (53, 61), (97, 20), (40, 200)])
def test_a_window_is_a_slice_of_the_whole(size, dtype, resample):
    image = picture("checkerboard", (61, 97, 4), dtype)
    box, alpha = (0, 3.5, 97, 60.25), dtype == np.uint8
    left, top, right, bottom = window = (3, 5, size[0] - 7, size[1] - 2)
    whole = ours(image, size, resample, box, alpha=alpha)
    got = ours(image, size, resample, box, window, alpha=alpha)
    np.testing.assert_array_equal(got, whole[top:bottom, left:right])


# ---------------------------------------------------------------------------------------------------------------
# Alpha
# ---------------------------------------------------------------------------------------------------------------


def test_alpha_is_multiplied_and_divided_by_as_in_pillow():
    color, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    pairs = np.dstack([color, color // 2, 255 - color, alpha])
    for change, modes in ((premultiply, ("RGBA", "RGBa")), (unpremultiply, ("RGBa", "RGBA"))):
        made = Image.frombuffer(modes[0], (256, 256), pairs.tobytes(), "raw", modes[0], 0, 1).convert(modes[1])
        np.testing.assert_array_equal(change(pairs), np.frombuffer(made.tobytes(), np.uint8).reshape(pairs.shape))
        np.testing.assert_array_equal(change(pairs[..., 2:]), change(pairs)[..., 2:])


# ---------------------------------------------------------------------------------------------------------------
# 16 bits and floats
# ---------------------------------------------------------------------------------------------------------------


@given(st.data(), *[st.integers(1, 60)] * 4, st.sampled_from(FILTERS), st.integers(0, 2))
def test_floats_are_pillows_wherever_they_are_not_finite(
    data, width, height, to_width, to_height, resample, holes
):
    image = picture("noise", (height, width, 1), np.float32) - np.float32(0.5)
    for _ in range(holes):
        at = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        image[at] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    (left, right), (top, bottom) = (data.draw(extents(side)) for side in (width, height))
    box, size = (left, top, right, bottom), (to_width, to_height)
    if box == (0, 0, *size):
        return
    got, expected = ours(image, size, resample, box), pillow(image, size, resample, box=box)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


@every_filter
def test_a_nan_reaches_the_windows_that_read_it_and_no_more(resample):
    image = np.ones((40, 60, 2), np.float32)
    image[17, 31, 1] = np.nan
    got = np.isnan(ours(image, (90, 23), resample, (0.5, 0, 59, 40)))
    columns, rows = weights(Axis(resample, 60, 90, 0.5, 59, 0, 90)), weights(Axis(resample, 40, 23, 0, 40, 0, 23))
    reads = [(each.first <= at) & (at < each.first + each.counts) for each, at in ((rows, 17), (columns, 31))]
    np.testing.assert_array_equal(got[..., 1], np.outer(*reads))
    assert not got[..., 0].any()


def test_floats_overflow_without_a_warning():
    image = np.where(np.arange(6) % 2 == 0, 3.4e38, -3.4e38).astype(np.float32)[:, None, None].repeat(6, axis=1)
    assert not np.isfinite(ours(image, (200, 300), "lanczos")).all()


@pytest.mark.quick
@every_filter
@pytest.mark.parametrize("size", [(40, 61), (97, 30), (150, 61), (97, 101)])
def test_16_bits_are_pillows_before_it_rounds(size, resample):
    # One axis keeps its size: between two passes Pillow would round.
    image = picture("checkerboard", (61, 97, 1), np.uint16)
    image[::2] //= 3
    got, expected = ours(image, size, resample), pillow(image, size, resample)
    np.testing.assert_allclose(np.clip(got, 0, 65535), expected, rtol=0, atol=0.51)


@every_filter
@pytest.mark.parametrize("size", TARGETS)
def test_16_bits_are_exact_sums(size, resample):
    image = picture("noise", (61, 97, 3), np.uint16)
    box = (1.25, 0.5, 96.0, 60.75)
    exact = image.astype(np.float64)
    for n_in, n_out, low, high in ((61, size[1], 0.5, 60.75), (97, size[0], 1.25, 96.0)):
        taps = weights(Axis(resample, n_in, n_out, low, high, 0, n_out))
        read = [np.arange(first, first + count) for first, count in zip(taps.first, taps.counts, strict=True)]
        lines = [np.tensordot(taps.weights[i, : len(at)], exact[at], 1) for i, at in enumerate(read)]
        exact = np.stack(lines).swapaxes(0, 1)
    got = ours(image, size, resample, box)
    # Stored twice as float32, of which 65535 has 256 a unit.
    np.testing.assert_allclose(got, exact, rtol=0, atol=0.01)


# ---------------------------------------------------------------------------------------------------------------
# Averages of blocks
# ---------------------------------------------------------------------------------------------------------------


def averages(image, factor):
    """Average blocks in float64, one by one."""
    (across, down), (height, width, _) = factor, image.shape
    rows = [image[top : top + down] for top in range(0, height, down)]
    blocks = [[row[:, left : left + across] for left in range(0, width, across)] for row in rows]
    return np.array([[block.mean(axis=(0, 1), dtype=np.float64) for block in row] for row in blocks])


@given(st.data(), *[st.integers(1, 300)] * 2, st.sampled_from([1, 3, 4]), st.sampled_from(["noise", "ties"]))
def test_averages_are_pillows(data, width, height, channels, kind):
    factor = data.draw(st.tuples(st.integers(1, width + 2), st.integers(1, height + 2)))
    image = picture(kind, (height, width, channels))
    mode = {1: "L", 3: "RGB", 4: "RGBX"}[channels]
    made = Image.frombuffer(mode, (width, height), image.tobytes(), "raw", mode, 0, 1).reduce(factor)
    np.testing.assert_array_equal(reduce(image, factor), np.asarray(made).reshape(*made.size[::-1], channels))


@given(st.data(), *[st.integers(1, 60)] * 2)
def test_averages_of_16_bits_and_floats_are_exact(data, width, height):
    factor = data.draw(st.tuples(st.integers(1, width + 2), st.integers(1, height + 2)))
    image = picture("ties", (height, width, 2), np.uint16)
    np.testing.assert_array_equal(reduce(image, factor), np.floor(averages(image, factor) + 0.5))
    floats = picture("noise", (height, width, 2), np.float32)
    np.testing.assert_allclose(reduce(floats, factor), averages(floats, factor), rtol=2**-24)


def test_blocks_that_pillow_has_no_reciprocal_for_are_averaged():
    image = np.full((4200, 4100, 1), 201, np.uint8)
    image[::3] = 77
    assert reduce(image, (4100, 4200)).tolist() == [[[160]]]


def test_averages_of_what_is_not_finite_stay_in_their_blocks():
    image = np.ones((6, 9, 1), np.float32)
    image[0, 0], image[5, 7:] = np.nan, [[np.inf], [-np.inf]]
    assert np.argwhere(~np.isfinite(reduce(image, (3, 2))[..., 0])).tolist() == [[0, 0], [2, 2]]


@every_filter
def test_averages_first_are_pillows_reducing_gap(resample):
    image, size = picture("holes", (211, 301, 4)), (40, 31)
    factor = (301 // size[0] // 2, 211 // size[1] // 2)
    box = (0, 0, 301 / factor[0], 211 / factor[1])
    got = unpremultiply(ours(reduce(premultiply(image), factor), size, resample, box))
    np.testing.assert_array_equal(got, pillow(image, size, resample, reducing_gap=2))


# ---------------------------------------------------------------------------------------------------------------
# What it takes
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(30, 40), (400, 30), (9, 700)])
def test_memory_is_for_the_images_and_not_for_their_taps(size):
    image = picture("noise", (900, 1200, 3))
    tracemalloc.start()
    ours(image, size, "lanczos")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < image.nbytes


def test_nothing_but_numpy_is_needed_and_no_product_of_matrices():
    tree = ast.parse(Path(source).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"typing", "numpy", "numpy.typing", "fastfit.resample.passes", "fastfit.types"}
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"dot", "einsum", "inner", "matmul", "tensordot", "vdot", "convolve", "linalg"}
    assert not any(isinstance(node, ast.MatMult) for node in ast.walk(tree))
