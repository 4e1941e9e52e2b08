"""How files are read and results written: every option of either in one immutable value."""

from dataclasses import dataclass, replace
from typing import Any

from fastfit.codec import (
    as_compression,
    as_limit,
    as_quality,
    as_subsampling,
    check_format,
    check_littlecms,
    writes,
)
from fastfit.errors import OptionError, describe
from fastfit.presets import Preset
from fastfit.types import as_flag, as_sequence, as_whole
from fastfit.words import (
    COLORS,
    FORMATS,
    FRAMES,
    ICCS,
    MAX_PIXELS,
    MAX_SCANS,
    METADATA,
    MIN_QUALITY,
    ON_DAMAGE,
    QUALITY,
    TRANSPARENCIES,
)

__all__ = ["Input", "Output"]


@dataclass(frozen=True, slots=True)
class Input:
    """How files are read, and what is let in.

    Parameters
    ----------
    exact : bool
        Decode JPEGs at full scale, whatever the fit. By default the decoder may shrink them to 1/2, 1/4 or 1/8
        where that leaves 45 dB PSNR, compared with the fit of the whole picture.
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
    transparency : {"keep", "flatten"}
        Leave alpha where the format has it, or lay every image over the fill of its `Fit`.
    max_bytes : int, optional
        Of a result: `quality` is lowered as far as need be, and PNGs are packed as small as they go; what is then
        still larger is an error. Results that are small enough do not change.
    min_quality : int
        Below which `max_bytes` does not lower the quality, 1 to 100.
    formats : sequence of str, optional
        Those that ``keep`` keeps; others become the first. By default all that are written stay, and others become
        PNG.

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
    transparency: str = "keep"
    max_bytes: int | None = None
    min_quality: int = MIN_QUALITY
    formats: tuple[str, ...] | None = None

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
        _check("transparency", self.transparency, TRANSPARENCIES)
        set_ = object.__setattr__
        if self.formats is not None:
            set_(self, "formats", _as_formats(self.formats))
            if self.format not in ("keep", *(self.formats or ())):
                raise OptionError("format", f"keep or one of {', '.join(self.formats or ())}", self.format)
        if self.max_bytes is not None:
            set_(self, "max_bytes", as_whole("max_bytes", self.max_bytes, 1 << 62))
        set_(self, "min_quality", as_quality(self.min_quality, "min_quality"))
        set_(self, "quality", as_quality(self.quality))
        set_(self, "progressive", as_flag("progressive", self.progressive))
        set_(self, "lossless", as_flag("lossless", self.lossless))
        set_(self, "subsampling", as_subsampling(self.subsampling))
        set_(self, "compression", as_compression(self.compression))

    def accepted_by(self, preset: Preset) -> "Output":
        """Return what a service takes: its formats, its limit of bytes, and transparency only if it may have any.

        Raises
        ------
        OptionError
            It does not take `format`.

        Examples
        --------
        >>> from fastfit import read_presets
        >>> Output(max_bytes=4_000_000).accepted_by(read_presets()["kling"]).formats
        ('jpeg', 'png')
        """
        if self.format not in ("keep", *preset.formats):
            raise OptionError("format", f"{' or '.join(preset.formats)} for {preset.name}", self.format)
        limits = [limit for limit in (self.max_bytes, preset.max_bytes) if limit is not None]
        return replace(
            self,
            formats=preset.formats,
            max_bytes=min(limits, default=None),
            transparency=self.transparency if preset.alpha else "flatten",
        )


def _as_formats(values: Any) -> tuple[str, ...]:
    try:
        formats = tuple(as_sequence(values))
    except TypeError:
        formats = ()
    if not formats:
        raise OptionError("formats", f"some of {', '.join(FORMATS)}", describe(values))
    for each in formats:
        _check("formats", each, FORMATS)
    return tuple(filter(writes, formats))


def _check(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise OptionError(name, f"one of {', '.join(allowed)}", describe(value))
