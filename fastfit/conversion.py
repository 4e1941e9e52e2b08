"""What fitted samples become: other channels, another dtype, scaled and normalised; where they are stored."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from fastfit.arrays import is_packed
from fastfit.channels import to_channels
from fastfit.errors import OptionError
from fastfit.types import Image

__all__ = ["Conversion", "Writer"]

Writer: TypeAlias = Callable[[Image, Image], None]
"""Takes fitted samples, ``(h, w, C)``, and the part of the result that they belong to."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What becomes of fitted samples on their way into the result; nothing by default.

    The result is that of converting a whole fitted image afterwards, with `channels` first and then
    ``(x·scale - mean) / std``; but block by block, while the samples are in the cache, and for 8 bits by a table.
    """

    channels: int | None = None
    dtype: str | None = None
    scale: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def form(self, image: Image) -> tuple[int, np.dtype[Any]]:
        """Return how many channels and which dtype the result of fitting ``(H, W, C)`` has.

        Raises
        ------
        OptionError
            Neither one mean or std nor one for each channel; or 16 bits would not fit.
        """
        channels = self.channels or image.shape[2]
        dtype = image.dtype if self.dtype is None else np.dtype(self.dtype)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values and len(values) not in (1, channels):
                expected = "1 value" if channels == 1 else f"1 or {channels} values"
                raise OptionError(name, f"{expected} for this image", str(values))
        if image.dtype == np.uint16 and dtype in (np.uint8, np.float16) and self.scale is None:
            raise OptionError("scale", f"a number, 1 / 257 say, to make {dtype} of uint16", "None")
        return channels, dtype

    def writer(self, image: Image, ground: npt.NDArray[Any], *, alpha: bool, planes: bool) -> Writer | None:
        """Return what stores blocks of a fitted image, or None where they are stored as they are.

        Parameters
        ----------
        image : ndarray, (H, W, C)
            What will be fitted; only its form counts.
        ground : ndarray, (1,) or (channels,)
            Shows through where alpha is lost, in the image's own range.
        alpha : bool
            Whether the last of 2 or 4 channels is alpha.
        planes : bool
            Whether the result is stored channel by channel.
        """
        channels, dtype = self.form(image)
        changed = self.scale is not None or self.mean is not None or self.std is not None or dtype != image.dtype
        same = channels == image.shape[2]
        if same and not changed and not planes:
            return None
        store = self._store(image.dtype, channels, dtype) if changed else _place
        if same:
            return store
        return lambda block, target: store(to_channels(block, channels, ground, alpha=alpha), target)

    def levels(self, samples: Image, channels: int, dtype: np.dtype[Any]) -> Image:
        """Return what ``(1,)`` or ``(channels,)`` samples become that have their channels already."""
        return self._computed(np.broadcast_to(samples, (channels,)), np.float64, dtype)

    def _store(self, source: np.dtype[Any], channels: int, dtype: np.dtype[Any]) -> Writer:
        if source == np.uint8:
            table = _table(self, channels, dtype)
            return lambda block, target: _look_up(block, table, target)
        return lambda block, target: np.copyto(target, self._computed(block, np.float32, dtype))

    def _computed(self, samples: Image, kind: npt.DTypeLike, dtype: np.dtype[Any]) -> Image:
        values = samples.astype(kind)
        with np.errstate(all="ignore"):  # what is not finite stays so, and no one's mistake
            if self.scale is not None:
                values *= self.scale
            if self.mean is not None:
                values -= np.asarray(self.mean, kind)
            if self.std is not None:
                values /= np.asarray(self.std, kind)
            if np.issubdtype(dtype, np.integer):
                np.clip(np.rint(values, out=values), 0, np.iinfo(dtype).max, out=values)
            return values.astype(dtype)


@lru_cache(maxsize=64)
def _table(conversion: Conversion, channels: int, dtype: np.dtype[Any]) -> Image:
    """Return what each of 256 levels becomes, ``(channels, 256)``: computed in float64, rounded once."""
    levels = np.repeat(np.arange(256)[:, None], channels, axis=1)
    table = np.ascontiguousarray(conversion._computed(levels, np.float64, dtype).T)
    table.flags.writeable = False
    return table


def _look_up(block: Image, table: Image, target: Image) -> None:
    # OpenCV knows no half floats, but moves 16 bits as well.
    bits = np.dtype(np.uint16) if target.dtype == np.float16 else target.dtype
    table, target = table.view(bits), target.view(bits)
    if is_packed(target):
        cv2.LUT(block, np.ascontiguousarray(table.T)[None], target)
        return
    for plane, row, out in zip(cv2.split(block), table, np.moveaxis(target, 2, 0), strict=True):
        if is_packed(out[..., None]):
            cv2.LUT(plane, row[None], out)
        else:
            np.copyto(out, row[plane])


def _place(block: Image, target: Image) -> None:
    planes = np.moveaxis(target, 2, 0)
    if all(is_packed(plane[..., None]) for plane in planes):
        cv2.split(block, list(planes))
    else:
        np.copyto(target, block)
