"""JPEG: ITU-T T.81, Annex B; Exif in APP1; the profile in pieces in APP2 (ICC.1:2022, B.4)."""

import re
import struct
from collections.abc import Iterator

from fastfit.codec.headers.exif import exif_orientation
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

# Start-of-frame markers: C0 to CF without DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_jpeg(data: bytes) -> ImageInfo:
    """Read the segments before the first scan. The first Exif block that has an orientation counts."""
    size, depth, channels, orientation = None, None, None, 1
    pieces: dict[int, bytes] = {}
    for marker, body in _segments(data):
        if marker in _FRAMES:
            depth, height, width, channels = struct.unpack_from(">BHHB", body)
            size = Size(width, height)
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and orientation == 1:
            orientation = exif_orientation(body)
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            pieces[body[12]] = body[14:]
    profile = b"".join(pieces[number] for number in sorted(pieces)) or None
    return ImageInfo("jpeg", size, orientation, profile, depth, channels)


def count_scans(data: bytes) -> int:
    """Count the scans of the first image in a JPEG file; whatever follows its end is not looked at.

    A decoder goes over the whole picture in each; a baseline JPEG has up to 4, a progressive one some ten.
    """
    scans, at = 0, 2
    while (found := _MARKER.search(data, at)) and data[found.start() + 1] != 0xD9:
        at = found.end()
        scans += data[at - 1] == 0xDA
        at += int.from_bytes(data[at : at + 2], "big")
    return scans


# A marker that has a segment, or the end: not a stuffed byte, fill, a restart or the start.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and body of each segment before the first scan."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in (0xDA, 0xD9):
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2:
            return
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length
