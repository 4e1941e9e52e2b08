"""Jobs for the compiled kernel: where the samples lie, and what becomes of them."""

import struct
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastfit.kept import Kept
from fastfit.kernel.library import LEVELS, Library
from fastfit.resample.passes import HIDDEN, SUPPORT, Axis, Passes
from fastfit.resample.store import Store
from fastfit.types import Image

__all__ = ["Job", "Native", "Queue"]

Bytes = npt.NDArray[np.uint8]

_JOB = struct.Struct("=QqqQqqqQQQQ12if4x")
"""``job`` of kernel.h."""
_DTYPES = {np.dtype(name): number for number, name in enumerate(("uint8", "uint16", "float32", "float16"))}
_FILTERS = {name: number for number, name in enumerate(SUPPORT)}
_ALIGNED = 64
_KEPT = 8 << 20
"""Working memory that a thread keeps from image to image, in bytes; more is given back."""
_MOST_WEIGHTS = 32 << 20
"""Bytes of weights that are kept. Those of one large image take some 0.5 MB."""


class Native:
    """The compiled kernel at one level."""

    def __init__(self, library: Library, level: str) -> None:
        self.library = library
        self.level = LEVELS.index(level)
        self.weights = _Weights(library, library.each(self.level))

    def job(
        self,
        width: int,
        passes: Passes,
        dtype: np.dtype[Any],
        out_dtype: np.dtype[Any],
        channels: int,
        store: Store | None,
        *,
        premultiply: bool = False,
        unpremultiply: bool = False,
        rounded: bool = False,
    ) -> "Job":
        """Prepare what can be done for all images of one size; `rounded` floats stand for 16 bits."""
        wide = dtype != np.uint8
        blocks = [
            None if axis is None else self.weights.of(axis, wide, down=down)
            for axis, down in ((passes.across, False), (passes.down, True))
        ]
        tables = (None, None) if store is None else (store.table, store.affine)
        places = (
            *(0 if array is None else _address(array) for array in (*blocks, *tables)),
            *(passes.left, passes.top, *passes.size),
        )
        rounded = rounded or dtype == np.uint16
        flags = (passes.height_first, premultiply, unpremultiply, rounded, HIDDEN * (65535 if rounded else 1))
        kinds = (_DTYPES[dtype], _DTYPES[out_dtype], *flags)
        known = (self, places, kinds, width, channels, dtype.itemsize, _reach(passes), (*blocks, *tables))
        pixels = {channels * dtype.itemsize, 4 if channels * dtype.itemsize == 3 else 0} - {0}
        trials = [Job(*known, 0).packed((0, 0, pixel), (0, 0, 0, 0), width) for pixel in pixels]
        return Job(*known, max(self.library.work(trial, 1, self.level) for trial in trials))

    def reduce(self, image: Image, factor: tuple[int, int], *, premultiply: bool = False) -> Image:
        """Average blocks, as `fastfit.resample.reference.reduce`; premultiplied, 16 bits become floats."""
        (fx, fy), (height, width, channels) = factor, image.shape
        image = image if _is_packed(image, channels) else np.ascontiguousarray(image)
        dtype = image.dtype if image.dtype == np.uint8 or not premultiply else np.dtype(np.float32)
        out = np.empty((-(-height // fy), -(-width // fx), channels), dtype)
        memory = np.empty(12 * width * channels, np.uint8)
        sizes = (width, height, channels, _DTYPES[image.dtype], fx, fy, premultiply, self.level)
        self.library.reduce(_address(image), image.strides[0], *sizes, _address(out), _address(memory))
        return out

    def run(self, jobs: bytes, count: int, needed: int) -> None:
        """Fit images one after the other, in one call, with so much working memory."""
        address, memory = _memory(needed)
        self.library.fit(jobs, count, self.level, address)
        del memory


@dataclass(frozen=True, slots=True)
class Job:
    """One way to fit images of one size; call it on them."""

    kernel: Native
    places: tuple[int, ...]
    """Addresses of weights, table and factors; where the source begins; the result's width and height."""
    kinds: tuple[float, ...]
    """Numbers of the dtypes, and what is done to pixels."""
    width: int
    """Of the source."""
    channels: int
    itemsize: int
    reach: tuple[slice, slice]
    kept: tuple[Any, ...]
    """What the addresses point into."""
    needed: int
    """Bytes of working memory."""

    @property
    def nbytes(self) -> int:
        """What `kept` holds, in bytes."""
        return sum(each.nbytes for each in self.kept if each is not None)

    def __call__(self, image: Image, out: Image) -> None:
        """Fit ``(H, W, C)`` into an array of the result's height, width and channels; both of any strides."""
        if not is_aligned(out):
            block = np.empty(out.shape, out.dtype)
            self(image, block)
            np.copyto(out, block)
            return
        packed, samples = self.pack(image, out)
        self.kernel.run(packed, 1, self.needed)
        del samples

    def pack(self, image: Image, out: Image) -> tuple[bytes, Image]:
        """Return the job as the kernel takes it, and what must stay alive until it is done."""
        whole = self.channels * self.itemsize
        row, pixel, sample = image.strides
        shift, width = 0, self.width
        # Of RGBX the kernel skips the X.
        if not (pixel == 4 and whole == 3 and sample == 1 and not self.kinds[3]):
            if not _is_packed(image, self.channels):
                # Only what is read is copied; the address is that which the first pixel would have.
                rows, columns = self.reach
                image = np.ascontiguousarray(image[rows, columns])
                row = image.strides[0]
                shift, width = rows.start * row + columns.start * whole, columns.stop
            pixel = whole
        source = (_address(image) - shift, row, pixel)
        return self.packed(source, (_address(out), *out.strides), width), image

    def packed(self, source: tuple[int, int, int], out: tuple[int, ...], width: int) -> bytes:
        """Return the job for an image, so many pixels wide, and a result: their addresses and strides."""
        return _JOB.pack(*source, *out, *self.places, width, self.channels, *self.kinds)


class Queue:
    """Jobs that go to the kernel together: threads hand over the interpreter's lock for every call, in 40 µs."""

    def __init__(self) -> None:
        self.jobs: list[tuple[bytes, Job, Image, Image]] = []

    def add(self, job: Job, image: Image, out: Image) -> None:
        """Take a job; its image is read, and its result is there, after `run`."""
        packed, samples = job.pack(image, out)
        self.jobs.append((packed, job, samples, out))

    def run(self) -> None:
        """Do all that was added."""
        jobs, self.jobs = self.jobs, []
        if jobs:
            needed = max(job.needed for _, job, _, _ in jobs)
            jobs[0][1].kernel.run(b"".join(packed for packed, *_ in jobs), len(jobs), needed)


class _Weights:
    """Weights of axes, as blocks of memory that the kernel reads."""

    def __init__(self, library: Library, each: int) -> None:
        self.library = library
        self.each = each
        """Integer weights that lie together."""
        self.kept: Kept[Bytes] = Kept(_MOST_WEIGHTS)

    def of(self, axis: Axis, wide: bool, *, down: bool) -> Bytes:
        block = self.kept.get((axis, wide, down))
        if block is None:
            arguments = (_FILTERS[axis.resample], 1 if wide else self.each, down, *axis[1:])
            block = np.empty(self.library.axis(*arguments, None), np.uint8)
            self.library.axis(*arguments, _address(block))
            self.kept.put((axis, wide, down), block, block.nbytes)
        return block


_local = threading.local()


def _memory(needed: int) -> tuple[int, Bytes]:
    """Return the address of working memory, and the array that it is of; the thread's next call has it again."""
    found: tuple[int, Bytes] | None = getattr(_local, "memory", None)
    if found is None or len(found[1]) < needed + _ALIGNED:
        block = np.empty(needed + _ALIGNED, np.uint8)
        found = (-(-_address(block) // _ALIGNED) * _ALIGNED, block)
        if needed <= _KEPT:
            _local.memory = found
    return found


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def is_aligned(array: npt.NDArray[Any]) -> bool:
    """Tell whether samples lie where the processor reads them at once."""
    return array.itemsize == 1 or array.flags.aligned


def _is_packed(image: Image, channels: int) -> bool:
    """Tell whether a row's samples lie side by side, and where NumPy says so."""
    (_, width, _), (_, pixel, sample), each = image.shape, image.strides, image.itemsize
    together = (channels == 1 or sample == each) and (width == 1 or pixel == channels * each)
    return together and is_aligned(image)


def _reach(passes: Passes) -> tuple[slice, slice]:
    """Return the rows and columns of the source that passes read, or some more."""
    width, height = passes.size
    return _lines(passes.down, passes.top, height), _lines(passes.across, passes.left, width)


def _lines(axis: Axis | None, start: int, count: int) -> slice:
    if axis is None:
        return slice(start, start + count)
    scale = (axis.high - axis.low) / axis.n_out
    around = SUPPORT[axis.resample] * max(scale, 1.0) + 5  # 3 of them, as windows may begin at multiples of 4
    first, last = axis.low + axis.begin * scale - around, axis.low + axis.end * scale + around
    return slice(max(int(first) - 1, 0), min(int(last) + 1, axis.n_in))
