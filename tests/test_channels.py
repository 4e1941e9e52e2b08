"""Grey, RGB and RGBA from any number of channels."""

import numpy as np
import pytest
from check import check_fit
from pictures import MODES, picture
from PIL import Image

from fastfit import Fit, OptionError, fit

TOPS = {np.uint8: 255, np.uint16: 65535, np.float32: 1}
DTYPES = tuple(TOPS)
SHAPES = ((61, 97), (61, 97, 1), (61, 97, 2), (61, 97, 3), (61, 97, 4))
COUNTS = (1, 3, 4)
# Color that becomes grey is rounded before the fill shines through, and after.
STEP = {np.uint8: 1.001, np.uint16: 1.02, np.float32: 1e-6}
WEIGHTS = np.array([19595, 38470, 7471]) / 65536


def as_is(channels, image, **options):
    """Only change the channels: a fit to the image's own size is a copy."""
    return Fit((image.shape[1], image.shape[0]), channels=channels, **options)(image)


def afterwards(fitted, channels, fill=0.0):
    """What becomes of a fitted image, in float64 and not rounded, from the definitions alone."""
    top = TOPS[fitted.dtype.type]
    image = fitted.astype(np.float64)
    image = image[..., None] if image.ndim == 2 else image
    given = image.shape[2]
    if given == channels:
        return image
    colours, alpha = (
        (image[..., :-1], image[..., -1:]) if given in (2, 4) else (image, np.full_like(image[..., :1], top))
    )
    if channels == 1 and colours.shape[2] == 3:
        colours = (colours @ WEIGHTS)[..., None]
    if channels > 1 and colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    if channels == 4:
        return np.concatenate([colours, alpha], axis=2)
    return colours * (alpha / top) + np.asarray(fill, np.float64) * (1 - alpha / top)


# ---------------------------------------------------------------------------------------------------------------
# One to another
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", COUNTS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_channels_are_changed_as_they_would_be_afterwards(shape, dtype, mode, channels):
    image = picture("holes", shape, dtype)
    for resample in ("lanczos", "linear"):
        fitted = fit(image, (50, 43), mode, resample=resample)
        got = fit(image, (50, 43), mode, resample=resample, channels=channels)
        inside = np.s_[6:-6] if mode == "pad" else np.s_[:]
        expected = afterwards(fitted, channels)[inside]
        assert got.dtype == dtype
        assert got.shape == (43, 50, channels)
        # Colors under little alpha are large floats.
        rtol = 1e-6 if dtype == np.float32 else 0
        np.testing.assert_allclose(got[inside].astype(np.float64), expected, rtol=rtol, atol=STEP[dtype])


@pytest.mark.quick
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(61, 97), (61, 97, 1)])
def test_grey_in_colour_is_three_times_grey(shape, dtype, layout):
    image = picture("smooth", shape, dtype)
    for size in ((97, 61), (40, 31), (97, 31), (40, 61)):
        got = Fit(size, "stretch", channels=3, layout=layout)(image)
        planes = np.moveaxis(got, 2, 0) if layout == "HWC" else got
        grey = Fit(size, "stretch")(image).reshape(size[::-1])
        for plane in planes:
            np.testing.assert_array_equal(plane, grey)


@pytest.mark.quick
def test_colour_in_grey_is_pillows_to_the_last_bit():
    levels = np.random.default_rng(0).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    corners = np.stack(np.meshgrid([0, 1, 254, 255], [0, 1, 254, 255], [0, 1, 254, 255]), axis=-1).astype(np.uint8)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for image in (levels, corners.reshape(8, 8, 3), greys, picture("smooth", (61, 97, 3))):
        expected = np.asarray(Image.fromarray(image).convert("L"))
        np.testing.assert_array_equal(as_is(1, image)[..., 0], expected)
        np.testing.assert_array_equal(as_is(1, image, layout="CHW")[0], expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(40, 31), (97, 31), (40, 61), (150, 110)])
def test_fitted_colour_in_grey_is_pillows_to_the_last_bit(size, mode):
    image = picture("smooth", (61, 97, 3))
    expected = Image.fromarray(fit(image, size, mode)).convert("L")
    np.testing.assert_array_equal(fit(image, size, mode, channels=1)[..., 0], np.asarray(expected))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_colour_in_grey_is_the_weighted_sum(dtype):
    image = picture("noise", (61, 97, 3), dtype)
    got = as_is(1, image)[..., 0]
    atol = 0.5 + 1e-9 if dtype == np.uint16 else 1e-7
    np.testing.assert_allclose(got.astype(np.float64), image.astype(np.float64) @ WEIGHTS, rtol=0, atol=atol)
    white = np.full((5, 7, 3), TOPS[dtype], dtype)
    np.testing.assert_array_equal(as_is(1, white)[..., 0], white[..., 0])


def test_floats_beyond_their_range_stay_beyond_it():
    image = np.array([[[2.0, 2.0, 2.0], [-1.0, -1.0, -1.0]]], np.float32)
    np.testing.assert_allclose(as_is(1, image)[0, :, 0], [2, -1], rtol=1e-6)
    np.testing.assert_array_equal(as_is(4, image)[..., :3], image)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(61, 97), (61, 97, 1), (61, 97, 3)])
def test_alpha_that_was_not_there_is_opaque(shape, dtype):
    image = picture("smooth", shape, dtype)
    got = as_is(4, image)
    np.testing.assert_array_equal(got[..., 3], np.full(shape[:2], TOPS[dtype], dtype))
    np.testing.assert_array_equal(got[..., :3], np.broadcast_to(np.atleast_3d(image), (61, 97, 3)))
    small = fit(image, (40, 31), channels=4)
    np.testing.assert_array_equal(small[..., 3], np.full((31, 40), TOPS[dtype], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_grey_and_alpha_in_colour_keeps_its_alpha(dtype):
    image = picture("holes", (61, 97, 2), dtype)
    got = as_is(4, image)
    np.testing.assert_array_equal(got, image[..., [0, 0, 0, 1]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", COUNTS)
def test_as_many_channels_are_left_alone(channels, dtype):
    image = picture("holes", (61, 97, channels), dtype)
    np.testing.assert_array_equal(as_is(channels, image), image)
    np.testing.assert_array_equal(as_is(channels, image, alpha=False), image)
    np.testing.assert_array_equal(fit(image, (40, 31), channels=channels), fit(image, (40, 31)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_grey_gets_a_channel_axis_where_one_channel_is_asked_for(dtype):
    image = picture("smooth", (61, 97), dtype)
    assert fit(image, (40, 31)).shape == (31, 40)
    got = fit(image, (40, 31), channels=1)
    assert got.shape == (31, 40, 1)
    np.testing.assert_array_equal(got[..., 0], fit(image, (40, 31)))


# ---------------------------------------------------------------------------------------------------------------
# Alpha that is lost
# ---------------------------------------------------------------------------------------------------------------


def composited(image, ground):
    """What Pillow makes of an image over a colour."""
    under = Image.new("RGBA", (image.shape[1], image.shape[0]), (*ground, 255))
    over = Image.fromarray(image).convert("RGBA")
    return np.asarray(Image.alpha_composite(under, over).convert("RGB"))


@pytest.mark.quick
@pytest.mark.parametrize("fill", [(0, 0, 0), (255, 255, 255), (10, 200, 130)])
@pytest.mark.parametrize("channels", [2, 4])
def test_what_loses_alpha_is_laid_over_the_fill_as_pillow_would(channels, fill):
    image = picture("holes", (61, 97, channels))
    for options in ({}, {"layout": "CHW"}):
        got = as_is(3, image, fill=fill, **options)
        got = np.moveaxis(got, 0, 2) if options else got
        np.testing.assert_allclose(got.astype(int), composited(image, fill), rtol=0, atol=1)
    fitted = fit(image, (40, 31))
    got = fit(image, (40, 31), channels=3, fill=fill)
    np.testing.assert_allclose(got.astype(int), composited(fitted, fill), rtol=0, atol=1)


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_0_shows_the_fill_alone_and_full_alpha_none_of_it(channels):
    for dtype, top in TOPS.items():
        image = np.full((9, 7, channels), top, dtype)
        image[:4, :, -1] = 0
        got = as_is(3, image, fill=(0.25 * top, 0, 0.5 * top))
        wanted = np.rint([0.25 * top, 0, 0.5 * top]) if top > 1 else [0.25, 0, 0.5]
        np.testing.assert_array_equal(got[:4], np.broadcast_to(np.array(wanted, dtype), (4, 7, 3)))
        np.testing.assert_array_equal(got[4:], np.full((5, 7, 3), top, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [2, 4])
def test_what_loses_alpha_and_colour_is_laid_over_a_grey(channels, dtype):
    top = TOPS[dtype]
    image = picture("holes", (61, 97, channels), dtype)
    for fill in (0, 0.4 * top, (0.8 * top,)):
        # The fill and the grey are rounded before they are mixed.
        expected = afterwards(image, 1, fill)
        np.testing.assert_allclose(
            as_is(1, image, fill=fill).astype(np.float64), expected, rtol=0, atol=STEP[dtype]
        )


@pytest.mark.parametrize("channels", [2, 4])
def test_a_fill_has_one_value_for_each_channel_of_the_result(channels):
    image = picture("holes", (61, 97, channels))
    assert as_is(3, image, fill=(1, 2, 3)).shape == (61, 97, 3)
    for fill, count in (((1, 2, 3, 4), 3), ((1, 2), 3), ((1, 2, 3), 1), ((1, 2, 3), 4)):
        if count != channels:
            with pytest.raises(
                OptionError, match=rf"^fill: expected 1 or {count} values for this image, got \(1, "
            ):
                as_is(count, image, fill=fill)


@pytest.mark.parametrize("dtype", DTYPES)
def test_hidden_colours_do_not_show_where_alpha_is_lost(dtype):
    top = TOPS[dtype]
    image = np.zeros((40, 60, 4), dtype)
    image[:, :31] = (0, top, 0, top)
    image[:, 31:] = (top, 0, 0, 0)
    for size in ((150, 110), (23, 17)):
        got = fit(image, size, "stretch", channels=3, fill=(0, 0, top))
        # Overshoots of floats are not clipped; red there would be some, and half of it where it bled.
        assert np.abs(got[..., 0].astype(np.float64)).max() <= 0.02 * top


def test_what_loses_alpha_may_be_normalised_too():
    image = picture("holes", (61, 97, 4))
    flat = fit(image, (40, 31), channels=3, fill=(9, 99, 199))
    got = fit(image, (40, 31), channels=3, fill=(9, 99, 199), scale=1 / 255, layout="CHW", mean=(0.1, 0.2, 0.3))
    expected = np.moveaxis(flat / 255 - (0.1, 0.2, 0.3), 2, 0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------
# Borders
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(20, 40), (20, 40, 1), (20, 40, 2), (20, 40, 3), (20, 40, 4)])
def test_borders_have_the_colour_of_the_fill_whatever_the_source(shape, dtype, layout):
    image = picture("smooth", shape, dtype)
    for channels in (3, 4):
        fill = tuple((np.array((1, 0, 0.6, 0.4)) * TOPS[dtype])[:channels])
        got = fit(image, (40, 51), "pad", fill=fill, channels=channels, layout=layout, centering=(0.5, 0.2))
        got = np.moveaxis(got, 0, 2) if layout == "CHW" else got
        colour = np.array(fill) if dtype == np.float32 else np.rint(fill)
        for border in (got[:6], got[26:]):
            np.testing.assert_array_equal(border, np.broadcast_to(colour.astype(dtype), border.shape))
        inside = got[6:26].astype(np.float64)
        np.testing.assert_allclose(inside, afterwards(image, channels, colour), rtol=1e-6, atol=STEP[dtype])


def test_borders_of_images_made_grey_are_one_level():
    got = fit(picture("smooth", (20, 40, 3)), (40, 51), "pad", fill=7, channels=1)
    assert got.shape == (51, 40, 1)
    np.testing.assert_array_equal(got[:15], np.full((15, 40, 1), 7))


# ---------------------------------------------------------------------------------------------------------------
# What cannot be said
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "channels"), [(2, 1), (2, 3), (2, 4), (4, 1), (4, 3)])
def test_without_alpha_nobody_can_say_which_channel_to_drop(given, channels):
    image = picture("smooth", (61, 97, given))
    for size in ((97, 61), (40, 31)):
        out = np.full((*size[::-1], channels), 7, np.uint8)
        with pytest.raises(OptionError) as caught:
            fit(image, size, channels=channels, alpha=False, out=out)
        assert str(caught.value) == (
            f"channels: expected {given} or None for an image of {given} without alpha, got {channels}"
        )
        np.testing.assert_array_equal(out, np.full_like(out, 7), "an error leaves out as it is")


@pytest.mark.parametrize("given", [1, 3])
@pytest.mark.parametrize("channels", COUNTS)
def test_the_option_alpha_means_nothing_to_images_that_have_none(channels, given):
    image = picture("smooth", (61, 97, given))
    np.testing.assert_array_equal(
        fit(image, (40, 31), channels=channels, alpha=False), fit(image, (40, 31), channels=channels)
    )


@pytest.mark.parametrize("channels", [0, 2, 5, -1, 3.0, True, "3", "RGB", (3,)])
def test_other_channels_are_refused(channels):
    with pytest.raises(OptionError, match=r"^channels: expected None or one of 1, 3, 4, got "):
        Fit((40, 31), channels=channels)


# ---------------------------------------------------------------------------------------------------------------
# The battery
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", COUNTS)
def test_the_battery_holds_for_other_channels(channels, shape):
    spec = Fit((40, 31), "pad", channels=channels, fill=9)
    image = picture("holes", shape)
    before, result = image.copy(), spec(image)
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, image)
    np.testing.assert_array_equal(image, before, "the image was written to")
    for view in (image[::-1].copy()[::-1], image[:, ::-1].copy()[:, ::-1], np.asfortranarray(image)):
        np.testing.assert_array_equal(spec(view), result)
    if image.shape[2:] == (channels,):
        check_fit(spec, image, (40, 31))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 97), (61, 1), (1, 1)])
def test_lines_and_single_pixels_change_their_channels(shape, dtype):
    for given in ((), (1,), (2,), (3,), (4,)):
        image = picture("holes", (*shape, *given), dtype)
        for channels in COUNTS:
            np.testing.assert_allclose(
                as_is(channels, image).astype(np.float64), afterwards(image, channels), rtol=1e-6, atol=STEP[dtype]
            )
            for size in ((1, 1), (3, 1), (1, 3), (7, 5)):
                fitted = fit(image, size, "stretch")
                got = fit(image, size, "stretch", channels=channels, layout="CHW")
                np.testing.assert_allclose(
                    np.moveaxis(got, 0, 2).astype(np.float64),
                    afterwards(fitted, channels),
                    rtol=1e-6,
                    atol=STEP[dtype],
                )
