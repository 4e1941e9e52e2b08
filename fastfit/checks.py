"""Options read: what `Fit` takes in many forms, put into one."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastfit.channels import CHANNELS
from fastfit.errors import OptionError, describe
from fastfit.geometry import as_centering, as_share
from fastfit.types import Box, as_integer, as_number, as_sequence
from fastfit.words import CENTERINGS, FILLS, PLACES

__all__ = [
    "as_bounds",
    "as_channels",
    "as_dtype",
    "as_fill",
    "as_focus",
    "as_gap",
    "as_levels",
    "as_one_number",
    "as_one_of",
    "as_part",
]

_DTYPES = ("uint8", "float16", "float32")


def as_one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return the allowed word that a value is.

    Raises
    ------
    OptionError
    """
    for each in allowed:
        if isinstance(value, str) and value == each:
            return each
    raise OptionError(name, f"one of {', '.join(allowed)}", describe(value))


def _as_numbers(name: str, values: Any, count: int | None = None) -> tuple[float, ...]:
    expected = f"{count or 'one or more'} finite numbers"
    try:
        numbers = tuple(_plain_number(value) for value in as_sequence(values))
        finite = all(map(math.isfinite, numbers))
    except (TypeError, ValueError, OverflowError):
        raise OptionError(name, expected, describe(values)) from None
    if not finite or not numbers or (count and len(numbers) != count):
        raise OptionError(name, expected, describe(values))
    return numbers


def _plain_number(value: Any) -> float:
    """Return a number of any type as Python's own, whole ones as integers: equal specs are the same bytes, too."""
    number = as_number(value)
    return int(number) if number.is_integer() else number


def _is_one(value: Any) -> bool:
    try:
        as_sequence(value)
    except TypeError:  # an array of no dimensions, too
        return not isinstance(value, (str, bytes, bytearray, set, dict)) and value is not None
    return False


def as_one_number(name: str, value: Any) -> float:
    """Read a finite number of any type; it becomes one of Python's own.

    Raises
    ------
    OptionError
    """
    try:
        return _as_numbers(name, (value,), 1)[0]
    except OptionError:
        raise OptionError(name, "a finite number", describe(value)) from None


def as_fill(fill: Any) -> float | tuple[float, ...] | str:
    """Read a fill: one number, one for each channel, a colour in hexadecimal, or a word.

    Raises
    ------
    OptionError
    """
    if isinstance(fill, str):
        return _in_words(fill)
    if _is_one(fill):
        return as_one_number("fill", fill)
    values = _as_numbers("fill", fill)
    return values if len(values) > 1 else values[0]


def _in_words(fill: str) -> str:
    """Return a colour in six or eight digits, or what is made of the picture, by its name."""
    if fill in FILLS:
        return fill
    if not re.fullmatch(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", fill):
        words = ", ".join(FILLS)
        raise OptionError("fill", f"#rgb, #rrggbb, #rrggbbaa, numbers, or one of {words}", describe(fill))
    digits = fill[1:].lower()
    return f"#{''.join(2 * digit for digit in digits) if len(digits) == 3 else digits}"


def as_levels(name: str, values: Any, channels: int | None) -> tuple[float, ...] | None:
    """Read a mean or std: one number, or one for each channel; as a tuple.

    Raises
    ------
    OptionError
    """
    if values is None:
        return None
    levels = (as_one_number(name, values),) if _is_one(values) else _as_numbers(name, values)
    if channels and len(levels) not in (1, channels):
        raise OptionError(name, f"1 or {channels} numbers", describe(values))
    if name == "std" and 0 in levels:
        raise OptionError(name, "numbers other than 0", describe(values))
    return levels


def as_channels(value: Any) -> int | None:
    """Read a number of channels that images can be given.

    Raises
    ------
    OptionError
    """
    try:
        channels = None if value is None else as_integer(value)
    except TypeError:
        channels = 0
    if channels not in (None, *CHANNELS):
        raise OptionError("channels", f"None or one of {', '.join(map(str, CHANNELS))}", describe(value))
    return channels


def as_dtype(value: Any) -> str | None:
    """Read a dtype of results, by its name or as NumPy has it.

    Raises
    ------
    OptionError
    """
    if value is None:
        return None
    if not isinstance(value, str):
        try:
            dtype = np.dtype(value)
        except (TypeError, ValueError):
            raise OptionError("dtype", f"one of {', '.join(_DTYPES)}", describe(value)) from None
        value = dtype.name if dtype.isnative else dtype.str
    return as_one_of("dtype", value, _DTYPES)


def as_part(values: Any) -> tuple[float, ...] | None:
    """Read a box as far as it can be without an image.

    Raises
    ------
    OptionError
    """
    if values is None:
        return None
    box = _as_numbers("box", values, 4)
    if not (0 <= box[0] < box[2] and 0 <= box[1] < box[3]):
        raise OptionError("box", "(left, top, right, bottom), not empty", describe(values))
    return box


def as_gap(gap: Any) -> float | None:
    """Read a reducing gap: at least 1.

    Raises
    ------
    OptionError
    """
    if gap is None:
        return None
    number = as_one_number("reducing_gap", gap)
    if number < 1:
        raise OptionError("reducing_gap", "a number of at least 1", describe(gap))
    return number


def as_focus(value: Any) -> tuple[float, float] | str:
    """Read a centering: two numbers, a place by its name, or that the picture decides.

    Raises
    ------
    OptionError
    """
    if isinstance(value, str) and value not in PLACES:
        try:
            return as_one_of("centering", value, CENTERINGS)
        except OptionError:
            words = ", ".join((*PLACES, *CENTERINGS))
            raise OptionError("centering", f"(x, y) or one of {words}", describe(value)) from None
    return as_centering(value)


_FRACTIONS = ("left_fraction", "top_fraction", "right_fraction", "bottom_fraction")


def as_bounds(value: Any) -> Box | None:
    """Read the edges of a crop as fractions of the picture, by their names or in their order.

    Raises
    ------
    OptionError
        Other names or another number of them; not from 0 to 1, or empty.
    """
    if value is None:
        return None
    expected = f"{', '.join(_FRACTIONS)}, from 0 to 1, left before right and top before bottom"
    if isinstance(value, Mapping):
        if value.keys() != set(_FRACTIONS):
            raise OptionError("crop_bounds", expected, describe(value))
        value = [value[name] for name in _FRACTIONS]
    try:
        edges = [as_share("crop_bounds", edge) for edge in as_sequence(value)]
    except (TypeError, OptionError):
        edges = []
    if len(edges) != 4 or edges[0] >= edges[2] or edges[1] >= edges[3]:
        raise OptionError("crop_bounds", expected, describe(value))
    return Box(*edges)
