"""OpenCV's interpolations, pixel for pixel: the only place that calls `cv2.resize`."""

import cv2
import numpy as np

from fastfit.types import Box, Image, Size

__all__ = ["INTERPOLATIONS", "interpolate"]

INTERPOLATIONS: dict[str, int] = {
    "lanczos4": cv2.INTER_LANCZOS4,
    "cubic": cv2.INTER_CUBIC,
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "nearest": cv2.INTER_NEAREST,
}
_MOST_OF_AREA, _MOST = 4, 128
"""Channels that ``INTER_AREA`` and the others take at once: OpenCV 5 has no images of more than 128."""


def interpolate(image: Image, box: Box, size: Size, resample: str) -> Image:
    """Resample a box of whole pixels: ``cv2.resize(image[top:bottom, left:right], …)``.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``; only read.
    box : Box
        On whole pixels.
    size : Size
        Of the result.
    resample : str
        A key of `INTERPOLATIONS`.

    Returns
    -------
    ndarray, (height, width, C)
        Of the image's dtype: a new array, or, where nothing is resized, a view of the image.
    """
    left, top, right, bottom = (int(edge) for edge in box)
    crop = image[top:bottom, left:right]
    if (crop.shape[1], crop.shape[0]) == size:
        return crop
    channels, each = crop.shape[2], _MOST_OF_AREA if resample == "area" else _MOST
    parts = [
        cv2.resize(crop[..., at : at + each], size, interpolation=INTERPOLATIONS[resample])
        for at in range(0, channels, each)
    ]
    parts = [part.reshape(size.height, size.width, -1) for part in parts]  # OpenCV drops an axis of one channel
    return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2))
