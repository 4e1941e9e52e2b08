"""PNG, third edition: IHDR, iCCP, eXIf, and ImageMagick's raw profiles in tEXt and zTXt."""

import struct
import zlib
from collections.abc import Iterator

from fastfit.codec.headers.exif import exif_orientation
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# No profile or Exif block is larger; a bomb may be.
_MOST_INFLATED = 16 << 20
_RAW_PROFILES = (b"Raw profile type exif", b"Raw profile type APP1")


def read_png(data: bytes) -> ImageInfo:
    """Read the chunks; they are length, type, body, checksum. eXIf goes before a raw profile."""
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    profile, exif, raw = None, None, None
    for kind, body in _chunks(data):
        if kind == b"iCCP":
            profile = _inflated(body.partition(b"\0")[2][1:])
        elif kind == b"eXIf":
            exif = exif_orientation(body)
        elif kind in (b"tEXt", b"zTXt"):
            keyword, _, text = body.partition(b"\0")
            if keyword in _RAW_PROFILES:
                text = text if kind == b"tEXt" else _inflated(text[1:]) or b""
                raw = exif_orientation(_raw_profile(text))
    orientation = exif or raw or 1
    return ImageInfo("png", Size(width, height), orientation, profile, depth, _CHANNELS.get(colour))


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
