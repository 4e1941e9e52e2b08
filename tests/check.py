"""The battery that every way to fit an image goes through."""

import math
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np


def check_fit(fit, image, size):
    """Assert what holds whatever the options, and return the result.

    `fit(image)` and `fit(image, out)` fit to `size`, (width, height); a `fastfit.Fit` is one such function.
    """
    result = fit(image)
    _check_form(result, image, size)
    _check_ownership(fit, image, result)
    for name, view, _ in layouts(image.shape, image.dtype):
        view[...] = image
        view.flags.writeable = False
        np.testing.assert_array_equal(fit(view), result, f"input: {name}")
    for name, view, base in layouts(result.shape, result.dtype):
        _check_out(fit, image, view, base, result, name)
    _check_threads(fit, image, result)
    return result


def _check_form(result, image, size):
    assert type(result) is np.ndarray
    assert result.dtype == image.dtype
    assert result.shape == (size[1], size[0], *image.shape[2:])


def _check_ownership(fit, image, result):
    """The image stays as it is, and the result stays as it is when other images follow."""
    before, first = image.copy(), result.copy()
    other = fit(image[::-1, ::-1])
    again = fit(image)
    np.testing.assert_array_equal(image, before, "the image was written to")
    np.testing.assert_array_equal(again, first, "a second call differs")
    np.testing.assert_array_equal(result, first, "a later call wrote into an earlier result")
    assert result.flags.writeable
    assert not any(np.shares_memory(result, array) for array in (image, other, again))


def _check_out(fit, image, view, base, expected, name):
    untouched = base.copy()
    pattern = view.copy()
    assert fit(image, view) is view, f"out: {name}: another object was returned"
    np.testing.assert_array_equal(view, expected, f"out: {name}")
    view[...] = pattern
    np.testing.assert_array_equal(base, untouched, f"out: {name}: memory around it was written to")


def _check_threads(fit, image, expected):
    """Two images, each in two threads at once: shared working memory would mix them."""
    turned = np.ascontiguousarray(image[::-1, ::-1])
    other = fit(turned)
    start = Barrier(4)

    def run(given):
        start.wait()
        return fit(given)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, (image, turned, image, turned)))
    for got, wanted in zip(results, (expected, other, expected, other), strict=True):
        np.testing.assert_array_equal(got, wanted, "four threads at once")


def layouts(shape, dtype):
    """Yield name, view of `shape` and the array that the view is cut out of, for every order of samples."""
    height, width, *channels = shape
    yield "contiguous", *_cut(shape, dtype, lambda base: base)
    yield "every other", *_cut((2 * height, 3 * width, *channels), dtype, lambda base: base[::2, 1::3])
    yield "within", *_cut((height + 4, width + 6, *channels), dtype, lambda base: base[3:-1, 2:-4])
    yield "upside down", *_cut(shape, dtype, lambda base: base[::-1])
    yield "mirrored", *_cut(shape, dtype, lambda base: base[:, ::-1])
    yield "transposed", *_cut((width, height, *channels), dtype, lambda base: base.swapaxes(0, 1))
    yield "Fortran order", *_cut(shape[::-1], dtype, lambda base: base.T)
    if channels:
        yield "planes", *_cut((*channels, height, width), dtype, lambda base: np.moveaxis(base, 0, 2))
        yield "reversed channels", *_cut(shape, dtype, lambda base: base[..., ::-1])
        yield "some channels", *_cut((height, width, channels[0] + 2), dtype, lambda base: base[..., 1:-1])
        yield "first channels", *_cut((height, width, channels[0] + 1), dtype, lambda base: base[..., :-1])
        yield "last channels", *_cut((height, width, channels[0] + 1), dtype, lambda base: base[..., 1:])
    if np.dtype(dtype).itemsize > 1:
        size = 1 + math.prod(shape) * np.dtype(dtype).itemsize
        yield "unaligned", *_cut((size,), np.uint8, lambda base: base[1:].view(dtype).reshape(shape))


def _cut(shape, dtype, view):
    base = (np.arange(np.prod(shape)) * 37 % 251).astype(dtype).reshape(shape)
    return view(base), base
