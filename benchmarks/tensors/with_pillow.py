"""Tensors with Pillow and NumPy."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.tensors.levels import Floats, normalised

__all__ = ["of_array", "of_bytes"]


def of_array(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of RGB in memory."""
    array = np.load(source)

    def call() -> Floats:
        return normalised(np.asarray(ImageOps.fit(Image.fromarray(array), size, Image.Resampling.LANCZOS)))

    return call


def of_bytes(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of a file in memory."""
    data = source.read_bytes()

    def call() -> Floats:
        image = decoded(data)
        return normalised(np.asarray(ImageOps.fit(image, size, Image.Resampling.LANCZOS)))

    return call


def decoded(data: bytes) -> Image.Image:
    """Return an upright RGB picture, copied only where it must be turned or converted."""
    image: Image.Image = Image.open(BytesIO(data))
    ImageOps.exif_transpose(image, in_place=True)
    return image if image.mode == "RGB" else image.convert("RGB")
