"""The convolution filters: Pillow's, as functions of whole arrays."""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from fastfit.resample.scratch import scratch

Float64: TypeAlias = npt.NDArray[np.float64]


class Filter(NamedTuple):
    """A filter kernel."""

    support: float
    """Distance from the centre beyond which it is zero, in target pixels."""
    kernel: Callable[[Float64, Float64, Float64, float], Float64]
    """Unnormalised weights, ``(n, k)``, from each line's first tap and centre, ``(n, 1)``, in source pixels, the
    taps' distances to the first, ``(k,)``, and target pixels for each source pixel."""
    halves: Literal["always", "at few phases", "seldom"]
    """When sums of 8-bit samples are halves, or next to: a box's weights are equal, polynomials of rational
    positions are rational, sines are neither."""


def _positions(first: Float64, centers: Float64, steps: Float64, unit: float) -> Float64:
    # The order of operations is Pillow's, here and below: where a weight is halfway between two of 22 bits, or a
    # tap on the edge of a box, the last bit of a double decides.
    return (first + steps - centers + 0.5) * unit


def _box(first: Float64, centers: Float64, steps: Float64, unit: float) -> Float64:
    x = _positions(first, centers, steps, unit)
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _bilinear(first: Float64, centers: Float64, steps: Float64, unit: float) -> Float64:
    x = np.abs(_positions(first, centers, steps, unit))
    return np.asarray(np.maximum(1.0 - x, 0.0), np.float64)


def _hamming(first: Float64, centers: Float64, steps: Float64, unit: float) -> Float64:
    # Pillow writes the constants as C floats, 0.54f and 0.46f, which add up to a little more than its 1 at 0.
    x = _positions(first, centers, steps, unit)
    window = float(np.float32(0.54)) + float(np.float32(0.46)) * np.cos(np.pi * x)
    weights = np.where(np.abs(x) < 1.0, np.sinc(x) * window, 0.0)
    weights[x == 0.0] = 1.0
    return weights


def _bicubic(first: Float64, centers: Float64, steps: Float64, unit: float) -> Float64:
    # Keys' cubic with a = -0.5.
    x = np.abs(_positions(first, centers, steps, unit))
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(first: Float64, centers: Float64, steps: Float64, unit: float) -> Float64:
    # sinc(x)·sinc(x/3) = (sin t / t)²·(1 - 4/3·sin²t) with t = πx/3, by sin 3t = 3 sin t - 4 sin³t; and
    # sin(a + b) = sin a·cos b + cos a·sin b leaves n + k sines instead of 2·n·k. They are most of the cost.
    a, b = (first - centers + 0.5) * (unit * np.pi / 3.0), steps * (unit * np.pi / 3.0)
    # In kept memory: fresh pages for each of these would cost as much as the sines.
    t, sine, other = (scratch(name, (len(first), len(steps)), np.float64) for name in ("t", "sine", "cosine"))
    np.add(a, b, out=t)
    np.multiply(np.sin(a), np.cos(b), out=sine)
    np.multiply(np.cos(a), np.sin(b), out=other)
    sine += other
    np.abs(t, out=other)
    near = other < 1e-6  # sin t / t is 1 to the last bit; the sum above is not that exact
    t[near] = sine[near] = 1e-6
    weights: Float64 = np.square(sine)
    sine /= t
    sine *= sine
    weights *= -4.0 / 3.0
    weights += 1.0
    weights *= sine
    weights[other >= np.pi] = 0.0
    return weights


FILTERS: dict[str, Filter] = {
    "lanczos": Filter(3.0, _lanczos, "seldom"),
    "bicubic": Filter(2.0, _bicubic, "at few phases"),
    "hamming": Filter(1.0, _hamming, "seldom"),
    "bilinear": Filter(1.0, _bilinear, "at few phases"),
    "box": Filter(0.5, _box, "always"),
}
