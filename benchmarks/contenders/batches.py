"""Who makes a stack of arrays of another size out of a stack: (N, H, W, 3) in, (N, h, w, 3) out, 8 bits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

import fastfit
from benchmarks.contenders import Contender
from benchmarks.contenders.arrays import CONTENDERS, OURS, REFERENCE, Make, Task, area, interpolated
from fastfit.types import Image

__all__ = ["BATCH_CONTENDERS", "ONE_THREAD", "in_pool", "one_by_one"]

ONE_THREAD = (REFERENCE,)
"""Those that use one whatever they may."""


def one_by_one(name: str) -> Contender[Make]:
    """Let a contender of single arrays do image after image; threads are its library's own, if it has any."""

    def make(images: Image, task: Task) -> Callable[[], Image]:
        calls = [CONTENDERS[name].make(image, task) for image in images]

        def call() -> Image:
            out = _empty(images, task)
            for row, each in zip(out, calls, strict=True):
                row[...] = each()
            return out

        return call

    return replace(CONTENDERS[name], make=make)


def in_pool(name: str) -> Contender[Make]:
    """Let a contender of single arrays work in threads that are there before."""

    def make(images: Image, task: Task) -> Callable[[], Image]:
        calls = [CONTENDERS[name].make(image, task) for image in images]
        pool = ThreadPoolExecutor(task.threads)  # whose threads end when the call is dropped

        def call() -> Image:
            out = _empty(images, task)

            def fill(index: int) -> None:
                out[index] = calls[index]()

            list(pool.map(fill, range(len(calls))))
            return out

        return call

    return replace(CONTENDERS[name], make=make)


def _empty(images: Image, task: Task) -> Image:
    return np.empty((len(images), task.size.height, task.size.width, images.shape[3]), np.uint8)


def _fastfit(images: Image, task: Task) -> Callable[[], Image]:
    spec = fastfit.Fit(task.size, task.mode, resample=task.resample)
    return lambda: fastfit.fit_many(images, spec, n_jobs=task.threads)


def _opencv_area(images: Image, task: Task) -> Callable[[], Image]:
    def call() -> Image:
        out = _empty(images, task)
        for image, row in zip(images, out, strict=True):
            area(image, task.size, row)
        return out

    return call


def _torch(images: Image, task: Task) -> Callable[[], Image]:
    return lambda: interpolated(images, task.size, "bicubic")


BATCH_CONTENDERS: dict[str, Contender[Make]] = {
    REFERENCE: one_by_one(REFERENCE),
    "pillow-pool": in_pool(REFERENCE),
    OURS: replace(CONTENDERS[OURS], make=_fastfit),
    "opencv-area": replace(CONTENDERS["opencv-area"], make=_opencv_area),
    "kornia-rs": one_by_one("kornia-rs"),
    "torch": replace(CONTENDERS["torch"], make=_torch, marks=["bicubic"]),
}
