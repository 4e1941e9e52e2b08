"""How fitted samples are stored: as they are, by a table, or scaled."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastfit.types import Image

__all__ = ["Store", "as_dtype", "place"]


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """What becomes of fitted samples on their way into the result; compared by identity."""

    table: npt.NDArray[Any] | None = None
    """Of 8 bits, ``(channels, 256)``: what each level becomes."""
    affine: npt.NDArray[np.float64] | None = None
    """For 16 bits and floats: a factor, then for each channel a number to subtract, then one to divide by."""


def place(samples: Image, out: Image, store: Store | None) -> None:
    """Store fitted samples, ``(H, W, C)``, with NumPy.

    Parameters
    ----------
    samples : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``. Floats that stand for ``uint16`` have been rounded.
    out : ndarray, (H, W, C)
        Any strides and dtype; all of it is written. Floats become integers by rounding, halves to even, and
        clipping.
    """
    if store is not None and store.table is not None:
        for channel, row in enumerate(store.table):
            out[..., channel] = row[samples[..., channel]]
        return
    if store is not None and store.affine is not None:
        factor, (shift, divisor) = store.affine[0], store.affine[1:].reshape(2, -1)
        with np.errstate(all="ignore"):  # what is not finite stays so
            samples = ((samples * factor - shift) / divisor).astype(np.float32)
    np.copyto(out, as_dtype(samples, out.dtype))


def as_dtype(samples: Image, dtype: np.dtype[Any]) -> Image:
    """Return samples in another dtype: floats become integers by rounding, halves to even, and clipping."""
    with np.errstate(all="ignore"):
        if np.issubdtype(dtype, np.integer) and not np.issubdtype(samples.dtype, np.integer):
            samples = np.clip(np.nan_to_num(np.rint(samples), nan=0.0), 0, np.iinfo(dtype).max)
        return samples.astype(dtype, copy=False)
