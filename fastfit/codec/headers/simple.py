"""GIF, BMP, PNM, JPEG 2000, Radiance and Sun raster: sizes, and what decoders get wrong."""

import re
import struct

from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size


def read_gif(data: bytes) -> ImageInfo:
    """GIF89a: the logical screen."""
    return ImageInfo("gif", Size(*struct.unpack_from("<HH", data, 6)), bit_depth=8)


def read_bmp(data: bytes) -> ImageInfo:
    """BMP: any header; the fourth byte of a pixel is alpha only where a mask says so."""
    (length,) = struct.unpack_from("<I", data, 14)
    if length == 12:
        return ImageInfo("bmp", Size(*struct.unpack_from("<HH", data, 18)), alpha=False)
    width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    masked = length >= 56 and struct.unpack_from("<I", data, 66)[0] != 0
    return ImageInfo("bmp", Size(width, abs(height)), alpha=bits == 32 and masked)


def read_pnm(data: bytes) -> ImageInfo:
    """Netpbm: width, height and, but for bitmaps, the largest sample; comments between. Not PAM and PFM."""
    header = re.match(rb"P([1-6])((?:\s+|#[^\n]*\n)+\d+){2,3}?", data[:4096])
    numbers = [int(number) for number in re.findall(rb"\d+", re.sub(rb"#[^\n]*", b" ", data[2:4096]))[:3]]
    if header is None or len(numbers) < 2:
        return ImageInfo("pnm")
    bitmap = header[1] in (b"1", b"4")
    white = None if bitmap or len(numbers) < 3 or numbers[2] in (255, 65535) else numbers[2]
    return ImageInfo(
        "pnm", Size(numbers[0], numbers[1]), white=white, channels=3 if header[1] in (b"3", b"6") else 1
    )


def read_jpeg2000(data: bytes) -> ImageInfo:
    """ISO/IEC 15444-1: SIZ of the codestream, wherever its boxes put it."""
    at = data.find(b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    if at < 0 or right <= left or bottom <= top:
        return ImageInfo("jpeg2000")
    return ImageInfo("jpeg2000", Size(right - left, bottom - top))


def read_hdr(data: bytes) -> ImageInfo:
    """Radiance: the resolution behind the empty line, in the usual order of axes."""
    found = re.search(rb"\n\n-Y (\d{1,9}) \+X (\d{1,9})\n", data[:8192])
    return ImageInfo("hdr", Size(int(found[2]), int(found[1])) if found else None)


def read_sunraster(data: bytes) -> ImageInfo:
    """Sun raster: width and height behind the signature."""
    return ImageInfo("sunraster", Size(*struct.unpack_from(">II", data, 4)))
