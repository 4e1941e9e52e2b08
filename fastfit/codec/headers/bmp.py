"""BMP, with the headers of Windows and OS/2."""

import struct

from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_RLE8, _RLE4, _BITFIELDS = 1, 2, 3
_END_OF_LINE, _END, _MOVE = 0, 1, 2
_OS2 = 12  # length of the oldest header, which OpenCV takes for grey whatever its palette
_MASKS_BEHIND = 40  # of this length and above masks lie at the same place, within the header or behind it
_ALPHA = 56  # the shortest header with a mask for alpha
_MASKS_16 = {(0xF800, 0x07E0, 0x001F): (5, 6, 5), (0x7C00, 0x03E0, 0x001F): (5, 5, 5)}
_BYTES = frozenset({0xFF, 0xFF00, 0xFF0000, 0xFF000000})


def read_bmp(data: bytes) -> ImageInfo:
    """Read any header; the fourth byte of a pixel is alpha only where a mask says so."""
    (length,) = struct.unpack_from("<I", data, 14)
    if length == _OS2:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return ImageInfo("bmp", Size(width, height), bit_depth=min(bits, 8), alpha=False)
    width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    masks, alpha = _masks(data, length)
    return ImageInfo(
        "bmp",
        Size(width, abs(height)),
        bit_depth=max(narrow) if (narrow := narrow_samples(data)) else min(bits, 8),
        alpha=bits == 32 and bool(alpha),
        misread=_misread(length, bits, masks, alpha),
        damage=_damaged_runs(data, width, abs(height), packing) if packing in (_RLE8, _RLE4) else None,
    )


def _damaged_runs(data: bytes, width: int, height: int, packing: int) -> str | None:
    """Check that run-length codes stay within the picture and come to their end: decoders do not.

    Pixels that codes leave out on purpose, by moving on, are the format's way to say transparent.
    """
    at, x, y = struct.unpack_from("<I", data, 10)[0], 0, 0
    try:
        while True:
            count, value = data[at], data[at + 1]
            at += 2
            if count:
                x += count
            elif value == _END_OF_LINE:
                x, y = 0, y + 1
            elif value == _END:
                return None
            elif value == _MOVE:
                x, y, at = x + data[at], y + data[at + 1], at + 2
            else:
                x += value
                stored = value if packing == _RLE8 else (value + 1) // 2
                at += stored + stored % 2
            if x > width or y > height or (y == height and x):
                return "a run goes beyond its row"
    except IndexError:
        return "it ends before its last run"


def narrow_samples(data: bytes) -> tuple[int, int, int] | None:
    """Return the bits of red, green and blue in pixels of 16 bits, else None."""
    (length,) = struct.unpack_from("<I", data, 14)
    if length < _MASKS_BEHIND or struct.unpack_from("<H", data, 28)[0] != 16:
        return None
    masks, _ = _masks(data, length)
    return _MASKS_16.get(masks, (5, 5, 5)) if masks else (5, 5, 5)


def palette_from_os2(data: bytes) -> bool:
    """Tell whether the palette has the form that OpenCV does not look at for colours."""
    return bool(struct.unpack_from("<I", data, 14)[0] == _OS2)


def _masks(data: bytes, length: int) -> tuple[tuple[int, int, int] | None, int]:
    """Return the masks of red, green and blue, or None, and that of alpha, or 0."""
    if length < _MASKS_BEHIND or struct.unpack_from("<I", data, 30)[0] != _BITFIELDS:
        alpha = struct.unpack_from("<I", data, 66)[0] if length >= _ALPHA else 0
        return None, alpha
    red, green, blue = struct.unpack_from("<III", data, 54)
    return (red, green, blue), struct.unpack_from("<I", data, 66)[0] if length >= _ALPHA else 0


def _misread(length: int, bits: int, masks: tuple[int, int, int] | None, alpha: int) -> str | None:
    if masks is None:
        return None
    usual = masks == (0xFF0000, 0xFF00, 0xFF)
    odd = bits == 32 and (not {*masks, alpha} <= _BYTES | {0} or (length == _MASKS_BEHIND and not usual))
    odd = odd or (bits == 16 and masks not in _MASKS_16)
    return "a BMP with unusual masks" if odd else None
