"""Colours from the space of a profile to sRGB, by LittleCMS through Pillow."""

import io

import numpy as np

from fastfit.errors import CodecError
from fastfit.types import Image

__all__ = ["check_littlecms", "profile_space", "to_srgb"]

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}


def profile_space(profile: bytes | None) -> bytes:
    """Return the colour space that a profile is for, in 4 bytes: ``RGB``, ``GRAY``, ``CMYK``. ICC.1, 7.2."""
    return profile[16:20] if profile else b""


def check_littlecms(name: str) -> None:
    """Refuse to convert colours where Pillow, or LittleCMS in it, is missing.

    Raises
    ------
    CodecError
    """
    try:
        from PIL import ImageCms

        ImageCms.createProfile("sRGB")
    except ImportError as error:
        raise CodecError(name, "Pillow with LittleCMS: pip install fastfit[color]", "none") from error


def to_srgb(image: Image, profile: bytes, name: str, *, cmyk: bool = False) -> Image | None:
    """Convert an image from the colour space of its profile to sRGB, perceptually.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C)
        ``uint8``: grey, RGB, each with alpha or without, or CMYK. Alpha is kept.
    profile : bytes
        An ICC profile.
    name : str
        What errors call the image.
    cmyk : bool
        Whether four channels are inks.

    Returns
    -------
    ndarray or None
        Grey stays grey. None where LittleCMS cannot use the profile, or it is for another kind of image.

    Raises
    ------
    CodecError
        Pillow is not installed, or has no LittleCMS.
    """
    check_littlecms(name)
    import PIL.Image
    from PIL import ImageCms

    colours, alpha = (image, None) if image.ndim == 2 or cmyk else _apart(image)
    mode = _MODES[1 if colours.ndim == 2 else colours.shape[2]]
    if profile_space(profile) != _SPACES[mode]:
        return None
    size = (colours.shape[1], colours.shape[0])
    picture = PIL.Image.frombytes("CMYK", size, colours.tobytes()) if cmyk else PIL.Image.fromarray(colours)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        done = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return None
    converted = np.array(done)
    if mode == "L":
        converted = converted[..., 1]
    return converted if alpha is None else np.dstack([converted, alpha])


def _apart(image: Image) -> tuple[Image, Image | None]:
    """Return colours, and alpha or None."""
    channels = image.shape[2]
    if channels == 3:
        return image, None
    colours = image[..., 0] if channels == 2 else np.ascontiguousarray(image[..., :3])
    return np.ascontiguousarray(colours), image[..., -1]
