"""Tensors with Pillow and NumPy."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.tensors.levels import Floats, Levels, normalized

__all__ = ["decoded", "many", "of_array", "of_bytes", "of_bytes_drafted", "of_pictures"]

_GAP = 2.0
_ORIENTATION, _TURNED = 0x0112, range(5, 9)
"""Of EXIF, and those that lie on their side."""


def of_array(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of RGB in memory."""
    array = np.load(source)
    return lambda: normalized(_fitted(Image.fromarray(array), size))


def of_bytes(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of a file in memory."""
    data = source.read_bytes()
    return lambda: normalized(_fitted(decoded(data), size))


def of_bytes_drafted(source: Path, size: tuple[int, int]) -> Callable[[], Floats]:
    """Of a JPEG in memory, as `Image.thumbnail` does it: decoded to no less than twice the size, then averaged."""
    data = source.read_bytes()

    def call() -> Floats:
        image = decoded(data, (int(_GAP * size[0]), int(_GAP * size[1])))
        # As `ImageOps.fit`, which takes no gap.
        scale = min(image.width / size[0], image.height / size[1])
        across, down = scale * size[0], scale * size[1]
        left, top = max(0, (image.width - across) / 2), max(0, (image.height - down) / 2)
        box = (left, top, min(image.width, left + across), min(image.height, top + down))
        return normalized(np.asarray(image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=_GAP)))

    return call


def many(source: Path, size: tuple[int, int], threads: int) -> Callable[[], Floats]:
    """Of a folder of arrays that are all in memory, in threads."""
    images = [np.load(path) for path in sorted(source.iterdir())]
    out = np.empty((len(images), 3, size[1], size[0]), np.float32)

    def fill(index: int) -> None:
        normalized(_fitted(Image.fromarray(images[index]), size), out[index])

    def call() -> Floats:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, range(len(images))))  # which raises here what threads raise
        return out

    return call


def of_pictures(source: Path, size: tuple[int, int], _: int) -> Callable[[], list[Levels]]:
    """Of pictures in memory, one after the other: arrays, no tensors."""
    pictures = [Image.fromarray(np.load(path)) for path in sorted(source.iterdir())]
    return lambda: [_fitted(picture, size) for picture in pictures]


def _fitted(image: Image.Image, size: tuple[int, int]) -> Levels:
    return np.asarray(ImageOps.fit(image, size, Image.Resampling.LANCZOS))


def decoded(data: bytes, least: tuple[int, int] | None = None) -> Image.Image:
    """Return an upright RGB picture, copied only where it must be turned or converted.

    Parameters
    ----------
    data : bytes
    least : (int, int), optional
        Width and height below which the decoder does not shrink. By default it does not at all.
    """
    image: Image.Image = Image.open(BytesIO(data))
    if least:
        turned = image.getexif().get(_ORIENTATION) in _TURNED
        image.draft(None, least[::-1] if turned else least)
    ImageOps.exif_transpose(image, in_place=True)
    return image if image.mode == "RGB" else image.convert("RGB")
