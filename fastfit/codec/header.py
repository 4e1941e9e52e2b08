"""What a file says of itself, read from its header without decoding a pixel."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastfit.codec.exif import exif_orientation
from fastfit.types import Size

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (8, b"WEBP", "webp"),
    (0, b"GIF8", "gif"),
    (0, b"BM", "bmp"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (4, b"ftypavif", "avif"),
    (4, b"ftypavis", "avif"),
    (4, b"ftypheic", "heic"),
    (4, b"ftypheix", "heic"),
    (4, b"ftypmif1", "heif"),
    (0, b"\0\0\0\x0cjP  ", "jpeg2000"),
    (0, b"\xff\x4f\xff\x51", "jpeg2000"),
    (0, b"\xff\x0a", "jpegxl"),
    (0, b"\0\0\0\x0cJXL ", "jpegxl"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"#?RGBE", "hdr"),
    (0, b"\x59\xa6\x6a\x95", "sunraster"),
    *((0, b"P" + kind, "pnm") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"f", b"F")),
)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a file says of its image."""

    format: str
    """Of the content, whatever the file's name: ``jpeg``, ``png``, ``webp``, ``tiff``, …"""
    size: Size | None
    """Upright size in pixels, at full scale. None before decoding a format whose header is not read here."""
    orientation: int = 1
    """Exif orientation, 1 to 8; `decode` has applied it."""
    icc_profile: bytes | None = None
    """The embedded colour profile; `decode` does not apply it."""
    bit_depth: int | None = None
    """Bits for each sample in the file. None before decoding a format whose header is not read here."""
    channels: int | None = None
    """Samples of each pixel in the file; for a palette 1."""


def probe(data: bytes) -> ImageInfo | None:
    """Read the header of an encoded image.

    Parameters
    ----------
    data : bytes
        The whole file, or as much as holds its header and metadata.

    Returns
    -------
    ImageInfo or None
        None where the bytes begin like no known image format. A damaged header leaves fields at None.
    """
    kind = next((name for at, magic, name in _SIGNATURES if data.startswith(magic, at)), None)
    if kind is None or (kind == "webp" and not data.startswith(b"RIFF")):
        return None
    reader = {"jpeg": _read_jpeg, "png": _read_png, "webp": _read_webp}.get(kind)
    info = ImageInfo(kind, None)
    if reader is None:
        return info
    try:
        info = reader(data)
    except (struct.error, IndexError):
        return info
    turned = info.orientation >= 5 and info.size is not None
    return replace(info, size=Size(info.size.height, info.size.width)) if turned and info.size else info


def _read_jpeg(data: bytes) -> ImageInfo:
    """ITU-T T.81, Annex B; Exif in APP1, the profile in pieces in APP2 (ICC.1:2022, B.4)."""
    size, depth, channels, orientation = None, None, None, 1
    pieces: dict[int, bytes] = {}
    for marker, body in _jpeg_segments(data):
        if marker in _FRAMES:
            depth, height, width, channels = struct.unpack_from(">BHHB", body)
            size = Size(width, height)
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and orientation == 1:
            orientation = exif_orientation(body)
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            pieces[body[12]] = body[14:]
    profile = b"".join(pieces[number] for number in sorted(pieces)) or None
    return ImageInfo("jpeg", size, orientation, profile, depth, channels)


# Start-of-frame markers: C0 to CF without DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
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


def _read_png(data: bytes) -> ImageInfo:
    """PNG, third edition: IHDR, iCCP, eXIf; chunks are length, type, body, checksum."""
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour)
    profile, orientation, at = None, 1, 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if kind == b"iCCP":
            profile = _inflate(body.partition(b"\0")[2][1:])
        elif kind == b"eXIf":
            orientation = exif_orientation(body)
        at += 12 + length
    return ImageInfo("png", Size(width, height), orientation, profile, depth, channels)


def _inflate(packed: bytes, limit: int = 16 << 20) -> bytes | None:
    """Decompress a profile; None if it is damaged or larger than any profile."""
    stream = zlib.decompressobj()
    try:
        profile = stream.decompress(packed, limit)
    except zlib.error:
        return None
    return profile if stream.eof and profile else None


def _read_webp(data: bytes) -> ImageInfo:
    """RFC 9649: RIFF chunks VP8X, VP8, VP8L, ICCP, EXIF; bodies are padded to even lengths."""
    size, profile, orientation, channels, at = None, None, 1, 3, 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
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
            orientation = exif_orientation(body)
        at += 8 + length + length % 2
    return ImageInfo("webp", size, orientation, profile, 8, channels)
