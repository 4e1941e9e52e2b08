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
    """The colour profile that the decoded samples are in: the embedded one; none after conversion to sRGB."""
    bit_depth: int | None = None
    """Bits for each sample in the file. None before decoding a format whose header is not read here."""
    channels: int | None = None
    """Samples of each pixel in the file; for a palette 1."""
    white: int | None = None
    """The sample for white, where it is not the largest of its type; `decode` has scaled it to that."""
    black: int = 0
    """The sample for black; `decode` has scaled it to 0."""
    alpha: bool | None = None
    """Whether the last channel is alpha. None where the decoded channels say so."""
    premultiplied: bool = False
    """Whether OpenCV gives colours that are multiplied by alpha; `decode` has divided them."""
    exif: bytes | None = None
    """The Exif block, a TIFF structure, of JPEG, PNG, WebP, AVIF and HEIF, its orientation as stored."""
    frames: int = 1
    """Frames of an animation or pages of a document; `decode` gives one, always the same."""
    progressive: bool = False
    """Whether a JPEG comes in several scans. Its decoder holds such a picture as a whole, at full scale."""
    lossless: bool = False
    """Whether a JPEG is coded without loss. Its decoder does not shrink it."""
    misread: str | None = None
    """What OpenCV would get wrong about it, and so does not read; Pillow may."""
    unread: str | None = None
    """What nobody reads rightly about it, so that it is refused."""
    damage: str | None = None
    """What is damaged about the picture: what checksums say, and, where `decode` listens, the decoder."""
    notes: tuple[str, ...] = ()
    """What else a user should know of what became of the picture."""
