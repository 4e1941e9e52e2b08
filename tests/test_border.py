"""Borders that are made of the picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture

from fastfit import Fit, Output, decode, encode, fit_bytes

MODES = {"edge": "edge", "reflect": "reflect"}


def inner(spec, image):
    planned = spec.plan((image.shape[1], image.shape[0]))
    return tuple(map(int, planned.inner)), planned


@pytest.mark.quick
@pytest.mark.parametrize("fill", MODES)
@pytest.mark.parametrize("centering", [(0.5, 0.5), (0, 0), (1, 1), (0.2, 0.9)])
@pytest.mark.parametrize("size", ["90x31", "31x90", "300x20"])
@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 1), (40, 60, 3), (60, 40, 4), (40, 60, 2)])
def test_borders_are_numpys(fill, centering, size, shape):
    image = picture("noise", shape, seed=1)
    spec = Fit(size, "pad", fill=fill, centering=centering)
    result = spec(image)
    (left, top, right, bottom), planned = inner(spec, image)
    alone = Fit(planned.inner_size, "stretch")(image)
    np.testing.assert_array_equal(result[top:bottom, left:right], alone)
    width, height = planned.dst
    margins = [(top, height - bottom), (left, width - right), *[(0, 0)] * (image.ndim - 2)]
    np.testing.assert_array_equal(result, np.pad(alone, margins, mode=MODES[fill]))


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from(["edge", "reflect", "blur"]),
)
def test_every_pixel_is_written(width, height, w, h, fill):
    image = np.full((height, width, 3), 200, np.uint8)
    out = np.zeros((h, w, 3), np.uint8)
    Fit((w, h), "pad", fill=fill)(image, out=out)
    assert np.abs(out.astype(int) - 200).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_blur_is_smooth_and_of_the_pictures_colours(dtype):
    image = picture("smooth", (90, 60, 3), dtype)
    result = Fit("160x90", "pad", fill="blur")(image)
    assert result.dtype == dtype
    (left, _, right, _), _ = inner(Fit("160x90", "pad"), image)
    border = result[:, :left].astype(np.float64)
    top = 1.0 if dtype == np.float32 else float(np.iinfo(dtype).max)
    assert np.abs(np.diff(border, axis=0)).max() < 0.03 * top
    assert np.abs(np.diff(border, axis=1)).max() < 0.03 * top
    assert abs(border.mean() - image.mean()) < 0.15 * top
    assert right < 160


def test_blur_is_the_middle_of_the_picture_enlarged():
    # Left half red, right half blue, padded above and below: so is what is above and below.
    image = np.zeros((30, 180, 3), np.uint8)
    image[:, :90, 0] = image[:, 90:, 2] = 255
    result = Fit((40, 60), "pad", fill="blur")(image)
    for row in (result[0], result[-1]):
        assert row[2, 0] > 250
        assert row[2, 2] < 5
        assert row[-3, 2] > 250


def test_blur_is_the_same_whatever_the_layout_and_normalisation():
    image = picture("smooth", (90, 60, 3))
    plain = Fit("160x90", "pad", fill="blur")(image)
    planes = Fit("160x90", "pad", fill="blur", layout="CHW")(image)
    np.testing.assert_array_equal(np.moveaxis(planes, 0, 2), plain)
    scaled = Fit("160x90", "pad", fill="blur", layout="CHW", scale=1 / 255, mean=0.5, std=0.25)(image)
    back = (np.moveaxis(scaled, 0, 2) * 0.25 + 0.5) * 255
    assert np.abs(back - plain).max() <= 1.01
    half = Fit("160x90", "pad", fill="blur", dtype="float16", scale=1 / 255)(image)
    assert np.abs(half.astype(np.float32) * 255 - plain).max() <= 1.2


def test_what_nobody_sees_does_not_bleed():
    image = np.zeros((60, 60, 4), np.uint8)
    image[..., 0] = 255  # red under alpha 0
    image[20:40, 20:40] = (0, 255, 0, 255)
    for fill in ("edge", "reflect", "blur"):
        result = Fit("160x60", "pad", fill=fill)(image)
        shown = result[result[..., 3] > 8]
        assert shown[:, 0].max() < 10, fill


@pytest.mark.parametrize("fill", ["edge", "reflect", "blur"])
@pytest.mark.parametrize("centering", [(0.5, 0.5), (1, 0)])
def test_files_have_them_too(fill, centering):
    data = encode(picture("smooth", (60, 90, 3)), "png")
    spec = Fit("64x64", "pad", fill=fill, centering=centering)
    image, _ = decode(data)
    np.testing.assert_array_equal(decode(fit_bytes(data, spec, Output("png")))[0], spec(image))


def test_a_file_with_alpha_is_laid_over_black_for_jpeg():
    data = encode(np.zeros((60, 90, 4), np.uint8), "png")
    image, _ = decode(fit_bytes(data, Fit("64x64", "pad", fill="blur"), Output("jpeg")))
    assert image.shape == (64, 64, 3)
    assert image.max() < 3


@pytest.mark.parametrize(("fill", "levels"), [("#ff8000", (255, 128, 0)), ("#F80", (255, 136, 0))])
def test_colours_are_of_whatever_range_and_channels_an_image_has(fill, levels):
    def corner(shape, dtype=np.uint8, **options):
        return Fit("9x20", "pad", fill=fill, **options)(np.zeros(shape, dtype))[0, 0]

    grey = round(0.299 * levels[0] + 0.587 * levels[1] + 0.114 * levels[2])
    np.testing.assert_array_equal(corner((9, 9, 3)), levels)
    np.testing.assert_array_equal(corner((9, 9, 4)), (*levels, 255))
    np.testing.assert_array_equal(corner((9, 9, 2)), (grey, 255))
    assert corner((9, 9)) == grey
    np.testing.assert_array_equal(corner((9, 9, 3), np.uint16), np.multiply(levels, 257))
    np.testing.assert_allclose(corner((9, 9, 3), np.float32), np.divide(levels, 255), rtol=1e-6)
    np.testing.assert_array_equal(corner((9, 9), channels=3), levels)
    assert Fit("9x9", fill=fill).fill == "#{:02x}{:02x}{:02x}".format(*levels)
    data = encode(np.zeros((9, 9, 3), np.uint16), "png")
    image, _ = decode(fit_bytes(data, Fit("9x20", "pad", fill=fill)))
    np.testing.assert_array_equal(image[0, 0], np.multiply(levels, 257))


def test_a_colour_may_have_alpha():
    image = np.zeros((9, 9, 4), np.uint8)
    np.testing.assert_array_equal(Fit("9x20", "pad", fill="#01020304")(image)[0, 0], (1, 2, 3, 4))
