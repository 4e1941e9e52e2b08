"""What the options of `encode` make of a picture. Pillow reads the results."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from encoded import scene
from PIL import Image, ImageCms, JpegImagePlugin

from fastfit import OptionError, decode, encode
from fastfit.codec import JPEG_EXIF
from fastfit.words import FORMATS

DATA = Path(__file__).parent / "data"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PIECE = 65_519  # of a profile, in a segment of a JPEG
SAMPLINGS = {"420": 2, "422": 1, "444": 0}  # as Pillow counts


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def pixels(data):
    return np.asarray(opened(data))


def photo():
    """Part of a photograph, with odd sides."""
    return decode((DATA / "photo.jpg").read_bytes())[0][200:421, 100:401]


def psnr(got, expected):
    return 10 * np.log10(255**2 / max(np.mean((got.astype(np.float64) - expected) ** 2), 1e-12))


def exif_of(length):
    """An Exif block of so many bytes."""
    exif = Image.Exif()
    exif[0x010E] = "a toucan"
    return exif.tobytes().removeprefix(b"Exif\0\0").ljust(length, b"\0")


def exif_in(data):
    return opened(data).info.get("exif", b"").removeprefix(b"Exif\0\0")


def shaped(channels):
    """Pictures of each kind that an image may be."""
    return scene(61, 47, channels)


# JPEG.


@pytest.mark.quick
@pytest.mark.parametrize("subsampling", SAMPLINGS)
@pytest.mark.parametrize("progressive", [False, True])
def test_subsampling_is_as_asked(subsampling, progressive):
    picture = opened(encode(photo(), "jpeg", subsampling=subsampling, progressive=progressive))
    assert JpegImagePlugin.get_sampling(picture) == SAMPLINGS[subsampling]
    assert picture.info.get("progressive", 0) == progressive


def test_colour_is_a_quarter_by_default_and_comes_in_one_scan():
    picture = opened(encode(photo(), "jpeg"))
    assert JpegImagePlugin.get_sampling(picture) == 2
    assert "progressive" not in picture.info


def test_more_colour_comes_nearer():
    errors = [
        psnr(pixels(encode(photo(), "jpeg", 90, subsampling=kept)), photo()) for kept in ("420", "422", "444")
    ]
    assert errors[0] < errors[1] < errors[2]


def test_scans_change_no_pixel():
    one, several = (encode(photo(), "jpeg", progressive=progressive) for progressive in (False, True))
    np.testing.assert_array_equal(pixels(one), pixels(several))


@pytest.mark.parametrize("subsampling", SAMPLINGS)
def test_grey_jpeg_has_no_colour_to_subsample(subsampling):
    picture = opened(encode(photo()[..., 1], "jpeg", subsampling=subsampling, progressive=True))
    assert (picture.mode, picture.info["progressive"]) == ("L", 1)


# PNG.


def test_harder_compression_is_smaller_and_changes_no_pixel():
    sizes = []
    for level in range(10):
        data = encode(photo(), "png", compression=level)
        np.testing.assert_array_equal(pixels(data), photo())
        sizes.append(len(data))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > photo().size > sizes[1] > sizes[9]


def test_default_compression_compresses():
    assert len(encode(photo(), "png")) < 0.8 * len(encode(photo(), "png", compression=0))


def header(data):
    """Width, height, depth and colour type, from IHDR."""
    return struct.unpack_from(">IIBB", data, 16)


@pytest.mark.parametrize("compression", [None, 0, 9])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_with_alpha_is_png_of_that_kind(dtype, compression):
    image = np.random.default_rng(6).integers(0, np.iinfo(dtype).max, (47, 61, 2), dtype, endpoint=True)
    data = encode(image, "png", compression=compression)
    assert header(data) == (61, 47, 8 * image.itemsize, 4)
    back, info = decode(data)
    assert (info.channels, back.dtype) == (2, dtype)
    np.testing.assert_array_equal(back, image)


def test_pillow_reads_grey_with_alpha():
    picture = opened(encode(shaped(2), "png"))
    assert picture.mode == "LA"
    np.testing.assert_array_equal(np.asarray(picture), shaped(2))


def test_pillow_reads_grey_with_alpha_of_16_bits():
    image = shaped(2).astype(np.uint16) * 257
    # Pillow makes RGBA of 8 bits of it, the upper ones.
    red, green, blue, alpha = pixels(encode(image, "png")).transpose(2, 0, 1)
    for grey in (red, green, blue):
        np.testing.assert_array_equal(grey, shaped(2)[..., 0])
    np.testing.assert_array_equal(alpha, shaped(2)[..., 1])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiny_grey_with_alpha_is_exact(size, dtype):
    image = np.arange(2 * size[0] * size[1]).reshape(size[1], size[0], 2).astype(dtype) * 11
    np.testing.assert_array_equal(decode(encode(image, "png"))[0], image)


# WebP.


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lossless_webp_is_exact(channels):
    noise = np.random.default_rng(channels).integers(1, 256, (47, 61, channels), np.uint8)
    picture = opened(encode(noise, "webp", 1, lossless=True))
    assert picture.mode == ("RGBA" if channels in (2, 4) else "RGB")
    expected = noise if channels > 2 else noise[..., [0, 0, 0, 1][: channels + 2]]
    np.testing.assert_array_equal(np.asarray(picture), expected)


def test_lossless_webp_is_exact_about_what_is_clear():
    image = np.random.default_rng(5).integers(0, 256, (47, 61, 4), np.uint8)
    image[::2, ::3, 3] = 0
    back = pixels(encode(image, "webp", lossless=True))
    np.testing.assert_array_equal(back[..., 3], image[..., 3])
    seen = image[..., 3] > 0
    np.testing.assert_array_equal(back[seen], image[seen])


def test_webp_loses_unless_asked():
    assert (pixels(encode(photo(), "webp", 100)) != photo()).any()


# AVIF.


def test_quality_of_avif_matters():
    low, high = (encode(photo(), "avif", quality) for quality in (20, 90))
    assert len(low) < len(high) / 3
    assert psnr(pixels(low), photo()) + 8 < psnr(pixels(high), photo())


@pytest.mark.quick
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "RGBA"), (3, "RGB"), (4, "RGBA")])
def test_avif_holds_every_kind(channels, mode):
    image = shaped(channels)
    picture = opened(encode(image, "avif", 95))
    assert (picture.format, picture.mode, picture.size) == ("AVIF", mode, (61, 47))
    seen = np.dstack([image[..., [0, 0, 0]], image[..., 1]]) if channels == 2 else image
    assert psnr(np.asarray(picture), seen) > 38


@pytest.mark.parametrize("channels", [2, 4])
def test_avif_keeps_hard_edges_of_alpha(channels):
    image = shaped(channels)
    image[..., -1] = 255
    image[10:30, 20:40, -1] = 0
    alpha = pixels(encode(image, "avif", 95))[..., 3]
    np.testing.assert_allclose(alpha, image[..., -1].astype(int), rtol=0, atol=8)


# 16 bits.


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("level", "expected"), [(128, 0), (20000, 78), (40000, 156), (65535, 255)])
def test_16_bits_are_scaled_not_clipped(format, channels, level, expected):
    image = np.full((48, 64, channels), level, np.uint16)
    np.testing.assert_allclose(pixels(encode(image, format, 100)).astype(int), expected, rtol=0, atol=1)


def test_16_bits_are_rounded_for_lossless_webp():
    image = np.arange(0, 65536, 13, np.uint16)[:5000].reshape(50, 100)
    back = pixels(encode(image, "webp", lossless=True))[..., 1]
    np.testing.assert_array_equal(back, np.rint(image / 257))


# What goes along.


@pytest.mark.quick
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_profile_and_exif_go_along_byte_for_byte(format, channels):
    image = shaped(channels)
    if format == "jpeg" and channels in (2, 4):
        image = image[..., : channels - 1]
    profile, exif = PROFILE[:16] + (b"GRAY" if channels < 3 else b"RGB ") + PROFILE[20:], exif_of(333)
    data = encode(image, format, icc_profile=profile, exif=exif)
    assert opened(data).info["icc_profile"] == profile
    assert exif_in(data) == exif
    _, info = decode(data)
    assert (info.icc_profile, info.exif) == (profile, exif)


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_pixels_are_the_same_with_what_goes_along(format):
    bare, full = encode(photo(), format), encode(photo(), format, icc_profile=PROFILE, exif=exif_of(99))
    np.testing.assert_array_equal(pixels(bare), pixels(full))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("nothing", [None, b""])
def test_nothing_goes_along_unasked(format, nothing):
    found = opened(encode(photo(), format, icc_profile=nothing, exif=nothing)).info
    assert not {"icc_profile", "exif", "xmp", "comment"} & found.keys()


@pytest.mark.parametrize("format", FORMATS)
def test_exif_of_any_length_goes_along_except_in_jpeg(format):
    for length in (JPEG_EXIF, JPEG_EXIF + 1, 300_001):
        data = encode(shaped(3), format, exif=exif_of(length))
        fits = format != "jpeg" or length <= JPEG_EXIF
        assert exif_in(data) == (exif_of(length) if fits else b"")


def test_exif_that_is_too_long_for_jpeg_leaves_the_profile_in():
    data = encode(shaped(3), "jpeg", icc_profile=PROFILE, exif=exif_of(JPEG_EXIF + 1))
    assert (opened(data).info["icc_profile"], exif_in(data)) == (PROFILE, b"")


@pytest.mark.parametrize("length", [PIECE, PIECE + 1, 3 * PIECE - 1, 3 * PIECE + 1, 255 * PIECE])
def test_profile_takes_as_many_segments_as_it_needs(length):
    profile = PROFILE.ljust(length, b"\7")
    data = encode(shaped(3), "jpeg", icc_profile=profile, exif=exif_of(50))
    assert data.count(b"ICC_PROFILE\0") == -(-length // PIECE)
    assert opened(data).info["icc_profile"] == profile
    assert exif_in(data) == exif_of(50)


def test_profile_of_more_segments_than_there_are_is_left_out():
    picture = opened(encode(shaped(3), "jpeg", icc_profile=PROFILE.ljust(255 * PIECE + 1)))
    assert "icc_profile" not in picture.info
    assert picture.size == (61, 47)


# Options out of range.


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("quality", 0, "an integer from 1 to 100"),
        ("quality", 101, "an integer from 1 to 100"),
        ("quality", 1.0, "an integer from 1 to 100"),
        ("subsampling", "411", "one of 420, 422, 444"),
        ("subsampling", "", "one of 420, 422, 444"),
        ("subsampling", None, "one of 420, 422, 444"),
        ("compression", -1, "an integer from 0 to 9"),
        ("compression", 10, "an integer from 0 to 9"),
        ("compression", "9", "an integer from 0 to 9"),
        ("compression", True, "an integer from 0 to 9"),
    ],
)
def test_option_out_of_range_is_an_error_whatever_the_format(format, name, value, expected):
    with pytest.raises(OptionError) as caught:
        encode(shaped(3), format, **{name: value})
    assert (caught.value.name, caught.value.expected) == (name, expected)


@pytest.mark.parametrize("value", [np.int64(9), np.uint8(9), 9])
def test_any_kind_of_integer_is_a_level(value):
    assert encode(shaped(3), "png", compression=value) == encode(shaped(3), "png", compression=9)


def test_subsampling_may_be_a_number():
    assert encode(shaped(3), "jpeg", subsampling=444) == encode(shaped(3), "jpeg", subsampling="444")
