"""AVIF and HEIC: the properties of the primary item. ISO/IEC 23008-12 (HEIF), 14496-12 (boxes), AV1-ISOBMFF."""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fastfit.codec.headers.av1 import Sequence, sequence_header
from fastfit.codec.headers.boxes import associated, boxes, extent, items, primary
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
_BLOCK = 64
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
_TO_TABLES = (b"trak", b"mdia", b"minf", b"stbl")  # within moov


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
    configuration: bytes = b""
    layered: bool = False


def read_heif(data: bytes, format: str) -> ImageInfo:
    """Read size, depth, turn, profile and Exif from the meta box; of a sequence without one, size and frames."""
    top = dict(boxes(data))
    tracks = list(_tracks(top.get(b"moov", b""), _TO_TABLES))
    frames = max([1, *(count for count, _ in tracks)])
    meta = top.get(b"meta")
    if meta is None:
        return ImageInfo(format, next((size for _, size in tracks if size), None), frames=frames)
    inner = dict(boxes(meta[4:]))
    item = primary(inner.get(b"pitm", b""))
    properties = dict(boxes(inner.get(b"iprp", b"")))
    found = _properties(properties, item)
    alpha = _ALPHA in properties.get(b"ipco", b"")
    stream = _stream(found, data, inner, item) if format == "avif" else None
    black, white = _range(found, stream) if format == "avif" and not alpha else (0, _white(found.depth))
    return ImageInfo(
        format,
        # Libavif, and so whoever reads AVIF, does not crop.
        found.size if format == "avif" else found.cropped or found.size,
        _ORIENTATIONS[found.turns, found.mirror],
        found.profile,
        found.depth,
        found.channels + alpha if found.channels else None,
        white=white if format == "avif" else None,
        black=black,
        misread="grey AVIF with alpha" if format == "avif" and alpha and found.channels == 1 else None,
        alpha=alpha,
        exif=_exif(data, inner),
        frames=frames,
        damage=f"its stream is {stream.size}" if stream and found.size not in (None, stream.size) else None,
    )


def _properties(iprp: dict[bytes, bytes], item: int) -> _Properties:
    every = list(boxes(iprp.get(b"ipco", b"")))
    found = _Properties()
    for index in associated(iprp.get(b"ipma", b""), item):
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
    channels = 1 if body[2] & 0x10 else found.channels
    return found._replace(depth=found.depth or depth, channels=channels, configuration=body[4:])


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
    b"a1op": lambda found, _: found._replace(layered=True),
    b"a1lx": lambda found, _: found._replace(layered=True),
    b"lsel": lambda found, _: found._replace(layered=True),
    b"irot": lambda found, body: found._replace(turns=body[0] & 3),
    b"imir": lambda found, body: found._replace(mirror=body[0] & 1),
}


def _stream(found: _Properties, data: bytes, meta: dict[bytes, bytes], item: int) -> Sequence | None:
    """Return what the AV1 stream says of itself, if the picture is one stream and not layers of it."""
    if found.layered or dict(items(meta.get(b"iinf", b""))).get(item, b"av01") != b"av01":
        return None
    at, length = extent(meta.get(b"iloc", b""), item)
    return sequence_header(data[at : at + min(length, 256)]) or sequence_header(found.configuration)


def _range(found: _Properties, stream: Sequence | None) -> tuple[int, int | None]:
    """Return black and white in samples as OpenCV gives them: grey as stored, without regard to its range."""
    full = stream.full if found.full is None and stream else found.full
    if found.channels == 1 and full is False:
        scale = 1 << (found.depth or 8) - 8
        return 16 * scale, 235 * scale
    return 0, _white(found.depth)


def _white(depth: int | None) -> int | None:
    return (1 << depth) - 1 if depth in (10, 12) else None


def _tracks(body: bytes, path: tuple[bytes, ...]) -> Iterator[tuple[int, Size | None]]:
    """Yield the number of samples of each track of a sequence, its frames among them, and the size of pictures."""
    if not path:
        tables = dict(boxes(body))
        entries = dict(boxes(tables.get(b"stsd", b"")[8:]))
        entry = entries.get(b"av01") or entries.get(b"hvc1") or b""
        size = Size(*struct.unpack_from(">HH", entry, 24)) if len(entry) >= 28 else None
        yield int.from_bytes(tables.get(b"stsz", b"")[8:12], "big"), size
        return
    for kind, inner in boxes(body):
        if kind == path[0]:
            yield from _tracks(inner, path[1:])


def _exif(data: bytes, meta: dict[bytes, bytes]) -> bytes | None:
    """Find the item of type Exif, and return its bytes behind the offset that they begin with."""
    try:
        item = next((item for item, kind in items(meta.get(b"iinf", b"")) if kind == b"Exif"), None)
        at, length = extent(meta.get(b"iloc", b""), item) if item is not None else (0, 0)
        if length <= 4 or at + length > len(data):
            return None
        (offset,) = struct.unpack_from(">I", data, at)
    except (struct.error, IndexError):
        return None
    return bare(data[at + 4 + offset : at + length]) or bare(data[at + 4 : at + length])
