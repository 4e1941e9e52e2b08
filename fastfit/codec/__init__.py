"""Bytes to pixels and back: `probe`, `decode`, `encode`."""

from fastfit.codec.decode import decode
from fastfit.codec.encode import EXTENSIONS, FORMATS, eight_bits, encode
from fastfit.codec.headers import ImageInfo, probe
from fastfit.codec.orient import REVERSED

__all__ = ["EXTENSIONS", "FORMATS", "REVERSED", "ImageInfo", "decode", "eight_bits", "encode", "probe"]
