"""Convolution of small images: an axis is one product with a dense matrix, so that few calls are made.

Of 64×48 pixels, calls take longer than arithmetic. Sums are float64, exact for 8 bits. Zeros are multiplied, by
which all that is not finite would spread: such images are not for this.
"""

from functools import lru_cache

import numpy as np

from fastfit.resample.band import Band
from fastfit.resample.filters import Float64
from fastfit.resample.rounding import round_half_up, store
from fastfit.types import Image

__all__ = ["are_few", "resample_small"]

# Multiply-adds that take as long as the calls that are saved; from a sweep of sizes from 1x1 to 200x150.
_MOST_ADDED = 800_000
# Numbers in a matrix: thin images have larger ones, which take longer to make than all else.
_MOST_WEIGHTS = 100_000


def are_few(shape: tuple[int, ...], down: Band, across: Band, *, height_first: bool) -> bool:
    """Tell whether an image ``(H, W, C)`` is so small that dense products are faster."""
    height, width, channels = shape
    rows, columns = (down.n_out, width) if height_first else (height, across.n_out)
    added = rows * width * across.n_out * channels + height * columns * down.n_out
    weights = max(width * across.n_out * channels * channels, height * down.n_out)
    return added * channels <= _MOST_ADDED and weights <= _MOST_WEIGHTS


def resample_small(image: Image, down: Band, across: Band, out: Image, *, height_first: bool) -> None:
    """Resample both axes of ``(H, W, C)`` into an array of the same dtype, or ``float32`` for no rounding."""
    samples = image
    for axis in (0, 1) if height_first else (1, 0):
        band = (down, across)[axis]
        if band.runs:
            samples = _along(samples, axis, band)
            if image.dtype == np.uint8:  # between the axes, too
                rounded = np.empty(samples.shape, np.uint8)
                round_half_up(samples, rounded)
                samples = rounded
    if samples.dtype == out.dtype:
        np.copyto(out, samples)
    else:
        rounded = np.empty(samples.shape, out.dtype)
        store(samples.reshape(1, -1), rounded.reshape(1, -1))
        np.copyto(out, rounded)


def _along(image: Image, axis: int, band: Band) -> Float64:
    height, width, channels = image.shape
    lines = image.reshape(height, width * channels)
    sums: Float64 = np.dot(_matrix(band), lines) if axis == 0 else np.dot(lines, _interleaved(band, channels))
    return sums.reshape((band.n_out, width, channels) if axis == 0 else (height, band.n_out, channels))


# Of 0.8 MB at most; they keep their band alive, which the cache of bands may have let go of.
@lru_cache(maxsize=32)
def _matrix(band: Band) -> Float64:
    """Return the weights as a matrix, ``(n_out, stop - start)``."""
    matrix = np.zeros((band.n_out, band.stop - band.start))
    lines = band.first[:, None] + np.arange(band.taps.shape[1])
    np.put_along_axis(matrix, lines, band.taps, axis=1)
    return matrix


@lru_cache(maxsize=32)
def _interleaved(band: Band, channels: int) -> Float64:
    """Return the weights for lines of interleaved channels, ``((stop - start)·channels, n_out·channels)``."""
    return np.asarray(np.kron(_matrix(band).T, np.eye(channels)), np.float64)
