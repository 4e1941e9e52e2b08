"""Premultiplied alpha for 16 bits and floats; the kernel does that of 8 bits itself."""

import numpy as np

from fastfit.types import Image

__all__ = ["premultiplied", "unpremultiply"]

_VISIBLE = 2.0**-17
"""Colors under less alpha than this share of the full value are set to 0: nobody sees them, and what is left of them
after ringing is noise."""


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


def unpremultiply(image: Image) -> None:
    """Divide the colors of ``(H, W, C)`` floats by the alpha channel, in place; those under (next to) none become 0."""
    alpha = image[..., -1]
    with np.errstate(all="ignore"):  # what is not finite stays where it is
        most = float(np.max(alpha, where=np.isfinite(alpha), initial=0.0))
        hidden = alpha <= _VISIBLE * most
        image[..., :-1] /= alpha[..., None]
        image[hidden, :-1] = 0
