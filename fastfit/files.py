"""One file or one buffer, end to end: read, decode, fit, encode, write."""

import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fastfit.apply import Fit, apply_plan
from fastfit.codec import (
    EXTENSIONS,
    FORMATS,
    JPEG_EXIF,
    JPEG_PROFILE,
    MAX_BYTES,
    ImageInfo,
    encode,
    exif_for,
    from_linear,
    heard,
    profile_space,
    writes,
)
from fastfit.errors import CodecError, FastfitError, OptionError, describe
from fastfit.geometry import Plan
from fastfit.options import Input, Output
from fastfit.resample import INTERPOLATIONS
from fastfit.shrink import decode_for
from fastfit.types import Image, Size

__all__ = ["fit_bytes", "fit_file"]


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
        An upright image of exactly ``spec.size``, with the source's colour profile. An image with alpha is
        flattened on `fill` for JPEG.

    Raises
    ------
    CodecError
        The data is no image, or no whole one.
    FastfitError
        An option does not go with the image.
    """
    return _fit(data, spec, *_checked(spec, input, output), name, listen=listen)[0]


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
    reading, output = _checked(spec, input, output)
    source, target = Path(src), Path(dst)
    if output.format == "keep":
        format_ = EXTENSIONS.get(target.suffix.lower())
        if format_ is None:
            raise CodecError(str(target), f"an extension among {', '.join(EXTENSIONS)}", describe(target.suffix))
        output = replace(output, format=format_)
    data, info = _fit(read_regular(source), spec, reading, output, str(source), listen=listen)
    write_atomically(target, data)
    return info


def read_regular(path: Path) -> bytes:
    """Read a regular file; anything else would block or be no image, and a longer one no decoder takes.

    Raises
    ------
    CodecError, OSError
    """
    # Opened without blocking and judged by the open file: a FIFO would wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a special file"
            raise CodecError(str(path), "a regular file", kind)
        if status.st_size > MAX_BYTES:
            raise CodecError(str(path), f"at most {MAX_BYTES} bytes", str(status.st_size))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)  # as it was: it may be growing
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears under its name only when it is complete.

    Raises
    ------
    OSError
        Nothing is left behind.
    """
    # The name is short whatever the target's, which may have all of the 255 bytes a name can have.
    temporary = path.with_name(f".fastfit-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def flatten(image: Image, fill: float | Sequence[float]) -> Image:
    """Lay an image over a colour.

    Parameters
    ----------
    image : ndarray, (H, W, 2) or (H, W, 4)
        ``uint8`` or ``uint16``; the last channel is alpha.
    fill : float or sequence of float
        In 8-bit levels, see `fit_bytes`.

    Returns
    -------
    ndarray, (H, W) or (H, W, 3)
        Of the same dtype: ``colour·a + fill·(1 - a)``, rounded.
    """
    top = np.iinfo(image.dtype).max
    colours = image.shape[2] - 1
    alpha = image[..., colours:].astype(np.float32) / np.float32(top)
    ground = np.asarray(_fill_levels(fill, image.dtype, colours), np.float32)
    blended: Image = image[..., :colours] * alpha + ground * (1 - alpha)
    flat = np.asarray(np.rint(blended), image.dtype)
    return flat[..., 0] if colours == 1 else flat


def _checked(spec: Fit, input: Input | None, output: Output | None) -> tuple[Input, Output]:
    if not isinstance(spec, Fit):
        raise OptionError("spec", "a Fit", describe(spec))
    if input is not None and not isinstance(input, Input):
        raise OptionError("input", "an Input", describe(input))
    if output is not None and not isinstance(output, Output):
        raise OptionError("output", "an Output", describe(output))
    return input or Input(), output or Output()


def _fit(
    data: bytes, spec: Fit, input: Input, output: Output, name: str, *, listen: bool
) -> tuple[bytes, ImageInfo]:
    try:
        image, info, planned = decode_for(data, spec, input, name=name, srgb=output.icc == "srgb", listen=listen)
        if info.damage and input.on_damage == "error":
            raise CodecError(name, f"an undamaged {info.format} image", info.damage)
        if info.frames > 1 and input.frames == "error":
            raise CodecError(name, "one frame or page", str(info.frames))
        format_ = _kept_format(info) if output.format == "keep" else output.format
        fitted = _fit_decoded(image, info, spec, planned)
        if output.color == "rgb":
            fitted = _in_colour(fitted)
        if format_ == "jpeg" and fitted.ndim == 3 and fitted.shape[2] in (2, 4):
            fitted = flatten(fitted, spec.fill)
        with heard(listen):  # what an encoder has to say comes as an error
            return _encoded(fitted, info, format_, output)
    except FastfitError as error:
        if error.name == name:
            raise
        raise error.renamed(f"{name}: {error.name}") from error


def _kept_format(info: ImageInfo) -> str:
    return info.format if info.format in FORMATS and writes(info.format) else "png"


def _fit_decoded(image: Image, info: ImageInfo, spec: Fit, planned: Plan) -> Image:
    if image.dtype == np.float32:
        if info.format != "hdr":
            raise CodecError("image", "samples of 8 or 16 bits", "float32")
        image = from_linear(image)
    channels = 1 if image.ndim == 2 else image.shape[2]
    fill = _fill_levels(spec.fill, image.dtype, channels)
    if channels in (2, 4) and spec.resample in INTERPOLATIONS:
        image = _without_hidden(image, fill)
    return apply_plan(replace(spec, fill=fill), planned, image)


def _without_hidden(image: Image, fill: Sequence[float]) -> Image:
    """Lay the fill under alpha 0: OpenCV's interpolations would mix what is hidden there into its surroundings."""
    hidden = image[..., -1:] == 0
    return np.where(hidden, np.array([*fill[:-1], 0], image.dtype), image)


def _in_colour(image: Image) -> Image:
    if image.ndim == 2:
        return np.dstack([image] * 3)
    return np.dstack([*[image[..., 0]] * 3, image[..., 1]]) if image.shape[2] == 2 else image


def _encoded(image: Image, info: ImageInfo, format: str, output: Output) -> tuple[bytes, ImageInfo]:
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
    data = encode(
        image,
        format,
        output.quality,
        subsampling=output.subsampling,
        progressive=output.progressive,
        compression=output.compression,
        lossless=output.lossless,
        icc_profile=profile,
        exif=exif,
    )
    return data, replace(info, notes=tuple(notes))


def _profile_for(info: ImageInfo, image: Image, format: str) -> bytes | None:
    """Return the source's profile if it describes what is written: a CMYK profile must not go with RGB."""
    profile = info.icc_profile
    if (info.format == "jpeg" and info.channels == 4) or (format == "jpeg" and len(profile or b"") > JPEG_PROFILE):
        return None
    grey = format != "webp" if image.ndim == 2 else image.shape[2] == 2 and format == "png"
    return profile if profile_space(profile) == (b"GRAY" if grey else b"RGB ") else None


def _fill_levels(fill: float | Sequence[float], dtype: np.dtype[np.generic], channels: int) -> tuple[float, ...]:
    """Turn a fill in 8-bit levels into one value for each channel of an image."""
    levels = [float(level) for level in np.atleast_1d(np.asarray(fill, np.float64))]
    if len(levels) == 1:
        levels *= channels
    elif len(levels) in (3, 4) and min(levels) >= 0 and max(levels) <= 255:
        red, green, blue, *alpha = levels
        if channels <= 2:  # ITU-R BT.601, as Pillow's conversion to "L"
            red = green = blue = (19595 * red + 38470 * green + 7471 * blue) / 65536
        levels = [red] if channels <= 2 else [red, green, blue]
        if channels in (2, 4):
            levels += alpha or [255.0]
    else:
        raise OptionError("fill", "1, 3 or 4 values from 0 to 255", describe(fill))
    if min(levels) < 0 or max(levels) > 255:
        raise OptionError("fill", "values from 0 to 255", describe(fill))
    scale = 257 if dtype == np.uint16 else 1
    return tuple(float(round(level)) * scale for level in levels)
