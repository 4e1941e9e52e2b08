"""Images of exactly the size asked for, with Pillow's pixels at several times Pillow's speed."""

from fastfit.apply import Fit, cover, fit, pad, stretch
from fastfit.codec import ImageInfo, decode, encode, formats, probe
from fastfit.errors import CodecError, FastfitError, ImageError, OptionError, SizeError
from fastfit.files import fit_bytes, fit_file
from fastfit.geometry import Plan, plan
from fastfit.options import Input, Output
from fastfit.types import Box, Size

__version__ = "0.1.0"

__all__ = [
    "Box",
    "CodecError",
    "FastfitError",
    "Fit",
    "ImageError",
    "ImageInfo",
    "Input",
    "OptionError",
    "Output",
    "Plan",
    "Size",
    "SizeError",
    "cover",
    "decode",
    "encode",
    "fit",
    "fit_bytes",
    "fit_file",
    "formats",
    "pad",
    "plan",
    "probe",
    "stretch",
]
