"""Resampling in two families that are never confused: Pillow's convolutions and OpenCV's interpolations."""

import math
from collections.abc import Callable

import numpy as np

from fastfit.arrays import is_packed
from fastfit.resample.alpha import opaque, premultiply, unpremultiply
from fastfit.resample.band import band as weights
from fastfit.resample.convolve import convolve, passes, work_among_threads
from fastfit.resample.filters import FILTERS
from fastfit.resample.interpolate import INTERPOLATIONS, interpolate, reduce
from fastfit.resample.pieces import pieces
from fastfit.resample.rounding import _exactly, store
from fastfit.resample.small import _interleaved, _matrix
from fastfit.types import Box, Image, Size

# How many samples are premultiplied before they are averaged.
_STRIP = 1 << 19

__all__ = ["FILTERS", "INTERPOLATIONS", "forget", "resample_into", "work_among_threads"]


def forget() -> None:
    """Forget all weights that are kept between images: the next one of any size computes its own."""
    for kept in (passes, weights, pieces, _matrix, _interleaved, _exactly):
        kept.cache_clear()


def resample_into(
    image: Image,
    box: Box,
    out: Image,
    resample: str,
    *,
    alpha: bool,
    reducing_gap: float | None = None,
    write: Callable[[Image, Image], None] | None = None,
    draft: bool = False,
) -> None:
    """Resample `box` of an image into `out`.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``, any strides; only read.
    box : Box
        In pixels, within the image; on whole pixels for an interpolation of OpenCV's.
    out : ndarray, (height, width, C)
        Same dtype and channels, any strides, or whatever `write` makes of the samples; all of it is written.
    resample : str
        A key of `FILTERS` or of `INTERPOLATIONS`.
    alpha : bool
        Whether the last channel is alpha. Only convolutions heed it; OpenCV's are as OpenCV does them.
    reducing_gap : float, optional
        For a convolution: average whole blocks first where that leaves at least so many times the final size.
    write : callable, optional
        Called with blocks of the result, ``(h, w, C)`` in the image's dtype, and the parts of `out` that they
        belong to, while they are in the cache; together they are all of it. Blocks are not to be kept.
    draft : bool
        For a convolution of 8 bits without alpha: be faster, and off by one level here and there.
    """
    if resample not in INTERPOLATIONS and not _copies(box, out):
        _convolve_into(image, box, out, resample, alpha, reducing_gap, write, draft)
        return
    block = out if write is None else np.empty((*out.shape[:2], image.shape[2]), image.dtype)
    if resample in INTERPOLATIONS:
        interpolate(image, box, block, resample)
    else:
        np.copyto(block, image[int(box.top) : int(box.bottom), int(box.left) : int(box.right)])
    if write is not None:
        write(block, out)


def _copies(box: Box, out: Image) -> bool:
    whole = all(edge == int(edge) for edge in box)
    return whole and bool((box.height, box.width) == out.shape[:2])


def _convolve_into(
    image: Image,
    box: Box,
    out: Image,
    resample: str,
    alpha: bool,
    reducing_gap: float | None,
    write: Callable[[Image, Image], None] | None,
    draft: bool,
) -> None:
    size, dtype = Size(out.shape[1], out.shape[0]), image.dtype
    kind = {"quantized": dtype == np.uint8, "draft": draft and not alpha}
    factor = _factor(box, size, reducing_gap)
    if factor == (1, 1):
        planned = passes(Size(image.shape[1], image.shape[0]), size, box, resample, **kind)
        image = planned.crop(image)
        weighted = alpha and not opaque(image)
        read = premultiply if weighted else None
    else:
        left, top, right, bottom = _reach(image, box, size, resample)
        image = image[top:bottom, left:right]
        weighted = alpha and not opaque(image)
        image, (fx, fy), read = _reduced(image, factor, weighted=weighted), factor, None
        box = Box((box.left - left) / fx, (box.top - top) / fy, (box.right - left) / fx, (box.bottom - top) / fy)
        planned = passes(Size(image.shape[1], image.shape[0]), size, box, resample, **kind)
        image = planned.crop(image)
    if weighted and dtype == np.uint8:
        convolve(image, planned, out, _divided(write or _copy), read)
    elif not weighted and (write is not None or is_packed(out)):
        convolve(image, planned, out, write)
    else:
        # Premultiplied samples of 16 bits are floats until the end.
        whole = np.empty((*out.shape[:2], image.shape[2]), np.float32 if weighted else dtype)
        convolve(image, planned, whole, read=read)
        if weighted:
            unpremultiply(whole)
        if whole.dtype != dtype:
            rounded = np.empty(whole.shape, dtype)
            store(whole.reshape(size.height, -1), rounded.reshape(size.height, -1))
            whole = rounded
        (write or _copy)(whole, out)


def _copy(block: Image, out: Image) -> None:
    np.copyto(out, block)


def _divided(write: Callable[[Image, Image], None]) -> Callable[[Image, Image], None]:
    """Return a `write` that divides by alpha first."""

    def divide_and_write(block: Image, out: Image) -> None:
        block = np.ascontiguousarray(block)  # what OpenCV changes in place
        unpremultiply(block)
        write(block, out)

    return divide_and_write


def _reduced(image: Image, factor: tuple[int, int], *, weighted: bool) -> Image:
    """Reduce an image; one with alpha premultiplied, in strips that stay in the cache."""
    if not weighted:
        return reduce(image, factor)
    rows = max(_STRIP // (image[0].size * factor[1]), 1) * factor[1]
    strips = range(0, image.shape[0], rows)
    return np.concatenate([reduce(premultiply(image[at : at + rows]), factor) for at in strips])


def _factor(box: Box, size: Size, gap: float | None) -> tuple[int, int]:
    """Choose the whole numbers to shrink by first, as ``Image.resize(reducing_gap=…)``."""
    if gap is None:
        return 1, 1
    return int(box.width / size.width / gap) or 1, int(box.height / size.height / gap) or 1


def _reach(image: Image, box: Box, size: Size, resample: str) -> tuple[int, int, int, int]:
    """Return the whole pixels that resampling `box` is to read, as Pillow's ``_get_safe_box``.

    It matters where they begin: blocks of a reduction are counted from there. Along an axis that is enlarged they
    are too few, and the pixels at the box's edge stand for what is beyond; so they do in Pillow.
    """
    support = FILTERS[resample].support - 0.5
    across, down = support * box.width / size.width, support * box.height / size.height
    return (
        max(0, int(box.left - across)),
        max(0, int(box.top - down)),
        min(image.shape[1], math.ceil(box.right + across)),
        min(image.shape[0], math.ceil(box.bottom + down)),
    )
