"""The words and numbers that options are written in, here and on the command line; needs no library."""

from typing import Literal, TypeAlias, get_args

__all__ = [
    "BACKENDS",
    "CENTERINGS",
    "COLLISIONS",
    "COLORS",
    "CONVOLUTIONS",
    "FILLS",
    "FORMATS",
    "FRAMES",
    "ICCS",
    "LAYOUTS",
    "MAX_CROP",
    "MAX_PIXELS",
    "MAX_SCANS",
    "METADATA",
    "MIN_QUALITY",
    "MODES",
    "ON_DAMAGE",
    "PLACES",
    "QUALITY",
    "RESAMPLES",
    "SUBSAMPLINGS",
    "TRANSPARENCIES",
    "Layout",
    "Mode",
    "Resample",
]

Mode: TypeAlias = Literal["cover", "pad", "stretch", "auto"]
Resample: TypeAlias = Literal[
    "lanczos",
    "bicubic",
    "hamming",
    "bilinear",
    "box",
    "mks2013",
    "mks2021",
    "lanczos4",
    "cubic",
    "linear",
    "area",
    "nearest",
]
Layout: TypeAlias = Literal["HWC", "CHW"]
MODES: tuple[Mode, ...] = get_args(Mode)
RESAMPLES: tuple[Resample, ...] = get_args(Resample)
"""Pillow's convolutions first, then OpenCV's interpolations."""
CONVOLUTIONS: tuple[Resample, ...] = RESAMPLES[:7]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
MAX_CROP = 0.25
"""The share of a picture that ``auto`` crops away at most: 16:9 of 4:3 just so."""

_ACROSS, _DOWN = {"left": 0.0, "": 0.5, "right": 1.0}, {"top": 0.0, "": 0.5, "bottom": 1.0}
PLACES = {
    "-".join(filter(None, (down, across))) or "center": (x, y)
    for down, y in _DOWN.items()
    for across, x in _ACROSS.items()
}
"""Where the crop, or the picture, lies: ``top``, ``bottom-left``, ``center`` …, and that in numbers."""
CENTERINGS = ("attention", "entropy")
"""Where the picture decides on that."""
FILLS = ("edge", "reflect", "blur")
"""What borders are made of besides a colour: the picture's last pixels, its mirror image, or itself, blurred."""

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
MIN_QUALITY = 50
"""Below which a limit of bytes does not lower the quality."""
SUBSAMPLINGS = ("420", "422", "444")
ICCS = ("keep", "srgb", "strip")
COLORS = ("keep", "rgb")
METADATA = ("drop", "keep")
TRANSPARENCIES = ("keep", "flatten")

COLLISIONS = ("refuse", "number")
"""What follows where two results would have one name."""
BACKENDS = ("loky", "threading")
"""Who works: processes, or threads."""
