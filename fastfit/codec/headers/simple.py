"""PNM, ICO, Radiance and Sun raster: sizes, and what decoders get wrong."""

import re
import struct
from dataclasses import replace

from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_SPREAD = 255
# Blanks and comments, then a number. They are told apart by one byte, and kept: no pattern here may try twice.
_NUMBER = re.compile(rb"(?:\s|#[^\n]*\n)*+(\d+)")


def read_pnm(data: bytes) -> ImageInfo:
    """Netpbm: width, height and, but for bitmaps, the largest sample; comments between."""
    kind = data[1:2]
    if kind in b"7fF":
        return _read_pam(data) if kind == b"7" else _read_pfm(data)
    bitmap = kind in b"14"
    numbers: list[int] = []
    at = 2
    while len(numbers) < (2 if bitmap else 3):
        found = _NUMBER.match(data, at)
        if found is None:
            return ImageInfo("pnm")
        numbers.append(int(found[1]))
        at = found.end()
    white = _SPREAD if bitmap else numbers[2]
    if kind in b"23" and 1 <= white <= 255:  # as decimals OpenCV spreads these itself
        white = _SPREAD
    return _netpbm(Size(*numbers[:2]), white, 3 if kind in b"36" else 1)


def _read_pam(data: bytes) -> ImageInfo:
    """PAM: a line for each field, until ENDHDR."""
    header = data[:4096].partition(b"ENDHDR")[0]
    fields = {key: int(value) for key, value in re.findall(rb"(?m)^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d+)", header)}
    if not {b"WIDTH", b"HEIGHT"} <= fields.keys():
        return ImageInfo("pnm")
    info = _netpbm(Size(fields[b"WIDTH"], fields[b"HEIGHT"]), fields.get(b"MAXVAL", 255), fields.get(b"DEPTH"))
    return replace(info, misread="a PAM of bits, which come out all 0") if info.white == 1 else info


def _netpbm(size: Size, white: int, channels: int | None) -> ImageInfo:
    """Describe samples from 0 to `white`."""
    misread = None if 1 <= white <= 65535 else f"a Netpbm file whose largest sample is {white}"
    return ImageInfo(
        "pnm", size, white=None if white in (_SPREAD, 65535) else white, channels=channels, misread=misread
    )


def _read_pfm(data: bytes) -> ImageInfo:
    found = re.match(rb"P[fF]\s+(\d{1,9})\s+(\d{1,9})\s", data[:64])
    return ImageInfo("pnm", Size(int(found[1]), int(found[2])) if found else None, bit_depth=32)


def read_ico(data: bytes) -> ImageInfo:
    """ICO: the largest of its pictures and, of those, the one of least depth, as Pillow takes it."""
    (count,) = struct.unpack_from("<H", data, 4)
    entries = []
    for entry in range(6, 6 + 16 * count, 16):
        width, height, colours, depth, at = struct.unpack_from("<BBBxxxH4xI", data, entry)
        depth = depth or (colours and (colours - 1).bit_length()) or 256
        entries.append((-(width or 256) * (height or 256), depth, entry, at))
    at = min(entries)[3]
    # The directory may claim what it likes: the picture's own header counts.
    if data.startswith(b"\x89PNG", at):
        return ImageInfo("ico", Size(*struct.unpack_from(">II", data, at + 16)))
    width, height = struct.unpack_from("<ii", data, at + 4)
    return ImageInfo("ico", Size(width, height // 2))


def read_hdr(data: bytes) -> ImageInfo:
    """Radiance: the resolution behind the empty line, in the usual order of axes."""
    found = re.search(rb"\n\n-Y (\d{1,9}) \+X (\d{1,9})\n", data[:8192])
    return ImageInfo("hdr", Size(int(found[2]), int(found[1])) if found else None)


def read_sunraster(data: bytes) -> ImageInfo:
    """Sun raster: what stands behind the signature."""
    width, height, depth, _, kind, _, map_length = struct.unpack_from(">IIIIIII", data, 4)
    black = depth in (1, 8) and not map_length and kind in (0, 1)
    misread = "a Sun raster of grey without a map, which comes out all 0" if black else None
    return ImageInfo("sunraster", Size(width, height), misread=misread)
