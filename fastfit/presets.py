"""What image-to-video services and models ask of a picture: a table, and what follows from one of its rows."""

import datetime
import difflib
import importlib.resources
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from fastfit.errors import OptionError, SizeError, describe
from fastfit.types import MOST_PIXELS, Size, SizeLike, as_aspect, as_flag, as_sequence, as_size, as_whole, is_size
from fastfit.words import FORMATS, Mode

__all__ = ["Preset", "as_preset", "mode_for", "modes_by_content", "read_presets"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]+x[0-9]+(/[0-9]+)?)?")
"""What is behind the colon is the size that a preset is pinned to."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What one service, or one model, asks of a picture. See `read_presets` for those that come along.

    Parameters
    ----------
    name : str
        As it is given for a size: ``sora-2``.
    title : str
    status : str
        ``current``, or ``ended`` and a date.
    sizes : sequence of sizes
        The sizes that it takes; the first is its own default.
    multiple_of : int, optional
        What both sides have to be multiples of.
    min_side, max_side : int, optional
        The least and the most pixels of a side.
    max_aspect : float, optional
        The longer side divided by the shorter one, at most.
    area : int, optional
        Where there is no list of sizes: the number of pixels that a model is made for, so that a picture keeps its
        aspect.
    formats : sequence of {"jpeg", "png", "webp", "avif"}
        What it takes, by content. The first is what other formats become.
    max_bytes : int, optional
        Of the file.
    alpha : bool
        Whether transparency is taken.
    source : str
        The address that says so.
    checked : str
        When it was looked at: ``2026-11-26``.
    note : str

    Raises
    ------
    SizeError, OptionError
        A value out of its range; neither sizes nor a rule for them; an area and limits of the sides at once.

    Notes
    -----
    With `sizes` alone no other size is accepted. With `sizes` and a rule they are recommended, and all that keeps
    to the rule is accepted.
    """

    name: str
    title: str = ""
    status: str = "current"
    sizes: tuple[Size, ...] = ()
    multiple_of: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    max_aspect: float | None = None
    area: int | None = None
    formats: tuple[str, ...] = FORMATS
    max_bytes: int | None = None
    alpha: bool = False
    source: str = ""
    checked: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Check every column."""
        set_ = object.__setattr__
        for name in ("name", "title", "status", "source", "note"):
            if not isinstance(getattr(self, name), str):
                raise OptionError(name, "text", describe(getattr(self, name)))
        date = self.checked.isoformat() if isinstance(self.checked, datetime.date) else self.checked
        if not isinstance(date, str):
            raise OptionError("checked", "a date", describe(self.checked))
        set_(self, "checked", date)
        if not _NAME.fullmatch(self.name) and not is_size(self.name):
            raise OptionError("name", "letters, digits, dots, - and _", describe(self.name))
        set_(self, "sizes", _as_sizes(self.sizes))
        for name in ("multiple_of", "min_side", "max_side"):
            set_(self, name, _or_none(as_whole, name, getattr(self, name), MOST_PIXELS))
        for name, most in (("area", MOST_PIXELS**2), ("max_bytes", 1 << 62)):
            set_(self, name, _or_none(as_whole, name, getattr(self, name), most))
        set_(self, "max_aspect", _or_none(as_aspect, "max_aspect", self.max_aspect))
        set_(self, "formats", _as_formats(self.formats))
        set_(self, "alpha", as_flag("alpha", self.alpha))
        if not (self.sizes or self.area or self.rule):
            raise OptionError("sizes", "sizes, an area or a rule", "none")
        if self.area and self.limits:
            raise OptionError("area", "an area alone, or limits of the sides", "both")
        step = self.multiple_of or 1
        if self.max_side and -(-(self.min_side or 1) // step) > self.max_side // step:
            got = f"{self.min_side or 1} to {self.max_side}"
            raise OptionError("max_side", f"a multiple of {step} among the sides allowed", got)

    @property
    def limits(self) -> dict[str, float]:
        """The limits of its sides, by their names."""
        named = {name: getattr(self, name) for name in ("min_side", "max_side", "max_aspect")}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def rule(self) -> dict[str, float]:
        """What it asks of sizes besides those that it lists, by its names."""
        return {**({"multiple_of": self.multiple_of} if self.multiple_of else {}), **self.limits}

    @property
    def options(self) -> dict[str, Any]:
        """The options of a `Fit` that give each picture a size that is accepted."""
        if self.sizes:
            return {"sizes": self.sizes} if len(self.sizes) > 1 else {"size": self.sizes[0]}
        # With a multiple alone, the size stays as it is but for that.
        named = {"area": self.area} if self.area else {"limits": self.limits or {"min_side": 1}}
        return {**named, "multiple_of": self.multiple_of}

    def objection(self, size: Size) -> str | None:
        """Return what would be accepted instead of a size; None if it is."""
        if size in self.sizes:
            return None
        if self.sizes and not self.rule:
            return " or ".join(map(str, self.sizes))
        short, long = sorted(size)
        if self.multiple_of and (short % self.multiple_of or long % self.multiple_of):
            return f"sides that are multiples of {self.multiple_of}"
        if self.min_side and short < self.min_side:
            return f"sides of at least {self.min_side}"
        if self.max_side and long > self.max_side:
            return f"sides of at most {self.max_side}"
        # As the decimal that was written: floats would refuse some of what just keeps to it.
        if self.max_aspect and Fraction(long, short) > Fraction(repr(self.max_aspect)):
            return f"an aspect of at most {self.max_aspect:g}:1"
        return None

    def pinned(self, size: SizeLike) -> "Preset":
        """Return the preset with one size that is accepted.

        Raises
        ------
        SizeError
            It is not; the error lists those that are.
        """
        one = as_size(size)
        if expected := self.objection(one):
            raise SizeError("size", f"{expected} for {self.name}", str(one))
        none = {"multiple_of": None, "min_side": None, "max_side": None, "max_aspect": None, "area": None}
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return Preset(**{**named, **none, "sizes": (one,), "name": f"{self.name.partition(':')[0]}:{one}"})


def read_presets(path: str | os.PathLike[str] | None = None) -> dict[str, Preset]:
    """Read the table of presets: the one that comes along, and your own.

    Parameters
    ----------
    path : path, optional
        A TOML file with a table ``[[preset]]`` for each, whose keys are the parameters of `Preset`. They come
        first, and stand for those of the same name.

    Returns
    -------
    dict
        From names to `Preset`.

    Raises
    ------
    OptionError
        The file is no TOML, or a value is wrong; the error says where.
    OSError

    Examples
    --------
    >>> preset = read_presets()["sora-2"]
    >>> [str(size) for size in preset.sizes], preset.status
    (['1280x720', '720x1280'], 'ended 2026-09-24')
    """
    own = {} if path is None else _presets_of(Path(path).read_bytes(), os.fspath(path))
    return {**own, **{name: preset for name, preset in _built_in().items() if name not in own}}


def as_preset(value: "Preset | SizeLike", presets: Mapping[str, Preset] | None = None) -> Preset:
    """Return a preset: itself, by its name, pinned to one of its sizes (``sora-2:1280x720``), or of a size alone.

    Raises
    ------
    SizeError
        No preset has that name, or the size is not accepted.
    """
    if isinstance(value, Preset):
        return value
    if not isinstance(value, str) or is_size(value):
        size = as_size(value)
        return Preset(str(size), sizes=(size,), alpha=True)
    table = _built_in() if presets is None else presets
    name, _, size_ = value.strip().partition(":")
    if name not in table:
        raise SizeError(
            "size", f"WIDTHxHEIGHT or a preset, {', '.join(_near(name.lower(), table))}", describe(value)
        )
    if ":" not in value:
        return table[name]
    if not is_size(size_):
        raise SizeError("size", f"{name} or {name}:WIDTHxHEIGHT", describe(value))
    return table[name].pinned(size_)


def _near(name: str, table: Mapping[str, Preset]) -> list[str]:
    """Return the names that may have been meant: of which it is the beginning, or they of it; then those alike."""
    begun = [each for each in table if name and (each.startswith(name) or name.startswith(each))]
    alike = [each for each in difflib.get_close_matches(name, table, n=4, cutoff=0.5) if each not in begun]
    return begun + alike or list(table) or ["of which there are none"]


def modes_by_content() -> dict[str, Mode]:
    """Return which mode suits which kind of picture.

    Examples
    --------
    >>> modes_by_content()["product"]
    'pad'
    """
    modes: dict[str, Mode] = dict(_table()["contents"])
    return modes


def mode_for(content: str) -> Mode:
    """Return the mode that suits a kind of picture.

    Raises
    ------
    OptionError
        None of that name is known.
    """
    modes = modes_by_content()
    if content not in modes:
        raise OptionError("content", f"one of {', '.join(modes)}", describe(content))
    return modes[content]


@cache
def _table() -> dict[str, Any]:
    data = importlib.resources.files("fastfit").joinpath("presets.toml").read_bytes()
    return tomllib.loads(data.decode())


@cache
def _built_in() -> dict[str, Preset]:
    return {row["name"]: Preset(**row) for row in _table()["preset"]}


def _presets_of(data: bytes, name: str) -> dict[str, Preset]:
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OptionError(name, "TOML", str(error)) from error
    rows = table.pop("preset", None)
    if table or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise OptionError(name, "tables [[preset]]", ", ".join(table) or "none")
    found: dict[str, Preset] = {}
    for number, row in enumerate(rows, 1):
        where = f"{name}: preset {number}"
        unknown = row.keys() - {each.name for each in fields(Preset)}
        if unknown or "name" not in row:
            columns = ", ".join(each.name for each in fields(Preset))
            raise OptionError(where, f"a name, and keys among {columns}", ", ".join(sorted(unknown)) or "no name")
        try:
            preset = Preset(**row)
        except (OptionError, SizeError) as error:
            raise error.renamed(f"{where}: {error.name}") from error
        if preset.name in found or is_size(preset.name) or ":" in preset.name or preset.name == "auto":
            raise OptionError(f"{where}: name", "one that no other has, and that is no size", preset.name)
        found[preset.name] = preset
    return found


def _as_sizes(values: Any) -> tuple[Size, ...]:
    try:
        return tuple(as_size(value, f"sizes[{at}]") for at, value in enumerate(as_sequence(values)))
    except TypeError:
        raise SizeError("sizes", "a list of sizes", describe(values)) from None


def _or_none(read: Any, name: str, value: Any, *more: Any) -> Any:
    return None if value is None else read(name, value, *more)


def _as_formats(values: Any) -> tuple[str, ...]:
    try:
        formats = tuple(as_sequence(values))
    except TypeError:
        formats = ()
    if not formats or not all(isinstance(each, str) and each in FORMATS for each in formats):
        raise OptionError("formats", f"some of {', '.join(FORMATS)}", describe(values))
    return formats
