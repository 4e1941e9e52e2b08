"""One file or one buffer, end to end: read, decode, fit, encode, write."""

import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastfit.apply import Fit, apply_plan
from fastfit.codec import EXTENSIONS, FORMATS, MAX_PIXELS, ImageInfo, as_quality, encode
from fastfit.errors import CodecError, FastfitError, OptionError, describe
from fastfit.geometry import Plan
from fastfit.shrink import decode_for
from fastfit.types import Image

__all__ = ["Output", "fit_bytes", "fit_file"]


@dataclass(frozen=True, slots=True)
class Output:
    """How files are decoded and results encoded.

    Parameters
    ----------
    format : {"keep", "jpeg", "png", "webp"}
        ``keep``: what the destination's name says; for bytes, the source's format, and PNG for one that is not
        written.
    quality : int
        1 to 100, for JPEG and WebP.
    exact : bool
        Do not let the JPEG decoder shrink: pixels as if the file had been decoded at full scale.
    on_damage : {"error", "warn"}
        What follows when the decoder is listened to and says that it invented pixels: a `CodecError`, or a
        result all the same, with the decoder's words in ``ImageInfo.damage``.
    max_pixels : int, optional
        Refuse images of more pixels, by their headers; None is no limit. See `fastfit.decode`.

    Raises
    ------
    OptionError
    """

    format: str = "keep"
    quality: int = 95
    exact: bool = False
    on_damage: str = "error"
    max_pixels: int | None = MAX_PIXELS

    def __post_init__(self) -> None:
        """Check every option."""
        if self.format not in ("keep", *FORMATS):
            raise OptionError("format", f"one of keep, {', '.join(FORMATS)}", describe(self.format))
        if self.on_damage not in ("error", "warn"):
            raise OptionError("on_damage", "error or warn", describe(self.on_damage))
        if self.max_pixels is not None and not (isinstance(self.max_pixels, int) and self.max_pixels > 0):
            raise OptionError("max_pixels", "a positive integer or None", describe(self.max_pixels))
        object.__setattr__(self, "quality", as_quality(self.quality))


def fit_bytes(data: bytes, spec: Fit, output: Output | None = None, *, name: str = "data") -> bytes:
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
    name : str
        What errors call the data.

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
    return _fit(data, spec, _checked(spec, output), name, listen=False)[0]


def fit_file(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    spec: Fit,
    output: Output | None = None,
    *,
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
    listen : bool
        Catch what the decoder says of damage; see `fastfit.decode` for what that takes.

    Returns
    -------
    ImageInfo
        Of `src`.

    Raises
    ------
    CodecError
        `src` is no image, or no whole one; `dst` has an extension that is not written.
    OSError
        Reading or writing failed.
    FastfitError
        An option does not go with the image.
    """
    output = _checked(spec, output)
    source, target = Path(src), Path(dst)
    if output.format == "keep":
        format_ = EXTENSIONS.get(target.suffix.lower())
        if format_ is None:
            raise CodecError(str(target), f"an extension among {', '.join(EXTENSIONS)}", describe(target.suffix))
        output = replace(output, format=format_)
    data, info = _fit(read_regular(source), spec, output, str(source), listen=listen)
    write_atomically(target, data)
    return info


def read_regular(path: Path) -> bytes:
    """Read a regular file; anything else would block or be no image.

    Raises
    ------
    CodecError, OSError
    """
    # Opened without blocking and judged by the open file: a FIFO would wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise CodecError(str(path), "a regular file", "a folder" if stat.S_ISDIR(mode) else "a special file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
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
    """Lay an RGBA image over a colour.

    Parameters
    ----------
    image : ndarray, (H, W, 4)
        ``uint8`` or ``uint16``.
    fill : float or sequence of float
        In 8-bit levels, see `fit_bytes`.

    Returns
    -------
    ndarray, (H, W, 3)
        Of the same dtype: ``colour·a + fill·(1 - a)``, rounded.
    """
    top = np.iinfo(image.dtype).max
    alpha = image[..., 3:].astype(np.float32) / np.float32(top)
    ground = np.asarray(_fill_levels(fill, image.dtype, 3), np.float32)
    blended: Image = image[..., :3] * alpha + ground * (1 - alpha)
    return np.asarray(np.rint(blended), image.dtype)


def _checked(spec: Fit, output: Output | None) -> Output:
    if not isinstance(spec, Fit):
        raise OptionError("spec", "a Fit", describe(spec))
    if output is not None and not isinstance(output, Output):
        raise OptionError("output", "an Output", describe(output))
    return output or Output()


def _fit(data: bytes, spec: Fit, output: Output, name: str, *, listen: bool) -> tuple[bytes, ImageInfo]:
    try:
        image, info, planned = decode_for(
            data, spec, name=name, exact=output.exact, max_pixels=output.max_pixels, listen=listen
        )
        if info.damage and output.on_damage == "error":
            raise CodecError(name, f"an undamaged {info.format} image", info.damage)
        kept = info.format if info.format in FORMATS else "png"
        format_ = kept if output.format == "keep" else output.format
        fitted = _fit_decoded(image, spec, planned)
        if format_ == "jpeg" and fitted.ndim == 3 and fitted.shape[2] == 4:
            fitted = flatten(fitted, spec.fill)
        return encode(fitted, format_, output.quality, icc_profile=_profile_for(info, fitted, format_)), info
    except FastfitError as error:
        if error.name == name:
            raise
        raise error.renamed(f"{name}: {error.name}") from error


def _fit_decoded(image: Image, spec: Fit, planned: Plan) -> Image:
    if image.dtype == np.float32:
        raise CodecError("image", "samples of 8 or 16 bits", "float32")
    channels = 1 if image.ndim == 2 else image.shape[2]
    return apply_plan(replace(spec, fill=_fill_levels(spec.fill, image.dtype, channels)), planned, image)


def _profile_for(info: ImageInfo, image: Image, format: str) -> bytes | None:
    """Return the source's profile if it describes what is written: a CMYK profile must not go with RGB."""
    space = b"GRAY" if image.ndim == 2 and format != "webp" else b"RGB "
    profile = info.icc_profile
    return profile if profile and profile[16:20] == space else None


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
