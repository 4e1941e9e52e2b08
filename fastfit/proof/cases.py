"""The fits of the self-test: images drawn by integer arithmetic, and specs. ``vectors.npz`` holds their results.

``tests/selftest_vectors.py`` makes that file again where cases change.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from fastfit.spec import Fit, prepared
from fastfit.types import Box, Image, Size
from fastfit.words import CONVOLUTIONS

__all__ = ["CASES", "Case"]

_SIZES = (((61, 47), (23, 17)), ((7, 5), (19, 13)), ((17, 53), (29, 11)))
"""Smaller, larger, and one axis each, height first."""
_TAILS = range(1, 18)
"""Widths that leave every remainder of a vector of 16 pixels."""
_MEAN_STD: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class Case(NamedTuple):
    """One fit."""

    source: Size
    channels: int
    spec: Fit
    dtype: str = "uint8"
    drawn: str = "noise"
    """``noise``, or ``edges``: the least and the greatest level alone."""
    lies: str = "packed"
    """How the samples lie in memory: ``packed``, ``mirrored``, or ``rgbx``, the first 3 of 4 channels."""
    window: Box | None = None
    """The part of the result that is fitted."""

    def __str__(self) -> str:
        words = [self.dtype, *(word for word in (self.drawn, self.lies) if word not in ("noise", "packed"))]
        part = "" if self.window is None else f" in the window {tuple(self.window)}"
        return f"{' '.join(words)} {self.source}x{self.channels}, {self.spec!r}{part}"

    def image(self) -> Image:
        """Draw the image, ``(H, W, C)``: the same on every machine, with every version of NumPy."""
        channels = 4 if self.lies == "rgbx" else self.channels
        image = _DRAWINGS[self.drawn]((self.source.height, self.source.width, channels), np.dtype(self.dtype))
        return image[:, ::-1] if self.lies == "mirrored" else image[..., : self.channels]

    def fitted(self) -> Image:
        """Fit the image by the kernel of `fastfit.resample.by_kernel`; nothing that is kept is used."""
        image, planned = self.image(), self.spec.plan(self.source)
        planned = planned if self.window is None else planned.window(self.window)
        return prepared(self.spec, planned, image)(image)


def _noise(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Image:
    """Draw levels that look random: a hash of each sample's number. Floats are from 0 to 1."""
    bits = np.arange(np.prod(shape), dtype=np.uint32) + np.uint32(sum(shape) << 16)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        bits = (bits ^ (bits >> np.uint32(shift))) * np.uint32(factor)
    if dtype == np.float32:
        return ((bits >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)).reshape(shape)
    return (bits >> np.uint32(32 - 8 * dtype.itemsize)).astype(dtype).reshape(shape)


def _edges(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Image:
    most = 1 if dtype == np.float32 else np.iinfo(dtype).max
    drawn: Image = (_noise(shape, np.dtype(np.uint8)) >> 7).astype(dtype) * dtype.type(most)
    return drawn


_DRAWINGS: dict[str, Callable[[tuple[int, ...], np.dtype[Any]], Image]] = {"noise": _noise, "edges": _edges}


def _stretch(source: tuple[int, int], channels: int, target: tuple[int, int], **options: Any) -> Case:
    """Return a fit of a whole image to a whole result."""
    facts = {name: options.pop(name) for name in ("dtype", "drawn", "lies", "window") if name in options}
    return Case(Size(*source), channels, Fit(target, "stretch", **options), **facts)


def _filters() -> Iterator[Case]:
    """Every filter, on every number of channels, each way."""
    for resample, channels, (number, sizes) in product(CONVOLUTIONS, (1, 2, 3, 4), enumerate(_SIZES)):
        drawn = "edges" if (channels + number) % 3 == 0 else "noise"
        yield _stretch(sizes[0], channels, sizes[1], resample=resample, drawn=drawn)
    for resample in ("mks2013", "mks2021"):  # they sharpen an image that keeps its size
        yield _stretch((23, 17), 3, (23, 17), resample=resample)


def _modes() -> Iterator[Case]:
    """Every mode, with all of the image and with a part between pixels."""
    for mode, channels, box in product(("cover", "pad", "stretch"), (1, 3, 4), (None, (1.25, 0.5, 40.75, 30.875))):
        fill = 77 if channels == 1 else (9, 99, 199, 150)[:channels]
        spec = Fit((16, 9), mode, fill=fill, box=box, centering=(0.3, 0.8))  # type: ignore[arg-type]
        yield Case(Size(45, 37), channels, spec)
        yield Case(Size(45, 37), channels, Fit((7, 13), mode, fill=fill, box=box))  # type: ignore[arg-type]


def _channels() -> Iterator[Case]:
    """Channels that are no colors, and samples that do not lie side by side."""
    for source, target in _SIZES:
        yield _stretch(source, 5, target)
        yield _stretch(source, 5, target, resample="box")
        yield _stretch(source, 4, target, alpha=False, drawn="edges")
        yield _stretch(source, 3, target, lies="rgbx")
        yield _stretch(source, 3, target, lies="mirrored")


def _extremes() -> Iterator[Case]:
    """Sides of one pixel, windows of many, and images that fill the kernel's buffers."""
    sizes = [
        *(((1, 1), (7, 5)), ((1000, 1), (13, 3)), ((1, 301), (3, 7)), ((3001, 2), (2, 3)), ((2, 4099), (3, 2))),
        *(((5, 3), (1, 1)), ((1, 7), (1, 3)), ((1201, 9), (31, 9)), ((97, 20), (13, 17)), ((20, 97), (17, 13))),
    ]
    for (source, target), channels in product(sizes, (1, 3, 4)):
        yield _stretch(source, channels, target, drawn="edges" if channels == 3 else "noise")
    for channels in (3, 4):
        yield _stretch((90, 131), channels, (37, 59), resample="bicubic")
        yield _stretch((31, 23), channels, (41, 47), resample="bicubic")


def _tails() -> Iterator[Case]:
    """Widths that leave every remainder of a vector, one axis at a time."""
    for width in range(33, 97):
        yield _stretch((width, 9), 1, (width, 4))
    for width, channels in product(_TAILS, (2, 3, 4, 5)):
        yield _stretch((width, 9), channels, (width, 3), resample="bilinear")
    for width in (31, 33, 64, 70):
        yield _stretch((width, 5), 3, (width, 11), resample="bicubic")
    for width, channels in product(_TAILS, (1, 2, 3, 4, 5)):
        lines = 17 if width % 4 == 1 else 9
        yield _stretch((2 * width + 5, lines), channels, (width, lines), resample="bicubic")
        if channels in (1, 3, 4):
            yield _stretch((width // 3 + 1, 9), channels, (width, 9), resample="hamming")


def _windows() -> Iterator[Case]:
    """Parts of results."""
    for (source, target), channels in product(_SIZES, (1, 3, 4)):
        part = Box(3, 2, target[0] - 5, target[1] - 1)
        yield _stretch(source, channels, target, window=part)
    spec = Fit((30, 30), "pad", fill=(200, 0, 99))
    yield Case(Size(61, 47), 3, spec, window=Box(2, 1, 19, 27))


def _gaps() -> Iterator[Case]:
    """Averages of blocks first."""
    for channels, dtype in product((1, 2, 3, 4), ("uint8", "uint16", "float32")):
        yield _stretch((157, 131), channels, (13, 11), reducing_gap=2.0, dtype=dtype)
        if dtype == "uint8":
            box = (3.25, 2.5, 190.75, 88.0)
            yield _stretch((200, 90), channels, (11, 17), reducing_gap=3.0, box=box, resample="bicubic")
            yield _stretch((401, 97), channels, (5, 3), reducing_gap=2.0)  # blocks of more than 257 samples
            yield _stretch((31, 801), channels, (7, 3), reducing_gap=2.0)


def _wide() -> Iterator[Case]:
    """``uint16`` and ``float32``."""
    for dtype in ("uint16", "float32"):
        for number, resample in enumerate(CONVOLUTIONS):
            channels = number % 5 + 1
            yield _stretch((61, 47), channels, (11, 7), resample=resample, dtype=dtype)
            yield _stretch((7, 5), channels, (13, 9), resample=resample, dtype=dtype, drawn="edges")
        for channels in (1, 2, 3, 4):
            yield _stretch((17, 53), channels, (19, 7), dtype=dtype, box=(0.75, 1.5, 16.25, 50.0))
        for width in _TAILS:
            yield _stretch((width, 7), 1, (width, 3), dtype=dtype)
            yield _stretch((2 * width + 5, 5), 1 + 2 * (width % 2), (width, 5), resample="bicubic", dtype=dtype)


def _tensors() -> Iterator[Case]:
    """Tensors: normalized, channels first and last."""
    for kind, layout, dtype in product(("uint8", "uint16", "float32"), ("HWC", "CHW"), ("float16", "float32")):
        scale = {"uint8": 1 / 255, "uint16": 1 / 65536, "float32": 1.0}[kind]  # halves, of float16
        options: dict[str, Any] = {"layout": layout, "dtype": dtype, "scale": scale}
        yield Case(Size(31, 23), 3, Fit((11, 7), "stretch", **options, **_MEAN_STD), kind)
        yield Case(Size(7, 5), 1, Fit((11, 9), "stretch", **options), kind)
    options = {"channels": 3, "layout": "CHW", "scale": 1 / 255, **_MEAN_STD}
    yield Case(Size(31, 23), 1, Fit((11, 17), "pad", fill=(9, 99, 199), **options))
    yield _stretch((31, 23), 3, (17, 11), layout="CHW")
    yield _stretch((31, 23), 4, (17, 11), layout="CHW", scale=1 / 255)


CASES = (
    *(*_filters(), *_modes(), *_channels(), *_extremes(), *_tails()),
    *(*_windows(), *_gaps(), *_wide(), *_tensors()),
)
"""All fits, in the order of their results."""
