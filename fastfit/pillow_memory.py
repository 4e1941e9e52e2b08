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


def samples(image: Any) -> Image:
    """Return the samples of a PIL image.

    Parameters
    ----------
    image : PIL.Image.Image
        Of mode L, LA, RGB, RGBA, F or I;16, loaded.

    Returns
    -------
    ndarray, (H, W) or (H, W, C)
        Read-only. A view, whose pixels may be further apart than they are wide, where Pillow has the image in one
        block: up to 4 megapixels by default, from Pillow 11.2 on. Else a copy.
    """
    form = _FORMS.get(image.mode)
    if form is None or not hasattr(image, "__arrow_c_array__"):
        return np.asarray(image)
    try:
        capsule = image.__arrow_c_array__()[1]
    except ValueError:  # rows are in several blocks, or apart
        return np.asarray(image)
    array = ctypes.cast(_pointer(capsule, b"arrow_array"), ctypes.POINTER(_Array)).contents
    if array.n_children:
        array = array.children[0].contents
    typestr, channels, apart = form
    width, height = image.size
    pixel = 1 if image.mode == "L" else 4
    shape: tuple[int, ...] = (height, width)
    strides: tuple[int, ...] = (width * pixel, pixel)
    if channels > 1:
        shape, strides = (*shape, channels), (*strides, apart)
    return np.asarray(_Held(array.buffers[1], capsule, typestr=typestr, shape=shape, strides=strides))
