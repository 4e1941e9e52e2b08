"""Images of exactly the size asked for, with Pillow's pixels at several times Pillow's speed."""

from fastfit.batch import fit_many
from fastfit.codec import ImageInfo, decode, encode, formats, probe
from fastfit.errors import CodecError, FastfitError, ImageError, OptionError, SizeError
from fastfit.files import fit_bytes, fit_file
from fastfit.functions import cover, fit, pad, stretch
from fastfit.geometry import Plan, plan
from fastfit.loading import load
from fastfit.options import Input, Output
from fastfit.placement import Placement
from fastfit.sizes import buckets
from fastfit.spec import Fit
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
    "Placement",
    "Plan",
    "Size",
    "SizeError",
    "buckets",
    "cover",
    "decode",
    "encode",
    "fit",
    "fit_bytes",
    "fit_file",
    "fit_many",
    "formats",
    "load",
    "pad",
    "plan",
    "probe",
    "stretch",
]
