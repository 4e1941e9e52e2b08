"""Samples of 16 bits, of other ranges, and of linear light, as others store them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fastfit.types import Image

__all__ = ["by_bands", "eight_bits", "from_linear", "stretched"]

_BAND = 1 << 18
"""Samples computed at a time: a large picture does not get float copies of itself."""


def by_bands(convert: Callable[[Image], Image], image: Image, dtype: npt.DTypeLike) -> Image:
    """Compute an image of the same shape a band of rows at a time."""
    out = np.empty(image.shape, dtype)
    rows = max(1, _BAND * image.shape[0] // max(image.size, 1))
    for top in range(0, image.shape[0], rows):
        out[top : top + rows] = convert(image[top : top + rows])
    return out


def eight_bits(image: Image) -> Image:
    """Scale 16-bit samples to 8: ``round(v / 257)``."""
    return by_bands(lambda band: (band.astype(np.uint32) + 128) // 257, image, np.uint8)


def stretched(image: Image, black: int, white: int) -> Image:
    """Scale integer samples so that `black` becomes 0 and `white` the largest of the type; either may be it."""
    top = np.iinfo(image.dtype).max
    scale = np.float32(top / (white - black))

    def stretch(band: Image) -> Image:
        levels: Image = np.rint((band.astype(np.float32) - np.float32(black)) * scale)
        return levels.clip(0, top)

    return by_bands(stretch, image, image.dtype)


def from_linear(image: Image) -> Image:
    """Encode linear light from 0 to 1 as 16-bit sRGB; what is brighter becomes white, what is no number black.

    The transfer function is that of IEC 61966-2-1.
    """

    def encode(band: Image) -> Image:
        light: Image = np.clip(np.nan_to_num(band), 0, 1)
        curve: Image = 1.055 * light ** np.float32(1 / 2.4) - 0.055
        encoded: Image = np.where(light <= 0.0031308, 12.92 * light, curve) * 65535
        return encoded.round()

    return by_bands(encode, image, np.uint16)
