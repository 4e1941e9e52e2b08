"""Exif blocks: reading the one field that changes the picture, and mending those that would be wrong after it."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from fastfit.types import Size

_ORIENTATION = 0x0112
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_POINTER = 0x8769  # from IFD0 to the Exif directory
_SIZES = {0x0100: 0, 0x0101: 1, 0xA002: 0, 0xA003: 1}  # ImageWidth, ImageLength, PixelXDimension, PixelYDimension
_RESOLUTIONS = (0x011A, 0x011B)
_LONG, _RATIONAL = 4, 5
_MOST_SHORT = 65535
# Where a thumbnail lies, and how long it is: a JPEG, or strips, of which one is usual.
_THUMBNAILS = ((0x0201, 0x0202), (0x0111, 0x0117))
_INTEGERS = {3: "H", 4: "I"}  # a SHORT by the standard; some writers make it a LONG


class _Entry(NamedTuple):
    """One field of a directory: its tag, the offset of its value, and the value's form for `struct`."""

    tag: int
    at: int
    form: str


def exif_orientation(block: bytes, xmp: bytes = b"") -> int:
    r"""Read the orientation from an Exif block or, where it has none, as Pillow does, from XMP.

    Parameters
    ----------
    block : bytes
        A TIFF structure, with or without ``Exif\0\0`` before it.
    xmp : bytes
        An XMP packet.

    Returns
    -------
    int
        1 to 8; 1, upright, where neither has one, or a wrong one.

    Notes
    -----
    TIFF 6.0, section 2: byte order, offset of the first directory, entries of 12 bytes. Only that directory, IFD0,
    describes the main image.
    """
    value = _stored_orientation(bare(block))
    if value is None:
        found = _XMP.search(xmp)
        value = int(found[1]) if found else 1
    return value if 1 <= value <= 8 else 1


def _stored_orientation(tiff: bytes) -> int | None:
    try:
        for entry in _entries(tiff, _first_directory(tiff)):
            if entry.tag == _ORIENTATION:
                return int(struct.unpack_from(entry.form, tiff, entry.at)[0])
    except struct.error:
        return None
    return None


def bare(block: bytes) -> bytes:
    r"""Return an Exif block without the ``Exif\0\0`` that JPEG, and some other files, put before it."""
    return block.removeprefix(b"Exif\0\0")


def exif_for(block: bytes, size: Size) -> bytes | None:
    """Return an Exif block for the fitted picture: upright, of its size, without the thumbnail of the source.

    Everything else stays where it is, byte for byte: makers' notes count offsets from the block's start.

    Returns
    -------
    bytes or None
        None where the block is too damaged to say which way is up.
    """
    tiff = bytearray(bare(block))
    try:
        start = _first_directory(tiff)
        _check_resolutions(tiff, start)
        pointers = [_mend(tiff, entry, size) for entry in _entries(tiff, start)]
        for pointer in list(filter(None, pointers))[:1]:
            for entry in _entries(tiff, pointer):
                _mend(tiff, entry, size)
        _drop_thumbnail(tiff, start)
    except struct.error:
        return None
    return bytes(tiff)


def _check_resolutions(tiff: bytearray, start: int) -> None:
    """Refuse a block whose resolution is none: Pillow does not open a JPEG that has it."""
    order = _order(tiff)
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, number, offset = struct.unpack_from(f"{order}HHII", tiff, at)
        if tag in _RESOLUTIONS and ((kind, number) != (_RATIONAL, 1) or offset + 8 > len(tiff)):
            raise struct.error("a resolution that is no ratio")


def _mend(tiff: bytearray, entry: _Entry, size: Size) -> int | None:
    """Set orientation and sizes; return where a pointer to the Exif directory leads."""
    if entry.tag == _ORIENTATION:
        struct.pack_into(entry.form, tiff, entry.at, 1)
    elif entry.tag in _SIZES:
        value, order = size[_SIZES[entry.tag]], entry.form[0]
        if value > _MOST_SHORT:  # the type stands 6 bytes before the value, which has room for either
            struct.pack_into(f"{order}H", tiff, entry.at - 6, _LONG)
            struct.pack_into(f"{order}I", tiff, entry.at, value)
        else:
            struct.pack_into(entry.form, tiff, entry.at, value)
    elif entry.tag == _POINTER:
        return int(struct.unpack_from(entry.form, tiff, entry.at)[0])
    return None


def _drop_thumbnail(tiff: bytearray, start: int) -> None:
    """Cut off the second directory, which is the thumbnail's, and blank what it shows."""
    order = _order(tiff)
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    link = start + 2 + 12 * count
    (second,) = struct.unpack_from(f"{order}I", tiff, link)
    if not second:
        return
    fields = {
        entry.tag: int(struct.unpack_from(entry.form, tiff, entry.at)[0]) for entry in _entries(tiff, second)
    }
    struct.pack_into("I", tiff, link, 0)
    (count,) = struct.unpack_from(f"{order}H", tiff, second)
    for place, size in _THUMBNAILS:
        at, length = fields.get(place, len(tiff)), fields.get(size, 0)
        if at < second + 2 + 12 * count + 4:
            raise struct.error("a thumbnail within the directories")
        shown = max(0, min(length, len(tiff) - at))
        tiff[at : at + shown] = bytes(shown)


def _order(tiff: bytes | bytearray) -> str:
    order = {b"II": "<", b"MM": ">"}.get(bytes(tiff[:2]))
    if order is None:
        raise struct.error("no byte order")
    return order


def _first_directory(tiff: bytes | bytearray) -> int:
    return int(struct.unpack_from(f"{_order(tiff)}I", tiff, 4)[0])


def _entries(tiff: bytes | bytearray, start: int) -> Iterator[_Entry]:
    """Yield the integers among the fields of a directory."""
    order = _order(tiff)
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", tiff, at)
        if kind in _INTEGERS:
            yield _Entry(tag, at + 8, order + _INTEGERS[kind])
