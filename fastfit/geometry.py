"""Where every pixel goes: `plan` turns sizes and a mode into two rectangles. Arithmetic only."""

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from fastfit.errors import OptionError, describe
from fastfit.placement import Placement
from fastfit.types import Box, Size, SizeLike, as_box, as_number, as_sequence, as_size
from fastfit.words import MAX_CROP, MODES, PLACES, Mode

__all__ = ["Plan", "plan"]


@dataclass(frozen=True, slots=True)
class Plan(Placement):
    """What a fit does to an image: read `crop`, write it to `inner`, fill the rest.

    Immutable and hashable; equal inputs give equal plans. `inner` is on whole pixels; in a `window` of a plan it
    may reach beyond the result. What a plan does to the picture its methods do to annotations: `points`, `boxes`,
    `mask`; `inverse` goes the way back.
    """

    canvas: Box | None = None
    """In a `window`: where the whole result lies, in pixels of this one. None in a plan of the whole."""

    @property
    def inner_size(self) -> Size:
        """Size that the crop is resized to, at least 1×1."""
        return Size(int(self.inner.width), int(self.inner.height))

    def in_floats(self) -> "Plan":
        """Return the plan with `crop` as Pillow's C code takes it, and so the convolutions.

        Edges become C floats, and their distance becomes one: what is off by up to 1e-4 pixels of a large source.
        """
        left, right = _in_floats(self.crop.left, self.crop.right)
        top, bottom = _in_floats(self.crop.top, self.crop.bottom)
        return replace(self, crop=Box(left, top, right, bottom))

    @property
    def shown(self) -> Box:
        """The part of the result that holds the picture: `inner`, as far as the result reaches."""
        left, top, right, bottom = self.inner
        return Box(max(left, 0), max(top, 0), min(right, self.dst.width), min(bottom, self.dst.height))

    @property
    def shown_of_crop(self) -> Box:
        """The same in pixels of the whole resized crop, which `inner` holds."""
        return _moved(self.shown, self.inner.left, self.inner.top)

    @property
    def cropped(self) -> float:
        """Share of the source that is not shown, from 0 to 1."""
        width = self.crop.width * self.shown.width / self.inner.width
        height = self.crop.height * self.shown.height / self.inner.height
        return max(0.0, 1.0 - width / self.src.width * (height / self.src.height))

    @property
    def padded(self) -> float:
        """Share of the result that is filled and shows no picture, from 0 to 1."""
        return 1.0 - self.shown.width / self.dst.width * (self.shown.height / self.dst.height)

    def window(self, box: Sequence[float]) -> "Plan":
        """Return the plan that makes only a part of the result, equal to cutting it out of the whole.

        A crop that follows a resize (``Resize(256)``, then ``CenterCrop(224)``), and tiles, are such parts: their
        pixels are those of the whole, which no crop of the source gives.

        Parameters
        ----------
        box : (int, int, int, int)
            ``(left, top, right, bottom)`` in pixels of the result, within it; it must show some of the picture.

        Raises
        ------
        OptionError

        Examples
        --------
        >>> plan((640, 480), (341, 256), "stretch").window((58, 16, 282, 240)).inner
        Box(left=-58, top=-16, right=283, bottom=240)
        """
        part = as_box(box, self.dst)
        if any(edge != int(edge) for edge in part):
            raise OptionError("box", "whole pixels of the result", describe(box))
        left, top, right, bottom = (int(edge) for edge in part)
        inner = _moved(self.inner, left, top)
        canvas = _moved(self.canvas or Box(0, 0, *self.dst), left, top)
        size = Size(right - left, bottom - top)
        found = replace(self, dst=size, inner=inner, canvas=None if canvas == (0, 0, *size) else canvas)
        if found.shown.width < 1 or found.shown.height < 1:
            raise OptionError("box", "a part of the result that shows some of the picture", describe(box))
        return found

    @property
    def whole(self) -> "Plan":
        """The plan that this is a `window` of, or the plan itself."""
        if self.canvas is None:
            return self
        left, top, right, bottom = self.canvas
        size = Size(int(right - left), int(bottom - top))
        return replace(self, dst=size, inner=_moved(self.inner, left, top), canvas=None)

    def snapped(self) -> "Plan":
        """Return the plan with `crop` on whole pixels, as `cv2.resize` on an array slice needs it.

        Edges are rounded to the nearest pixel; a crop that would vanish keeps the pixel of its
        centre.
        """
        left, right = _snap(self.crop.left, self.crop.right, self.src.width)
        top, bottom = _snap(self.crop.top, self.crop.bottom, self.src.height)
        return replace(self, crop=Box(left, top, right, bottom))


def plan(
    src: SizeLike,
    dst: SizeLike,
    mode: Mode = "cover",
    *,
    centering: Sequence[float] | str = (0.5, 0.5),
    box: Sequence[float] | None = None,
    max_crop: float = MAX_CROP,
) -> Plan:
    """Compute what is read from a source of one size and where it is written in a result of another.

    The numbers are those of Pillow's ``ImageOps.fit`` (cover), ``ImageOps.pad`` (pad) and ``Image.resize``
    (stretch) for every pair of sizes where Pillow gives an answer. Where Pillow would round a side of the
    picture to 0 it becomes 1.

    Parameters
    ----------
    src, dst : Size, (int, int) or str
        Sizes of the source and of the result, ``(width, height)`` or ``"1280x720"``.
    mode : {"cover", "pad", "stretch", "auto"}
        ``cover`` fills the result and crops what is over; ``pad`` shows the whole picture and leaves
        borders; ``stretch`` changes the aspect; ``auto`` is ``cover``, or, where that crops away more than
        `max_crop`, ``pad``.
    centering : (float, float) or str
        Where the crop (cover) or the picture (pad) lies, from (0, 0), left and top, to (1, 1); or in words, as
        ``"top"`` and ``"bottom-left"``.
    box : (float, float, float, float), optional
        Use only this part of the source: ``(left, top, right, bottom)`` in pixels.
    max_crop : float
        For ``auto``: the share of the picture, or of its box, from 0 to 1.

    Returns
    -------
    Plan

    Raises
    ------
    SizeError, OptionError
        A size, mode, centering or box outside its range.

    Notes
    -----
    Cover follows Pillow's ``ImageOps.fit``: with a the aspect of `dst` and w×h that of the box, the crop is
    ``a·h × h`` where the box is wider than `dst`, else ``w × w/a``, offset by ``(rest)·centering``. Pad follows
    ``ImageOps.pad``: ``round(h/w·W)`` or ``round(w/h·H)``, Python's round half to even. What is applied is off by
    up to 5e-4 pixels of a large source, for Pillow's C code takes edges as floats: ``Fit.plan`` tells that.

    Examples
    --------
    >>> plan((4000, 3000), (1280, 720), "pad").inner
    Box(left=160, top=0, right=1120, bottom=720)
    """
    source, target = as_size(src, "src"), as_size(dst, "dst")
    part = Box(0.0, 0.0, float(source.width), float(source.height)) if box is None else as_box(box, source)
    chosen = fitting_mode(as_mode(mode), part, target, as_share("max_crop", max_crop))
    return planned(source, target, chosen, as_centering(centering), part)


def fitting_mode(mode: Mode, part: Box, dst: Size, max_crop: float) -> Mode:
    """Return the mode that ``auto`` becomes for a part of a picture; others stay as they are.

    Cover keeps ``min(a / b, b / a)`` of a picture of aspect a in a result of aspect b. That is compared with the
    decimal that was written: of 4:3 just three quarters are kept in 16:9, and no rounding tips that over.
    """
    if mode != "auto":
        return mode
    ratio = Fraction(part.width) / Fraction(part.height) / Fraction(*dst)
    return "pad" if 1 - min(ratio, 1 / ratio) > Fraction(repr(max_crop)) else "cover"


def as_share(name: str, value: float) -> float:
    """Read a share, from 0 to 1.

    Raises
    ------
    OptionError
    """
    try:
        share = as_number(value)
    except (TypeError, ValueError, OverflowError):
        share = -1.0
    if not 0 <= share <= 1:
        raise OptionError(name, "a number from 0 to 1", describe(value))
    return share


def as_centering(value: Sequence[float] | str) -> tuple[float, float]:
    """Read a centering: two numbers in [0, 1], or a place by its name.

    Raises
    ------
    OptionError
    """
    if isinstance(value, str):
        if value not in PLACES:
            raise OptionError("centering", f"(x, y) or one of {', '.join(PLACES)}", describe(value))
        return PLACES[value]
    try:
        x, y = (as_number(part) for part in as_sequence(value))
    except (TypeError, ValueError, OverflowError):
        raise OptionError("centering", "two numbers (x, y) in [0, 1]", describe(value)) from None
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise OptionError("centering", "two numbers (x, y) in [0, 1]", describe(value))
    return x, y


def as_mode(value: str) -> Mode:
    """Read a mode by its name.

    Raises
    ------
    OptionError
    """
    for mode in MODES:
        if isinstance(value, str) and value == mode:
            return mode
    raise OptionError("mode", f"one of {', '.join(MODES)}", describe(value))


@lru_cache(maxsize=1024)
def planned(src: Size, dst: Size, mode: Mode, centering: tuple[float, float], part: Box) -> Plan:
    """Return the plan of what has been checked; any mode but ``auto``."""
    whole = Box(0, 0, dst.width, dst.height)
    if mode == "cover":
        return Plan(src, dst, _cover(part, dst, centering), whole)
    if mode == "pad":
        return Plan(src, dst, part, _contain(part, dst, centering))
    return Plan(src, dst, part, whole)


def _cover(part: Box, dst: Size, centering: tuple[float, float]) -> Box:
    aspect = dst.width / dst.height
    width, height = part.width, part.height
    if width / height > aspect:
        width = aspect * height
    elif width / height < aspect:
        height = width / aspect
    left = part.left + (part.width - width) * centering[0]
    top = part.top + (part.height - height) * centering[1]
    # Rounding may put an edge an ulp outside; the source has no pixel there.
    return Box(left, top, min(left + width, part.right), min(top + height, part.bottom))


def _contain(part: Box, dst: Size, centering: tuple[float, float]) -> Box:
    width, height = dst
    aspect = part.width / part.height
    if aspect > dst.width / dst.height:
        height = max(1, round(part.height / part.width * dst.width))
    elif aspect < dst.width / dst.height:
        width = max(1, round(part.width / part.height * dst.height))
    left = round((dst.width - width) * centering[0])
    top = round((dst.height - height) * centering[1])
    return Box(left, top, left + width, top + height)


def _moved(box: Box, left: float, top: float) -> Box:
    """Return a box as it is seen from another corner."""
    return Box(box.left - left, box.top - top, box.right - left, box.bottom - top)


def _snap(low: float, high: float, limit: int) -> tuple[int, int]:
    start, stop = math.floor(low + 0.5), min(math.floor(high + 0.5), limit)
    if start < stop:
        return start, stop
    middle = min(math.floor((low + high) / 2), limit - 1)
    return middle, middle + 1


def _in_floats(low: float, high: float) -> tuple[float, float]:
    """Return the edges that Pillow makes of two: `high` is where it is taken to be."""
    first, last = ctypes.c_float(low).value, ctypes.c_float(high).value
    applied = first + ctypes.c_float(last - first).value
    # Halfway between two floats it would be read as the even one.
    return first, applied if ctypes.c_float(applied).value == last else math.nextafter(applied, last)
