"""What the headers of all formats are read into."""

from dataclasses import dataclass

from fastfit.types import Size

__all__ = ["ImageInfo"]


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a file says of its image."""

    format: str
    """Of the content, whatever the file's name: ``jpeg``, ``png``, ``webp``, ``tiff``, …"""
    size: Size | None = None
    """Upright size in pixels, at full scale. None before decoding a format whose header is not read here."""
    orientation: int = 1
    """As Exif counts, 1 to 8; `decode` has applied it."""
    icc_profile: bytes | None = None
    """The embedded colour profile; `decode` does not apply it."""
    bit_depth: int | None = None
    """Bits for each sample in the file. None before decoding a format whose header is not read here."""
    channels: int | None = None
    """Samples of each pixel in the file; for a palette 1."""
    white: int | None = None
    """The largest sample, where it is not the largest of its type; `decode` has scaled it to that."""
    alpha: bool | None = None
    """Whether the last channel is alpha. None where the decoded channels say so."""
    damage: str | None = None
    """What the decoder said of damage to the picture; known only where `decode` was told to listen."""
