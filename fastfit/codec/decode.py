"""Bytes to pixels: the only place that calls `cv2.imdecode`."""

from contextlib import ExitStack
from dataclasses import replace
from typing import TypeAlias

import cv2
import numpy as np

from fastfit.codec.damage import damage, overheard
from fastfit.codec.headers import ImageInfo, count_scans, default_image, probe
from fastfit.codec.orient import upright
from fastfit.errors import CodecError, OptionError, describe
from fastfit.types import Image, Size

Buffer: TypeAlias = bytes | bytearray | memoryview

_SWAPS = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
_DTYPES = (np.uint8, np.uint16, np.float32)
SHRINKS = (1, 2, 4, 8)
MAX_PIXELS = 178_956_970
"""Where Pillow raises ``DecompressionBombError``: twice as many pixels of 3 bytes as 256 MiB hold."""

MAX_SCANS = 500
"""Scans in a JPEG: encoders make ten or so, and a decoder pays for each; 4000 in half a megabyte take a minute."""


def decode(
    data: Buffer,
    *,
    name: str = "data",
    shrink: int = 1,
    max_pixels: int | None = MAX_PIXELS,
    listen: bool = False,
) -> tuple[Image, ImageInfo]:
    """Decode an image.

    Parameters
    ----------
    data : bytes, bytearray or memoryview
        A whole encoded file, in any format that this OpenCV reads. The content decides, not a name.
    name : str
        What errors call it; a file's name.
    shrink : {1, 2, 4, 8}
        Decode a JPEG to 1/shrink of its size, rounded up, in a fraction of the time; a lossless one comes whole.
    max_pixels : int, optional
        Refuse an image whose header claims more, after `shrink`, before a pixel is decoded or memory taken. The
        default is where Pillow refuses; None is no limit. A few formats tell their size only when decoded.
    listen : bool
        Catch what the decoder writes to stderr: lines about damage go to ``info.damage`` and none to the terminal.
        It redirects the whole process's file descriptor 2 meanwhile, so only for a process that does nothing else.

    Returns
    -------
    image : ndarray, (H, W) or (H, W, 3) or (H, W, 4)
        Grey, RGB or RGBA; ``uint8``, ``uint16`` or ``float32``, as the file has it; upright; the caller's.
    info : ImageInfo
        Its `size` is that of the upright image at full scale.

    Raises
    ------
    CodecError
        Not an image, truncated, damaged so that the decoder notices, too large, of more than `MAX_SCANS` scans, or
        of a kind OpenCV does not read.
    OptionError
        A `shrink` other than 1 for anything but JPEG.

    Notes
    -----
    Pixels come from bytes and never from ``cv2.imread``, which returns a truncated JPEG at full size with a grey
    tail. Damage inside a JPEG that leaves its end in place is no error to the decoder: it invents the pixels that
    are missing and writes a line to stderr. Only `listen` tells.
    """
    data = as_bytes(data, name)
    if not data:
        raise CodecError(name, "an encoded image", "no bytes")
    info = probe(data)
    if info is None:
        raise CodecError(name, "a known image format", f"bytes that begin with {describe(data[:12])}")
    if shrink not in SHRINKS or (shrink != 1 and info.format != "jpeg"):
        allowed = "1, 2, 4 or 8" if info.format == "jpeg" else f"1 for {info.format}"
        raise OptionError("shrink", allowed, describe(shrink))
    if max_pixels is not None and info.size is not None:
        pixels = -(-info.size.width // shrink) * -(-info.size.height // shrink)
        if pixels > max_pixels:
            raise CodecError(name, f"at most {max_pixels} pixels", f"{pixels} ({info.size})")
    if info.format == "jpeg" and (scans := count_scans(data)) > MAX_SCANS:
        raise CodecError(name, f"a jpeg of at most {MAX_SCANS} scans", str(scans))
    lines: list[str] = []
    with ExitStack() as stack:
        if listen:
            lines = stack.enter_context(overheard())
        image = _pixels(data, info, name, shrink)
    image = _mended(image, info, name)
    if info.format != "tiff":  # OpenCV has turned those, whatever the flags
        image = upright(image, info.orientation)
    size = Size(image.shape[1], image.shape[0])
    whole = info.size or size
    if size not in (whole, Size(-(-whole.width // shrink), -(-whole.height // shrink))):
        raise CodecError(name, f"{info.size} pixels as the header says", f"{size} at 1/{shrink}")
    channels = 1 if image.ndim == 2 else image.shape[2]
    return image, replace(
        info,
        size=whole,
        bit_depth=info.bit_depth or 8 * image.itemsize,
        channels=info.channels or channels,
        damage=damage(lines),
    )


def as_bytes(data: Buffer, name: str = "data") -> bytes:
    """Return a buffer as bytes.

    Raises
    ------
    CodecError
        It is none.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise CodecError(name, "bytes, a bytearray or a memoryview", f"a {type(data).__name__}")
    return bytes(data)


def _pixels(data: bytes, info: ImageInfo, name: str, shrink: int) -> Image:
    whole = f"a whole {info.format} image"
    try:
        still = default_image(data) if info.format == "png" else data
        image = cv2.imdecode(np.frombuffer(still, np.uint8), _flags(info, shrink))
    except cv2.error as error:
        reason = str(error).splitlines()[0].partition("error: ")[2] or "an error of OpenCV's"
        raise CodecError(name, whole, f"{reason} ({len(data)} bytes)") from error
    if image is None:
        raise CodecError(name, whole, f"a truncated, damaged or unsupported one ({len(data)} bytes)")
    if image.dtype not in _DTYPES:
        raise CodecError(name, "samples of 8 or 16 bits or float32", str(image.dtype))
    if info.format != "jpeg" and image.ndim == 3 and image.shape[2] in _SWAPS:
        image = cv2.cvtColor(image, _SWAPS[image.shape[2]])
    return image


def _mended(image: Image, info: ImageInfo, name: str) -> Image:
    """Put right what OpenCV's decoders do to alpha and to ranges of their own."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    if info.alpha is False and channels == 4:  # the fourth byte of a BMP is padding
        image = np.ascontiguousarray(image[..., :3])
    if info.format == "tiff" and info.alpha:
        if info.channels == 2:
            raise CodecError(name, "a TIFF that OpenCV reads", "grey with alpha, which it drops")
        if channels == 4 and image.dtype == np.uint8:  # premultiplied by libtiff
            image = _straight(image)
    if info.white is not None:
        top = np.iinfo(image.dtype).max
        scaled = (image.astype(np.float32) * (top / info.white)).round()
        image = np.minimum(scaled, top).astype(image.dtype)
    return image


def _straight(image: Image) -> Image:
    """Divide 8-bit colours by alpha."""
    alpha = np.maximum(image[..., 3:], 1).astype(np.float32)
    colours = np.minimum(np.rint(image[..., :3] * np.float32(255) / alpha), 255).astype(np.uint8)
    return np.dstack([colours, image[..., 3]])


def _flags(info: ImageInfo, shrink: int) -> int:
    """Ask OpenCV for all that the file has: its depth, grey or colour, alpha; turning it upright is our work."""
    if info.format != "jpeg":
        return cv2.IMREAD_UNCHANGED
    # IMREAD_UNCHANGED has no shrunk variant, and a JPEG no alpha and, in what is read here, 8 bits.
    reduced = {1: 0, 2: 16, 4: 32, 8: 64}[shrink]
    colour = cv2.IMREAD_GRAYSCALE if info.channels == 1 else cv2.IMREAD_COLOR_RGB
    return reduced | colour | cv2.IMREAD_IGNORE_ORIENTATION
