"""How far an output is from the reference's."""

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.results import Correctness
from fastfit.types import Image

__all__ = ["compare"]

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def compare(output: Image, expected: Image) -> Correctness:
    """Compare 8-bit images, sample by sample.

    Parameters
    ----------
    output, expected : ndarray of uint8, (H, W) or (H, W, C)
        `expected` is the reference's.
    """
    if output.shape != expected.shape:
        return Correctness(exact_size=False)
    difference = cv2.absdiff(output, expected)
    identical = float(np.count_nonzero(difference == 0)) / difference.size
    error = float(np.mean(np.square(difference, dtype=np.float64)))
    psnr = float(10 * np.log10(255**2 / error)) if error else float("inf")
    return Correctness(True, float(difference.max()), identical, psnr, _ssim(output, expected))


def _ssim(output: Image, expected: Image) -> float:
    """Return the structural similarity of Wang et al. (2004), the mean of all windows and channels."""
    one, other = output.astype(np.float32), expected.astype(np.float32)
    mean, mean_other = _blurred(one), _blurred(other)
    variances = _blurred(one * one) + _blurred(other * other) - mean * mean - mean_other * mean_other
    covariance = _blurred(one * other) - mean * mean_other
    above = (2 * mean * mean_other + _C1) * (2 * covariance + _C2)
    below = (mean * mean + mean_other * mean_other + _C1) * (variances + _C2)
    return float(np.mean(above / below, dtype=np.float64))


def _blurred(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    blurred: npt.NDArray[np.float32] = np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5), np.float32)
    return blurred
