"""`fit`, `pad`, `cover`, `stretch`: one image, all options in the call."""

from typing import Any, Unpack

from fastfit.spec import Fit, Options
from fastfit.types import Image, SizeLike
from fastfit.words import Mode

__all__ = ["cover", "fit", "pad", "stretch"]


def fit(
    image: Any,
    size: SizeLike | None = None,
    mode: Mode = "cover",
    *,
    out: Image | None = None,
    **options: Unpack[Options],
) -> Image:
    """Make an image exactly `size`.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C); PIL image; tensor
        Any C; ``uint8``, ``uint16`` or ``float32``; any strides. Only read.
    size, mode, **options
        As in `Fit`.
    out : ndarray, optional
        Written and returned instead of a new array.

    Returns
    -------
    ndarray, (height, width) or (height, width, C)
        Of the image's dtype, if no option says otherwise; `out`, or a new array that is the caller's.

    Raises
    ------
    SizeError, OptionError, ImageError
        See `Fit`.

    Examples
    --------
    >>> import numpy as np
    >>> fit(np.zeros((3000, 4000, 3), np.uint8), (1280, 720)).shape
    (720, 1280, 3)
    """
    return Fit(size, mode, **options)(image, out)


def pad(
    image: Any, size: SizeLike | None = None, *, out: Image | None = None, **options: Unpack[Options]
) -> Image:
    """Show the whole image within `size`, the rest filled: `fit` with ``mode="pad"``.

    Examples
    --------
    >>> import numpy as np
    >>> pad(np.zeros((300, 400), np.uint8), (640, 360), fill=255)[0, 0]
    np.uint8(255)
    """
    return Fit(size, "pad", **options)(image, out)


def cover(
    image: Any, size: SizeLike | None = None, *, out: Image | None = None, **options: Unpack[Options]
) -> Image:
    """Fill `size` with the image and crop what is over: `fit` with ``mode="cover"``.

    Examples
    --------
    >>> import numpy as np
    >>> cover(np.zeros((300, 400, 4), np.uint8), (224, 224)).shape
    (224, 224, 4)
    """
    return Fit(size, "cover", **options)(image, out)


def stretch(
    image: Any, size: SizeLike | None = None, *, out: Image | None = None, **options: Unpack[Options]
) -> Image:
    """Make the image `size` whatever its aspect: `fit` with ``mode="stretch"``.

    Examples
    --------
    >>> import numpy as np
    >>> stretch(np.zeros((1, 10000, 1), np.float32), (1280, 720)).shape
    (720, 1280, 1)
    """
    return Fit(size, "stretch", **options)(image, out)
