"""Tensors with Pillow's decoder and torch."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.tensors.levels import OFFSET, SCALE, Levels, cropped
from benchmarks.tensors.with_pillow import decoded

__all__ = ["of_array", "of_bytes"]

# Of a picture that Pillow keeps for itself: it is only read, and so need not be copied.
warnings.filterwarnings("ignore", "The given NumPy array is not writable")
_SCALE, _OFFSET = map(torch.from_numpy, (SCALE, OFFSET))


def of_array(source: Path, size: tuple[int, int]) -> Callable[[], torch.Tensor]:
    """Of RGB in memory."""
    array = np.load(source)
    torch.set_num_threads(1)
    return lambda: _tensor(array, size)


def of_bytes(source: Path, size: tuple[int, int]) -> Callable[[], torch.Tensor]:
    """Of a file in memory."""
    data = source.read_bytes()
    torch.set_num_threads(1)
    return lambda: _tensor(np.asarray(decoded(data)), size)


def _tensor(image: Levels, size: tuple[int, int]) -> torch.Tensor:
    left, top, width, height = cropped(size, image.shape[1], image.shape[0])
    part = torch.from_numpy(image[top : top + height, left : left + width])
    # As 8-bit samples that lie channels last: for these there is vector code, that for floats is slower.
    small = torch.nn.functional.interpolate(
        part.permute(2, 0, 1)[None], size[::-1], mode="bicubic", antialias=True
    )
    floats = small[0].to(torch.float32, memory_format=torch.contiguous_format)
    return floats.mul_(_SCALE).add_(_OFFSET)
