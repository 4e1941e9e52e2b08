"""8-bit RGB, and the normalized tensors that are made of it."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["MEAN", "OFFSET", "SCALE", "STD", "Floats", "Levels", "cropped", "levels", "normalized"]

Floats: TypeAlias = npt.NDArray[np.float32]
Levels: TypeAlias = npt.NDArray[np.uint8]

# ImageNet's.
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)
# The same in two steps: levels · SCALE + OFFSET, of planes.
SCALE = (1 / (255 * STD))[:, None, None]
OFFSET = (-MEAN / STD)[:, None, None]


def normalized(image: Levels, out: Floats | None = None) -> Floats:
    """Make a tensor of 8-bit RGB, by the fastest lines that NumPy has for it; if told, in memory that is there."""
    planes = image.transpose(2, 0, 1)
    tensor = np.multiply(planes, SCALE, out=np.empty(planes.shape, np.float32) if out is None else out)
    tensor += OFFSET
    return tensor


def levels(tensor: Floats) -> Levels:
    """Return the 8-bit RGB that a tensor was made of."""
    whole: Levels = np.rint((tensor.transpose(1, 2, 0) * STD + MEAN) * 255).clip(0, 255).astype(np.uint8)
    return whole


def cropped(size: tuple[int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the largest part of an aspect, in the middle, in whole pixels.

    Parameters
    ----------
    size : (int, int)
        Width and height, of that aspect.
    width, height : int
        Of the image.
    """
    scale = min(width / size[0], height / size[1])
    across, down = max(1, round(scale * size[0])), max(1, round(scale * size[1]))
    return (width - across) // 2, (height - down) // 2, across, down
