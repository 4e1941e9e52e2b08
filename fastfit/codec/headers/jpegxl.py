"""JPEG XL, ISO/IEC 18181-1, annex D: the size, and which way is up."""

from fastfit.codec.headers.bits import Bits
from fastfit.codec.headers.boxes import boxes
from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_WIDTHS = (9, 13, 18, 30)


def read_jpegxl(data: bytes) -> ImageInfo:
    """Read the head of the codestream, bare or in its box. An orientation in Exif does not count."""
    bits = Bits(_codestream(data)[2:34], little=True)
    small = bits.read(1)
    height = _side(bits, small)
    ratio = bits.read(3)
    width = height * _RATIOS[ratio - 1][0] // _RATIOS[ratio - 1][1] if ratio else _side(bits, small)
    plain = bits.read(1)
    orientation = 1 if plain or not bits.read(1) else 1 + bits.read(3)
    return ImageInfo("jpegxl", Size(width, height), orientation)


def _side(bits: Bits, small: int) -> int:
    return 8 * (bits.read(5) + 1) if small else bits.read(_WIDTHS[bits.read(2)]) + 1


def _codestream(data: bytes) -> bytes:
    if data.startswith(b"\xff\x0a"):
        return data[:64]
    found = ((kind, body) for kind, body in boxes(data) if kind in (b"jxlc", b"jxlp"))
    kind, body = next(found, (b"", b""))
    return body[4:] if kind == b"jxlp" else body  # a part begins with its number
