"""How far the outputs of several photographs are from the reference's, in a few figures."""

import math
import statistics
from collections.abc import Sequence

from benchmarks.results import Correctness

__all__ = ["medians", "worst"]


def worst(compared: Sequence[Correctness]) -> Correctness:
    """Return the worst figures of one or more images, but of the samples that are identical the mean share."""
    if not all(each.exact_size for each in compared):
        return Correctness(exact_size=False)
    return Correctness(
        exact_size=True,
        largest=max(each.largest for each in compared),
        identical=statistics.fmean(each.identical for each in compared),
        psnr=min(each.psnr for each in compared),
        ssim=min(each.ssim for each in compared),
    )


def medians(compared: Sequence[Correctness]) -> dict[str, float]:
    """Return figures of the image in the middle, where it is not equal to the reference's."""
    exact = [each for each in compared if each.exact_size]
    psnr = statistics.median_low(each.psnr for each in exact) if exact else math.inf
    if math.isinf(psnr):
        return {}
    return {"median PSNR dB": psnr, "median SSIM": statistics.median_low(each.ssim for each in exact)}
