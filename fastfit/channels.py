"""Grey, colour and alpha: from one number of channels to another."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fastfit.errors import OptionError
from fastfit.types import MOST_COLORED, Image

__all__ = ["CHANNELS", "flatten", "to_channels"]

CHANNELS = (1, 3, 4)
"""What `to_channels` can make: grey, RGB, RGBA."""


def to_channels(image: Image, channels: int, ground: npt.NDArray[Any], *, alpha: bool) -> Image:
    """Make an image grey, RGB or RGBA.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``; only read.
    channels : {1, 3, 4}
        How many the result has.
    ground : ndarray, (1,) or (channels,)
        What shows through where an image with alpha loses it, in the image's own range.
    alpha : bool
        Whether the last of 2 or 4 channels is alpha.

    Returns
    -------
    ndarray, (H, W, channels)
        Of the same dtype; `image` itself if it has as many.

    Raises
    ------
    OptionError
        The image has 2 or 4 channels, none of them alpha, or more: nobody can say what to drop.

    Notes
    -----
    Grey is Pillow's "L", ITU-R BT.601 in 16-bit fractions. An alpha that was not there is opaque: the largest
    integer, or 1.0.
    """
    given = image.shape[2]
    if given == channels:
        return image
    has_alpha = given in (2, 4)
    if given > MOST_COLORED:
        raise OptionError("channels", f"None for an image of {given}: it has no colors", str(channels))
    if has_alpha and not alpha:
        raise OptionError("channels", f"{given} or None for an image of {given} without alpha", str(channels))
    colours, veil = (image[..., :-1], image[..., -1:]) if has_alpha else (image, None)
    if channels == 1 and colours.shape[2] == 3:
        colours = _grey(colours)
    elif channels > 1 and colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    if channels == 4:
        return np.concatenate([colours, _opaque(image) if veil is None else veil], axis=2)
    return colours if veil is None else _over(colours, veil, ground)


def flatten(image: Image, ground: npt.NDArray[Any]) -> Image:
    """Lay an image over a colour.

    Parameters
    ----------
    image : ndarray, (H, W, 2) or (H, W, 4)
        ``uint8``, ``uint16`` or ``float32``, then from 0 to 1; the last channel is alpha. Only read.
    ground : ndarray, (1,) or (C - 1,)
        The colour, in the image's own range.

    Returns
    -------
    ndarray, (H, W, C - 1)
        Of the same dtype: ``colour·a + ground·(1 - a)``; integers are rounded.
    """
    return _over(image[..., :-1], image[..., -1:], ground)


def _over(colours: Image, alpha: Image, ground: npt.NDArray[Any]) -> Image:
    share = alpha.astype(np.float32) / np.float32(_top(colours.dtype))
    blended: Image = colours * share + ground.astype(np.float32) * (1 - share)
    if np.issubdtype(colours.dtype, np.integer):
        np.rint(blended, out=blended)
    return blended.astype(colours.dtype)


def _grey(image: Image) -> Image:
    red, green, blue = (image[..., channel : channel + 1] for channel in range(3))
    if not np.issubdtype(image.dtype, np.integer):
        luma: Image = (red * np.float32(19595) + green * np.float32(38470) + blue * np.float32(7471)) / 65536
        return luma.astype(image.dtype)
    total: npt.NDArray[Any] = red * np.uint32(19595) + green * np.uint32(38470) + blue * np.uint32(7471)
    total += np.uint32(1 << 15)
    total >>= np.uint32(16)
    return total.astype(image.dtype)


def _opaque(image: Image) -> Image:
    return np.full((*image.shape[:2], 1), _top(image.dtype), image.dtype)


@cache
def _top(dtype: np.dtype[Any]) -> float:
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0
