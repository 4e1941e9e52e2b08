"""Boxes, ISO/IEC 14496-12, in which AVIF, HEIC, JPEG 2000 and JPEG XL come, and the items in them."""

import struct
from collections.abc import Iterator

__all__ = ["associated", "boxes", "extent", "items", "primary"]

_PIXELS = frozenset({b"mdat", b"jp2c", b"jxlc", b"jxlp"})
_HEAD = 4096
_MOST_BOXES = 1 << 16
_MOST_ITEMS = 4096


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each box; of those with pixels, which are most of a file, the first bytes."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:
            size = len(data) - at
        if size < head:
            return
        start, end = at + head, at + size
        yield kind, data[start : min(end, start + _HEAD) if kind in _PIXELS else end]
        at = end


def primary(pitm: bytes) -> int:
    """Return the number of the primary item."""
    return int(struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)[0]) if pitm else 0


def associated(ipma: bytes, item: int) -> list[int]:
    """Return the numbers of the properties of an item, from 1."""
    if not ipma:
        return []
    version, wide = ipma[0], ipma[3] & 1
    (count,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(min(count, _MOST_ITEMS)):
        (number,) = struct.unpack_from(">I" if version else ">H", ipma, at)
        at += 4 if version else 2
        entries = ipma[at]
        at += 1
        form, mask, width = (">H", 0x7FFF, 2) if wide else (">B", 0x7F, 1)
        found = [struct.unpack_from(form, ipma, at + width * entry)[0] & mask for entry in range(entries)]
        if number == item:
            return found
        at += width * entries
    return []


def items(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and type of each item: version 2 and 3 of infe."""
    if not iinf:
        return
    for kind, entry in boxes(iinf[6 if iinf[0] == 0 else 8 :]):
        if kind == b"infe" and entry[0] in (2, 3):
            at, form = (6, ">H") if entry[0] == 2 else (8, ">I")
            yield struct.unpack_from(form, entry, 4)[0], entry[at + 2 : at + 6]


def extent(iloc: bytes, item: int) -> tuple[int, int]:
    """Return offset and length of an item that lies in the file in one piece; (0, 0) for any other."""
    if not iloc:
        return 0, 0
    version = iloc[0]
    offset_size, length_size = iloc[4] >> 4, iloc[4] & 15
    base_size, index_size = iloc[5] >> 4, iloc[5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    count = int.from_bytes(iloc[6 : 6 + wide], "big")
    at = 6 + wide
    for _ in range(min(count, _MOST_ITEMS)):
        number = int.from_bytes(iloc[at : at + wide], "big")
        at += wide
        method = iloc[at + 1] & 15 if version else 0
        at += 4 if version else 2
        base = int.from_bytes(iloc[at : at + base_size], "big")
        at += base_size
        extents = int.from_bytes(iloc[at : at + 2], "big")
        at += 2
        if number == item:
            at += index_size
            offset = int.from_bytes(iloc[at : at + offset_size], "big")
            length = int.from_bytes(iloc[at + offset_size : at + offset_size + length_size], "big")
            return (base + offset, length) if method == 0 and extents == 1 else (0, 0)
        at += extents * (index_size + offset_size + length_size)
    return 0, 0
