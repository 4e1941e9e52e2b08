"""Makes the vectors of ``fastfit selftest``: ``PYTHONPATH=tests python -m selftest_vectors`` writes them.

Pillow makes the results of 8 bits; the plans that they need are pure arithmetic with tests of their own. Pillow
has no exact sums of 16 bits and floats: NumPy makes those, by the plain code of `fastfit.resample.reference`. Each
is compared with `reference.resize`, which shares nothing with fastfit, and grey floats with Pillow's mode ``F``.
"""

import dataclasses
import sys

import numpy as np
import reference
from PIL import Image, ImageOps

from fastfit.proof.cases import CASES
from fastfit.proof.testing import VECTORS
from fastfit.resample import by_kernel


def made():
    """Return the results of all cases, one after the other, as a flat array for each dtype."""
    flat = {}
    for case in CASES:
        result = expected(case)
        flat.setdefault(result.dtype.name, []).append(result.ravel())
    return {name: np.concatenate(flat[name]) for name in sorted(flat)}


def expected(case):
    """Return what a case is to give."""
    if case.dtype == "uint8":
        return converted(by_pillow(case), case.spec)
    with by_kernel(None):
        result = case.fitted()
    check(case, result)
    return result


def by_pillow(case):
    """Fit 8 bits with Pillow: ``(H, W, C)`` before anything is converted."""
    image, spec = case.image(), case.spec
    if case.channels > 4 or not spec.alpha:
        planes = [resized(plane, spec) for plane in np.moveaxis(image, 2, 0)]
        return np.stack(planes, axis=2)
    planned = spec.plan(case.source)
    picture = resized(image.squeeze(2) if case.channels == 1 else image, spec, planned)
    picture = picture.reshape(*picture.shape[:2], -1)
    if spec.channels == 3 and case.channels == 1:
        picture = np.repeat(picture, 3, axis=2)
    canvas = np.empty((planned.dst.height, planned.dst.width, picture.shape[2]), np.uint8)
    canvas[:] = spec.fill
    left, top, right, bottom = (int(edge) for edge in planned.inner)
    canvas[top:bottom, left:right] = picture
    if spec.box is None and spec.mode != "stretch" and spec.channels is None:
        np.testing.assert_array_equal(canvas, whole(image, spec).reshape(canvas.shape))
    if case.window is not None:
        left, top, right, bottom = (int(edge) for edge in case.window)
        canvas = canvas[top:bottom, left:right]
    return canvas


def resized(image, spec, planned=None):
    """Resize with Pillow: the crop of a plan to its size, or the whole image."""
    picture, method = Image.fromarray(np.ascontiguousarray(image)), Image.Resampling[spec.resample.upper()]
    box = None if planned is None or planned.crop == (0, 0, *picture.size) else tuple(planned.crop)
    size = spec.size if planned is None else planned.inner_size
    return np.asarray(picture.resize(size, method, box, spec.reducing_gap))


def whole(image, spec):
    """Fit with Pillow alone."""
    picture = Image.fromarray(np.ascontiguousarray(image.squeeze()))
    method, place = Image.Resampling[spec.resample.upper()], spec.centering
    if spec.mode == "cover":
        return np.asarray(ImageOps.fit(picture, spec.size, method, centering=place))
    return np.asarray(ImageOps.pad(picture, spec.size, method, color=spec.fill, centering=place))


def converted(samples, spec):
    """Normalize in float64, round once, and put the channels where they are wanted."""
    if spec.dtype is not None:
        mean, std = (default if given is None else given for given, default in ((spec.mean, 0), (spec.std, 1)))
        samples = ((samples * np.float64(spec.scale) - np.array(mean)) / np.array(std)).astype(spec.dtype)
    return samples.transpose(2, 0, 1) if spec.layout == "CHW" else samples


def check(case, result):
    """Compare 16 bits and floats with what does not share their code; but averages of blocks, which have tests."""
    image, spec = case.image(), case.spec
    if spec.reducing_gap is not None:
        return
    samples = result.transpose(1, 2, 0) if spec.layout == "CHW" else result
    alpha, top = case.channels in (2, 4), 65535 if image.dtype == np.uint16 else 1
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = reference.resize(image, spec.size, spec.resample, spec.box, alpha=alpha)
    if spec.dtype is not None:
        wanted = converted(reference.as_dtype(sums, image.dtype), dataclasses.replace(spec, layout="HWC"))
        level = 1 / 65535 / min(spec.std or (1,))  # halves of 16 bits may be rounded either way
        atol = 3e-3 if result.dtype == np.float16 else 1.05 * level
        np.testing.assert_allclose(samples, wanted, rtol=0, atol=atol)
        return
    # Where there is next to no alpha, colors are noise.
    told = sums[..., -1] > 0.05 * top if alpha else np.full(sums.shape[:2], fill_value=True)
    wanted = np.clip(sums, 0, 65535) if image.dtype == np.uint16 else sums
    tolerance = 0.51 if image.dtype == np.uint16 else 2e-5 if alpha else 1e-6 * max(1, np.abs(sums).max())
    np.testing.assert_allclose(samples.astype(np.float64)[told], wanted[told], rtol=0, atol=tolerance)
    if case.channels == 1 and image.dtype == np.float32:
        pillows = resized(image[..., 0], spec, spec.plan(case.source))
        np.testing.assert_allclose(samples[..., 0], pillows, rtol=0, atol=2e-6)


def write(file):
    """Write the vectors: without compression, whose bytes depend on the version of zlib."""
    np.savez(file, **made())


if __name__ == "__main__":
    write(VECTORS)
    sys.stdout.write(f"{VECTORS}: {VECTORS.stat().st_size} bytes, {len(CASES)} cases\n")
