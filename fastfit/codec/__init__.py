"""Bytes to pixels and back: `probe`, `decode`, `encode`."""

from fastfit.codec.decode import MAX_PIXELS, as_bytes, decode
from fastfit.codec.encode import EXTENSIONS, FORMATS, as_quality, check_size, eight_bits, encode
from fastfit.codec.headers import ImageInfo, probe
from fastfit.codec.orient import REVERSED

__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "MAX_PIXELS",
    "REVERSED",
    "ImageInfo",
    "as_bytes",
    "as_quality",
    "check_size",
    "decode",
    "eight_bits",
    "encode",
    "probe",
]
