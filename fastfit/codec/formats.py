"""What this installation reads and writes, found out by trying."""

from typing import NamedTuple

import cv2
import numpy as np

from fastfit.codec.encode import writes
from fastfit.codec.pillow import opens
from fastfit.words import FORMATS

__all__ = ["EXTENSIONS_READ", "FormatSupport", "formats"]

EXTENSIONS_READ: dict[str, tuple[str, ...]] = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png", ".apng"),
    "webp": (".webp",),
    "avif": (".avif",),
    "tiff": (".tiff", ".tif"),
    "gif": (".gif",),
    "bmp": (".bmp", ".dib"),
    "jpeg2000": (".jp2", ".j2k", ".jpx"),
    "pnm": (".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm"),
    "hdr": (".hdr", ".pic"),
    "sunraster": (".ras", ".sr"),
    "heic": (".heic", ".heif"),
    "jpegxl": (".jxl",),
    "dds": (".dds",),
    "exr": (".exr",),
    "fli": (".fli", ".flc"),
    "ico": (".ico",),
    "psd": (".psd",),
    "qoi": (".qoi",),
    "sgi": (".sgi",),
    "tga": (".tga",),
}
"""Formats that are read, where something installed does, and the names of their files."""


class FormatSupport(NamedTuple):
    """What this installation does with a format."""

    name: str
    extensions: tuple[str, ...]
    reads: tuple[str, ...]
    """Whoever decodes it, in the order they are asked: ``opencv``, ``pillow``."""
    writes: bool


def formats() -> list[FormatSupport]:
    """Return what this installation reads and writes.

    Returns
    -------
    list of FormatSupport
        One for each known format, also for those that nothing installed reads.
    """
    return [
        FormatSupport(name, extensions, _readers(name, extensions), name in FORMATS and writes(name))
        for name, extensions in EXTENSIONS_READ.items()
    ]


def _readers(name: str, extensions: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *(("opencv",) if _opencv_reads(extensions[0]) else ()),
        *(("pillow",) if name not in ("jpeg", "png", "webp") and opens(name) else ()),
    )


def _opencv_reads(extension: str) -> bool:
    """Let OpenCV encode a small picture and decode it again; what it reads of these formats it also writes."""
    if extension == ".exr":  # switched off in OpenCV's wheels, and loud about it
        return False
    picture = np.full((64, 64, 3), 128, np.float32 if extension == ".hdr" else np.uint8)
    try:
        if not cv2.haveImageWriter(extension):
            return False
        done, data = cv2.imencode(extension, picture)
        return bool(done) and cv2.imdecode(data, cv2.IMREAD_UNCHANGED) is not None
    except cv2.error:
        return False
