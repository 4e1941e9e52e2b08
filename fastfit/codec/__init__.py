"""Bytes to pixels and back: `probe`, `decode`, `encode`."""

from fastfit.codec.colour import check_littlecms, profile_space
from fastfit.codec.damage import heard, listens, stop_listening
from fastfit.codec.decode import MAX_BYTES, as_bytes, as_limit, decode
from fastfit.codec.depth import from_linear
from fastfit.codec.encode import (
    EXTENSIONS,
    JPEG_EXIF,
    JPEG_PROFILE,
    SUFFIXES,
    as_compression,
    as_quality,
    as_subsampling,
    check_format,
    check_size,
    encode,
    kept_format,
    writes,
)
from fastfit.codec.formats import EXTENSIONS_READ, FormatSupport, formats
from fastfit.codec.headers import ImageInfo, probe
from fastfit.codec.headers.exif import exif_for
from fastfit.codec.headers.jpeg import coding
from fastfit.codec.orient import REVERSED

__all__ = [
    "EXTENSIONS",
    "EXTENSIONS_READ",
    "JPEG_EXIF",
    "JPEG_PROFILE",
    "MAX_BYTES",
    "REVERSED",
    "SUFFIXES",
    "FormatSupport",
    "ImageInfo",
    "as_bytes",
    "as_compression",
    "as_limit",
    "as_quality",
    "as_subsampling",
    "check_format",
    "check_littlecms",
    "check_size",
    "coding",
    "decode",
    "encode",
    "exif_for",
    "formats",
    "from_linear",
    "heard",
    "kept_format",
    "listens",
    "probe",
    "profile_space",
    "stop_listening",
    "writes",
]
