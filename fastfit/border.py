"""Borders made of the picture that they surround: its edge, its mirror image, or itself, enlarged and blurred."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from fastfit.resample import resample_into
from fastfit.types import Box, Image

__all__ = ["fill_around"]

_SMALL = 128
"""Pixels of the longer side of the copy that is blurred: the blur leaves no detail for which that is too few."""
_SIGMA = 0.025
"""Of the Gaussian, in lengths of the longer side: 32 pixels of 1280, about what editors of video use."""


def fill_around(canvas: Image, inner: tuple[int, int, int, int], how: str, *, alpha: bool) -> None:
    """Fill what is around a picture that is on its canvas already.

    Parameters
    ----------
    canvas : ndarray, (H, W, C)
        Of any dtype that results have, any strides; holds the picture, and is written around it.
    inner : (int, int, int, int)
        Left, top, right and bottom of the picture.
    how : {"edge", "reflect", "blur"}
        Repeat the last pixels; mirror the picture, without its last pixels twice, as often as need be; or show the
        picture's middle, enlarged to fill the canvas, blurred by a Gaussian of a fortieth of its longer side.
    alpha : bool
        Whether the last channel is alpha, by which colours are weighted when they are blurred.
    """
    if how == "blur":
        _blur_around(canvas, inner, alpha=alpha)
        return
    left, top, right, bottom = inner
    index = {"edge": _repeated, "reflect": _mirrored}[how]
    height, width = canvas.shape[:2]
    # Beside the picture first; then whole rows, whose ends are done.
    for start, stop in ((0, left), (right, width)):
        canvas[top:bottom, start:stop] = canvas[top:bottom, left + index(start - left, stop - left, right - left)]
    for start, stop in ((0, top), (bottom, height)):
        canvas[start:stop] = canvas[top + index(start - top, stop - top, bottom - top)]


_Index = npt.NDArray[np.intp]


def _repeated(start: int, stop: int, length: int) -> _Index:
    return np.clip(np.arange(start, stop), 0, length - 1)


def _mirrored(start: int, stop: int, length: int) -> _Index:
    period = max(1, 2 * (length - 1))
    there = np.arange(start, stop) % period
    return np.minimum(there, period - there) if length > 1 else there * 0


def _blur_around(canvas: Image, inner: tuple[int, int, int, int], *, alpha: bool) -> None:
    left, top, right, bottom = inner
    height, width = canvas.shape[:2]
    small = _blurred(canvas[top:bottom, left:right], (width, height), alpha=alpha)
    across, down = small.shape[1] / width, small.shape[0] / height
    for x0, y0, x1, y1 in (
        (0, 0, width, top),
        (0, bottom, width, height),
        (0, top, left, bottom),
        (right, top, width, bottom),
    ):
        if x0 < x1 and y0 < y1:
            strip = np.empty((y1 - y0, x1 - x0, canvas.shape[2]), np.float32)
            box = Box(x0 * across, y0 * down, min(x1 * across, small.shape[1]), min(y1 * down, small.shape[0]))
            resample_into(small, box, strip, "bicubic", alpha=alpha)
            _store(strip, canvas[y0:y1, x0:x1])


def _blurred(picture: Image, size: tuple[int, int], *, alpha: bool) -> Image:
    """Return the middle of a picture that fills a canvas of `size`, small and blurred, in float32."""
    height, width = picture.shape[:2]
    scale = min(width / size[0], height / size[1])
    w, h = size[0] * scale, size[1] * scale
    box = Box((width - w) / 2, (height - h) / 2, min((width + w) / 2, width), min((height + h) / 2, height))
    sides = [max(1, round(side * _SMALL / max(size))) for side in size]
    kind = picture.dtype if picture.dtype in (np.uint8, np.uint16) else np.dtype(np.float32)
    small = np.empty((sides[1], sides[0], picture.shape[2]), kind)
    resample_into(np.ascontiguousarray(picture, kind), box, small, "bilinear", alpha=alpha)
    return _weighted(small.astype(np.float32), lambda image: _gaussian(image, _SIGMA * max(sides)), alpha=alpha)


def _gaussian(image: Image, sigma: float) -> Image:
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE).reshape(image.shape)


def _weighted(image: Image, blur: Callable[[Image], Image], *, alpha: bool) -> Image:
    """Blur, with colours weighted by alpha: what nobody sees must not bleed."""
    if not alpha:
        return blur(image)
    image[..., :-1] *= image[..., -1:]
    image = blur(image)
    image[..., :-1] /= np.maximum(image[..., -1:], 1e-6)
    return image


def _store(strip: Image, target: Image) -> None:
    if np.issubdtype(target.dtype, np.integer):
        np.clip(np.rint(strip, out=strip), 0, np.iinfo(target.dtype).max, out=strip)
    np.copyto(target, strip, casting="unsafe")
