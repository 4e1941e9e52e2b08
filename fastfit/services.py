"""One picture for a service that takes it at the first try: the file that a multipart client sends."""

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from fastfit.arrays import as_array
from fastfit.codec import SUFFIXES, ImageInfo, as_bytes, kept_format
from fastfit.disk import read_regular
from fastfit.errors import OptionError
from fastfit.files import checked, encoded, fitted_bytes
from fastfit.loading import in_levels
from fastfit.options import Input, Output
from fastfit.presets import Preset
from fastfit.sizes import as_wanted
from fastfit.spec import Fit, Options
from fastfit.types import SizeLike
from fastfit.words import MIN_QUALITY, QUALITY, Mode

__all__ = ["Payload", "payload"]


class Payload(NamedTuple):
    """A file as multipart clients take one: its name, its bytes, and its media type."""

    filename: str
    data: bytes
    mime: str

    @property
    def data_url(self) -> str:
        """The file as a ``data:`` URL, for services that take JSON."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"

    def __repr__(self) -> str:
        """Return its name, the number of its bytes and its type."""
        return f"Payload({self.filename!r}, {len(self.data)} bytes, {self.mime!r})"


def payload(
    source: Any,
    preset_or_size: Preset | SizeLike,
    *,
    mode: Mode = "cover",
    format: str = "jpeg",
    quality: int = QUALITY,
    max_bytes: int | None = None,
    min_quality: int = MIN_QUALITY,
    icc: str = "keep",
    input: Input | None = None,
    presets: Mapping[str, Preset] | None = None,
    name: str | None = None,
    listen: bool = False,
    **options: Unpack[Options],
) -> Payload:
    """Make a reference picture that a service accepts.

    Parameters
    ----------
    source : path, bytes, or image
        A file, what is in one, or an image as `Fit` takes it: an array, a PIL image, a tensor.
    preset_or_size : Preset, Size, (int, int) or str
        Of what it shall be: ``"sora-2"`` is the size of this preset that is nearest in aspect,
        ``"sora-2:1280x720"`` that one, ``"1280x720"`` a size of no service's.
    mode : {"cover", "pad", "stretch", "auto"}
        See `Fit`.
    format : {"jpeg", "png", "webp", "avif", "keep"}
        One that the service takes. ``keep`` keeps the source's, if it is one.
    quality : int
        1 to 100, for JPEG, WebP and AVIF.
    max_bytes : int, optional
        Of the file; the preset's own limit counts, too. If it is longer, the quality is lowered, but not below
        `min_quality`; if it is not, nothing changes.
    min_quality : int
        The least quality, 1 to 100.
    icc : {"keep", "srgb", "strip"}
        What becomes of a colour profile, that of a PIL image, too, see `Output`. Only files are converted.
    input : Input, optional
        How files are read.
    presets : mapping, optional
        Where names are looked up instead: what `read_presets` returns.
    name : str, optional
        The file's name, without its extension. By default the source's, else ``image``.
    listen : bool
        Catch what the decoder says of damage, see `fit_bytes`.
    **options
        As in `Fit`: `fill`, `centering`, `crop_bounds` …

    Returns
    -------
    Payload
        ``(filename, data, mime)``. A bare ``BytesIO`` instead would be uploaded as ``application/octet-stream``,
        and refused.

    Raises
    ------
    OptionError
        The service does not take the format, or it cannot be as short as it must.
    FastfitError
        The source is no image; an option is wrong.
    OSError
        It cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> payload(np.zeros((300, 400, 3), np.uint8), "sora-2:1280x720", mode="pad", fill="blur").mime
    'image/jpeg'
    """
    preset = as_wanted(preset_or_size, presets)
    spec = Fit(preset, mode, **options)
    writing = Output(format, quality=quality, max_bytes=max_bytes, min_quality=min_quality, icc=icc)
    reading, writing = checked(spec, input, writing.accepted_by(preset))
    stem = "image"
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        stem = path.stem
        found, info, _ = fitted_bytes(read_regular(path), spec, reading, writing, name=str(path), listen=listen)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        found, info, _ = fitted_bytes(as_bytes(source), spec, reading, writing, name="data", listen=listen)
    else:
        found, info = _of_image(source, spec, writing)
    written = kept_format(info.format, writing.formats) if writing.format == "keep" else writing.format
    return Payload(_plain(name or stem) + SUFFIXES[written], found, f"image/{written}")


def _of_image(image: Any, spec: Fit, output: Output) -> tuple[bytes, ImageInfo]:
    if output.icc == "srgb":
        raise OptionError("icc", "keep or strip for an image that is decoded", "srgb")
    array = as_array(image)
    profile = getattr(image, "info", {}).get("icc_profile")  # of a PIL image
    channels = spec.channels or (1 if array.ndim == 2 else array.shape[-1])
    fitted = in_levels(spec, array.dtype, channels)(array)
    return encoded(fitted, ImageInfo("array", icc_profile=profile), spec, output)


def _plain(name: str) -> str:
    """Return a name that no header of a request has to quote."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "image"
