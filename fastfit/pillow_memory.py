"""The samples of a PIL image as an array: by Pillow's Arrow interface without a copy, or with one."""

import ctypes
from typing import Any

import numpy as np

from fastfit.types import Image

__all__ = ["samples"]

_FORMS = {"L": ("|u1", 1, 1), "LA": ("|u1", 2, 3), "RGB": ("|u1", 3, 1), "RGBA": ("|u1", 4, 1), "F": ("<f4", 1, 4)}
"""Of modes: the type of a sample, how many a pixel has, and the bytes from one to the next.

Pixels of several samples have four bytes: RGB is RGBX, and LA is grey, grey, grey, alpha.
"""


class _Array(ctypes.Structure):
    """``ArrowArray`` of Arrow's C data interface, as far as it is read here."""


_Array._fields_ = [
    *((name, ctypes.c_int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
]

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class _Held:
    """What NumPy makes an array of, and keeps as long as the array: memory, and the capsule that owns it."""

    def __init__(self, address: int, capsule: Any, **interface: Any) -> None:
        self.capsule = capsule
        self.__array_interface__ = {"version": 3, "data": (address, True), **interface}


_BAND = 1 << 19
"""Pixels of a band, of an image that Pillow has in several blocks: from a sweep of 2^16 to 2^20."""


def samples(image: Any) -> Image:
    """Return the samples of a PIL image.

    Parameters
    ----------
    image : PIL.Image.Image
        Of mode L, LA, RGB, RGBA, F or I;16, loaded.

    Returns
    -------
    ndarray, (H, W) or (H, W, C)
        Not to be written to. A view, whose pixels may be further apart than they are wide, where Pillow has the
        image in one block: up to 4 megapixels by default, from Pillow 11.2 on. Else a copy.
    """
    if image.mode not in _FORMS or not hasattr(image, "__arrow_c_array__"):
        return np.asarray(image)
    try:
        return _view(image)
    except ValueError:  # rows are in several blocks, or apart
        return _copied(image)


def _view(image: Any, *, whole: bool = False) -> Image:
    """Return the memory of an image in one block; `whole` pixels have the bytes that their mode does not use, too.

    Raises
    ------
    ValueError
        It is not.
    """
    capsule = image.__arrow_c_array__()[1]
    array = ctypes.cast(_pointer(capsule, b"arrow_array"), ctypes.POINTER(_Array)).contents
    if array.n_children:
        array = array.children[0].contents
    if array.offset:
        raise ValueError("the image begins behind its memory")
    typestr, channels, apart = _FORMS[image.mode]
    width, height = image.size
    pixel = 1 if image.mode == "L" else 4
    shape: tuple[int, ...] = (height, width)
    strides: tuple[int, ...] = (width * pixel, pixel)
    if channels > 1:
        shape, strides = (*shape, 4 if whole else channels), (*strides, 1 if whole else apart)
    return np.asarray(_Held(array.buffers[1], capsule, typestr=typestr, shape=shape, strides=strides))


def _copied(image: Any) -> Image:
    """Return a copy, made of bands that are one block each: a fifth of the time that ``tobytes`` takes."""
    width, height = image.size
    typestr, channels, apart = _FORMS[image.mode]
    rows = max(1, _BAND // width)
    copy = np.empty((height, width) if channels == 1 else (height, width, 4), np.dtype(typestr))
    try:
        for top in range(0, height, rows):
            copy[top : top + rows] = _view(image.crop((0, top, width, min(top + rows, height))), whole=True)
    except ValueError:  # not even they are
        return np.asarray(image)
    return copy if channels == 1 else copy[..., ::apart][..., :channels]
