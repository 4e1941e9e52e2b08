"""16 bits and floats by the compiled kernel equal Pillow's mode F, and it stores results as NumPy does."""

import numpy as np
import pytest
from check import layouts
from kernels import FILTERS, KERNELS, assert_bits, by_pillow, by_reference, case, fitted, random_case, samples
from test_kernel import ALPHA, CHANNELS, EXTREMES, WAYS, with_holes

from fastfit.resample import reference
from fastfit.resample.passes import HIDDEN, Passes
from fastfit.resample.store import Store, as_dtype, place
from fastfit.types import Size

RANGES = (1e-30, 1.0, 1e6, 1e30)
WIDE_STRIPS = [((900, 250), (1100, 3)), ((1300, 90), (1200, 2))]


def same_at_every_level(image, done, counted, **options):
    """Fit at every level, and return the result, which is the same to the last bit."""
    first = None
    for level in KERNELS:
        got = fitted(level, image, done, **options)
        first = got if first is None else first
        assert_bits(got, first, f"{level}: {done}")
        counted(level)
    return first


def floats(rng, done, channels):
    """Draw an image of floats, and return it and its range."""
    most = np.float32(rng.choice(RANGES))
    shape = (done.source.height, done.source.width, channels)
    return (samples(rng, shape, np.float32) - np.float32(rng.choice([0, 0.5]))) * most, most


# ---- Floats.


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.quick), 1, 2, 3])
def test_floats_are_pillows(seed, counted):
    rng = np.random.default_rng(seed)
    for _ in range(100):
        done = random_case(rng)
        image, most = floats(rng, done, int(rng.integers(1, 8)))
        got = same_at_every_level(image, done, counted)
        for expected in (by_pillow(image, done), by_reference(image, done)):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * most, err_msg=str(done))


@pytest.mark.parametrize(("source", "target"), [*EXTREMES, *WIDE_STRIPS])
def test_floats_of_extreme_sizes_are_pillows(source, target, counted):
    rng = np.random.default_rng(7)
    for resample in ("lanczos", "box", "mks2021"):
        for channels in (1, 3):
            done = case(source, target, resample)
            image, most = floats(rng, done, channels)
            got = same_at_every_level(image, done, counted)
            np.testing.assert_allclose(got, by_pillow(image, done), rtol=0, atol=1e-6 * most, err_msg=str(done))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("resample", FILTERS)
def test_what_is_not_finite_reaches_what_it_does_in_pillow(resample, odd, counted):
    rng = np.random.default_rng(7)
    for source, target in (*WAYS[:5], ((33, 21), (66, 42)), ((64, 48), (32, 24)), ((90, 30), (91, 29))):
        done = case(source, target, resample)
        image, _ = floats(rng, done, 3)
        at = rng.integers(0, (source[1], source[0], 3), (4, 3))
        image[tuple(at.T)] = odd
        image[0, 0, 0] = image[-1, -1, -1] = -odd
        with np.errstate(all="ignore"):
            got, expected = same_at_every_level(image, done, counted), by_pillow(image, done)
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected), str(done))
        # Whole pixels away Lanczos is 0 but for rounding, whose sign decides between an infinity and NaN.
        for kind in () if resample == "lanczos" else (np.isnan, np.isposinf, np.isneginf):
            np.testing.assert_array_equal(kind(got), kind(expected), f"{kind.__name__}: {done}")


def test_floats_overflow_as_in_pillow(counted):
    image = np.where(np.arange(6) % 2 == 0, 3.4e38, -3.4e38).astype(np.float32)[:, None, None].repeat(6, axis=1)
    for target in ((9, 11), (200, 300)):
        done = case((6, 6), target)
        got = same_at_every_level(image, done, counted)
        assert not np.isfinite(got).all()
        with np.errstate(all="ignore"):
            expected = by_pillow(image, done)
        np.testing.assert_array_equal(np.isinf(got), np.isinf(expected))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("channels", [*CHANNELS, 6])
@pytest.mark.parametrize(("source", "target"), WAYS)
def test_windows_are_slices_of_the_whole(source, target, channels, dtype, counted):
    image = samples(np.random.default_rng(7), (source[1], source[0], channels), dtype)
    whole = same_at_every_level(image, case(source, target), counted)
    width, height = target
    windows = [(0, 0, 1, 1), (width - 1, height - 1, width, height), (3, 0, 4, height), (0, 5, width, 6)]
    for window in (*windows, (2, 3, width - 5, height - 4)):
        done = case(source, target, window=window)
        assert_bits(same_at_every_level(image, done, counted), whole[done.rows_and_columns], str(done))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("channels", [*CHANNELS, 6])
@pytest.mark.parametrize(("source", "target"), WAYS)
def test_samples_may_lie_in_any_order(source, target, channels, dtype, counted):
    done = case(source, target)
    shape = (source[1], source[0], channels)
    image = samples(np.random.default_rng(7), shape, dtype)
    expected = same_at_every_level(image, done, counted)
    for level in KERNELS:
        for name, view, _ in layouts(shape, dtype):
            view[...] = image
            assert_bits(fitted(level, view, done), expected, f"{level}: input: {name}")
        for name, view, base in layouts(expected.shape, dtype):
            untouched, pattern = base.tobytes(), view.copy()
            assert_bits(fitted(level, image, done, out=view), expected, f"{level}: out: {name}")
            view[...] = pattern
            assert base.tobytes() == untouched, f"{level}: out: {name}: memory around it was written to"
        counted(level, 25)


# ---- 16 bits.


def exact(image, done):
    """Resample in float64, and round nothing."""
    for axis, dimension in ((done.passes.down, 0), (done.passes.across, 1)):
        if axis is None:
            start = (done.passes.top, done.passes.left)[dimension]
            lines = done.passes.size[1 - dimension]
            image = image.swapaxes(0, dimension)[start : start + lines].swapaxes(0, dimension)
            continue
        taps = reference.weights(axis)
        matrix = np.zeros((len(taps.first), axis.n_in))
        for line, (first, count) in enumerate(zip(taps.first, taps.counts, strict=True)):
            matrix[line, first : first + count] = taps.weights[line, :count]
        image = np.moveaxis(np.tensordot(matrix, image.astype(np.float64), (1, dimension)), 0, dimension)
    return image


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.quick), 1, 2, 3])
def test_16_bits_are_exact_sums_rounded_once(seed, counted):
    rng = np.random.default_rng(seed)
    for _ in range(100):
        done = random_case(rng)
        image = samples(rng, (done.source.height, done.source.width, int(rng.integers(1, 8))), np.uint16)
        got = same_at_every_level(image, done, counted)
        expected = np.clip(exact(image, done), 0, 65535)
        np.testing.assert_allclose(got, expected, rtol=0, atol=0.51, err_msg=str(done))


@pytest.mark.parametrize(("source", "target"), [*EXTREMES, *WIDE_STRIPS])
def test_16_bits_of_extreme_sizes_are_exact_sums_rounded_once(source, target, counted):
    rng = np.random.default_rng(7)
    for resample in ("lanczos", "mks2021"):
        for channels in (1, 3, 4):
            done = case(source, target, resample)
            image = samples(rng, (source[1], source[0], channels), np.uint16)
            got = same_at_every_level(image, done, counted)
            expected = np.clip(exact(image, done), 0, 65535)
            np.testing.assert_allclose(got, expected, rtol=0, atol=0.51, err_msg=str(done))


# ---- Tables and factors.


def table(rng, channels, dtype):
    """Draw what each level becomes."""
    unit = rng.random((channels, 256)) * (255 if dtype == np.uint8 else 6) - (0 if dtype == np.uint8 else 3)
    return Store(table=unit.astype(dtype))


def affine(rng, channels, kind, dtype):
    """Draw a factor, and a shift and a divisor for each channel; results spread over the range of a dtype."""
    whole, most = (np.iinfo(each).max if np.issubdtype(each, np.integer) else 1 for each in (kind, dtype))
    numbers = rng.uniform(0.1, 0.6, 2 * channels)
    numbers[:channels] *= most / 2
    return Store(affine=np.float64([most / whole, *numbers]))


def assert_is_stored_as_by_numpy(image, done, dtype, store, counted, **alpha):
    """Compare what the kernel stores with what NumPy makes of fitted samples, channels last and first."""
    plain = same_at_every_level(image, done, counted, **alpha)
    expected = np.empty(plain.shape, dtype)
    place(plain, expected, store)
    planes = np.zeros(np.moveaxis(plain, 2, 0).shape, dtype)
    for level in KERNELS:
        for out in (None, np.moveaxis(planes, 0, 2)):
            got = fitted(level, image, done, out=out, out_dtype=dtype, store=store, **alpha)
            assert_bits(got, expected, f"{level}: {done}")
        counted(level, 2)


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
@pytest.mark.parametrize("channels", [*CHANNELS, 5])
def test_8_bits_are_stored_by_a_table(channels, dtype, counted):
    rng = np.random.default_rng(channels)
    for source, target in WAYS:
        image, store = with_holes(rng, (source[1], source[0], channels)), table(rng, channels, dtype)
        for window in (None, (1, 2, target[0] - 3, target[1] - 4)):
            done = case(source, target, window=window)
            for alpha in ALPHA if channels in (2, 4) else [{}]:
                assert_is_stored_as_by_numpy(image, done, dtype, store, counted, **alpha)


@pytest.mark.quick
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32])
@pytest.mark.parametrize("channels", [*CHANNELS, 5])
def test_others_are_stored_scaled(channels, dtype, kind, counted):
    rng = np.random.default_rng(channels)
    for source, target in WAYS:
        image, store = samples(rng, (source[1], source[0], channels), kind), affine(rng, channels, kind, dtype)
        for window in (None, (1, 2, target[0] - 3, target[1] - 4)):
            assert_is_stored_as_by_numpy(image, case(source, target, window=window), dtype, store, counted)


# No conversion makes 16 bits of 8.
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(np.uint8, each) for each in (np.uint8, np.float16, np.float32)]
    + [(kind, each) for kind in (np.uint16, np.float32) for each in (np.uint8, np.uint16, np.float16, np.float32)],
)
def test_stores_into_any_strides(kind, dtype, counted):
    rng = np.random.default_rng(7)
    done, image = case((61, 47), (40, 52)), samples(rng, (47, 61, 3), kind)
    store = table(rng, 3, dtype) if kind == np.uint8 else affine(rng, 3, kind, dtype)
    for level in KERNELS:
        expected = fitted(level, image, done, out_dtype=dtype, store=store)
        for name, view, base in layouts(expected.shape, dtype):
            untouched, pattern = base.tobytes(), view.copy()
            got = fitted(level, image, done, out=view, out_dtype=dtype, store=store)
            assert_bits(got, expected, f"{level}: {name}")
            view[...] = pattern
            assert base.tobytes() == untouched, f"{level}: {name}: memory around it was written to"
            counted(level)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32])
def test_any_float_is_rounded_as_by_numpy(dtype, counted):
    # Random bits: many are huge, subnormal or NaN. Then all values of half precision, and numbers between them.
    rng = np.random.default_rng(7)
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    ties = [halves + offset for offset in (0, 0xFFF, 0x1000, 0x1001, 0x2000)]
    bits = np.concatenate([rng.integers(0, 1 << 32, 1 << 18, np.uint32), *ties])
    levels = (rng.integers(-10, 140_000, 1 << 16) / 2).astype(np.float32)
    given = np.concatenate([bits.view(np.float32), levels]).reshape(1, -1, 1)
    with np.errstate(all="ignore"):
        expected = as_dtype(given, np.dtype(dtype))
    for level, kernel in KERNELS.items():
        got = np.empty(given.shape, dtype)
        whole = Passes(None, None, 0, 0, Size(given.shape[1], 1), False)
        kernel.job(given.shape[1], whole, given.dtype, np.dtype(dtype), 1, None)(given, got)
        assert_bits(got, expected, level)
        counted(level)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_of_others_is_the_references(channels, kind, counted):
    rng = np.random.default_rng(channels)
    for source, target in WAYS:
        image = samples(rng, (source[1], source[0], channels), kind)
        image[rng.random(image.shape[:2]) < 0.3, -1] = 0
        for window in (None, (1, 2, target[0] - 3, target[1] - 4)):
            done = case(source, target, window=window)
            got = [fitted(level, image, done, premultiply=True, unpremultiply=True) for level in KERNELS]
            hidden = HIDDEN * (65535 if kind == np.uint16 else 1)
            floats = reference.unpremultiply(reference.convolve(reference.premultiply(image), done.passes), hidden)
            for level, each in zip(KERNELS, got, strict=True):
                assert_bits(each, got[0], f"{level}: {done}")
                counted(level)
            top = 65535 if kind == np.uint16 else 1.0
            off = 0.51 if kind == np.uint16 else 1e-6
            error = each.astype(np.float64) - (np.clip(floats, 0, top) if kind == np.uint16 else floats)
            shown = floats[..., -1:] > 0.05 * top  # what is divided by less alpha is off by as much more
            assert np.abs(error * shown).max() <= (off + 2e-6 * top) * 20
