"""Calls of which each has an image of another size, that nobody has seen since all caches were emptied."""

import sys
from collections import deque
from collections.abc import Callable
from functools import _lru_cache_wrapper
from inspect import signature

import cv2
import numpy as np

from fastfit.kept import forget
from fastfit.types import Image, Size

__all__ = ["Cold", "forget_all"]

_REACH = 32
"""Pixels by which a side is longer or shorter than it is to be, at most; and no more than an eighth of it."""


class Cold:
    """Fits one image after the other: windows of a photograph, no two of which are as wide or as high.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        A mirrored border is added: windows are of this size on average.
    fit : callable
        What is timed, of an image.
    """

    def __init__(self, image: Image, fit: Callable[[Image], Image]) -> None:
        height, width = image.shape[:2]
        reach = min(_REACH, width // 8, height // 8)
        self._border = cv2.copyMakeBorder(image, 0, reach, 0, reach, cv2.BORDER_REFLECT_101)
        # The nearest to the size first: of few calls, too, the mean is next to it.
        self._sizes = [
            Size(width + more, height + more) for step in range(reach + 1) for more in sorted({step, -step})
        ]
        self._fit = fit
        self._ready: deque[Image] = deque()
        self.most = len(self._sizes)

    def prepare(self, calls: int) -> None:
        """Empty all caches, and cut out the images of so many calls, at most `most`."""
        forget_all()
        self._ready = deque(
            np.ascontiguousarray(self._border[: size.height, : size.width]) for size in self._sizes[:calls]
        )

    def __call__(self) -> Image:
        """Fit the next image."""
        return self._fit(self._ready.popleft())

    def each(self, number: int) -> list[Image]:
        """Return results of some sizes, the first and the last among them."""
        chosen = np.linspace(0, self.most - 1, min(number, self.most)).astype(int)
        windows = [self._sizes[index] for index in chosen]
        return [self._fit(np.ascontiguousarray(self._border[: size.height, : size.width])) for size in windows]


def forget_all() -> None:
    """Empty every cache that fastfit has for sizes or options, whatever it is called, and the weights."""
    modules = [module for name, module in list(sys.modules.items()) if name.split(".")[0] == "fastfit"]
    for value in [value for module in modules for value in vars(module).values()]:
        # Those without parameters hold what is loaded once: the kernel.
        if isinstance(value, _lru_cache_wrapper) and signature(value).parameters:
            value.cache_clear()
    forget()
