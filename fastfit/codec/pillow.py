"""Pixels by Pillow, where it is installed: for what OpenCV does not read, and for colour conversion of CMYK."""

import importlib
import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from fastfit.codec.depth import stretched
from fastfit.codec.headers import ImageInfo
from fastfit.codec.orient import upright
from fastfit.errors import CodecError
from fastfit.types import Image, Size

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

__all__ = ["PLUGINS", "opens", "read_pillow"]

# Formats and what opens them: a plug-in of Pillow's own, or a module with an image class. Only these: other
# plug-ins accept bytes without a signature, or call other programs.
PLUGINS: dict[str, str | tuple[str, str]] = {
    "avif": "AVIF",
    "bmp": "BMP",
    "dds": "DDS",
    "fli": "FLI",
    "gif": "GIF",
    "heic": ("pillow_heif", "HeifImageFile"),
    "heif": ("pillow_heif", "HeifImageFile"),
    "ico": "ICO",
    "jpeg": "JPEG",
    "jpeg2000": "JPEG2000",
    "jpegxl": ("pillow_jxl.JpegXLImagePlugin", "JXLImageFile"),
    "pnm": "PPM",
    "psd": "PSD",
    "qoi": "QOI",
    "sgi": "SGI",
    "sunraster": "SUN",
    "tga": "TGA",
    "tiff": "TIFF",
}
_MOST_IN_PYTHON = 4_000_000
"""Some 3 s."""
_MODES = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB"} | {
    "HSV": "RGB",
    "RGBX": "RGB",
}


def opens(format: str) -> bool:
    """Tell whether Pillow, or a plug-in for it, is installed that reads a format."""
    plugin = PLUGINS.get(format)
    if plugin is None:
        return False
    try:
        if isinstance(plugin, tuple):
            return hasattr(importlib.import_module(plugin[0]), plugin[1])
        import PIL.Image
    except ImportError:
        return False
    PIL.Image.init()
    return plugin in PIL.Image.OPEN


def read_pillow(
    data: bytes, info: ImageInfo, name: str, *, max_pixels: int | None, cmyk: bool = False
) -> tuple[Image, ImageInfo]:
    """Decode with Pillow.

    Parameters
    ----------
    data : bytes
        A whole encoded file.
    info : ImageInfo
        Its header.
    name : str
        What errors call it.
    max_pixels : int, optional
        Refuse what claims to be larger before decoding it. Some plug-ins, as TIFF's, know a limit of their own
        besides.
    cmyk : bool
        Return four inks as they are, for colour conversion.

    Returns
    -------
    image : ndarray, (H, W) or (H, W, C)
        Upright; grey, grey and alpha, RGB or RGBA, or CMYK.
    info : ImageInfo
        With what Pillow found.

    Raises
    ------
    CodecError
        Pillow refuses it.
    """
    try:
        return _read(data, info, name, max_pixels, cmyk)
    except CodecError:
        raise
    except Exception as error:  # Pillow's plug-ins raise whatever their parsing runs into
        reason = re.sub(r" object at 0x\w+", "", str(error)).replace("\n", " ") or type(error).__name__
        raise CodecError(name, f"a whole {info.format} image", f"{reason} ({len(data)} bytes)") from error


def _read(data: bytes, info: ImageInfo, name: str, max_pixels: int | None, cmyk: bool) -> tuple[Image, ImageInfo]:
    from PIL import ImageFile

    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise CodecError(name, "PIL.ImageFile.LOAD_TRUNCATED_IMAGES to be False", "True, which hides damage")
    picture = _opened(data, info.format)
    pixels = picture.width * picture.height
    if max_pixels is not None and pixels > max_pixels:
        raise CodecError(name, f"at most {max_pixels} pixels", f"{pixels} ({Size(*picture.size)})")
    if info.format == "qoi" and pixels > _MOST_IN_PYTHON:
        raise CodecError(
            name, f"at most {_MOST_IN_PYTHON} pixels in a QOI, which Pillow reads in Python", str(pixels)
        )
    # Pillow's TIFF plug-in turns a picture by XMP, too, where the format has a field for that.
    for key in ("xmp", "XML:com.adobe.xmp"):
        picture.info.pop(key, None)
    # A PSD is a picture of its layers, not one of several.
    frames = info.frames if info.format == "psd" else max(info.frames, int(getattr(picture, "n_frames", 1)))
    picture.load()
    found = dict(picture.info)
    image = _pixels(picture, name, cmyk)
    if info.format in ("avif", "jpeg"):  # all others have been turned, by what counts in their format
        image = upright(image, info.orientation)
    if info.format == "jpeg2000" and info.misread is None and info.white is not None and info.white < 255:
        image = stretched(image, 0, info.white)
    if info.channels == 2 and image.ndim == 3 and image.shape[2] == 4:
        image = np.ascontiguousarray(image[..., (0, 3)])
    exif = found.get("exif")
    return image, ImageInfo(
        info.format,
        Size(image.shape[1], image.shape[0]),
        info.orientation,
        found.get("icc_profile") or info.icc_profile,
        info.bit_depth or 8 * image.itemsize,
        info.channels or len(picture.getbands()),
        exif=info.exif or (exif if isinstance(exif, bytes) else None),
        frames=frames,
        notes=info.notes,
    )


def _opened(data: bytes, format: str) -> "Picture":
    import PIL.Image

    plugin = PLUGINS[format]
    # Not by PIL.Image.open, which has a limit of its own, and warns of half of it.
    reader: Any
    if isinstance(plugin, str):
        PIL.Image.init()
        reader, accepts = PIL.Image.OPEN[plugin]
        if accepts and not accepts(data[:16]):
            raise ValueError(f"no file of Pillow's {plugin}")
    else:
        reader = getattr(importlib.import_module(plugin[0]), plugin[1])
    picture: Picture = reader(io.BytesIO(data))
    return picture


def _pixels(picture: "Picture", name: str, cmyk: bool) -> Image:
    mode = picture.mode
    transparent = "transparency" in picture.info
    if mode == "P" or (transparent and mode in ("1", "L", "RGB")):
        picture = picture.convert(("LA" if mode in ("1", "L") else "RGBA") if transparent else "RGB")
    elif mode in _MODES and not (mode == "CMYK" and cmyk):
        picture = picture.convert(_MODES[mode])
    image = np.array(picture)
    if image.dtype == np.dtype(">u2"):
        image = image.astype(np.uint16)
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        raise CodecError(name, "samples of 8 or 16 bits or float32", f"mode {mode}")
    return image
