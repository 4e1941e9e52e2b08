"""Premultiplied alpha for 16 bits and floats; the kernel does that of 8 bits itself."""

import numpy as np

from fastfit.types import Image

__all__ = ["most_alpha", "premultiplied", "unpremultiply"]

_VISIBLE = 2.0**-17
"""Colors under less alpha than this share of the most there is are set to 0: nobody sees them, and what is left of
them after ringing is noise."""


def premultiplied(image: Image) -> Image:
    """Multiply the colors by the alpha channel, the last: without it, colors under transparent pixels bleed.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint16`` or ``float32``; only read.

    Returns
    -------
    ndarray, (H, W, C), float32
        A new array. The products are not scaled back: `unpremultiply` divides by the same unit.
    """
    product = image.astype(np.float32)
    with np.errstate(all="ignore"):
        product[..., :-1] *= product[..., -1:]
    return product


def most_alpha(image: Image) -> float:
    """Return the largest finite alpha of ``(H, W, C)`` floats, or 0."""
    alpha = image[..., -1]
    return float(np.max(alpha, where=np.isfinite(alpha), initial=0.0))


def unpremultiply(image: Image, most: float) -> None:
    """Divide the colors of ``(H, W, C)`` floats by the alpha channel, in place.

    Those under next to none become 0, compared with `most`, the most alpha of the source: so what a pixel becomes
    does not depend on which others are made with it.
    """
    alpha = image[..., -1]
    with np.errstate(all="ignore"):  # what is not finite stays where it is
        hidden = alpha <= _VISIBLE * most
        image[..., :-1] /= alpha[..., None]
        image[hidden, :-1] = 0
