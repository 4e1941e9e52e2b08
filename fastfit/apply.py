"""One image by a plan: resample the crop into the inner box, fill what is around it, convert."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastfit.arrays import as_image, check_out, fill_for
from fastfit.border import fill_around
from fastfit.channels import to_channels
from fastfit.conversion import Conversion
from fastfit.errors import OptionError
from fastfit.geometry import Plan
from fastfit.kept import Kept
from fastfit.resample import Queue, Resampler, Steps, Task, kept_bytes, placer, resample_later, resampler
from fastfit.types import MOST_COLORED, Box, Image, Size
from fastfit.words import FILLS, Layout, Resample

__all__ = ["Look", "Recipe", "form", "prepare", "recipe"]


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
    return _form(look, size, as_image(image).shape[2], image.dtype, flat=image.ndim == 2)


def _form(
    look: Look, size: Size, given: int, kind: np.dtype[Any], *, flat: bool
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    channels, dtype = look.conversion.form(given, kind)
    if look.layout == "CHW":
        return (channels, size.height, size.width), dtype
    flat = flat and look.conversion.channels is None
    return (size.height, size.width) if flat else (size.height, size.width, channels), dtype


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How all arrays of one size, shape and dtype are fitted by one plan; call it on them."""

    shape: tuple[int, ...]
    """Of the result."""
    dtype: np.dtype[Any]
    planes: bool
    resample: Resampler
    shown: tuple[int, int, int, int]
    """Left, top, right and bottom of the picture in the result."""
    border: Image | None
    """What is around it, for each channel; None where it is made of the picture, or where nothing is."""
    drawn: str | None
    """How that is made."""
    alpha: bool
    """Whether the result's last channel is alpha."""

    @property
    def nbytes(self) -> int:
        """What it keeps, in bytes."""
        return 1000 + kept_bytes(self.resample)

    def __call__(self, image: Image, out: Image | None = None, queue: Queue | None = None) -> Image:
        """Fit ``(H, W)`` or ``(H, W, C)``, only read, into `out` or a new array: now, or when the queue runs.

        Raises
        ------
        OptionError
            `out` does not go with it.
        """
        if out is None:
            out = np.empty(self.shape, self.dtype)
        else:
            check_out(out, image, self.shape, self.dtype)
        canvas = out if out.ndim == 3 else out[..., None]
        if self.planes:
            canvas = canvas.transpose(1, 2, 0)
        left, top, right, bottom = self.shown
        if self.border is not None:
            canvas[:top] = canvas[bottom:] = self.border
            canvas[top:bottom, :left] = canvas[top:bottom, right:] = self.border
        inner = canvas if self.border is None and self.drawn is None else canvas[top:bottom, left:right]
        later = queue if self.drawn is None else None
        resample_later(self.resample, image if image.ndim == 3 else image[..., None], inner, later)
        if self.drawn is not None:
            fill_around(canvas, self.shown, self.drawn, alpha=self.alpha)
        return out


MOST_BYTES = 32 << 20
"""What recipes keep of weights, in bytes: those of a large image take some 0.5 MB."""
_recipes: Kept[Recipe] = Kept(MOST_BYTES)


def recipe(look: Look, plan: Plan, given: int, kind: np.dtype[Any], flat: bool) -> Recipe:
    """Prepare fits by a plan of arrays of so many channels, of a dtype, without a channel axis if `flat`.

    Raises
    ------
    OptionError
        An option does not go with such arrays.
    """
    key = (look, plan, given, kind, flat)
    found = _recipes.get(key)
    if found is None:
        found = prepare(*key)
        _recipes.put(key, found, found.nbytes)
    return found


def prepare(look: Look, plan: Plan, given: int, kind: np.dtype[Any], flat: bool) -> Recipe:
    """Return what `recipe` does, always prepared anew."""
    shape, dtype = _form(look, plan.dst, given, kind, flat=flat)
    channels, _ = look.conversion.form(given, kind)
    drawn = look.fill if isinstance(look.fill, str) and look.fill in FILLS else None
    if drawn == "blur" and channels > MOST_COLORED:
        raise OptionError("fill", f"a level, edge or reflect for {channels} channels", "'blur'")
    fill = fill_for(0 if drawn else look.fill, kind, channels)
    shown, window = plan.shown, plan.shown_of_crop
    is_padded = shown != (0, 0, *plan.dst)
    if is_padded and drawn in ("reflect", "blur") and plan.canvas is not None:
        # These borders are made of all of the picture, and not only of what the window shows.
        cut = _cut_out(prepare(look, plan.whole, given, kind, False), plan.canvas, plan.dst)
        return Recipe(shape, dtype, look.layout == "CHW", cut, (0, 0, *plan.dst), None, None, alpha=False)
    border = look.conversion.levels(fill, channels, dtype) if is_padded and drawn is None else None
    alpha = look.alpha and given in (2, 4)
    task = Task(plan.src, given, kind, plan.crop, plan.inner_size, window, look.resample, alpha, look.reducing_gap)
    store = look.conversion.store(kind, channels)
    if channels == given:
        resample = resampler(task._replace(out_dtype=dtype, store=store))
    else:
        resample = _rechanneled(task, resampler(task), fill, look)
    left, top, right, bottom = (int(edge) for edge in shown)
    return Recipe(
        shape,
        dtype,
        look.layout == "CHW",
        resample,
        (left, top, right, bottom),
        border,
        drawn if is_padded else None,
        alpha and channels == given,
    )


def _cut_out(whole: Recipe, canvas: Box, size: Size) -> Resampler:
    """Fit the whole result, and keep the part that begins so far from its corner."""
    left, top = int(-canvas.left), int(-canvas.top)

    def run(image: Image, out: Image) -> None:
        fitted = whole(image)
        fitted = fitted.transpose(1, 2, 0) if whole.planes else fitted
        out[...] = fitted[top : top + size.height, left : left + size.width]

    return run


def _rechanneled(task: Task, resample: Resampler, ground: Image, look: Look) -> Resampler:
    """Resample, then make the channels that are wanted, then store."""
    channels, dtype = look.conversion.form(task.channels, task.dtype)
    store = look.conversion.store(task.dtype, channels)
    shape = (int(task.window.height), int(task.window.width), task.channels)

    place = placer(task.window_size, channels, task.dtype, dtype, store)

    def run(image: Image, out: Image) -> None:
        fitted = np.empty(shape, task.dtype)
        resample(image, fitted)
        place(to_channels(fitted, channels, ground, alpha=look.alpha), out)

    return Steps(run, kept_bytes(resample))
