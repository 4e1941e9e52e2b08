"""One picture in every mode, side by side, to choose from."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from fastfit.arrays import as_array
from fastfit.channels import flatten
from fastfit.codec import encode
from fastfit.geometry import Plan
from fastfit.loading import in_levels, load
from fastfit.presets import Preset
from fastfit.sizes import as_wanted
from fastfit.spec import Fit
from fastfit.types import Image, Size, SizeLike
from fastfit.words import CENTERINGS, FILLS

__all__ = ["Comparison", "Variant", "compare"]

_TILE = 400
"""Pixels of a tile's longer side, at most."""
_GAP, _LINE = 16, 20
_PAPER, _INK, _GROUND = 255, 40, 200
_AS_IT_IS = Fit(limits={"min_side": 1}, dtype="uint8")


class Variant(NamedTuple):
    """One way to fit a picture."""

    label: str
    """In words: ``cover, attention``."""
    spec: Fit
    plan: Plan

    @property
    def cost(self) -> str:
        """What it does to the picture, in words: ``25.0 % cropped``."""
        width, height = self.plan.inner_size
        across, down = width / self.plan.crop.width, height / self.plan.crop.height
        told = [f"{share:.1%} {what}" for share, what in self._shares if share >= 0.0005]
        if self.spec.mode == "stretch" and max(across, down) / min(across, down) >= 1.0005:
            told.append(f"stretched {max(across, down) / min(across, down):.2f}:1")
        return ", ".join(told) or "all of it, undistorted"

    @property
    def _shares(self) -> tuple[tuple[float, str], ...]:
        return (self.plan.cropped, "cropped"), (self.plan.padded, "padded")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A picture in every mode; shown as a sheet where it is the last value of a notebook's cell."""

    image: Image
    """The sheet, ``(H, W, 3)`` uint8, RGB."""
    variants: tuple[Variant, ...]
    """From left to right and from top to bottom, after the source itself."""

    def _repr_png_(self) -> bytes:
        return encode(self.image, "png")


def compare(
    source: Any,
    preset_or_size: Preset | SizeLike,
    *,
    presets: Mapping[str, Preset] | None = None,
    listen: bool = False,
    **options: Any,
) -> Comparison:
    """Fit a picture in every mode, with every kind of fill and centering, onto one sheet.

    Parameters
    ----------
    source : path, bytes, or image
        A file, what is in one, or an image as `Fit` takes it.
    preset_or_size : Preset, Size, (int, int) or str
        As for `Fit`.
    presets : mapping, optional
        Where names are looked up instead: what `read_presets` returns.
    listen : bool
        Catch what the decoder says of damage, see `load`.
    **options
        What all have in common, as in `Fit`: `crop_bounds`, `resample` …

    Returns
    -------
    Comparison
        Ways that come to the same picture are there once.

    Raises
    ------
    FastfitError
        The source is no image; an option is wrong.
    OSError
        It cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> [variant.label for variant in compare(np.zeros((300, 200, 3), np.uint8), "90x60").variants]
    ['cover = attention = entropy', 'cover, top', 'cover, bottom', 'pad', 'pad, #ffffff', 'pad, edge',
     'pad, reflect', 'pad, blur', 'stretch']
    """
    image = _picture(source, listen=listen)
    size, channels = Size(image.shape[1], image.shape[0]), 1 if image.ndim == 2 else image.shape[2]
    common = {**options, "size": as_wanted(preset_or_size, presets)}
    variants = tuple(_variants(image, size, common))
    auto = Fit(**{**common, "mode": "auto"})
    automatic = auto.outline(size), auto.fill
    tiles = [_tile(image, "source", str(size), variants[0].plan.dst)]
    for variant in variants:
        chosen = " (auto)" if (variant.plan, variant.spec.fill) == automatic else ""
        result = in_levels(variant.spec, image.dtype, variant.spec.channels or channels)(image)
        tiles.append(
            _tile(result, f"{variant.label}{chosen}", f"{variant.plan.dst}, {variant.cost}", variant.plan.dst)
        )
    return Comparison(_sheet(tiles), variants)


def _picture(source: Any, *, listen: bool) -> Image:
    """Return a source in 8 bits, as large as it is."""
    if isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)):
        return load(source, _AS_IT_IS, listen=listen)
    array = as_array(source)
    return in_levels(_AS_IT_IS, array.dtype, 1 if array.ndim == 2 else array.shape[-1])(array)


def _variants(image: Image, size: Size, common: Mapping[str, Any]) -> Iterator[Variant]:
    found: dict[Any, Variant] = {}
    whole, covered = (Fit(**{**common, "mode": mode}).outline(size).crop for mode in ("stretch", "cover"))
    for label, own in _ways(covered.width / whole.width < covered.height / whole.height):
        spec = Fit(**{**common, **own})
        planned = spec.plan(size, image)
        look = planned, spec.fill if planned.padded else 0
        first = found.setdefault(look, Variant(label, spec, planned))
        if own.get("centering") in CENTERINGS and planned.cropped and first.label != label:
            found[look] = first._replace(label=f"{first.label} = {own['centering']}")
    return iter(found.values())


def _ways(across: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all ways to fit a picture, with what to call them; `across` tells on which sides cover crops."""
    yield "cover", {"mode": "cover"}
    for place in (*(("left", "right") if across else ("top", "bottom")), *CENTERINGS):
        yield f"cover, {place}", {"mode": "cover", "centering": place}
    yield "pad", {"mode": "pad"}
    for fill in ("#ffffff", *FILLS):
        yield f"pad, {fill}", {"mode": "pad", "fill": fill}
    yield "stretch", {"mode": "stretch"}


def _tile(image: Image, label: str, cost: str, size: Size) -> Image:
    """Return a picture on a tile for pictures of `size`, and below it what it is."""
    scale = min(1.0, _TILE / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    shown = Fit((width, height), "pad", channels=3, fill=_GROUND)(_over_ground(image))
    tile = np.full((height + 3 * _LINE, max(width, _TILE), 3), _PAPER, np.uint8)
    tile[:height, :width] = shown
    for row, text in enumerate((label, cost), 1):
        at = (0, height + row * _LINE)
        cv2.putText(tile, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (_INK,) * 3, 1, cv2.LINE_AA)
    return tile


def _over_ground(image: Image) -> Image:
    if image.ndim == 3 and image.shape[2] in (2, 4):
        return flatten(image, np.full(1, _GROUND, image.dtype))
    return image


def _sheet(tiles: list[Image]) -> Image:
    """Lay tiles of one size out in rows, on a sheet about as high as it is wide."""
    height, width = tiles[0].shape[:2]
    columns = max(1, min(len(tiles), round(math.sqrt(len(tiles) * height / width))))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), _PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top, left = _GAP + row * (height + _GAP), _GAP + column * (width + _GAP)
        sheet[top : top + height, left : left + width] = tile
    return sheet
