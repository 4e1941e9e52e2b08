"""One case, so many times, to be counted from outside: ``python -m benchmarks.counted CASE CALLS``."""

import gc
import sys
from collections.abc import Callable

import cv2
import numpy as np

import fastfit
from fastfit.threads import single_thread_for_good
from fastfit.types import Image

__all__ = ["CASES"]

_WARM_UP = 3


def _picture(width: int, height: int) -> Image:
    """Return waves under a little noise, the same everywhere."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    waves = np.stack([127 + 90 * np.sin(9 * x + (2 - c) * 5 * y * y + c) for c in range(3)], axis=2)
    noise = np.random.Generator(np.random.PCG64(7)).integers(-20, 21, waves.shape)
    return np.rint(waves + noise).clip(0, 255).astype(np.uint8)


def _array() -> Callable[[], object]:
    image, spec = _picture(500, 375), fastfit.Fit("224x224")
    return lambda: spec(image)


def _batch() -> Callable[[], object]:
    images, spec = np.stack([_picture(64, 48)] * 16), fastfit.Fit("32x32")
    return lambda: fastfit.fit_many(images, spec, n_jobs=1)


def _tensor() -> Callable[[], object]:
    data = cv2.imencode(".jpg", _picture(500, 375), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    spec = fastfit.Fit("224x224", channels=3, layout="CHW", dtype="float32", scale=1 / 255)
    return lambda: fastfit.load(data, spec)


CASES = {
    "array 500x375 to 224x224": (_array, 8),
    "batch of 16, 64x48 to 32x32": (_batch, 4),
    "JPEG bytes 500x375 to tensor 224x224": (_tensor, 8),
}
"""What makes a call, and how many calls are counted."""


def main() -> None:
    """Do it."""
    single_thread_for_good()
    call = CASES[sys.argv[1]][0]()
    for _ in range(_WARM_UP):
        call()
    gc.disable()
    for _ in range(int(sys.argv[2])):
        call()


if __name__ == "__main__":
    main()
