"""What each result is called: its name depends on the sources and their order alone."""

import hashlib
import os
import posixpath
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastfit.bulk.items import Item
from fastfit.codec import EXTENSIONS, SUFFIXES, kept_format
from fastfit.errors import OptionError, describe
from fastfit.types import Size

__all__ = ["Naming", "written_format"]

_LONGEST_NAME = 255  # bytes, of nearly all file systems
_FIELDS = {"stem": "a", "ext": ".jpg", "format": "jpeg", "width": 1, "height": 1, "index": 0}


def written_format(name: str, format: str, formats: Sequence[str] | None = None) -> str:
    """Return the format in which the result of a source of that name is written; see `Output`."""
    if format != "keep":
        return format
    return kept_format(EXTENSIONS.get(os.path.splitext(name)[1].lower()), formats)


@dataclass(frozen=True, slots=True)
class Naming:
    """How results are named.

    Parameters
    ----------
    format : {"keep", "jpeg", "png", "webp", "avif"}
        ``keep`` keeps a name whose extension is written, and gives ``.png`` to others.
    flat : bool
        Leave out the folders.
    template : str, optional
        Of the last part of the name, with the fields ``{stem}``, ``{ext}`` (``.jpg``), ``{format}``, ``{width}``,
        ``{height}`` (of the result) and ``{index}`` (of the source, from 0). It may make folders.

    formats : sequence of str, optional
        Those that ``keep`` keeps; others become the first.

    Raises
    ------
    OptionError
    """

    format: str = "keep"
    flat: bool = False
    template: str | None = None
    formats: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Check the template."""
        if self.template is not None:
            _check(self.template)

    @property
    def sized(self) -> bool:
        """Whether names tell the size of the result."""
        return self.template is not None and any(f"{{{side}" in self.template for side in ("width", "height"))

    def name(self, item: Item, index: int, size: Size | None) -> str:
        """Return the relative path of the result, with ``/`` between its parts.

        Parameters
        ----------
        item : Item
        index : int
            The source's place in the input, from 0.
        size : Size, optional
            Of the result; needed if `sized`.
        """
        folder, last = posixpath.split(item.name)
        format_ = written_format(last, self.format, self.formats)
        stem, suffix = os.path.splitext(last)
        kept = EXTENSIONS.get(suffix.lower()) == format_
        if item.contested and not kept:  # two sources that differ in their extensions alone keep them
            stem = last
        suffix = suffix if kept else SUFFIXES[format_]
        folder = "" if self.flat else folder
        if self.template is None:
            return posixpath.join(folder, fitting(stem, suffix))
        width, height = size or (0, 0)
        named = self.template.format(
            stem=stem, ext=suffix, format=format_, width=width, height=height, index=index
        )
        # As tried when the template was checked, but for names such as "..a" in {stem:.2}.
        named = "/".join(part for part in named.split("/") if part not in ("", ".", "..")) or "_"
        inner, last = posixpath.split(named)
        stem, suffix = os.path.splitext(last)
        return posixpath.join(folder, inner, fitting(stem, suffix))


def fitting(stem: str, suffix: str) -> str:
    """Append an extension. For the end of a name that would be too long stands a hash: no two become one."""
    end = suffix
    if len(os.fsencode(stem + suffix)) > _LONGEST_NAME:
        end = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{suffix}"
    while len(os.fsencode(stem + end)) > _LONGEST_NAME:
        stem = stem[:-1]
    return stem + end


def numbered(name: str, number: int) -> str:
    """Return the name with a number before its extension: ``a_1.jpg``."""
    folder, last = posixpath.split(name)
    stem, suffix = os.path.splitext(last)
    return posixpath.join(folder, fitting(f"{stem}_{number}", suffix))


def _check(template: Any) -> None:
    fields = ", ".join(f"{{{name}}}" for name in _FIELDS)
    expected = f"a relative name of {fields}"
    try:
        names = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
        tried = template.format(**_FIELDS)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise OptionError("name", expected, describe(template)) from None
    parts = tried.split("/")
    if not set(names) <= _FIELDS.keys() or not all(parts) or {".", ".."} & set(parts) or "\0" in tried:
        raise OptionError("name", expected, describe(template))
