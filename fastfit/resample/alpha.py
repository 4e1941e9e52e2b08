"""Premultiplied alpha: without it, colours hidden under transparent pixels bleed into visible ones."""

import cv2
import numpy as np

from fastfit.resample.scratch import scratch
from fastfit.types import Image

# Colours under less alpha than this share of the full value are set to 0: nobody sees them, and what is left of
# them after ringing is noise.
_VISIBLE = 2.0**-17
# What 8-bit colours are divided by: as much as they are multiplied by, where there is no alpha.
_DIVISORS = np.array([255, *range(1, 256)], np.uint8)
# How many pixels are looked at before the next: a strip that stays in the cache.
_LOOKED_AT = 1 << 16
# Makes rounding down of rounding to the nearest: quotients by up to 255 are whole or 1/255 below, at least.
_DOWN = -0.5 + 1 / 512


def premultiply(image: Image) -> Image:
    """Multiply the colours by the alpha channel, the last.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        Only read.

    Returns
    -------
    ndarray, (H, W, C)
        ``uint8`` rounded to 8 bits as Pillow does (``RGBA`` to ``RGBa``), or, for ``uint16`` and ``float32``,
        ``float32`` products that are not scaled back: `unpremultiply` divides by the same unit. 8 bits are in
        working memory, until the next call in the same thread.
    """
    if image.dtype == np.uint8:
        *colours, alpha = _planes(image)
        for colour in colours:
            # Exactly Pillow's MULDIV255 for all 65536 pairs: a·b/255 is never halfway between integers.
            cv2.multiply(colour, alpha, colour, scale=1 / 255)
        return cv2.merge([*colours, alpha], scratch("premultiplied", image.shape, np.uint8))
    product = image.astype(np.float32)
    with np.errstate(all="ignore"):
        product[..., :-1] *= product[..., -1:]
    return product


def unpremultiply(image: Image) -> None:
    """Divide the colours by the alpha channel, in place.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``: Pillow's integer division, rounded down and clipped; colours under alpha 0 stay as they are.
        ``float32``: colours under (next to) no alpha become 0.
    """
    if image.dtype == np.uint8:
        *colours, alpha = _planes(image)
        divisor = cv2.LUT(alpha, _DIVISORS, scratch("divisor", alpha.shape, np.uint8))
        quotient = scratch("quotient", alpha.shape, np.float32)
        for colour in colours:
            cv2.divide(colour, divisor, quotient, scale=255.0, dtype=cv2.CV_32F)
            cv2.convertScaleAbs(quotient, colour, beta=_DOWN)
        cv2.merge([*colours, alpha], image)
    else:
        alpha = image[..., -1]
        with np.errstate(all="ignore"):  # what is not finite stays where it is
            most = float(np.max(alpha, where=np.isfinite(alpha), initial=0.0))
            hidden = alpha <= _VISIBLE * most
            image[..., :-1] /= alpha[..., None]
            image[hidden, :-1] = 0


def _planes(image: Image) -> list[Image]:
    """Return the channels of an 8-bit image as ``(H, W)`` in working memory."""
    planes = [scratch(f"plane {index}", image.shape[:2], np.uint8) for index in range(image.shape[2])]
    return list(cv2.split(image, planes))


def opaque(image: Image) -> bool:
    """Tell whether the last channel of an 8-bit image ``(H, W, C)`` is 255 throughout."""
    last = image.shape[2] - 1
    rows = -(-_LOOKED_AT // image.shape[1])
    strips = (image[at : at + rows] for at in range(0, image.shape[0], rows))
    return image.dtype == np.uint8 and all(int(cv2.extractChannel(strip, last).min()) == 255 for strip in strips)
