"""One file or one buffer, end to end: read, decode, fit, encode, write."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fastfit.channels import flatten
from fastfit.codec import (
    EXTENSIONS,
    JPEG_EXIF,
    JPEG_PROFILE,
    ImageInfo,
    encode,
    exif_for,
    heard,
    kept_format,
    profile_space,
)
from fastfit.disk import read_regular, write_atomically
from fastfit.errors import CodecError, OptionError, describe
from fastfit.geometry import Plan
from fastfit.loading import as_input, check_spec, fill_levels, fitted_from, named
from fastfit.options import Input, Output
from fastfit.spec import Fit
from fastfit.types import Image, Size

__all__ = ["checked", "encoded", "fit_bytes", "fit_file", "fitted_bytes"]


def fit_bytes(
    data: bytes,
    spec: Fit,
    output: Output | None = None,
    *,
    input: Input | None = None,
    name: str = "data",
    listen: bool = False,
) -> bytes:
    """Fit one encoded image.

    Parameters
    ----------
    data : bytes
        A whole encoded file.
    spec : Fit
        Its `fill` is in 8-bit levels, whatever the image's depth: one for every channel, or a colour, (r, g, b)
        or (r, g, b, a), which becomes grey for a grey image.
    output : Output, optional
        How the result is encoded.
    input : Input, optional
        How the data is read.
    name : str
        What errors call the data.
    listen : bool
        Catch what the decoder says of damage; see `fastfit.decode` for what that takes. Without it a picture
        passes whose decoder invented pixels and only said so on stderr.

    Returns
    -------
    bytes
        An upright image of exactly the size that `spec` asks for, with the source's colour profile. An image with
        alpha is flattened on `fill` for JPEG.

    Raises
    ------
    CodecError
        The data is no image, or no whole one.
    FastfitError
        An option does not go with the image.
    """
    return fitted_bytes(data, spec, *checked(spec, input, output), name=name, listen=listen)[0]


def fit_file(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    spec: Fit,
    output: Output | None = None,
    *,
    input: Input | None = None,
    listen: bool = False,
) -> ImageInfo:
    """Fit one image file into another.

    Parameters
    ----------
    src : path
        A regular file.
    dst : path
        Its folder must exist. With ``format="keep"`` its extension says what is written. Replaced as a whole: a
        temporary file beside it is renamed when complete, so no half-written file ever has this name.
    spec : Fit
        See `fit_bytes`.
    output : Output, optional
        How the result is encoded.
    input : Input, optional
        How `src` is read.
    listen : bool
        Catch what the decoder says of damage; see `fit_bytes`.

    Returns
    -------
    ImageInfo
        Of `src`, with notes on what became of it.

    Raises
    ------
    CodecError
        `src` is no image, or no whole one; `dst` has an extension that is not written.
    OSError
        Reading or writing failed.
    FastfitError
        An option does not go with the image.
    """
    reading, output = checked(spec, input, output)
    source, target = Path(src), Path(dst)
    if output.format == "keep":
        format_ = EXTENSIONS.get(target.suffix.lower())
        if format_ is None:
            raise CodecError(str(target), f"an extension among {', '.join(EXTENSIONS)}", describe(target.suffix))
        output = replace(output, format=format_)
    data, info, _ = fitted_bytes(read_regular(source), spec, reading, output, name=str(source), listen=listen)
    write_atomically(target, data)
    return info


def checked(spec: Fit, input: Input | None, output: Output | None) -> tuple[Input, Output]:
    """Return how to read and how to write, by default or as given, if they go with files and with `spec`.

    Raises
    ------
    OptionError
    """
    check_spec(spec)
    scaled = any(value is not None for value in (spec.scale, spec.mean, spec.std))
    if scaled or spec.layout != "HWC" or spec.dtype not in (None, "uint8"):
        expected = 'a Fit of layout "HWC", of no dtype but "uint8", and without scale, mean and std'
        raise OptionError("spec", expected, describe(spec))
    if output is not None and not isinstance(output, Output):
        raise OptionError("output", "an Output", describe(output))
    return as_input(input), output or Output()


def fitted_bytes(
    data: bytes, spec: Fit, input: Input, output: Output, *, name: str, listen: bool
) -> tuple[bytes, ImageInfo, Plan]:
    """Fit one encoded image, and say what was decoded and how it was fitted; see `fit_bytes`, which checks first.

    Raises
    ------
    FastfitError
    """
    with named(name):
        fitted, info, planned = fitted_from(data, spec, input, name=name, srgb=output.icc == "srgb", listen=listen)
        with heard(listen):  # what an encoder has to say comes as an error
            return *encoded(fitted, info, spec, output), planned


def encoded(image: Image, info: ImageInfo, spec: Fit, output: Output) -> tuple[bytes, ImageInfo]:
    """Encode a fitted image of the source that `info` tells of; return it with what to note.

    Raises
    ------
    FastfitError
    """
    fitted = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    format_ = kept_format(info.format, output.formats) if output.format == "keep" else output.format
    if output.color == "rgb":
        fitted = _in_colour(fitted)
    flat = format_ == "jpeg" or output.transparency == "flatten"
    if flat and fitted.ndim == 3 and fitted.shape[2] in (2, 4):
        fitted = _flattened(fitted, spec)
    return _with_metadata(fitted, info, format_, output)


def _flattened(image: Image, spec: Fit) -> Image:
    colours = image.shape[2] - 1
    flat = flatten(image, np.asarray(fill_levels(spec.fill, image.dtype, colours), image.dtype))
    return flat[..., 0] if colours == 1 else flat


def _in_colour(image: Image) -> Image:
    if image.ndim == 2:
        return np.dstack([image] * 3)
    return np.dstack([*[image[..., 0]] * 3, image[..., 1]]) if image.shape[2] == 2 else image


def _with_metadata(image: Image, info: ImageInfo, format: str, output: Output) -> tuple[bytes, ImageInfo]:
    """Encode with what goes along from the source, and note what cannot."""
    notes = list(info.notes)
    profile, exif = None, None
    if output.icc == "keep":
        profile = _profile_for(info, image, format)
        if info.icc_profile and not profile:
            notes.append("its colour profile does not describe the result and is dropped")
    if output.metadata == "keep" and info.exif:
        exif = exif_for(info.exif, Size(image.shape[1], image.shape[0]))
        if exif is None or (format == "jpeg" and len(exif) > JPEG_EXIF):
            notes.append(f"its Exif is {'damaged' if exif is None else 'too long'} and is dropped")
    data, quality = _within_bytes(
        output,
        format,
        lambda quality, compression: encode(
            image,
            format,
            quality,
            subsampling=output.subsampling,
            progressive=output.progressive,
            compression=compression,
            lossless=output.lossless,
            icc_profile=profile,
            exif=exif,
        ),
    )
    if quality != output.quality:
        notes.append(f"quality {quality}, for at most {output.max_bytes} bytes")
    return data, replace(info, notes=tuple(notes))


def _within_bytes(output: Output, format: str, encoded: Callable[[int, int | None], bytes]) -> tuple[bytes, int]:
    """Encode at the best quality whose result is not too long; return it with that quality."""
    data, best = encoded(output.quality, output.compression), output.quality
    most = output.max_bytes
    if most is None or len(data) <= most:
        return data, best
    if format == "png":
        return _short_enough(encoded(best, 9), most, "packed as small as PNG goes"), best
    if format == "webp" and output.lossless:
        return _short_enough(data, most, "without loss"), best
    low, high = min(output.min_quality, output.quality), output.quality - 1
    data, best = encoded(low, None), low
    _short_enough(data, most, f"at quality {low}")
    while low < high:  # a little less quality is hardly ever longer
        middle = (low + high + 1) // 2
        tried = encoded(middle, None)
        if len(tried) <= most:
            low, data, best = middle, tried, middle
        else:
            high = middle - 1
    return data, best


def _short_enough(data: bytes, most: int, how: str) -> bytes:
    if len(data) > most:
        raise OptionError("max_bytes", f"at least {len(data)}, the bytes of the result {how}", str(most))
    return data


def _profile_for(info: ImageInfo, image: Image, format: str) -> bytes | None:
    """Return the source's profile if it describes what is written: a CMYK profile must not go with RGB."""
    profile = info.icc_profile
    if (info.format == "jpeg" and info.channels == 4) or (format == "jpeg" and len(profile or b"") > JPEG_PROFILE):
        return None
    grey = format != "webp" if image.ndim == 2 else image.shape[2] == 2 and format == "png"
    return profile if profile_space(profile) == (b"GRAY" if grey else b"RGB ") else None
