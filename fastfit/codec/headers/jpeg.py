"""JPEG: ITU-T T.81, Annex B; Exif in APP1; the profile in pieces in APP2 (ICC.1:2022, B.4)."""

import re
import struct
from collections.abc import Iterator

import numpy as np

from fastfit.codec.headers.exif import bare, exif_orientation
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

# Start-of-frame markers: C0 to CF without DHT, JPG and DAC. The first two are sequential.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_TABLES = 0xDB
_SCAN, _END = 0xDA, 0xD9
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MOST_SEGMENTS = 1 << 16
_LEAST_CODES = {0xC0: 2, 0xC1: 2, 0xC2: 1}

# A marker that has a segment, or the end: not a stuffed byte, fill, a restart or the start.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def read_jpeg(data: bytes) -> ImageInfo:
    """Read the segments up to the first scan. The first Exif block that has an orientation counts."""
    size, depth, channels, orientation, exif, progressive = None, None, None, 1, None, False
    damage, xmp, lossless = None, b"", False
    pieces: dict[int, bytes] = {}
    for marker, body in _segments(data):
        if marker in _FRAMES and size is None:
            depth, height, width, channels = struct.unpack_from(">BHHB", body)
            size = Size(width, height)
            progressive, lossless = marker not in _SEQUENTIAL, marker in _LOSSLESS
            damage = _too_short(len(data), marker, size)
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and orientation == 1:
            orientation, exif = exif_orientation(body), exif or bare(body)
        elif marker == 0xE1 and body.startswith(_XMP):
            xmp = body
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            pieces[body[12]] = body[14:]
        elif marker == _SCAN and body:
            progressive = progressive or body[0] != channels
    profile = b"".join(pieces[number] for number in sorted(pieces)) or None
    return ImageInfo(
        "jpeg",
        size,
        orientation if orientation > 1 else exif_orientation(exif or b"", xmp),
        profile,
        depth,
        channels,
        exif=exif,
        progressive=progressive,
        lossless=lossless,
        damage=damage,
    )


def _too_short(length: int, frame: int, size: Size) -> str | None:
    """Tell of a file that has fewer bits than Huffman codes for blocks of 8 by 8: its decoder would make up most.

    Each block takes two codes in a sequential JPEG, for its mean and its end, and one in a progressive one.
    """
    blocks = -(-size.width // 8) * -(-size.height // 8)
    return "it is too short for its size" if 8 * length < _LEAST_CODES.get(frame, 0) * blocks else None


def coding(data: bytes) -> tuple[int, float | None]:
    """Return how many bytes of scans a JPEG has, and the mean of its table 0, luma's, if it has that."""
    end, mean = 2, None
    for marker, start, end in _spans(data):
        if marker == _TABLES and mean is None:
            mean = _mean_of_luma(data[start + 4 : end])
    stop = data.find(b"\xff\xd9", end)  # what follows are other pictures
    return max(0, (stop if stop >= 0 else len(data)) - end), mean


def _mean_of_luma(tables: bytes) -> float | None:
    """Return the mean of table 0, of 64 entries of one or two bytes, where it is among these."""
    while tables:
        wide, number = divmod(tables[0], 16)
        table, tables = tables[1 : 65 + 64 * (wide > 0)], tables[65 + 64 * (wide > 0) :]
        if number == 0:
            return float(np.mean(np.frombuffer(table, ">u2" if wide else np.uint8))) if len(table) >= 64 else None
    return None


def count_scans(data: bytes) -> int:
    """Count the scans of the first image in a JPEG file; whatever follows its end is not looked at.

    A decoder goes over the whole picture in each; a baseline JPEG has up to 4, a progressive one some ten.
    """
    return sum(marker == _SCAN for marker, _ in _markers(data))


def end_of_image(data: bytes) -> int:
    """Return where the marker is that ends the first image; what follows it are other pictures, or nothing."""
    return next((at for marker, at in _markers(data) if marker == _END), len(data))


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker that has a segment, and its offset, up to the end of the first image."""
    at, left = 2, _MOST_SEGMENTS
    while left and (found := _MARKER.search(data, at)):
        at, left = found.end(), left - 1
        yield data[at - 1], at - 2
        if data[at - 1] == _END:
            return
        at += int.from_bytes(data[at : at + 2], "big")


def without_oddities(data: bytes) -> bytes:
    """Return a JPEG that decodes to the same picture, without what libjpeg warns of before the first scan.

    It prints its first warning and no other: one about a stray byte hides one about missing pixels. Stray bytes
    go; an unknown revision of JFIF becomes 1.01; a sequential scan has the parameters it must have.
    """
    parts, sequential = [data[:2]], True
    for marker, start, end in _spans(data):
        segment = data[start:end]
        if marker == 0xE0 and segment[4:9] == b"JFIF\0":
            segment = segment[:9] + b"\1\1" + segment[11:]
        elif marker in _FRAMES:
            sequential = marker in _SEQUENTIAL
        elif marker == _SCAN:
            spectral = b"\0\x3f\0" if sequential else segment[-3:]
            segment = segment[:-3] + spectral + data[end:]
        parts.append(segment)
    return b"".join(parts)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and body of each segment up to that which begins the first scan."""
    for marker, start, end in _spans(data):
        yield marker, data[start + 4 : end]


def _spans(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to that which begins the first scan.

    Bytes between segments are passed over, as libjpeg does: what it decodes must not have gone unseen here.
    """
    at, left = 2, _MOST_SEGMENTS
    while left and (found := _MARKER.search(data, at)) and (marker := data[found.end() - 1]) != _END:
        at, left = found.end(), left - 1
        length = int.from_bytes(data[at : at + 2], "big")
        yield marker, at - 2, at + length
        if length < 2 or marker == _SCAN:
            return
        at += length
