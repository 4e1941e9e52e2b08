"""How lines are cut into blocks, whose windows of input lines lie at equal distances for a while."""

import math
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Stretch", "layout"]

_Lines: TypeAlias = npt.NDArray[np.int64]


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


class Stretch(NamedTuple):
    """The place of a run: its lines, blocks, groups, first window and distances; no weights yet."""

    out_start: int
    lines: int
    blocks: int
    groups: int
    in_start: int
    stride: int
    hop: int
    window: int


def layout(first: _Lines, last: _Lines, scale: float, taps: float) -> list[Stretch]:
    """Cut an axis into stretches.

    Parameters
    ----------
    first, last : ndarray
        For each output line the input line that it reads first, and the one after the last.
    scale : float
        Input lines for each output line.
    taps : float
        Input lines that an output line reads, about.
    """
    return list(_stretches(first, last, _cut(scale, taps, len(first))))


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

    def shifts(self, blocks: int) -> _Lines:
        """Return how far the windows of so many blocks are from the first."""
        group, block = np.divmod(np.arange(blocks), self.group)
        shifts: _Lines = group * self.hop + block * self.stride
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


def _stretches(first: _Lines, last: _Lines, cut: _Cut) -> Iterator[Stretch]:
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
        yield Stretch(at * size, size, blocks, groups, begin, cut.stride, cut.hop, int(high[end]) - begin)
        at += end + 1
    if whole < n_out:
        begin = int(first[whole])
        yield Stretch(whole, n_out - whole, 1, 1, begin, cut.stride, cut.hop, n_in - begin)


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
