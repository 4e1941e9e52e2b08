"""One image by a plan: resample the crop into the inner box, fill what is around it, convert."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastfit.arrays import as_image, check_out, fill_for
from fastfit.border import fill_around
from fastfit.conversion import Conversion
from fastfit.geometry import Plan
from fastfit.resample import resample_into
from fastfit.types import Image, Size
from fastfit.words import FILLS, Layout, Resample

__all__ = ["Look", "apply_plan", "form"]


@dataclass(frozen=True, slots=True)
class Look:
    """What a result looks like, wherever its pixels come from: checked options, see `fastfit.Fit`."""

    resample: Resample
    reducing_gap: float | None
    alpha: bool
    fill: float | tuple[float, ...] | str
    layout: Layout
    conversion: Conversion


def form(look: Look, size: Size, image: Image) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and dtype that the result of fitting an array to `size` has.

    Raises
    ------
    ImageError, OptionError
        The array is no image, or an option does not go with it.
    """
    channels, dtype = look.conversion.form(as_image(image))
    if look.layout == "CHW":
        return (channels, size.height, size.width), dtype
    flat = image.ndim == 2 and look.conversion.channels is None
    return (size.height, size.width) if flat else (size.height, size.width, channels), dtype


def apply_plan(look: Look, planned: Plan, image: Image, out: Image | None = None, *, draft: bool = False) -> Image:
    """Fit an array by a plan.

    Parameters
    ----------
    look : Look
    planned : Plan
        For an image of this size.
    image : ndarray, (H, W) or (H, W, C)
        Only read.
    out : ndarray, optional
        As for `fastfit.Fit.__call__`.
    draft : bool
        See `fastfit.Fit.apply`.

    Returns
    -------
    ndarray
        `out`, or a new array.

    Raises
    ------
    ImageError, OptionError
        The array is no image, or an option or `out` does not go with it.
    """
    picture = as_image(image)
    shape, dtype = form(look, planned.dst, image)
    channels, _ = look.conversion.form(picture)
    drawn = look.fill if isinstance(look.fill, str) and look.fill in FILLS else None
    fill = fill_for(0 if drawn else look.fill, picture.dtype, channels)
    if out is None:
        out = np.empty(shape, dtype)
    else:
        check_out(out, image, shape, dtype)
    planes = look.layout == "CHW"
    canvas = np.moveaxis(out, 0, 2) if planes else out if out.ndim == 3 else out[..., None]
    left, top, right, bottom = (int(edge) for edge in planned.inner)
    if planned.padded and drawn is None:
        border = look.conversion.levels(fill, channels, dtype)
        canvas[:top] = canvas[bottom:] = border
        canvas[top:bottom, :left] = canvas[top:bottom, right:] = border
    resample_into(
        picture,
        planned.crop,
        canvas[top:bottom, left:right],
        look.resample,
        alpha=look.alpha and picture.shape[2] in (2, 4),
        reducing_gap=look.reducing_gap,
        write=look.conversion.writer(picture, fill, alpha=look.alpha, planes=planes),
        draft=draft,
    )
    if planned.padded and drawn is not None:
        alpha = look.alpha and channels == picture.shape[2] and channels in (2, 4)
        fill_around(canvas, (left, top, right, bottom), drawn, alpha=alpha)
    return out
