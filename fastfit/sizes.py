"""Which size: fixed, the nearest of several, or one that follows from the source's by a rule."""

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from fastfit.errors import OptionError, SizeError, describe
from fastfit.types import MOST_PIXELS, Size, SizeLike, as_integer, as_number, as_sequence, as_size

__all__ = ["Rule", "as_rule", "buckets"]

_MOST_AREA = MOST_PIXELS * MOST_PIXELS


def buckets(area: int = 1024 * 1024, multiple_of: int = 64, max_aspect: float = 2.0) -> list[Size]:
    """List the sizes of aspect-ratio bucketing: of many shapes and nearly one number of pixels.

    Parameters
    ----------
    area : int
        The most pixels that a size may have, at least ``multiple_of**2``.
    multiple_of : int
        What both sides are multiples of.
    max_aspect : float
        The longer side divided by the shorter one, at most; finite and at least 1.

    Returns
    -------
    list of Size
        From the tallest to the widest, every aspect once; with every size the one on its side, and the largest
        square.

    Raises
    ------
    OptionError

    Notes
    -----
    For every side the longest other one that keeps the area, as NovelAI describes it in "Aspect Ratio Bucketing".
    Every size that the defaults give is one of the buckets of Stable Diffusion XL.

    Examples
    --------
    >>> [str(size) for size in buckets(512 * 512, 128)]
    ['384x640', '512x512', '640x384']
    """
    most = _as_whole("area", area, _MOST_AREA)
    step = _as_whole("multiple_of", multiple_of, MOST_PIXELS)
    try:
        widest = as_number(max_aspect)
    except (TypeError, ValueError, OverflowError):
        widest = 0.0
    if not 1 <= widest < math.inf:
        raise OptionError("max_aspect", "a finite number of at least 1", describe(max_aspect))
    square = math.isqrt(most) // step * step
    if not square:
        raise OptionError("area", f"at least {step * step}, one {step}x{step}", describe(area))
    found = {Size(square, square)}
    longest = min(math.isqrt(math.ceil(most * min(widest, most))) + step, most // step, MOST_PIXELS)
    for long in range(square, longest + 1, step):
        short = min(most // long, MOST_PIXELS) // step * step
        if short and max(long, short) / min(long, short) <= widest:
            found |= {Size(long, short), Size(short, long)}
    return sorted(found, key=lambda size: Fraction(*size))


class Rule(NamedTuple):
    """How the size of a result follows from that of its source; made by `as_rule`."""

    size: Size | None
    sizes: tuple[Size, ...] | None
    area: int | None
    longest: int | None
    shortest: int | None
    multiple_of: int | None

    def size_for(self, width: float, height: float) -> Size:
        """Return the size of the result for a source, or the box of one, of these sides.

        Raises
        ------
        SizeError
            A side would be longer than any may be.
        """
        if self.size is not None and self.multiple_of is None:
            return self.size
        return _size_for(self, width, height)


def as_rule(
    size: SizeLike | None,
    sizes: Sequence[SizeLike] | None,
    area: int | None,
    longest: int | None,
    shortest: int | None,
    multiple_of: int | None,
) -> Rule:
    """Read a rule: of size, sizes, area, and longest or shortest or both, exactly one.

    Raises
    ------
    SizeError, OptionError
    """
    given = {"size": size, "sizes": sizes, "area": area, "longest": longest, "shortest": shortest}
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1 and names != ["longest", "shortest"]:
        expected = "one of size, sizes, area, and longest or shortest or both"
        raise OptionError("size", expected, " and ".join(names) or "none of them")
    if isinstance(size, str) and size.strip().startswith("auto:"):
        return as_rule(None, _automatic(size.strip()), area, longest, shortest, multiple_of)
    return Rule(
        None if size is None else as_size(size),
        None if sizes is None else _as_sizes(sizes),
        None if area is None else _as_whole("area", area, _MOST_AREA),
        None if longest is None else _as_whole("longest", longest, MOST_PIXELS),
        None if shortest is None else _as_whole("shortest", shortest, MOST_PIXELS),
        None if multiple_of is None else _as_whole("multiple_of", multiple_of, MOST_PIXELS),
    )


def _automatic(text: str) -> list[Size]:
    match = re.fullmatch(r"auto:([^/]+)(?:/([0-9]{1,9}))?", text)
    if match is None:
        raise SizeError("size", '"auto:WIDTHxHEIGHT/MULTIPLE"', describe(text))
    try:
        width, height = as_size(match.group(1))
    except SizeError:
        raise SizeError("size", '"auto:WIDTHxHEIGHT/MULTIPLE"', describe(text)) from None
    return buckets(width * height, int(match.group(2) or 64))


def _as_sizes(values: Sequence[SizeLike]) -> tuple[Size, ...]:
    try:
        found = tuple(as_size(value, f"sizes[{at}]") for at, value in enumerate(as_sequence(values)))
    except TypeError:
        found = ()
    if not found:
        raise SizeError("sizes", "a list of sizes", describe(values))
    return found


def _as_whole(name: str, value: Any, most: int) -> int:
    try:
        number = as_integer(value)
    except TypeError:
        number = 0
    if not 1 <= number <= most:
        raise OptionError(name, f"an integer from 1 to {most}", describe(value))
    return number


@lru_cache(maxsize=4096)
def _size_for(rule: Rule, width: float, height: float) -> Size:
    w, h, step = Fraction(width), Fraction(height), rule.multiple_of or 1
    if rule.sizes is not None:
        snapped = tuple(Size(*(_snap(Fraction(side), step) for side in size)) for size in rule.sizes)
        found = _nearest(snapped, w / h)
    elif rule.size is not None:
        found = Size(*(_snap(Fraction(side), step) for side in rule.size))
    elif rule.area is not None:
        found = Size(_snap_root(Fraction(rule.area) * w / h, step), _snap_root(Fraction(rule.area) * h / w, step))
    else:
        scales = []
        if rule.longest is not None:
            scales.append(rule.longest / max(w, h))
        if rule.shortest is not None:
            scales.append(rule.shortest / min(w, h))
        found = Size(_snap(w * min(scales), step), _snap(h * min(scales), step))
    if max(found) > MOST_PIXELS:
        raise SizeError("size", f"sides up to {MOST_PIXELS}", f"{found} for a source of {width:g}x{height:g}")
    return found


def _nearest(sizes: tuple[Size, ...], aspect: Fraction) -> Size:
    """Return the size that keeps most of a picture, or pads least; of equal ones the largest, then the first.

    Cover keeps ``min(a / b, b / a)`` of a picture of aspect a in a size of aspect b, pad fills as much: the same
    as the nearest aspect on a logarithmic scale.
    """

    def kept(size: Size) -> tuple[Fraction, int]:
        ratio = Fraction(*size) / aspect
        return min(ratio, 1 / ratio), size.width * size.height

    return max(sizes, key=kept)


def _snap(side: Fraction, step: int) -> int:
    """Return the multiple nearest to a side, never 0; halfway the larger."""
    return max(1, int(side / step + Fraction(1, 2))) * step


def _snap_root(square: Fraction, step: int) -> int:
    """Return the multiple nearest to a square root, never 0; exact, since floats would miss halves."""
    return max(1, (math.isqrt(int(4 * square / (step * step))) + 1) // 2) * step
