"""Working memory that a thread keeps from image to image, so that no pass waits for fresh pages."""

import math
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

# Larger buffers are not kept: no thread holds more than this for each name.
_KEPT = 64 << 20

_local = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an uninitialised, C-contiguous array that the next call with the same `name` hands out again."""
    kind = np.dtype(dtype)
    count = math.prod(shape)
    buffers: dict[str, npt.NDArray[np.uint8]] = _local.__dict__.setdefault("buffers", {})
    buffer = buffers.get(name)
    if buffer is None or buffer.size < count * kind.itemsize:
        buffer = np.empty(count * kind.itemsize, dtype=np.uint8)
        if buffer.size <= _KEPT:
            buffers[name] = buffer
    return np.ndarray(shape, kind, buffer)
