"""From bytes to a fitted array: decode no more than the fit needs, and fit."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from fastfit.arrays import as_levels, colour_levels
from fastfit.codec import ImageInfo, as_bytes, from_linear
from fastfit.disk import read_regular
from fastfit.errors import CodecError, FastfitError, OptionError, describe
from fastfit.geometry import Plan
from fastfit.options import Input
from fastfit.resample import INTERPOLATIONS
from fastfit.shrink import decode_for
from fastfit.spec import Fit
from fastfit.types import Image
from fastfit.words import FILLS

__all__ = ["as_input", "check_spec", "fill_levels", "fitted_from", "in_levels", "load", "named"]


def load(
    source: bytes | bytearray | memoryview | str | os.PathLike[str],
    spec: Fit,
    *,
    input: Input | None = None,
    out: Image | None = None,
    srgb: bool = False,
    name: str | None = None,
    listen: bool = False,
) -> Image:
    """Decode and fit one image: what a data loader does with every file.

    Faster than ``spec(decode(data)[0])``: a large JPEG is decoded at 1/2, 1/4 or 1/8 where nobody will see it, see
    `Input`.

    Parameters
    ----------
    source : bytes, bytearray, memoryview or path
        A whole encoded file, or where it lies.
    spec : Fit
        Its `fill`, `scale`, `mean` and `std` are about 8-bit levels, whatever the image's depth: samples of 16
        bits count 1 / 257. `fill` is one level for every channel, or a colour, (r, g, b) or (r, g, b, a), which
        becomes grey for a grey image.
    input : Input, optional
        How the data is read.
    out : ndarray, optional
        Written and returned instead of a new array.
    srgb : bool
        Convert from the embedded profile to sRGB, by LittleCMS through Pillow (``fastfit[color]``).
    name : str, optional
        What errors call the image: by default its path, or ``data``.
    listen : bool
        Catch what the decoder says of damage; see `fastfit.decode` for what that takes. Without it a picture
        passes whose decoder invented pixels and only said so on stderr.

    Returns
    -------
    ndarray, (height, width), (height, width, C) or (C, height, width)
        Upright; `out`, or a new array that is the caller's. Of 16-bit files ``uint16``, if no `dtype` is set.

    Raises
    ------
    CodecError
        The data is no image, or no whole one.
    OSError
        The file cannot be read.
    FastfitError
        An option does not go with the image.

    Examples
    --------
    >>> import numpy as np
    >>> from fastfit import encode
    >>> data = encode(np.zeros((600, 800, 3), np.uint8), "jpeg")
    >>> load(data, Fit("224x224", layout="CHW", scale=1 / 255)).shape
    (3, 224, 224)
    """
    check_spec(spec)
    reading = as_input(input)
    if isinstance(source, (str, os.PathLike)):
        name, data = name or os.fspath(source), read_regular(Path(source))
    elif isinstance(source, (bytes, bytearray, memoryview)):
        name, data = name or "data", as_bytes(source)
    else:
        raise CodecError("source", "bytes, a bytearray, a memoryview or a path", f"a {type(source).__name__}")
    with named(name):
        return fitted_from(data, spec, reading, name=name, srgb=srgb, listen=listen, out=out)[0]


def fitted_from(
    data: bytes,
    spec: Fit,
    input: Input,
    *,
    name: str,
    srgb: bool,
    listen: bool,
    out: Image | None = None,
) -> tuple[Image, ImageInfo, Plan]:
    """Decode and fit, and say what was decoded, and by which plan, at full scale; see `load`.

    Raises
    ------
    FastfitError
        Also where `input` refuses damage, or more than one frame.
    """
    image, info, planned, whole = decode_for(data, spec, input, name=name, srgb=srgb, listen=listen)
    if info.damage and input.on_damage == "error":
        raise CodecError(name, f"an undamaged {info.format} image", info.damage)
    if info.frames > 1 and input.frames == "error":
        raise CodecError(name, "one frame or page", str(info.frames))
    if image.dtype == np.float32:
        if info.format != "hdr":
            raise CodecError("image", "samples of 8 or 16 bits", "float32")
        image = from_linear(image)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels in (2, 4) and spec.resample in INTERPOLATIONS:
        image = _without_hidden(image, fill_levels(spec.fill, image.dtype, channels))
    levelled = in_levels(spec, image.dtype, spec.channels or channels)
    return levelled.apply(planned, image, out), info, whole


@contextmanager
def named(name: str) -> Iterator[None]:
    """Let errors about an option tell with which file it does not go."""
    try:
        yield
    except FastfitError as error:
        if error.name == name:
            raise
        raise error.renamed(f"{name}: {error.name}") from error


def check_spec(spec: Fit) -> None:
    """Refuse what is no `Fit`.

    Raises
    ------
    OptionError
    """
    if not isinstance(spec, Fit):
        raise OptionError("spec", "a Fit", describe(spec))


def as_input(input: Input | None) -> Input:
    """Return how to read, by default or as given.

    Raises
    ------
    OptionError
    """
    if input is not None and not isinstance(input, Input):
        raise OptionError("input", "an Input", describe(input))
    return input or Input()


def in_levels(spec: Fit, dtype: np.dtype[np.generic], channels: int) -> Fit:
    """Return a spec in 8-bit levels as one in the image's own.

    Raises
    ------
    OptionError
    """
    fill = spec.fill if spec.fill in FILLS else fill_levels(spec.fill, dtype, channels)
    if dtype == np.uint16 and spec.dtype is not None:
        return replace(spec, fill=fill, scale=(1 if spec.scale is None else spec.scale) / 257)
    return spec if fill == spec.fill else replace(spec, fill=fill)


def _without_hidden(image: Image, fill: Sequence[float]) -> Image:
    """Lay the fill under alpha 0: OpenCV's interpolations would mix what is hidden there into its surroundings."""
    hidden = image[..., -1:] == 0
    return np.where(hidden, np.array([*fill[:-1], 0], image.dtype), image)


def fill_levels(
    fill: float | Sequence[float] | str, dtype: np.dtype[np.generic], channels: int
) -> tuple[float, ...]:
    """Turn a fill in 8-bit levels into one value for each channel of an image: black for what has none, as `blur`.

    Raises
    ------
    OptionError
    """
    if isinstance(fill, str):
        fill = 0 if fill in FILLS else as_levels(fill)
    levels = [float(level) for level in np.atleast_1d(np.asarray(fill, np.float64))]
    if len(levels) == 1:
        levels *= channels
    elif len(levels) in (3, 4) and min(levels) >= 0 and max(levels) <= 255:
        levels = colour_levels(levels, channels)
    else:
        raise OptionError("fill", "1, 3 or 4 values from 0 to 255", describe(fill))
    if min(levels) < 0 or max(levels) > 255:
        raise OptionError("fill", "values from 0 to 255", describe(fill))
    scale = 257 if dtype == np.uint16 else 1
    return tuple(float(round(level)) * scale for level in levels)
