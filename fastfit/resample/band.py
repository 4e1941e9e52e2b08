"""The weights of one axis as a banded matrix, cut into dense blocks that BLAS multiplies.

Output line i is a weighted sum of neighbouring input lines. One to twelve output lines together read one
window of input lines: a small dense matrix. Where the windows of successive blocks start at equal distances, or
those of successive groups of blocks do, their product is a single batched ``np.matmul``; a `Run` is such a
stretch. A few runs make up an axis.
"""

import math
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
# From this many on, OpenBLAS packs matrices first: with AVX-512, at half the speed. Fewer lanes use little of a
# cache line.
_MOST_PRODUCTS, _LEAST_LANES = 1_000_000, 32


class _Costs(NamedTuple):
    """What takes how long, per lane, as shares of a multiply-add in blocks of eight lines."""

    call: float
    """One np.matmul."""
    blocks: dict[int, tuple[float, float]]
    """Of each number of lines that a block may have: a multiply-add, and one matrix product besides."""


# From sweeps of block sizes, scales 0.3 to 18 and 64 to 1024 lanes; `python -m benchmarks arrays` shows what they
# are worth. OpenBLAS's kernels for AVX2 pack their operands each time, but for a block of one line: that is a
# product of a matrix and a vector.
_WITH_AVX512 = _Costs(
    400, {2: (1.55, 13), 4: (1.02, 13), 5: (1.35, 13), 6: (1.18, 13), 7: (1.3, 13), 8: (1.0, 13)}
)
_WITHOUT = _Costs(200, {1: (1.55, 2), 8: (1.0, 33), 12: (0.88, 51)})
_CPU_AVX512_SKX = 256  # OpenCV's number of the feature, of which Python has no name
_COSTS = _WITH_AVX512 if cv2.checkHardwareSupport(_CPU_AVX512_SKX) else _WITHOUT
_SLACKS = (0, 1, 2, 3, 4, 6, 8, 12)
# Single lines: how many may make a group. Larger blocks drift less, from one to the next, than they are wide.
_GROUPS = range(1, 17)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Groups of blocks: windows start `stride` input lines apart in a group, and those of groups `hop`."""

    out_start: int
    """First output line."""
    in_start: int
    """First input line of the first window, relative to the band's `start`."""
    stride: int
    """Input lines from one window to the next within a group."""
    hop: int
    """Input lines from the first window of a group to that of the next."""
    weights: Floats
    """``(groups, blocks, lines, window)``."""

    @property
    def together(self) -> int:
        """Output lines that a group makes."""
        return int(self.weights.shape[1] * self.weights.shape[2])

    @property
    def out_stop(self) -> int:
        """One more than the last output line."""
        return self.out_start + len(self.weights) * self.together

    @property
    def in_stop(self) -> int:
        """One more than the last input line of the last window."""
        groups, blocks, _, window = self.weights.shape
        return int(self.in_start + (groups - 1) * self.hop + (blocks - 1) * self.stride + window)


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
    start, stop = int(first[0]), int(last[-1])
    first -= start
    layout = list(_layout(first, last - start, _cut(scale, 2 * support, n_out)))
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
        groups, blocks, lines, window = run.weights.shape
        hop, stride = run.hop * row, run.stride * row
        most = max(_MOST_PRODUCTS // (lines * window), _LEAST_LANES)
        for at in range(0, x.shape[1], most):
            lanes = min(most, x.shape[1] - at)
            start = run.in_start * row + at * step
            windows = np.ndarray((groups, blocks, window, lanes), x.dtype, x, start, (hop, stride, row, step))
            start = run.out_start * row + at * step
            distances = (blocks * lines * row, lines * row, row, step)
            sums = np.ndarray((groups, blocks, lines, lanes), y.dtype, y, start, distances)
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
    return (scale < 2 and float(symmetric.mean()) > 1 / 20) or (few_phases and span < 5)


def _drop_unused(weights: Float64, counts: npt.NDArray[np.int64]) -> None:
    """Set weights beyond each line's count of taps to 0: all but the last column only near the ends."""
    most = weights.shape[1]
    weights[counts < most, -1] = 0.0
    short = np.flatnonzero(counts < most - 1)
    weights[short] *= np.arange(most) < counts[short, None]


class _Cut(NamedTuple):
    """How an axis is cut into blocks, and where their windows are expected."""

    size: int
    """Output lines that make a block."""
    group: int
    """Blocks that make a group."""
    slack: int
    """By how many input lines a window may be off."""
    stride: int
    hop: int

    def shifts(self, blocks: int) -> npt.NDArray[np.int64]:
        """Return how far the windows of so many blocks are from the first."""
        group, block = np.divmod(np.arange(blocks), self.group)
        shifts: npt.NDArray[np.int64] = group * self.hop + block * self.stride
        return shifts


def _cut(scale: float, taps: float, n_out: int) -> _Cut:
    """Choose how an axis is cut.

    Large blocks multiply zeros; small ones are many, and drift from equal distances sooner. Groups drift less: of
    3 lines at a scale of 3.35, distances of 3 and, from group to group, 10 are off by 0.7 and, each time, by 0.05.
    """

    def within(size: int, group: int) -> float:
        return abs(size * scale - round(size * scale)) * (group - 1)

    def cost(size: int, group: int, slack: int) -> float:
        drift = abs(group * size * scale - round(group * size * scale))
        added, product = _COSTS.blocks[size]
        blocks = n_out / size
        runs = min(blocks, 1 + blocks / group * drift / (slack + 1))
        window = size * scale + taps + within(size, group) + slack
        return n_out * added * window + blocks * product + runs * _COSTS.call

    shapes = [(size, group) for size in _COSTS.blocks for group in (_GROUPS if size == 1 else (1,))]
    found = min(((*shape, slack) for shape in shapes for slack in _SLACKS), key=lambda shape: cost(*shape))
    size, group, slack = found
    slack += math.ceil(within(size, group) - 1e-9)
    return _Cut(size, group, slack, round(size * scale), round(group * size * scale))


class _Stretch(NamedTuple):
    """The place of a run: its lines, blocks, groups, first window and distances; no weights yet."""

    out_start: int
    lines: int
    blocks: int
    groups: int
    in_start: int
    stride: int
    hop: int
    window: int


def _layout(first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], cut: _Cut) -> Iterator[_Stretch]:
    """Cut the lines into runs: extend each while no window grows by more than the slack or leaves the input.

    A run ends with a whole group, and the next begins with what is left of the last.
    """
    n_out, n_in, size, group = len(first), int(last[-1]), cut.size, cut.group
    whole = n_out - n_out % size
    starts, ends = first[0:whole:size], last[size - 1 : whole : size]
    limit = int(np.max(ends - starts, initial=0)) + cut.slack
    shifts = cut.shifts(len(starts))
    at = 0
    while at < len(starts):
        count, low, high = _alike(starts[at:], ends[at:], shifts, limit, n_in)
        groups, blocks = (count // group, group) if count >= group else (1, count)
        end = groups * blocks - 1
        begin = int(low[end])
        yield _Stretch(at * size, size, blocks, groups, begin, cut.stride, cut.hop, int(high[end]) - begin)
        at += end + 1
    if whole < n_out:
        begin = int(first[whole])
        yield _Stretch(whole, n_out - whole, 1, 1, begin, cut.stride, cut.hop, n_in - begin)


_Lines: TypeAlias = npt.NDArray[np.int64]


def _alike(starts: _Lines, ends: _Lines, shifts: _Lines, limit: int, n_in: int) -> tuple[int, _Lines, _Lines]:
    """Count the first blocks that one run can have, and tell for each how far windows up to there must reach.

    Runs are short or long: look at 64 blocks, and at four times as many while all are alike.
    """
    looked = 64
    while True:
        shift = shifts[: min(looked, len(starts))]
        low = np.minimum.accumulate(starts[: len(shift)] - shift)
        high = np.maximum.accumulate(ends[: len(shift)] - shift)
        unlike = (high - low > limit) | (low < 0) | (high + shift > n_in)
        unlike[0] = False
        count = int(unlike.argmax())
        if count or len(shift) == len(starts):
            return count or len(shift), low, high
        looked *= 4


def _fill(layout: list[_Stretch], first: npt.NDArray[np.int64], weights: Floats) -> tuple[Run, ...]:
    """Put the weights where the layout wants them, all runs at once."""
    facts = np.array(layout, dtype=np.int64)
    counts = facts[:, 1] * facts[:, 2] * facts[:, 3]
    sizes = counts * facts[:, 7]
    ends = np.cumsum(sizes)
    out_start, lines, blocks, _, in_start, stride, hop, window = np.repeat(facts, counts, axis=0).T
    line = np.arange(len(first)) - out_start
    group, block = np.divmod(line // lines, blocks)
    places = np.repeat(ends - sizes, counts) + line * window + first - in_start - group * hop - block * stride
    # Lines have fewer taps than the longest; their surplus zeros may reach into the next line, which is written
    # after them, and at the very end into room of their own.
    most = weights.shape[1]
    flat = np.zeros(int(ends[-1]) + most, weights.dtype)
    sliding_window_view(flat, most, writeable=True)[places] = weights
    return tuple(
        Run(
            part.out_start,
            part.in_start,
            part.stride,
            part.hop,
            own.reshape(part.groups, part.blocks, part.lines, part.window),
        )
        for part, own in zip(layout, np.split(flat, ends), strict=False)
    )
