"""What physics asks for at least: to read each byte of the source once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import cv2
import numpy as np

from benchmarks.scaling.contenders import Work

__all__ = ["fastest_reader", "floor"]

Reader: TypeAlias = Callable[[np.ndarray[Any, Any]], object]

_READERS: dict[str, Reader] = {
    "np.add.reduce of 64 bits": lambda values: np.add.reduce(values.view(np.uint64)),
    "np.bitwise_or.reduce of 64 bits": lambda values: np.bitwise_or.reduce(values.view(np.uint64)),
    "np.max of 8 bits": np.max,
    "cv2.norm": lambda values: cv2.norm(values, cv2.NORM_INF),
}
_TRIAL = 1 << 27
"""Bytes: more than caches hold."""
_LINE = 64
"""Bytes of a cache line. Whatever begins elsewhere than at 8 is read at less than half the speed."""


def fastest_reader() -> tuple[str, Reader]:
    """Return what reads memory fastest here, and its name."""
    values = np.ones(_TRIAL, np.uint8)

    def seconds(name: str) -> float:
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            _READERS[name](values)
            taken.append(time.perf_counter() - start)
        return min(taken)

    name = min(_READERS, key=seconds)
    return name, _READERS[name]


def floor(work: Work, read: Reader) -> Callable[[], object]:
    """Make a call that reads each byte of the images once, in as many threads as the work has."""
    parts = _parts(work.images.reshape(-1), work.threads)
    if work.threads == 1:
        return lambda: read(parts[0])
    pool = ThreadPoolExecutor(work.threads)  # whose threads end when the call is dropped
    return lambda: list(pool.map(read, parts))


def _parts(values: np.ndarray[Any, Any], number: int) -> list[np.ndarray[Any, Any]]:
    """Cut bytes into equal parts of whole cache lines; less than a line of each is left out at the end."""
    length = values.size // number // _LINE * _LINE
    return [values[at * length : (at + 1) * length] for at in range(number)]
