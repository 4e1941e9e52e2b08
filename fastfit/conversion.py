"""What fitted samples become: other channels, another dtype, scaled and normalized."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from fastfit.errors import OptionError
from fastfit.resample import Store
from fastfit.types import Image

__all__ = ["Conversion"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What becomes of fitted samples on their way into the result; nothing by default.

    The result is that of converting a whole fitted image afterwards, with `channels` first and then
    ``(x·scale - mean) / std``; but row by row, while the samples are in the cache, and for 8 bits by a table.
    """

    channels: int | None = None
    dtype: str | None = None
    scale: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def form(self, given: int, kind: np.dtype[Any]) -> tuple[int, np.dtype[Any]]:
        """Return how many channels and which dtype the result has, for an image's channels and dtype.

        Raises
        ------
        OptionError
            Neither one mean or std nor one for each channel; or 16 bits would not fit.
        """
        channels = self.channels or given
        dtype = kind if self.dtype is None else np.dtype(self.dtype)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values and len(values) not in (1, channels):
                expected = "1 value" if channels == 1 else f"1 or {channels} values"
                raise OptionError(name, f"{expected} for this image", str(values))
        if kind == np.uint16 and dtype in (np.uint8, np.float16) and self.scale is None:
            raise OptionError("scale", f"a number, 1 / 257 say, to make {dtype} of uint16", "None")
        return channels, dtype

    def store(self, kind: np.dtype[Any], channels: int) -> Store | None:
        """Return how fitted samples of a dtype are stored that have their channels already; None: as they are."""
        dtype = kind if self.dtype is None else np.dtype(self.dtype)
        if self.scale is None and self.mean is None and self.std is None and dtype == kind:
            return None
        return _store(self, kind, channels, dtype)

    def levels(self, samples: Image, channels: int, dtype: np.dtype[Any]) -> Image:
        """Return what ``(1,)`` or ``(channels,)`` samples become that have their channels already."""
        return self.computed(np.broadcast_to(samples, (channels,)), dtype)

    def computed(self, samples: Image, dtype: np.dtype[Any]) -> Image:
        """Return what samples, ``(..., C)``, become: computed in float64, rounded once."""
        values = samples.astype(np.float64)
        with np.errstate(all="ignore"):  # what is not finite stays so, and no one's mistake
            if self.scale is not None:
                values *= self.scale
            if self.mean is not None:
                values -= np.asarray(self.mean)
            if self.std is not None:
                values /= np.asarray(self.std)
            if np.issubdtype(dtype, np.integer):
                np.clip(np.rint(values, out=values), 0, np.iinfo(dtype).max, out=values)
            return values.astype(dtype)


@lru_cache(maxsize=64)
def _store(conversion: Conversion, kind: np.dtype[Any], channels: int, dtype: np.dtype[Any]) -> Store:
    if kind == np.uint8:
        levels = np.repeat(np.arange(256)[:, None], channels, axis=1)
        return Store(table=np.ascontiguousarray(conversion.computed(levels, dtype).T))
    numbers = [np.float64(1 if conversion.scale is None else conversion.scale)]
    for values, default in ((conversion.mean, 0.0), (conversion.std, 1.0)):
        numbers += [*np.broadcast_to(np.asarray(default if values is None else values, np.float64), (channels,))]
    return Store(affine=np.array(numbers, np.float64))
