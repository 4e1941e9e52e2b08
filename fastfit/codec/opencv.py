"""Pixels by OpenCV, and what has to be put right about them: the only place that calls `cv2.imdecode`."""

from collections.abc import Callable

import cv2
import numpy as np

from fastfit.codec.depth import by_bands, stretched
from fastfit.codec.headers import ImageInfo
from fastfit.codec.headers.bmp import narrow_samples, palette_from_os2
from fastfit.codec.headers.png import default_image, transparent_level
from fastfit.errors import CodecError
from fastfit.types import Image

__all__ = ["read_opencv"]

_SWAPS = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
_DTYPES = (np.uint8, np.uint16, np.float32)
_REDUCED = {1: 0, 2: 16, 4: 32, 8: 64}  # cv2.IMREAD_REDUCED_*, without colour


def read_opencv(data: bytes, info: ImageInfo, name: str, shrink: int = 1) -> Image:
    """Decode with OpenCV.

    Parameters
    ----------
    data : bytes
        A whole encoded file.
    info : ImageInfo
        Its header.
    name : str
        What errors call it.
    shrink : {1, 2, 4, 8}
        For JPEG.

    Returns
    -------
    ndarray, (H, W) or (H, W, C)
        Grey, grey and alpha, RGB or RGBA, with straight alpha; as stored, but for TIFF, which OpenCV turns upright
        whatever the flags.

    Raises
    ------
    CodecError
        OpenCV refuses it, or decodes it to samples that no image here has.
    """
    image = _decoded(default_image(data) if info.format == "png" else data, info, name, shrink, _flags(data, info))
    if info.format in _MENDERS:
        image = _MENDERS[info.format](image, data, info)
    if info.white is not None and image.dtype != np.float32:
        image = stretched(image, info.black, info.white)
    return np.ascontiguousarray(image)


def _decoded(data: bytes, info: ImageInfo, name: str, shrink: int, flags: int) -> Image:
    whole = f"a whole {info.format} image"
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[shrink] | flags)
    except cv2.error as error:
        reason = str(error).splitlines()[0].partition("error: ")[2] or "an error of OpenCV's"
        raise CodecError(name, whole, f"{reason} ({len(data)} bytes)") from error
    if image is None:
        raise CodecError(name, whole, f"a truncated, damaged or unsupported one ({len(data)} bytes)")
    if image.dtype not in _DTYPES:
        raise CodecError(name, "samples of 8 or 16 bits or float32", str(image.dtype))
    # OpenCV takes the samples of a PAM for blue, green, red, which are red, green, blue.
    ordered = info.format == "jpeg" or data.startswith(b"P7")
    if not ordered and image.ndim == 3 and image.shape[2] in _SWAPS:
        return cv2.cvtColor(image, _SWAPS[image.shape[2]])
    return image


def _flags(data: bytes, info: ImageInfo) -> int:
    """Ask OpenCV for all that the file has: its depth, grey or colour, alpha; turning it upright is our work."""
    if info.format == "jpeg":
        # IMREAD_UNCHANGED has no shrunk variant, and a JPEG no alpha and, in what is read here, 8 bits.
        colour = cv2.IMREAD_GRAYSCALE if info.channels == 1 else cv2.IMREAD_COLOR_RGB
        return colour | cv2.IMREAD_IGNORE_ORIENTATION
    if info.format == "bmp" and palette_from_os2(data):  # unchanged, it gives such palettes as if they were grey
        return cv2.IMREAD_COLOR
    return cv2.IMREAD_UNCHANGED


def _mended_bmp(image: Image, data: bytes, info: ImageInfo) -> Image:
    """Drop padding, and let samples of 5 and 6 bits reach white: OpenCV shifts them, so that white is 248."""
    if info.alpha is False and image.ndim == 3:
        image = image[..., :3]
    bits = narrow_samples(data)
    if bits is None or image.ndim != 3:
        return image
    planes: list[Image] = [_SPREAD[width][image[..., channel]] for channel, width in enumerate(bits)]
    return np.dstack(planes)


# Samples of 5 and 6 bits, shifted to the top of 8, to all of 8: rounded down, as in Pillow.
_SPREAD = {bits: ((np.arange(256) >> 8 - bits) * 255 // ((1 << bits) - 1)).astype(np.uint8) for bits in (5, 6)}


def _mended_png(image: Image, data: bytes, info: ImageInfo) -> Image:
    """Return grey with alpha as such, and the one level that is transparent as alpha."""
    if info.channels == 2 and image.ndim == 3:
        return image[..., (0, 3)]
    level = transparent_level(data) if image.ndim == 2 else None
    if level is None:
        return image
    top = int(np.iinfo(image.dtype).max)
    stored = (1 << (info.bit_depth or 8)) - 1
    alpha = np.where(image == level * (top // stored), 0, top).astype(image.dtype)
    return np.dstack([image, alpha])


def _mended_tiff(image: Image, _data: bytes, info: ImageInfo) -> Image:
    """Divide by alpha, or drop a fourth sample that is none."""
    if image.ndim == 2 or image.shape[2] != 4:
        return image
    if not info.alpha:
        return image[..., :3]
    return _straight(image) if info.premultiplied and image.dtype != np.float32 else image


_MENDERS: dict[str, Callable[[Image, bytes, ImageInfo], Image]] = {
    "bmp": _mended_bmp,
    "png": _mended_png,
    "tiff": _mended_tiff,
}


def _straight(image: Image) -> Image:
    """Divide colours by alpha."""
    top = int(np.iinfo(image.dtype).max)

    def divide(band: Image) -> Image:
        alpha = np.maximum(band[..., 3:], 1).astype(np.float32)
        colours = np.minimum(np.rint(band[..., :3] * np.float32(top) / alpha), top)
        return np.dstack([colours, band[..., 3]])

    return by_bands(divide, image, image.dtype)
