"""How files are read and results written: every option of either in one immutable value."""

from dataclasses import dataclass
from typing import Any

from fastfit.codec import as_compression, as_limit, as_quality, as_subsampling, check_format, check_littlecms
from fastfit.errors import OptionError, describe
from fastfit.types import as_flag
from fastfit.words import COLORS, FORMATS, FRAMES, ICCS, MAX_PIXELS, MAX_SCANS, METADATA, ON_DAMAGE, QUALITY

__all__ = ["Input", "Output"]


@dataclass(frozen=True, slots=True)
class Input:
    """How files are read, and what is let in.

    Parameters
    ----------
    exact : bool
        Of JPEGs, too, make the pixels that Pillow would of the whole picture. By default the decoder may shrink
        them where that leaves 45 dB PSNR, and sums are rounded as float32 has them: one sample in 100 at most is a
        level off, 69 dB or more.
    on_damage : {"error", "warn"}
        What follows where a checksum, or the decoder when it is listened to, says that pixels were invented: a
        `CodecError`, or a result all the same, with the words in ``ImageInfo.damage``.
    frames : {"first", "error"}
        Of an animation or a document of several pages take one still, always the same, with a note; or refuse it.
    max_pixels : int, optional
        Refuse images of more pixels, by their headers; None or 0 is no limit. See `fastfit.decode`.
    max_scans : int, optional
        Refuse JPEGs of more scans; None or 0 is no limit. See `fastfit.decode`.

    Raises
    ------
    OptionError
    """

    exact: bool = False
    on_damage: str = "error"
    frames: str = "first"
    max_pixels: int | None = MAX_PIXELS
    max_scans: int | None = MAX_SCANS

    def __post_init__(self) -> None:
        """Check every option."""
        _check("on_damage", self.on_damage, ON_DAMAGE)
        _check("frames", self.frames, FRAMES)
        set_ = object.__setattr__
        set_(self, "exact", as_flag("exact", self.exact))
        set_(self, "max_pixels", as_limit("max_pixels", self.max_pixels))
        set_(self, "max_scans", as_limit("max_scans", self.max_scans))


@dataclass(frozen=True, slots=True)
class Output:
    """How results are encoded, and what of the source goes with them.

    Parameters
    ----------
    format : {"keep", "jpeg", "png", "webp", "avif"}
        ``keep``: what the destination's name says; for bytes, the source's format, and PNG for one that is not
        written.
    quality : int
        1 to 100, for JPEG, WebP and AVIF.
    subsampling : {"420", "422", "444"}
        How much colour a JPEG keeps: a quarter, half, all.
    progressive : bool
        Write JPEGs in several scans.
    compression : int, optional
        Of PNGs, 0 to 9; None is fast.
    lossless : bool
        Write WebPs without loss.
    icc : {"keep", "srgb", "strip"}
        Embed the source's colour profile if it describes the result; convert the colours to sRGB, with
        LittleCMS through Pillow (``fastfit[color]``); or drop the profile.
    color : {"keep", "rgb"}
        Leave grey images grey, or write every image in colour.
    metadata : {"drop", "keep"}
        Drop it all, or carry the Exif block of a JPEG, PNG, WebP, AVIF or HEIC, its orientation reset, its sizes
        mended and its thumbnail blanked.

    Raises
    ------
    OptionError
        An option out of its range.
    CodecError
        A format that this OpenCV does not write, or ``srgb`` without Pillow.
    """

    format: str = "keep"
    quality: int = QUALITY
    subsampling: str = "420"
    progressive: bool = False
    compression: int | None = None
    lossless: bool = False
    icc: str = "keep"
    color: str = "keep"
    metadata: str = "drop"

    def __post_init__(self) -> None:
        """Check every option."""
        _check("format", self.format, ("keep", *FORMATS))
        if self.format != "keep":
            check_format(self.format)
        _check("icc", self.icc, ICCS)
        if self.icc == "srgb":
            check_littlecms("icc")
        _check("color", self.color, COLORS)
        _check("metadata", self.metadata, METADATA)
        set_ = object.__setattr__
        set_(self, "quality", as_quality(self.quality))
        set_(self, "progressive", as_flag("progressive", self.progressive))
        set_(self, "lossless", as_flag("lossless", self.lossless))
        set_(self, "subsampling", as_subsampling(self.subsampling))
        set_(self, "compression", as_compression(self.compression))


def _check(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise OptionError(name, f"one of {', '.join(allowed)}", describe(value))
