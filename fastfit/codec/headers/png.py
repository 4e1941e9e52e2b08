"""PNG, third edition: IHDR, iCCP, eXIf, acTL, tRNS, and ImageMagick's raw profiles in tEXt and zTXt."""

import struct
import zlib
from collections.abc import Iterator

from fastfit.codec.headers.exif import bare, exif_orientation
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_GREY = 0
# No profile or Exif block is larger; a bomb may be, and there may be many.
_MOST_INFLATED = 16 << 20
_MOST_RAW_PROFILES = 4
_RAW_PROFILES = (b"Raw profile type exif", b"Raw profile type APP1")


def read_png(data: bytes) -> ImageInfo:
    """Read the chunks; they are length, type, body, checksum. eXIf goes before a raw profile."""
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    profile, exif, frames = None, b"", 1
    raw: list[bytes] = []
    for kind, body in _chunks(data):
        if kind == b"iCCP" and profile is None:
            profile = _inflated(body.partition(b"\0")[2][1:]) or b""
        elif kind == b"eXIf":
            exif = bare(body)
        elif kind == b"acTL" and len(body) == 8:
            frames = max(1, int.from_bytes(body[:4], "big"))
        elif kind in (b"tEXt", b"zTXt") and len(raw) < _MOST_RAW_PROFILES:
            keyword, _, text = body.partition(b"\0")
            if keyword in _RAW_PROFILES:
                raw.append(bare(_raw_profile(text if kind == b"tEXt" else _inflated(text[1:]) or b"")))
    block = exif or next((block for block in raw if block[:2] in (b"II", b"MM")), b"")
    return ImageInfo(
        "png",
        Size(width, height),
        exif_orientation(block),
        profile or None,
        depth,
        _CHANNELS.get(colour),
        exif=block or None,
        frames=frames,
        damage=_cut_short(data),
    )


def _cut_short(data: bytes) -> str | None:
    """Tell of a chunk that goes beyond the end: libpng would take memory for it before it sees that."""
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            return f"it ends {at + 12 + length - len(data)} bytes before a chunk does"
        if kind == b"IEND":
            return None
        at += 12 + length
    return "it ends before its last chunk"


def transparent_level(data: bytes) -> int | None:
    """Return the grey level that stands for transparency in a grey PNG, in the file's own range."""
    if data[25] != _GREY:
        return None
    body = next((body for kind, body in _chunks(data) if kind == b"tRNS"), b"")
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


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length] if kind != b"IDAT" else b""
        at += 12 + length


def _inflated(packed: bytes) -> bytes | None:
    """Decompress; None if it is damaged or too large."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(packed, _MOST_INFLATED)
    except zlib.error:
        return None
    return inflated if stream.eof and inflated else None


def _raw_profile(text: bytes) -> bytes:
    """Read ImageMagick's form: a name, a length, and the bytes as hexadecimal digits in lines."""
    digits = b"".join(text.split()[2:])
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""
