"""What became of one file."""

from dataclasses import dataclass

import cv2
import numpy as np

from fastfit.types import Image

__all__ = ["Outcome", "small_pictures"]

SIDE = 32


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one file.

    Parameters
    ----------
    kind : {"picture", "refused", "memory", "crash", "time-out"}
    detail : str
        The error's text, the signal's name.
    width, height, channels : int
        Of the picture, else 0.
    flagged : str, optional
        What the reader says of damage to the picture it gives.
    seconds, megabytes : float
        CPU time, and the most memory the process ever had.
    leaked : tuple of str
        Lines that reached stdout or stderr.
    small : tuple of ndarray
        The picture at 32x32, see `small_pictures`.
    """

    kind: str
    detail: str = ""
    width: int = 0
    height: int = 0
    channels: int = 0
    flagged: str | None = None
    seconds: float = 0.0
    megabytes: float = 0.0
    leaked: tuple[str, ...] = ()
    small: tuple[Image, ...] = ()


def small_pictures(image: Image) -> tuple[Image, ...]:
    """Return a picture at 32x32: over black and, if it has alpha, as it is without alpha, too.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C)
        C from 1 to 4; the second of 2 and the fourth of 4 is alpha.

    Returns
    -------
    tuple of ndarray, (32, 32, 3), float32
        One or two; 0 to 255.
    """
    if image.dtype.kind == "i":  # what Pillow puts 16 bits into
        image = np.clip(image, 0, 65535).astype(np.uint16)
    elif image.dtype not in (np.uint8, np.uint16):
        image = np.nan_to_num(image.astype(np.float32), nan=0, posinf=0, neginf=0)
    planes = image.reshape(*image.shape[:2], -1)
    if planes.shape[2] in (1, 3):
        return (_shrunk(image),)
    colors = np.ascontiguousarray(planes[..., :-1])
    alpha = np.repeat(planes[..., -1:], colors.shape[2], axis=2)
    top = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1.0
    return _shrunk(cv2.multiply(colors, alpha, scale=1 / top)), _shrunk(colors)


def _shrunk(image: Image) -> Image:
    """Average, then enlarge what is smaller than that: a mirrored picture gives the mirrored result of both."""
    size = min(image.shape[1], SIDE), min(image.shape[0], SIDE)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    # Samples of type float have no common white.
    top = np.iinfo(image.dtype).max if image.dtype.kind == "u" else max(float(np.abs(small).max()), 1e-9)
    square = cv2.resize(small * np.float32(255 / top), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(np.broadcast_to(square.reshape(SIDE, SIDE, -1), (SIDE, SIDE, 3)), np.float32)
