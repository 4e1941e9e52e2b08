"""Convolution by banded matrix products: two passes over strips that stay in the cache."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from fastfit.resample.band import Band, Floats, band
from fastfit.resample.scratch import scratch
from fastfit.types import Box, Image, Size


class _Strip(NamedTuple):
    """How much is in work at once."""

    most_bytes: int
    """Of floats, input and output together."""
    most_lanes: int


# What stays in the second- and third-level cache; from a sweep of 1 to 8 MiB over the cells of
# `python -m benchmarks arrays`.
_ALONE = _Strip(5 << 20, 1024)
# Threads hand over the interpreter's lock at every call: at 40 µs, as on a virtual machine, calls must be long.
# From a sweep of 5 to 20 MiB: 2 threads do 1.6 to 1.9 times the work of one, instead of 1.2 to 1.6.
_AMONG_THREADS = _Strip(14 << 20, 3072)
_MIN_LANES = 64

_local = threading.local()


def work_among_threads() -> None:
    """Let this thread do more at once from now on: it is one of several that fit images at the same time."""
    _local.strip = _AMONG_THREADS


# float64 sums of 8-bit samples times 22-bit weights are exact, in steps of 2^-22: any less lifts just the halves,
# which OpenCV would round to even, and Pillow rounds up.
_HALF_UP = 2.0**-24

# One doubtful sample in so many costs as much, one by one, as all of a strip in float64: some 180 ns against 1 ns.
_MOST_DOUBTFUL = 200

_add: Any = cv2.add  # its stubs leave out scalars

_Write: TypeAlias = Callable[[Image, Image], None]


class Passes(NamedTuple):
    """How one image becomes another: the weights of both axes, and which comes first."""

    down: Band
    across: Band
    height_first: bool

    def crop(self, image: Image) -> Image:
        """Return the part of the image that the passes read, a view."""
        return image[self.down.start : self.down.stop, self.across.start : self.across.stop]


def passes(source: Size, target: Size, box: Box, resample: str, *, quantized: bool) -> Passes:
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

    Returns
    -------
    Passes
        An axis of equal integer extent is not filtered. Height comes first iff it loses over twice what the width
        loses, and so no intermediate image is larger than the source or the result.
    """
    left, top, right, bottom = (float(np.float32(edge)) for edge in box)
    across = band(source.width, target.width, left, right, resample, quantized)
    down = band(source.height, target.height, top, bottom, resample, quantized)
    lost = source.height - target.height
    return Passes(down, across, lost > 0 and lost > 2 * (source.width - target.width))


def convolve(image: Image, passes: Passes, out: Image, write: _Write | None = None) -> None:
    """Resample the part of an image that `passes` read into `out`.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``, any strides; only read. Cropped to what the passes read.
    passes : Passes
    out : ndarray, (height, width, C)
        Of the image's dtype, or ``float32`` for neither rounding nor clipping; its pixels must be contiguous
        along a row. All of it is written. 8-bit images are rounded and clipped between the passes, as in Pillow.
    write : callable, optional
        Called with each strip of the result, in the image's dtype, and its part of `out`, which then may be of any
        form that has the same height and width.
    """
    if image.dtype == np.float32:
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite spreads; it is no one's mistake
            _two_passes(image, passes, out, write)
    else:
        _two_passes(image, passes, out, write)


def _two_passes(image: Image, passes: Passes, out: Image, write: _Write | None) -> None:
    down, across, height_first = passes
    height, width = out.shape[:2]
    channels, middle_dtype = image.shape[2], np.uint8 if image.dtype == np.uint8 else np.float32
    dtype = out.dtype if write is None else image.dtype
    if not across.runs:
        _resample_height(image, down, out, dtype, write)
    elif not down.runs:
        _resample_width(image, across, out, dtype, write)
    elif height_first:
        middle = scratch("middle", (height, image.shape[1], channels), middle_dtype)
        _resample_height(image, down, middle, middle.dtype)
        _resample_width(middle, across, out, dtype, write)
    else:
        middle = scratch("middle", (image.shape[0], width, channels), middle_dtype)
        _resample_width(image, across, middle, middle.dtype)
        _resample_height(middle, down, out, dtype, write)


def _resample_height(
    image: Image, band: Band, out: Image, dtype: np.dtype[Any], write: _Write | None = None
) -> None:
    """Resample the first axis of ``(H, W, C)``, in strips of columns."""
    if not band.runs:
        (write or _store)(image, out)
        return
    channels = image.shape[2]
    source = image.reshape(image.shape[0], -1)
    lanes = _lanes(band, source.shape[1], 1 if write is None else channels)
    for at in range(0, source.shape[1], lanes):
        strip = source[:, at : at + lanes]
        x, y = _buffers(band, strip.shape[1])
        np.copyto(x, strip, casting="unsafe")
        _multiply(band, x, y)
        if write is None:
            _finish(band, x, y, out.reshape(band.n_out, -1)[:, at : at + lanes])
        else:
            block = scratch("block", y.shape, dtype)
            _finish(band, x, y, block)
            columns = slice(at // channels, (at + lanes) // channels)
            write(block.reshape(band.n_out, -1, channels), out[:, columns])


def _store(image: Image, out: Image) -> None:
    np.copyto(out, image, casting="unsafe")


def _resample_width(
    image: Image, band: Band, out: Image, dtype: np.dtype[Any], write: _Write | None = None
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
        np.copyto(x, _turned(strip), casting="unsafe")
        _multiply(band, x, y)
        turned = scratch("turned", (band.n_out, strip.shape[0], channels), dtype)
        _finish(band, x, y, turned.reshape(y.shape))
        if write is None:
            cv2.transpose(turned, target)
        else:
            block = scratch("block", (strip.shape[0], band.n_out, channels), dtype)
            write(cv2.transpose(turned, block).reshape(block.shape), target)


def _turned(strip: Image) -> Image:
    # Copied first: read row by row, memory arrives at full speed; read across rows, at a third of it.
    height, width, channels = strip.shape
    copy = scratch("strip", strip.shape, strip.dtype)
    np.copyto(copy, strip)
    turned = scratch("turned", (width, height, channels), strip.dtype)
    return cv2.transpose(copy, turned).reshape(width, height * channels)


def _lanes(band: Band, total: int, multiple: int) -> int:
    """Choose how many lanes a strip has, so that its floats stay in the cache and the last is not a sliver."""
    strip: _Strip = getattr(_local, "strip", _ALONE)
    fitting = strip.most_bytes // (band.dtype.itemsize * (band.stop - band.start + band.n_out))
    strips = -(-total // min(max(fitting, _MIN_LANES), strip.most_lanes))
    unit = 16 * multiple
    return -(-total // (strips * unit)) * unit


def _buffers(band: Band, lanes: int) -> tuple[Floats, Floats]:
    return scratch("x", (band.stop - band.start, lanes), band.dtype), scratch("y", (band.n_out, lanes), band.dtype)


def _multiply(band: Band, x: Floats, y: Floats) -> None:
    lanes = x.shape[1]
    row = x.strides[0]
    for run in band.runs:
        blocks, lines, window = run.weights.shape
        windows = np.ndarray(
            (blocks, window, lanes), x.dtype, x, run.in_start * row, (run.stride * row, row, x.itemsize)
        )
        stop = run.out_start + blocks * lines
        np.matmul(run.weights, windows, out=y[run.out_start : stop].reshape(blocks, lines, lanes))


def _finish(band: Band, x: Floats, y: Floats, out: Image) -> None:
    """Write the sums `y` of the strip `x` into ``(n_out, lanes)``; 8-bit samples as Pillow's integers round."""
    if out.dtype != np.uint8:
        store(y, out)
    elif y.dtype == np.float64:
        rounded = scratch("rounded", y.shape, np.uint8)
        _round(y, _HALF_UP, rounded)
        np.copyto(out, rounded)
    elif band.taps.shape[1] == 1:  # the samples themselves
        np.copyto(out, y, casting="unsafe")
    else:
        # Each of the sums' additions is off by 2^-17 at most, by 2^-16 where it overshoots 256. Where that
        # decides, sum again.
        doubt = 2.0**-16 * (2.0 + band.taps.shape[1] * 2 / 3)
        direct = out.flags.c_contiguous and y.size % 8 == 0
        other = scratch("other", (-(-y.size // 8), 8), np.uint8)
        rounded = out.reshape(-1, 8) if direct else scratch("rounded", other.shape, np.uint8)
        if not direct:
            rounded[-1] = other[-1] = 0
        cv2.threshold(y, 0.0, 0.0, cv2.THRESH_TOZERO, y)
        _round(y, doubt, rounded)
        _round(y, -doubt, other)
        samples = rounded.reshape(-1)[: y.size].reshape(y.shape)
        places = _differing(rounded, other)
        if places.size > y.size // _MOST_DOUBTFUL:
            y = scratch("exact", y.shape, np.float64)
            _multiply(_exactly(band), x.astype(np.float64), y)
            _round(y, _HALF_UP, samples)
        else:
            line, lane = np.divmod(places, y.shape[1])
            samples[line, lane] = _exact(band, x, line, lane)
        if not direct:
            np.copyto(out, samples)


@lru_cache(maxsize=8)
def _exactly(band: Band) -> Band:
    """Return the same band with float64 weights."""
    runs = tuple(replace(run, weights=run.weights.astype(np.float64)) for run in band.runs)
    return replace(band, runs=runs, dtype=np.dtype(np.float64))


def _round(values: Floats, shift: float, out: Image) -> None:
    """Write `values` + `shift` into as many 8-bit samples, rounded half to even and clipped.

    The fastest way that OpenCV has, by three, is ``convertScaleAbs``. It gives undershoots their absolute value:
    float32 `values` are to have none.
    """
    source, target = values.reshape(1, -1), out.reshape(1, -1)[:, : values.size]
    if values.dtype == np.float32:
        cv2.convertScaleAbs(source, target, 1.0, shift)
    elif values.size == 1:  # `add` would take it for a scalar, and leave `out` alone
        target[0] = np.clip(np.rint(values + shift), 0, 255).item()
    else:
        _add(source, shift, target, dtype=cv2.CV_8U)


def _differing(rounded: Image, other: Image) -> npt.NDArray[np.intp]:
    """Return the flat indices at which two ``(n, 8)`` arrays differ. They are few, so look at 8 at a time."""
    words = np.flatnonzero(rounded.view(np.uint64) != other.view(np.uint64))
    word, byte = (rounded[words] != other[words]).nonzero()
    places: npt.NDArray[np.intp] = words[word] * 8 + byte
    return places


def _exact(
    band: Band, x: Floats, line: npt.NDArray[np.intp], lane: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Sum single samples in float64, where Pillow's integers are exact, and round them half up."""
    lines = np.minimum(band.first[line, None] + np.arange(band.taps.shape[1]), len(x) - 1)
    products = band.taps[line].astype(np.float64)
    products *= x.reshape(-1)[lines * x.shape[1] + lane[:, None]]
    rounded: npt.NDArray[np.float64] = np.clip(np.floor(products.sum(axis=1) + 0.5), 0, 255)
    return rounded


def store(values: Floats, out: Image) -> None:
    """Write ``(n, m)`` floats into an array of another dtype: ``uint16`` is rounded and clipped."""
    if out.dtype == np.uint16:
        if values.size == 1:  # as above
            np.copyto(out, np.clip(np.rint(values), 0, 65535), casting="unsafe")
        else:
            _add(values, 0.0, out, dtype=cv2.CV_16U)
    else:
        np.copyto(out, values)
