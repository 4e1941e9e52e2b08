"""The ways to read an image file that are set side by side."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

import fastfit
from benchmarks.contenders import fastfit_version
from fastfit.types import Image

__all__ = ["CONTENDERS", "Contender", "contender"]


@dataclass(frozen=True)
class Contender:
    """A way to read image files.

    Parameters
    ----------
    version : str
        With it the name says what was measured.
    read : callable
        Path -> the picture, grey, RGB or RGBA, or None where it refuses; and what it says of damage, or None.
    refusals : tuple of exception types
        What it raises on purpose. Anything else counts as a crash.
    """

    version: str
    read: Callable[[Path], tuple[Image | None, str | None]]
    refusals: tuple[type[Exception], ...]


def _fastfit() -> Contender:
    def read(path: Path) -> tuple[Image | None, str | None]:
        image, info = fastfit.decode(path.read_bytes(), name=str(path), listen=True)
        return image, info.damage

    return Contender(fastfit_version(), read, (fastfit.FastfitError,))


def _opencv_imdecode() -> Contender:
    def read(path: Path) -> tuple[Image | None, str | None]:
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        return _rgb(image), None

    return Contender(cv2.__version__, read, (cv2.error,))


def _opencv_imread() -> Contender:
    def read(path: Path) -> tuple[Image | None, str | None]:
        return _rgb(cv2.imread(str(path), cv2.IMREAD_COLOR)), None

    return Contender(cv2.__version__, read, (cv2.error,))


def _rgb(image: Image | None) -> Image | None:
    if image is None or image.ndim == 2:
        return image
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def _pillow() -> Contender:
    from PIL import Image as Pillow
    from PIL import ImageOps

    Pillow.init()

    def read(path: Path) -> tuple[Image | None, str | None]:
        with Pillow.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.load()
            if picture.mode in ("PA", "La", "RGBa") or (
                picture.mode in ("L", "RGB", "P") and "transparency" in picture.info
            ):
                picture = picture.convert("RGBA")
            elif picture.mode not in ("L", "LA", "RGB", "RGBA", "F") and not picture.mode.startswith("I"):
                picture = picture.convert("RGB")
            return np.asarray(picture), None

    return Contender(version("pillow"), read, (Exception,))


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "fastfit": _fastfit,
    "opencv-imdecode": _opencv_imdecode,
    "opencv-imread": _opencv_imread,
    "pillow": _pillow,
}


def contender(name: str) -> Contender:
    """Load the library of a contender.

    Parameters
    ----------
    name : str
        One of `CONTENDERS`, or MODULE:FUNCTION for one that takes a path and returns a picture or None.

    Raises
    ------
    ModuleNotFoundError
        The library is not installed.
    """
    if name in CONTENDERS:
        return CONTENDERS[name]()
    module, _, function = name.partition(":")
    read = getattr(importlib.import_module(module), function)
    return Contender("", lambda path: (read(path), None), (Exception,))
