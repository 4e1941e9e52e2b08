"""Averages of whole blocks of 8-bit samples, rounded as Pillow rounds them: in strips that stay in the cache."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fastfit.resample.scratch import scratch
from fastfit.types import Image

__all__ = ["average"]

# How many sums lie side by side when blocks are summed across, and how many are made at once. From a sweep over
# blocks of 2x1 to 40x3.
_LANES, _SAMPLES = 384, 1 << 20
# Sums of so many samples of 8 bits have 16 bits.
_MOST_OF_16_BITS = 257
# Pillow's reciprocals have so many bits; of larger blocks it has none.
_BITS = 24


def average(image: Image, out: Image) -> None:
    """Average blocks of equal size, as Pillow's ``Image.reduce``.

    Parameters
    ----------
    image : ndarray, (fy·H, fx·W, C), uint8
        Only read.
    out : ndarray, (H, W, C), uint8
        All of it is written.
    """
    height, _, channels = out.shape
    fy = image.shape[0] // height
    rows = max(min(_LANES // channels, _SAMPLES // image[0].size), 1)
    for at in range(0, height, rows):
        _average_lines(image[at * fy : (at + rows) * fy], out[at : at + rows])


def _average_lines(image: Image, out: Image) -> None:
    height, width, channels = out.shape
    fy, fx = image.shape[0] // height, image.shape[1] // width
    lines = _sums("lines", image.reshape(height, fy, -1)).reshape(height, -1, channels)
    if fx == 1:
        np.copyto(out, _rounded(lines, fy))
        return
    # Turned by 90°, these, too, are sums of long lines: twice as fast as of neighbouring samples.
    columns = max(_SAMPLES // (height * channels * fx), 1)
    for at in range(0, width, columns):
        strip, target = lines[:, at * fx : (at + columns) * fx], out[:, at : at + columns]
        turned = scratch("turned", (strip.shape[1], height, channels), lines.dtype)
        cv2.transpose(strip, turned)
        sums = _sums("sums", turned.reshape(target.shape[1], fx, -1), fy)
        rounded = _rounded(sums.reshape(-1, height, channels), fx * fy)
        np.copyto(target, cv2.transpose(rounded, scratch("block", target.shape, np.uint8)).reshape(target.shape))


def _sums(name: str, blocks: npt.NDArray[Any], each: int = 1) -> npt.NDArray[Any]:
    """Sum the second axis of ``(n, count, lanes)``, of samples or of sums of `each` of them."""
    n, count, lanes = blocks.shape
    if count == 1:
        return blocks[:, 0]
    dtype = np.uint16 if count * each <= _MOST_OF_16_BITS else np.float64
    sums = scratch(name, (n, lanes), dtype)
    if blocks.dtype == dtype or count * lanes > _SAMPLES:
        return np.add.reduce(blocks, axis=1, dtype=dtype, out=sums)
    most = _SAMPLES // (count * lanes)
    for at in range(0, n, most):  # as the sums are first: two thirds of the time
        part = blocks[at : at + most]
        wide = scratch("wide", part.shape, dtype)
        np.copyto(wide, part)
        np.add.reduce(wide, axis=1, out=sums[at : at + most])
    return sums


def _rounded(sums: npt.NDArray[Any], count: int) -> Image:
    """Divide sums of `count` samples as Pillow does: ``(sum + count // 2) * int(2**24 / count) >> 24``.

    What is cut off the reciprocal makes a quotient that is whole the next one below. Nothing is cut off of powers
    of two. Of counts up to 257 floats come to the same, half a step above what is to be rounded down.
    """
    rounded = scratch("rounded", sums.shape, np.uint8)
    half = count // 2
    if count <= _MOST_OF_16_BITS:
        added = half - (count & (count - 1) != 0)
        cv2.convertScaleAbs(sums, rounded, 1 / count, (added + 0.5) / count - 0.5)
    elif count < 1 << _BITS:
        reciprocal = int(np.float32(1 << 32) / np.float32(count << 8))
        np.copyto(rounded, (sums + half) * reciprocal // (1 << _BITS), casting="unsafe")
    else:
        np.copyto(rounded, (sums + half) // count, casting="unsafe")
    return rounded
