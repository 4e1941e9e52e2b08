"""Shrink on load: a JPEG decoder delivers 1/2, 1/4 or 1/8 in half the time, where nobody will see it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from fastfit.codec import REVERSED, ImageInfo, as_bytes, coding, decode, probe
from fastfit.geometry import Plan
from fastfit.options import Input
from fastfit.spec import Fit
from fastfit.types import Box, Image, Size

__all__ = ["decode_for"]

# A shrunk picture is a picture of block averages. What aliases in them shows the less the more the filter still
# shrinks, and the smoother the picture is. `python -m benchmarks shrink` prints the worst PSNR from the exact
# result for each ratio and filter and set these, with a margin: at least 45 dB on each of 61 JPEG photographs.
_SAFE_RATIO = 3.2
"""What must be left to shrink whatever the picture."""
_LEAST_RATIO = 1.0
"""What must be left to shrink after 1/2, however smooth the picture: nothing that was shrunk is enlarged."""
_SHARP = ((1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 2.0), (950.0, 1_200.0, 1_650.0, 2_200.0, 3_000.0, 4_700.0, 11_500.0))
_SOFT = ((1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 2.0), (200.0, 500.0, 750.0, 1_250.0, 1_850.0, 3_800.0, 9_900.0))
_ROUGHNESS = {"lanczos": _SHARP, "bicubic": _SHARP, "hamming": _SOFT, "bilinear": _SOFT}
"""What is left to shrink after 1/2, and how rough a picture may be there: in between, in between.

What aliases shows the more the less a filter has cut off where the decoder's averages begin. PSNR falls by 5 to 7
dB for ten times the roughness, and photographs are within 0.6 to 1.3 dB (one standard deviation) of that line. At
the limits it is two of those above 45 dB, with the worse of two filters; of the photographs within, the worst is
at 45.9.
"""
_LEAST_PREDICTABLE = 7_000.0
"""A rough picture is decoded twice, if its header does not tell: 18·b^2.5·q^1.5 predicts roughness, of b coded
bits for each pixel and q, the mean of the table that quantises luma, with a correlation of 0.83. Taken for too
much above the limit, it finds 150 of 185 that would be decoded twice, over all limits up to this, and keeps 157 of
181 that are smooth enough. In time that is three times what trying all would save, and within 1 % of the best.
"""


def decode_for(
    data: bytes,
    spec: Fit,
    source: Input,
    *,
    name: str,
    srgb: bool = False,
    listen: bool = False,
) -> tuple[Image, ImageInfo, Plan, Plan]:
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
    whole : Plan
        The same at full scale.

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
    planned = spec.outline(info.size or _size(image))
    if _size(image) == planned.src:
        shrink = 1
    if shrink == 2 and _too_rough(image, _ratio(planned) / 2, spec.resample):
        shrink = 1
        image, info = read()
    planned = spec.plan(planned.src, image)
    return image, info, planned if shrink == 1 else shrunk_plan(planned, info, _size(image), shrink), planned


def _shrink_for(data: bytes, spec: Fit, max_pixels: int | None) -> int:
    info = probe(data)
    if info is None or info.format != "jpeg" or info.size is None or min(info.size) < 1:
        return 1
    # OpenCV's promise OpenCV's pixels. A box, with edges this hard, shows what the decoder averaged (33 dB). Of
    # filters that sharpen nobody has measured what they show.
    if spec.resample not in _ROUGHNESS:
        return 1
    if info.channels == 4:  # inks are averaged, not the colours that they make together (32 dB)
        return 1
    ratio = _ratio(spec.outline(info.size))
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
    return step is not None and 18 * (8 * coded / pixels) ** 2.5 * step**1.5 > most


def roughness(image: Image, step: int = 16) -> float:
    """Return the mean square of the fourth differences along x and y, in every 16th row: detail at pixel size."""
    height, width = image.shape[:2]
    bands = max(1, height // step)
    rows = [image[at::step][:bands].astype(np.int16) for at in range(5)]
    middle = rows[min(2, height // 2)]
    across = [middle[:, at : max(width - 4, 0) + at] for at in range(5)]
    return _mean_square(_fourth_difference(across)) + _mean_square(_fourth_difference(rows))


def _fourth_difference(values: Sequence[Image]) -> Image:
    first, second, third, fourth, fifth = values
    ends, between = first + fifth, second + fourth
    between *= 4
    ends -= between
    ends += 6 * third
    return ends


def _mean_square(values: Image) -> float:
    # Not by np.dot: BLAS sums in another order with each number of threads.
    return float(np.square(values, dtype=np.float32).mean(dtype=np.float64)) if values.size else 0.0


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
