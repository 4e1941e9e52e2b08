"""How an image is convolved: what each axis reads, and which comes first. Arithmetic only."""

from typing import NamedTuple

import numpy as np

from fastfit.types import Box, Size

__all__ = ["HIDDEN", "SUPPORT", "Axis", "Passes", "plan_passes"]

SUPPORT = {
    "box": 0.5,
    "bilinear": 1.0,
    "hamming": 1.0,
    "bicubic": 2.0,
    "lanczos": 3.0,
    "mks2013": 2.5,
    "mks2021": 4.5,
}
"""The convolution filters, and the distance from the center beyond which each is zero, in pixels of the result.

Their order is that of the compiled kernel.
"""
HIDDEN = 2.0**-17
"""Colors of 16 bits and floats become 0 under no more alpha than this share of the full value: nobody sees them,
and what is left of them after ringing is noise."""
_SHARPENS = ("mks2013", "mks2021")
"""Filters that change an image even where it keeps its size."""


class Axis(NamedTuple):
    """One axis of a resize: lines `begin` to `end` of the `n_out` that show ``[low, high)`` of `n_in` lines."""

    resample: str
    n_in: int
    n_out: int
    low: float
    high: float
    begin: int
    end: int


class Passes(NamedTuple):
    """How an image becomes another; an axis that is None is copied from `left` or `top` on."""

    across: Axis | None
    down: Axis | None
    left: int
    top: int
    size: Size
    """Of the result, which is a window of the whole resize."""
    height_first: bool


def plan_passes(source: Size, target: Size, box: Box, window: Box, resample: str) -> Passes:
    """Plan a convolution as Pillow 13 does in ``ImagingResampleInner``.

    Parameters
    ----------
    source, target : Size
        Of the whole image, and of the whole resize.
    box : Box
        What the whole resize shows: sub-pixel, within the source. Pillow takes it as C floats.
    window : Box
        What of the resize is wanted: whole pixels, within `target`.
    resample : str
        A key of `SUPPORT`.

    Notes
    -----
    An axis whose lines are those of the source is not filtered. Height comes first if it loses more than twice
    what the width loses: of the whole images, so that a window has the pixels of the whole.
    """
    left, top, right, bottom = (float(np.float32(edge)) for edge in box)
    across = _axis(source.width, target.width, left, right, int(window.left), int(window.right), resample)
    down = _axis(source.height, target.height, top, bottom, int(window.top), int(window.bottom), resample)
    lost = source.height - target.height
    first = lost > 0 and lost > 2 * (source.width - target.width)
    size = Size(int(window.width), int(window.height))
    return Passes(across, down, int(left + window.left), int(top + window.top), size, first)


def _axis(n_in: int, n_out: int, low: float, high: float, begin: int, end: int, resample: str) -> Axis | None:
    same = low == int(low) and high == low + n_out
    if same and (resample not in _SHARPENS or n_in == n_out):
        return None
    return Axis(resample, n_in, n_out, low, high, begin, end)
