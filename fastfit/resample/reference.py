"""Resampling in plain NumPy: what runs where no kernel was compiled, and what the kernel is tested against."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from fastfit.resample.passes import HIDDEN, SUPPORT, Axis, Passes
from fastfit.types import Image

__all__ = ["Taps", "convolve", "premultiply", "reduce", "unpremultiply", "weights"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

_WEIGHT_BITS = 22
"""Of Pillow's weights for 8-bit samples."""
_RECIPROCAL_BITS = 24
"""Of Pillow's reciprocals for averages of 8-bit samples; blocks of 2^24 samples and more have none."""


class Taps(NamedTuple):
    """What the lines of an axis read: `counts` lines from `first` on, and the weight of each."""

    first: Integers
    counts: Integers
    weights: Floats
    """(lines, taps); a line's weights sum to 1, and are 0 beyond its count."""


def weights(axis: Axis) -> Taps:
    """Compute the weights of an axis as Pillow 13 does: in float64, in the same order of operations.

    Parameters
    ----------
    axis : Axis
        `low` and `high` are rounded to float32, as in Pillow.

    Returns
    -------
    Taps
        New arrays, for lines ``axis.begin`` to ``axis.end``.

    Notes
    -----
    ``precompute_coeffs`` in Pillow's ``Resample.c``. The filter is widened when the axis shrinks. The order of
    operations matters where a tap is on the edge of a box or a weight is halfway between two of 22 bits.
    """
    low, high = np.float32(axis.low), np.float32(axis.high)
    scale = float(high - low) / axis.n_out
    widening = max(scale, 1.0)
    support = SUPPORT[axis.resample] * widening
    center = float(low) + (np.arange(axis.begin, axis.end) + 0.5) * scale
    first = np.maximum((center - support + 0.5).astype(np.int64), 0)
    counts = np.minimum((center + support + 0.5).astype(np.int64), axis.n_in) - first
    tap = np.arange(counts.max())
    position = (tap + first[:, None] - center[:, None] + 0.5) * (1.0 / widening)
    each = np.where(tap < counts[:, None], _filtered(axis.resample, position), 0.0)
    total = np.cumsum(each, axis=1)[:, -1:]  # adds one after the other, which np.sum does not
    return Taps(first, counts, each / np.where(total == 0, 1.0, total))


def convolve(image: Image, passes: Passes, *, alpha: bool = False) -> Image:
    """Resample an image: 8 bits to Pillow's bits, others without rounding to integers.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``, any strides and number of channels; only read.
    passes : Passes
        From `fastfit.resample.passes.plan_passes`, for this image's size.
    alpha : bool
        Whether the last channel is alpha: colors are multiplied by it before, and divided by it after. Only for
        ``uint8``.

    Returns
    -------
    ndarray, (height, width, C)
        A new array. ``uint8`` for ``uint8``, rounded and clipped after each pass. Otherwise ``float32``, neither
        rounded to integers nor clipped; summed in float64, and stored as float32 after each pass.

    Notes
    -----
    8-bit sums are integers modulo 2^32. A NaN or an infinity reaches exactly the samples whose window reads it.

    Examples
    --------
    >>> from fastfit.resample.passes import HIDDEN, plan_passes
    >>> from fastfit.types import Box, Size
    >>> size, box, window = Size(40, 30), Box(0.5, 0, 97, 61), Box(0, 0, 40, 30)
    >>> image = np.zeros((61, 97, 3), np.uint8)
    >>> convolve(image, plan_passes(Size(97, 61), size, box, window, "lanczos")).shape
    (30, 40, 3)
    """
    rows, columns = (None if axis is None else weights(axis) for axis in (passes.down, passes.across))
    image = image[_read(rows, passes.top, passes.size.height)]
    image = image[:, _read(columns, passes.left, passes.size.width)]
    if alpha:
        image = premultiply(image)
    for taps, dimension in ((rows, 0), (columns, 1)) if passes.height_first else ((columns, 1), (rows, 0)):
        if taps is not None:
            image = np.ascontiguousarray(_resampled(image.swapaxes(0, dimension), taps).swapaxes(0, dimension))
    if alpha:
        image = unpremultiply(image)
    return np.array(image, np.uint8 if image.dtype == np.uint8 else np.float32)


def reduce(image: Image, factor: tuple[int, int]) -> Image:
    """Average blocks of whole pixels, as Pillow's ``Image.reduce``.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``; only read.
    factor : (int, int)
        Width and height of a block, in pixels; blocks at the right and bottom edge may be smaller.

    Returns
    -------
    ndarray, (⌈H / fy⌉, ⌈W / fx⌉, C)
        A new array of the same dtype. ``uint8`` is rounded as by Pillow, ``uint16`` to the nearest integer, halves
        up; ``float32`` is summed in float64.

    Examples
    --------
    >>> reduce(np.zeros((61, 97, 3), np.uint8), (4, 3)).shape
    (21, 25, 3)
    """
    across, down = factor
    height, width, channels = image.shape
    rows, columns = np.arange(0, height, down), np.arange(0, width, across)
    widths = np.diff(columns, append=width)[:, None]
    out = np.empty((len(rows), len(columns), channels), image.dtype)
    with np.errstate(invalid="ignore"):  # infinities of both signs
        for line, top in enumerate(rows):
            block = image[top : top + down]
            sums = block.sum(axis=0, dtype=np.float64 if image.dtype == np.float32 else np.int64)
            out[line] = _mean(np.add.reduceat(sums, columns, axis=0), len(block) * widths, image.dtype)
    return out


def premultiply(image: Image) -> Image:
    """Multiply the colors by alpha, the last channel.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``; only read.

    Returns
    -------
    ndarray, (H, W, C)
        A new array. ``uint8`` is rounded as Pillow's ``RGBA`` becomes ``RGBa``. Others are ``float32`` products
        that are not scaled back: `unpremultiply` divides by the same unit.
    """
    if image.dtype != np.uint8:
        floats = image.astype(np.float32)
        with np.errstate(all="ignore"):
            floats[..., :-1] *= floats[..., -1:]
        return floats
    out = image.copy()
    product = image[..., :-1].astype(np.uint16) * image[..., -1:] + 128
    out[..., :-1] = (product + (product >> 8)) >> 8
    return out


def unpremultiply(image: Image, hidden: float = HIDDEN) -> Image:
    """Divide the colors by alpha, the last channel.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8`` or ``float32``; only read.
    hidden : float
        Colors of floats under no more alpha than this become 0.

    Returns
    -------
    ndarray, (H, W, C)
        A new array. Quotients of ``uint8`` are rounded down and clipped, as Pillow's ``RGBa`` becomes ``RGBA``;
        colors under alpha 0 are as they were.
    """
    if image.dtype != np.uint8:
        with np.errstate(all="ignore"):  # what is not finite stays where it is
            quotients = image / np.where(np.arange(image.shape[2]) < image.shape[2] - 1, image[..., -1:], 1)
            quotients[image[..., -1] <= hidden, :-1] = 0
        return np.asarray(quotients, np.float32)
    out, colors, alpha = image.copy(), image[..., :-1], image[..., -1:]
    quotient = np.minimum(colors.astype(np.uint16) * 255 // np.maximum(alpha, 1), 255)
    out[..., :-1] = np.where(alpha == 0, colors, quotient)
    return out


def _read(taps: Taps | None, begin: int, lines: int) -> slice:
    """Return the lines of the image that an axis reads; one that is not resampled, so many from `begin` on."""
    if taps is None:
        return slice(begin, begin + lines)
    return slice(taps.first.min(), (taps.first + taps.counts).max())


def _resampled(image: Image, taps: Taps) -> Image:
    """Resample the first dimension of an image, which begins at the first line that is read."""
    whole = image.dtype == np.uint8
    each = _integers(taps.weights) if whole else taps.weights
    out = np.empty((len(each), *image.shape[1:]), np.uint8 if whole else np.float32)
    start = taps.first.min()
    with np.errstate(over="ignore", invalid="ignore"):
        for line, (first, count) in enumerate(zip(taps.first - start, taps.counts, strict=True)):
            sums = np.full(image.shape[1:], 1 << (_WEIGHT_BITS - 1) if whole else 0, each.dtype)
            for tap in range(count):
                sums += image[first + tap] * each[line, tap]
            out[line] = np.clip(sums >> _WEIGHT_BITS, 0, 255) if whole else sums
    return out


def _integers(each: Floats) -> npt.NDArray[np.int32]:
    """Round weights as Pillow does: to integers of 22 bits, halves away from 0."""
    scaled = each * (1 << _WEIGHT_BITS)
    return (scaled + np.where(scaled < 0, -0.5, 0.5)).astype(np.int32)


def _mean(sums: npt.NDArray[Any], counts: Integers, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Divide sums of so many samples, and round to an integer dtype; of 8 bits, by Pillow's reciprocals."""
    if dtype == np.float32:
        return sums / counts
    nearest = (sums + counts // 2) // counts
    if dtype == np.uint16:
        return nearest
    reciprocal = (np.float32(1 << 32) / (counts << 8).astype(np.float32)).astype(np.int64)
    by_reciprocal = (sums + counts // 2) * reciprocal >> _RECIPROCAL_BITS
    return np.where(counts < 1 << _RECIPROCAL_BITS, by_reciprocal, nearest)


def _filtered(name: str, x: Floats) -> Floats:
    """Return a filter's values at positions in pixels of the result; each operation is in Pillow's order."""
    if name == "box":
        return np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0)
    if name == "lanczos":
        return np.where((x >= -3) & (x < 3), _sinc(x) * _sinc(x / 3), 0.0)
    x = np.abs(x)
    if name == "bilinear":
        return np.maximum(1.0 - x, 0.0)
    if name == "hamming":  # Pillow's constants are C floats, whose sum is not 1; at 0 the filter is 1 all the same
        window = float(np.float32(0.54)) + float(np.float32(0.46)) * np.cos(x * np.pi)
        return np.select([x == 0, x < 1], [1.0, _sinc(x) * window])
    if name == "bicubic":  # Keys' cubic, a = -0.5
        pieces = [(1.5 * x - 2.5) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5]
        return np.select([x < 1, x < 2], pieces)
    if name == "mks2013":  # John Costella's Magic Kernel Sharp, https://johncostella.com/magic/
        pieces = [1.0625 - x * x * 1.75, (1 - x) * (1.75 - x), (x - 2.5) * (x - 2.5) * -0.125]
    else:
        pieces = [
            577 / 576 - x * x * (239 / 144),
            (x - 1) * (35 / 36) * (x - 239 / 140),
            (x - 2) * (1 / 6) * (65 / 24 - x),
            (x - 3) * (1 / 36) * (x - 3.75),
            (x - 4.5) * (x - 4.5) * (-1 / 288),
        ]
    return np.select([x < 0.5 + piece for piece in range(len(pieces))], pieces)


def _sinc(x: Floats) -> Floats:
    angle = np.where(x == 0, 1.0, x) * np.pi
    return np.where(x == 0, 1.0, np.sin(angle) / angle)
