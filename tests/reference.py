"""Slow, obvious resampling in float64: what Pillow defines, for images that Pillow does not take.

Written from the definitions alone. Nothing here is shared with `fastfit`.
"""

import math

import numpy as np


def _sinc(x):
    return 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)


def _lanczos(x):
    return _sinc(x) * _sinc(x / 3) if -3 <= x < 3 else 0.0


def _bicubic(x, a=-0.5):
    x = abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def _hamming(x):
    return _sinc(x) * (0.54 + 0.46 * math.cos(math.pi * x)) if -1 < x < 1 else 0.0


def _bilinear(x):
    return max(1 - abs(x), 0.0)


def _box(x):
    return 1.0 if -0.5 < x <= 0.5 else 0.0


def _mks2013(x):
    """Magic Kernel Sharp of 2013, see johncostella.com/magic."""
    x = abs(x)
    if x < 0.5:
        return 17 / 16 - 7 / 4 * x**2
    if x < 1.5:
        return (1 - x) * (7 / 4 - x)
    return -1 / 8 * (x - 5 / 2) ** 2 if x < 2.5 else 0.0


def _mks2021(x):
    """Magic Kernel Sharp of 2021, its successor."""
    x = abs(x)
    if x < 0.5:
        return 577 / 576 - 239 / 144 * x**2
    if x < 1.5:
        return 35 / 36 * (x - 1) * (x - 239 / 140)
    if x < 2.5:
        return 1 / 6 * (x - 2) * (65 / 24 - x)
    if x < 3.5:
        return 1 / 36 * (x - 3) * (x - 15 / 4)
    return -1 / 288 * (x - 9 / 2) ** 2 if x < 4.5 else 0.0


KERNELS = {
    "lanczos": (3.0, _lanczos),
    "bicubic": (2.0, _bicubic),
    "hamming": (1.0, _hamming),
    "bilinear": (1.0, _bilinear),
    "box": (0.5, _box),
    "mks2013": (2.5, _mks2013),
    "mks2021": (4.5, _mks2021),
}


def weights(n_in, n_out, low, high, resample):
    """Return the dense matrix, (n_out, n_in), that resamples the lines from `low` to `high`."""
    support, kernel = KERNELS[resample]
    # Pillow's box is four C floats; so is the extent, and all else is double.
    low, high = np.float32(low), np.float32(high)
    scale = float(high - low) / n_out
    widening = max(scale, 1.0)
    matrix = np.zeros((n_out, n_in))
    for line in range(n_out):
        centre = float(low) + (line + 0.5) * scale
        first = max(int(centre - support * widening + 0.5), 0)
        last = min(int(centre + support * widening + 0.5), n_in)
        for tap in range(first, last):
            matrix[line, tap] = kernel((tap - centre + 0.5) / widening)
        matrix[line] /= matrix[line].sum() or 1.0
    return matrix


def _resample_lines(matrix, image):
    """Make each line of the first axis by itself: a weighted sum of the image's lines."""
    out = np.zeros((len(matrix), *image.shape[1:]))
    for line, row in enumerate(matrix):
        for tap in np.flatnonzero(row):
            out[line] += row[tap] * image[tap]
    return out


def resize(image, size, resample, box=None, alpha=False):
    """Resample `box` of an image, (H, W, C), to `size`; return float64 that is neither rounded nor clipped.

    With `alpha`, colours are multiplied by the last channel before, and divided by it after.
    """
    left, top, right, bottom = (0, 0, image.shape[1], image.shape[0]) if box is None else box
    planes = image.astype(np.float64)
    if alpha:
        planes[..., :-1] *= planes[..., -1:]
    planes = _resample_lines(weights(image.shape[0], size[1], top, bottom, resample), planes)
    across = weights(image.shape[1], size[0], left, right, resample)
    planes = _resample_lines(across, planes.swapaxes(0, 1)).swapaxes(0, 1)
    if alpha:
        planes[..., :-1] /= planes[..., -1:]
    return planes


def as_dtype(values, dtype):
    """Round and clip, once, to an integer dtype; leave floats as they are."""
    if np.issubdtype(dtype, np.integer):
        values = np.clip(np.floor(values + 0.5), 0, np.iinfo(dtype).max)
    return values.astype(dtype)
