"""Images to try things on: each kind strains something else."""

from functools import lru_cache

import cv2
import numpy as np

MODES = ("cover", "pad", "stretch")
"""Those that are not one of the others, as ``auto`` is."""
KINDS = ("noise", "smooth", "gradient", "ties", "checkerboard", "holes")


def picture(kind, shape, dtype=np.uint8, seed=0):
    """Return an image of `shape`, (H, W) or (H, W, C); floats are from 0 to 1, integers use their whole range."""
    return _drawn(kind, tuple(shape), np.dtype(dtype), seed).copy()


@lru_cache(maxsize=64)  # drawing takes longer than most that is done with it
def _drawn(kind, shape, dtype, seed):
    unit = np.clip(_UNITS[kind](*shape[:2], *(shape[2:] or (1,)), np.random.default_rng(seed)), 0, 1)
    if np.issubdtype(dtype, np.integer):
        unit = np.rint(unit * np.iinfo(dtype).max)
    return unit.astype(dtype).reshape(shape)


def _noise(height, width, channels, rng):
    return rng.random((height, width, channels))


def _smooth(height, width, channels, rng):
    """Blurred noise, stretched to the whole range: next to what a photograph is."""
    blurred = np.stack([cv2.GaussianBlur(rng.random((height, width)), (0, 0), 4) for _ in range(channels)], axis=2)
    return (blurred - blurred.min()) / max(np.ptp(blurred), 1e-9)


def _gradient(height, width, channels, rng):
    y, x, c = np.ogrid[:height, :width, :channels]
    return (x / width * (c + 1) + y / height) % 1.0 + 0 * rng.random()


def _ties(height, width, channels, rng):
    """Flat areas of neighbouring 8-bit levels: their averages are halves, where every way to round differs."""
    y, x, c = np.ogrid[:height, :width, :channels]
    levels = rng.integers(0, 254, (height // 16 + 1, width // 16 + 1, channels)).repeat(16, 0).repeat(16, 1)
    return (levels[:height, :width] + (x // 2 + y // 2 + c) % 2) / 255


def _checkerboard(height, width, channels, rng):
    """Squares of 0 and 1: every edge overshoots."""
    y, x, c = np.ogrid[:height, :width, :channels]
    return (x // 3 + y // 3 + c) % 2 + 0 * rng.random()


def _holes(height, width, channels, rng):
    """Noise whose last channel is 0 or full in blocks, as the alpha of a cut-out."""
    unit = rng.random((height, width, channels))
    blocks = rng.integers(0, 3, (height // 7 + 1, width // 7 + 1)).repeat(7, 0).repeat(7, 1)[:height, :width]
    unit[..., -1] = np.choose(blocks, (0.0, 1.0, unit[..., -1]))
    return unit


_UNITS = {
    "noise": _noise,
    "smooth": _smooth,
    "gradient": _gradient,
    "ties": _ties,
    "checkerboard": _checkerboard,
    "holes": _holes,
}
