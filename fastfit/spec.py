"""The `Fit` spec: every option of a fit in one value."""

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self, TypedDict

import numpy as np
import numpy.typing as npt

from fastfit.apply import Look, apply_plan, form
from fastfit.arrays import Fill, as_array, as_image
from fastfit.checks import (
    as_channels,
    as_dtype,
    as_fill,
    as_gap,
    as_levels,
    as_one_number,
    as_one_of,
    as_part,
)
from fastfit.conversion import Conversion
from fastfit.errors import OptionError, describe
from fastfit.geometry import Plan, as_centering, as_mode, plan
from fastfit.resample import INTERPOLATIONS
from fastfit.sizes import Rule, as_rule
from fastfit.types import Box, Image, Size, SizeLike, as_box, as_flag, as_size
from fastfit.words import LAYOUTS, RESAMPLES, Layout, Mode, Resample

__all__ = ["Fit", "Options"]


class Options(TypedDict, total=False):
    """The options that `Fit` takes besides size and mode, and `fit`, `cover`, `pad` and `stretch` with it."""

    resample: Resample
    centering: Sequence[float]
    fill: Fill
    box: Sequence[float] | None
    reducing_gap: float | None
    alpha: bool
    sizes: Sequence[SizeLike] | None
    area: int | None
    longest: int | None
    shortest: int | None
    multiple_of: int | None
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
    size : Size, (int, int) or str, optional
        Size of the result, ``(width, height)`` or ``"1280x720"``; or ``"auto:1024x1024/64"``, short for
        ``sizes=buckets(1024 * 1024, 64)``. Left out where the size follows from the source's: by `sizes`, `area`,
        `longest` or `shortest`.
    mode : {"cover", "pad", "stretch"}
        ``cover`` fills the result and crops what is over; ``pad`` shows the whole picture on `fill`;
        ``stretch`` changes the aspect.
    resample : str
        Convolutions, with the pixels of Pillow 13, in 8 bits to the last bit: ``lanczos``, ``bicubic``,
        ``hamming``, ``bilinear``, ``box``. OpenCV's interpolations, bit for bit: ``lanczos4``, ``cubic``,
        ``linear``, ``area``, ``nearest``; they read the crop rounded to whole pixels, do not widen when
        shrinking (except ``area``), and treat alpha like a colour. OpenCV's ``nearest`` takes the pixel under the
        corner of each of its own: pictures are up to half a pixel of the result from where a plan has them.
    centering : (float, float)
        Where the crop (cover) or the picture (pad) lies, from (0, 0), left and top, to (1, 1).
    fill : float or sequence of float
        What `pad` leaves around the picture: one value, or one for each channel of the result, in the image's own
        range, before `scale`. Also what shows through where `channels` drops alpha.
    box : (float, float, float, float), optional
        Use only this part of the source: ``(left, top, right, bottom)`` in its pixels.
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

    size: SizeLike | None = None
    mode: Mode = "cover"
    resample: Resample = "lanczos"
    centering: Sequence[float] = (0.5, 0.5)
    fill: Fill = 0
    box: Sequence[float] | None = None
    reducing_gap: float | None = None
    alpha: bool = True
    sizes: Sequence[SizeLike] | None = None
    area: int | None = None
    longest: int | None = None
    shortest: int | None = None
    multiple_of: int | None = None
    channels: int | None = None
    layout: Layout = "HWC"
    dtype: npt.DTypeLike | None = None
    scale: float | None = None
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    _rule: Rule = field(init=False, repr=False, compare=False)
    _look: Look = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check every option and store it in one form, so that equal specs compare equal."""
        rule = as_rule(self.size, self.sizes, self.area, self.longest, self.shortest, self.multiple_of)
        checked: dict[str, Any] = {
            **rule._asdict(),
            "mode": as_mode(self.mode),
            "resample": as_one_of("resample", self.resample, RESAMPLES),
            "centering": as_centering(self.centering),
            "fill": as_fill(self.fill),
            "box": as_part(self.box),
            "reducing_gap": as_gap(self.reducing_gap),
            "alpha": as_flag("alpha", self.alpha),
            "channels": as_channels(self.channels),
            "layout": as_one_of("layout", self.layout, LAYOUTS),
            "scale": None if self.scale is None else as_one_number("scale", self.scale),
            "mean": as_levels("mean", self.mean, self.channels),
            "std": as_levels("std", self.std, self.channels),
            "dtype": as_dtype(self.dtype),
        }
        converts = any(checked[name] is not None for name in ("scale", "mean", "std"))
        checked["dtype"] = checked["dtype"] or ("float32" if converts else None)
        if checked["reducing_gap"] is not None and self.resample in INTERPOLATIONS:
            raise OptionError("reducing_gap", f"None with OpenCV's {self.resample!r}", describe(self.reducing_gap))
        conversion = Conversion(*(checked[each.name] for each in fields(Conversion)))
        look = [{**checked, "conversion": conversion}[each.name] for each in fields(Look)]
        for name, value in {**checked, "_rule": rule, "_look": Look(*look)}.items():
            object.__setattr__(self, name, value)

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

    def plan(self, src: SizeLike) -> Plan:
        """Return what is read and written for a source of size `src`, as `__call__` applies it.

        Raises
        ------
        SizeError, OptionError
            `src` is no size, or `box` is not within it.
        """
        source = as_size(src, "src")
        part = Box(0, 0, *source) if self.box is None else as_box(self.box, source)
        size = self._rule.size_for(part.width, part.height)
        planned = plan(source, size, self.mode, centering=self.centering, box=self.box)
        return planned.snapped() if self.resample in INTERPOLATIONS else planned.in_floats()

    def form(self, image: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return the shape and dtype of the result for an image, as `out` must have them.

        Raises
        ------
        ImageError, SizeError, OptionError
            As for `__call__`.
        """
        array = as_array(image)
        return form(self._look, self.plan(_size(array)).dst, array)

    def __call__(self, image: Any, out: Image | None = None) -> Image:
        """Fit one image.

        Parameters
        ----------
        image : ndarray, (H, W) or (H, W, C); PIL image; tensor
            C from 1 to 4; ``uint8``, ``uint16`` or ``float32``; any strides. Only read. A PIL image is turned
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
        A NaN or infinity in a float image reaches all pixels whose block of output lines (8 at most) reads it.
        """
        array = as_array(image)
        return self.apply(self.plan(_size(array)), array, out)

    def apply(self, planned: Plan, image: Image, out: Image | None = None, *, draft: bool = False) -> Image:
        """Fit an array by a plan that is not its own: that of a picture decoded at a fraction of its size.

        Parameters
        ----------
        planned : Plan
            For a source of the array's size.
        image, out : ndarray
            As for `__call__`.
        draft : bool
            Convolve 8-bit images without alpha faster, a sample in a hundred one level off: enough where the
            source was not exact either.

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
        return apply_plan(self._look, planned, image, out, draft=draft)


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
