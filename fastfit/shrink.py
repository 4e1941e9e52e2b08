"""Shrink on load: a JPEG decoder delivers 1/2, 1/4 or 1/8 in half the time, where nobody will see it."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from fastfit.codec import REVERSED, ImageInfo, as_bytes, coding, decode, probe
from fastfit.geometry import Plan
from fastfit.options import Input
from fastfit.resample import INTERPOLATIONS
from fastfit.spec import Fit
from fastfit.types import Box, Image, Size

__all__ = ["decode_for"]

# A shrunk picture is a picture of block averages. What aliases in them shows the less the more the filter still
# shrinks, and the smoother the picture is. `python -m benchmarks shrink` prints the worst PSNR from the exact
# result for each ratio and filter and set these, with a margin: at least 45 dB on each of 61 JPEG photographs.
_SAFE_RATIO = 3.2
"""What must be left to shrink whatever the picture."""
_LEAST_RATIO = 1.4
"""What must be left to shrink after 1/2, however smooth the picture."""
_SHARP = ((1.4, 1.5, 1.6, 1.75, 2.0), (4_000.0, 5_300.0, 6_200.0, 7_000.0, 11_500.0))
_SOFT = ((1.4, 1.5, 1.8, 2.0), (2_500.0, 3_200.0, 6_000.0, 10_000.0))
_ROUGHNESS = {"lanczos": _SHARP, "bicubic": _SHARP, "hamming": _SOFT, "bilinear": _SOFT}
"""What is left to shrink after 1/2, and how rough a picture may be there: in between, in between.

What aliases shows the more the less a filter has cut off where the decoder's averages begin. At the limits of
the sharp filters photographs are 46.7 to 48.3 dB from exact on average, with a standard deviation of 1. Of those
within, at ratios 0.05 apart, the worst is at 46.0 dB with the sharp filters, and at 45.7 with the soft ones: the
photographs that the limits were chosen on. Scaled to 45.5 dB without one of them, they leave it at 45.1 or more.
"""
_LEAST_PREDICTABLE = 7_000.0
_CERTAIN = 0.8
"""A rough picture is decoded twice, if its header does not tell: 18·b^2.5·q^1.5 predicts roughness, of b coded
bits for each pixel and q, the mean of the table that quantises luma, within a factor of 2.5. The form and the 0.8
of the limit were chosen on the same 49 photographs above 1.5 megapixels. Fitted without each in turn, it has a
correlation of 0.8, finds 8 of the 15 rough ones at a limit of 4000, and takes 1 smooth one for rough; 5 of 10,
and 1, at 5300; 5 of 8, and none, at 6200; 3 of 7, and 1, at 7000. With 1/2 at 0.65 of the time of full scale (0.9
if progressive) that saves 3 to 10 % of their decoding; at higher limits nothing.
"""


def decode_for(
    data: bytes,
    spec: Fit,
    source: Input,
    *,
    name: str,
    srgb: bool = False,
    listen: bool = False,
) -> tuple[Image, ImageInfo, Plan]:
    """Decode an image no larger than a fit needs it.

    Parameters
    ----------
    data : bytes
        A whole encoded file.
    spec : Fit
        The fit that will be applied.
    name : str
        What errors call the data.
    source : Input
        With ``exact`` it is decoded at full scale in any case. A JPEG that comes under ``max_pixels`` when shrunk
        passes.
    srgb, listen
        See `fastfit.codec.decode`.

    Returns
    -------
    image : ndarray
        Upright, at full scale or, a JPEG, at 1/2, 1/4 or 1/8.
    info : ImageInfo
        Of the file, at full scale.
    planned : Plan
        What `spec` does, in pixels of `image`.

    Raises
    ------
    CodecError
        See `fastfit.codec.decode`.
    """
    read = partial(
        decode,
        data,
        name=name,
        max_pixels=source.max_pixels,
        max_scans=source.max_scans,
        srgb=srgb,
        listen=listen,
    )
    shrink = 1 if source.exact else _shrink_for(as_bytes(data, name), spec, source.max_pixels)
    image, info = read(shrink=shrink)
    planned = spec.plan(info.size or _size(image))
    if _size(image) == planned.src:
        shrink = 1
    if shrink == 2 and _too_rough(image, _ratio(planned) / 2, spec.resample):
        shrink = 1
        image, info = read()
    return image, info, planned if shrink == 1 else shrunk_plan(planned, info, _size(image), shrink)


def _shrink_for(data: bytes, spec: Fit, max_pixels: int | None) -> int:
    info = probe(data)
    if info is None or info.format != "jpeg" or info.size is None or min(info.size) < 1:
        return 1
    # OpenCV's promise OpenCV's pixels; a box, with edges this hard, shows what the decoder averaged (33 dB).
    if spec.resample in INTERPOLATIONS or spec.resample == "box":
        return 1
    if info.channels == 4:  # inks are averaged, not the colours that they make together (32 dB)
        return 1
    ratio = _ratio(spec.plan(info.size))
    shrink = next((by for by in (8, 4, 2) if ratio >= by * (_LEAST_RATIO if by == 2 else _SAFE_RATIO)), 1)
    pixels = info.size.width * info.size.height
    if shrink == 2 and (max_pixels is None or pixels <= max_pixels):
        return 1 if _looks_rough(data, pixels, _most_rough(ratio / 2, spec.resample)) else 2
    return shrink


def _ratio(planned: Plan) -> float:
    width, height = planned.inner_size
    return min(planned.crop.width / width, planned.crop.height / height)


def _size(image: Image) -> Size:
    return Size(image.shape[1], image.shape[0])


def _too_rough(image: Image, ratio: float, resample: str) -> bool:
    """Tell whether a picture at 1/2 has too much detail near its pixel size for what is left to shrink."""
    most = _most_rough(ratio, resample)
    return most < math.inf and roughness(image) > most


def _most_rough(ratio: float, resample: str) -> float:
    """Return how rough a picture at 1/2 may be for what is left to shrink."""
    return math.inf if ratio >= _SAFE_RATIO else float(np.interp(ratio, *_ROUGHNESS[resample]))


def _looks_rough(data: bytes, pixels: int, most: float) -> bool:
    """Guess from the header whether 1/2 would be in vain: many bits in coarse steps are a rough picture."""
    if most > _LEAST_PREDICTABLE:
        return False
    coded, step = coding(data)
    return step is not None and 18 * (8 * coded / pixels) ** 2.5 * step**1.5 > _CERTAIN * most


def roughness(image: Image, step: int = 16) -> float:
    """Return the mean square of the fourth differences along x and y, in every 16th row: detail at pixel size."""
    bands = max(1, image.shape[0] // step)
    rows = np.stack([image[band * step : band * step + 5] for band in range(bands)]).astype(np.int16)
    across, down = np.diff(rows[:, rows.shape[1] // 2], 4, axis=1), np.diff(rows, 4, axis=1)
    return _mean_square(across) + _mean_square(down)


def _mean_square(values: Image) -> float:
    flat = values.astype(np.float32).reshape(-1)
    return float(np.dot(flat, flat)) / flat.size if flat.size else 0.0


def shrunk_plan(planned: Plan, info: ImageInfo, size: Size, shrink: int) -> Plan:
    """Move a plan to the picture that the decoder shrank.

    Where a side is no multiple of `shrink`, the last stored pixel is wider than the picture; on a reversed axis it
    comes first once the picture is upright.
    """
    reverse_x, reverse_y = REVERSED[info.orientation]
    left = size.width - planned.src.width / shrink if reverse_x else 0.0
    top = size.height - planned.src.height / shrink if reverse_y else 0.0
    crop = planned.crop
    moved = Box(
        crop.left / shrink + left, crop.top / shrink + top, crop.right / shrink + left, crop.bottom / shrink + top
    )
    return replace(planned, src=size, crop=moved)
