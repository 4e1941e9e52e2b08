"""Tensors with kornia-rs and NumPy."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from kornia_rs import imgproc, io
from PIL import Image

from benchmarks.tensors.levels import Floats, Levels, cropped, normalized

__all__ = ["of_array", "of_bytes"]

_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Callable[[Levels], Levels]] = {
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, 3),
    7: lambda image: np.rot90(image, 2).transpose(1, 0, 2),
    8: np.rot90,
}
"""By the EXIF orientation, which kornia-rs does not look at."""


def of_array(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of RGB in memory."""
    array = np.load(source)
    return lambda: normalized(_fitted(array, size))


def of_bytes(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of a JPEG in memory."""
    data, decoder = source.read_bytes(), io.ImageDecoder()

    def call() -> Floats:
        orientation = Image.open(BytesIO(data)).getexif().get(_ORIENTATION, 1)
        turned = size[::-1] if orientation >= 5 else size
        small = _fitted(decoder.decode(data), turned)
        return normalized(_UPRIGHT[orientation](small) if orientation in _UPRIGHT else small)

    return call


def _fitted(image: Levels, size: tuple[int, int]) -> Levels:
    # It takes no slices.
    part = imgproc.crop(image, *cropped(size, image.shape[1], image.shape[0]))
    return np.asarray(imgproc.resize(part, size[::-1], "lanczos", antialias=True))
