"""What must hold for every file."""

import ctypes
import io
import os
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

import fastfit
from fastfit.words import RESAMPLES

MAX_PIXELS = 20_000_000
SECONDS = 5.0
MEMORY = 1 << 30
"""Some four times what the hungriest decoder needs for as many pixels."""


class WrongError(Exception):
    """What fastfit made of a file is no right-sized picture and no `FastfitError`."""

    def __init__(self, kind, detail):
        super().__init__(f"{kind}: {detail}")


class Limits(NamedTuple):
    pixels: int = MAX_PIXELS
    seconds: float = SECONDS
    memory: int = MEMORY


def check(data, rng, limits, name, noise):
    """Judge one file; tell whether it is a picture.

    Parameters
    ----------
    data : bytes
        The file.
    rng : random.Random
        Chooses how it is fitted.
    limits : Limits
        Its `pixels` are as `fastfit.decode` takes them.
    name : str
        What the file is called.
    noise : int
        A descriptor of the file that stands in for stderr.

    Raises
    ------
    WrongError, or whatever fastfit lets escape.
    """
    told = fastfit.probe(data)
    first = _decoded(data, limits, name, 0x35)
    again = _decoded(data, limits, name, 0xCA)
    if not _same(first, again):
        raise WrongError("unsteady", "other pixels when decoded again")
    if first is not None:
        _check_picture(*first, told)
    spec, output, fitted = _fitted(data, rng, limits, name)
    if os.fstat(noise).st_size:
        raise WrongError("noise", "lines on stderr while the decoder was listened to")
    if fitted is not None:
        _check_result(fitted, spec, output)
    return first is not None


def _decoded(data, limits, name, filling):
    """Decode in memory that was filled before, so that pixels which nobody wrote show."""
    if _MALLOPT is not None:
        _MALLOPT(_PERTURB, filling)
    try:
        return fastfit.decode(data, name=name, max_pixels=limits.pixels, listen=True)
    except fastfit.FastfitError as error:
        _check_refusal(error, name)
        return None
    finally:
        if _MALLOPT is not None:
            _MALLOPT(_PERTURB, 0)


_MALLOPT = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's alone
_PERTURB = -6  # M_PERTURB in malloc.h


def _same(first, again):
    if first is None or again is None:
        return first is again
    floats = first[0].dtype == np.float32
    return np.array_equal(first[0], again[0], equal_nan=floats)


def _check_refusal(error, name):
    """Refuse a refusal that names no file, or that would have been a picture with more memory."""
    if _NO_MEMORY.search(str(error)):
        raise WrongError("memory", str(error))
    if not str(error).startswith(name):
        raise WrongError("nameless", f"does not name the file: {error}")


# As OpenCV, Python, NumPy and Pillow say it. A limit that a decoder sets itself is another thing.
_NO_MEMORY = re.compile("insufficient memory|MemoryError|(fail|un|cannot).* allocate|bad.alloc", re.IGNORECASE)


def _check_picture(image, info, told):
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        raise WrongError("size", f"samples of {image.dtype}")
    if image.shape[2:] not in ((), (2,), (3,), (4,)):
        raise WrongError("size", f"channels: {image.shape}")
    if image.shape[1::-1] != tuple(info.size) or 0 in image.shape:
        raise WrongError("size", f"{image.shape} for {info.size}")
    if told is None or (told.size is not None and told.size != info.size):
        raise WrongError("size", f"decoded {info.size}, probed {told}")


def _fitted(data, rng, limits, name):
    """Fit in one of many ways; return the way and the result, or None."""
    size = rng.choice(((37, 23), (23, 37), (1, 1), (160, 90), (3, 200)))
    spec = fastfit.Fit(size, rng.choice(("cover", "pad", "stretch")), resample=rng.choice(RESAMPLES))
    damage = rng.choice(("error", "warn"))
    reading = fastfit.Input(exact=rng.random() < 0.3, on_damage=damage, max_pixels=limits.pixels)
    icc, metadata = rng.choice(("keep", "srgb")), rng.choice(("drop", "keep"))
    output = fastfit.Output(rng.choice(("jpeg", "png")), icc=icc, metadata=metadata)
    try:
        return spec, output, fastfit.fit_bytes(data, spec, output, input=reading, name=name, listen=True)
    except fastfit.FastfitError as error:
        _check_refusal(error, name)
        return spec, output, None


def _check_result(fitted, spec, output):
    with Image.open(io.BytesIO(fitted)) as picture:
        picture.load()
        if (picture.format.lower(), picture.size) != (output.format, tuple(spec.size)):
            raise WrongError("size", f"{picture.format} of {picture.size} for {output.format} of {spec.size}")
