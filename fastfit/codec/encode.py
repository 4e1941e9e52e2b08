"""Pixels to bytes: the only place that calls `cv2.imencode`."""

import cv2
import numpy as np

from fastfit.errors import CodecError, OptionError, describe
from fastfit.types import Image

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
        Embedded as it is.

    Returns
    -------
    bytes

    Raises
    ------
    OptionError
        An unknown format or a quality out of range.
    CodecError
        An image that the format cannot hold.
    """
    if format not in FORMATS:
        raise OptionError("format", f"one of {', '.join(FORMATS)}", describe(format))
    if isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100:
        raise OptionError("quality", "an integer from 1 to 100", describe(quality))
    parameters = {
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        "png": [],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }[format]
    pixels = _storable(image, format)
    kinds, blocks = (
        ([cv2.IMAGE_METADATA_ICCP], [np.frombuffer(icc_profile, np.uint8)]) if icc_profile else ([], [])
    )
    try:
        done, encoded = cv2.imencodeWithMetadata(f".{format}", pixels, kinds, blocks, parameters)
    except cv2.error as error:
        raise CodecError("image", f"one that {format} can hold", str(error).splitlines()[0]) from error
    if not done:
        raise CodecError("image", f"one that {format} can hold", f"{image.dtype} {image.shape}")
    return encoded.tobytes()


def _storable(image: Image, format: str) -> Image:
    """Return the image with samples and channels as OpenCV stores them: 8 bits where need be, BGR order."""
    channels = 1 if image.ndim == 2 else image.shape[2]
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


def eight_bits(image: Image) -> Image:
    """Scale 16-bit samples to 8: ``round(v / 257)``."""
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
