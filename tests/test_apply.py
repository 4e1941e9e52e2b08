import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from check import check_fit
from hypothesis import given
from hypothesis import strategies as st
from pictures import MODES, picture
from PIL import Image

import fastfit
from fastfit import Fit, ImageError, OptionError, Size, SizeError, apply, cover, fit, pad, plan, stretch
from fastfit.kept import forget
from fastfit.resample import SUPPORT, kernel
from fastfit.words import CONVOLUTIONS, RESAMPLES

DTYPES = (np.uint8, np.uint16, np.float32)
CHANNELS = ((), (1,), (2,), (3,), (4,))
INTERPOLATIONS = RESAMPLES[len(CONVOLUTIONS) :]
SHARPENING = ("mks2013", "mks2021")
"""Convolutions that change an image even where it keeps its size."""
BAD_OPTIONS = [
    ({"size": (0, 5)}, SizeError, "size"),
    ({"size": "big"}, SizeError, "size"),
    ({"mode": "contain"}, OptionError, "mode"),
    ({"mode": None}, OptionError, "mode"),
    ({"resample": "LANCZOS"}, OptionError, "resample"),
    ({"resample": None}, OptionError, "resample"),
    ({"resample": ["box"]}, OptionError, "resample"),
    ({"centering": 0.5}, OptionError, "centering"),
    ({"centering": (0.5, 2)}, OptionError, "centering"),
    ({"fill": "white"}, OptionError, "fill"),
    ({"fill": None}, OptionError, "fill"),
    ({"fill": ()}, OptionError, "fill"),
    ({"fill": (1, "2", 3)}, OptionError, "fill"),
    ({"fill": [[1, 2], [3, 4]]}, OptionError, "fill"),
    ({"fill": [[1], [2, 3]]}, OptionError, "fill"),
    ({"fill": float("nan")}, OptionError, "fill"),
    ({"fill": (0, 0, float("inf"))}, OptionError, "fill"),
    ({"fill": 1j}, OptionError, "fill"),
    ({"fill": 10**400}, OptionError, "fill"),
    ({"box": 5}, OptionError, "box"),
    ({"box": (0, 0, 5)}, OptionError, "box"),
    ({"box": (0, 0, 5, float("nan"))}, OptionError, "box"),
    ({"box": "0055"}, OptionError, "box"),
    ({"reducing_gap": 0.99}, OptionError, "reducing_gap"),
    ({"reducing_gap": float("nan")}, OptionError, "reducing_gap"),
    ({"reducing_gap": "2"}, OptionError, "reducing_gap"),
    ({"reducing_gap": 2, "resample": "area"}, OptionError, "reducing_gap"),
]


# ---------------------------------------------------------------------------------------------------------------
# The spec
# ---------------------------------------------------------------------------------------------------------------


def specs():
    return [
        Fit("40x30"),
        Fit("40x30", "pad", fill=(1, 2, 3)),
        Fit("40x30", "pad", fill=0.5, resample="area"),
        Fit("40x30", "stretch", box=(1, 2, 30.5, 20), reducing_gap=2, alpha=False, centering=(0, 1)),
    ]


@pytest.mark.parametrize("spec", specs(), ids=str)
def test_a_spec_is_a_value(spec):
    again = dataclasses.replace(spec)
    assert again == spec
    assert hash(again) == hash(spec)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert eval(repr(spec), vars(fastfit)) == spec
    assert sum(spec == other for other in specs()) == 1


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Fit)])
def test_a_spec_is_frozen(name):
    spec = Fit("40x30")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(spec, name, None)


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"size": (40, 30)}, {"size": "40x30"}),
        ({"size": np.array([40, 30])}, {"size": Size(40, 30)}),
        ({"centering": [0, 1]}, {"centering": (0.0, 1.0)}),
        ({"fill": [1, 2, 3]}, {"fill": (1, 2, 3)}),
        ({"fill": np.array([1, 2, 3], np.uint8)}, {"fill": (1, 2, 3)}),
        ({"fill": np.float32(0.5)}, {"fill": 0.5}),
        ({"box": [0, 0, 5, 5]}, {"box": (0.0, 0.0, 5.0, 5.0)}),
        ({"box": np.array([0.5, 0, 5, 5])}, {"box": (0.5, 0, 5, 5)}),
        ({"reducing_gap": np.float64(2)}, {"reducing_gap": 2}),
    ],
)
def test_equal_specs_are_equal_however_written(options, same):
    one, other = (Fit(**{"size": "40x30", **given}) for given in (options, same))
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1
    assert eval(repr(one), vars(fastfit)) == one


@pytest.mark.quick
@pytest.mark.parametrize(("options", "error", "name"), BAD_OPTIONS)
def test_bad_options_raise_at_construction(options, error, name):
    with pytest.raises(error) as caught:
        Fit(**{"size": "40x30", **options})
    assert type(caught.value) is error
    assert caught.value.name == name
    assert str(caught.value).startswith(f"{name}: expected ")


@pytest.mark.parametrize("resample", RESAMPLES)
@pytest.mark.parametrize("mode", MODES)
def test_a_spec_plans_what_it_applies(mode, resample):
    planned = Fit((50, 40), mode, resample, centering=(0.2, 0.7), box=(1.3, 2.6, 90.5, 60.2)).plan((97, 61))
    exact = plan((97, 61), (50, 40), mode, centering=(0.2, 0.7), box=(1.3, 2.6, 90.5, 60.2))
    assert planned == (exact.in_floats() if resample in CONVOLUTIONS else exact.snapped())
    if resample in CONVOLUTIONS:
        reducing = Fit((50, 40), mode, resample, centering=(0.2, 0.7), box=(1.3, 2.6, 90.5, 60.2), reducing_gap=2)
        assert reducing.plan((97, 61)) == exact


def test_a_box_beyond_the_image_is_found_when_the_image_is_there():
    spec = Fit((50, 40), box=(0, 0, 98, 61))
    with pytest.raises(OptionError, match=r"^box: expected .* within 97x61"):
        spec(np.zeros((61, 97), np.uint8))
    assert spec(np.zeros((61, 98), np.uint8)).shape == (40, 50)


@pytest.mark.quick
def test_functions_are_the_spec_applied():
    image, out = picture("smooth", (61, 97, 3)), np.empty((40, 50, 3), np.uint8)
    options = {"resample": "bicubic", "centering": (0, 1), "fill": 9, "box": (3, 3, 60.5, 50)}
    for mode, function in (("pad", pad), ("cover", cover), ("stretch", stretch)):
        expected = Fit((50, 40), mode, **options)(image)
        np.testing.assert_array_equal(function(image, (50, 40), **options), expected)
        np.testing.assert_array_equal(fit(image, (50, 40), mode, **options), expected)
        assert function(image, (50, 40), out=out, **options) is out
        assert fit(image, (50, 40), mode, out=out, **options) is out
        np.testing.assert_array_equal(out, expected)


def test_fit_passes_every_option_on():
    image = picture("holes", (120, 200, 4))
    options = {"reducing_gap": 1.0, "alpha": False, "box": (1, 1, 199, 119)}
    np.testing.assert_array_equal(fit(image, (20, 15), **options), Fit((20, 15), **options)(image))
    assert np.any(fit(image, (20, 15), **options) != fit(image, (20, 15), box=(1, 1, 199, 119)))


def test_defaults_are_cover_and_lanczos():
    image = picture("smooth", (61, 97, 3))
    expected = fit(image, (40, 40), "cover", resample="lanczos", centering=(0.5, 0.5), alpha=True)
    np.testing.assert_array_equal(fit(image, (40, 40)), expected)


# ---------------------------------------------------------------------------------------------------------------
# The battery
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("resample", RESAMPLES)
def test_every_way_to_fit(resample, mode, dtype, channels):
    image = picture("holes", (23, 31, *channels), dtype)
    check_fit(Fit((17, 40), mode, resample, fill=1), image, (17, 40))


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resample", ["lanczos", "box", "linear", "area"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (31, 9), (9, 23), (31, 23)])
@pytest.mark.parametrize("shape", [(23, 31)])
def test_every_way_to_fit_to_thin_and_equal_sizes(shape, size, resample, dtype, channels):
    image = picture("holes", shape + channels, dtype)
    check_fit(Fit(size, "stretch", resample), image, size)


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_every_way_to_fit_a_thin_source(shape, mode, channels):
    image = picture("noise", shape + channels)
    for size in ((1, 1), (40, 30), (1, 50), (50, 1)):
        check_fit(Fit(size, mode), image, size)


@pytest.mark.quick
@pytest.mark.parametrize("channels", [(3,), (4,)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gap", [1.0, 2.0])
def test_every_way_to_fit_with_a_reducing_gap(gap, dtype, channels):
    image = picture("holes", (97, 121, *channels), dtype)
    check_fit(Fit((11, 20), "cover", reducing_gap=gap, box=(1.5, 0, 121, 95.5)), image, (11, 20))


@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from(MODES),
    st.sampled_from(RESAMPLES),
    st.sampled_from(DTYPES),
    st.sampled_from(CHANNELS),
)
def test_every_pixel_is_written_at_any_sizes(src, dst, mode, resample, dtype, channels):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    image = np.full((src[1], src[0], *channels), top, dtype)
    # What is not written stays at 0, and what is read from elsewhere is hardly the highest value.
    out = np.zeros((dst[1], dst[0], *channels), dtype)
    assert fit(image, dst, mode, resample=resample, fill=top, out=out) is out
    atol = 1e-6 if dtype == np.float32 else 0
    np.testing.assert_allclose(out.astype(np.float64), np.full(out.shape, float(top)), rtol=0, atol=atol)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(1, 10000, 3), (10000, 1, 3), (10000, 1), (1, 10000)])
def test_extremes_have_the_size_asked_for(shape, mode):
    for size in ((1280, 720), (1, 10000), (10000, 1), (1, 1)):
        out = fit(np.full(shape, 200, np.uint8), size, mode, fill=200)
        np.testing.assert_array_equal(out, np.full((size[1], size[0], *shape[2:]), 200, np.uint8))


@pytest.mark.parametrize("resample", ["lanczos", "linear"])
def test_a_box_narrower_than_a_pixel(resample):
    image = picture("noise", (61, 97, 3))
    for box in ((40.2, 30.3, 40.4, 30.5), (96.9999, 60.9999, 97, 61), (0, 0, 1e-6, 1e-6)):
        for mode in MODES:
            assert fit(image, (5, 4), mode, resample=resample, box=box).shape == (4, 5, 3)


@pytest.mark.parametrize("resample", ["lanczos", "area"])
def test_an_image_repeated_by_a_stride_of_zero(resample):
    row = picture("noise", (1, 97, 3))
    image = np.broadcast_to(row, (61, 97, 3))
    np.testing.assert_array_equal(
        fit(image, (40, 30), resample=resample), fit(image.copy(), (40, 30), resample=resample)
    )


@pytest.mark.quick
def test_many_threads_do_not_share_working_memory():
    images = [picture("noise", (200 + 40 * at, 300 - 20 * at, at % 4 + 1), seed=at) for at in range(8)]
    spec = Fit((173, 131), "pad")
    expected = [spec(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(spec, images * 6), expected * 6, strict=True):
            np.testing.assert_array_equal(got, wanted)


# ---------------------------------------------------------------------------------------------------------------
# Equal sizes
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.quick
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_equal_size_copies_every_bit(dtype, channels):
    image = picture("holes", (23, 31, *channels), dtype)
    for mode, resample in product(MODES, RESAMPLES):
        got = fit(image, (31, 23), mode, resample=resample)
        np.testing.assert_array_equal(got, image, f"{mode}, {resample}")
        assert not np.shares_memory(got, image)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_crop_of_whole_pixels_copies_every_bit(dtype, channels):
    for resample in RESAMPLES:
        if resample not in SHARPENING:
            _assert_crops_are_copied(resample, dtype, channels)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resample", SHARPENING)
def test_filters_that_sharpen_copy_an_axis_that_is_whole(resample, dtype, channels):
    # Rows that are all the same show what is done across, and what is not done down.
    image = picture("noise", (1, 60, *channels), dtype).repeat(40, axis=0)
    covered = cover(image, (40, 40), resample=resample)
    # The younger one takes 1/1152 of samples 4 pixels away, which is less than half a level of 8 bits.
    assert np.any(covered != image[:, 10:50]) or (resample, dtype) == ("mks2021", np.uint8)
    np.testing.assert_array_equal(covered, covered[:1].repeat(40, axis=0))
    np.testing.assert_array_equal(pad(image, (60, 50), resample=resample, fill=1)[5:45], image)
    noise = picture("noise", (40, 60, *channels), dtype)
    boxed = stretch(noise, (9, 40), resample=resample, box=(7, 0, 16, 40))
    # Each row by itself: nothing is done down.
    for row in range(0, 40, 7):
        alone = stretch(noise[row : row + 1], (9, 1), resample=resample, box=(7, 0, 16, 1))
        np.testing.assert_array_equal(boxed[row], alone[0])


def _assert_crops_are_copied(resample, dtype, channels):
    image = picture("holes", (40, 60, *channels), dtype)
    np.testing.assert_array_equal(cover(image, (40, 40), resample=resample), image[:, 10:50])
    np.testing.assert_array_equal(
        stretch(image, (9, 5), resample=resample, box=(7, 11, 16, 16)), image[11:16, 7:16]
    )
    np.testing.assert_array_equal(pad(image, (60, 50), resample=resample, fill=1)[5:45], image)


# ---------------------------------------------------------------------------------------------------------------
# Fill
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("dtype", "value"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, -0.25)])
def test_fill_is_all_that_is_left(dtype, value, channels):
    image = picture("smooth", (20, 40, *channels), dtype)
    out = pad(image, (40, 51), fill=value, centering=(0.5, 0.2))
    expected = np.full((51, 40, *channels), value, dtype)
    expected[6:26] = image
    np.testing.assert_array_equal(out, expected)
    tall = pad(image, (61, 20), fill=value, centering=(1, 0.5))
    np.testing.assert_array_equal(tall[:, :21], np.full_like(tall[:, :21], value))
    np.testing.assert_array_equal(tall[:, 21:], image)


@pytest.mark.parametrize("dtype", DTYPES)
def test_fill_for_each_channel(dtype):
    fill = (0, 1, 0.5 if dtype == np.float32 else 5)
    out = pad(np.zeros((20, 40, 3), dtype), (40, 40), fill=fill)
    np.testing.assert_array_equal(out[:10], np.broadcast_to(np.array(fill, dtype), (10, 40, 3)))
    np.testing.assert_array_equal(out[30:], np.broadcast_to(np.array(fill, dtype), (10, 40, 3)))


def test_fill_is_rounded_for_integers():
    out = pad(np.zeros((20, 40, 2), np.uint8), (40, 40), fill=(127.4, 127.6))
    assert out[0, 0].tolist() == [127, 128]


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [(np.uint8, 256), (np.uint8, -1), (np.uint8, (0, 0, 300)), (np.uint16, 65536), (np.uint16, -0.1)],
)
def test_fill_out_of_range(dtype, fill):
    with pytest.raises(OptionError, match=r"^fill: expected values from 0 to (255|65535) for uint(8|16), got "):
        pad(np.zeros((20, 40, 3), dtype), (40, 40), fill=fill)


@pytest.mark.parametrize(
    ("channels", "fill"), [((), (1, 2)), ((3,), (1, 2)), ((4,), (1, 2, 3)), ((2,), (1, 2, 3))]
)
def test_fill_of_a_wrong_count(channels, fill):
    with pytest.raises(OptionError, match=r"^fill: expected 1 or [1-4] values for this image, got \(1, 2"):
        pad(np.zeros((20, 40, *channels), np.uint8), (40, 40), fill=fill)


# ---------------------------------------------------------------------------------------------------------------
# Alpha
# ---------------------------------------------------------------------------------------------------------------


def cut_out(dtype):
    """Opaque green on the left, red under alpha 0 on the right."""
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    image = np.zeros((40, 60, 4), dtype)
    image[:, :31] = (0, top, 0, top)
    image[:, 31:] = (top, 0, 0, 0)
    return image, top


@pytest.mark.parametrize("size", [(150, 110), (23, 17), (61, 41), (13, 90), (150, 40)])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_hidden_colours_do_not_bleed(dtype, resample, size):
    image, top = cut_out(dtype)
    red, green, _, alpha = np.moveaxis(stretch(image, size, resample=resample).astype(np.float64) / top, 2, 0)
    visible = alpha > 0.02
    assert 0.3 < visible.mean() < 0.7
    assert np.abs(red[visible]).max() < 0.01
    assert np.abs(green[visible] - 1).max() < 0.15


@pytest.mark.parametrize("dtype", DTYPES)
def test_hidden_colours_bleed_where_alpha_is_to_be_a_colour(dtype):
    # The test above would see a fringe if there were one.
    image, top = cut_out(dtype)
    red, _, _, alpha = np.moveaxis(stretch(image, (150, 110), alpha=False).astype(np.float64) / top, 2, 0)
    assert red[alpha > 0.2].max() > 0.3


@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_hidden_colours_do_not_bleed_over_a_reducing_gap(resample):
    image = np.repeat(np.repeat(cut_out(np.uint8)[0], 5, axis=0), 5, axis=1)
    out = stretch(image, (23, 17), resample=resample, reducing_gap=2)
    assert out[..., 0][out[..., 3] > 5].max() <= 2


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_without_alpha_every_channel_is_a_picture(resample, dtype, channels):
    image = picture("holes", (61, 97, channels), dtype)
    got = stretch(image, (40, 70), resample=resample, alpha=False)
    for at in range(channels):
        np.testing.assert_array_equal(got[..., at], stretch(image[..., at], (40, 70), resample=resample))
    assert np.any(got != stretch(image, (40, 70), resample=resample))


@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_interpolations_take_alpha_for_a_colour(resample):
    image = picture("holes", (61, 97, 4))
    plain = stretch(image, (40, 70), resample=resample, alpha=False)
    np.testing.assert_array_equal(stretch(image, (40, 70), resample=resample), plain)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_without_an_alpha_channel_the_option_means_nothing(channels):
    image = picture("holes", (61, 97, *channels))
    np.testing.assert_array_equal(fit(image, (40, 70), alpha=False), fit(image, (40, 70), alpha=True))


@pytest.mark.quick
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_full_alpha_changes_nothing(resample, dtype):
    image = picture("smooth", (61, 97, 4), dtype)
    image[..., 3] = 1 if dtype == np.float32 else np.iinfo(dtype).max
    weighted = stretch(image, (40, 70), resample=resample).astype(np.float64)
    plain = stretch(image, (40, 70), resample=resample, alpha=False)
    np.testing.assert_allclose(weighted, plain, rtol=0, atol={np.uint8: 0, np.uint16: 1, np.float32: 1e-6}[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_alpha_at_all_is_no_error(dtype):
    image = picture("noise", (61, 97, 4), dtype)
    image[..., 3] = 0
    assert not stretch(image, (40, 70))[..., 3].any()


# ---------------------------------------------------------------------------------------------------------------
# More channels than colors have
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [5, 12])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_of_many_channels_each_is_fitted_by_itself(resample, mode, dtype, channels):
    image, fill = picture("noise", (61, 97, channels), dtype), range(channels)
    got = fit(image, (50, 43), mode, resample=resample, fill=fill)
    planes = fit(image, (50, 43), mode, resample=resample, fill=fill, layout="CHW")
    for at in range(channels):
        alone = fit(image[..., at], (50, 43), mode, resample=resample, fill=fill[at])
        np.testing.assert_array_equal(got[..., at], alone)
        np.testing.assert_array_equal(planes[at], got[..., at])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("resample", ["lanczos", "box", "area", "nearest"])
def test_every_way_to_fit_many_channels(resample, mode, dtype):
    image = picture("holes", (23, 31, 7), dtype)
    check_fit(Fit((17, 40), mode, resample, fill=1), image, (17, 40))
    assert_windows_are_slices(Fit((50, 70), mode, resample, fill=1), image)


@pytest.mark.parametrize("gap", [1.0, 2.5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_many_channels_go_with_a_reducing_gap(dtype, gap):
    image = picture("noise", (244, 388, 6), dtype)
    got = stretch(image, (50, 31), box=(1.25, 0, 380.5, 241.75), reducing_gap=gap)
    for at in range(6):
        alone = stretch(image[..., at], (50, 31), box=(1.25, 0, 380.5, 241.75), reducing_gap=gap)
        np.testing.assert_array_equal(got[..., at], alone)


@pytest.mark.parametrize("dtype", DTYPES)
def test_many_channels_are_converted(dtype):
    image, mean, std = picture("noise", (61, 97, 6), dtype), tuple(range(6)), tuple(range(2, 8))
    fitted = np.moveaxis(fit(image, (50, 43)), 2, 0).astype(np.float64)
    got = fit(image, (50, 43), layout="CHW", scale=1 / 4, mean=mean, std=std)
    expected = (fitted / 4 - np.array(mean)[:, None, None]) / np.array(std)[:, None, None]
    np.testing.assert_allclose(got, expected, rtol=2e-7, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("given", [5, 12])
def test_many_channels_are_no_colors(given, channels):
    image = np.zeros((61, 97, given), np.uint8)
    message = f"^channels: expected None for an image of {given}: it has no colors, got {channels}$"
    with pytest.raises(OptionError, match=message):
        fit(image, (50, 43), channels=channels)
    for fill in ("#01f0a0", "blur"):
        with pytest.raises(OptionError, match=r"^fill: "):
            pad(image, (50, 43), fill=fill)
    with pytest.raises(OptionError, match=r"^centering: "):
        cover(image, (50, 50), centering="attention")
    for fill in ("edge", "reflect"):
        assert pad(image, (50, 50), fill=fill).shape == (50, 50, given)


# ---------------------------------------------------------------------------------------------------------------
# NaN and infinity
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", [(31, 20), (130, 90), (20, 130), (97, 20), (61, 61)])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_what_is_not_finite_reaches_what_it_reaches_in_pillow(resample, size, value):
    image = picture("smooth", (61, 97, 3), np.float32)
    image[17, 23, 0] = image[0, 96, 1] = image[60, 40, 2] = image[59, 41, 2] = value
    image[30, 50] = -value
    got = stretch(image, size, resample=resample)
    for channel in range(3):
        plane = Image.fromarray(image[..., channel]).resize(size, Image.Resampling[resample.upper()])
        np.testing.assert_allclose(got[..., channel], plane, rtol=0, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("channels", "channel"), [(1, 0), (2, 1), (3, 0), (4, 0), (4, 3)])
@pytest.mark.parametrize("size", [(40, 29), (100, 290), (300, 70), (100, 200)])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_what_is_not_finite_reaches_the_pixels_whose_window_reads_it(resample, size, channels, channel, value):
    image = picture("smooth", (200, 300, channels), np.float32)
    image[..., channels - 1 :] = 1
    expected = stretch(image, size, resample=resample)
    image[121, 203, channel] = value
    got = stretch(image, size, resample=resample)
    reads = [np.zeros(side, bool) for side in size]
    for length, n_in, at, line in zip(size, (300, 200), (203, 121), reads, strict=True):
        # Where the axis is copied, one line; else as far as the filter reaches, at most.
        scale = n_in / length
        reach = 0.5 if scale == 1 else SUPPORT[resample] * max(scale, 1) + 0.5
        line[:] = np.abs((np.arange(length) + 0.5) * scale - at - 0.5) <= reach
    read = reads[1][:, None] & reads[0]
    np.testing.assert_array_equal(got[~read], expected[~read])
    # Of a filter's zeros within its reach Pillow leaves out none: but for the last tap all are read.
    centre = got[int(121.5 * size[1] / 200), int(203.5 * size[0] / 300)]
    assert not np.isfinite(centre[channel])
    # A color that is not finite stays with itself; alpha takes all colors with it.
    others = [at for at in range(channels) if at != channel]
    if channel != channels - 1 or channels in (1, 3):
        np.testing.assert_array_equal(got[..., others], expected[..., others])


@pytest.mark.parametrize("resample", ["linear", "cubic", "area"])
def test_what_is_not_finite_stays_where_opencv_reads_it(resample):
    image = picture("smooth", (200, 300, 3), np.float32)
    expected = stretch(image, (100, 70), resample=resample)
    image[:3, :3, 0] = np.nan
    got = stretch(image, (100, 70), resample=resample)
    assert np.isnan(got[0, 0, 0])
    np.testing.assert_array_equal(got[5:], expected[5:])
    np.testing.assert_array_equal(got[:, 5:], expected[:, 5:])


# ---------------------------------------------------------------------------------------------------------------
# Windows
# ---------------------------------------------------------------------------------------------------------------

# Of results of 50x70: the whole, quarters that meet, lines, single pixels at corners and
# within, and parts with and without borders.
WINDOWS = [
    (0, 0, 50, 70),
    (0, 0, 23, 31),
    (23, 31, 50, 70),
    (0, 33, 50, 34),
    (7, 0, 8, 70),
    (20, 19, 45, 52),
    (49, 30, 50, 33),
    (24, 35, 25, 36),
]


def shows(planned, box):
    """Tell whether there is anything of the picture in a part of a result."""
    left, top, right, bottom = planned.inner
    return max(left, box[0]) < min(right, box[2]) and max(top, box[1]) < min(bottom, box[3])


def assert_windows_are_slices(spec, image, boxes=WINDOWS):
    """Compare windows of a result with what is cut out of it."""
    planned, whole = spec.plan((image.shape[1], image.shape[0])), spec(image)
    planes = spec.layout == "CHW"
    for left, top, right, bottom in (box for box in boxes if shows(planned, box)):
        window = planned.window((left, top, right, bottom))
        got = spec.apply(window, image)
        cut = np.s_[..., top:bottom, left:right] if planes else np.s_[top:bottom, left:right]
        np.testing.assert_array_equal(got, whole[cut], f"{(left, top, right, bottom)} of {planned}")
        assert got.dtype == whole.dtype
        out = np.full_like(got, 1)
        assert spec.apply(window, image, out) is out
        np.testing.assert_array_equal(out, got)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("resample", RESAMPLES)
def test_a_window_is_a_slice_of_the_whole(resample, mode, dtype, channels):
    spec = Fit((50, 70), mode, resample, fill=1, centering=(0.3, 0.6))
    assert_windows_are_slices(spec, picture("holes", (61, 97, *channels), dtype))


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("gap", [1.0, 2.5])
def test_a_window_is_a_slice_of_the_whole_with_a_reducing_gap(gap, mode, dtype, channels):
    spec = Fit((50, 70), mode, box=(1.25, 0, 380.5, 241.75), reducing_gap=gap)
    assert_windows_are_slices(spec, picture("holes", (244, 388, *channels), dtype))


@pytest.mark.parametrize("resample", [*CONVOLUTIONS, "area"])
@pytest.mark.parametrize("size", [(97, 61), (97, 40), (60, 61), (120, 61), (97, 90), (200, 150), (20, 15)])
def test_a_window_is_a_slice_of_the_whole_where_axes_are_copied_and_enlarged(size, resample):
    boxes = [
        (x * size[0] // 3, y * size[1] // 3, (x + 1) * size[0] // 3, (y + 1) * size[1] // 3)
        for x, y in product(range(3), repeat=2)
    ]
    for mode, dtype in product(MODES, DTYPES):
        image = picture("holes", (61, 97, 4), dtype)
        assert_windows_are_slices(Fit(size, mode, resample), image, [*boxes, (1, 0, size[0], size[1] - 1)])


@pytest.mark.parametrize("fill", ["edge", "reflect", "blur", (9, 8, 7), "#01f0a0"])
@pytest.mark.parametrize("size", [(50, 70), (200, 31)])
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_a_window_is_a_slice_of_the_whole_whatever_the_borders(layout, size, fill):
    width, height = size
    for centering in ((0.5, 0.5), (0, 0.4), (1, 0.6)):
        spec = Fit(size, "pad", fill=fill, layout=layout, centering=centering)
        left, top, right, bottom = spec.plan((97, 61)).inner
        # Borders alone cut; one line of the picture, with what is around; a corner; nothing but picture.
        boxes = [(0, 1, width, height - 1), (1, 0, width - 1, height), (0, top + 3, width, top + 4)]
        boxes += [(left + 3, 0, left + 4, height), (0, 0, left + 5, top + 7), (left + 1, top + 1, right, bottom)]
        assert_windows_are_slices(spec, picture("noise", (61, 97, 3)), [*boxes, (right - 1, bottom - 1, *size)])


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "options",
    [
        {"layout": "CHW", "scale": 0.25, "mean": 3, "std": 7, "channels": 3},
        {"channels": 1, "scale": 1 / 257, "dtype": "uint8", "fill": "reflect"},
        {"channels": 4, "layout": "CHW", "fill": "blur"},
        {"scale": 0.25, "dtype": "float16", "fill": "edge"},
    ],
    ids=str,
)
def test_a_window_is_a_slice_of_the_whole_however_it_is_converted(options, dtype, channels):
    image = picture("holes", (61, 97, *channels), dtype)
    for mode in ("pad", "cover"):
        assert_windows_are_slices(Fit((50, 70), mode, **options), image)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_window_of_next_to_no_alpha_is_a_slice_of_the_whole(dtype):
    # What is hidden is so in comparison with the most alpha of all the image.
    image = picture("noise", (61, 97, 4), np.float32)
    image[..., 3] = 2.0**-15
    image[:, :50, 3] = 1
    image[:, 60:, 3] = 2.0**-18
    image = (image * (65535 if dtype == np.uint16 else 1)).astype(dtype)
    assert_windows_are_slices(Fit((50, 70), "stretch"), image, [*WINDOWS, (40, 0, 50, 70)])


@given(st.data(), st.sampled_from(MODES), st.sampled_from(RESAMPLES), st.sampled_from(DTYPES))
def test_a_window_of_any_sizes_is_a_slice_of_the_whole(data, mode, resample, dtype):
    src, dst = (data.draw(st.tuples(st.integers(1, 90), st.integers(1, 90))) for _ in range(2))
    channels = data.draw(st.sampled_from(CHANNELS))
    spec = Fit(dst, mode, resample, centering=data.draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
    boxes = []
    for _ in range(3):
        edges = [data.draw(st.integers(0, side - 1)) for side in dst]
        box = (*edges, *(data.draw(st.integers(edge + 1, side)) for edge, side in zip(edges, dst, strict=True)))
        boxes.append(box)
    assert_windows_are_slices(spec, picture("holes", (src[1], src[0], *channels), dtype), boxes)


@pytest.mark.quick
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_every_way_to_fit_a_window(mode, dtype):
    for channels in CHANNELS:
        image = picture("holes", (23, 31, *channels), dtype)
        spec = Fit((17, 40), mode, fill=1)
        window = spec.plan((31, 23)).window((2, 11, 15, 27))
        check_fit(lambda image, out=None, by=(spec, window): by[0].apply(by[1], image, out), image, (13, 16))


def test_tiles_make_the_whole():
    image, spec = picture("noise", (301, 403, 3)), Fit((230, 170))
    planned, tiled = spec.plan((403, 301)), np.zeros((170, 230, 3), np.uint8)
    for top in range(0, 170, 64):
        for left in range(0, 230, 64):
            part = tiled[top : top + 64, left : left + 64]
            window = planned.window((left, top, left + part.shape[1], top + part.shape[0]))
            spec.apply(window, image, part)
    np.testing.assert_array_equal(tiled, spec(image))


def test_a_resize_and_a_crop_in_its_middle_are_pillows():
    image, spec = picture("smooth", (301, 403, 3)), Fit((342, 256), "stretch", "bilinear")
    whole = Image.fromarray(image).resize((342, 256), Image.Resampling.BILINEAR)
    window = spec.plan((403, 301)).window((59, 16, 283, 240))
    np.testing.assert_array_equal(spec.apply(window, image), whole.crop((59, 16, 283, 240)))


def test_a_window_needs_an_image_of_its_source():
    window = Fit((50, 70)).plan((97, 61)).window((10, 10, 20, 20))
    with pytest.raises(OptionError, match=r"^planned: expected a plan for a source of"):
        Fit((50, 70)).apply(window, np.zeros((10, 10), np.uint8))
    with pytest.raises(OptionError, match=r"^out: expected an array of uint8 \(10, 10\), got uint8 \(70, 50\)"):
        Fit((50, 70)).apply(window, np.zeros((61, 97), np.uint8), np.zeros((70, 50), np.uint8))


# ---------------------------------------------------------------------------------------------------------------
# What is kept
# ---------------------------------------------------------------------------------------------------------------


def test_weights_are_kept_for_the_next_image_and_can_be_forgotten():
    image, native = picture("noise", (61, 97, 3)), kernel()
    before = stretch(image, (40, 30))
    forget()
    assert not apply._recipes.found
    assert native is None or not native.weights.kept.found
    np.testing.assert_array_equal(stretch(image, (40, 30)), before)
    (made,) = apply._recipes.found.values()
    assert native is None or len(native.weights.kept.found) == 2
    stretch(image[::-1], (40, 30))
    assert [*apply._recipes.found.values()] == [made]


def test_what_is_kept_is_bounded_in_bytes(monkeypatch):
    forget()
    monkeypatch.setattr(apply._recipes, "most", 100_000)
    for width in range(100, 160):
        stretch(np.zeros((50, width, 3), np.float32), (80, 40))
        assert apply._recipes.bytes <= 100_000
        assert apply._recipes.bytes == sum(size for _, size in apply._recipes.found.values())
    assert 1 < len(apply._recipes.found) < 30
    stretch(np.zeros((3000, 3000), np.float32), (2000, 2000))  # more than all that may be kept
    assert apply._recipes.bytes <= 100_000


# ---------------------------------------------------------------------------------------------------------------
# Errors
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([[1, 2]], "image: expected an array, a PIL image or a tensor, got a list"),
        (None, "image: expected an array, a PIL image or a tensor, got a NoneType"),
        (np.zeros((4, 4), np.int16), "image: expected dtype uint8, uint16 or float32, got <i2 (int16)"),
        (np.zeros((4, 4), np.float64), "image: expected dtype uint8, uint16 or float32, got <f8 (float64)"),
        (np.zeros((4, 4), bool), "image: expected dtype uint8, uint16 or float32, got |b1 (bool)"),
        (np.zeros((4, 4), ">u2"), "image: expected dtype uint8, uint16 or float32, got >u2 (uint16)"),
        (np.zeros((4, 4), ">f4"), "image: expected dtype uint8, uint16 or float32, got >f4 (float32)"),
        (np.zeros(4, np.uint8), "image: expected shape (H, W) or (H, W, C), got (4,)"),
        (np.zeros((), np.uint8), "image: expected shape (H, W) or (H, W, C), got ()"),
        (np.zeros((2, 4, 4, 3), np.uint8), "image: expected shape (H, W) or (H, W, C), got (2, 4, 4, 3)"),
        (np.zeros((4, 4, 0), np.uint8), "image: expected at least one pixel, got shape (4, 4, 0)"),
        (np.zeros((0, 4), np.uint8), "image: expected at least one pixel, got shape (0, 4)"),
        (np.zeros((4, 0, 3), np.uint8), "image: expected at least one pixel, got shape (4, 0, 3)"),
    ],
)
def test_what_is_no_image(image, message):
    with pytest.raises(ImageError) as caught:
        fit(image, (40, 30))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("out", "got"),
    [
        (np.zeros((40, 30, 3), np.uint8), "uint8 (40, 30, 3)"),
        (np.zeros((30, 40), np.uint8), "uint8 (30, 40)"),
        (np.zeros((30, 40, 1), np.uint8), "uint8 (30, 40, 1)"),
        (np.zeros((30, 40, 4), np.uint8), "uint8 (30, 40, 4)"),
        (np.zeros((30, 40, 3), np.float32), "float32 (30, 40, 3)"),
        ([1], "[1]"),
    ],
)
def test_an_out_of_another_form(out, got):
    with pytest.raises(OptionError) as caught:
        fit(np.zeros((61, 97, 3), np.uint8), (40, 30), out=out)
    assert str(caught.value) == f"out: expected an array of uint8 (30, 40, 3), got {got}"


def test_an_out_of_another_byte_order():
    with pytest.raises(OptionError, match=r"^out: "):
        fit(np.zeros((61, 97), np.uint16), (40, 30), out=np.zeros((30, 40), ">u2"))


def test_an_out_that_is_read_only():
    out = np.zeros((30, 40), np.uint8)
    out.flags.writeable = False
    with pytest.raises(OptionError, match=r"^out: expected a writeable array, got a read-only one$"):
        fit(np.zeros((61, 97), np.uint8), (40, 30), out=out)


@pytest.mark.quick
@pytest.mark.parametrize("part", [np.s_[:30, :40], np.s_[-30:, -40:], np.s_[1::2, 1:81:2]])
def test_an_out_that_overlaps_the_image(part):
    image = picture("noise", (61, 97))
    before = image.copy()
    with pytest.raises(OptionError, match=r"^out: expected memory apart from the image's, got an overlap$"):
        fit(image, (40, 30), out=image[part])
    np.testing.assert_array_equal(image, before)


def test_an_out_beside_the_image_in_one_array():
    # Left and right half of one array interleave row by row, and share not a byte.
    both = picture("noise", (30, 97, 3))
    image, out = both[:, :57], both[:, 57:]
    assert not np.shares_memory(image, out)
    expected = stretch(image.copy(), (40, 30))
    np.testing.assert_array_equal(stretch(image, (40, 30), out=out), expected)


def test_an_error_leaves_out_as_it_is():
    out = np.full((30, 40, 3), 7, np.uint8)
    for options in ({"fill": 300}, {"fill": (1, 2)}, {"box": (0, 0, 98, 61)}):
        with pytest.raises(OptionError):
            pad(np.zeros((61, 97, 3), np.uint8), (40, 30), out=out, **options)
    np.testing.assert_array_equal(out, np.full_like(out, 7))


def test_fill_beyond_float32_is_an_error():
    with pytest.raises(OptionError, match="fill: expected values that float32 holds"):
        fit(np.zeros((5, 7), np.float32), (4, 9), "pad", fill=1e300)
