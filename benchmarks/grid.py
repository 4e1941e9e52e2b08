"""Sizes from one pixel to 100 million, every kind of array, every filter: where fastfit is slower than Pillow."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from PIL import Image as Pillow

import fastfit
from benchmarks.contenders.arrays import FILTERS, OURS, REFERENCE
from benchmarks.correctness import compared
from benchmarks.results import Row, Spread
from benchmarks.timing import interleaved
from fastfit.types import Image, Size
from fastfit.words import Resample

__all__ = ["measure_grid"]

_SOURCES = (
    *(Size(1, 1), Size(7, 5), Size(31, 31), Size(32, 32), Size(64, 48), Size(500, 375)),
    *(Size(4032, 3024), Size(12000, 8400)),
)
_TARGETS = (
    *(Size(1, 1), Size(5, 7), Size(31, 31), Size(32, 32), Size(48, 64), Size(224, 224), Size(1280, 720)),
    Size(4000, 2250),
)
_QUICK_SOURCES = (Size(1, 1), Size(31, 31), Size(32, 32), Size(64, 48), Size(500, 375))
_QUICK_TARGETS = (Size(1, 1), Size(31, 31), Size(32, 32), Size(224, 224))
_SMALL = 32
"""Pixels of the shortest side. From here on no cell may be slower than Pillow."""
_LARGE, _HUGE = 1_000_000, 50_000_000
"""Pixels of an image. From the first on noise is fitted by one filter only, from the second on not at all; then
photographs are fitted by one filter, to the three largest sizes."""
_BARS = {True: 1.0, False: 0.5}
"""The least speed of a cell, Pillow = 1: of sides of `_SMALL` pixels and more, and of others."""
_LONG = {1.0: 2, 0.1: 3}
"""Seconds of Pillow's -> rounds, at most."""
_SLOWEST = 5
"""Cells that are named."""
_SHORTEST = 2e-3
_FLOATS = 1e-3
"""Levels of 8 bits that the order of sums may make of floats."""
_SIXTEEN_BITS = 2.01 * 255 / 65535
"""Levels of 8 bits: two of 16, of which rounding between passes makes one."""
_PHOTOGRAPH, _NOISE = "photograph", "noise"

_Call: TypeAlias = Callable[[], Image]


class _Kind(NamedTuple):
    """What an array is to Pillow."""

    mode: str
    alpha: bool
    make: Callable[[Image], Image]
    """Out of a photograph in RGB."""
    tolerance: float = 0.0
    """From Pillow's result, in levels of 8 bits."""
    marks: tuple[str, ...] = ()
    """How fastfit's work is unlike Pillow's."""


def _grey(photo: Image) -> Image:
    return np.ascontiguousarray(photo[..., 1])


def _deep(photo: Image) -> Image:
    """Return 16 bits in half of their range: between passes Pillow clips what overshoots, fastfit does not."""
    return (_grey(photo).astype(np.uint16) // 2 + 64) * 257


_KINDS = (
    _Kind("L", False, _grey),
    _Kind("LA", True, lambda photo: np.ascontiguousarray(photo[..., :2])),
    _Kind("RGB", False, lambda photo: photo),
    _Kind("RGBA", True, lambda photo: cv2.merge([*cv2.split(photo), photo[..., 0]])),
    _Kind("RGBX", False, lambda photo: cv2.merge([*cv2.split(photo), photo[..., 0]])),
    _Kind("I;16", False, _deep, _SIXTEEN_BITS, ("no rounding, no clipping between passes",)),
    _Kind("F", False, lambda photo: _grey(photo).astype(np.float32), _FLOATS),
)


def measure_grid(
    photo: Image, filters: Sequence[Resample], rounds: int, *, quick: bool
) -> tuple[list[Row], list[str], list[str]]:
    """Measure Pillow and fastfit on all pairs of sizes, kinds of arrays, filters and contents.

    Parameters
    ----------
    photo : ndarray, (H, W, 3) of uint8
        Scaled to each size.
    filters : sequence of str
        The largest images are fitted by the first only.
    rounds : int
        The most. Calls that take long have fewer.
    quick : bool
        Fewer sizes. Each cell is measured with one filter; the filters take turns.

    Returns
    -------
    (list of Row, list of str, list of str)
        Two rows for each cell, the slowest cells first; whether the bars are reached, and which cells are slowest;
        what is wrong.
    """
    sources, targets = (_QUICK_SOURCES, _QUICK_TARGETS) if quick else (_SOURCES, _TARGETS)
    cells: list[_Cell] = []
    for turn, (source, content) in enumerate(product(sources, (_PHOTOGRAPH, _NOISE))):
        picture = _picture(photo, source, content)
        for kind in _KINDS:
            image = kind.make(picture)
            for target in targets:
                chosen = _filters(source, target, content, filters)
                if quick:
                    chosen = [filters[(len(cells) + turn) % len(filters)]]
                cells += [_cell(_Task(source, target, kind, each, content), image, rounds) for each in chosen]
    cells.sort(key=lambda cell: cell.ratios.median)
    faults = [fault for cell in cells if (fault := cell.fault)]
    return [row for cell in cells for row in (cell.pillow, cell.fastfit)], list(_judged(cells)), faults


def _picture(photo: Image, size: Size, content: str) -> Image:
    if content == _NOISE:
        return np.random.default_rng(1).integers(0, 256, (size.height, size.width, 3), np.uint8)
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA)


def _filters(source: Size, target: Size, content: str, filters: Sequence[Resample]) -> Sequence[Resample]:
    """Return the filters that are measured: fewer where all would take minutes."""
    pixels = max(size.width * size.height for size in (source, target))
    if pixels >= _HUGE:
        return filters[:1] if content == _PHOTOGRAPH and min(target) > _SMALL else ()
    return filters if content == _PHOTOGRAPH or pixels < _LARGE else filters[:1]


class _Task(NamedTuple):
    """A cell of the grid."""

    source: Size
    target: Size
    kind: _Kind
    resample: Resample
    content: str

    @property
    def case(self) -> str:
        """Its name."""
        return f"{self.source} to {self.target}, {self.kind.mode}, {self.resample}, {self.content}"

    @property
    def bar(self) -> float:
        """How many times as fast as Pillow it is to be."""
        return _BARS[min(*self.source, *self.target) >= _SMALL]


class _Cell(NamedTuple):
    """What was measured of it."""

    task: _Task
    pillow: Row
    fastfit: Row
    ratios: Spread
    """Pillow's processor time over fastfit's: rounds are short, and what others do meanwhile is not in it."""

    @property
    def fault(self) -> str:
        """What is wrong with fastfit's result, if anything."""
        found = self.fastfit.correctness
        if found and found.exact_size and found.largest <= self.task.kind.tolerance:
            return ""
        return f"{self.task.case}: fastfit's result has another size, or is not Pillow's"


def _judged(cells: Sequence[_Cell]) -> Iterator[str]:
    """Hold the bars against the cells, slowest first, by the median of the rounds."""
    yield "cells are ordered, and held against the bars, by CPU time: rounds are so short that others disturb them"
    for large, bar in _BARS.items():
        here = [cell for cell in cells if cell.task.bar == bar]
        below = [cell for cell in here if cell.ratios.median < bar]
        always = sum(cell.ratios.greatest < bar for cell in below)
        what = f"{_SMALL}x{_SMALL} and larger" if large else f"with a side below {_SMALL}"
        said = f"not reached in {len(below)}, in {always} of them in every round" if below else "reached in all"
        yield f"{what}: {len(here)} cells, bar {bar:g} times as fast as Pillow: {said}"
        slowest = (f"{cell.task.case} {cell.ratios.median:.2f}" for cell in here[:_SLOWEST])
        yield f"{what}: the slowest cells: {'; '.join(slowest)}"


def _cell(task: _Task, image: Image, rounds: int) -> _Cell:
    calls = _calls(task, image)
    start = time.perf_counter()
    expected = calls[REFERENCE]()
    taken = time.perf_counter() - start
    correctness = {name: compared(expected, call(), similarity=False) for name, call in calls.items()}
    most = next((few for long, few in _LONG.items() if taken > long), rounds)
    times = interleaved(calls, min(rounds, most), _SHORTEST)
    pillow, own = (
        Row(
            task.case,
            name,
            times[name].seconds,
            correctness[name],
            task.kind.marks * (name == OURS),
            cpu=times[name].cpu,
        )
        for name in calls
    )
    ratios = [theirs / ours for theirs, ours in zip(pillow.cpu, own.cpu, strict=True)]
    return _Cell(task, pillow, own, Spread.of(ratios))


def _calls(task: _Task, image: Image) -> dict[str, _Call]:
    size, kind, method = (image.shape[1], image.shape[0]), task.kind, FILTERS[task.resample]
    spec = fastfit.Fit(task.target, "stretch", resample=task.resample, alpha=kind.alpha)

    def pillow() -> Image:
        if kind.mode == "RGBX":  # four channels that are not alpha: fromarray would take them for RGBA
            picture = Pillow.frombuffer("RGBX", size, image, "raw", "RGBX", 0, 1)
        else:
            picture = Pillow.fromarray(image)
        return np.asarray(picture.resize(task.target, method))

    return {REFERENCE: pillow, OURS: lambda: spec(image)}
