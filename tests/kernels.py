"""Shared by the tests of the compiled kernel: one resize, by any level, by NumPy and by Pillow."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from fastfit import Box, Size
from fastfit.kernel.library import Library
from fastfit.resample import reference
from fastfit.resample.native import Native
from fastfit.resample.passes import SUPPORT, plan_passes

LIBRARY = Library()
KERNELS = {level: Native(LIBRARY, level) for level in LIBRARY.runs}
"""The kernel at every level that this machine runs."""
FILTERS = tuple(SUPPORT)


class Case(NamedTuple):
    """One resize of `box` to `target`; only `window` of the result is computed."""

    source: Size
    target: Size
    resample: str
    box: Box
    window: Box

    @property
    def passes(self):
        return plan_passes(self.source, self.target, self.box, self.window, self.resample)

    @property
    def rows_and_columns(self):
        left, top, right, bottom = (int(edge) for edge in self.window)
        return np.s_[top:bottom, left:right]


def case(source, target, resample="lanczos", box=None, window=None):
    """Make a case from tuples. The default box is the whole image, the default window the whole result."""
    box, window = (Box(*(found or (0, 0, *side))) for found, side in ((box, source), (window, target)))
    return Case(Size(*source), Size(*target), resample, box, window)


def random_case(rng, most=90):
    """Draw sizes, a filter, often a sub-pixel box, and sometimes a window."""
    width, height, *target = (int(side) for side in rng.integers(1, rng.choice([4, 30, most, most], 4) + 1))
    box = window = None
    if rng.random() < 0.5:
        (left, right), (top, bottom) = _extent(rng, width), _extent(rng, height)
        box = (left, top, right, bottom)
    if rng.random() < 0.3:
        (left, right), (top, bottom) = (np.sort(rng.choice(side + 1, 2, replace=False)) for side in target)
        window = tuple(int(edge) for edge in (left, top, right, bottom))
    return case((width, height), target, str(rng.choice(FILTERS)), box, window)


def _extent(rng, side):
    """Draw a part of an axis: all of it, whole lines, or fractions of lines."""
    kind = rng.integers(4)
    if kind == 0:
        return 0.0, float(side)
    if kind == 1:
        return tuple(float(edge) for edge in np.sort(rng.choice(side + 1, 2, replace=False)))
    low = float(np.float32(rng.uniform(0, side - 0.01)))
    return low, float(np.float32(rng.uniform(low + 0.005, side)))


def fitted(level, image, done, *, out=None, out_dtype=None, store=None, **alpha):
    """Fit with the compiled kernel. Without `out`, the result is a new array that held other numbers before."""
    passes, kind = done.passes, np.dtype(out_dtype or image.dtype)
    if out is None:
        shape = (passes.size.height, passes.size.width, image.shape[2])
        out = np.frombuffer(bytearray(b"\xa5" * (np.prod(shape) * kind.itemsize)), kind).reshape(shape)
    before, given = image.copy(), (done.source.width, passes, image.dtype, kind, image.shape[2], store)
    KERNELS[level].job(*given, **alpha)(image, out)
    assert image.tobytes() == before.tobytes(), f"{level}: {done}: the image was written to"
    return out


def by_reference(image, done, *, premultiply=False, unpremultiply=False):
    """Fit with NumPy."""
    samples = reference.convolve(reference.premultiply(image) if premultiply else image, done.passes)
    return reference.unpremultiply(samples) if unpremultiply else samples


def by_pillow(image, done, *, alpha=False):
    """Fit with Pillow: channel by channel, or, with alpha, as LA or RGBA."""
    planes = [image] if alpha else np.moveaxis(image, 2, 0)
    method = Image.Resampling[done.resample.upper()]
    whole = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(done.target, method, done.box))
        for plane in planes
    ]
    return (whole[0] if alpha else np.stack(whole, axis=2))[done.rows_and_columns]


def samples(rng, shape, dtype=np.uint8):
    """Draw noise, black and white, two neighboring levels, or a ramp; floats are from 0 to 1."""
    unit = rng.random(shape, np.float32)
    kind = rng.integers(4)
    if kind == 1:  # every edge overshoots
        unit = np.rint(unit)
    elif kind == 2:  # averages are halves
        unit = (np.rint(unit) + rng.integers(0, 254)) / 255
    elif kind == 3:
        unit = np.broadcast_to(np.linspace(0, 1, shape[1], dtype=np.float32)[:, None], shape)
    if np.issubdtype(dtype, np.integer):
        unit = np.rint(unit * np.iinfo(dtype).max)
    return unit.astype(dtype)


def assert_bits(got, expected, message=""):
    """Compare to the last bit; NaN is NaN."""
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if np.issubdtype(got.dtype, np.floating):
        np.testing.assert_array_equal(np.signbit(got[got == 0]), np.signbit(expected[expected == 0]), message)
    np.testing.assert_array_equal(got, expected, message)
