"""OpenCV's interpolations, pixel for pixel: the only place that calls `cv2.resize`."""

import math

import cv2
import numpy as np

from fastfit.resample.averages import average
from fastfit.types import Box, Image

INTERPOLATIONS: dict[str, int] = {
    "lanczos4": cv2.INTER_LANCZOS4,
    "cubic": cv2.INTER_CUBIC,
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "nearest": cv2.INTER_NEAREST,
}


def interpolate(image: Image, box: Box, out: Image, resample: str) -> None:
    """Resample a box of whole pixels into `out`: ``cv2.resize(image[top:bottom, left:right], …)``.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``; only read.
    box : Box
        On whole pixels.
    out : ndarray, (height, width, C)
        Of the image's dtype; all of it is written.
    resample : str
        A key of `INTERPOLATIONS`.
    """
    left, top, right, bottom = (int(edge) for edge in box)
    crop = image[top:bottom, left:right]
    if crop.shape == out.shape:
        np.copyto(out, crop)
    else:
        size = (out.shape[1], out.shape[0])
        np.copyto(out, cv2.resize(crop, size, interpolation=INTERPOLATIONS[resample]).reshape(out.shape))


def reduce(image: Image, factor: tuple[int, int]) -> Image:
    """Average blocks of whole pixels, as Pillow's ``Image.reduce``.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        Only read.
    factor : (int, int)
        Width and height of a block, in pixels; blocks at the right and bottom edge may be smaller.

    Returns
    -------
    ndarray, (⌈H / fy⌉, ⌈W / fx⌉, C)
        A new array of the same dtype. ``uint8`` is rounded as by Pillow.
    """
    fx, fy = factor
    height, width, channels = image.shape
    out = np.empty((math.ceil(height / fy), math.ceil(width / fx), channels), image.dtype)
    for top, bottom, out_top, out_bottom in _whole_and_rest(height, fy):
        for left, right, out_left, out_right in _whole_and_rest(width, fx):
            part = image[top:bottom, left:right]
            target = out[out_top:out_bottom, out_left:out_right]
            if image.dtype == np.uint8 and not _as_opencv(part, target):
                average(part, target)
            else:
                size = (target.shape[1], target.shape[0])
                np.copyto(target, cv2.resize(part, size, interpolation=cv2.INTER_AREA).reshape(target.shape))
    return out


def _as_opencv(part: Image, out: Image) -> bool:
    """Tell whether OpenCV's averages of 8 bits are Pillow's and take half the time or less: of 2x2 blocks."""
    return part.shape[:2] == (2 * out.shape[0], 2 * out.shape[1]) and out.shape[2] != 2


def _whole_and_rest(length: int, factor: int) -> list[tuple[int, int, int, int]]:
    """Split an axis into its whole blocks and what is left of one: input range, output range."""
    blocks, rest = divmod(length, factor)
    whole = [(0, blocks * factor, 0, blocks)] if blocks else []
    return whole + ([(blocks * factor, length, blocks, blocks + 1)] if rest else [])
