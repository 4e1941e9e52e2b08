"""`load`: from bytes or a path to a fitted array, and what of it `fit_bytes` shares."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image, ImageOps

from fastfit import CodecError, Fit, Input, OptionError, Output, decode, fit, fit_bytes, load
from fastfit.words import CONVOLUTIONS, RESAMPLES

DATA = Path(__file__).parent / "data"
FILES = (
    "photo.jpg",
    "srgb.jpg",
    "grey.jpg",
    "cmyk.jpg",
    "display_p3.jpg",
    "one_by_one.jpg",
    *(f"orientation_{orientation}.jpg" for orientation in range(2, 9)),
    "rgba.png",
    "rgb16.png",
    "grey_alpha16.png",
    "interlaced.png",
    "srgb.webp",
)
DEEP = ("rgb16.png", "grey_alpha16.png", "interlaced.png")
BROKEN = ("truncated.jpg", "truncated_progressive.jpg", "truncated_interlaced.png", "corrupt_xcsn0g01.png")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EXACT = Input(exact=True)
COLOUR = (255, 128, 0)


@cache
def read(name):
    return (DATA / name).read_bytes()


@cache
def decoded(name):
    image = decode(read(name))[0]
    image.flags.writeable = False
    return image


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def psnr(got, expected, top):
    error = np.mean((got.astype(np.float64) - expected) ** 2)
    return np.inf if error == 0 else 10 * np.log10(top**2 / error)


def shape_of(name):
    return decoded(name).shape


# ---------------------------------------------------------------------------------------------------------------
# As decode and fit
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_exactly_read_it_is_decode_and_fit(name):
    data, image = read(name), decoded(name)
    ways = {"lanczos": "cover", "bicubic": "pad", "box": "stretch", "hamming": "stretch", "mks2021": "pad"}
    for resample, mode in ways.items():
        for size in ((61, 47), (7, 30)):
            spec = Fit(size, mode, resample)
            np.testing.assert_array_equal(load(data, spec, input=EXACT), spec(image))


@pytest.mark.parametrize("name", [name for name in FILES if shape_of(name)[2:] not in ((2,), (4,))])
@pytest.mark.parametrize("resample", RESAMPLES[len(CONVOLUTIONS) :])
def test_opencvs_interpolations_are_exact_in_any_case(name, resample):
    spec = Fit((41, 29), resample=resample)
    np.testing.assert_array_equal(load(read(name), spec), spec(decoded(name)))


# A test pattern of 64x64 is none of the photographs that this is about.
@pytest.mark.parametrize("name", [name for name in FILES if name != "one_by_one.jpg"])
def test_otherwise_nobody_sees_the_difference(name):
    data, image = read(name), decoded(name)
    height, width = image.shape[:2]
    for by in (1.5, 2.9, 4, 7, 13, 40):
        size = (max(1, round(width / by)), max(1, round(height / by)))
        got, expected = load(data, Fit(size)), fit(image, size)
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype
        assert psnr(got, expected, np.iinfo(got.dtype).max) > 45


def test_a_large_jpeg_is_decoded_small():
    data, spec = read("srgb.jpg"), Fit((40, 27))
    assert np.any(load(data, spec) != load(data, spec, input=EXACT))
    # By the header 600x400; at 1/4 the same picture comes under the limit.
    assert load(data, spec, input=Input(max_pixels=20_000)).shape == (27, 40, 3)
    with pytest.raises(CodecError, match=r"^data: expected at most 20000 pixels, got 240000 "):
        load(data, spec, input=Input(max_pixels=20_000, exact=True))


@pytest.mark.quick
@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_result_is_upright(orientation):
    data = read(f"orientation_{orientation}.jpg")
    upright = ImageOps.exif_transpose(opened(data))
    got = load(data, Fit(upright.size))
    np.testing.assert_allclose(got.astype(int), np.asarray(upright), rtol=0, atol=4)
    for size in ((31, 47), (30, 20)):
        expected = np.asarray(ImageOps.fit(upright, size, Image.Resampling.LANCZOS))
        got = load(data, Fit(size, layout="CHW"))
        np.testing.assert_allclose(np.moveaxis(got, 0, 2).astype(int), expected, rtol=0, atol=6)


def test_a_size_that_follows_from_the_source_follows_from_the_upright_one():
    for orientation, name in ((3, "orientation_3.jpg"), (6, "orientation_6.jpg")):
        data = read(name)
        width, height = ImageOps.exif_transpose(opened(data)).size
        assert orientation in (3, 6)
        got = load(data, Fit(longest=50))
        assert max(got.shape[:2]) == 50
        assert (got.shape[0] > got.shape[1]) == (height > width)


@pytest.mark.quick
@pytest.mark.parametrize(
    "form",
    [
        lambda path: path.read_bytes(),
        lambda path: bytearray(path.read_bytes()),
        lambda path: memoryview(path.read_bytes()),
        lambda path: memoryview(b"\0".join(bytes([byte]) for byte in path.read_bytes()) + b"\0")[::2],
        str,
        Path,
    ],
    ids=["bytes", "bytearray", "memoryview", "strided memoryview", "str", "Path"],
)
@pytest.mark.parametrize("name", ["srgb.jpg", "rgba.png", "srgb.webp"])
def test_bytes_of_every_kind_and_paths_are_sources(name, form):
    source = form(DATA / name)
    spec = Fit((61, 47), "pad", fill=9)
    got = load(source, spec)
    np.testing.assert_array_equal(got, load(read(name), spec))
    assert type(got) is np.ndarray
    assert got.flags.writeable
    if isinstance(source, bytearray):
        assert bytes(source) == read(name)


def test_many_threads_load_at_once():
    spec = Fit((64, 48), channels=3, layout="CHW", scale=1 / 255, mean=MEAN, std=STD)
    paths = [DATA / name for name in FILES]
    expected = [load(path, spec) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(lambda path: load(path, spec), paths * 2), expected * 2, strict=True):
            np.testing.assert_array_equal(got, wanted)


# ---------------------------------------------------------------------------------------------------------------
# Tensors
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_any_file_becomes_a_tensor_of_the_same_form(name, layout):
    spec = Fit((64, 48), channels=3, layout=layout, dtype="float32", scale=1 / 255, mean=MEAN, std=STD)
    got = load(read(name), spec, input=EXACT)
    assert got.shape == ((3, 48, 64) if layout == "CHW" else (48, 64, 3))
    assert got.dtype == np.float32
    levels = fit(decoded(name), (64, 48), channels=3)
    expected = (levels / np.iinfo(levels.dtype).max - MEAN) / STD
    got = np.moveaxis(got, 0, 2) if layout == "CHW" else got
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 if levels.dtype == np.uint8 else 1.1e-4)


@pytest.mark.parametrize("name", DEEP)
def test_16_bits_count_a_257th_each_where_a_dtype_is_asked_for(name):
    for how in ({"mode": "cover"}, {"mode": "stretch", "resample": "linear"}):
        # Interpolations mix what is hidden under alpha 0 into its surroundings, unless it is laid under first.
        if "resample" in how and shape_of(name)[2:] != (3,):
            continue
        levels = load(read(name), Fit((27, 20), **how))
        assert levels.dtype == np.uint16
        unit = load(read(name), Fit((27, 20), dtype="float32", scale=1 / 255, **how))
        assert unit.dtype == np.float32
        assert unit.min() >= 0
        assert 0.05 < unit.max() <= 1
        np.testing.assert_allclose(unit, levels / 65535, rtol=0, atol=1e-6)
        eight = load(read(name), Fit((27, 20), dtype="uint8", **how))
        assert eight.dtype == np.uint8
        np.testing.assert_allclose(eight, levels / 257, rtol=0, atol=0.5 + 1e-4)
        plain = load(read(name), Fit((27, 20), dtype="float32", **how))
        np.testing.assert_allclose(plain, levels / 257, rtol=0, atol=1e-4)
        half = load(read(name), Fit((27, 20), dtype="float16", **how))
        np.testing.assert_allclose(half, levels / 257, rtol=2.0**-11, atol=1e-4)


def test_each_of_65536_levels_is_rounded_to_the_nearest_of_256():
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    data = saved(levels, "png")
    np.testing.assert_array_equal(load(data, Fit((256, 256))), levels)
    got = load(data, Fit((256, 256), dtype="uint8"))
    np.testing.assert_array_equal(got, (levels.astype(np.uint32) + 128) // 257)
    unit = load(data, Fit((256, 256), scale=1 / 255))
    np.testing.assert_allclose(unit, levels / 65535, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", [*DEEP, "srgb.jpg", "grey.jpg"])
def test_scale_mean_and_std_are_about_8_bit_levels_whatever_the_depth(name):
    exact = load(read(name), Fit((27, 20), dtype="float32"), input=EXACT).astype(np.float64)
    got = load(read(name), Fit((27, 20), scale=2, mean=100, std=4), input=EXACT)
    np.testing.assert_allclose(got, (exact * 2 - 100) / 4, rtol=0, atol=1e-4)
    shifted = load(read(name), Fit((27, 20), mean=100), input=EXACT)
    np.testing.assert_allclose(shifted, exact - 100, rtol=0, atol=1e-4)


def test_a_spec_is_not_changed_by_what_it_loads():
    spec = Fit((27, 20), "pad", fill=COLOUR, scale=1 / 255, channels=3)
    before = spec.to_dict()
    first = load(read("rgb16.png"), spec)
    load(read("srgb.jpg"), spec)
    assert spec.to_dict() == before
    np.testing.assert_array_equal(load(read("rgb16.png"), spec), first)


# ---------------------------------------------------------------------------------------------------------------
# Fill
# ---------------------------------------------------------------------------------------------------------------


def luma(colour):
    return round((19595 * colour[0] + 38470 * colour[1] + 7471 * colour[2]) / 65536)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("fill", [0, 200, COLOUR, (*COLOUR, 77)])
def test_a_fill_in_8_bit_levels_fits_every_file(name, fill):
    height, width = shape_of(name)[:2]
    size = (width, 2 * height)
    got = load(read(name), Fit(size, "pad", fill=fill))
    border = got[: height // 2 - 1].reshape(-1, *got.shape[2:])
    count = 1 if got.ndim == 2 else got.shape[2]
    by = 257 if got.dtype == np.uint16 else 1
    if np.ndim(fill) == 0:
        colour = [fill] * count
    else:
        alpha = [*fill, 255][3]
        grey = luma(fill)
        colour = {1: [grey], 2: [grey, alpha], 3: fill[:3], 4: [*fill[:3], alpha]}[count]
    expected = np.broadcast_to(np.squeeze(np.array(colour) * by), border.shape)
    np.testing.assert_array_equal(border, expected)


@pytest.mark.parametrize("name", FILES)
def test_a_fill_is_the_same_colour_around_every_file_of_a_mixed_set(name):
    height, width = shape_of(name)[:2]
    size = (width, 2 * height)
    unit = load(read(name), Fit(size, "pad", fill=COLOUR, channels=3, scale=1 / 255, layout="CHW"))
    border = unit[:, : height // 2 - 1]
    expected = np.broadcast_to(np.array(COLOUR)[:, None, None] / 255, border.shape)
    np.testing.assert_allclose(border, expected, rtol=0, atol=1e-6)
    plain = load(read(name), Fit(size, "pad", fill=COLOUR, channels=3))
    by = 257 if plain.dtype == np.uint16 else 1
    np.testing.assert_array_equal(plain[0, 0], np.array(COLOUR) * by)
    grey = load(read(name), Fit(size, "pad", fill=COLOUR, channels=1, dtype="uint8"))
    assert grey[0, 0].tolist() == [luma(COLOUR)]
    alpha = load(read(name), Fit(size, "pad", fill=COLOUR, channels=4, dtype="uint8"))
    assert alpha[0, 0].tolist() == [*COLOUR, 255]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("grey", [False, True])
def test_what_is_transparent_shows_the_fill_where_alpha_is_dropped(grey, bits):
    image = scene(64, 48, 4)
    image[:24, :, 3], image[24:, :, 3] = 0, 255
    if grey:
        image[..., 1] = image[..., 2] = image[..., 0]
    picture = Image.fromarray(image)
    data = saved(picture.convert("LA") if grey else picture, "png")
    if bits == 16:
        data = cv2.imencode(".png", image[..., [2, 1, 0, 3]].astype(np.uint16) * 257)[1].tobytes()
    for resample in ("lanczos", "linear", "lanczos4"):
        got = load(data, Fit((32, 24), fill=COLOUR, channels=3, dtype="uint8", resample=resample))
        np.testing.assert_array_equal(got[:8], np.broadcast_to(COLOUR, (8, 32, 3)))
        expected = fit(np.ascontiguousarray(image[24:, :, :3]), (32, 12), resample=resample)
        np.testing.assert_allclose(got[16:].astype(int), expected[4:], rtol=0, atol=2)


def test_what_is_hidden_under_alpha_0_bleeds_into_nothing():
    image = np.zeros((40, 60, 4), np.uint8)
    image[:, :31] = (0, 255, 0, 255)
    image[:, 31:] = (255, 0, 0, 0)
    data = saved(image, "png")
    for resample in RESAMPLES:
        got = load(data, Fit((150, 110), channels=3, fill=(0, 0, 255), resample=resample))
        assert got[..., 0].max() <= 3, resample


@pytest.mark.parametrize("fill", [-1, 256, (0, 0, 256), (1, 2), (-1, 0, 0)])
@pytest.mark.parametrize("name", ["rgb16.png", "grey.jpg", "srgb.jpg"])
def test_a_fill_that_is_no_8_bit_colour_is_refused(name, fill):
    for source, called in ((read(name), "data"), (DATA / name, str(DATA / name))):
        for options in ({}, {"dtype": "float32"}, {"channels": 3}):
            with pytest.raises(OptionError, match="values from 0 to 255") as caught:
                load(source, Fit((20, 30), "pad", fill=fill, **options))
            assert caught.value.name == f"{called}: fill"


# ---------------------------------------------------------------------------------------------------------------
# out
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_a_batch_is_filled_row_by_row():
    spec = Fit((64, 48), channels=3, layout="CHW", scale=1 / 255, mean=MEAN, std=STD)
    batch = np.full((len(FILES), 3, 48, 64), np.nan, np.float32)
    for name, row in zip(FILES, batch, strict=True):
        assert load(DATA / name, spec, out=row) is row
    for name, row in zip(FILES, batch, strict=True):
        np.testing.assert_array_equal(row, load(DATA / name, spec))


def test_out_may_have_any_strides():
    spec = Fit((64, 48), "pad", fill=COLOUR)
    expected = load(read("srgb.jpg"), spec)
    out = np.zeros((64, 3, 96), np.uint8).transpose(2, 0, 1)[::-2]
    assert load(read("srgb.jpg"), spec, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_an_out_of_another_form_is_refused():
    for source, called in ((read("srgb.jpg"), "data"), (DATA / "srgb.jpg", str(DATA / "srgb.jpg"))):
        with pytest.raises(OptionError) as caught:
            load(source, Fit((64, 48)), out=np.zeros((48, 64), np.uint8))
        assert str(caught.value) == f"{called}: out: expected an array of uint8 (48, 64, 3), got uint8 (48, 64)"


# ---------------------------------------------------------------------------------------------------------------
# What cannot be loaded
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_errors_with_their_name(name):
    with pytest.raises(CodecError) as caught:
        load(read(name), Fit((20, 30)))
    assert caught.value.name == "data"
    for path in (DATA / name, str(DATA / name)):
        out = np.full((30, 20, 3), 7, np.uint8)
        with pytest.raises(CodecError) as caught:
            load(path, Fit((20, 30)), out=out)
        assert caught.value.name == str(DATA / name)
        assert str(caught.value).startswith(f"{DATA / name}: expected ")
        np.testing.assert_array_equal(out, np.full_like(out, 7))


@pytest.mark.parametrize("name", ["srgb.jpg", "rgba.png", "srgb.webp"])
def test_files_cut_short_are_errors(name):
    data = read(name)
    for length in (0, 1, 12, 40, len(data) // 3, len(data) * 9 // 10, len(data) - 20):
        with pytest.raises(CodecError, match=r"^data: expected "):
            load(data[:length], Fit((20, 30)))


def test_a_missing_file_is_what_python_says(tmp_path):
    for path in (tmp_path / "none.jpg", str(tmp_path / "none.jpg")):
        with pytest.raises(FileNotFoundError) as caught:
            load(path, Fit((20, 30)))
        assert str(caught.value.filename) == str(path)


def test_a_folder_is_no_file(tmp_path):
    for path in (tmp_path, str(tmp_path)):
        with pytest.raises(CodecError) as caught:
            load(path, Fit((20, 30)))
        assert str(caught.value) == f"{tmp_path}: expected a regular file, got a folder"


def test_no_image_is_an_error_with_its_name(tmp_path):
    path = tmp_path / "text.jpg"
    path.write_bytes(b"no image at all")
    with pytest.raises(CodecError) as caught:
        load(path, Fit((20, 30)))
    assert caught.value.name == str(path)
    with pytest.raises(CodecError, match=r"^data: expected an encoded image, got no bytes$"):
        load(b"", Fit((20, 30)))


@pytest.mark.parametrize("name", ["invented_middle.jpg", "invented_end.jpg"])
def test_damage_that_is_listened_for_is_an_error(name):
    for source, called in ((read(name), "data"), (DATA / name, str(DATA / name))):
        with pytest.raises(CodecError) as caught:
            load(source, Fit((20, 30)), listen=True)
        assert caught.value.name == called
        assert caught.value.expected == "an undamaged jpeg image"
        assert load(source, Fit((20, 30)), listen=True, input=Input(on_damage="warn")).shape[:2] == (30, 20)
    assert load(read("srgb.jpg"), Fit((20, 30)), listen=True).shape == (30, 20, 3)


def test_frames_are_refused_on_request():
    frames = [Image.fromarray(scene(64, 48, 3) // by) for by in (1, 2, 3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    data = buffer.getvalue()
    np.testing.assert_array_equal(load(data, Fit((64, 48))), scene(64, 48, 3))
    with pytest.raises(CodecError, match=r"^data: expected one frame or page, got 3$"):
        load(data, Fit((64, 48)), input=Input(frames="error"))


def test_limits_of_the_input_count():
    with pytest.raises(CodecError, match=r"^data: expected at most 100 pixels, got "):
        load(read("rgba.png"), Fit((20, 30)), input=Input(max_pixels=100))


@pytest.mark.parametrize(
    "source", [None, 5, [1, 2], io.BytesIO(b"x"), np.zeros(9, np.uint8)], ids=lambda one: type(one).__name__
)
def test_what_is_neither_bytes_nor_a_path_is_refused(source):
    with pytest.raises(CodecError, match=r"^source: expected .*bytes.*, got a "):
        load(source, Fit((20, 30)))


@pytest.mark.parametrize("spec", [None, "20x30", (20, 30), Fit])
def test_what_is_no_spec_is_refused(spec):
    with pytest.raises(OptionError, match=r"^spec: expected a Fit, got "):
        load(read("srgb.jpg"), spec)


def test_what_is_no_input_is_refused():
    with pytest.raises(OptionError, match=r"^input: expected an Input, got "):
        load(read("srgb.jpg"), Fit((20, 30)), input={"exact": True})


@pytest.mark.parametrize("name", ["mean", "std"])
def test_an_option_that_does_not_go_with_the_file_names_the_file(name):
    spec = Fit((20, 30), **{name: (1, 2, 3)})
    assert load(DATA / "srgb.jpg", spec).shape == (30, 20, 3)
    with pytest.raises(OptionError) as caught:
        load(DATA / "grey.jpg", spec)
    assert caught.value.name == f"{DATA / 'grey.jpg'}: {name}"
    with pytest.raises(OptionError, match=rf"^data: {name}: expected 1 value"):
        load(read("grey.jpg"), spec)
    with pytest.raises(OptionError, match=r"^data: box: "):
        load(read("grey.jpg"), Fit((20, 30), box=(0, 0, 9999, 5)))


def test_profiles_are_converted_on_request():
    spec = Fit((48, 64))
    plain, converted = (load(read("display_p3.jpg"), spec, srgb=srgb, input=EXACT) for srgb in (False, True))
    np.testing.assert_array_equal(converted, spec(decode(read("display_p3.jpg"), srgb=True)[0]))
    assert np.any(plain != converted)


# ---------------------------------------------------------------------------------------------------------------
# Files to files
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"layout": "CHW"}, {"dtype": "float32"}, {"dtype": "float16"}, {"scale": 1 / 255}, {"mean": 1}, {"std": 2}],
)
def test_files_hold_no_tensors(options):
    with pytest.raises(OptionError) as caught:
        fit_bytes(read("srgb.jpg"), Fit((20, 30), **options))
    assert caught.value.name == "spec"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_files_of_any_kind_become_8_bit_rgb(name, format):
    spec = Fit((64, 48), "pad", channels=3, dtype="uint8", fill=COLOUR)
    picture = opened(
        fit_bytes(read(name), spec, Output(format, 100, lossless=True, subsampling="444"), input=EXACT)
    )
    assert (picture.mode, picture.size, picture.format) == ("RGB", (64, 48), format.upper())
    expected = load(read(name), spec, input=EXACT)
    np.testing.assert_allclose(np.asarray(picture, int), expected, rtol=0, atol=6 if format == "jpeg" else 0)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("name", ["grey.jpg", "rgba.png", "grey_alpha16.png", "rgb16.png", "srgb.jpg"])
def test_channels_of_files_are_changed(name, channels, mode):
    spec = Fit((31, 23), channels=channels, dtype="uint8", fill=40)
    picture = opened(fit_bytes(read(name), spec, Output("png"), input=EXACT))
    assert picture.mode == mode
    expected = load(read(name), spec, input=EXACT)
    np.testing.assert_array_equal(np.asarray(picture), expected[..., 0] if channels == 1 else expected)


def test_a_16_bit_file_becomes_8_bit_on_request():
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    data = saved(levels, "png")
    assert opened(fit_bytes(data, Fit((256, 256)))).mode == "I;16"
    picture = opened(fit_bytes(data, Fit((256, 256), dtype="uint8")))
    assert picture.mode == "L"
    np.testing.assert_array_equal(np.asarray(picture), (levels.astype(np.uint32) + 128) // 257)


def test_what_loses_alpha_in_a_file_lies_over_the_fill_as_pillow_would():
    picture = opened(read("rgba.png")).convert("RGBA")
    ground = Image.new("RGBA", picture.size, (*COLOUR, 255))
    expected = np.asarray(Image.alpha_composite(ground, picture).convert("RGB"), int)
    got = opened(fit_bytes(read("rgba.png"), Fit(picture.size, channels=3, fill=COLOUR), Output("png")))
    np.testing.assert_allclose(np.asarray(got, int), expected, rtol=0, atol=1)


def test_a_file_in_one_channel_may_be_written_in_colour():
    picture = opened(fit_bytes(read("srgb.jpg"), Fit((31, 23), channels=1), Output("png", color="rgb")))
    assert picture.mode == "RGB"
    planes = np.moveaxis(np.asarray(picture), 2, 0)
    np.testing.assert_array_equal(planes[0], planes[2])


@pytest.mark.parametrize("format", ["png", "jpeg"])
@pytest.mark.parametrize("name", ["srgb.jpg", "display_p3.jpg", "srgb.webp"])
def test_a_file_made_grey_has_no_profile_for_colour(name, format):
    for spec in (Fit((31, 23), channels=1), Fit((31, 23), channels=1, dtype="uint8")):
        picture = opened(fit_bytes(read(name), spec, Output(format)))
        assert picture.mode == "L"
        assert not picture.info.get("icc_profile")
        assert opened(fit_bytes(read(name), Fit((31, 23), channels=3), Output(format))).info.get("icc_profile")


def test_a_grey_file_in_one_channel_keeps_its_grey_profile():
    grey = b"".join((read("adobe_rgb.icc")[:16], b"GRAY", read("adobe_rgb.icc")[20:]))
    data = saved(scene(64, 48, 1), "png", icc_profile=grey)
    for channels in (None, 1):
        picture = opened(fit_bytes(data, Fit((31, 23), channels=channels)))
        assert (picture.mode, picture.info.get("icc_profile")) == ("L", grey)
    picture = opened(fit_bytes(data, Fit((31, 23), channels=3)))
    assert (picture.mode, picture.info.get("icc_profile")) == ("RGB", None)
