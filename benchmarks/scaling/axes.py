"""The axes along which cost is measured, and their points."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from benchmarks.scaling.contenders import Work
from fastfit.threads import cores
from fastfit.types import Image, Size

__all__ = ["AXES", "Axis", "Case", "counts"]

_TARGET = Size(512, 512)
_LARGE = Size(4000, 3000)
_SMALL, _SMALLER = Size(500, 375), Size(224, 224)
_MIDDLE = Size(1024, 768)
_IMAGES = 16
"""Of a batch that threads share."""


class Case(NamedTuple):
    """A point of an axis."""

    label: str
    x: float
    work: Callable[[Image], Work]
    """Of the photograph makes what is to be done. It may take a gigabyte."""
    threads: int = 1
    """That share it, on as many cores."""


class Axis(NamedTuple):
    """What is varied while all else is the same."""

    title: str
    cases: Callable[[bool], Iterator[Case]]
    """All, or quickly."""


def _sources(quick: bool) -> Iterator[Case]:
    for megapixels in (0.1, 1, 12) if quick else (0.1, 0.3, 1, 3, 10, 30, 100):
        width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
        yield _case(f"{megapixels:g} MP", megapixels, Size(width, round(width * 3 / 4)), _TARGET)


def _targets(quick: bool) -> Iterator[Case]:
    every = (Size(64, 64), Size(128, 128), Size(256, 256), _TARGET, _MIDDLE, Size(2048, 1536), Size(4096, 3072))
    for size in every[:5:2] if quick else every:
        yield _case(str(size).replace("x", "×"), size.width * size.height / 1e6, _LARGE, size)


def _factors(quick: bool) -> Iterator[Case]:
    for factor in (1, 2, 4, 8) if quick else (1, 1.5, 2, 3, 4, 6, 8, 12, 16):
        source = Size(round(512 * factor), round(384 * factor))
        yield _case(f"{factor:g}×", factor, source, Size(512, 384))


def _batches(quick: bool) -> Iterator[Case]:
    for count in (1, 8, 32) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256):
        yield _case(str(count), count, _SMALL, _SMALLER, count)


def _threads(_: bool) -> Iterator[Case]:
    for threads in counts():
        yield _case(str(threads), threads, _MIDDLE, _TARGET, _IMAGES, threads)


def _case(label: str, x: float, source: Size, target: Size, count: int = 1, threads: int = 1) -> Case:
    def work(photo: Image) -> Work:
        filter_ = cv2.INTER_AREA if source.width < photo.shape[1] else cv2.INTER_CUBIC
        scaled = cv2.resize(photo, source, interpolation=filter_)
        if count == 1:
            return Work(scaled[None], target, threads)
        # Mirror images: a batch of one image would stay in the cache.
        return Work(np.stack([scaled[:, :: 1 - 2 * (index % 2)] for index in range(count)]), target, threads)

    return Case(label, x, work, threads)


def counts() -> list[int]:
    """Return 1, 2, 4, … up to the number of cores, and that."""
    return sorted({min(2**power, cores()) for power in range(cores().bit_length() + 1)})


AXES = {
    "source": Axis(f"megapixels of the source, to {_TARGET}", _sources),
    "target": Axis(f"megapixels of the result, from {_LARGE}", _targets),
    "shrink": Axis("times smaller on each side, to 512x384", _factors),
    "batch": Axis(f"images in a call of fit_many, {_SMALL} to {_SMALLER}", _batches),
    "cores": Axis(f"threads of fit_many, {_IMAGES} images {_MIDDLE} to {_TARGET}", _threads),
}
"""By name. The one of programs, `jobs`, is apart."""
