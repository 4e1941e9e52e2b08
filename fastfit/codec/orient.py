"""Turn a picture upright, and say where things lie after that."""

import cv2

from fastfit.types import Image

# Orientation: what must be done to the stored picture. Exif 2.32, tag 0x0112.
_FLIPS = {2: 1, 3: -1, 4: 0}
_TURNS = {6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}

# Upright axes (x, y) that run against the stored axis they come from.
REVERSED = {
    1: (False, False),
    2: (True, False),
    3: (True, True),
    4: (False, True),
    5: (False, False),
    6: (True, False),
    7: (True, True),
    8: (False, True),
}


def upright(image: Image, orientation: int) -> Image:
    """Return the picture as it is to be seen.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C)
        As stored.
    orientation : int
        1 to 8, as Exif counts.

    Returns
    -------
    ndarray
        `image` itself for 1, else a new, contiguous array; sides exchanged for 5 to 8.
    """
    if orientation in _FLIPS:
        return cv2.flip(image, _FLIPS[orientation])
    if orientation in _TURNS:
        return cv2.rotate(image, _TURNS[orientation])
    if orientation == 5:
        return cv2.transpose(image)
    if orientation == 7:
        return cv2.flip(cv2.transpose(image), -1)
    return image
