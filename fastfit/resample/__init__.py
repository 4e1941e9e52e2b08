"""Resampling in two families that are never confused: Pillow's convolutions and OpenCV's interpolations."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from fastfit.resample import reference
from fastfit.resample.interpolate import INTERPOLATIONS, interpolate
from fastfit.resample.native import Job, Queue, is_aligned
from fastfit.resample.passes import HIDDEN, SUPPORT, Passes, plan_passes
from fastfit.resample.running import by_kernel, kernel
from fastfit.resample.store import Store, as_dtype, place
from fastfit.types import Box, Image, Size

__all__ = [
    "INTERPOLATIONS",
    "SUPPORT",
    "Queue",
    "Resampler",
    "Steps",
    "Store",
    "Task",
    "by_kernel",
    "kept_bytes",
    "kernel",
    "placer",
    "resample_into",
    "resample_later",
    "resampler",
]

Resampler: TypeAlias = Callable[[Image, Image], None]
"""Takes an image, ``(H, W, C)`` of any strides, only read, and where its result is written, of any strides."""


@dataclass(frozen=True, slots=True)
class Steps:
    """A resampler that calls others; `nbytes` is what they keep, in bytes."""

    run: Resampler
    nbytes: int

    def __call__(self, image: Image, out: Image) -> None:
        """Call them."""
        self.run(image, out)


def kept_bytes(resample: Resampler) -> int:
    """Return how many bytes a resampler keeps."""
    size: int = getattr(resample, "nbytes", 0)
    return size


class Task(NamedTuple):
    """A resize, as far as no sample of the image counts."""

    source: Size
    channels: int
    dtype: np.dtype[Any]
    """Of the image: uint8, uint16 or float32."""
    crop: Box
    """What of the image is shown: sub-pixel; on whole pixels for an interpolation of OpenCV's."""
    target: Size
    """What `crop` is resized to."""
    window: Box
    """What of that is wanted: on whole pixels. Its pixels are those of the whole."""
    resample: str
    """A key of `SUPPORT` or of `INTERPOLATIONS`."""
    alpha: bool = False
    """Whether the last channel is alpha. Only convolutions heed it; OpenCV's are as OpenCV does them."""
    gap: float | None = None
    """For a convolution: average whole blocks first where that leaves at least so many times the final size."""
    out_dtype: np.dtype[Any] | None = None
    """Of the result; the image's by default."""
    store: Store | None = None
    """What becomes of the samples."""

    @property
    def window_size(self) -> Size:
        """Of the result."""
        return Size(int(self.window.width), int(self.window.height))


def resampler(task: Task) -> Resampler:
    """Prepare a resize: what depends on sizes alone is done once."""
    if task.resample in INTERPOLATIONS:
        place = placer(task.window_size, task.channels, task.dtype, task.out_dtype or task.dtype, task.store)
        return lambda image, out: place(_interpolated(task, image), out)
    factor = _factor(task)
    if factor != (1, 1):
        return _reducer(task, factor)
    planned = plan_passes(task.source, task.target, task.crop, task.window, task.resample)
    weighted = task.alpha and planned[:2] != (None, None)
    return _convolver(task, planned, premultiply=weighted, unpremultiply=weighted)


def resample_later(resample: Resampler, image: Image, out: Image, queue: Queue | None) -> None:
    """Call a resampler, or put what it does into a queue if the kernel does all of it."""
    if queue is not None and isinstance(resample, Job) and is_aligned(out):
        queue.add(resample, image, out)
    else:
        resample(image, out)


def resample_into(image: Image, box: Box, out: Image, resample: str, *, alpha: bool) -> None:
    """Resample `box` of an image, ``(H, W, C)``, into all of `out`, of its dtype and channels."""
    source, target = Size(image.shape[1], image.shape[0]), Size(out.shape[1], out.shape[0])
    window = Box(0, 0, *target)
    resampler(Task(source, image.shape[2], image.dtype, box, target, window, resample, alpha))(image, out)


def placer(
    size: Size, channels: int, dtype: np.dtype[Any], out_dtype: np.dtype[Any], store: Store | None
) -> Resampler:
    """Return what stores fitted samples, ``(H, W, C)``, into arrays of their shape, of any strides."""
    native = kernel()
    if native is None or (out_dtype == dtype and store is None):
        return lambda samples, out: place(samples, out, store)
    whole = Passes(None, None, 0, 0, size, False)
    return native.job(size.width, whole, dtype, out_dtype, channels, store)


def _convolver(
    task: Task, planned: Passes, *, premultiply: bool, unpremultiply: bool, rounded: bool = False
) -> Resampler:
    """Return what resamples by passes; `rounded` floats stand for 16 bits."""
    native = kernel()
    if native is not None:
        sizes = (task.source.width, planned, task.dtype, task.out_dtype or task.dtype, task.channels)
        return native.job(
            *sizes, task.store, premultiply=premultiply, unpremultiply=unpremultiply, rounded=rounded
        )
    rounded = rounded or task.dtype == np.uint16

    def convolve(image: Image, out: Image) -> None:
        unit = HIDDEN * (65535 if rounded else 1)
        samples = reference.convolve(reference.premultiply(image) if premultiply else image, planned)
        samples = reference.unpremultiply(samples, unit) if unpremultiply else samples
        place(as_dtype(samples, np.dtype(np.uint16)) if rounded else samples, out, task.store)

    return convolve


def _interpolated(task: Task, image: Image) -> Image:
    left, top, right, bottom = (int(edge) for edge in task.window)
    return interpolate(image, task.crop, task.target, task.resample)[top:bottom, left:right]


def _reducer(task: Task, factor: tuple[int, int]) -> Resampler:
    """Return what averages blocks first, then convolves what is left to shrink."""
    left, top, right, bottom = _reach(task)
    (fx, fy), crop = factor, task.crop
    crop = Box((crop.left - left) / fx, (crop.top - top) / fy, (crop.right - left) / fx, (crop.bottom - top) / fy)
    source = Size(-(-(right - left) // fx), -(-(bottom - top) // fy))
    wide = task.alpha and task.dtype != np.uint8
    dtype = np.dtype(np.float32) if wide else task.dtype
    left_to_do = task._replace(source=source, crop=crop, dtype=dtype, out_dtype=task.out_dtype or task.dtype)
    planned = plan_passes(source, task.target, crop, task.window, task.resample)
    convolve = _convolver(
        left_to_do, planned, premultiply=False, unpremultiply=task.alpha, rounded=task.dtype == np.uint16
    )
    native = kernel()

    def reduce(image: Image, out: Image) -> None:
        image = image[top:bottom, left:right]
        if native is not None:
            convolve(native.reduce(image, factor, premultiply=task.alpha), out)
        else:
            convolve(reference.reduce(reference.premultiply(image) if task.alpha else image, factor), out)

    return Steps(reduce, kept_bytes(convolve))


def _factor(task: Task) -> tuple[int, int]:
    """Choose the whole numbers to shrink by first, as ``Image.resize(reducing_gap=…)``."""
    if task.gap is None:
        return 1, 1
    across = int(task.crop.width / task.target.width / task.gap)
    return across or 1, int(task.crop.height / task.target.height / task.gap) or 1


def _reach(task: Task) -> tuple[int, int, int, int]:
    """Return the whole pixels that resampling `crop` is to read, as Pillow's ``_get_safe_box``.

    It matters where they begin: blocks of a reduction are counted from there. Along an axis that is enlarged they
    are too few, and the pixels at the box's edge stand for what is beyond; so they do in Pillow.
    """
    support, crop = SUPPORT[task.resample] - 0.5, task.crop
    across, down = support * crop.width / task.target.width, support * crop.height / task.target.height
    return (
        max(0, int(crop.left - across)),
        max(0, int(crop.top - down)),
        min(task.source.width, math.ceil(crop.right + across)),
        min(task.source.height, math.ceil(crop.bottom + down)),
    )
