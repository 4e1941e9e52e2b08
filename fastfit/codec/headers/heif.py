"""AVIF and HEIC: the properties of the primary item. ISO/IEC 23008-12 (HEIF), 14496-12 (boxes), AV1-ISOBMFF."""

import struct
from collections.abc import Iterator

from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

# Anticlockwise quarter turns (irot), then a mirror (imir: 0 exchanges top and bottom, 1 left and right) as an
# orientation of Exif.
_ORIENTATIONS: dict[tuple[int, int | None], int] = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip


def read_heif(data: bytes, format: str) -> ImageInfo:
    """Read size, depth, turn and profile from the meta box; files without one (sequences) tell nothing."""
    meta = next((body for kind, body in _boxes(data) if kind == b"meta"), None)
    if meta is None:
        return ImageInfo(format)
    inner = dict(_boxes(meta[4:]))
    properties = dict(_boxes(inner.get(b"iprp", b"")))
    all_properties = list(_boxes(properties.get(b"ipco", b"")))
    size, depth, profile, turns, mirror = None, None, None, 0, None
    for index in _associated(properties.get(b"ipma", b""), _primary(inner.get(b"pitm", b""))):
        if not 1 <= index <= len(all_properties):
            continue
        kind, body = all_properties[index - 1]
        if kind == b"ispe":
            size = Size(*struct.unpack_from(">II", body, 4))
        elif kind == b"pixi" and len(body) > 5:
            depth = body[5]
        elif kind == b"av1C" and depth is None:
            depth = 12 if body[2] & 0x20 else 10 if body[2] & 0x40 else 8
        elif kind == b"colr" and body[:4] in (b"prof", b"rICC"):
            profile = body[4:]
        elif kind == b"irot":
            turns = body[0] & 3
        elif kind == b"imir":
            mirror = body[0] & 1
    white = (1 << depth) - 1 if depth in (10, 12) else None
    return ImageInfo(format, size, _ORIENTATIONS[turns, mirror], profile or None, depth, white=white)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:
            size = len(data) - at
        if size < head:
            return
        yield kind, data[at + head : at + size]
        at += size


def _primary(body: bytes) -> int:
    return int(struct.unpack_from(">I" if body[0] else ">H", body, 4)[0]) if body else 0


def _associated(body: bytes, item: int) -> list[int]:
    """Return the numbers of the properties of an item, from 1."""
    if not body:
        return []
    version, wide = body[0], body[3] & 1
    (count,) = struct.unpack_from(">I", body, 4)
    at = 8
    for _ in range(min(count, 65535)):
        (number,) = struct.unpack_from(">I" if version else ">H", body, at)
        at += 4 if version else 2
        entries = body[at]
        at += 1
        form, mask, width = (">H", 0x7FFF, 2) if wide else (">B", 0x7F, 1)
        found = [struct.unpack_from(form, body, at + width * entry)[0] & mask for entry in range(entries)]
        if number == item:
            return found
        at += width * entries
    return []
