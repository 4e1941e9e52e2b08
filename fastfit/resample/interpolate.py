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
    resized = cv2.resize(crop, size, interpolation=INTERPOLATIONS[resample])
    return np.asarray(resized.reshape(size.height, size.width, image.shape[2]))
