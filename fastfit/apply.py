"""One image: the `Fit` spec, and `fit`, `pad`, `cover`, `stretch`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastfit.arrays import Fill, as_image, check_out, fill_for
from fastfit.errors import OptionError, describe
from fastfit.geometry import Plan, as_centering, as_mode, plan
from fastfit.resample import INTERPOLATIONS, resample_into
from fastfit.types import RESAMPLES, Image, Mode, Resample, Size, SizeLike, as_number, as_sequence, as_size

__all__ = ["Fit", "cover", "fit", "pad", "stretch"]


@dataclass(frozen=True, slots=True)
class Fit:
    """How to fit images: every option in one immutable, hashable, picklable value. Call it on an image.

    Parameters
    ----------
    size : Size, (int, int) or str
        Size of the result, ``(width, height)`` or ``"1280x720"``.
    mode : {"cover", "pad", "stretch"}
        ``cover`` fills the result and crops what is over; ``pad`` shows the whole picture on `fill`;
        ``stretch`` changes the aspect.
    resample : str
        Convolutions, with the pixels of Pillow 13, in 8 bits to the last bit: ``lanczos``, ``bicubic``,
        ``hamming``, ``bilinear``, ``box``. OpenCV's interpolations, bit for bit: ``lanczos4``, ``cubic``,
        ``linear``, ``area``, ``nearest``; they read the crop rounded to whole pixels, do not widen when
        shrinking (except ``area``), and treat alpha like a colour.
    centering : (float, float)
        Where the crop (cover) or the picture (pad) lies, from (0, 0), left and top, to (1, 1).
    fill : float or sequence of float
        What `pad` leaves around the picture: one value, or one for each channel, in the image's own range.
    box : (float, float, float, float), optional
        Use only this part of the source: ``(left, top, right, bottom)`` in its pixels.
    reducing_gap : float, optional
        At least 1. For large reductions with a convolution: shrink by whole numbers first, leaving at least
        so many times the final size. 2 is fast, 3 is next to indistinguishable. As in Pillow.
    alpha : bool
        Whether the last of 2 or 4 channels is alpha. Then colours are weighted by it.

    Raises
    ------
    SizeError, OptionError
        An option is wrong in itself. What depends on the image is checked when the image is there.

    Examples
    --------
    >>> import numpy as np
    >>> Fit("1280x720", "pad", fill=255)(np.zeros((3000, 4000, 3), np.uint8)).shape
    (720, 1280, 3)
    """

    size: SizeLike
    mode: Mode = "cover"
    resample: Resample = "lanczos"
    centering: Sequence[float] = (0.5, 0.5)
    fill: Fill = 0
    box: Sequence[float] | None = None
    reducing_gap: float | None = None
    alpha: bool = True

    def __post_init__(self) -> None:
        """Check every option and store it in one form, so that equal specs compare equal."""
        set_ = object.__setattr__
        set_(self, "size", as_size(self.size))
        set_(self, "mode", as_mode(self.mode))
        set_(self, "centering", as_centering(self.centering))
        set_(self, "fill", _as_fill(self.fill))
        set_(self, "reducing_gap", _as_gap(self.reducing_gap))
        if self.resample not in RESAMPLES:
            raise OptionError("resample", f"one of {', '.join(RESAMPLES)}", describe(self.resample))
        if self.reducing_gap is not None and self.resample in INTERPOLATIONS:
            raise OptionError("reducing_gap", f"None with OpenCV's {self.resample!r}", describe(self.reducing_gap))
        if self.box is not None:
            set_(self, "box", _as_numbers("box", self.box, 4))

    def plan(self, src: SizeLike) -> Plan:
        """Return what is read and written for a source of size `src`, as `__call__` applies it.

        Raises
        ------
        SizeError, OptionError
            `src` is no size, or `box` is not within it.
        """
        planned = plan(src, self.size, self.mode, centering=self.centering, box=self.box)
        return planned.snapped() if self.resample in INTERPOLATIONS else planned

    def __call__(self, image: Image, out: Image | None = None) -> Image:
        """Fit one image.

        Parameters
        ----------
        image : ndarray, (H, W) or (H, W, C)
            C from 1 to 4; ``uint8``, ``uint16`` or ``float32``; any strides. Only read.
        out : ndarray, optional
            Written and returned: ``(height, width)`` or ``(height, width, C)`` like `image`, of its dtype, any
            strides, sharing no memory with it.

        Returns
        -------
        ndarray, (height, width) or (height, width, C)
            `out`, or a new array that is the caller's. Integers are rounded and clipped, floats are not.

        Raises
        ------
        ImageError
            `image` is no such array.
        OptionError
            `fill`, `box` or `out` does not go with it.

        Notes
        -----
        A NaN or infinity in a float image reaches all pixels whose block of output lines (8 at most) reads it.
        """
        picture = as_image(image)
        return apply_plan(self, self.plan(Size(picture.shape[1], picture.shape[0])), image, out)


def fit(
    image: Image,
    size: SizeLike,
    mode: Mode = "cover",
    *,
    resample: Resample = "lanczos",
    centering: Sequence[float] = (0.5, 0.5),
    fill: Fill = 0,
    box: Sequence[float] | None = None,
    reducing_gap: float | None = None,
    alpha: bool = True,
    out: Image | None = None,
) -> Image:
    """Make an image exactly `size`.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C)
        C from 1 to 4; ``uint8``, ``uint16`` or ``float32``; any strides. Only read.
    size, mode, resample, centering, fill, box, reducing_gap, alpha
        As in `Fit`.
    out : ndarray, optional
        Written and returned instead of a new array.

    Returns
    -------
    ndarray, (height, width) or (height, width, C)
        Of the image's dtype; `out`, or a new array that is the caller's.

    Raises
    ------
    SizeError, OptionError, ImageError
        See `Fit`.

    Examples
    --------
    >>> import numpy as np
    >>> fit(np.zeros((3000, 4000, 3), np.uint8), (1280, 720)).shape
    (720, 1280, 3)
    """
    spec = Fit(
        size,
        mode,
        resample=resample,
        centering=centering,
        fill=fill,
        box=box,
        reducing_gap=reducing_gap,
        alpha=alpha,
    )
    return spec(image, out)


def pad(image: Image, size: SizeLike, *, out: Image | None = None, **options: Any) -> Image:
    """Show the whole image within `size`, the rest filled: `fit` with ``mode="pad"``.

    Examples
    --------
    >>> import numpy as np
    >>> pad(np.zeros((300, 400), np.uint8), (640, 360), fill=255)[0, 0]
    np.uint8(255)
    """
    return Fit(size, "pad", **options)(image, out)


def cover(image: Image, size: SizeLike, *, out: Image | None = None, **options: Any) -> Image:
    """Fill `size` with the image and crop what is over: `fit` with ``mode="cover"``.

    Examples
    --------
    >>> import numpy as np
    >>> cover(np.zeros((300, 400, 4), np.uint8), (224, 224)).shape
    (224, 224, 4)
    """
    return Fit(size, "cover", **options)(image, out)


def stretch(image: Image, size: SizeLike, *, out: Image | None = None, **options: Any) -> Image:
    """Make the image `size` whatever its aspect: `fit` with ``mode="stretch"``.

    Examples
    --------
    >>> import numpy as np
    >>> stretch(np.zeros((1, 10000, 1), np.float32), (1280, 720)).shape
    (720, 1280, 1)
    """
    return Fit(size, "stretch", **options)(image, out)


def apply_plan(spec: Fit, planned: Plan, image: Image, out: Image | None = None) -> Image:
    """Fit an image by a plan: resample the crop into the inner box, fill what is around it.

    Parameters
    ----------
    spec : Fit
        Its filter, fill, reducing gap and alpha; the rest is in the plan.
    planned : Plan
        For an image of this size.
    image, out
        As for `Fit.__call__`.
    """
    picture = as_image(image)
    fill = fill_for(spec.fill, picture)
    if out is None:
        out = np.empty((planned.dst.height, planned.dst.width, *image.shape[2:]), image.dtype)
    else:
        check_out(out, image, planned.dst)
    canvas = out if out.ndim == 3 else out[..., None]
    left, top, right, bottom = (int(edge) for edge in planned.inner)
    canvas[:top] = canvas[bottom:] = fill
    canvas[top:bottom, :left] = canvas[top:bottom, right:] = fill
    resample_into(
        picture,
        planned.crop,
        canvas[top:bottom, left:right],
        spec.resample,
        alpha=spec.alpha and picture.shape[2] in (2, 4),
        reducing_gap=spec.reducing_gap,
    )
    return out


def _as_numbers(name: str, values: Any, count: int | None = None) -> tuple[float, ...]:
    expected = f"{count or 'one or more'} finite numbers"
    try:
        numbers = tuple(value.item() if isinstance(value, np.generic) else value for value in as_sequence(values))
        finite = all(math.isfinite(as_number(number)) for number in numbers)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(name, expected, describe(values)) from None
    if not finite or not numbers or (count and len(numbers) != count):
        raise OptionError(name, expected, describe(values))
    return numbers


def _as_fill(fill: Any) -> Fill:
    if isinstance(fill, (int, float, np.generic)) or (isinstance(fill, np.ndarray) and fill.ndim == 0):
        return _as_numbers("fill", (fill if isinstance(fill, (int, float)) else fill.item(),), 1)[0]
    return _as_numbers("fill", fill)


def _as_gap(gap: Any) -> float | None:
    if gap is None:
        return None
    number = _as_numbers("reducing_gap", (gap,), 1)[0]
    if number < 1:
        raise OptionError("reducing_gap", "a number of at least 1", describe(gap))
    return number
