"""What goes in and out of a fit: images of any library, fills and `out`, checked."""

import os
import struct
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from fastfit.errors import ImageError, OptionError, describe
from fastfit.pillow_memory import samples
from fastfit.types import MOST_COLORED, Image

__all__ = [
    "Fill",
    "as_array",
    "as_image",
    "as_levels",
    "check_form",
    "check_out",
    "colour_levels",
    "describe_out",
    "fill_for",
    "is_packed",
    "overlap",
]

Fill: TypeAlias = float | Sequence[float] | str

_DTYPES = (np.uint8, np.uint16, np.float32)
# Pillow's modes whose samples are grey, RGB and alpha as they lie in memory, and what others can be turned into.
_MODES = {"L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "F": "F", "I;16": "I;16"}
_MODES |= {"1": "L", "P": "RGB", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "RGBX": "RGB"}
_KEYED = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
"""Modes of which one level or colour may be transparent."""
_RAISED_BY_PILLOW = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, AssertionError),
    struct.error,
)
_ORIENTATION = 0x0112
# What ``PIL.ImageOps.exif_transpose`` does for each orientation, as ``PIL.Image.Transpose`` counts.
_TRANSPOSES = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}


def as_array(image: Any) -> Image:
    """Return an image of another library as an array; memory is shared where the library shares it.

    Parameters
    ----------
    image : object
        An array; a ``PIL.Image.Image``, which is turned upright if it has an orientation, and becomes grey, RGB or
        RGBA if it has a palette, inks or a transparent level; or anything with ``__array_interface__``,
        ``__array__`` or ``__dlpack__`` in the memory of the CPU, such as a ``torch.Tensor``.

    Raises
    ------
    ImageError
        Nothing of that kind, or a mode of Pillow's that is no picture.
    """
    if isinstance(image, np.ndarray):
        return image
    if hasattr(image, "getbands") and hasattr(image, "getexif"):
        return samples(_upright(image))
    try:
        if hasattr(image, "__array_interface__") or hasattr(image, "__array__"):
            return np.asarray(image)
        if hasattr(image, "__dlpack__"):
            return np.from_dlpack(image)
    except (TypeError, ValueError, RuntimeError, BufferError, AttributeError) as error:
        # A tensor on a GPU or with a gradient, a dtype that NumPy has not.
        raise ImageError("image", "what NumPy can read", f"a {type(image).__name__} ({error})") from error
    raise ImageError("image", "an array, a PIL image or a tensor", f"a {type(image).__name__}")


def as_image(image: Image) -> Image:
    """Check an array and return a view of it with a channel axis.

    Raises
    ------
    ImageError
    """
    check_form(image.shape, image.dtype)
    return image if image.ndim == 3 else image[..., None]


def check_form(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse a shape or dtype that no image has.

    Raises
    ------
    ImageError
    """
    if dtype not in _DTYPES or not dtype.isnative:
        raise ImageError("image", "dtype uint8, uint16 or float32", f"{dtype.str} ({dtype.name})")
    first = len(shape) == 3 and 1 <= shape[0] <= 4 < shape[2]
    if len(shape) not in (2, 3) or first:
        got = describe(shape)
        if first:
            got += ": channels first? permute(1, 2, 0) of a tensor and np.moveaxis(…, 0, -1) put them last"
        raise ImageError("image", "shape (H, W) or (H, W, C)", got)
    if 0 in shape:
        raise ImageError("image", "at least one pixel", f"shape {shape}")


@lru_cache(maxsize=256)
def fill_for(fill: float | tuple[float, ...] | str, dtype: np.dtype[Any], channels: int) -> Image:
    """Return the fill as ``(1,)`` or ``(channels,)`` samples of a dtype; cached and shared, so read-only.

    Raises
    ------
    OptionError
        Neither one value nor one for each channel, or beyond what the dtype holds.
    """
    if isinstance(fill, str):  # a colour, in levels of 8 bits, of whatever range the image has
        if channels > MOST_COLORED:
            raise OptionError(
                "fill", f"levels for {channels} channels; colors have up to {MOST_COLORED}", describe(fill)
            )
        scale = np.iinfo(dtype).max / 255 if np.issubdtype(dtype, np.integer) else 1 / 255
        fill = tuple(level * scale for level in colour_levels(as_levels(fill), channels))
    values = np.atleast_1d(np.asarray(fill, dtype=np.float64))
    if values.size not in (1, channels):
        raise OptionError("fill", f"1 or {channels} values for this image", describe(fill))
    if np.issubdtype(dtype, np.integer):
        top = np.iinfo(dtype).max
        if values.min() < 0 or values.max() > top:
            raise OptionError("fill", f"values from 0 to {top} for {dtype}", describe(fill))
        values = np.rint(values)
    elif np.abs(values).max() > np.finfo(dtype).max:
        raise OptionError("fill", f"values that {dtype} holds", describe(fill))
    samples = values.astype(dtype)
    samples.flags.writeable = False
    return samples


def as_levels(colour: str) -> tuple[int, ...]:
    """Return ``#rrggbb`` or ``#rrggbbaa`` as levels."""
    return tuple(bytes.fromhex(colour[1:]))


def colour_levels(levels: Sequence[float], channels: int) -> list[float]:
    """Return a colour, (r, g, b) or (r, g, b, a) in levels of 8 bits, as a level for each channel of an image."""
    red, green, blue, *alpha = levels
    if channels <= 2:  # ITU-R BT.601, as Pillow's conversion to "L"
        red = green = blue = (19595 * red + 38470 * green + 7471 * blue) / 65536
    found = [red] if channels <= 2 else [red, green, blue]
    if channels in (2, 4):
        found += alpha or [255.0]
    return [float(round(level)) for level in found]


def check_out(out: Image, image: Image, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an array that the result of fitting `image`, of this shape and dtype, cannot be written into.

    Raises
    ------
    OptionError
    """
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        raise OptionError("out", f"an array of {dtype} {shape}", describe_out(out))
    if not out.flags.writeable:
        raise OptionError("out", "a writeable array", "a read-only one")
    if overlap(out, image):
        raise OptionError("out", "memory apart from the image's", "an overlap")


def describe_out(out: Any) -> str:
    """Return what an error says of an `out` that is none."""
    if isinstance(out, np.ndarray):
        return f"{out.dtype} {out.shape}"
    return f"a {type(out).__name__}; its numpy() may be one" if hasattr(out, "numpy") else describe(out)


def is_packed(out: Image) -> bool:
    """Tell whether the pixels of a row lie side by side, as OpenCV and the products write ``(H, W, C)``."""
    height, width, channels = out.shape
    if height == 1 or width == 1:  # NumPy lets such axes have any stride, and OpenCV does not
        return False
    row, pixel, sample = out.strides
    side_by_side = sample == out.itemsize or (channels == 1 and sample <= pixel)
    return bool(side_by_side and pixel == channels * out.itemsize and row >= width * pixel)


def overlap(out: Image, image: Image) -> bool:
    """Tell whether two arrays share a sample."""
    # Within the same bounds the exact answer may take long for odd strides; for images it does not.
    return np.may_share_memory(out, image) and np.shares_memory(out, image)


def _upright(image: Any) -> Any:
    """Return a PIL image as a viewer shows it, by its own methods: Pillow need not be here."""
    mode = image.mode
    try:
        # Pillow reads at the first look, and the same image may be looked at by several threads.
        with _looks[id(image) // 64 % len(_looks)]:
            image.load()  # TIFFs are turned by that, and lose their tag
            turn = _TRANSPOSES.get(image.getexif().get(_ORIENTATION, 1))
            wanted = _mode_of(image)
            if wanted not in (mode, None):
                image = image.convert(wanted)
            if turn is not None and wanted is not None:
                image = image.transpose(turn)
    except _RAISED_BY_PILLOW as error:
        raise ImageError("image", "a whole PIL image", f"a {type(image).__name__} ({error})") from error
    if wanted is None:
        raise ImageError("image", 'a PIL image of a mode like "RGB", by convert("RGB")', f'mode "{mode}"')
    return image


def _mode_of(image: Any) -> str | None:
    """Return the mode that shows what a PIL image shows; None where there is none."""
    if "transparency" in image.info and image.mode in (*_KEYED, "I;16"):
        return _KEYED.get(image.mode)
    if image.mode == "P" and image.palette is not None and image.palette.mode.endswith("A"):
        return "RGBA"
    return _MODES.get(image.mode)


def _new_looks() -> list[threading.Lock]:
    return [threading.Lock() for _ in range(64)]


_looks = _new_looks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _looks.__setitem__(slice(None), _new_looks()))
