"""JPEG 2000, ISO/IEC 15444-1: SIZ of the codestream, and palette and colour space in the boxes before it."""

import struct
from collections.abc import Sequence

from fastfit.codec.headers.boxes import boxes
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_SRGB, _GREY = 16, 17  # EnumCS
_ENUMERATED, _PROFILE = 1, 2  # METH


def read_jpeg2000(data: bytes) -> ImageInfo:
    """Read the codestream, bare or in its box."""
    top = [(b"jp2c", data[:4096])] if data.startswith(b"\xff\x4f") else list(boxes(data))
    stream = next((body for kind, body in top if kind == b"jp2c"), b"")
    head = [box for kind, body in top if kind == b"jp2h" for box in boxes(body)]
    right, bottom, left, top_edge = struct.unpack_from(">IIII", stream, 8)
    depth = (stream[42] & 0x7F) + 1
    # OpenCV leaves more than 8 bits where they are. Less it leaves to Pillow, which shifts them to the top of 8.
    white = ((1 << depth) - 1) << max(0, 8 - depth)
    return ImageInfo(
        "jpeg2000",
        Size(right - left, bottom - top_edge),
        icc_profile=_profile(head),
        bit_depth=depth,
        channels=int.from_bytes(stream[40:42], "big"),
        white=None if white in (255, 65535) else white,
        misread=_misread(head, signed=bool(stream[42] & 0x80)),
    )


def _misread(head: Sequence[tuple[bytes, bytes]], *, signed: bool) -> str | None:
    if any(kind == b"pclr" for kind, _ in head):
        return "a JPEG 2000 file with a palette"
    spaces = [
        int.from_bytes(body[3:7], "big") for kind, body in head if kind == b"colr" and body[0] == _ENUMERATED
    ]
    if spaces and spaces[0] not in (_SRGB, _GREY):
        return "a JPEG 2000 file in a colour space other than sRGB and grey"
    return "a JPEG 2000 file with signed samples" if signed else None


def _profile(head: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Return the profile, which begins with its length."""
    found = next((body[3:] for kind, body in head if kind == b"colr" and body[0] == _PROFILE), b"")
    return found[: int.from_bytes(found[:4], "big")] if len(found) >= 128 else None
