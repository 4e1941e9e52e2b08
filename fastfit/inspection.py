"""Whether a service takes a file as it is: every rule, what was found, and how to mend it."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastfit.codec import ImageInfo, as_bytes, decode
from fastfit.disk import read_regular
from fastfit.errors import FastfitError, OptionError
from fastfit.presets import Preset
from fastfit.sizes import as_wanted
from fastfit.types import Size, SizeLike
from fastfit.words import MAX_PIXELS, MAX_SCANS

__all__ = ["Check", "Finding", "check"]

_TURNS_ASIDE = (5, 6, 7, 8)
"""Exif's orientations that exchange width and height."""
_TAGGED = frozenset({"jpeg", "png", "webp", "tiff"})
"""Formats in which the orientation is a tag, which many readers ignore. In others it is part of decoding."""


class Finding(NamedTuple):
    """What came of one rule."""

    rule: str
    """``whole``, ``format``, ``size``, ``orientation``, ``bytes``, ``alpha`` or ``frames``."""
    passed: bool
    expected: str
    found: str
    mend: str | None = None
    """How to mend it; None if it passed."""

    def __str__(self) -> str:
        """Return it as a line."""
        if self.passed:
            return f"pass {self.rule}: {self.found}"
        return f"FAIL {self.rule}: expected {self.expected}, got {self.found}: {self.mend}"


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a file is accepted, and why not."""

    source: str
    preset: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every rule is kept."""
        return all(finding.passed for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, and `passed`, in values that JSON has."""
        named = [finding._asdict() for finding in self.findings]
        return {**asdict(self), "passed": self.passed, "findings": named}

    def __str__(self) -> str:
        """Return a line that says what came of it, and one for each rule."""
        verdict = "accepted" if self.passed else "refused"
        return "\n".join([f"{self.source}: {verdict} ({self.preset})", *(f"  {each}" for each in self.findings)])


def check(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview,
    preset_or_size: Preset | SizeLike,
    *,
    presets: Mapping[str, Preset] | None = None,
    name: str | None = None,
    max_pixels: int | None = MAX_PIXELS,
    max_scans: int | None = MAX_SCANS,
    listen: bool = True,
) -> Check:
    """Tell whether a service takes a file as it is.

    Parameters
    ----------
    source : path or bytes
        A file, or what is in one. It is decoded as a whole.
    preset_or_size : Preset, Size, (int, int) or str
        ``"sora-2"``: any size of this preset; ``"sora-2:1280x720"``: this one; ``"1280x720"``: this size, one
        whole picture that is shown as it is stored, in a format that is written here, and nothing else.
    presets : mapping, optional
        Where names are looked up instead: what `read_presets` returns.
    name : str, optional
        What the result calls the source.
    max_pixels, max_scans : int, optional
        What is decoded at most, see `decode`.
    listen : bool
        Catch what the decoder says of damage, which redirects the process's stderr meanwhile, see `decode`.
        Without it JPEGs and TIFFs pass whose decoder invented pixels.

    Returns
    -------
    Check
        It has a `Finding` for each rule that could be looked at: ``whole`` (can be read, is an image, not
        truncated or damaged), ``format`` (by content, not by name), ``size`` (of the pixels as they are stored),
        ``orientation`` (no tag that lets viewers show another width and height than is stored), ``bytes``,
        ``alpha`` (no such channel where it is not taken), ``frames`` (one still).

    Raises
    ------
    SizeError
        No such preset, or it does not have that size.
    OptionError
        `source` is neither a path nor bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastfit import payload
    >>> picture = payload(np.zeros((300, 400, 3), np.uint8), "kling")
    >>> check(picture.data, "kling").passed, check(picture.data, "sora-2").passed
    (True, False)
    """
    preset = as_wanted(preset_or_size, presets)
    if not isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)):
        raise OptionError("source", "a path, bytes, a bytearray or a memoryview", f"a {type(source).__name__}")
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    called = next(each for each in (name, path, "data") if each is not None)
    mend = f"fastfit fit {shlex.quote(path or 'FILE')} -o OUT --size {preset.name}"
    try:
        data = _read(source)
    except (FastfitError, OSError) as error:
        unread = Finding("whole", False, "a file that can be read", _said(error, called), "look for another one")
        return Check(called, preset.name, (unread,))
    try:
        image, info = decode(data, name=called, max_pixels=max_pixels, max_scans=max_scans, listen=listen)
    except (FastfitError, MemoryError) as error:
        broken = Finding("whole", False, "a whole picture", _said(error, called), "fetch or export it once more")
        return Check(called, preset.name, (broken, _bytes(preset, data, mend)))
    channels = 1 if image.ndim == 2 else image.shape[2]
    top = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1.0
    opaque = channels in (2, 4) and bool((image[..., -1] >= top).all())
    findings = (
        _whole(info),
        _format(preset, info, mend),
        _size(preset, info, mend),
        _orientation(info, mend),
        _bytes(preset, data, mend),
        _alpha(preset, channels, mend, opaque=opaque),
        _frames(info, mend),
    )
    return Check(called, preset.name, findings)


def _read(source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> bytes:
    if isinstance(source, (str, os.PathLike)):
        return read_regular(Path(source))
    return as_bytes(source, "source")


def _said(error: BaseException, called: str) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, FastfitError):
        return error.got if error.name == called else str(error)
    return "one that memory does not suffice for"


def _whole(info: ImageInfo) -> Finding:
    mend = None if info.damage is None else "fetch or export it once more"
    return Finding("whole", info.damage is None, "a whole picture", info.damage or "a whole picture", mend)


def _format(preset: Preset, info: ImageInfo, mend: str) -> Finding:
    passed = info.format in preset.formats
    return Finding("format", passed, " or ".join(preset.formats), info.format, None if passed else mend)


def _size(preset: Preset, info: ImageInfo, mend: str) -> Finding:
    """Judge the size that is stored: what a reader sees that ignores the orientation."""
    shown = info.size or Size(0, 0)
    stored = Size(*reversed(shown)) if _lies(info) else shown
    objection = preset.objection(stored)
    return Finding("size", objection is None, objection or str(stored), str(stored), mend if objection else None)


def _lies(info: ImageInfo) -> bool:
    """Tell whether viewers show another width and height than is stored."""
    return info.format in _TAGGED and info.orientation in _TURNS_ASIDE


def _orientation(info: ImageInfo, mend: str) -> Finding:
    number = info.orientation if info.format in _TAGGED else 1
    if _lies(info):
        found = f"orientation {number}, which turns it on its side for viewers, and not for all services"
        return Finding("orientation", False, "pixels stored upright", found, mend)
    turned = f"orientation {number}: width and height hold, but a service may show it upside down or mirrored"
    return Finding("orientation", True, "pixels stored upright", "stored upright" if number == 1 else turned)


def _bytes(preset: Preset, data: bytes, mend: str) -> Finding:
    most = preset.max_bytes
    passed = most is None or len(data) <= most
    expected = "any number" if most is None else f"at most {most}"
    return Finding("bytes", passed, expected, str(len(data)), None if passed else mend)


def _alpha(preset: Preset, channels: int, mend: str, *, opaque: bool) -> Finding:
    passed = preset.alpha or channels not in (2, 4)
    found = "none" if channels not in (2, 4) else "an alpha channel" + (", all of it opaque" if opaque else "")
    return Finding("alpha", passed, "any" if preset.alpha else "no alpha channel", found, None if passed else mend)


def _frames(info: ImageInfo, mend: str) -> Finding:
    return Finding("frames", info.frames == 1, "one still", f"{info.frames}", None if info.frames == 1 else mend)
