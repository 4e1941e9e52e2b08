"""The words and numbers that options are written in, here and on the command line; needs no library."""

from typing import Literal, TypeAlias, get_args

__all__ = [
    "BACKENDS",
    "COLLISIONS",
    "COLORS",
    "FORMATS",
    "FRAMES",
    "ICCS",
    "LAYOUTS",
    "MAX_PIXELS",
    "MAX_SCANS",
    "METADATA",
    "MODES",
    "ON_DAMAGE",
    "QUALITY",
    "RESAMPLES",
    "SUBSAMPLINGS",
    "Layout",
    "Mode",
    "Resample",
]

Mode: TypeAlias = Literal["cover", "pad", "stretch"]
Resample: TypeAlias = Literal[
    "lanczos", "bicubic", "hamming", "bilinear", "box", "lanczos4", "cubic", "linear", "area", "nearest"
]
Layout: TypeAlias = Literal["HWC", "CHW"]
MODES: tuple[Mode, ...] = get_args(Mode)
RESAMPLES: tuple[Resample, ...] = get_args(Resample)
"""Five convolutions, as Pillow's; five of OpenCV's interpolations."""
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

ON_DAMAGE = ("error", "warn")
FRAMES = ("first", "error")
MAX_PIXELS = 178_956_970
"""Where Pillow raises ``DecompressionBombError``: twice as many pixels of 3 bytes as 256 MiB hold."""
MAX_SCANS = 500
"""Scans in a JPEG of up to 12 megapixels. Encoders make ten or so, and a decoder goes over the picture for each,
in about a nanosecond for a pixel: 4000 in half a megabyte take a minute. libjpeg-turbo's fuzzers stop at 500."""

FORMATS = ("jpeg", "png", "webp", "avif")
"""What is written, where this OpenCV does."""
QUALITY = 95
SUBSAMPLINGS = ("420", "422", "444")
ICCS = ("keep", "srgb", "strip")
COLORS = ("keep", "rgb")
METADATA = ("drop", "keep")

COLLISIONS = ("refuse", "number")
"""What follows where two results would have one name."""
BACKENDS = ("loky", "threading")
"""Who works: processes, or threads."""
