"""Where the subject is: `focus` tells how a crop lies that shows most of what draws the eye."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastfit.errors import OptionError, describe
from fastfit.resample import resample_into
from fastfit.types import MOST_COLORED, Box, Image

__all__ = ["focus"]

# Half or twice as large, they change what ``python -m benchmarks focus`` finds by less than one photograph of its
# 56 can: so they are round.
_SIDE = 128
"""Pixels of the small copy along its longer side."""
_SAMPLES = 3
"""Pixels of the image, along each side, that make one of the small copy: those between are not read."""
_STEPS = 65
"""Crops that are tried along an axis: an odd number, so that the one in the middle is among them."""
_PULL = 0.3
"""What a crop must be better by, of all there is, to lie at the edge and not in the middle."""
_SURROUNDINGS = 12
"""How far around an edge others make it count less, in pixels of the small copy."""
_SKIN = (0.78, 0.57, 0.44)
"""Red, green and blue of skin, of which only the direction counts: that of smartcrop.js."""
_BINS = 32
"""Of gradients from 0 to 0.5; those above are in the last."""

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]


def focus(image: Image, part: Box, crop: tuple[float, float], how: str) -> tuple[float, float]:
    """Find the centering by which a crop shows most of what draws the eye.

    Parameters
    ----------
    image : ndarray, (H, W, C)
        ``uint8``, ``uint16`` or ``float32``, any strides, grey or RGB, with alpha if C is 2 or 4; only read.
        Floats from 0 to 1 or from 0 to 255 are taken as they are, and stretched if they go beyond that.
    part : Box
        Within which the crop moves, in pixels of the image.
    crop : (float, float)
        Its width and height, in pixels of the image, no larger than `part`.
    how : {"attention", "entropy"}
        What draws the eye: edges that stand out, skin and strong colours; or the most different edges.

    Returns
    -------
    (float, float)
        ``(x, y)`` in [0, 1]: the crop begins at ``part.left + (part.width - width) * x``, and down alike. 0.5
        along an axis that leaves no room, and where nothing draws the eye.

    Raises
    ------
    OptionError
        Another word, or an image of more than 4 channels.

    Notes
    -----
    All is seen on a copy of 128 pixels along its longer side. 65 crops along each axis with room are compared,
    and the best is taken, the one nearest to the middle if several are. With t from 0 to 1 the centering, and s
    the share of the axis that the crop shows, its score is lessened by ``0.3·(2t − 1)²·(1 − s)`` for each axis:
    photographers put their subject near the middle.

    *Attention* is the idea of libvips' ``VIPS_INTERESTING_ATTENTION``, and of smartcrop.js before it: edges, skin
    and saturation. A pixel draws by ``max(e − ē − 1/255, 0) · (1 + 2·skin + saturation)``. There e is the absolute
    Laplacian of lightness, or that of alpha, and ē its mean within 12 pixels: so grass, gravel and
    foliage count little, be their edges ever so many. Skin is ``1 − d/0.2``, with d the distance of the colour's
    direction from that of skin, and saturation ``max − min`` of red, green and blue. A crop's score is the share
    of all this that it shows; what lies towards its edges counts up to a half less, ``1 − u²/2``, u from −1 to 1
    across the crop.

    *Entropy* is Shannon's, of a histogram, as libvips' ``VIPS_INTERESTING_ENTROPY``: but of gradients, 32 bins of
    them, not of levels, and of whole crops, where libvips shaves off one strip after the other. A crop's score is
    the ratio of its entropy to that of all.

    Examples
    --------
    >>> image = np.zeros((60, 120, 3), np.uint8)
    >>> image[20:40, 90:110] = 200, 150, 120
    >>> x, y = focus(image, Box(0, 0, 120, 60), (60, 60), "attention")
    >>> x > 0.8, y
    (True, 0.5)
    """
    score = {"attention": _attention, "entropy": _entropy}.get(how)
    if score is None:
        raise OptionError("how", "attention or entropy", describe(how))
    if image.shape[2] > MOST_COLORED:
        raise OptionError(
            "centering", f"numbers or a place for an image of {image.shape[2]} channels", describe(how)
        )
    shares = min(1.0, crop[0] / part.width), min(1.0, crop[1] / part.height)
    if min(shares) == 1:
        return 0.5, 0.5
    colours, alpha = _small(image, part)
    across, down = _centerings(shares[0]), _centerings(shares[1])
    pull = (2 * across - 1) ** 2 * (1 - shares[0]) + (2 * down[:, None] - 1) ** 2 * (1 - shares[1])
    return _best(score(colours, alpha, shares) - _PULL * pull, across, down)


def _best(scores: _Doubles, across: _Doubles, down: _Doubles) -> tuple[float, float]:
    # What the floats of the small copy are off by decides nothing.
    rows, columns = np.nonzero(scores >= scores.max() - 1e-6)
    x, y = across[columns], down[rows]
    apart = abs(x - 0.5) + abs(y - 0.5)
    nearest = apart <= apart.min() + 1e-9
    # One at either side: neither is better than the other, nor is what a mirrored image would give.
    return float(x[nearest].mean()), float(y[nearest].mean())


def _centerings(share: float) -> _Doubles:
    return np.linspace(0, 1, _STEPS) if share < 1 else np.full(1, 0.5)


def _attention(colours: _Floats, alpha: _Floats, shares: tuple[float, float]) -> _Doubles:
    """Return the score of each crop, down and across."""
    edges = np.maximum(_laplacian(_lightness(colours)), _laplacian(alpha))
    standing_out = np.maximum(edges - _mean_around(_mean_around(edges).T).T - 1 / 255, 0)
    drawn = standing_out * (1 + 2 * _skin(colours) + _saturation(colours)) * alpha
    return np.asarray(_shown(drawn[None], shares, 0.5)[0] / max(float(drawn.sum()), 1e-9))


def _entropy(colours: _Floats, alpha: _Floats, shares: tuple[float, float]) -> _Doubles:
    """Return the score of each crop, down and across."""
    steepness = np.maximum(_gradient(_lightness(colours)), _gradient(alpha)) * alpha
    bins = np.minimum((steepness * (2 * _BINS)).astype(np.intp), _BINS - 1)
    each = (bins == np.arange(_BINS)[:, None, None]).astype(np.float64)
    return _bits(_shown(each, shares)) / max(float(_bits(each.sum((1, 2)))), 1e-9)


def _bits(counts: _Doubles) -> _Doubles:
    """Return the entropy of histograms, the bins along the first axis."""
    parts = counts / counts.sum(0)
    return -np.asarray((parts * np.log2(np.maximum(parts, 1e-12))).sum(0))


def _shown(planes: _Doubles, shares: tuple[float, float], falling: float = 0.0) -> _Doubles:
    """Return what each crop shows of each plane, (planes, down, across)."""
    # The axis without room first: it leaves less to do. By einsum, for matmul would wake the threads of BLAS,
    # which on a busy machine takes ten times as long.
    for axis, share in sorted(((2, shares[0]), (1, shares[1])), key=lambda each: -each[1]):
        if share < 1:
            lines = np.ascontiguousarray(np.moveaxis(planes, axis, 2))
            weights = _windows(lines.shape[2], share, falling)
            planes = np.moveaxis(np.einsum("nyx,tx->nyt", lines, weights), 2, axis)
        else:
            planes = planes.sum(axis, keepdims=True)
    return planes


def _windows(length: int, share: float, falling: float) -> _Doubles:
    """Return what each pixel of an axis counts in each crop along it, (crops, pixels)."""
    half = share / 2
    middles = half + _centerings(share) * (1 - share)
    off = abs((np.arange(length) + 0.5) / length - middles[:, None])
    # A pixel may be in a crop in part; in crops of less than a pixel some are, too.
    inside = np.clip((half - off) * length + 0.5, 0, min(1, share * length))
    return np.asarray(inside * (1 - falling * np.minimum(off / half, 1) ** 2))


def _mean_around(lines: npt.NDArray[np.floating[Any]]) -> _Doubles:
    """Return the mean of what lies around each pixel of each line; beyond its ends there is nothing."""
    sums = np.cumsum(np.pad(lines, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    places = np.arange(lines.shape[1])
    begin, end = np.maximum(places - _SURROUNDINGS, 0), np.minimum(places + _SURROUNDINGS + 1, places.size)
    return np.asarray((sums[:, end] - sums[:, begin]) / (end - begin))


def _lightness(colours: _Floats) -> _Floats:
    return np.asarray(0.299 * colours[..., 0] + 0.587 * colours[..., 1] + 0.114 * colours[..., 2])


def _laplacian(plane: _Floats) -> _Floats:
    around = np.pad(plane, 1, mode="edge")
    total = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
    return np.asarray(abs(total - 4 * plane))


def _gradient(plane: _Floats) -> _Floats:
    around = np.pad(plane, 1, mode="edge")
    steepness = np.hypot(around[2:, 1:-1] - around[:-2, 1:-1], around[1:-1, 2:] - around[1:-1, :-2])
    return np.asarray(steepness / 2)


def _saturation(colours: _Floats) -> _Floats:
    # A maximum of three planes takes a tenth of the time of one along an axis of three.
    red, green, blue = np.moveaxis(colours, 2, 0)
    brightest, darkest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return np.asarray(brightest - darkest)


def _skin(colours: _Floats) -> _Floats:
    """Return how near each colour is to skin, from 0 to 1, as smartcrop.js has it; what is dark is not."""
    direction = np.array(_SKIN, np.float32) / np.float32(math.hypot(*_SKIN))
    length = np.maximum(_length(colours), 1e-6)
    distance = _length(colours / length[..., None] - direction)
    return np.where(_lightness(colours) > 0.2, np.maximum(1 - distance / 0.2, 0), np.float32(0))


def _length(colours: _Floats) -> _Floats:
    return np.asarray(np.sqrt(np.einsum("ijk,ijk->ij", colours, colours)))


def _small(image: Image, part: Box) -> tuple[_Floats, _Floats]:
    """Return a small copy of a part: its colours, (h, w, 3), and alpha, (h, w), from 0 to 1."""
    sampled, size = _sampled(image, part)
    if sampled.shape[2] in (1, 3):
        return np.broadcast_to(_shrunk(sampled, size), (*size, 3)), np.ones(size, np.float32)
    alpha = _from_0_to_1(sampled[..., -1:])
    weighted = _means(_from_0_to_1(sampled[..., :-1]) * alpha, size)
    alpha = _means(alpha, size)
    # What lies behind is of the mean colour: no edge, whatever the colours of transparent pixels.
    mean = weighted.sum((0, 1)) / max(float(alpha.sum()), 1e-6)
    return np.broadcast_to(weighted + (1 - alpha) * mean, (*size, 3)), alpha[..., 0]


def _sampled(image: Image, part: Box) -> tuple[Image, tuple[int, int]]:
    """Return a view of some pixels of a part, evenly apart, and the height and width of the small copy."""
    left, top = math.floor(part.left), math.floor(part.top)
    cut = image[top : max(math.ceil(part.bottom), top + 1), left : max(math.ceil(part.right), left + 1)]
    scale = min(1.0, _SIDE / max(cut.shape[:2]))
    height, width = (max(1, round(length * scale)) for length in cut.shape[:2])
    return cut[_every(cut.shape[0], height), _every(cut.shape[1], width)], (height, width)


def _every(length: int, small: int) -> slice:
    """Return which pixels of an axis are read: the same ones from either end."""
    wanted = max(1, length // (small * _SAMPLES))
    # A step that leaves an odd rest cannot lie in the middle. That of 1 leaves none.
    step = next(step for step in range(wanted, 0, -1) if (length - 1) % step % 2 == 0)
    return slice((length - 1) % step // 2, None, step)


def _shrunk(samples: Image, size: tuple[int, int]) -> _Floats:
    """Return means of samples of any dtype, as floats from 0 to 1."""
    if samples.dtype == np.float32:
        return _means(_from_0_to_1(samples), size)
    return _from_0_to_1(_means(samples, size))  # there are fewer of them then


def _means(samples: Image, size: tuple[int, int]) -> Image:
    samples = np.ascontiguousarray(samples)  # OpenCV copies too, but does not take all strides
    out = np.empty((*size, samples.shape[2]), samples.dtype)
    resample_into(samples, Box(0, 0, samples.shape[1], samples.shape[0]), out, "area", alpha=False)
    return out


def _from_0_to_1(samples: Image) -> _Floats:
    """Return samples of any dtype as floats from 0 to 1."""
    if samples.dtype != np.float32:
        return np.multiply(samples, np.float32(1 / np.iinfo(samples.dtype).max), dtype=np.float32)
    finite = np.isfinite(samples)
    if not finite.all():
        samples = np.where(finite, samples, np.float32(0))
    low, high = float(samples.min()), float(samples.max())
    if low >= 0 and high <= 1:
        return samples
    if low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    # The distance between two floats need not be one.
    return np.asarray((samples.astype(np.float64) - low) / (high - low), np.float32)
