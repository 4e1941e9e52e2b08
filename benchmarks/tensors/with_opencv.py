"""Tensors with OpenCV's INTER_AREA and NumPy."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.tensors.levels import Floats, Levels, cropped, normalized

__all__ = ["of_array", "of_bytes"]


def of_array(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of RGB in memory."""
    array = np.load(source)
    cv2.setNumThreads(1)
    return lambda: _tensor(array, size)


def of_bytes(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of a file in memory."""
    data = np.frombuffer(source.read_bytes(), np.uint8)
    cv2.setNumThreads(1)

    def call() -> Floats:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise ValueError("OpenCV: cannot decode")
        return _tensor(np.asarray(image, np.uint8), size)

    return call


def _tensor(image: Levels, size: tuple[int, int]) -> Floats:
    left, top, width, height = cropped(size, image.shape[1], image.shape[0])
    part = image[top : top + height, left : left + width]
    return normalized(np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8))
