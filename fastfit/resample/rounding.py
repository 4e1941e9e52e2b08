"""Sums of floats become samples: as Pillow's integers round, to the last bit or nearly so."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fastfit.resample.band import Band, Floats, multiply
from fastfit.resample.scratch import scratch
from fastfit.types import Image

# float64 sums of 8-bit samples times 22-bit weights are exact, in steps of 2^-22: any less lifts just the halves,
# which OpenCV would round to even, and Pillow rounds up.
_HALF_UP = 2.0**-24
# float32 sums are off by less than this. It lifts what would be a half, and rarely more: one sample in 4000.
_DRAFT_UP = 2.0**-12

# One doubtful sample in so many costs as much, one by one, as all of a strip in float64: 100 ns against 2.5 ns.
_MOST_DOUBTFUL = 40

_add: Any = cv2.add  # its stubs leave out scalars


def finish(band: Band, x: Floats, y: Floats, out: Image, *, draft: bool) -> None:
    """Write the sums `y` of the strip `x` into ``(n_out, lanes)``; `y` may change.

    8-bit samples are as Pillow's integers round, and in a draft as float32 does.
    """
    if out.dtype != np.uint8:
        store(y, out)
    elif draft:
        cv2.threshold(y, 0.0, 0.0, cv2.THRESH_TOZERO, y)
        cv2.convertScaleAbs(y, out, 1.0, _DRAFT_UP)
    elif y.dtype == np.float64:
        rounded = out if out.flags.c_contiguous else scratch("rounded", y.shape, np.uint8)
        round_half_up(y, rounded)
        if rounded is not out:
            np.copyto(out, rounded)
    elif band.taps.shape[1] == 1:  # the samples themselves
        np.copyto(out, y, casting="unsafe")
    else:
        doubt = band.error  # where that decides, sum again
        direct = out.flags.c_contiguous and y.size % 8 == 0
        other = scratch("other", (-(-y.size // 8), 8), np.uint8)
        rounded = out.reshape(-1, 8) if direct else scratch("rounded", other.shape, np.uint8)
        if not direct:
            rounded[-1] = other[-1] = 0
        cv2.threshold(y, 0.0, 0.0, cv2.THRESH_TOZERO, y)
        _round(y, doubt, rounded)
        _round(y, -doubt, other)
        samples = rounded.reshape(-1)[: y.size]
        places = _differing(rounded, other)
        if places.size > y.size // _MOST_DOUBTFUL:
            y = scratch("exact", y.shape, np.float64)
            wide = scratch("wide", x.shape, np.float64)
            np.copyto(wide, x)
            multiply(_exactly(band), wide, y)
            round_half_up(y, samples)
        else:
            samples[places] = _exact(band, x, places)
        if not direct:
            np.copyto(out, samples.reshape(y.shape))


@lru_cache(maxsize=8)
def _exactly(band: Band) -> Band:
    """Return the same band with float64 weights."""
    runs = tuple(replace(run, weights=run.weights.astype(np.float64)) for run in band.runs)
    return replace(band, runs=runs, dtype=np.dtype(np.float64))


def round_half_up(sums: Floats, out: Image) -> None:
    """Write exact sums into as many 8-bit samples, rounded as Pillow's integers are; both are contiguous."""
    _round(sums, _HALF_UP, out)


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


def _exact(band: Band, x: Floats, places: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Sum single samples in float64, where Pillow's integers are exact, and round them half up.

    `places` are flat indices of the sums.
    """
    lanes, most = x.shape[1], band.taps.shape[1]
    line = places // lanes
    lane = places - line * lanes
    # What each may read as one axis: NumPy copies along it, instead of looking up an index for each number.
    windows = np.ndarray((len(x) - most + 1, lanes, most), x.dtype, x, 0, (*x.strides, x.strides[0]))
    sums: npt.NDArray[np.float64] = np.einsum("ij,ij->i", band.taps[line], windows[band.first[line], lane])
    sums += 0.5
    return np.clip(np.floor(sums, out=sums), 0, 255, out=sums)


def store(values: Floats, out: Image) -> None:
    """Write ``(n, m)`` floats into an array of another dtype: ``uint16`` is rounded and clipped."""
    if out.dtype == np.uint16:
        if values.size == 1:  # as above
            np.copyto(out, np.clip(np.rint(values), 0, 65535), casting="unsafe")
        else:
            _add(values, 0.0, out, dtype=cv2.CV_16U)
    else:
        np.copyto(out, values)
