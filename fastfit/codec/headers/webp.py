"""WebP, RFC 9649: RIFF chunks VP8X, VP8, VP8L, ICCP, EXIF, ANMF; bodies are padded to even lengths."""

import struct

from fastfit.codec.headers.exif import bare, exif_orientation
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_MOST_CHUNKS = 1 << 18


def read_webp(data: bytes) -> ImageInfo:
    """Read the chunks; VP8X goes before the size in the bitstream."""
    size, profile, exif, xmp, channels, frames, at = None, None, None, b"", 3, 0, 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + (length if kind in (b"ICCP", b"EXIF", b"XMP ") else min(length, 16))]
        if kind == b"VP8X":
            size = Size(1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
            channels = 4 if body[0] & 0x10 else 3
        elif kind == b"VP8 " and size is None:
            width, height = struct.unpack_from("<HH", body, 6)
            size = Size(width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L" and size is None:
            (bits,) = struct.unpack_from("<I", body, 1)
            size = Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
            channels = 4 if bits >> 28 & 1 else 3
        elif kind == b"ICCP":
            profile = body or None
        elif kind == b"EXIF":
            exif = bare(body)
        elif kind == b"XMP ":
            xmp = body
        elif kind == b"ANMF":
            frames += 1
        at += 8 + length + length % 2
    orientation = exif_orientation(exif or b"", xmp)
    return ImageInfo("webp", size, orientation, profile, 8, channels, exif=exif, frames=max(1, frames))
