"""Fits images that lie next to memory without access: the process crashes if it touches a byte beside them.

`test_kernel.py` runs it. It prints the number of fits.
"""

import ctypes
import itertools
import mmap
import sys

import numpy as np
from kernels import KERNELS, case

PAGE = mmap.PAGESIZE
WAYS = [
    *[((61, 47), (23, 47)), ((61, 47), (61, 20)), ((97, 61), (40, 30)), ((40, 161), (31, 29))],
    *[((37, 29), (80, 99)), ((3, 2), (2, 2)), ((1, 1), (3, 4)), ((5, 3), (1, 1)), ((33, 9), (20, 5))],
    ((300, 3), (40, 2)),
]
_kept = []


def guarded(shape, dtype, at_end=True):
    """Return an array that ends where a page without access begins, or begins where one ends."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    pages = -(-size // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for guard in (address, address + (pages + 1) * PAGE):
        if protect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    _kept.append(memory)
    start = (pages + 1) * PAGE - size if at_end else PAGE
    return np.frombuffer(memory, dtype, int(np.prod(shape)), start).reshape(shape)


def copied(image):
    """Copy an image into guarded memory."""
    out = guarded(image.shape, image.dtype)
    out[...] = image
    return out


def views(height, width, channels, dtype, at_end):
    """Yield guarded images: packed, upside down, some of more channels, and every third column."""
    yield guarded((height, width, channels), dtype, at_end)
    yield guarded((height, width, channels), dtype, at_end)[::-1]
    yield guarded((height, width, channels + 1), dtype, at_end)[..., 1:]
    yield guarded((height, width, channels + 1), dtype, at_end)[..., :-1]
    yield guarded((height, 3 * width, channels), dtype, at_end)[:, ::3]


def main():
    np.ascontiguousarray = copied  # the kernel reads a copy of images that are not packed
    rng, fits = np.random.default_rng(7), 0
    kinds = itertools.product(WAYS, range(1, 6), (np.uint8, np.uint16, np.float32), (True, False))
    for (source, target), channels, dtype, at_end in kinds:
        width, height = target
        windows = [None, (0, 0, 1, 1), (width - 1, height - 1, width, height), (0, 0, (width + 2) // 3, 1)]
        for image in views(source[1], source[0], channels, dtype, at_end):
            image[...] = rng.integers(0, 256, image.shape)
            done = case(source, target, "lanczos", window=windows[fits % 4])
            passes, alpha = done.passes, fits % 8 < 4 and dtype == np.uint8 and channels in (2, 4)
            out = guarded((passes.size.height, passes.size.width, channels), dtype, at_end)
            for kernel in KERNELS.values():
                job = kernel.job(source[0], passes, image.dtype, image.dtype, channels, None, premultiply=alpha)
                job(image, out)
            fits += 1
            _kept.clear()
    sys.stdout.write(f"{fits}\n")


if __name__ == "__main__":
    main()
