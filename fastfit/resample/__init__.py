"""Resampling in two families that are never confused: Pillow's convolutions and OpenCV's interpolations."""

import math

import numpy as np

from fastfit.resample.alpha import opaque, premultiply, unpremultiply
from fastfit.resample.convolve import convolve, passes, store
from fastfit.resample.filters import FILTERS
from fastfit.resample.interpolate import INTERPOLATIONS, interpolate, reduce
from fastfit.types import Box, Image, Size

__all__ = ["FILTERS", "INTERPOLATIONS", "resample_into"]


def resample_into(
    image: Image, box: Box, out: Image, resample: str, *, alpha: bool, reducing_gap: float | None = None
) -> None:
    """Resample `box` of an image into `out`.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``, any strides; only read.
    box : Box
        In pixels, within the image; on whole pixels for an interpolation of OpenCV's.
    out : ndarray, (height, width, C)
        Same dtype and channels, any strides; all of it is written.
    resample : str
        A key of `FILTERS` or of `INTERPOLATIONS`.
    alpha : bool
        Whether the last channel is alpha. Only convolutions heed it; OpenCV's are as OpenCV does them.
    reducing_gap : float, optional
        For a convolution: average whole blocks first where that leaves at least so many times the final size.
    """
    if resample in INTERPOLATIONS:
        interpolate(image, box, out, resample)
    elif _copies(box, out):
        np.copyto(out, image[int(box.top) : int(box.bottom), int(box.left) : int(box.right)])
    else:
        _convolve_into(image, box, out, resample, alpha, reducing_gap)


def _copies(box: Box, out: Image) -> bool:
    whole = all(edge == int(edge) for edge in box)
    return whole and bool((box.height, box.width) == out.shape[:2])


def _convolve_into(
    image: Image, box: Box, out: Image, resample: str, alpha: bool, reducing_gap: float | None
) -> None:
    size, quantized = Size(out.shape[1], out.shape[0]), out.dtype == np.uint8
    factor = _factor(box, size, reducing_gap)
    if factor == (1, 1):
        planned = passes(Size(image.shape[1], image.shape[0]), size, box, resample, quantized=quantized)
        image, weighted = _weighted(planned.crop(image), alpha)
    else:
        left, top, right, bottom = _reach(image, box, size, resample)
        image, weighted = _weighted(image[top:bottom, left:right], alpha)
        image, (fx, fy) = reduce(image, factor), factor
        box = Box((box.left - left) / fx, (box.top - top) / fy, (box.right - left) / fx, (box.bottom - top) / fy)
        planned = passes(Size(image.shape[1], image.shape[0]), size, box, resample, quantized=quantized)
        image = planned.crop(image)
    floats = weighted and not quantized
    target = out if _packed(out) and not floats else np.empty(out.shape, np.float32 if floats else out.dtype)
    convolve(image, planned, target)
    if weighted:
        unpremultiply(target)
    if target.dtype != out.dtype:
        rounded = np.empty(out.shape, out.dtype)
        store(target.reshape(size.height, -1), rounded.reshape(size.height, -1))
        target = rounded
    if target is not out:
        np.copyto(out, target)


def _weighted(image: Image, alpha: bool) -> tuple[Image, bool]:
    """Premultiply an image that has alpha, unless it is opaque and so the same without."""
    weighted = alpha and not opaque(image[..., -1])
    return (premultiply(image) if weighted else image), weighted


def _factor(box: Box, size: Size, gap: float | None) -> tuple[int, int]:
    """Choose the whole numbers to shrink by first, as ``Image.resize(reducing_gap=…)``."""
    if gap is None:
        return 1, 1
    return int(box.width / size.width / gap) or 1, int(box.height / size.height / gap) or 1


def _reach(image: Image, box: Box, size: Size, resample: str) -> tuple[int, int, int, int]:
    """Return the whole pixels that resampling `box` may read, as Pillow's ``_get_safe_box``.

    It matters where they begin: blocks of a reduction are counted from there.
    """
    support = FILTERS[resample].support - 0.5
    across = support * max(box.width / size.width, 1.0)
    down = support * max(box.height / size.height, 1.0)
    return (
        max(0, int(box.left - across)),
        max(0, int(box.top - down)),
        min(image.shape[1], math.ceil(box.right + across)),
        min(image.shape[0], math.ceil(box.bottom + down)),
    )


def _packed(out: Image) -> bool:
    """Tell whether the pixels of a row lie side by side, as OpenCV and the products write them."""
    height, width, channels = out.shape
    if height == 1 or width == 1:  # NumPy lets such axes have any stride, and OpenCV does not
        return False
    row, pixel, sample = out.strides
    side_by_side = (sample == out.itemsize or channels == 1) and pixel == channels * out.itemsize
    return bool(side_by_side and row >= width * pixel)
