"""Bytes to pixels: what is let in, who decodes it, and which way is up."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from fastfit.codec.colour import check_littlecms, to_srgb
from fastfit.codec.damage import damage, heard, pixels_left_over
from fastfit.codec.depth import eight_bits
from fastfit.codec.headers import ImageInfo, count_scans, probe
from fastfit.codec.headers.gif import is_whole
from fastfit.codec.headers.jpeg import without_oddities
from fastfit.codec.headers.tiff import damaged_strip
from fastfit.codec.opencv import read_opencv
from fastfit.codec.orient import upright
from fastfit.codec.pillow import PLUGINS, opens, read_pillow
from fastfit.errors import CodecError, OptionError, describe
from fastfit.types import Image, Size, as_integer
from fastfit.words import MAX_PIXELS, MAX_SCANS

Buffer: TypeAlias = bytes | bytearray | memoryview

SHRINKS = (1, 2, 4, 8)
MAX_BYTES = (1 << 31) - 1
"""The longest buffer that OpenCV takes."""

_UNUSABLE = "its profile is unusable: taken for sRGB"
_SCANNED = 12_000_000
# What OpenCV refuses of these is damaged. Pillow is more lenient: it shows PNGs with wrong checksums.
_OPENCV_ALONE = frozenset({"jpeg", "png", "webp"})
# Pillow's plug-ins make the pixels of these before they tell the size.
_DECODED_WHEN_OPENED = frozenset({"ico", "jpegxl"})


def decode(
    data: Buffer,
    *,
    name: str = "data",
    shrink: int = 1,
    max_pixels: int | None = MAX_PIXELS,
    max_scans: int | None = MAX_SCANS,
    srgb: bool = False,
    listen: bool = False,
) -> tuple[Image, ImageInfo]:
    """Decode an image.

    Parameters
    ----------
    data : bytes, bytearray or memoryview
        A whole encoded file, in any format that OpenCV reads or, where it is installed, Pillow; up to 2 GiB. The
        content decides, not a name.
    name : str
        What errors call it; a file's name.
    shrink : {1, 2, 4, 8}
        Decode a JPEG to 1/shrink of its size, rounded up, in a fraction of the time; a lossless one comes whole.
    max_pixels : int, optional
        Refuse an image whose header claims more, before a pixel is decoded or memory taken. A JPEG counts as it
        is after `shrink`, unless it is progressive: then its decoder holds all of it. The default is where Pillow
        refuses; None or 0 is no limit.
    max_scans : int, optional
        Refuse a JPEG of more scans; above 12 megapixels of proportionally fewer, down to an eighth. None or 0 is
        no limit.
    srgb : bool
        Convert from the embedded profile to sRGB, by LittleCMS through Pillow, and drop the profile. 16-bit
        samples become 8-bit for it. An unusable profile is a note, and its samples are taken for sRGB.
    listen : bool
        Catch what the decoder writes to stderr: lines about damage go to ``info.damage`` and none to the terminal.
        It redirects the whole process's file descriptor 2 meanwhile, so only for a process that does nothing else.

    Returns
    -------
    image : ndarray, (H, W) or (H, W, C)
        Grey, grey and alpha (C is 2), RGB or RGBA; ``uint8``, ``uint16`` or ``float32``, as the file has it;
        upright; the caller's.
    info : ImageInfo
        Its `size` is that of the upright image at full scale.

    Raises
    ------
    CodecError
        Not an image, truncated, damaged so that the decoder notices, too large, of too many scans, or of a kind
        that nothing installed reads; or `srgb` without Pillow.
    OptionError
        A `shrink` other than 1 for anything but JPEG, or a limit that is no integer from 0.

    Notes
    -----
    Pixels come from bytes and never from ``cv2.imread``, which returns a truncated JPEG at full size with a grey
    tail. Some damage inside a file is no error to its decoder: libjpeg and libtiff invent the pixels that are
    missing and write a line to stderr. Only `listen` tells. Damage that leaves valid codes behind (in WebP, JPEG
    2000, some JPEGs, and whatever is not compressed) shows to nobody: those formats have no checksums.

    Peak memory is bounded by the pixels let in: see the README.
    """
    data = as_bytes(data, name)
    max_pixels, max_scans = as_limit("max_pixels", max_pixels), as_limit("max_scans", max_scans)
    info = _header(data, name)
    if type(shrink) is not int or shrink not in SHRINKS or (shrink != 1 and info.format != "jpeg"):
        allowed = "1, 2, 4 or 8" if info.format == "jpeg" else f"1 for {info.format}"
        raise OptionError("shrink", allowed, describe(shrink))
    if srgb and _has_inks(info):
        shrink = 1
    _check_limits(data, info, name, shrink, max_pixels, max_scans)
    if info.damage is not None:
        raise CodecError(name, f"a whole {info.format} image", f"{info.damage} ({len(data)} bytes)")
    if info.unread is not None:
        raise CodecError(name, f"a {info.format} image that a decoder here reads rightly", info.unread)
    image, info = _read(data, info, _Reading(name, shrink, max_pixels, srgb, listen))
    size = Size(image.shape[1], image.shape[0])
    whole = info.size or size
    if size not in (whole, Size(-(-whole.width // shrink), -(-whole.height // shrink))):
        raise CodecError(name, f"{info.size} pixels as the header says", f"{size} at 1/{shrink}")
    channels = 1 if image.ndim == 2 else image.shape[2]
    return image, replace(
        info,
        size=whole,
        bit_depth=info.bit_depth or 8 * image.itemsize,
        channels=info.channels or channels,
        damage=info.damage or (damaged_strip(data) if info.format == "tiff" else None),
        notes=(*info.notes, *_of_frames(info)),
    )


def as_bytes(data: Buffer, name: str = "data") -> bytes:
    """Return a buffer as bytes.

    Raises
    ------
    CodecError
        It is none.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise CodecError(name, "bytes, a bytearray or a memoryview", f"a {type(data).__name__}")
    return bytes(data)


def as_limit(name: str, value: Any) -> int | None:
    """Read a limit: a positive integer, or 0 or None for none.

    Raises
    ------
    OptionError
    """
    if value is None:
        return None
    try:
        limit = as_integer(value)
    except TypeError:
        limit = -1
    if limit < 0:
        raise OptionError(name, "a positive integer, or 0 or None for no limit", describe(value))
    return limit or None


def _header(data: bytes, name: str) -> ImageInfo:
    if not data:
        raise CodecError(name, "an encoded image", "no bytes")
    if len(data) > MAX_BYTES:
        raise CodecError(name, f"at most {MAX_BYTES} bytes", str(len(data)))
    info = probe(data)
    if info is None:
        raise CodecError(name, "a known image format", f"bytes that begin with {describe(data[:12])}")
    return info


def _check_limits(
    data: bytes, info: ImageInfo, name: str, shrink: int, max_pixels: int | None, max_scans: int | None
) -> None:
    if info.size is None:
        return
    width, height = info.size
    if max_pixels is not None:
        by = 1 if info.progressive else shrink
        pixels = -(-width // by) * -(-height // by)
        if pixels > max_pixels:
            raise CodecError(name, f"at most {max_pixels} pixels", f"{pixels} ({info.size})")
    if max_scans is not None and info.progressive:
        allowed = max(max_scans // 8, min(max_scans, max_scans * _SCANNED // (width * height)), 1)
        scans = count_scans(data)
        if scans > allowed:
            raise CodecError(name, f"a jpeg of at most {allowed} scans at {info.size}", str(scans))


class _Reading(NamedTuple):
    """What `decode` was asked."""

    name: str
    shrink: int
    max_pixels: int | None
    srgb: bool
    listen: bool


def _read(data: bytes, info: ImageInfo, asked: _Reading) -> tuple[Image, ImageInfo]:
    """Decode with whoever reads it rightly, turn it upright, and convert its colours."""
    if asked.srgb and _has_inks(info):
        return _from_inks(data, info, asked)
    image, info = _decoded(data, info, asked)
    return _converted(image, info, asked.name) if asked.srgb else (image, info)


def _has_inks(info: ImageInfo) -> bool:
    return info.format == "jpeg" and info.channels == 4 and info.icc_profile is not None


def _from_inks(data: bytes, info: ImageInfo, asked: _Reading) -> tuple[Image, ImageInfo]:
    """Convert CMYK by its profile, which OpenCV, giving RGB, leaves no way to do; or without it, with a note."""
    check_littlecms(asked.name)
    image, found = _by_pillow(data, info, asked, cmyk=True)
    if asked.listen:  # Pillow's libjpeg says nothing; OpenCV's, of a small picture, does
        found = replace(found, damage=_decoded(data, info, asked._replace(shrink=8))[1].damage)
    converted = to_srgb(image, found.icc_profile or b"", asked.name, cmyk=True)
    if converted is not None:
        return converted, replace(found, icc_profile=None)
    image, info = _decoded(data, info, asked)
    return image, replace(info, icc_profile=None, notes=(*info.notes, _UNUSABLE))


def _decoded(data: bytes, info: ImageInfo, asked: _Reading) -> tuple[Image, ImageInfo]:
    image, refused = None, None
    with heard(asked.listen) as lines:
        try:
            image = _by_opencv(data, info, asked.name, asked.shrink)
        except CodecError as error:
            refused = error
    if image is not None:
        found = damage(lines)
        if lines and not found and info.format == "jpeg":
            found = _hidden_damage(data, info, asked)
        return image, replace(info, damage=found)
    if refused is not None and not _is_for_pillow(data, info, lines):
        raise refused
    if refused is not None and not opens(info.format):
        raise CodecError(asked.name, refused.expected, f"{refused.got}; fastfit[formats] reads more") from refused
    return _by_pillow(data, info, asked)


def _hidden_damage(data: bytes, info: ImageInfo, asked: _Reading) -> str | None:
    """Listen to libjpeg again, without the harmless thing that made it say its first word, which is its last."""
    plain = without_oddities(data)
    with heard(asked.listen) as lines:
        try:
            _by_opencv(plain, info, asked.name, asked.shrink)
        except CodecError as error:
            return error.got
    return damage(lines) or pixels_left_over(lines, plain)


def _is_for_pillow(data: bytes, info: ImageInfo, lines: list[str]) -> bool:
    """Tell whether what OpenCV refused may be whole: Pillow is lenient, and makes up what is missing."""
    if info.format not in PLUGINS or info.format in _OPENCV_ALONE:
        return False
    if info.format in _DECODED_WHEN_OPENED and info.size is None:  # too late for a limit
        return False
    if info.format == "avif":  # 8 bits OpenCV reads; and it says nothing where it does not know a kind
        return info.misread is not None or ((info.bit_depth or 8) > 8 and not lines)
    return info.format != "gif" or is_whole(data)


def _by_pillow(data: bytes, info: ImageInfo, asked: _Reading, *, cmyk: bool = False) -> tuple[Image, ImageInfo]:
    with heard(asked.listen) as lines, _warned(asked.listen) as warned:
        image, found = read_pillow(data, info, asked.name, max_pixels=asked.max_pixels, cmyk=cmyk)
    lines += [str(warning.message) for warning in warned]
    if info.size not in (None, found.size):
        raise CodecError(asked.name, f"{info.size} pixels as the header says", str(found.size))
    return image, replace(found, damage=damage(lines))


@contextmanager
def _warned(listen: bool) -> Iterator[list[warnings.WarningMessage]]:
    """Collect what Python code warns of, whatever the filters are and however often it has been said before."""
    if not listen:
        yield []
        return
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield warned


def _by_opencv(data: bytes, info: ImageInfo, name: str, shrink: int) -> Image:
    if info.misread is not None:
        raise CodecError(name, "an image that OpenCV reads rightly", info.misread)
    if info.size is None:
        raise CodecError(name, f"a {info.format} header that says how large the image is", "none")
    image = read_opencv(data, info, name, shrink)
    # OpenCV has turned TIFF, whatever the flags.
    return image if info.format == "tiff" else upright(image, info.orientation)


def _converted(image: Image, info: ImageInfo, name: str) -> tuple[Image, ImageInfo]:
    """Convert to sRGB by the profile, if there is one."""
    if info.icc_profile is None or image.dtype == np.float32:
        return image, info
    notes = info.notes
    if image.dtype == np.uint16:
        image = eight_bits(image)
        notes += ("colours were converted in 8 bits",)
    converted = to_srgb(image, info.icc_profile, name)
    if converted is None:
        return image, replace(info, icc_profile=None, notes=(*notes, _UNUSABLE))
    return converted, replace(info, icc_profile=None, notes=notes)


def _of_frames(info: ImageInfo) -> tuple[str, ...]:
    return (f"one still of {info.frames}",) if info.frames > 1 else ()
