"""The weights that the compiled kernel computes are Pillow's, to the last of their 22 bits."""

import itertools

import numpy as np
import pytest
from kernels import FILTERS, LIBRARY

from fastfit.resample import reference
from fastfit.resample.passes import Axis

FIELDS = ("lines", "units", "each", "aligned", "start", "stop", "span", "unused")
HEADER = np.dtype([(name, np.int32) for name in FIELDS])
MOST_UPPER = 128
"""Of the upper halves of a pair together. The pass down adds 255 times as much in signed 16 bits."""
SIDES = (1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 64, 97, 100, 224, 255, 256, 257, 299, 500, 640, 1000, 1001)


MOST_WEIGHT = 127 << 16
"""What three digits of 8 bits hold."""


def block_of(axis, each, down):
    """Return a block of weights as the kernel fills it: header, first lines, counts, and what follows."""
    arguments = (FILTERS.index(axis.resample), each, down, *axis[1:])
    room = LIBRARY.axis(*arguments, None)
    block = np.full(room + 16, 0xA5, np.uint8)
    size = LIBRARY.axis(*arguments, block.ctypes.data)
    assert size <= room
    assert (block[room:] == 0xA5).all(), f"{axis}: written to behind the block"
    header = block[: HEADER.itemsize].view(HEADER)[0]
    lines = header["lines"]
    assert header["each"] == each
    first, counts = block[HEADER.itemsize :][: 8 * lines].view(np.int32).reshape(2, -1)
    return header, first, counts, block[HEADER.itemsize + 8 * lines : size]


def wanted(axis):
    """Return Pillow's windows, and its weights as integers."""
    taps = reference.weights(axis)
    scaled = taps.weights * (1 << 22)
    return taps, (scaled + np.where(scaled < 0, -0.5, 0.5)).astype(np.int64)


def check_integers(axis):
    """Compare the integers of an axis, in pairs and quads; return how many there are, and `check_pairs`'s sum."""
    expected = wanted(axis)
    for down in (0, 1):
        check_quads(axis, down, *expected)
        upper = check_pairs(axis, down, *expected)
    return int(expected[0].counts.sum()), upper


def check_same(axis, down, header, first, counts, found, taps, expected):
    """Compare integers with Pillow's, and what is said of them."""
    found = found.reshape(header["lines"], -1)
    found[np.arange(found.shape[1]) >= header["each"] * counts[:, None]] = 0
    # Weights of 0 may surround those of the kernel.
    np.testing.assert_array_equal(*aligned((first, found), (taps.first, expected)), str(axis))
    assert (first >= 0).all(), axis
    assert not down or (first == taps.first).all(), axis
    check_header(header, axis, taps, first, first + header["each"] * counts)


def check_quads(axis, down, taps, expected):
    """Compare the digits of quads, and the sums of lines."""
    header, first, counts, rest = block_of(axis, 4, down)
    quads = rest.reshape(header["lines"], header["units"], 16)
    digits = quads[:, :, :12].view(np.int8).reshape(header["lines"], header["units"], 3, 4).astype(np.int64)
    found = digits[:, :, 0] + 256 * digits[:, :, 1] + 65536 * digits[:, :, 2]
    check_same(axis, down, header, first, counts, found, taps, expected)
    np.testing.assert_array_equal(quads[:, 0, 12:].copy().view(np.int32)[:, 0], expected.sum(axis=1))
    assert np.abs(expected).max() < MOST_WEIGHT, axis


def check_pairs(axis, down, taps, expected):
    """Compare the halves of pairs; return the largest sum of a pair's upper halves."""
    header, first, counts, rest = block_of(axis, 2, down)
    halves = rest.view(np.int16).reshape(header["lines"], header["units"], 2, 2).astype(np.int64)
    halves[np.arange(header["units"]) >= counts[:, None]] = 0
    found = halves[:, :, 1] * 65536 + halves[:, :, 0]
    check_same(axis, down, header, first, counts, found, taps, expected)
    upper = np.abs(halves[:, :, 1]).sum(axis=2).max()
    assert upper <= MOST_UPPER, axis
    assert halves[:, :, 1].max() < MOST_UPPER, axis  # 8 bits hold each
    return int(upper)


def aligned(*windows):
    """Return the weights of windows, each (first lines, weights), in columns that begin at the same input line."""
    begin = np.minimum(*(first for first, _ in windows))
    shifts = [first - begin for first, _ in windows]
    width = max(each.shape[1] + shift.max() for (_, each), shift in zip(windows, shifts, strict=True))
    columns = np.full((len(windows), len(begin), width), 0)
    for out, (_, each), shift in zip(columns, windows, shifts, strict=True):
        np.put_along_axis(out, np.arange(each.shape[1]) + shift[:, None], each, axis=1)
    return columns


def check_header(header, axis, taps, first, ends):
    """Check what is said about all lines together."""
    assert header["lines"] == axis.end - axis.begin
    assert header["start"] == first.min()
    assert (taps.first + taps.counts).max() <= header["stop"] <= axis.n_in
    assert header["span"] >= (ends - first).max()
    assert not header["aligned"] or not (first % header["each"]).any()


def check_doubles(axis):
    """Compare the floats of an axis, and its windows, which decide what a NaN reaches."""
    header, first, counts, rest = block_of(axis, 1, 0)
    taps = reference.weights(axis)
    np.testing.assert_array_equal(first, taps.first, str(axis))
    np.testing.assert_array_equal(counts, taps.counts, str(axis))
    weights = rest.view(np.float64).reshape(header["lines"], header["units"])[:, : taps.weights.shape[1]]
    inside = np.arange(weights.shape[1]) < counts[:, None]
    np.testing.assert_allclose(weights[inside], taps.weights[inside], rtol=0, atol=1e-11, err_msg=str(axis))
    check_header(header, axis, taps, first, first + counts)
    return int(counts.sum())


def random_axis(rng, resample, most):
    """Draw an axis: of a whole image, of whole lines, or of fractions of lines; often a window of the result."""
    n_in, n_out = (int(side) for side in np.exp(rng.uniform(0, np.log(most), 2)).round())
    kind = rng.integers(3)
    if kind == 0:
        low, high = 0.0, float(n_in)
    elif kind == 1:
        low, high = (float(edge) for edge in np.sort(rng.choice(n_in + 1, 2, replace=False)))
    else:
        low = float(np.float32(rng.uniform(0, n_in * 0.999)))
        high = float(np.float32(rng.uniform(low + n_in * 0.0005, n_in)))
    begin, end = 0, n_out
    if rng.random() < 0.3:
        begin, end = (int(edge) for edge in np.sort(rng.choice(n_out + 1, 2, replace=False)))
    return Axis(resample, n_in, n_out, low, high, begin, end)


def sweep(rng, resample, weights, most, record_property):
    """Check random axes until so many weights have been compared."""
    compared = upper = 0
    while compared < weights:
        axis = random_axis(rng, resample, most)
        found, largest = check_integers(axis)
        compared, upper = compared + found, max(upper, largest)
        check_doubles(axis)
    record_property("compared", ("weights", compared))
    record_property(f"upper halves of {resample}", upper)


@pytest.mark.quick
@pytest.mark.parametrize("resample", FILTERS)
def test_weights_are_pillows(resample, record_property):
    sweep(np.random.default_rng(7), resample, 50_000, 2000, record_property)


@pytest.mark.parametrize("resample", FILTERS)
def test_weights_between_common_sizes_are_pillows(resample):
    for n_in, n_out in itertools.product(SIDES, SIDES[::2]):
        axis = Axis(resample, n_in, n_out, 0.0, float(n_in), 0, n_out)
        check_integers(axis)
        check_doubles(axis)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("resample", FILTERS)
def test_millions_of_weights_are_pillows(resample, seed, record_property):
    rng = np.random.default_rng([7, seed])
    sweep(rng, resample, 2_000_000, 300, record_property)
    sweep(rng, resample, 5_000_000, 20_000, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("resample", FILTERS)
def test_weights_between_all_small_sizes_are_pillows(resample):
    for n_in, n_out in itertools.product(range(1, 130), range(1, 130)):
        check_integers(Axis(resample, n_in, n_out, 0.0, float(n_in), 0, n_out))


def test_lines_of_a_window_are_those_of_the_whole():
    for resample in FILTERS:
        for n_in, n_out in ((97, 40), (40, 97), (5000, 7)):
            whole = wanted(Axis(resample, n_in, n_out, 0.0, float(n_in), 0, n_out))[1]
            for begin in range(0, n_out, 3):
                axis = Axis(resample, n_in, n_out, 0.0, float(n_in), begin, min(begin + 2, n_out))
                check_integers(axis)
                ours = wanted(axis)[1]
                np.testing.assert_array_equal(ours, whole[begin : axis.end, : ours.shape[1]])
