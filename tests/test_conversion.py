"""Tensors: what is normalised, cast and laid out on the way is what it would be afterwards."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from check import check_fit
from pictures import MODES, picture
from PIL import Image

from fastfit import Fit, OptionError, fit
from fastfit.words import RESAMPLES

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MEANS, STDS = (*MEAN, 0.5), (*STD, 0.25)
SHAPES = ((61, 97), (61, 97, 1), (61, 97, 2), (61, 97, 3), (61, 97, 4))
TOPS = {np.uint8: 255, np.uint16: 65535, np.float32: 1}
DTYPES = tuple(TOPS)


def normalisation(image):
    """The usual one for an image of any depth and number of channels."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    return {"scale": 1 / TOPS[image.dtype.type], "mean": MEANS[:channels], "std": STDS[:channels]}


def afterwards(fitted, scale=1.0, mean=0.0, std=1.0, layout="HWC"):
    """What NumPy makes of a fitted image, in float64."""
    values = fitted.astype(np.float64)
    if values.ndim == 2 and layout == "CHW":
        values = values[..., None]
    channelwise = (np.asarray(level) if values.ndim == 3 else np.ravel(level)[0] for level in (mean, std))
    mean, std = channelwise
    values = (values * scale - mean) / std
    return np.moveaxis(values, 2, 0) if layout == "CHW" else values


def assert_is_afterwards(image, size, mode="cover", layout="CHW", atol=1e-6, **options):
    """Assert that fitting to a normalised tensor is fitting and normalising, and return the tensor."""
    how = normalisation(image)
    fitted = Fit(size, mode, **options)(image)
    got = Fit(size, mode, layout=layout, dtype="float32", **how, **options)(image)
    expected = afterwards(fitted, layout=layout, **how)
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    # Colours under little alpha are large, and float32 has only so many digits.
    np.testing.assert_allclose(got, expected, rtol=2e-7, atol=atol)
    return got


def turning(spec):
    """A spec of channels first as a function that takes and gives them last, for `check_fit`."""

    def run(image, out=None):
        if out is None:
            return np.moveaxis(spec(image), 0, 2)
        planes = np.moveaxis(out, 2, 0)
        assert spec(image, planes) is planes
        return out

    return run


def outs(shape, dtype):
    """Yield name, view of `shape` (any three axes) and the array that it is cut out of."""
    first, second, third = shape

    def cut(base_shape, view):
        base = (np.arange(np.prod(base_shape)) * 37 % 251).astype(dtype).reshape(base_shape)
        return view(base), base

    yield "contiguous", *cut(shape, lambda base: base)
    yield "one of a batch", *cut((3, *shape), lambda base: base[1])
    yield "last of a batch across", *cut((*shape, 3), lambda base: base[..., 2])
    yield "within", *cut((first + 2, second + 3, third + 5), lambda base: base[1:-1, 2:-1, 3:-2])
    yield "every other", *cut((2 * first, 3 * second, 2 * third), lambda base: base[::2, 1::3, 1::2])
    yield "turned round", *cut(shape, lambda base: base[::-1, ::-1, ::-1])
    yield "first axis reversed", *cut(shape, lambda base: base[::-1])
    yield "second axis reversed", *cut(shape, lambda base: base[:, ::-1])
    yield "third axis reversed", *cut(shape, lambda base: base[..., ::-1])
    yield "Fortran order", *cut(shape[::-1], lambda base: base.T)
    yield "first axis last", *cut((second, third, first), lambda base: np.moveaxis(base, 2, 0))
    yield "last axis first", *cut((third, first, second), lambda base: np.moveaxis(base, 0, 2))
    yield "axes swapped", *cut((first, third, second), lambda base: base.swapaxes(1, 2))


def sources(image):
    """Yield name and the same image in other strides."""
    yield "upside down", image[::-1].copy()[::-1]
    yield "mirrored", image[:, ::-1].copy()[:, ::-1]
    yield "Fortran order", np.asfortranarray(image)
    yield "every other", np.repeat(np.repeat(image, 2, axis=0), 3, axis=1)[::2, 1::3]
    if image.ndim == 3:
        yield "planes", np.moveaxis(np.moveaxis(image, 2, 0).copy(), 0, 2)
        yield "reversed channels", image[..., ::-1].copy()[..., ::-1]


def check_tensor(spec, image):
    """Assert what holds for a spec whatever it makes of an image, and return the result."""
    before = image.copy()
    result = spec(image)
    assert type(result) is np.ndarray
    assert (result.shape, result.dtype) == spec.form(image)
    assert result.flags.c_contiguous
    assert result.flags.writeable
    assert not np.shares_memory(result, image)
    first = result.copy()
    np.testing.assert_array_equal(spec(image), result)
    spec(image[::-1, ::-1])
    np.testing.assert_array_equal(result, first, "a later call wrote into an earlier result")
    for name, view in sources(image):
        np.testing.assert_array_equal(spec(view), result, f"input: {name}")
    for name, view, base in outs(result.shape, result.dtype) if result.ndim == 3 else ():
        untouched, pattern = base.copy(), view.copy()
        assert spec(image, view) is view
        np.testing.assert_array_equal(view, result, f"out: {name}")
        view[...] = pattern
        np.testing.assert_array_equal(base, untouched, f"out: {name}: memory around it was written to")
    np.testing.assert_array_equal(image, before, "the image was written to")
    return result


# ---------------------------------------------------------------------------------------------------------------
# As afterwards
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("resample", RESAMPLES)
def test_a_normalised_tensor_is_the_fitted_image_normalised(resample, mode, dtype):
    for shape in SHAPES:
        image = picture("holes", shape, dtype)
        fill = 0.25 * TOPS[dtype]
        for layout in ("CHW", "HWC"):
            assert_is_afterwards(image, (50, 43), mode, layout, resample=resample, fill=fill)


@pytest.mark.quick
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_each_of_256_levels_is_what_numpy_makes_of_it(channels, layout):
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(8, 32, 1), channels, axis=2)
    how = normalisation(image)
    got = Fit((32, 8), layout=layout, **how)(image)
    expected = afterwards(image, layout=layout, **how)
    np.testing.assert_array_equal(got, expected.astype(np.float32))
    in_float32 = ((image.astype(np.float32) * how["scale"] - how["mean"]) / how["std"]).astype(np.float32)
    np.testing.assert_allclose(
        got, np.moveaxis(in_float32, 2, 0) if layout == "CHW" else in_float32, rtol=0, atol=1e-6
    )


@pytest.mark.quick
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "options",
    [
        {"scale": 0.5},
        {"mean": 0.25},
        {"std": 0.25},
        {"scale": -2, "mean": (3,)},
        {"scale": 0},
        {"scale": 1.5, "std": [2]},
        {"mean": np.float32(0.25), "std": np.array(4)},
        {"dtype": "float32"},
        {"dtype": np.float32, "mean": 0},
    ],
)
def test_each_step_is_optional_and_scale_comes_before_mean_before_std(options, dtype, shape):
    image = picture("noise", shape, dtype)
    got = Fit((97, 61), **options)(image)
    steps = {name: np.ravel(value)[0] for name, value in options.items() if name != "dtype"}
    expected = afterwards(image, **steps)
    assert got.dtype == np.float32
    assert got.shape == image.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * max(1, np.abs(expected).max()))


def test_one_mean_and_std_count_for_every_channel():
    image = picture("smooth", (61, 97, 3))
    one = Fit((40, 30), scale=1 / 255, mean=0.5, std=0.25)(image)
    np.testing.assert_array_equal(one, Fit((40, 30), scale=1 / 255, mean=(0.5,) * 3, std=(0.25,) * 3)(image))
    mixed = Fit((40, 30), scale=1 / 255, mean=MEAN, std=0.25)(image)
    np.testing.assert_array_equal(mixed, Fit((40, 30), scale=1 / 255, mean=MEAN, std=(0.25,) * 3)(image))


@pytest.mark.quick
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_channels_first_alone_is_a_transposition(shape, dtype):
    image = picture("holes", shape, dtype)
    for size, mode in (((50, 43), "cover"), ((50, 43), "pad"), ((97, 43), "stretch"), ((97, 61), "stretch")):
        fitted = Fit(size, mode)(image)
        got = Fit(size, mode, layout="CHW")(image)
        assert got.dtype == dtype
        assert got.flags.c_contiguous
        np.testing.assert_array_equal(got, np.moveaxis(fitted if fitted.ndim == 3 else fitted[..., None], 2, 0))


@pytest.mark.parametrize("resample", ["lanczos", "linear"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_where_one_axis_or_none_is_resampled_the_tensor_is_the_same(shape, dtype, resample):
    image = picture("holes", shape, dtype)
    for size in ((97, 61), (97, 43), (50, 61), (97, 110), (150, 61)):
        for layout in ("CHW", "HWC"):
            assert_is_afterwards(image, size, "stretch", layout, resample=resample)
    assert_is_afterwards(image, (61, 61), "cover", resample=resample)
    assert_is_afterwards(image, (97, 80), "pad", resample=resample, fill=TOPS[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_sub_pixel_box_and_a_reducing_gap_go_with_tensors(shape, dtype):
    image = picture("holes", (shape[0] * 4, shape[1] * 4, *shape[2:]), dtype)
    assert_is_afterwards(image, (23, 17), reducing_gap=2)
    assert_is_afterwards(image, (23, 17), "pad", reducing_gap=1.5, centering=(0, 1))
    assert_is_afterwards(image, (23, 41), "stretch", box=(1.3, 2.6, 380.5, 200.25))
    assert_is_afterwards(image, (23, 41), "stretch", box=(1.3, 2.6, 380.5, 200.25), reducing_gap=3)


@pytest.mark.parametrize("edge", [1e-12, 1e-9])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_box_that_misses_whole_pixels_by_a_hair_goes_with_tensors(dtype, edge):
    image = picture("smooth", (61, 97, 3), dtype)
    for _, view in sources(image):
        assert_is_afterwards(view, (97, 61), "stretch", box=(edge, 0, 97, 61))


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 97), (40, 30)),
        ((61, 1), (40, 30)),
        ((1, 1), (40, 30)),
        ((61, 97), (1, 30)),
        ((61, 97), (40, 1)),
        ((61, 97), (1, 1)),
        ((1, 97), (97, 1)),
        ((61, 1), (1, 61)),
        ((1, 97), (1, 61)),
        ((1, 1), (1, 1)),
        ((1, 301), (2, 2)),
        ((3, 2), (2, 3)),
    ],
)
def test_lines_and_single_pixels_become_tensors(shape, size, dtype, layout):
    for channels in ((), (1,), (2,), (3,), (4,)):
        image = picture("holes", (*shape, *channels), dtype)
        for mode in MODES:
            how = normalisation(image)
            fitted = Fit(size, mode, fill=1)(image)
            got = Fit(size, mode, layout=layout, fill=1, **how)(image)
            np.testing.assert_allclose(got, afterwards(fitted, layout=layout, **how), rtol=2e-7, atol=1e-6)


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_results_are_whole(dtype, channels, layout):
    for shape, size in (((701, 203), (307, 1109)), ((203, 601), (1511, 347)), ((1300, 500), (500, 301))):
        image = picture("gradient", (*shape, channels), dtype)
        assert_is_afterwards(image, size, "stretch", layout, resample="bilinear")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_threads_that_fit_to_tensors_do_not_disturb_each_other(channels):
    images = [picture("noise", (90 + 40 * at, 220 - 20 * at, channels), seed=at) for at in range(4)]
    specs = [
        Fit((131, 97), "pad", layout="CHW", fill=9, **normalisation(images[0])),
        Fit((97, 131), scale=1 / 255, dtype="float16"),
        Fit((131, 97), "stretch", layout="CHW"),
        Fit((97, 131), channels=4 if channels in (1, 3) else 3, layout="CHW", mean=1),
    ]
    jobs = [(spec, image) for spec in specs for image in images]
    expected = [spec(image) for spec, image in jobs]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(lambda job: job[0](job[1]), jobs * 4), expected * 4, strict=True):
            np.testing.assert_array_equal(got, wanted)


# ---------------------------------------------------------------------------------------------------------------
# Other dtypes
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_half_floats_are_rounded_once(shape, dtype, layout):
    image = picture("smooth", shape, dtype)
    how = normalisation(image)
    got = Fit((50, 43), "pad", layout=layout, dtype="float16", **how)(image)
    expected = afterwards(Fit((50, 43), "pad")(image), layout=layout, **how)
    assert got.dtype == np.float16
    np.testing.assert_allclose(got.astype(np.float64), expected, rtol=2.0**-11, atol=1e-6)
    if dtype == np.uint8:
        np.testing.assert_array_equal(got, expected.astype(np.float16))


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_half_floats_hold_8_bits_as_they_are(layout):
    image = np.arange(256, dtype=np.uint8).reshape(8, 32)
    got = Fit((32, 8), dtype="float16", layout=layout)(image)
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got.reshape(8, 32), image)


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_8_bits_of_8_bits_are_scaled_rounded_and_clipped(channels, layout):
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(8, 32, 1), channels, axis=2)
    for options in ({"scale": 0.3}, {"scale": 1.7}, {"mean": 20}, {"scale": -1, "mean": -255}, {"std": 3}):
        got = Fit((32, 8), dtype="uint8", layout=layout, **options)(image)
        values = afterwards(image, layout=layout, **options)
        assert got.dtype == np.uint8
        np.testing.assert_allclose(got, np.clip(values, 0, 255), rtol=0, atol=0.5 + 1e-9)
        assert got[values > 255.5].min(initial=255) == 255
        assert got[values < -0.5].max(initial=0) == 0


def test_16_bits_become_8_by_a_scale():
    image = np.arange(65536, dtype=np.uint16).reshape(128, 512)
    got = Fit((512, 128), dtype="uint8", scale=1 / 257)(image)
    np.testing.assert_array_equal(got, (image.astype(np.uint32) + 128) // 257)
    fitted = picture("checkerboard", (61, 97, 3), np.uint16)
    got = Fit((150, 110), dtype="uint8", scale=1 / 257, layout="CHW")(fitted)
    exact = afterwards(Fit((150, 110))(fitted), scale=1 / 257, layout="CHW")
    np.testing.assert_allclose(got, exact, rtol=0, atol=0.51)


def test_16_bits_become_floats_without_a_scale():
    image = np.arange(65536, dtype=np.uint16).reshape(128, 512)
    got = Fit((512, 128), dtype="float32")(image)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, image)


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_16_bits_become_nothing_that_does_not_hold_them_without_a_scale(dtype):
    image = np.zeros((9, 7), np.uint16)
    spec = Fit((5, 4), dtype=dtype)
    for use in (spec, spec.form):
        with pytest.raises(OptionError) as caught:
            use(image)
        assert str(caught.value) == f"scale: expected a number, 1 / 257 say, to make {dtype} of uint16, got None"
    assert spec(image.astype(np.uint8)).dtype == dtype
    assert spec(image.astype(np.float32)).dtype == dtype
    assert Fit((5, 4), dtype=dtype, scale=1)(image).dtype == dtype
    out = np.full((4, 5), 7, dtype)
    with pytest.raises(OptionError, match=r"^scale: "):
        spec(image, out)
    np.testing.assert_array_equal(out, np.full_like(out, 7))


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_floats_become_8_bits_rounded_and_clipped(channels, layout):
    image = np.linspace(-1, 2, 61 * 97 * channels, dtype=np.float32).reshape(61, 97, channels)
    got = Fit((97, 61), dtype="uint8", scale=255, layout=layout)(image)
    values = afterwards(image, scale=255, layout=layout)
    assert got.dtype == np.uint8
    assert got.min() == 0
    assert got.max() == 255
    np.testing.assert_allclose(got, np.clip(values, 0, 255), rtol=0, atol=0.5 + 1e-4)
    plain = Fit((97, 61), dtype="uint8")(image * np.float32(300))
    np.testing.assert_array_equal(plain, np.clip(np.rint(image * np.float32(300)), 0, 255))


def test_overshoots_of_floats_are_clipped_at_the_end_and_not_before():
    image = picture("checkerboard", (61, 97, 3), np.float32)
    fitted = Fit((150, 110))(image)
    assert fitted.min() < -0.01
    assert fitted.max() > 1.01
    got = Fit((150, 110), scale=200, mean=-25, dtype="uint8")(image)
    np.testing.assert_allclose(got, np.clip(fitted * 200.0 + 25, 0, 255), rtol=0, atol=0.501)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("resample", ["lanczos", "bilinear", "linear"])
def test_what_is_not_finite_stays_so_without_a_warning(resample, value):
    image = picture("smooth", (200, 300, 3), np.float32)
    image[:3, :3, 0] = value
    for size in ((100, 70), (300, 200)):
        fitted = Fit(size, "stretch", resample=resample)(image)
        got = Fit(size, "stretch", resample=resample, scale=2, mean=MEAN, std=STD, layout="CHW")(image)
        with np.errstate(invalid="ignore"):
            expected = afterwards(fitted, scale=2, mean=MEAN, std=STD, layout="CHW")
        assert not np.isfinite(got[0, 0, 0])
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected))
        finite = np.isfinite(expected)
        np.testing.assert_allclose(got[finite], expected[finite], rtol=2e-7, atol=1e-6)


def test_infinite_floats_are_the_ends_of_8_bits():
    image = np.array([[np.inf, -np.inf, 0.5]], np.float32)
    assert Fit((3, 1), dtype="uint8", scale=255)(image).tolist() == [[255, 0, 128]]


@pytest.mark.parametrize("options", [{"dtype": "uint8"}, {"scale": 0}, {"dtype": "float16", "scale": 1e30}])
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_no_sample_is_a_reason_to_warn(layout, options):
    image = np.array([[np.nan, np.inf, -np.inf, 3e38, 0.5]], np.float32)
    got = Fit((5, 1), layout=layout, **options)(image)
    assert got.ravel()[4] == (np.inf if options.get("scale") == 1e30 else 0)


def test_floats_beyond_half_floats_are_infinite():
    image = np.array([[1e6, -1e6, 1]], np.float32)
    assert Fit((3, 1), dtype="float16")(image).tolist() == [[np.inf, -np.inf, 1.0]]


# ---------------------------------------------------------------------------------------------------------------
# Borders
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("size", "inner"), [((40, 51), np.s_[6:26, :]), ((61, 20), np.s_[:, 4:44])])
def test_borders_are_the_fill_of_the_images_own_range(size, inner, dtype, layout):
    image = picture("noise", (20, 40, 3), dtype)
    fill = tuple(np.array((1, 0.2, 0.6)) * TOPS[dtype])
    how = normalisation(image)
    got = Fit(size, "pad", fill=fill, centering=(0.2, 0.2), layout=layout, **how)(image)
    canvas = np.broadcast_to(np.array(fill), (size[1], size[0], 3)).copy()
    canvas[inner] = image
    np.testing.assert_allclose(got, afterwards(canvas, layout=layout, **how), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_borders_are_the_same_as_pixels_of_their_colour(dtype):
    for fill in range(0, 256, 5):
        image = np.full((20, 40, 3), fill, np.uint8)
        spec = Fit((40, 51), "pad", fill=fill, dtype=dtype, scale=0.37, mean=MEAN, std=STD, layout="CHW")
        got = spec(image)
        np.testing.assert_array_equal(got, np.broadcast_to(got[:, 25:26, :1], got.shape))


def test_a_fill_for_each_channel_is_rounded_before_it_is_scaled():
    got = Fit((9, 40), "pad", fill=(10.4, 200.6, 0), layout="CHW", scale=2)(np.zeros((9, 9, 3), np.uint8))
    assert got[:, 0, 0].tolist() == [20, 402, 0]


# ---------------------------------------------------------------------------------------------------------------
# out
# ---------------------------------------------------------------------------------------------------------------

SPECS = [
    Fit((40, 31), "pad", layout="CHW", scale=1 / 255, mean=0.4, std=0.2, fill=7),
    Fit((40, 31), scale=1 / 255, mean=0.4, std=0.2, resample="bicubic"),
    Fit((40, 31), layout="CHW"),
    Fit((40, 31), layout="CHW", dtype="float16", scale=0.01, resample="area"),
    Fit((40, 31), "stretch", dtype="float16", scale=0.01),
    Fit((40, 31), "pad", dtype="uint8", scale=0.003, layout="CHW", resample="bilinear"),
    Fit((31, 23), "stretch", layout="CHW", scale=1 / 255, box=(4, 5, 35, 28)),
    Fit((31, 23), "stretch", layout="CHW", box=(4, 5, 35, 28)),
    Fit((31, 40), "stretch", layout="CHW", scale=1 / 255, box=(4, 5, 35, 28)),
    Fit((40, 23), "stretch", scale=1 / 255, box=(4, 5, 35, 28)),
    Fit((40, 31), channels=3, layout="CHW", mean=0.5, fill=3),
    Fit((40, 31), "pad", channels=4, fill=3, resample="nearest"),
    Fit((40, 31), channels=1, scale=2),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_battery_for_tensors(spec, dtype):
    for shape in SHAPES:
        check_tensor(spec, picture("holes", shape, dtype))


@pytest.mark.parametrize("size", [(1, 31), (40, 1), (1, 1)])
@pytest.mark.parametrize("options", [{}, {"scale": 0.5}, {"scale": 0.5, "dtype": "float16"}], ids=str)
def test_the_battery_for_tensors_of_a_line(options, size):
    for shape in SHAPES:
        for layout in ("HWC", "CHW"):
            check_tensor(Fit(size, "stretch", layout=layout, **options), picture("holes", shape))


@pytest.mark.parametrize("shape", SHAPES[1:])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_battery_for_all_holds_where_channels_come_first(dtype, shape):
    check_fit(turning(Fit((40, 31), "pad", layout="CHW", fill=1)), picture("holes", shape, dtype), (40, 31))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_battery_for_all_holds_where_the_dtype_stays(shape):
    size = (40, 31)
    spec = Fit(size, "pad", scale=3, mean=0.5, std=0.2)
    check_fit(spec, picture("holes", shape, np.float32), size)
    check_fit(Fit(size, scale=0.5, dtype="uint8"), picture("holes", shape), size)
    if len(shape) == 3:
        first = Fit(size, scale=0.5, mean=normalisation(np.zeros(shape, np.uint8))["mean"], layout="CHW")
        check_fit(turning(first), picture("holes", shape, np.float32), size)


@pytest.mark.parametrize("source", [np.uint8, np.float32])
def test_a_batch_is_filled_row_by_row(source):
    spec = Fit((40, 31), channels=3, layout="CHW", dtype="float32", scale=1 / TOPS[source], mean=MEAN, std=STD)
    batch = np.full((5, 3, 31, 40), np.nan, np.float32)
    images = [picture("smooth", shape, source, seed=at) for at, shape in enumerate(SHAPES)]
    for image, row in zip(images, batch, strict=True):
        assert spec(image, row) is row
    for image, row in zip(images, batch, strict=True):
        np.testing.assert_array_equal(row, spec(image))


@pytest.mark.parametrize(
    "out_shape", [(31, 40, 3), (3, 40, 31), (1, 31, 40), (4, 31, 40), (31, 40), (1, 3, 31, 40)]
)
def test_an_out_of_another_shape_is_refused(out_shape):
    spec = Fit((40, 31), layout="CHW", scale=1)
    with pytest.raises(OptionError) as caught:
        spec(np.zeros((61, 97, 3), np.uint8), np.zeros(out_shape, np.float32))
    assert str(caught.value) == f"out: expected an array of float32 (3, 31, 40), got float32 {out_shape}"


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float64", ">f4"])
def test_an_out_of_another_dtype_is_refused(dtype):
    spec = Fit((40, 31), layout="CHW", scale=1)
    with pytest.raises(OptionError, match=r"^out: expected an array of float32 \(3, 31, 40\), got "):
        spec(np.zeros((61, 97, 3), np.uint8), np.zeros((3, 31, 40), dtype))


def test_a_grey_tensor_has_a_channel_axis_and_out_too():
    spec = Fit((40, 31), layout="CHW")
    image = picture("smooth", (61, 97))
    assert spec(image).shape == (1, 31, 40)
    with pytest.raises(OptionError, match=r"^out: .*\(1, 31, 40\), got uint8 \(31, 40\)$"):
        spec(image, np.zeros((31, 40), np.uint8))
    flat = Fit((40, 31), scale=1 / 255)(image)
    assert flat.shape == (31, 40)


def test_an_out_that_is_read_only_is_refused():
    out = np.zeros((3, 31, 40), np.float32)
    out.flags.writeable = False
    with pytest.raises(OptionError, match=r"^out: expected a writeable array, got a read-only one$"):
        Fit((40, 31), layout="CHW", scale=1)(np.zeros((61, 97, 3), np.uint8), out)


def test_an_out_that_overlaps_the_image_is_refused():
    memory = picture("noise", (3, 61, 97), np.float32)
    before = memory.copy()
    image = np.moveaxis(memory, 0, 2)
    spec = Fit((40, 31), layout="CHW")
    for out in (memory[:, :31, :40], memory[:, -31:, 1:81:2], memory[::-1, 30:61, 57:]):
        with pytest.raises(OptionError, match=r"^out: expected memory apart from the image's, got an overlap$"):
            spec(image, out)
    np.testing.assert_array_equal(memory, before)
    raw = np.zeros(3 * 31 * 40 * 4, np.uint8)
    with pytest.raises(OptionError, match="overlap"):
        Fit((40, 31), layout="CHW", scale=1)(
            raw[: 61 * 97].reshape(61, 97), raw.view(np.float32)[:1240].reshape(1, 31, 40)
        )


def test_out_may_be_beside_the_image_in_one_array():
    memory = picture("noise", (3, 31, 97), np.float32)
    image, out = np.moveaxis(memory[..., :57], 0, 2), memory[..., 57:]
    spec = Fit((40, 31), layout="CHW", scale=2)
    expected = spec(image.copy())
    np.testing.assert_array_equal(spec(image, out), expected)


# ---------------------------------------------------------------------------------------------------------------
# What depends on the image
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize(
    ("shape", "count"), [((9, 7), 3), ((9, 7, 1), 3), ((9, 7, 2), 3), ((9, 7, 4), 3), ((9, 7, 3), 4)]
)
def test_levels_for_other_channels_than_the_images_are_refused(shape, count, name):
    spec = Fit((5, 4), **{name: (0.5,) * count})
    channels = (*shape, 1)[2]
    for use in (spec, spec.form):
        expected = "1 value" if channels == 1 else f"1 or {channels} values"
        with pytest.raises(OptionError, match=rf"^{name}: expected {expected} for this image, got \(0.5, "):
            use(np.zeros(shape, np.uint8))


def test_levels_are_for_the_channels_of_the_result():
    spec = Fit((5, 4), channels=3, mean=MEAN, std=STD)
    for shape in ((9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4)):
        assert spec(np.zeros(shape, np.uint8)).shape == (4, 5, 3)


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_form_tells_what_comes(shape, channels, layout):
    for source in DTYPES:
        for dtype in (None, "uint8", "float16", "float32"):
            spec = Fit(
                (40, 31), channels=channels, layout=layout, dtype=dtype, scale=None if dtype is None else 0.5
            )
            image = picture("smooth", shape, source)
            got = spec(image)
            assert spec.form(image) == (got.shape, got.dtype)
            count = channels or (*shape, 1)[2]
            flat = layout == "HWC" and channels is None and len(shape) == 2
            assert got.shape == ((31, 40) if flat else (count, 31, 40) if layout == "CHW" else (31, 40, count))
            assert got.dtype == (dtype or source)


def test_the_functions_take_the_same_options():
    image = picture("smooth", (61, 97, 3))
    how = {"layout": "CHW", "scale": 1 / 255, "mean": MEAN, "std": STD, "channels": 3, "dtype": "float16"}
    np.testing.assert_array_equal(fit(image, (40, 31), "pad", **how), Fit((40, 31), "pad", **how)(image))


def test_pixels_of_a_tensor_are_pillows():
    image = picture("smooth", (61, 97, 3))
    resized = Image.fromarray(image).resize((40, 31), Image.Resampling.LANCZOS)
    got = Fit((40, 31), "stretch", layout="CHW", scale=1 / 255)(image)
    np.testing.assert_array_equal(got, np.moveaxis(np.asarray(resized) / 255, 2, 0).astype(np.float32))
