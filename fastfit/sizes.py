"""Which size: fixed, the nearest of several, or one that follows from the source's by a rule."""

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from fastfit.errors import OptionError, SizeError, describe
from fastfit.presets import Preset, as_preset
from fastfit.types import MOST_PIXELS, Size, SizeLike, as_aspect, as_sequence, as_size, as_whole, is_size

__all__ = ["Limits", "Rule", "as_rule", "as_wanted", "buckets"]

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
    most = as_whole("area", area, _MOST_AREA)
    step = as_whole("multiple_of", multiple_of, MOST_PIXELS)
    widest = as_aspect("max_aspect", max_aspect)
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


class Limits(NamedTuple):
    """What the sides of a result have to keep to."""

    min_side: int | None = None
    max_side: int | None = None
    max_aspect: float | None = None


class Rule(NamedTuple):
    """How the size of a result follows from that of its source; made by `as_rule`."""

    size: Size | None
    sizes: tuple[Size, ...] | None
    area: int | None
    longest: int | None
    shortest: int | None
    multiple_of: int | None
    limits: Limits | None

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
    size: SizeLike | Preset | None,
    sizes: Sequence[SizeLike] | None,
    area: int | None,
    longest: int | None,
    shortest: int | None,
    multiple_of: int | None,
    limits: Mapping[str, float] | Sequence[float | None] | None = None,
) -> Rule:
    """Read a rule: of size, sizes, area, limits, and longest or shortest or both, exactly one.

    Raises
    ------
    SizeError, OptionError
    """
    given = {"size": size, "sizes": sizes, "area": area, "limits": limits}
    given |= {"longest": longest, "shortest": shortest}
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1 and names != ["longest", "shortest"]:
        expected = "one of size, sizes, area, limits, and longest or shortest or both"
        raise OptionError("size", expected, " and ".join(names) or "none of them")
    if isinstance(size, str) and size.strip().startswith("auto:"):
        return as_rule(None, _automatic(size.strip()), None, None, None, multiple_of, None)
    if isinstance(size, Preset) or (isinstance(size, str) and not is_size(size)):
        return _of_preset(as_preset(size), multiple_of)
    return Rule(
        None if size is None else as_size(size),
        None if sizes is None else _as_sizes(sizes),
        None if area is None else as_whole("area", area, _MOST_AREA),
        None if longest is None else as_whole("longest", longest, MOST_PIXELS),
        None if shortest is None else as_whole("shortest", shortest, MOST_PIXELS),
        None if multiple_of is None else as_whole("multiple_of", multiple_of, MOST_PIXELS),
        None if limits is None else _as_limits(limits),
    )


def _of_preset(preset: Preset, multiple_of: int | None) -> Rule:
    """Return the rule of a preset."""
    if multiple_of is not None:
        raise OptionError("multiple_of", f"None with the preset {preset.name}", describe(multiple_of))
    options = {**dict.fromkeys(Rule._fields), **preset.options}
    return Rule(**{**options, "limits": _as_limits(options["limits"]) if options["limits"] else None})


def _as_limits(values: Mapping[str, float] | Sequence[float | None]) -> Limits:
    names = Limits._fields
    if not isinstance(values, Mapping):
        try:
            values = dict(zip(names, as_sequence(values), strict=True))
        except (TypeError, ValueError):
            raise OptionError("limits", f"a mapping of {', '.join(names)}", describe(values)) from None
    given = {name: value for name, value in values.items() if value is not None}
    if not given or not given.keys() <= set(names):
        raise OptionError("limits", f"a mapping of some of {', '.join(names)}", describe(values))
    read: dict[str, Any] = {
        name: as_aspect(name, value) if name == "max_aspect" else as_whole(name, value, MOST_PIXELS)
        for name, value in given.items()
    }
    if read.get("min_side", 1) > read.get("max_side", MOST_PIXELS):
        raise OptionError("min_side", f"at most max_side, {read['max_side']}", str(read["min_side"]))
    return Limits(**read)


def as_wanted(value: SizeLike | Preset, presets: Mapping[str, Preset] | None = None) -> Preset:
    """Return what is wanted of a picture as a preset, whatever it is given as; see `as_preset`.

    Raises
    ------
    SizeError
    """
    if isinstance(value, str) and value.strip().startswith("auto:"):
        return Preset(value.strip(), sizes=tuple(_automatic(value.strip())), alpha=True)
    return as_preset(value, presets)


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


@lru_cache(maxsize=4096)
def _size_for(rule: Rule, width: float, height: float) -> Size:
    w, h, step = Fraction(width), Fraction(height), rule.multiple_of or 1
    if rule.sizes is not None:
        snapped = tuple(Size(*(_snap(Fraction(side), step) for side in size)) for size in rule.sizes)
        found = _nearest(snapped, w / h)
    elif rule.size is not None:
        found = Size(*(_snap(Fraction(side), step) for side in rule.size))
    elif rule.limits is not None:
        found = _within(rule.limits, w, h, step)
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


def _within(limits: Limits, w: Fraction, h: Fraction, step: int) -> Size:
    """Return the size nearest to a source's within limits: cropped to the aspect, then enlarged or shrunk."""
    least = -(-(limits.min_side or 1) // step) * step
    most = (limits.max_side or MOST_PIXELS) // step * step
    if least > most:
        raise SizeError(
            "size", f"a multiple of {step} among the sides allowed", f"{limits.min_side or 1} to {limits.max_side}"
        )
    widest = Fraction(repr(limits.max_aspect)) if limits.max_aspect else Fraction(MOST_PIXELS)
    short = min(w, h)
    long = min(max(w, h), short * widest)
    scale = max(Fraction(1), least / short)
    scale = min(scale, max(most / long, least / short))
    side = min(max(_snap(short * scale, step), least), most)
    other = min(max(_snap(long * scale, step), side), most, int(side * widest) // step * step)
    return Size(other, side) if w >= h else Size(side, other)


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
