"""The `Fit` spec: every option of a fit in one value."""

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from functools import lru_cache
from typing import Any, Self, TypedDict

import numpy as np
import numpy.typing as npt

from fastfit.apply import MOST_BYTES, Look, Recipe, form, prepare, recipe
from fastfit.arrays import Fill, as_array, as_image, check_form
from fastfit.checks import (
    as_bounds,
    as_channels,
    as_dtype,
    as_fill,
    as_focus,
    as_gap,
    as_levels,
    as_one_number,
    as_one_of,
    as_part,
)
from fastfit.conversion import Conversion
from fastfit.errors import OptionError, describe
from fastfit.focus import focus
from fastfit.geometry import Plan, as_mode, as_share, fitting_mode, planned
from fastfit.kept import Kept
from fastfit.presets import Preset
from fastfit.resample import INTERPOLATIONS, Queue
from fastfit.sizes import Rule, as_rule
from fastfit.types import Box, Image, Size, SizeLike, as_box, as_flag, as_sequence, as_size
from fastfit.words import CENTERINGS, LAYOUTS, MAX_CROP, RESAMPLES, Layout, Mode, Resample

__all__ = ["Fit", "Options", "prepared"]


class Options(TypedDict, total=False):
    """The options that `Fit` takes besides size and mode, and `fit`, `cover`, `pad` and `stretch` with it."""

    resample: Resample
    centering: Sequence[float] | str
    fill: Fill
    box: Sequence[float] | None
    crop_bounds: Mapping[str, float] | Sequence[float] | None
    max_crop: float
    reducing_gap: float | None
    alpha: bool
    sizes: Sequence[SizeLike] | None
    area: int | None
    longest: int | None
    shortest: int | None
    multiple_of: int | None
    limits: Mapping[str, float] | Sequence[float | None] | None
    channels: int | None
    layout: Layout
    dtype: npt.DTypeLike | None
    scale: float | None
    mean: float | Sequence[float] | None
    std: float | Sequence[float] | None


@dataclass(frozen=True, slots=True, repr=False)
class Fit:
    """How to fit images: every option in one immutable, hashable, picklable value. Call it on an image.

    Parameters
    ----------
    size : Size, (int, int), str or Preset, optional
        Size of the result, ``(width, height)`` or ``"1280x720"``; or ``"auto:1024x1024/64"``, short for
        ``sizes=buckets(1024 * 1024, 64)``; or a preset, ``"sora-2"`` for its size of the nearest aspect,
        ``"sora-2:1280x720"`` for that one, see `read_presets`. Left out where the size follows from the source's:
        by `sizes`, `area`, `limits`, `longest` or `shortest`.
    mode : {"cover", "pad", "stretch", "auto"}
        ``cover`` fills the result and crops the overflow; ``pad`` shows the whole picture on `fill`;
        ``stretch`` changes the aspect; ``auto`` is ``cover``, unless that crops away more than `max_crop`: then
        ``pad``.
    resample : str
        Convolutions, with the pixels of Pillow 13, in 8 bits to the last bit: ``lanczos``, ``bicubic``,
        ``hamming``, ``bilinear``, ``box``, ``mks2013``, ``mks2021``. The last two sharpen, even where a crop keeps
        its size. OpenCV's interpolations, bit for bit: ``lanczos4``, ``cubic``, ``linear``, ``area``,
        ``nearest``; they read the crop rounded to whole pixels, do not widen when shrinking (except ``area``), and
        treat alpha like a colour. OpenCV's ``nearest`` takes the pixel under the corner of each of its own:
        pictures are up to half a pixel of the result from where a plan has them.
    centering : (float, float) or str
        Where the crop (cover) or the picture (pad) lies, from (0, 0), left and top, to (1, 1); or a place by its
        name, ``"top"``, ``"bottom-left"``, ``"center"``. Or the picture decides: ``"attention"`` crops to what
        draws the eye, ``"entropy"`` to where most is to be seen; then the picture of `pad` is in the middle.
    fill : float, sequence of float, or str
        What `pad` leaves around the picture: one value, or one for each channel of the result, in the image's own
        range, before `scale`; or a colour, ``"#rrggbb"`` or ``"#rrggbbaa"``, whatever range and channels an image
        has (floats from 0 to 1). Or what is made of the picture:
        ``"edge"`` repeats its last pixels, ``"reflect"`` mirrors it, ``"blur"`` is itself, enlarged to fill
        everything and blurred. Also what shows through where `channels` drops alpha: a colour, or black.
    box : (float, float, float, float), optional
        Use only this part of the source: ``(left, top, right, bottom)`` in its pixels.
    crop_bounds : mapping or (float, float, float, float), optional
        The same in fractions of the source: ``left_fraction``, ``top_fraction``, ``right_fraction`` and
        ``bottom_fraction``, or the four in this order, from 0 to 1.
    max_crop : float
        The share of the picture, or of the part that is used, that ``auto`` crops away at most, from 0 to 1.
    reducing_gap : float, optional
        At least 1. For large reductions with a convolution: shrink by whole numbers first, leaving at least
        so many times the final size. 2 is fast, 3 is next to indistinguishable. As in Pillow.
    alpha : bool
        Whether the last of 2 or 4 channels is alpha. Then colours are weighted by it.
    sizes : sequence of sizes, optional
        For each image the one with the nearest aspect, so that least is cropped or padded; of equally near ones
        the largest, then the first. See `buckets`.
    area : int, optional
        Keep the source's aspect, with so many pixels: 512 * 512 makes 724×362 of 2000×1000.
    longest, shortest : int, optional
        Keep the aspect, with the longer or the shorter side so long. Both: as `shortest`, but no side above
        `longest`. With `multiple_of` sides may be up to half a multiple longer.
    multiple_of : int, optional
        Snap both sides of whatever size to the nearest multiple, never 0; halfway to the larger.
    limits : mapping, optional
        Keep the source's size, as far as these let it: ``min_side`` and ``max_side``, in pixels, and
        ``max_aspect``, the longer side divided by the shorter one.
    channels : {1, 3, 4}, optional
        Make every image grey, RGB or RGBA; alpha that is dropped is laid over `fill`. By default they stay as they
        are.
    layout : {"HWC", "CHW"}
        Channels last, as in NumPy and OpenCV, or first, as in torch; then grey images get a channel axis, too.
    dtype : {"uint8", "float16", "float32"}, optional
        Of the result. By default the image's, and float32 with `scale`, `mean` or `std`.
    scale : float, optional
        What fitted samples are multiplied by: 1 / 255 makes 0 to 1 of 8 bits.
    mean, std : float or sequence of float, optional
        Then ``(sample - mean) / std``, one number or one for each channel of the result.

    Raises
    ------
    SizeError, OptionError
        An option is wrong in itself. What depends on the image is checked when the image is there.

    Notes
    -----
    `channels`, `scale`, `mean`, `std`, `dtype` and `layout` give what they would give afterwards, of the fitted
    image in its own dtype, within 1e-6 of its largest values; they cost a fraction of that.

    Examples
    --------
    >>> import numpy as np
    >>> Fit("1280x720", "pad", fill=255)(np.zeros((3000, 4000, 3), np.uint8)).shape
    (720, 1280, 3)
    >>> tensor = Fit("224x224", channels=3, layout="CHW", dtype="float32", scale=1 / 255)
    >>> tensor(np.zeros((300, 400), np.uint8)).shape
    (3, 224, 224)
    """

    size: SizeLike | Preset | None = None
    mode: Mode = "cover"
    resample: Resample = "lanczos"
    centering: Sequence[float] | str = (0.5, 0.5)
    fill: Fill = 0
    box: Sequence[float] | None = None
    crop_bounds: Mapping[str, float] | Sequence[float] | None = None
    max_crop: float = MAX_CROP
    reducing_gap: float | None = None
    alpha: bool = True
    sizes: Sequence[SizeLike] | None = None
    area: int | None = None
    longest: int | None = None
    shortest: int | None = None
    multiple_of: int | None = None
    limits: Mapping[str, float] | Sequence[float | None] | None = None
    channels: int | None = None
    layout: Layout = "HWC"
    dtype: npt.DTypeLike | None = None
    scale: float | None = None
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    _rule: Rule = field(init=False, repr=False, compare=False)
    _look: Look = field(init=False, repr=False, compare=False)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check every option and store it in one form, so that equal specs compare equal."""
        rule = as_rule(
            self.size, self.sizes, self.area, self.longest, self.shortest, self.multiple_of, self.limits
        )
        checked: dict[str, Any] = {
            **rule._asdict(),
            "mode": as_mode(self.mode),
            "resample": as_one_of("resample", self.resample, RESAMPLES),
            "centering": as_focus(self.centering),
            "fill": as_fill(self.fill),
            "box": as_part(self.box),
            "crop_bounds": as_bounds(self.crop_bounds),
            "max_crop": as_share("max_crop", self.max_crop),
            "reducing_gap": as_gap(self.reducing_gap),
            "alpha": as_flag("alpha", self.alpha),
            "channels": as_channels(self.channels),
            "layout": as_one_of("layout", self.layout, LAYOUTS),
            "scale": None if self.scale is None else as_one_number("scale", self.scale),
            "mean": as_levels("mean", self.mean, self.channels),
            "std": as_levels("std", self.std, self.channels),
            "dtype": as_dtype(self.dtype),
        }
        if self.box is not None and self.crop_bounds is not None:
            raise OptionError("crop_bounds", "box or crop_bounds", "both")
        converts = any(checked[name] is not None for name in ("scale", "mean", "std"))
        checked["dtype"] = checked["dtype"] or ("float32" if converts else None)
        if checked["reducing_gap"] is not None and self.resample in INTERPOLATIONS:
            raise OptionError("reducing_gap", f"None with OpenCV's {self.resample!r}", describe(self.reducing_gap))
        conversion = Conversion(*(checked[each.name] for each in fields(Conversion)))
        look = [{**checked, "conversion": conversion}[each.name] for each in fields(Look)]
        for name, value in {**checked, "_rule": rule, "_look": Look(*look)}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_hash", hash(tuple(getattr(self, each.name) for each in _options())))

    def __repr__(self) -> str:
        """Return an expression that makes an equal spec, of what is not the default."""
        values = [(each, getattr(self, each.name)) for each in _options()]
        shown = [f"{each.name}={_plain(value)!r}" for each, value in values if value != each.default]
        return f"Fit({', '.join(shown)})"

    def to_dict(self) -> dict[str, Any]:
        """Return every option by its name, in values that JSON has; `from_dict` takes it back.

        Examples
        --------
        >>> Fit.from_dict(Fit("640x480", "pad").to_dict())
        Fit(size=(640, 480), mode='pad')
        """
        return {each.name: _listed(getattr(self, each.name)) for each in _options()}

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> Self:
        """Return the spec that `to_dict` described; what is left out has its default.

        Raises
        ------
        SizeError, OptionError
            An option is wrong, or none of that name exists.
        """
        names = [each.name for each in _options()]
        for name in options:
            if name not in names:
                raise OptionError("options", f"names among {', '.join(names)}", describe(name))
        return cls(**options)

    def plan(self, src: SizeLike, image: Any = None) -> Plan:
        """Return what is read and written for a source of size `src`, as `__call__` applies it.

        Parameters
        ----------
        src : Size, (int, int) or str
        image : ndarray, PIL image or tensor, optional
            The picture, at any scale. Needed where the picture decides on `centering`.

        Raises
        ------
        SizeError, OptionError
            `src` is no size, or `box` is not within it; there is no `image`, and it is needed.
        """
        source = as_size(src, "src")
        if self.centering not in CENTERINGS:
            return self._planned(source, self.centering)
        if image is None:
            raise OptionError("centering", "an image to look at, as in plan(src, image)", describe(self.centering))
        return self._planned(source, self._seen(source, as_image(as_array(image))))

    def outline(self, src: SizeLike) -> Plan:
        """Return a plan as far as it can be told without a picture.

        As `plan`, but where the picture decides on `centering` the crop is in the middle. Sizes and shares hold.

        Raises
        ------
        SizeError, OptionError
        """
        return self._planned(as_size(src, "src"), (0.5, 0.5) if self.centering in CENTERINGS else self.centering)

    def _planned(self, source: Size, centering: Any) -> Plan:
        return _applied(self._exactly(source, centering), self.resample, self.reducing_gap)

    def _exactly(self, source: Size, centering: Any) -> Plan:
        part = self._part(source)
        size = self._rule.size_for(part.width, part.height)
        return planned(source, size, fitting_mode(self.mode, part, size, self.max_crop), centering, part)

    def _part(self, source: Size) -> Box:
        """Return what of a source is used, in its pixels."""
        if self.crop_bounds is not None:
            left, top, right, bottom = as_sequence(self.crop_bounds)
            return Box(left * source.width, top * source.height, right * source.width, bottom * source.height)
        return (
            Box(0.0, 0.0, float(source.width), float(source.height))
            if self.box is None
            else as_box(self.box, source)
        )

    def _seen(self, source: Size, image: Image) -> tuple[float, float]:
        """Return the centering that the picture decides on, looked at at whatever scale it comes."""
        part, crop = self._part(source), self._exactly(source, (0.5, 0.5)).crop
        across, down = image.shape[1] / source.width, image.shape[0] / source.height
        width, height = crop.width * across, crop.height * down
        # Nothing to choose, or less than a pixel to see.
        if (crop.width, crop.height) == (part.width, part.height) or min(width, height) < 1:
            return 0.5, 0.5
        scaled = Box(part.left * across, part.top * down, part.right * across, part.bottom * down)
        return focus(image, scaled, (width, height), str(self.centering))

    def form(self, image: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return the shape and dtype of the result for an image, as `out` must have them.

        Raises
        ------
        ImageError, SizeError, OptionError
            As for `__call__`.
        """
        array = as_array(image)
        return form(self._look, self.outline(_size(array)).dst, array)

    def __call__(self, image: Any, out: Image | None = None) -> Image:
        """Fit one image.

        Parameters
        ----------
        image : ndarray, (H, W) or (H, W, C); PIL image; tensor
            Any C; ``uint8``, ``uint16`` or ``float32``; any strides. Only read. A PIL image is turned
            upright by its orientation tag, and becomes RGB, RGBA or grey if it has a palette, inks, or a
            transparent level. What else has ``__array_interface__``, ``__array__`` or ``__dlpack__`` is taken as
            the array that it is, channels last.
        out : ndarray, optional
            Written and returned: of the shape and dtype that `form` tells, any strides, sharing no memory with
            `image`. It may be the NumPy view of a torch tensor in pinned or shared memory.

        Returns
        -------
        ndarray, (height, width), (height, width, C) or (C, height, width)
            `out`, or a new array that is the caller's. Integers are rounded and clipped, floats are not.

        Raises
        ------
        ImageError
            `image` is no such array.
        SizeError, OptionError
            `fill`, `box`, `mean`, `std`, `channels` or `out` does not go with it, or no size follows from its.

        Notes
        -----
        A NaN or infinity in a float image reaches exactly the pixels whose window reads it.
        """
        array = as_array(image)
        return self._recipe(array)(array, out)

    def apply(self, planned: Plan, image: Image, out: Image | None = None) -> Image:
        """Fit an array by a plan that is not its own: a window of one, or that of a picture decoded smaller.

        Parameters
        ----------
        planned : Plan
            For a source of the array's size.
        image, out : ndarray
            As for `__call__`.

        Returns
        -------
        ndarray
            As `__call__`.

        Raises
        ------
        ImageError, OptionError
            As `__call__`.
        """
        if planned.src != _size(image):
            raise OptionError("planned", f"a plan for a source of {_size(image)}", f"one for {planned.src}")
        applied = _applied(planned, self.resample, self.reducing_gap)
        return recipe(self._look, applied, as_image(image).shape[2], image.dtype, image.ndim == 2)(image, out)

    def fit_later(self, image: Any, out: Image | None, queue: Queue) -> Image:
        """Fit as `__call__` does, but leave the work to a queue where it can do it: see `fastfit.fit_many`."""
        array = as_array(image)
        return self._recipe(array)(array, out, queue)

    def _recipe(self, array: Image) -> Recipe:
        """Return how an array is fitted; it is looked at only if it decides on `centering`."""
        if self.centering not in CENTERINGS:
            return _recipe_for(self, array.shape, array.dtype)
        picture = as_image(array)
        size = Size(picture.shape[1], picture.shape[0])
        planned = self._planned(size, self._seen(size, picture))
        return recipe(self._look, planned, picture.shape[2], array.dtype, array.ndim == 2)

    def __hash__(self) -> int:
        """Return a hash of all options, computed once: the cache of recipes asks for it with every image."""
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the options alone: hashes of strings differ from process to process."""
        return type(self), tuple(getattr(self, each.name) for each in _options())


_recipes: Kept[Recipe] = Kept(MOST_BYTES)


def _recipe_for(spec: Fit, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Recipe:
    """Return how arrays of a shape and dtype are fitted by a spec whose plans need no picture."""
    key = (spec, shape, dtype)
    found = _recipes.get(key)
    if found is None:
        check_form(shape, dtype)
        planned = spec._planned(Size(shape[1], shape[0]), spec.centering)
        found = recipe(spec._look, planned, shape[2] if len(shape) == 3 else 1, dtype, len(shape) == 2)
        _recipes.put(key, found, found.nbytes)
    return found


def prepared(spec: Fit, planned: Plan, array: Image) -> Recipe:
    """Return how `Fit.apply` fits an array by a plan, prepared for this one fit: nothing is kept.

    See `fastfit.resample.by_kernel`, which chooses the kernel.
    """
    applied = _applied(planned, spec.resample, spec.reducing_gap)
    return prepare(spec._look, applied, as_image(array).shape[2], array.dtype, array.ndim == 2)


@lru_cache(maxsize=1024)
def _applied(plan: Plan, resample: str, gap: float | None) -> Plan:
    """Return a plan with its crop as it is read: whole pixels for OpenCV, C floats for Pillow.

    Pillow divides a crop as doubles if it averages blocks first.
    """
    if resample in INTERPOLATIONS:
        return plan.snapped()
    return plan.in_floats() if gap is None else plan


def _options() -> list[Field[Any]]:
    return [each for each in fields(Fit) if each.init]


def _size(array: Image) -> Size:
    picture = as_image(array)
    return Size(picture.shape[1], picture.shape[0])


def _plain(value: Any) -> Any:
    """Return sizes as tuples: their ``repr`` needs no name but `Fit`."""
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _listed(value: Any) -> Any:
    return list(map(_listed, value)) if isinstance(value, tuple) else value
