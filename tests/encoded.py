"""Encoded images made with Pillow, the same for all who read files."""

import io

import numpy as np
from PIL import Image


def scene(width, height, channels=3):
    """A smooth picture without symmetry, so that every turn and every exchange of channels shows."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    planes = [127 + 120 * np.sin((3 + c) * x + (2 - c) * y * y + c) for c in range(channels)]
    return np.rint(np.stack(planes, axis=2)).astype(np.uint8).squeeze()


def saved(image, format, **options):
    """Encode an array or a Pillow image with Pillow."""
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, format, **options)
    return buffer.getvalue()
