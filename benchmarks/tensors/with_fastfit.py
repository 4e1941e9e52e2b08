"""Tensors with fastfit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import fastfit
from benchmarks.tensors.levels import MEAN, STD, Floats, normalized
from fastfit.types import Image, Size

__all__ = [
    "many",
    "of_array",
    "of_array_then_numpy",
    "of_bytes",
    "of_bytes_exactly",
    "of_pictures",
    "of_pictures_in_one_call",
    "spec",
]


def of_array(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of RGB in memory."""
    array, fit = np.load(source), spec(size)
    cv2.setNumThreads(1)
    return lambda: fit(array)


def of_array_then_numpy(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of RGB in memory, normalized as others do."""
    array, fit = np.load(source), fastfit.Fit(Size(*size))
    cv2.setNumThreads(1)
    return lambda: normalized(fit(array))


def of_bytes(source: Path, size: tuple[int, int], *, exact: bool = False) -> Callable[[], Floats]:
    """Of a file in memory."""
    data, fit, reading = source.read_bytes(), spec(size), fastfit.Input(exact=exact)
    cv2.setNumThreads(1)
    return lambda: fastfit.load(data, fit, input=reading)


def of_bytes_exactly(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of a file in memory, decoded at full scale."""
    return of_bytes(source, size, exact=True)


def many(source: Path, size: tuple[int, int], threads: int) -> Callable[[], Floats]:
    """Of a folder of arrays that are all in memory, in threads."""
    images = [np.load(path) for path in sorted(source.iterdir())]
    fit, out = spec(size), np.empty((len(images), 3, size[1], size[0]), np.float32)
    return lambda: fastfit.fit_many(images, fit, n_jobs=threads, out=out)


def of_pictures(source: Path, size: tuple[int, int], _: int) -> Callable[[], list[Image]]:
    """Of Pillow's pictures in memory, one after the other: arrays, no tensors."""
    pictures, fit = _pictures(source), fastfit.Fit(Size(*size))
    return lambda: [fit(picture) for picture in pictures]


def of_pictures_in_one_call(source: Path, size: tuple[int, int], threads: int) -> Callable[[], list[Image]]:
    """Of Pillow's pictures in memory, all in one call: arrays, no tensors."""
    pictures, fit = _pictures(source), fastfit.Fit(Size(*size))
    return lambda: fastfit.fit_many(pictures, fit, n_jobs=threads, return_as="list")


def _pictures(source: Path) -> list[Any]:
    from PIL import Image as Pillow  # which the others here do without

    return [Pillow.fromarray(np.load(path)) for path in sorted(source.iterdir())]


def spec(size: tuple[int, int]) -> fastfit.Fit:
    """Return the fit that makes the tensors."""
    mean, std = MEAN.tolist(), STD.tolist()
    return fastfit.Fit(Size(*size), channels=3, layout="CHW", dtype="float32", scale=1 / 255, mean=mean, std=std)
