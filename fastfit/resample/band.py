"""The weights of one axis as a banded matrix, cut into dense blocks that BLAS multiplies.

Output line i is a weighted sum of neighbouring input lines. One to eight output lines together read one
window of input lines: a small dense matrix. Where the windows of successive blocks start at equal distances,
their product is a single batched ``np.matmul``; a `Run` is such a stretch. A few runs make up an axis.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from fastfit.resample.filters import FILTERS, Float64

Floats: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
# Pillow's 8-bit weights are integers of this many bits; as float32 they are still exact.
_WEIGHT_BITS = 22
# 8-bit sums of more taps than this are float64: float32 leaves too many in doubt.
_MOST_TAPS = 1024
# The cost of one matrix product and of one np.matmul call, in multiply-adds per lane. From a sweep of block
# sizes, scales 0.3 to 18 and 64 to 1024 lanes; `python -m benchmarks arrays` shows what they are worth.
_PRODUCT_COST, _CALL_COST = 13, 400
# From this many on, OpenBLAS packs matrices first: with AVX-512, at half the speed. Fewer lanes use little of a
# cache line.
_MOST_PRODUCTS, _LEAST_LANES = 1_000_000, 32
# How long a multiply-add takes in blocks of so many lines, as shares of blocks of eight: in OpenBLAS's kernels for
# AVX-512 and, of one line a product of a matrix and a vector, for AVX2.
_WITH_AVX512 = {2: 1.55, 4: 1.02, 5: 1.35, 6: 1.18, 7: 1.3, 8: 1.0}
_WITHOUT = {1: 1.45, 4: 1.33, 5: 1.7, 6: 1.5, 7: 1.7, 8: 1.0}
_CPU_AVX512_SKX = 256  # OpenCV's number of the feature, of which Python has no name
_BLOCK_SIZES = _WITH_AVX512 if cv2.checkHardwareSupport(_CPU_AVX512_SKX) else _WITHOUT
_SLACKS = (0, 1, 2, 3, 4, 6, 8, 12)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Blocks whose windows start `stride` input lines apart."""

    out_start: int
    """First output line."""
    in_start: int
    """First input line of the first window, relative to the band's `start`."""
    stride: int
    """Input lines from one window to the next."""
    weights: Floats
    """``(blocks, lines, window)``."""

    @property
    def out_stop(self) -> int:
        """One more than the last output line."""
        return self.out_start + len(self.weights) * int(self.weights.shape[1])

    @property
    def in_stop(self) -> int:
        """One more than the last input line of the last window."""
        return self.in_start + (len(self.weights) - 1) * self.stride + int(self.weights.shape[2])


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """How `n_out` lines are made of the input lines `start` to `stop`."""

    start: int
    stop: int
    n_out: int
    runs: tuple[Run, ...]
    """Empty where the output lines are the input lines."""
    dtype: np.dtype[Any]
    """Of the weights, and so of the sums: float32 or float64."""
    first: npt.NDArray[np.int64]
    """``(n_out,)``: for each output line an input line, relative to `start`, with `most` lines from there on."""
    taps: Float64
    """``(n_out, most)``: the weights of these lines, with zeros where an output line has fewer."""
    error: float
    """Levels by which float32 sums of 8-bit samples may be off."""


@lru_cache(maxsize=128)
def band(n_in: int, n_out: int, low: float, high: float, resample: str, quantized: bool) -> Band:
    """Compute the weights that resample input lines [low, high) to `n_out` lines.

    Parameters
    ----------
    n_in : int
        Lines of the input; the filter does not reach beyond them.
    n_out : int
        Lines of the output.
    low, high : float
        The part of the input that the output shows.
    resample : str
        A key of `FILTERS`.
    quantized : bool
        Round the weights to 22 bits, as Pillow does for 8-bit images.

    Returns
    -------
    Band
        Cached and shared: not to be modified.

    Notes
    -----
    Pillow's ``precompute_coeffs``: centre ``low + (i + 0.5)·scale``, support widened by ``max(scale, 1)``,
    taps from ``int(centre - support + 0.5)`` to ``int(centre + support + 0.5)`` clipped to the input,
    normalised to sum 1, in float64 but for the extent, a C float.
    """
    support, kernel, halves = FILTERS[resample]
    scale = float(np.float32(high - low)) / n_out
    centers: Float64 = low + (np.arange(n_out, dtype=np.float64) + 0.5) * scale
    span = 2 * support * max(scale, 1.0)
    exact = quantized and (min(span, n_in) > _MOST_TAPS or _many_halves(centers, scale, span, halves))
    dtype = np.dtype(np.float64 if exact else np.float32)
    if low == int(low) and high == low + n_out:
        return Band(int(low), int(high), n_out, (), dtype, np.arange(n_out), np.ones((n_out, 1)), 0.0)
    widening = max(scale, 1.0)
    support *= widening
    first = np.maximum((centers - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centers + support + 0.5).astype(np.int64), n_in)
    taps: Float64 = np.arange((last - first).max(), dtype=np.float64)
    weights = kernel(first[:, None], centers[:, None], taps, 1.0 / widening)
    _drop_unused(weights, last - first)
    # Pillow adds one after the other, sum() in pairs: of rational weights the last bit shows.
    totals = weights.sum(axis=1, keepdims=True) if halves == "seldom" else weights.cumsum(axis=1)[:, -1:]
    weights /= np.where(totals == 0.0, 1.0, totals)
    if quantized:  # as C rounds: halves away from 0
        weights *= 1 << _WEIGHT_BITS
        weights += np.copysign(0.5, weights)
        weights = np.trunc(weights, out=weights)
        weights /= 1 << _WEIGHT_BITS
    size, slack = _block_size(scale, 2 * support, n_out)
    start, stop = int(first[0]), int(last[-1])
    first -= start
    layout = list(_layout(first.tolist(), (last - start).tolist(), size, slack, round(size * scale)))
    error = _error(weights.shape[1])
    runs = _fill(layout, first, weights.astype(dtype, copy=False))
    return Band(start, stop, n_out, runs, dtype, *_within(first, weights, stop - start), error)


def _error(taps: int) -> float:
    """Return by how much float32 sums of 8-bit samples may be off, in levels.

    An addition is off by 2^-17 at most, and by 2^-16 where the sum overshoots 256. Errors of many additions cancel
    and grow as the root of their number; but not those of a box, whose sums are float64.
    """
    return float(2.0**-16 * (2 + min(2 / 3 * taps, 2.5 * taps**0.5)))


def multiply(band: Band, x: Floats, y: Floats) -> None:
    """Write the sums of the lines of `x`, ``(stop - start, lanes)``, into `y`, ``(n_out, lanes)``.

    Both are C-contiguous and of the band's dtype.
    """
    row, step = x.strides
    for run in band.runs:
        blocks, lines, window = run.weights.shape
        most = max(_MOST_PRODUCTS // (lines * window), _LEAST_LANES)
        for at in range(0, x.shape[1], most):
            lanes = min(most, x.shape[1] - at)
            start = run.in_start * row + at * step
            windows = np.ndarray((blocks, window, lanes), x.dtype, x, start, (run.stride * row, row, step))
            start = run.out_start * row + at * step
            sums = np.ndarray((blocks, lines, lanes), y.dtype, y, start, (lines * row, row, step))
            np.matmul(run.weights, windows, out=sums)


def _within(first: npt.NDArray[np.int64], weights: Float64, n_in: int) -> tuple[npt.NDArray[np.int64], Float64]:
    """Let no line's weights, with the zeros behind them, reach beyond the input: put the zeros in front."""
    most = weights.shape[1]
    late = np.flatnonzero(first > n_in - most)
    if late.size:
        shifted = np.arange(most) - (first[late, None] - (n_in - most))
        weights = weights.copy()
        weights[late] = np.where(shifted < 0, 0.0, weights[late[:, None], shifted])
        first = np.minimum(first, n_in - most)
    return first, weights


def _many_halves(centers: Float64, scale: float, span: float, halves: str) -> bool:
    """Tell whether many sums may lie within 2^-22 of a half: too many to check one by one.

    That depends on the filter, see `Filter.halves`. Weights that repeat after at most 64 lines, if rational, have
    small denominators. Others meet halves where they are so few that equal neighbours are common, and symmetric,
    a centre on a pixel or between two, or mirrored from line to line.
    """
    if halves == "always":
        return span > 1
    phases = np.arange(1, 65) * scale
    few_phases = bool(np.any(np.abs(phases - np.rint(phases)) < 1e-6))
    if halves == "at few phases":
        return few_phases
    symmetric = np.abs(2 * centers - np.rint(2 * centers)) < 1e-4
    return scale < 2 and (float(symmetric.mean()) > 1 / 20 or (few_phases and span < 5))


def _drop_unused(weights: Float64, counts: npt.NDArray[np.int64]) -> None:
    """Set weights beyond each line's count of taps to 0: all but the last column only near the ends."""
    most = weights.shape[1]
    weights[counts < most, -1] = 0.0
    short = np.flatnonzero(counts < most - 1)
    weights[short] *= np.arange(most) < counts[short, None]


def _block_size(scale: float, taps: float, n_out: int) -> tuple[int, int]:
    """Choose how many output lines make a block, and by how many input lines its window may be off.

    Large blocks multiply zeros; small ones are many, and drift from equal distances sooner.
    """

    def cost(size: int, slack: int) -> float:
        drift = abs(size * scale - round(size * scale))
        blocks = n_out / size
        runs = min(blocks, 1 + blocks * drift / (slack + 1))
        added = n_out * _BLOCK_SIZES[size] * (size * scale + taps + slack)
        return added + blocks * _PRODUCT_COST + runs * _CALL_COST

    return min(((size, slack) for size in _BLOCK_SIZES for slack in _SLACKS), key=lambda pair: cost(*pair))


class _Stretch(NamedTuple):
    """The place of a run: its lines, blocks, first window and distance; no weights yet."""

    out_start: int
    lines: int
    blocks: int
    in_start: int
    stride: int
    window: int


def _layout(first: list[int], last: list[int], size: int, slack: int, stride: int) -> Iterator[_Stretch]:
    """Cut the lines into runs: extend each while no window grows by more than `slack` or leaves the input."""
    n_out, n_in = len(first), last[-1]
    whole = n_out - n_out % size
    limit = max((last[at + size - 1] - first[at] for at in range(0, whole, size)), default=0) + slack
    starts, ends = first[0:whole:size], last[size - 1 : whole : size]
    block = 0
    while block < len(starts):
        low, high, begin, shift = starts[block], ends[block], block, 0
        for block in range(begin + 1, len(starts) + 1):
            if block == len(starts):
                break
            shift += stride
            lower, higher = starts[block] - shift, ends[block] - shift
            lower, higher = lower if lower < low else low, higher if higher > high else high
            if higher - lower > limit or lower < 0 or higher + shift > n_in:
                break
            low, high = lower, higher
        yield _Stretch(begin * size, size, block - begin, low, stride, high - low)
    if whole < n_out:
        yield _Stretch(whole, n_out - whole, 1, first[whole], stride, n_in - first[whole])


def _fill(layout: list[_Stretch], first: npt.NDArray[np.int64], weights: Floats) -> tuple[Run, ...]:
    """Put the weights where the layout wants them, all runs at once."""
    facts = np.array(layout, dtype=np.int64)
    counts = facts[:, 1] * facts[:, 2]
    sizes = counts * facts[:, 5]
    ends = np.cumsum(sizes)
    out_start, lines, _, in_start, stride, window = np.repeat(facts, counts, axis=0).T
    line = np.arange(len(first)) - out_start
    places = np.repeat(ends - sizes, counts) + line * window + first - in_start - line // lines * stride
    # Lines have fewer taps than the longest; their surplus zeros may reach into the next line, which is written
    # after them, and at the very end into room of their own.
    most = weights.shape[1]
    flat = np.zeros(int(ends[-1]) + most, weights.dtype)
    sliding_window_view(flat, most, writeable=True)[places] = weights
    return tuple(
        Run(part.out_start, part.in_start, part.stride, block.reshape(part.blocks, part.lines, part.window))
        for part, block in zip(layout, np.split(flat, ends), strict=False)
    )
