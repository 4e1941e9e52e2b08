"""Where a rectangle of one image lies in another: moves points, boxes and masks there."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fastfit.errors import ImageError, OptionError, describe
from fastfit.types import Box, Size

__all__ = ["Placement"]

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placement:
    """A rectangle of one image and the rectangle of another that shows it.

    Coordinates are those of `Box`: pixel *i* covers ``[i, i + 1)`` and its centre is ``i + 0.5``. That is how
    COCO and torchvision write boxes. Where integers stand for the centres of pixels, as keypoints often do and
    ``cv2.warpAffine`` does, add 0.5 before and take 0.5 off after.
    """

    src: Size
    """Size of the source, in pixels."""
    dst: Size
    """Size of the result, in pixels."""
    crop: Box
    """What is read from the source, in source pixels; floats, sub-pixel."""
    inner: Box
    """Where it lies in the result, in result pixels."""

    @property
    def inverse(self) -> "Placement":
        """The way back: moves what was found in the result to the source."""
        return Placement(self.dst, self.src, self.inner, self.crop)

    @property
    def matrix(self) -> Floats:
        """The same as a matrix: ``(2, 3)``, ``float64``, the caller's; ``matrix @ (x, y, 1)`` moves a point."""
        across, down = self.inner.width / self.crop.width, self.inner.height / self.crop.height
        return np.array(
            [
                [across, 0.0, self.inner.left - across * self.crop.left],
                [0.0, down, self.inner.top - down * self.crop.top],
            ]
        )

    def points(self, xy: npt.ArrayLike) -> Floats:
        """Move points.

        Parameters
        ----------
        xy : array_like, (..., 2)
            ``x, y`` in pixels of the source; points outside of it move like all others.

        Returns
        -------
        ndarray, (..., 2)
            ``float64``, in pixels of the result; a new array.

        Raises
        ------
        OptionError
            Not numbers, or not in pairs.

        Examples
        --------
        >>> from fastfit import plan
        >>> plan((4000, 3000), (1280, 720), "pad").points([[2000, 1500], [0, 3000]])
        array([[640., 360.],
               [160., 720.]])
        """
        return self._moved(_as_rows("xy", xy, 2))

    def boxes(self, xyxy: npt.ArrayLike, *, clip: bool = False) -> Floats:
        """Move boxes.

        Parameters
        ----------
        xyxy : array_like, (..., 4)
            ``left, top, right, bottom`` in pixels of the source.
        clip : bool
            Cut them off where the picture ends in the result: at the edges of `inner`. A box that is not in the
            picture at all has no area then; `visible` says how much of each is left.

        Returns
        -------
        ndarray, (..., 4)
            ``float64``, in pixels of the result; a new array.

        Raises
        ------
        OptionError
            Not numbers, or not in fours.

        Examples
        --------
        >>> from fastfit import plan
        >>> moved = plan((2000, 1000), (500, 500), "cover")
        >>> moved.boxes([[400, 0, 800, 500]], clip=True), moved.visible([[400, 0, 800, 500]])
        (array([[  0.,   0., 150., 250.]]), array([0.75]))
        """
        rows = _as_rows("xyxy", xyxy, 4)
        moved = self._moved(rows.reshape(*rows.shape[:-1], 2, 2)).reshape(rows.shape)
        if clip:
            low = np.maximum(self.inner[:2] * 2, 0)
            high = np.minimum(self.inner[2:] * 2, self.dst * 2)
            np.clip(moved, low, high, out=moved)
        return moved

    def visible(self, xyxy: npt.ArrayLike) -> Floats:
        """Tell how much of each box the result shows.

        Parameters
        ----------
        xyxy : array_like, (..., 4)
            ``left, top, right, bottom`` in pixels of the source.

        Returns
        -------
        ndarray, (...)
            ``float64``: the share of the box's area that is shown, from 0 to 1. A box without width or height
            counts by its place, one whose corners are exchanged as if they were not.

        Raises
        ------
        OptionError
            Not numbers, or not in fours.
        """
        rows = _as_rows("xyxy", xyxy, 4)
        low, high = np.minimum(rows[..., :2], rows[..., 2:]), np.maximum(rows[..., :2], rows[..., 2:])
        seen = self._seen()
        first, last = np.array(seen[:2]), np.array(seen[2:])
        extent = high - low
        shown = np.minimum(high, last) - np.maximum(low, first)
        flat = extent <= 0
        share = np.clip(shown, 0.0, None) / np.where(flat, 1.0, extent)
        share = np.where(flat, (low >= first) & (high <= last), share)
        return np.asarray(share[..., 0] * share[..., 1])

    def mask(self, mask: Any, fill: float = 0) -> npt.NDArray[Any]:
        """Move a mask: the nearest sample, nothing in between.

        Parameters
        ----------
        mask : ndarray, (H, W) or (H, W, C); PIL image; tensor
            Of the source's size; labels of any dtype. Only read. Of a PIL image with a palette the indices count.
        fill : number
            For what the source does not show: the borders of pad or, on the way back, what was cropped.

        Returns
        -------
        ndarray, (height, width) or (height, width, C)
            Of the result's size and the mask's dtype; a new array.

        Raises
        ------
        ImageError
            `mask` is no array of the source's size.
        OptionError
            `fill` is nothing that the mask's dtype holds.

        Notes
        -----
        The sample of a pixel is the one that its centre falls into, as with Pillow's ``NEAREST`` (where a centre
        is on an edge Pillow's sums of floats may decide otherwise). OpenCV's ``nearest`` is another: see `Fit`.

        Examples
        --------
        >>> import numpy as np
        >>> from fastfit import plan
        >>> plan((400, 300), (640, 360), "pad").mask(np.ones((300, 400), np.int64), fill=-1).shape
        (360, 640)
        """
        mask = _as_mask(mask, self.src)
        crop, inner = self.crop, self.inner
        columns, xs = _nearest(self.src.width, self.dst.width, (crop.left, crop.right), (inner.left, inner.right))
        rows, ys = _nearest(self.src.height, self.dst.height, (crop.top, crop.bottom), (inner.top, inner.bottom))
        moved = np.full((self.dst.height, self.dst.width, *mask.shape[2:]), _as_fill(fill, mask.dtype), mask.dtype)
        moved[rows, columns] = mask.take(ys, axis=0).take(xs, axis=1)
        return moved

    def _seen(self) -> Box:
        """Return the part of `crop` that the result reaches: all of it, but in a window of a plan."""
        left, right = _shared(
            (self.inner.left, self.inner.right), self.dst.width, (self.crop.left, self.crop.right)
        )
        top, bottom = _shared(
            (self.inner.top, self.inner.bottom), self.dst.height, (self.crop.top, self.crop.bottom)
        )
        return Box(left, top, right, bottom)

    def _moved(self, rows: Floats) -> Floats:
        # Multiplied first, and not by the matrix: the corners of `crop` come out as those of `inner`, where these
        # are on whole pixels to the last bit.
        low, extent = self.crop[:2], (self.crop.width, self.crop.height)
        return (rows - low) * (self.inner.width, self.inner.height) / extent + self.inner[:2]


def _shared(extent: tuple[float, float], length: int, other: tuple[float, float]) -> tuple[float, float]:
    """Cut an extent off where ``[0, length)`` ends, and return what is left of another that lies on it."""
    (start, stop), (low, high) = extent, other
    # Multiplied first: what comes out whole, or a half, is so to the last bit.
    return (
        low if start >= 0 else low - start * (high - low) / (stop - start),
        high if stop <= length else low + (length - start) * (high - low) / (stop - start),
    )


def _nearest(
    given: int, length: int, crop: tuple[float, float], inner: tuple[float, float]
) -> tuple[slice, npt.NDArray[np.intp]]:
    """Return the result's pixels whose centres the source shows, and the source's pixel of each."""
    (low, high), (start, stop) = crop, inner
    begin, end = _shared(crop, given, inner)
    first, last = max(math.ceil(begin - 0.5), 0), min(math.ceil(end - 0.5), length)
    centres = (np.arange(first, last) + 0.5 - start) * (high - low) / (stop - start) + low
    places = np.clip(np.floor(centres), max(math.floor(low), 0), min(math.ceil(high), given) - 1)
    return slice(first, max(first, last)), places.astype(np.intp)


def _as_rows(name: str, values: npt.ArrayLike, width: int) -> Floats:
    expected = f"numbers of shape (..., {width})"
    try:
        rows = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor with a gradient
        raise OptionError(name, expected, describe(values)) from None
    if rows.dtype.kind not in "iuf":
        raise OptionError(name, expected, describe(values))
    if rows.shape == (0,):  # an empty list
        rows = rows.reshape(0, width)
    if rows.ndim == 0 or rows.shape[-1] != width:
        raise OptionError(name, expected, f"shape {rows.shape}")
    return rows.astype(np.float64)


def _as_mask(mask: Any, size: Size) -> npt.NDArray[Any]:
    expected = f"an array of shape ({size.height}, {size.width}) or ({size.height}, {size.width}, C)"
    if not isinstance(mask, np.ndarray):
        if not hasattr(mask, "__array_interface__") and not hasattr(mask, "__array__"):
            raise ImageError("mask", expected, f"a {type(mask).__name__}")
        try:
            mask = np.asarray(mask)
        except (OSError, SyntaxError, TypeError, ValueError, RuntimeError) as error:
            raise ImageError("mask", expected, f"a {type(mask).__name__} ({error})") from error
    if mask.ndim not in (2, 3) or mask.shape[:2] != (size.height, size.width):
        raise ImageError("mask", expected, f"shape {mask.shape}")
    return np.asarray(mask)


def _as_fill(fill: float, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        with np.errstate(over="raise", invalid="raise"):
            value = np.asarray(fill)
            held = value.astype(dtype, casting="unsafe" if value.dtype.kind in "biuf" else "no")
        # A float may lose digits, an integer nothing.
        same = held.ndim == 0 and (dtype.kind not in "biu" or bool(held == value))
    except (TypeError, ValueError, OverflowError, FloatingPointError):
        same = False
    if not same:
        raise OptionError("fill", f"a number that {dtype} holds", describe(fill))
    return held
