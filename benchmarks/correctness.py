"""How an output compares with the reference's: differences, PSNR, SSIM, and aliasing on a zone plate."""

import math
import statistics
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.results import Correctness, Row
from fastfit.types import Image, Size

__all__ = [
    "aliasing",
    "compared",
    "fault",
    "medians",
    "plates",
    "psnr",
    "ssim",
    "stacks_compared",
    "worst",
    "zone_plate",
]

_MEAN_GREY = 127.5
_WINDOW, _SIGMA = 11, 1.5
_LEAST_SHRINK = 1.5
_LONGEST_PLATE = 2048


def compared(expected: Image, got: Image, alias: float = math.nan, *, similarity: bool = True) -> Correctness:
    """Compare an output with the reference's.

    Parameters
    ----------
    expected, got : ndarray, (H, W, C) or (H, W)
        Of two contenders, ``uint8``, ``uint16`` or ``float32`` from 0 to 255. All figures are of levels of 8 bits.
    alias : float, optional
        See `aliasing`.
    similarity : bool, optional
        Whether to compute `ssim`, which takes longer than all the rest, and is of 8 bits only.
    """
    if expected.shape != got.shape or expected.dtype != got.dtype:
        return Correctness(exact_size=False)
    difference = cv2.absdiff(expected, np.ascontiguousarray(got))
    return Correctness(
        exact_size=True,
        largest=float(difference.max()) * 255.0 / _top(got),
        identical=1.0 - np.count_nonzero(difference) / difference.size,
        psnr=psnr(expected, got),
        ssim=ssim(expected, got) if similarity else math.nan,
        aliasing=alias,
    )


def stacks_compared(expected: Image, got: Image) -> Correctness:
    """Compare stacks of images, (N, H, W, C), image by image; return the worst, without SSIM."""
    if expected.shape != got.shape:
        return Correctness(exact_size=False)
    return worst([compared(theirs, own, similarity=False) for theirs, own in zip(expected, got, strict=True)])


def worst(found: Sequence[Correctness]) -> Correctness:
    """Return the worst of each figure, of one or more images; but aliasing, which is not of images."""
    if not all(each.exact_size for each in found):
        return Correctness(exact_size=False)
    return Correctness(
        exact_size=True,
        largest=max(each.largest for each in found),
        identical=min(each.identical for each in found),
        psnr=min(each.psnr for each in found),
        ssim=min(each.ssim for each in found),
    )


def medians(found: Sequence[Correctness]) -> dict[str, float]:
    """Return figures of the image in the middle, where it is not equal to the reference's."""
    exact = [each for each in found if each.exact_size]
    middle = statistics.median_low(each.psnr for each in exact) if exact else math.inf
    if math.isinf(middle):
        return {}
    return {"median PSNR dB": middle, "median SSIM": statistics.median_low(each.ssim for each in exact)}


def fault(row: Row) -> str:
    """Say what is wrong with a result that is to equal the reference's; nothing if nothing is."""
    found = row.correctness
    if found is None or not found.exact_size:
        return f"{row.case}: {row.contender}'s result has another size"
    if found.identical < 1:
        equal = f"{found.identical:.4%} of samples are equal"
        return (
            f"{row.case}: {row.contender} differs from Pillow by up to {found.largest:.0f} of 255 levels, {equal}"
        )
    return ""


def psnr(expected: Image, got: Image) -> float:
    """Return the peak signal-to-noise ratio in dB; infinite where all samples are equal."""
    error = float(np.mean(np.square(np.subtract(expected, got, dtype=np.float32)), dtype=np.float64))
    return 10.0 * math.log10(_top(got) ** 2 / error) if error else math.inf


def _top(image: Image) -> float:
    return 65535.0 if image.dtype == np.uint16 else 255.0


def ssim(expected: Image, got: Image) -> float:
    """Return the mean structural similarity of two images of 8 bits, over all channels.

    Notes
    -----
    Wang, Bovik, Sheikh, Simoncelli: Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE
    Transactions on Image Processing 13 (4), 2004: a Gaussian window of 11×11 with σ = 1.5, K1 = 0.01, K2 = 0.03.
    As there, windows that reach over the border do not count, but in images that hold no whole one.
    """
    x, y = (image.astype(np.float32) for image in (expected, got))
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x = _blurred(x * x) - mean_x * mean_x
    var_y = _blurred(y * y) - mean_y * mean_y
    covariance = _blurred(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity /= (mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2)
    if min(similarity.shape[:2]) >= _WINDOW:
        reach = _WINDOW // 2
        similarity = similarity[reach:-reach, reach:-reach]
    return float(similarity.mean(dtype=np.float64))


def _blurred(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    blurred = cv2.GaussianBlur(image, (_WINDOW, _WINDOW), _SIGMA)
    return blurred.reshape(image.shape).astype(np.float32, copy=False)


def aliasing(resize: Callable[[Image], Image], source: Size, target: Size) -> float:
    """Measure what aliasing is left of a zone plate: the figure of `Correctness.aliasing`.

    Along each axis the plate's frequency grows from 0 in the middle to that of every other pixel at the edge.
    Whatever is finer than the result's pixels can hold, in width or in height, an ideal filter turns into a flat
    middle grey. The figure is the root mean square of the distance from this grey, in levels of 8 bits, over all
    of the result where the plate is so fine: 0 for an ideal filter, 90 for one that only picks pixels. A filter
    that fades out gently leaves something of what is just beyond the limit: Pillow's Lanczos 17 where the size
    shrinks to two thirds, 3 where it shrinks to a sixth.

    Parameters
    ----------
    resize : callable
        Of an image (H, W, 3) makes one of the size `target`.
    source, target : Size
        Of the plate and of what it becomes, smaller; see `plates`.

    Returns
    -------
    float
        NaN where the result has another size.
    """
    shrunk = resize(zone_plate(source))
    if shrunk.shape[:2] != (target.height, target.width):
        return math.nan
    return float(np.sqrt(np.mean(np.square(shrunk[_too_fine(source, target)] - _MEAN_GREY))))


def plates(source: Size, target: Size) -> tuple[Size, Size] | None:
    """Choose the sizes of a zone plate and of its result, for `aliasing` where one size becomes another.

    Returns
    -------
    (Size, Size) or None
        The same ratios, the longer side of the plate at most 2048; None where a side shrinks to more than two
        thirds.
    """
    if min(source.width / target.width, source.height / target.height) < _LEAST_SHRINK:
        return None
    ratio = min(1.0, _LONGEST_PLATE / max(source))
    width, height, new_width, new_height = (max(1, round(side * ratio)) for side in (*source, *target))
    return Size(width, height), Size(new_width, new_height)


def zone_plate(size: Size) -> Image:
    """Draw one in grey, (H, W, 3): the cosine of π·(x²/W + y²/H), x and y from the middle in pixels."""
    x, y = (np.square(_middles(side, side)) / side for side in size)
    plate = _MEAN_GREY + _MEAN_GREY * np.cos(np.pi * np.add.outer(y, x))
    return np.repeat(np.rint(plate).astype(np.uint8)[..., None], 3, axis=2)


def _too_fine(source: Size, target: Size) -> npt.NDArray[np.bool_]:
    """Return which pixels of the result lie where the plate's frequency is more than half of one of theirs."""
    x, y = (np.abs(_middles(new, old)) > new / 2 for new, old in zip(target, source, strict=True))
    fine: npt.NDArray[np.bool_] = np.logical_or.outer(y, x)
    return fine


def _middles(count: int, length: float) -> npt.NDArray[np.floating]:
    """Return where the middles of so many pixels lie over a length, from its middle."""
    return (np.arange(count, dtype=np.float64) + 0.5) * (length / count) - length / 2
