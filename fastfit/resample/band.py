"""The weights of one axis as a banded matrix, cut into dense blocks that BLAS multiplies.

Output line i is a weighted sum of neighbouring input lines. One to twelve output lines together read one
window of input lines: a small dense matrix. Where the windows of successive blocks start at equal distances, or
those of successive groups of blocks do, their product is a single batched ``np.matmul``; a `Run` is such a
stretch. A few runs make up an axis.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from fastfit.resample.filters import FILTERS, Float64
from fastfit.resample.layout import Stretch, layout

Floats: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
# Pillow's 8-bit weights are integers of this many bits; as float32 they are still exact.
_WEIGHT_BITS = 22
# 8-bit sums of more taps than this are float64: float32 leaves too many in doubt.
_MOST_TAPS = 1024
# From this many on, OpenBLAS packs matrices first: with AVX-512, at half the speed. Fewer lanes use little of a
# cache line.
_MOST_PRODUCTS, _LEAST_LANES = 1_000_000, 32


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
    found = layout(first, last - start, scale, 2 * support)
    error = _error(weights.shape[1])
    runs = _fill(found, first, weights.astype(dtype, copy=False))
    return Band(start, stop, n_out, runs, dtype, *_within(first, weights, stop - start), error)


def _error(taps: int) -> float:
    """Return by how much float32 sums of 8-bit samples may be off, in levels.

    An addition is off by 2^-17 at most, and by 2^-16 where the sum overshoots 256. Errors of many additions cancel
    and grow as the root of their number; but not those of a box, whose sums are float64.
    """
    return float(2.0**-16 * (2 + min(2 / 3 * taps, 3.5 * taps**0.5)))


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


def _fill(stretches: list[Stretch], first: npt.NDArray[np.int64], weights: Floats) -> tuple[Run, ...]:
    """Put the weights where the stretches want them, all runs at once."""
    facts = np.array(stretches, dtype=np.int64)
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
        for part, own in zip(stretches, np.split(flat, ends), strict=False)
    )
