"""The types that the rest of the package is written in: sizes, boxes, array aliases; and how they are read."""

import math
import operator
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from fastfit.errors import OptionError, SizeError, describe

__all__ = ["Box", "Image", "Size", "SizeLike", "as_box", "as_size"]

MOST_PIXELS = 1 << 24
"""The longest side: up to here a C float, in which Pillow takes the edges of boxes, holds every integer."""
MOST_COLORED = 4
"""Channels of images that have colors; those with more are fitted channel by channel."""
Image: TypeAlias = npt.NDArray[Any]
"""``(H, W)`` or ``(H, W, C)``; ``uint8``, ``uint16`` or ``float32``."""


_SIZE = re.compile(r"\s*([0-9]{1,9})\s*[xX×]\s*([0-9]{1,9})\s*")


class Size(NamedTuple):
    """A size in pixels, width first."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


SizeLike: TypeAlias = Size | Sequence[int] | str


class Box(NamedTuple):
    """A rectangle in pixels, ``(left, top, right, bottom)``; pixel *i* covers ``[i, i + 1)``."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Extent along x, in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Extent along y, in pixels."""
        return self.bottom - self.top


def as_size(value: SizeLike, name: str = "size") -> Size:
    """Read a size.

    Parameters
    ----------
    value : Size, (int, int) or str
        ``(width, height)`` or ``"1280x720"``; both from 1 to `MOST_PIXELS`.
    name : str
        The parameter's name, for the error.

    Returns
    -------
    Size

    Raises
    ------
    SizeError
        Anything else, including floats and bools.
    """
    expected = f'two integers (width, height) from 1 to {MOST_PIXELS} or "WIDTHxHEIGHT"'
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        sides: Sequence[Any] = match.groups() if match else ()
        numbers = [int(side) for side in sides]
    else:
        try:
            numbers = [as_integer(side) for side in as_sequence(value)]
        except TypeError:
            raise SizeError(name, expected, describe(value)) from None
    if len(numbers) != 2 or min(numbers) < 1 or max(numbers) > MOST_PIXELS:
        raise SizeError(name, expected, describe(value))
    return Size(*numbers)


def is_size(text: str) -> bool:
    """Tell whether a text is meant as a size, ``1280x720``, and not as a name of one."""
    return _SIZE.fullmatch(text) is not None


def as_box(value: Sequence[float], size: Size, name: str = "box") -> Box:
    """Read a box that must lie within an image of `size`.

    Raises
    ------
    OptionError
        Not four finite numbers, empty, or beyond the image.
    """
    expected = f"(left, top, right, bottom) within {size.width}x{size.height} and not empty"
    try:
        box = Box(*(as_number(side) for side in value))
    except (TypeError, ValueError, OverflowError):
        raise OptionError(name, expected, describe(value)) from None
    inside = 0 <= box.left < box.right <= size.width and 0 <= box.top < box.bottom <= size.height
    if not inside:
        raise OptionError(name, expected, describe(value))
    return box


def as_integer(value: Any) -> int:
    """Return an integer of any type; not a bool, and not a float that happens to be whole.

    Raises
    ------
    TypeError
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError
    return operator.index(value)


def as_whole(name: str, value: Any, most: int) -> int:
    """Read an integer from 1 to `most`.

    Raises
    ------
    OptionError
    """
    try:
        number = as_integer(value)
    except TypeError:
        number = 0
    if not 1 <= number <= most:
        raise OptionError(name, f"an integer from 1 to {most}", describe(value))
    return number


def as_aspect(name: str, value: Any) -> float:
    """Read how many times longer one side is than the other: a finite number of at least 1.

    Raises
    ------
    OptionError
    """
    try:
        aspect = as_number(value)
    except (TypeError, ValueError, OverflowError):
        aspect = 0.0
    if not 1 <= aspect < math.inf:
        raise OptionError(name, "a finite number of at least 1", describe(value))
    return aspect


def as_number(value: Any) -> float:
    """Return a number of any type as a float; not text that could be read as one, and no bool.

    Raises
    ------
    TypeError, ValueError, OverflowError
    """
    kind = value.dtype.kind if isinstance(value, (np.ndarray, np.generic)) else ""
    if isinstance(value, (str, bytes, bytearray, bool, complex)) or (kind and kind not in "iuf") or np.ndim(value):
        raise TypeError
    return float(value)


def as_flag(name: str, value: Any) -> bool:
    """Return what says of itself that it is true or false, as ``np.True_`` does, but no number and no word.

    Raises
    ------
    OptionError
    """
    if not isinstance(value, (bool, np.bool_)):
        raise OptionError(name, "True or False", describe(value))
    return bool(value)


def as_sequence(value: Any) -> Sequence[Any]:
    """Return values that come in an order: a list, a tuple, an array, a tensor; not text, bytes, sets or dicts.

    Raises
    ------
    TypeError
    """
    if not isinstance(value, np.ndarray) and hasattr(value, "tolist"):  # as tensors of most libraries
        value = value.tolist()
    if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, (Sequence, np.ndarray)):
        raise TypeError
    return list(value)
