"""Pixels to bytes: the only place that calls `cv2.imencode`."""

import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np

from fastfit.codec.depth import eight_bits
from fastfit.errors import CodecError, OptionError, SizeError, describe
from fastfit.types import Image, Size, as_integer
from fastfit.words import FORMATS, QUALITY, SUBSAMPLINGS

EXTENSIONS = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
    ".webp": "webp",
    ".avif": "avif",
}
"""File name extensions of what is written, and the format each stands for."""
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "avif": ".avif"}
"""The extension that each format is given."""

# libjpeg's limit is below the format's 65535, libpng's below PNG's 31 bits,
# libavif's below AV1's 65536; WebP has 14 bits.
_MOST = {"jpeg": 65500, "png": 1_000_000, "webp": 16383, "avif": 32768}
_SAMPLING = {
    "420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}


def encode(
    image: Image,
    format: str,
    quality: int = QUALITY,
    *,
    subsampling: str = "420",
    progressive: bool = False,
    compression: int | None = None,
    lossless: bool = False,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
) -> bytes:
    """Encode an image.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C)
        Grey, grey and alpha, RGB or RGBA; ``uint8``, or ``uint16``, which PNG keeps and all others get scaled to 8
        bits.
    format : {"jpeg", "png", "webp", "avif"}
        JPEG takes no alpha: flatten the image first. WebP stores grey as colour. AVIF where this OpenCV writes it.
    quality : int
        1 to 100, for JPEG, WebP and AVIF.
    subsampling : {"420", "422", "444"}
        How much colour a JPEG keeps: a quarter, half, all.
    progressive : bool
        Write a JPEG in several scans, from coarse to fine.
    compression : int, optional
        Of a PNG: 0, none and fast, to 9, smallest and slow. None is OpenCV's default, fast.
    lossless : bool
        Write a WebP without loss; `quality` then does not matter.
    icc_profile : bytes, optional
        Embedded as it is, whatever it holds; one of more than 16 MB is left out of a JPEG.
    exif : bytes, optional
        A TIFF structure, embedded as it is; one of more than 65,527 bytes is left out of a JPEG.

    Returns
    -------
    bytes

    Raises
    ------
    OptionError
        An unknown format, or an option out of range.
    SizeError
        Larger than the format can be.
    CodecError
        An image that the format cannot hold, or a format that this OpenCV does not write.
    """
    check_format(format)
    quality, subsampling = as_quality(quality), as_subsampling(subsampling)
    parameters = _parameters(format, quality, subsampling, progressive, as_compression(compression), lossless)
    pixels = _storable(image, format)
    # OpenCV embeds metadata in WebP and AVIF; in JPEG and PNG the libraries below it refuse a picture for what is
    # odd about its profile.
    spliced = format in _SPLICERS
    metadata = _as_metadata(None if spliced else icc_profile, None if spliced else exif)
    try:
        done, encoded = cv2.imencodeWithMetadata(f".{format}", pixels, *metadata, parameters)
    except cv2.error as error:
        raise CodecError("image", f"one that {format} can hold", str(error).splitlines()[0]) from error
    if not done:
        raise CodecError("image", f"one that {format} can hold", f"{image.dtype} {image.shape}")
    data = encoded.tobytes()
    if format == "png" and image.ndim == 3 and image.shape[2] == 2:
        data = _named_grey_alpha(data, 8 * image.itemsize)
    return _SPLICERS[format](data, icc_profile, exif) if spliced else data


@cache
def writes(format: str) -> bool:
    """Tell whether this OpenCV writes a format."""
    return bool(cv2.haveImageWriter(f".{format}"))


def kept_format(format: str | None, formats: Sequence[str] | None) -> str:
    """Return what a source's format, or that of its name, is written as: itself where it is one of `formats`.

    Others become the first of these; without any, all that this OpenCV writes stay, and others become PNG.
    """
    allowed = tuple(filter(writes, FORMATS)) if formats is None else formats
    if format is not None and format in allowed:
        return format
    return "png" if formats is None else allowed[0]


def check_format(format: Any) -> None:
    """Refuse a format that is not written.

    Raises
    ------
    OptionError
        Unknown.
    CodecError
        This OpenCV was built without it.
    """
    if format not in FORMATS:
        raise OptionError("format", f"one of {', '.join(FORMATS)}", describe(format))
    if not writes(format):
        raise CodecError("format", "one that this OpenCV writes", format)


def check_size(size: Size, format: str) -> None:
    """Refuse a size that no file of a format can have.

    Raises
    ------
    SizeError
    """
    most = _MOST[format]
    if max(size) > most:
        raise SizeError("size", f"at most {most} pixels a side for {format}", str(size))


def as_quality(value: Any, name: str = "quality") -> int:
    """Read a quality.

    Raises
    ------
    OptionError
        No integer from 1 to 100.
    """
    return _within(name, value, 1, 100)


def as_compression(value: Any) -> int | None:
    """Read a compression level: None or 0 to 9.

    Raises
    ------
    OptionError
    """
    return None if value is None else _within("compression", value, 0, 9)


def as_subsampling(value: Any) -> str:
    """Read a subsampling: 420, 422 or 444.

    Raises
    ------
    OptionError
    """
    if str(value) not in SUBSAMPLINGS:
        raise OptionError("subsampling", f"one of {', '.join(SUBSAMPLINGS)}", describe(value))
    return str(value)


def _within(name: str, value: Any, least: int, most: int) -> int:
    try:
        number = as_integer(value)
    except TypeError:
        number = least - 1
    if not least <= number <= most:
        raise OptionError(name, f"an integer from {least} to {most}", describe(value))
    return number


def _parameters(
    format: str, quality: int, subsampling: str, progressive: bool, compression: int | None, lossless: bool
) -> list[int]:
    if format == "jpeg":
        sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SAMPLING[subsampling]]
        return [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), *sampling]
    if format == "png":
        return [] if compression is None else [cv2.IMWRITE_PNG_COMPRESSION, compression]
    if format == "webp":
        # A quality above 100 is what all versions of OpenCV take for lossless.
        return [cv2.IMWRITE_WEBP_QUALITY, 101 if lossless else quality]
    return [cv2.IMWRITE_AVIF_QUALITY, quality]


def _storable(image: Image, format: str) -> Image:
    """Return the image with samples and channels as OpenCV stores them: 8 bits where need be, BGR order."""
    if not isinstance(image, np.ndarray) or image.ndim not in (2, 3):
        got = f"shape {image.shape}" if isinstance(image, np.ndarray) else f"a {type(image).__name__}"
        raise CodecError("image", "an array (H, W) or (H, W, C)", got)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if not 1 <= channels <= 4 or 0 in image.shape:
        raise CodecError("image", "shape (H, W) or (H, W, C) with C from 1 to 4", str(image.shape))
    check_size(Size(image.shape[1], image.shape[0]), format)
    if image.dtype not in (np.uint8, np.uint16):
        raise CodecError("image", "dtype uint8 or uint16", str(image.dtype))
    if format == "jpeg" and channels in (2, 4):
        raise CodecError("image", "no alpha channel for jpeg", f"{channels} channels")
    if image.dtype == np.uint16 and format != "png":
        image = eight_bits(image)
    if channels == 2:
        return _disguised(image) if format == "png" else cv2.merge([*[image[..., 0]] * 3, image[..., 1]])
    if channels == 1:
        return np.ascontiguousarray(image)
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGRA)


# OpenCV writes no PNG of grey with alpha. But its bytes are those of another PNG with as many to a pixel: 16-bit
# grey for 8-bit samples, 8-bit RGBA for 16-bit ones. So that is written, and its header named for what it is.


def _disguised(image: Image) -> Image:
    """Return grey and alpha as an image that OpenCV writes in the same bytes."""
    big_endian = np.ascontiguousarray(image).astype(image.dtype.newbyteorder(">"))
    if image.dtype == np.uint8:
        return big_endian.view(">u2")[..., 0].astype(np.uint16)
    return cv2.cvtColor(big_endian.view(np.uint8), cv2.COLOR_RGBA2BGRA)


def _named_grey_alpha(data: bytes, depth: int) -> bytes:
    """Set depth and colour type in IHDR, which lies at bytes 12 to 29 with its checksum behind."""
    header = data[12:24] + bytes([depth, 4]) + data[26:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def _as_metadata(icc_profile: bytes | None, exif: bytes | None) -> tuple[list[int], list[Image]]:
    found = {cv2.IMAGE_METADATA_ICCP: icc_profile, cv2.IMAGE_METADATA_EXIF: exif}
    kinds = [kind for kind, block in found.items() if block]
    return kinds, [np.frombuffer(found[kind] or b"", np.uint8) for kind in kinds]


def _in_jpeg(data: bytes, profile: bytes | None, exif: bytes | None) -> bytes:
    """Insert APP1 and APP2 segments behind APP0, where readers expect them; what does not fit is left out."""
    segments = []
    if exif and len(exif) <= JPEG_EXIF:
        segments.append(b"\xff\xe1" + struct.pack(">H", 8 + len(exif)) + b"Exif\0\0" + exif)
    # ICC.1:2022, B.4: pieces, at most 255.
    profile = profile or b""
    pieces = [profile[at : at + _JPEG_PIECE] for at in range(0, len(profile), _JPEG_PIECE)]
    if len(profile) <= JPEG_PROFILE:
        segments += [
            struct.pack(">HH12sBB", 0xFFE2, 16 + len(piece), b"ICC_PROFILE\0", number, len(pieces)) + piece
            for number, piece in enumerate(pieces, 1)
        ]
    at = 4 + struct.unpack_from(">H", data, 4)[0] if data[2:4] == b"\xff\xe0" else 2
    return data[:at] + b"".join(segments) + data[at:]


def _in_png(data: bytes, profile: bytes | None, exif: bytes | None) -> bytes:
    """Insert iCCP and eXIf chunks behind IHDR, which ends at byte 33."""
    chunks = _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)) if profile else b""
    chunks += _chunk(b"eXIf", exif) if exif else b""
    return data[:33] + chunks + data[33:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


JPEG_EXIF = 65535 - 8
"""The longest Exif block in a JPEG, in bytes."""
_JPEG_PIECE = 65535 - 16
JPEG_PROFILE = 255 * _JPEG_PIECE
"""The longest colour profile in a JPEG, in bytes."""
_SPLICERS = {"jpeg": _in_jpeg, "png": _in_png}
