"""Sizes from one pixel to 100 million, of every kind of array: where fastfit is slower than Pillow."""

from collections.abc import Callable, Iterator, Sequence
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

_SOURCES = (Size(1, 1), Size(7, 5), Size(64, 48), Size(500, 375), Size(4032, 3024), Size(12000, 8400))
_TARGETS = (Size(1, 1), Size(5, 7), Size(48, 64), Size(224, 224), Size(1280, 720), Size(4000, 2250))
_QUICK_SOURCES, _QUICK_TARGETS = (*_SOURCES[:4], Size(1920, 1080)), _TARGETS[:5]
_LARGE, _LARGE_ROUNDS = 50_000_000, 2
"""Pixels of a source from which every other target will do, and few rounds: a call takes seconds."""
_SHORTEST = 2e-3
_FLOATS = 1e-3
"""Levels of 8 bits that the order of sums may make of floats."""
_SIXTEEN_BITS = 2.01 * 255 / 65535
"""Levels of 8 bits: two of 16, of which rounding between passes makes one."""

_Call: TypeAlias = Callable[[], Image]


class _Kind(NamedTuple):
    """What an array is to Pillow."""

    mode: str
    alpha: bool
    make: Callable[[Image], Image]
    """Out of a photograph in RGB."""
    tolerance: float = 1.0
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
    _Kind(
        "I;16",
        False,
        _deep,
        _SIXTEEN_BITS,
        ("no rounding, no clipping between passes",),
    ),
    _Kind("F", False, lambda photo: _grey(photo).astype(np.float32), _FLOATS),
)


def measure_grid(
    photo: Image, resample: Resample, rounds: int, *, quick: bool
) -> tuple[list[Row], list[str], list[str]]:
    """Measure Pillow and fastfit on all pairs of sizes and kinds.

    Returns
    -------
    (list of Row, list of str, list of str)
        Two of each cell, those before in which fastfit is slowest; how many these are; what is wrong.
    """
    sources, targets = (_QUICK_SOURCES, _QUICK_TARGETS) if quick else (_SOURCES, _TARGETS)
    cells: list[_Cell] = []
    for source in sources:
        scaled = cv2.resize(photo, source, interpolation=cv2.INTER_AREA)
        large = source.width * source.height >= _LARGE
        few = min(_LARGE_ROUNDS, rounds) if large else rounds
        for kind in _KINDS:
            image = kind.make(scaled)
            chosen = targets[1::2] if large else targets
            cells += [_cell(source, image, target, kind, resample, few) for target in chosen]
    cells.sort(key=lambda cell: cell.ratios.median)
    faults = [fault for cell in cells if (fault := cell.fault)]
    return [row for cell in cells for row in (cell.pillow, cell.fastfit)], list(_count(cells)), faults


class _Cell(NamedTuple):
    """One pair of sizes, of one kind."""

    pillow: Row
    fastfit: Row
    ratios: Spread
    """Pillow's seconds over fastfit's."""
    tolerance: float

    @property
    def fault(self) -> str:
        """What is wrong with fastfit's result, if anything."""
        found = self.fastfit.correctness
        if found and found.exact_size and found.largest <= self.tolerance:
            return ""
        return f"{self.fastfit.case}: fastfit's result has another size, or is too far from Pillow's"


def _count(cells: Sequence[_Cell]) -> Iterator[str]:
    slower = [cell for cell in cells if cell.ratios.median < 1]
    always = [cell for cell in slower if cell.ratios.greatest < 1]
    yield (
        f"fastfit is slower than Pillow in {len(slower)} of {len(cells)} cells, by the median of the rounds; "
        f"in {len(always)} of them in every round. They are the first of the rows"
    )


def _cell(source: Size, image: Image, target: Size, kind: _Kind, resample: Resample, rounds: int) -> _Cell:
    case, calls = f"{source} to {target}, {kind.mode}", _calls(image, target, kind, resample)
    expected = calls[REFERENCE]()
    correctness = {name: compared(expected, call(), similarity=False) for name, call in calls.items()}
    seconds = interleaved(calls, rounds, _SHORTEST)
    pillow, own = (
        Row(case, name, tuple(seconds[name]), correctness[name], kind.marks * (name == OURS)) for name in calls
    )
    ratios = [theirs / ours for theirs, ours in zip(pillow.seconds, own.seconds, strict=True)]
    return _Cell(pillow, own, Spread.of(ratios), kind.tolerance)


def _calls(image: Image, target: Size, kind: _Kind, resample: Resample) -> dict[str, _Call]:
    size, method = (image.shape[1], image.shape[0]), FILTERS[resample]
    spec = fastfit.Fit(target, "stretch", resample=resample, alpha=kind.alpha)

    def pillow() -> Image:
        if kind.mode == "RGBX":  # four channels that are not alpha: fromarray would take them for RGBA
            picture = Pillow.frombuffer("RGBX", size, image, "raw", "RGBX", 0, 1)
        else:
            picture = Pillow.fromarray(image)
        return np.asarray(picture.resize(target, method))

    return {REFERENCE: pillow, OURS: lambda: spec(image)}
