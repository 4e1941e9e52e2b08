"""PNG, third edition: IHDR, iCCP, eXIf, acTL, tRNS, and ImageMagick's raw profiles in tEXt and zTXt."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from fastfit.codec.headers.exif import bare, exif_orientation
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_GREY = 0
_XMP = b"XML:com.adobe.xmp\0\0"
# No profile or Exif block is larger; a bomb may be, and there may be many.
_MOST_INFLATED = 16 << 20
_MOST_RAW_PROFILES = 4
_MOST_CHUNKS = 1 << 18  # 2 GiB in the pieces of 8 KiB that libpng writes
_RAW_PROFILES = (b"Raw profile type exif\0", b"Raw profile type APP1\0")


class _Chunk(NamedTuple):
    """Type and body of a chunk, but for picture data, and by how many bytes it goes beyond the end of the file."""

    kind: bytes
    body: bytes
    beyond: int


def read_png(data: bytes) -> ImageInfo:
    """Read the chunks; they are length, type, body, checksum."""
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    chunks = list(islice(_chunks(data), _MOST_CHUNKS))
    first = {chunk.kind: chunk.body for chunk in reversed(chunks)}
    profile = _inflated(first.get(b"iCCP", b"").partition(b"\0")[2][1:])
    exif = _exif(chunks, first)
    frames = int.from_bytes(first.get(b"acTL", b"")[:4], "big")
    return ImageInfo(
        "png",
        Size(width, height),
        exif_orientation(exif, _xmp(chunks)),
        profile,
        depth,
        _CHANNELS.get(colour),
        exif=exif or None,
        frames=max(1, frames),
        damage=_damage(chunks),
    )


def _exif(chunks: Sequence[_Chunk], first: Mapping[bytes, bytes]) -> bytes:
    """Return the eXIf chunk or, where there is none, ImageMagick's raw profile."""
    texts = (
        chunk for chunk in chunks if chunk.kind in (b"tEXt", b"zTXt") and chunk.body.startswith(_RAW_PROFILES)
    )
    raw = (_raw_profile(text) for text in islice(texts, _MOST_RAW_PROFILES))
    return bare(first.get(b"eXIf", b"")) or next((block for block in raw if block[:2] in (b"II", b"MM")), b"")


def _xmp(chunks: Sequence[_Chunk]) -> bytes:
    """Return an XMP packet that is not compressed."""
    return next((chunk.body for chunk in chunks if chunk.kind == b"iTXt" and chunk.body.startswith(_XMP)), b"")


def _damage(chunks: Sequence[_Chunk]) -> str | None:
    """Tell of a chunk that goes beyond the end: libpng would take memory for all of it before it sees that."""
    drawn = False
    for chunk in chunks:
        if chunk.beyond > 0:
            return f"it ends {chunk.beyond} bytes before a chunk does"
        if chunk.kind == b"IEND" and drawn:  # one before the picture does not end the file for libpng
            return None
        drawn = drawn or chunk.kind == b"IDAT"
    return "it ends before its last chunk" if len(chunks) < _MOST_CHUNKS else "it has too many chunks"


def transparent_level(data: bytes) -> int | None:
    """Return the grey level that stands for transparency in a grey PNG, in the file's own range."""
    if data[25] != _GREY:
        return None
    body = next((chunk.body for chunk in _chunks(data) if chunk.kind == b"tRNS"), b"")
    return int.from_bytes(body, "big") & ((1 << data[24]) - 1) if len(body) == 2 else None


def default_image(data: bytes) -> bytes:
    """Return an animated PNG without its animation: every decoder shows the same still, the default image."""
    if b"acTL" not in data:
        return data
    kept, at = [data[:8]], 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind not in (b"acTL", b"fcTL", b"fdAT"):
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length] if kind not in (b"IDAT", b"fdAT") else b""
        yield _Chunk(kind, body, at + 12 + length - len(data))
        at += 12 + length


def _inflated(packed: bytes) -> bytes | None:
    """Decompress; None if it is damaged or too large."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(packed, _MOST_INFLATED)
    except zlib.error:
        return None
    return inflated if stream.eof and inflated else None


def _raw_profile(chunk: _Chunk) -> bytes:
    """Read ImageMagick's form: a name, a length, and the bytes as hexadecimal digits in lines."""
    text = chunk.body.partition(b"\0")[2]
    if chunk.kind == b"zTXt":
        text = _inflated(text[1:]) or b""
    try:
        return bare(bytes.fromhex(b"".join(text.split()[2:]).decode("ascii")))
    except ValueError:
        return b""
