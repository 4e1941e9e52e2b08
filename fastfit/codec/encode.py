"""Pixels to bytes: the only place that calls `cv2.imencode`."""

import struct
import zlib
from typing import Any

import cv2
import numpy as np

from fastfit.errors import CodecError, OptionError, SizeError, describe
from fastfit.types import Image, Size, as_integer

EXTENSIONS = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
    ".webp": "webp",
}
"""File name extensions of what is written, and the format each stands for."""
FORMATS: tuple[str, ...] = ("jpeg", "png", "webp")


def encode(image: Image, format: str, quality: int = 95, *, icc_profile: bytes | None = None) -> bytes:
    """Encode an image.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C)
        Grey, grey and alpha, RGB or RGBA; ``uint8``, or ``uint16``, which PNG keeps and JPEG and WebP get
        scaled to 8 bits.
    format : {"jpeg", "png", "webp"}
        JPEG takes no alpha: flatten the image first. WebP stores grey as colour; PNG stores grey with alpha
        as RGBA.
    quality : int
        1 to 100, for JPEG and WebP.
    icc_profile : bytes, optional
        Embedded as it is, whatever it holds; in a JPEG up to 16 MB.

    Returns
    -------
    bytes

    Raises
    ------
    OptionError
        An unknown format or a quality out of range.
    SizeError
        Larger than the format can be.
    CodecError
        An image that the format cannot hold.
    """
    if format not in FORMATS:
        raise OptionError("format", f"one of {', '.join(FORMATS)}", describe(format))
    quality = as_quality(quality)
    parameters = {
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        "png": [],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }[format]
    pixels = _storable(image, format)
    # OpenCV embeds a profile in a WebP; in JPEG and PNG the libraries below it refuse a picture for what is odd
    # about its profile.
    metadata = _as_metadata(icc_profile if format == "webp" else None)
    try:
        done, encoded = cv2.imencodeWithMetadata(f".{format}", pixels, *metadata, parameters)
    except cv2.error as error:
        raise CodecError("image", f"one that {format} can hold", str(error).splitlines()[0]) from error
    if not done:
        raise CodecError("image", f"one that {format} can hold", f"{image.dtype} {image.shape}")
    if icc_profile and format in _EMBEDDERS:
        return _EMBEDDERS[format](encoded.tobytes(), icc_profile)
    return encoded.tobytes()


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
        return cv2.merge([image[..., 0], image[..., 0], image[..., 0], image[..., 1]])
    if channels == 1:
        return np.ascontiguousarray(image)
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGRA)


def check_size(size: Size, format: str) -> None:
    """Refuse a size that no file of a format can have.

    Raises
    ------
    SizeError
    """
    most = _MOST[format]
    if max(size) > most:
        raise SizeError("size", f"at most {most} pixels a side for {format}", str(size))


def as_quality(value: Any) -> int:
    """Read a quality.

    Raises
    ------
    OptionError
        No integer from 1 to 100.
    """
    try:
        quality = as_integer(value)
    except TypeError:
        quality = 0
    if not 1 <= quality <= 100:
        raise OptionError("quality", "an integer from 1 to 100", describe(value))
    return quality


# libjpeg's limit is below the format's 65535; WebP has 14 bits, PNG 31.
_MOST = {"jpeg": 65500, "png": (1 << 31) - 1, "webp": 16383}


def _as_metadata(icc_profile: bytes | None) -> tuple[list[int], list[Image]]:
    if not icc_profile:
        return [], []
    return [cv2.IMAGE_METADATA_ICCP], [np.frombuffer(icc_profile, np.uint8)]


def _profile_in_jpeg(data: bytes, profile: bytes) -> bytes:
    """Insert APP2 segments behind APP0, where readers expect them. ICC.1:2022, B.4: pieces, at most 255."""
    pieces = [profile[at : at + _JPEG_PIECE] for at in range(0, len(profile), _JPEG_PIECE)]
    if len(pieces) > 255:
        return data
    segments = [
        b"\xff\xe2" + struct.pack(">H", 16 + len(piece)) + b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece
        for number, piece in enumerate(pieces, 1)
    ]
    at = 4 + struct.unpack_from(">H", data, 4)[0] if data[2:4] == b"\xff\xe0" else 2
    return data[:at] + b"".join(segments) + data[at:]


def _profile_in_png(data: bytes, profile: bytes) -> bytes:
    """Insert an iCCP chunk behind IHDR, which ends at byte 33."""
    body = b"iCCP" + b"ICC profile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]


_JPEG_PIECE = 65535 - 16
_EMBEDDERS = {"jpeg": _profile_in_jpeg, "png": _profile_in_png}


def eight_bits(image: Image) -> Image:
    """Scale 16-bit samples to 8: ``round(v / 257)``."""
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
