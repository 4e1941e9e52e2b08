"""AVIF and HEIC: the properties of the primary item. ISO/IEC 23008-12 (HEIF), 14496-12 (boxes), AV1-ISOBMFF."""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fastfit.codec.headers.av1 import full_range
from fastfit.codec.headers.exif import bare
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

# Anticlockwise quarter turns (irot), then a mirror (imir: 0 exchanges top and bottom, 1 left and right) as an
# orientation of Exif. An orientation in the Exif block itself does not count (23008-12, annex A).
_ORIENTATIONS: dict[tuple[int, int | None], int] = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip
_MOST_ITEMS = 4096
_BLOCK = 64
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
_TO_SAMPLES = (b"trak", b"mdia", b"minf", b"stbl")  # within moov


class _Properties(NamedTuple):
    """What the properties of an item say."""

    size: Size | None = None
    cropped: Size | None = None
    depth: int | None = None
    channels: int | None = None
    profile: bytes | None = None
    turns: int = 0
    mirror: int | None = None
    full: bool | None = None


def read_heif(data: bytes, format: str) -> ImageInfo:
    """Read size, depth, turn, profile and Exif from the meta box; files without one (sequences) tell less."""
    top = dict(_boxes(data))
    frames = max([1, *_samples(top.get(b"moov", b""), _TO_SAMPLES)])
    meta = top.get(b"meta")
    if meta is None:
        return ImageInfo(format, frames=frames)
    inner = dict(_boxes(meta[4:]))
    item = _primary(inner.get(b"pitm", b""))
    boxes = dict(_boxes(inner.get(b"iprp", b"")))
    found = _properties(boxes, item)
    alpha = _ALPHA in boxes.get(b"ipco", b"")
    black, white = _range(found, data, inner, item, alpha=alpha) if format == "avif" else (0, None)
    return ImageInfo(
        format,
        # Libavif, and so whoever reads AVIF, does not crop.
        found.size if format == "avif" else found.cropped or found.size,
        _ORIENTATIONS[found.turns, found.mirror],
        found.profile,
        found.depth,
        found.channels + alpha if found.channels else None,
        white=white,
        black=black,
        misread="grey AVIF with alpha" if format == "avif" and alpha and found.channels == 1 else None,
        alpha=alpha,
        exif=_exif(data, inner),
        frames=frames,
    )


def _properties(boxes: dict[bytes, bytes], item: int) -> _Properties:
    every = list(_boxes(boxes.get(b"ipco", b"")))
    found = _Properties()
    for index in _associated(boxes.get(b"ipma", b""), item):
        if 1 <= index <= len(every):
            kind, body = every[index - 1]
            found = _OF_KIND[kind](found, body) if kind in _OF_KIND else found
    return found


def _sized(found: _Properties, body: bytes) -> _Properties:
    return found._replace(size=Size(*struct.unpack_from(">II", body, 4)))


def _cropped(found: _Properties, body: bytes) -> _Properties:
    width, per_width, height, per_height = struct.unpack_from(">IIII", body)
    cropped = Size(width // per_width, height // per_height)
    # To what the picture's blocks have too much. A smaller part would let through what is too large to decode.
    near = found.size and all(0 <= whole - part < _BLOCK for whole, part in zip(found.size, cropped, strict=True))
    return found._replace(cropped=cropped) if near else found


def _sampled(found: _Properties, body: bytes) -> _Properties:
    return found._replace(depth=body[5], channels=body[4]) if len(body) > 5 else found


def _configured(found: _Properties, body: bytes) -> _Properties:
    if len(body) < 4:
        return found
    depth = 12 if body[2] & 0x20 else 10 if body[2] & 0x40 else 8
    full = full_range(body[4:]) if found.full is None else found.full
    return found._replace(depth=found.depth or depth, channels=1 if body[2] & 0x10 else found.channels, full=full)


def _coloured(found: _Properties, body: bytes) -> _Properties:
    if body[:4] in (b"prof", b"rICC"):
        return found._replace(profile=body[4:] or None)
    return found._replace(full=bool(body[10] & 0x80)) if body[:4] == b"nclx" and len(body) > 10 else found


_OF_KIND: dict[bytes, Callable[[_Properties, bytes], _Properties]] = {
    b"ispe": _sized,
    b"clap": _cropped,
    b"pixi": _sampled,
    b"av1C": _configured,
    b"colr": _coloured,
    b"irot": lambda found, body: found._replace(turns=body[0] & 3),
    b"imir": lambda found, body: found._replace(mirror=body[0] & 1),
}


def _range(
    found: _Properties, data: bytes, meta: dict[bytes, bytes], item: int, *, alpha: bool
) -> tuple[int, int | None]:
    """Return black and white in samples as OpenCV gives them: grey as stored, without regard to its range."""
    depth = found.depth or 8
    full = found.full
    as_stored = found.channels == 1 and not alpha
    if as_stored and full is None:
        at, length = _extent(meta.get(b"iloc", b""), item)
        full = full_range(data[at : at + min(length, 256)])
    if as_stored and full is False:
        return 16 << depth - 8, 235 << depth - 8
    return 0, (1 << depth) - 1 if depth in (10, 12) else None


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
        yield kind, b"" if kind == b"mdat" else data[at + head : at + size]  # which is most of the file
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
    for _ in range(min(count, _MOST_ITEMS)):
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


def _samples(body: bytes, path: tuple[bytes, ...]) -> Iterator[int]:
    """Yield the number of samples of each track of a sequence: its frames, among them."""
    for kind, inner in _boxes(body):
        if path and kind == path[0]:
            yield from _samples(inner, path[1:])
        elif not path and kind == b"stsz" and len(inner) >= 12:
            yield int.from_bytes(inner[8:12], "big")


def _exif(data: bytes, meta: dict[bytes, bytes]) -> bytes | None:
    """Find the item of type Exif, and return its bytes behind the offset that they begin with."""
    try:
        item = next((item for item, kind in _items(meta.get(b"iinf", b"")) if kind == b"Exif"), None)
        at, length = _extent(meta.get(b"iloc", b""), item) if item is not None else (0, 0)
        if length <= 4 or at + length > len(data):
            return None
        (offset,) = struct.unpack_from(">I", data, at)
    except (struct.error, IndexError):
        return None
    return bare(data[at + 4 + offset : at + length]) or bare(data[at + 4 : at + length])


def _items(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and type of each item: version 2 and 3 of infe."""
    if not body:
        return
    for kind, entry in _boxes(body[6 if body[0] == 0 else 8 :]):
        if kind == b"infe" and entry[0] in (2, 3):
            at, form = (6, ">H") if entry[0] == 2 else (8, ">I")
            yield struct.unpack_from(form, entry, 4)[0], entry[at + 2 : at + 6]


def _extent(body: bytes, item: int) -> tuple[int, int]:
    """Return offset and length of an item that lies in the file in one piece; (0, 0) for any other."""
    version = body[0]
    offset_size, length_size = body[4] >> 4, body[4] & 15
    base_size, index_size = body[5] >> 4, body[5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    count = int.from_bytes(body[6 : 6 + wide], "big")
    at = 6 + wide
    for _ in range(min(count, _MOST_ITEMS)):
        number = int.from_bytes(body[at : at + wide], "big")
        at += wide
        method = body[at + 1] & 15 if version else 0
        at += 4 if version else 2
        base = int.from_bytes(body[at : at + base_size], "big")
        at += base_size
        extents = int.from_bytes(body[at : at + 2], "big")
        at += 2
        if number == item:
            at += index_size
            offset = int.from_bytes(body[at : at + offset_size], "big")
            length = int.from_bytes(body[at + offset_size : at + offset_size + length_size], "big")
            return (base + offset, length) if method == 0 and extents == 1 else (0, 0)
        at += extents * (index_size + offset_size + length_size)
    return 0, 0
