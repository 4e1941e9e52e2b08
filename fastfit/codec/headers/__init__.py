"""What a file says of itself, read from its header without decoding a pixel. One module for each family."""

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fastfit.codec.headers.heif import read_heif
from fastfit.codec.headers.info import ImageInfo
from fastfit.codec.headers.jpeg import count_scans, read_jpeg
from fastfit.codec.headers.png import default_image, read_png
from fastfit.codec.headers.simple import read_bmp, read_gif, read_hdr, read_jpeg2000, read_pnm, read_sunraster
from fastfit.codec.headers.tiff import read_tiff
from fastfit.codec.headers.webp import read_webp
from fastfit.types import Size

__all__ = ["ImageInfo", "count_scans", "default_image", "probe"]

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (8, b"WEBP", "webp"),
    (0, b"GIF8", "gif"),
    (0, b"BM", "bmp"),
    *((0, magic, "tiff") for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    *((4, b"ftyp" + brand, "avif") for brand in (b"avif", b"avis")),
    *((4, b"ftyp" + brand, "heic") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc")),
    *((4, b"ftyp" + brand, "heif") for brand in (b"mif1", b"msf1")),
    *((0, magic, "jpeg2000") for magic in (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    *((0, magic, "jpegxl") for magic in (b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    *((0, magic, "hdr") for magic in (b"#?RADIANCE", b"#?RGBE")),
    (0, b"\x59\xa6\x6a\x95", "sunraster"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    *((0, b"P" + kind, "pnm") for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"f", b"F")),
)

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
    "hdr": read_hdr,
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
    kind = next((name for at, magic, name in _SIGNATURES if data.startswith(magic, at)), None)
    if kind is None or (kind == "webp" and not data.startswith(b"RIFF")):
        return None
    info = ImageInfo(kind)
    if kind in _READERS:
        try:
            info = _READERS[kind](data)
        except (struct.error, IndexError, OverflowError, ValueError):
            return info
    if info.size is None or min(info.size) < 1:
        return replace(info, size=None)
    return replace(info, size=Size(info.size.height, info.size.width)) if info.orientation >= 5 else info
