"""Samples of 16 bits, and of linear light, as others store them."""

import numpy as np

from fastfit.types import Image

__all__ = ["eight_bits", "from_linear"]


def eight_bits(image: Image) -> Image:
    """Scale 16-bit samples to 8: ``round(v / 257)``."""
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)


def from_linear(image: Image) -> Image:
    """Encode linear light from 0 to 1 as 16-bit sRGB; what is brighter becomes white, what is no number black.

    The transfer function is that of IEC 61966-2-1.
    """
    light: Image = np.clip(np.nan_to_num(image), 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 65535), np.uint16)
