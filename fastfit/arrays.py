"""What goes in and out of a fit: images, fills and `out`, checked."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from fastfit.errors import ImageError, OptionError, describe
from fastfit.types import Image, Size

__all__ = ["Fill", "as_image", "check_out", "fill_for"]

Fill: TypeAlias = float | Sequence[float]

_DTYPES = (np.uint8, np.uint16, np.float32)


def as_image(image: Image) -> Image:
    """Check an image and return a view of it with a channel axis.

    Raises
    ------
    ImageError
    """
    if not isinstance(image, np.ndarray):
        raise ImageError("image", "a numpy.ndarray", f"a {type(image).__name__}")
    if image.dtype not in _DTYPES or not image.dtype.isnative:
        raise ImageError("image", "dtype uint8, uint16 or float32", f"{image.dtype.str} ({image.dtype.name})")
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 1 <= image.shape[2] <= 4):
        raise ImageError("image", "shape (H, W) or (H, W, C) with C from 1 to 4", describe(image.shape))
    if 0 in image.shape:
        raise ImageError("image", "at least one pixel", f"shape {image.shape}")
    return image if image.ndim == 3 else image[..., None]


def fill_for(fill: Fill, image: Image) -> Image:
    """Return the fill as an array that broadcasts over the image's channels.

    Raises
    ------
    OptionError
        Neither one value nor one for each channel, or beyond what the dtype holds.
    """
    values = np.atleast_1d(np.asarray(fill, dtype=np.float64))
    channels = image.shape[2]
    if values.size not in (1, channels):
        raise OptionError("fill", f"1 or {channels} values for this image", describe(fill))
    if np.issubdtype(image.dtype, np.integer):
        top = np.iinfo(image.dtype).max
        if values.min() < 0 or values.max() > top:
            raise OptionError("fill", f"values from 0 to {top} for {image.dtype}", describe(fill))
        values = np.rint(values)
    elif np.abs(values).max() > np.finfo(image.dtype).max:
        raise OptionError("fill", f"values that {image.dtype} holds", describe(fill))
    return values.astype(image.dtype)


def check_out(out: Image, image: Image, size: Size) -> None:
    """Refuse an array that the result of fitting `image` to `size` cannot be written into.

    Raises
    ------
    OptionError
    """
    shape = (size.height, size.width, *image.shape[2:])
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != image.dtype:
        got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else describe(out)
        raise OptionError("out", f"an array of {image.dtype} {shape}", got)
    if not out.flags.writeable:
        raise OptionError("out", "a writeable array", "a read-only one")
    if _overlap(out, image):
        raise OptionError("out", "memory apart from the image's", "an overlap")


def _overlap(out: Image, image: Image) -> bool:
    # Within the same bounds the exact answer may take long for odd strides; for images it does not.
    return np.may_share_memory(out, image) and np.shares_memory(out, image)
