"""What a file says of itself, read from its header without decoding a pixel. One module for each family."""

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fastfit.codec.headers.bmp import read_bmp
from fastfit.codec.headers.gif import read_gif
from fastfit.codec.headers.heif import read_heif
from fastfit.codec.headers.info import ImageInfo
from fastfit.codec.headers.jpeg import count_scans, read_jpeg
from fastfit.codec.headers.jpeg2000 import read_jpeg2000
from fastfit.codec.headers.jpegxl import read_jpegxl
from fastfit.codec.headers.png import read_png
from fastfit.codec.headers.simple import read_hdr, read_ico, read_pnm, read_sunraster
from fastfit.codec.headers.tiff import read_tiff
from fastfit.codec.headers.webp import read_webp
from fastfit.types import Size

__all__ = ["ImageInfo", "count_scans", "probe"]

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (8, b"WEBP", "webp"),
    (0, b"GIF8", "gif"),
    (0, b"BM", "bmp"),
    *((0, magic, "tiff") for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    *((4, b"ftyp" + brand, "avif") for brand in (b"avif", b"avis")),
    *((4, b"ftyp" + brand, "heic") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc")),
    *((4, b"ftyp" + brand, "heif") for brand in (b"mif1", b"msf1", b"mif3")),
    *((0, magic, "jpeg2000") for magic in (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    *((0, magic, "jpegxl") for magic in (b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    *((0, magic, "hdr") for magic in (b"#?RADIANCE", b"#?RGBE")),
    (0, b"\x59\xa6\x6a\x95", "sunraster"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    *((0, b"P" + kind, "pnm") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"f", b"F")),
    (0, b"8BPS", "psd"),
    (0, b"\0\0\1\0", "ico"),
    (0, b"DDS ", "dds"),
    (0, b"qoif", "qoi"),
    (0, b"\x01\xda", "sgi"),
    *((4, magic, "fli") for magic in (b"\x11\xaf", b"\x12\xaf")),
)
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"

_READERS: dict[str, Callable[[bytes], ImageInfo]] = {
    "jpeg": read_jpeg,
    "png": read_png,
    "webp": read_webp,
    "tiff": read_tiff,
    "avif": partial(read_heif, format="avif"),
    "heic": partial(read_heif, format="heic"),
    "heif": partial(read_heif, format="heif"),
    "gif": read_gif,
    "bmp": read_bmp,
    "pnm": read_pnm,
    "jpeg2000": read_jpeg2000,
    "jpegxl": read_jpegxl,
    "hdr": read_hdr,
    "ico": read_ico,
    "sunraster": read_sunraster,
}


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
    kind = _kind(data)
    if kind is None:
        return None
    info = ImageInfo(kind)
    if kind in _READERS:
        try:
            info = _READERS[kind](data)
        except (struct.error, IndexError, OverflowError, ValueError, ZeroDivisionError):
            return info
    if info.size is None or min(info.size) < 1:
        return replace(info, size=None)
    return replace(info, size=Size(info.size.height, info.size.width)) if info.orientation >= 5 else info


def _kind(data: bytes) -> str | None:
    kind = next((name for at, magic, name in _SIGNATURES if data.startswith(magic, at)), None)
    if kind == "webp" and not data.startswith(b"RIFF"):
        return None
    if kind == "heif":  # the brand of a family: the brands that follow say which
        brands = data[16 : int.from_bytes(data[:4], "big")][:256]
        return "avif" if b"avif" in brands else "heic" if b"heic" in brands else kind
    # The only format without a signature has a footer, in its newer version; the older is anyone's guess.
    return "tga" if kind is None and data.endswith(_TGA_FOOTER) else kind
