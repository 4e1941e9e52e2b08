"""TIFF 6.0 and BigTIFF: the first directory."""

import struct
from typing import NamedTuple

from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_KINDS = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
_WIDTH, _HEIGHT, _BITS, _ORIENTATION, _SAMPLES, _EXTRA, _PROFILE = 256, 257, 258, 274, 277, 338, 34675


class _Layout(NamedTuple):
    """Where classic and big files differ: where the first offset stands, and the forms of counts and entries."""

    start: int
    offset: str
    counter: str
    entry: int
    value: int


_CLASSIC = _Layout(4, "I", "H", 12, 8)
_BIG = _Layout(8, "Q", "Q", 20, 12)


def read_tiff(data: bytes) -> ImageInfo:
    """Read size, depth, samples, orientation and profile of the first page."""
    order = "<" if data.startswith(b"II") else ">"
    layout = _BIG if data[2:4] in (b"+\0", b"\0+") else _CLASSIC
    tags = _directory(data, order, layout)
    width, height = (_first(tags.get(tag)) for tag in (_WIDTH, _HEIGHT))
    orientation = _first(tags.get(_ORIENTATION)) or 1
    samples = _first(tags.get(_SAMPLES)) or 1
    profile = bytes(tags[_PROFILE]) if _PROFILE in tags else None
    return ImageInfo(
        "tiff",
        Size(width, height) if width and height else None,
        orientation if 1 <= orientation <= 8 else 1,
        profile or None,
        _first(tags.get(_BITS)) or 1,
        samples,
        alpha=_EXTRA in tags or samples in (2, 4),
    )


def _directory(data: bytes, order: str, layout: _Layout) -> dict[int, tuple[int, ...]]:
    (start,) = struct.unpack_from(order + layout.offset, data, layout.start)
    (count,) = struct.unpack_from(order + layout.counter, data, start)
    tags: dict[int, tuple[int, ...]] = {}
    entries = start + struct.calcsize("<" + layout.counter)
    for entry in range(entries, entries + min(count, 4096) * layout.entry, layout.entry):
        tag, kind, number = struct.unpack_from(f"{order}HH{layout.offset}", data, entry)
        if tag in (_WIDTH, _HEIGHT, _BITS, _ORIENTATION, _SAMPLES, _EXTRA, _PROFILE) and kind in _KINDS:
            tags[tag] = _values(data, order, layout, entry, _KINDS[kind], number)
    return tags


def _values(data: bytes, order: str, layout: _Layout, entry: int, kind: str, number: int) -> tuple[int, ...]:
    size = number * struct.calcsize("<" + kind)
    at = entry + layout.value
    if size > layout.entry - layout.value:
        (at,) = struct.unpack_from(order + layout.offset, data, at)
    if at + size > len(data):
        return ()
    return struct.unpack_from(f"{order}{number}{kind}", data, at)


def _first(values: tuple[int, ...] | None) -> int | None:
    return values[0] if values else None
