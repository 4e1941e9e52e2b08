"""Convolution by banded matrix products: two passes over strips that stay in the cache."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np

from fastfit.resample.band import Band, Floats, band, multiply
from fastfit.resample.pieces import pieces
from fastfit.resample.rounding import finish
from fastfit.resample.scratch import scratch
from fastfit.resample.small import are_few, resample_small
from fastfit.types import Box, Image, Size


class _Strip(NamedTuple):
    """How much is in work at once."""

    most_bytes: int
    """Of floats, input and output together."""
    most_lanes: int


# What stays in the second- and third-level cache; from a sweep of 1 to 8 MiB over the cells of
# `python -m benchmarks arrays`.
_ALONE = _Strip(5 << 20, 960)
# Threads hand over the interpreter's lock at every call: at 40 µs, as on a virtual machine, calls must be long.
# From a sweep of 5 to 20 MiB: 2 threads do 1.6 to 1.9 times the work of one, instead of 1.2 to 1.6.
_AMONG_THREADS = _Strip(14 << 20, 3072)
_MIN_LANES = 64
# How many of the input lines that a piece reads are new to it, for each that the piece before has read, too.
_LEAST_NEW = 3

_local = threading.local()


def work_among_threads() -> None:
    """Let this thread do more at once from now on: it is one of several that fit images at the same time."""
    _local.strip = _AMONG_THREADS


_Read: TypeAlias = Callable[[Image], Image]
_Write: TypeAlias = Callable[[Image, Image], None]


class Passes(NamedTuple):
    """How one image becomes another: the weights of both axes, and which comes first."""

    down: Band
    across: Band
    height_first: bool
    draft: bool
    """Whether 8-bit samples are rounded as float32 sums happen to be."""

    def crop(self, image: Image) -> Image:
        """Return the part of the image that the passes read, a view."""
        return image[self.down.start : self.down.stop, self.across.start : self.across.stop]


@lru_cache(maxsize=64)
def passes(source: Size, target: Size, box: Box, resample: str, *, quantized: bool, draft: bool) -> Passes:
    """Plan a convolution as Pillow 13 does in ``ImagingResampleInner``.

    Parameters
    ----------
    source, target : Size
        Of the whole image and of the result.
    box : Box
        Sub-pixel; within the source. Pillow takes it as C floats.
    resample : str
        A key of `fastfit.resample.filters.FILTERS`.
    quantized : bool
        Whether the image has 8 bits.
    draft : bool
        Whether 8-bit samples may be one level off. Nothing but their rounding is different: with the passes in the
        order that is cheaper for memory, 5 % faster, results were 50 to 60 dB from Pillow's instead of 75 to 90.

    Returns
    -------
    Passes
        An axis of equal integer extent is not filtered. Height comes first iff it loses over twice what the width
        loses, and so no intermediate image is larger than the source or the result.
    """
    left, top, right, bottom = (float(np.float32(edge)) for edge in box)
    draft = draft and quantized
    across = band(source.width, target.width, left, right, resample, quantized and not draft)
    down = band(source.height, target.height, top, bottom, resample, quantized and not draft)
    lost = source.height - target.height
    return Passes(down, across, lost > 0 and lost > 2 * (source.width - target.width), draft)


def convolve(
    image: Image, passes: Passes, out: Image, write: _Write | None = None, read: _Read | None = None
) -> None:
    """Resample the part of an image that `passes` read into `out`.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``, any strides; only read. Cropped to what the passes read.
    passes : Passes
    out : ndarray, (height, width, C)
        Of the image's dtype, or, of 16 bits, ``float32`` for neither rounding nor clipping; its pixels must be
        contiguous along a row. All of it is written. 8-bit images are rounded and clipped between the passes, as
        in Pillow.
    write : callable, optional
        Called with each strip of the result, in the image's dtype, and its part of `out`, which then may be of any
        form that has the same height and width. Strips are its own to change, and not to be kept.
    read : callable, optional
        What to resample instead of the image: called with strips of it, of whole pixels, some of them more than
        once, it returns other, C-contiguous arrays of their shape, ``uint8`` for ``uint8`` and else ``float32``.
        Each is used up before the next call.
    """
    down, across, height_first, _ = passes
    few = are_few(image.shape, down, across, height_first=height_first)
    if few and read is not None:
        image, read = read(image), None
    # What is not finite spreads, and what overflows becomes so; it is no one's mistake.
    with np.errstate(invalid="ignore", over="ignore") if image.dtype == np.float32 else nullcontext():
        if few and (image.dtype != np.float32 or bool(np.isfinite(image).all())):
            block = out if write is None else np.empty((down.n_out, across.n_out, image.shape[2]), image.dtype)
            resample_small(image, down, across, block, height_first=height_first)
            if write is not None:
                write(block, out)
        else:
            _two_passes(image, passes, out, write, read)


def _two_passes(image: Image, passes: Passes, out: Image, write: _Write | None, read: _Read | None) -> None:
    down, across, height_first, draft = passes
    height, width = out.shape[:2]
    channels, middle_dtype = image.shape[2], np.uint8 if image.dtype == np.uint8 else np.float32
    dtype = out.dtype if write is None else image.dtype
    if not across.runs:
        _resample_height(image, down, out, dtype, write, read, draft=draft)
    elif not down.runs:
        _resample_width(image, across, out, dtype, write, read, draft=draft)
    elif height_first:
        middle = scratch("middle", (height, image.shape[1], channels), middle_dtype)
        _resample_height(image, down, middle, middle.dtype, read=read, draft=draft)
        _resample_width(middle, across, out, dtype, write, draft=draft)
    else:
        middle = scratch("middle", (image.shape[0], width, channels), middle_dtype)
        _resample_width(image, across, middle, middle.dtype, read=read, draft=draft)
        _resample_height(middle, down, out, dtype, write, draft=draft)


def _resample_height(
    image: Image,
    band: Band,
    out: Image,
    dtype: np.dtype[Any],
    write: _Write | None = None,
    read: _Read | None = None,
    *,
    draft: bool,
) -> None:
    """Resample the first axis of ``(H, W, C)``: some lines at a time or, of very long ones, strips of columns."""
    if not band.runs:
        (write or _store)(image if read is None else read(image), out)
        return
    channels = image.shape[2]
    source = image.reshape(image.shape[0], -1)
    total = source.shape[1]
    lines = _lines(band, total)
    lanes = total if lines else _lanes(band, total, channels if write or read else 1)
    for piece, made, inputs in pieces(band, lines or band.n_out):
        for at in range(0, total, lanes):
            strip = source[inputs, at : at + lanes]
            if read is not None:
                strip = read(strip.reshape(strip.shape[0], -1, channels)).reshape(strip.shape)
            x, y = _buffers(piece, strip.shape[1])
            np.copyto(x, strip, casting="unsafe")
            multiply(piece, x, y)
            if write is None:
                finish(piece, x, y, out.reshape(band.n_out, -1)[made, at : at + lanes], draft=draft)
            else:
                block = scratch("block", y.shape, dtype)
                finish(piece, x, y, block, draft=draft)
                columns = slice(at // channels, (at + lanes) // channels)
                write(block.reshape(piece.n_out, -1, channels), out[made, columns])


def _store(image: Image, out: Image) -> None:
    np.copyto(out, image, casting="unsafe")


def _resample_width(
    image: Image,
    band: Band,
    out: Image,
    dtype: np.dtype[Any],
    write: _Write | None = None,
    read: _Read | None = None,
    *,
    draft: bool,
) -> None:
    """Resample the second axis of ``(H, W, C)``, in strips of rows.

    Turned by 90°, it is the same product with long contiguous rows, twice as fast as a product with narrow
    blocks of columns; and OpenCV turns strips almost for free.
    """
    channels = image.shape[2]
    rows = _lanes(band, image.shape[0] * channels, channels) // channels
    for at in range(0, image.shape[0], rows):
        strip, target = image[at : at + rows], out[at : at + rows]
        x, y = _buffers(band, strip.shape[0] * channels)
        np.copyto(x, _turned(_copied(strip) if read is None else read(strip)), casting="unsafe")
        multiply(band, x, y)
        turned = scratch("turned", (band.n_out, strip.shape[0], channels), dtype)
        finish(band, x, y, turned.reshape(y.shape), draft=draft)
        if write is None:
            cv2.transpose(turned, target)
        else:
            block = scratch("block", (strip.shape[0], band.n_out, channels), dtype)
            write(cv2.transpose(turned, block).reshape(block.shape), target)


def _copied(strip: Image) -> Image:
    # Read row by row, memory arrives at full speed; read across rows, as for turning, at a third of it.
    copy = scratch("strip", strip.shape, strip.dtype)
    np.copyto(copy, strip)
    return copy


def _turned(strip: Image) -> Image:
    height, width, channels = strip.shape
    turned = scratch("turned", (width, height, channels), strip.dtype)
    return cv2.transpose(strip, turned).reshape(width, height * channels)


def _lines(band: Band, total: int) -> int:
    """Choose how many output lines, of `total` samples, are made at a time; 0 if strips of columns are better.

    Whole lines are written where they belong, strips by way of a copy. But input lines that two pieces read become
    floats twice.
    """
    strip: _Strip = getattr(_local, "strip", _ALONE)
    scale, taps = (band.stop - band.start) / band.n_out, band.taps.shape[1]
    most = int((strip.most_bytes / (band.dtype.itemsize * total) - taps) / (1 + scale))
    if most < band.n_out and most * scale < _LEAST_NEW * taps:
        return 0
    return -(-band.n_out // -(-band.n_out // most))


def _lanes(band: Band, total: int, multiple: int) -> int:
    """Choose how many lanes a strip has, so that its floats stay in the cache and the last is not a sliver."""
    strip: _Strip = getattr(_local, "strip", _ALONE)
    fitting = strip.most_bytes // (band.dtype.itemsize * (band.stop - band.start + band.n_out))
    strips = -(-total // min(max(fitting, _MIN_LANES), strip.most_lanes))
    unit = 16 * multiple
    return -(-total // (strips * unit)) * unit


def _buffers(band: Band, lanes: int) -> tuple[Floats, Floats]:
    return scratch("x", (band.stop - band.start, lanes), band.dtype), scratch("y", (band.n_out, lanes), band.dtype)
