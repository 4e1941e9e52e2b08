"""Images of other libraries: PIL's, and whatever shows its memory in one of NumPy's ways."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pictures import picture
from PIL import Image, ImageFile, ImageOps

from fastfit import Fit, ImageError, OptionError, fit
from fastfit.arrays import as_array

DATA = Path(__file__).parent / "data"
ORIENTATION = 0x0112
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{}"/></rdf:RDF></x:xmpmeta>'
)
MODES_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA", "F", "I;16")
CONVERTED = {"1": "L", "P": "RGB", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "RGBX": "RGB"}


def pil(mode, seed=0, shape=(23, 31)):
    """A picture of a mode, without symmetry."""
    if mode == "F":
        return Image.fromarray(picture("smooth", shape, np.float32, seed))
    if mode == "I;16":
        return Image.fromarray(picture("smooth", shape, np.uint16, seed))
    colour = Image.fromarray(picture("smooth", (*shape, 3), seed=seed))
    if mode in ("LA", "RGBA", "PA"):
        colour.putalpha(Image.fromarray(picture("holes", shape, seed=seed + 1)))
        return colour if mode == "RGBA" else colour.convert("LA").convert(mode)
    return colour.convert(mode)


def with_exif(image, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turned = image.copy()
    turned.info["exif"] = exif.tobytes()
    return turned


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def state(image):
    return image.mode, image.size, image.tobytes(), dict(image.info), dict(image.getexif())


# ---------------------------------------------------------------------------------------------------------------
# Modes
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.quick
@pytest.mark.parametrize("mode", MODES_AS_THEY_ARE)
def test_modes_of_grey_rgb_and_alpha_are_as_they_lie_in_memory(mode):
    image = pil(mode)
    assert image.mode == mode
    before = state(image)
    np.testing.assert_array_equal(as_array(image), np.asarray(image))
    for spec in (Fit((20, 30)), Fit((20, 30), "pad", fill=0.5 if mode == "F" else 9, layout="CHW", mean=1)):
        np.testing.assert_array_equal(spec(image), spec(np.asarray(image)))
        assert spec.form(image) == spec.form(np.asarray(image))
    assert state(image) == before


@pytest.mark.quick
@pytest.mark.parametrize("mode", CONVERTED)
def test_other_modes_are_converted_as_pillow_does(mode):
    image = pil(mode)
    assert image.mode == mode
    before = state(image)
    expected = np.asarray(image.convert(CONVERTED[mode]))
    np.testing.assert_array_equal(as_array(image), expected)
    np.testing.assert_array_equal(fit(image, (20, 30)), fit(expected, (20, 30)))
    assert Fit((20, 30)).form(image) == ((30, 20, *expected.shape[2:]), np.uint8)
    assert state(image) == before


def palette_of(alpha=None):
    image = pil("P")
    if alpha is not None:
        image.info["transparency"] = alpha
    return image


@pytest.mark.parametrize("alpha", [palette_of().getpixel((3, 4)), bytes([255, 0, 128, 17] * 64)])
def test_a_palette_with_transparent_colours_becomes_rgba(alpha):
    image = palette_of(alpha)
    before = state(image)
    expected = np.asarray(image.convert("RGBA"))
    assert expected[..., 3].min() < 255
    np.testing.assert_array_equal(as_array(image), expected)
    assert state(image) == before


@pytest.mark.parametrize(("mode", "level", "into"), [("L", 100, "LA"), ("1", 0, "LA"), ("RGB", None, "RGBA")])
def test_a_transparent_level_becomes_alpha(mode, level, into):
    image = pil(mode)
    image.info["transparency"] = image.getpixel((3, 4)) if mode == "RGB" or mode == "L" else level
    expected = np.asarray(image.convert(into))
    assert expected[..., -1].min() == 0
    assert expected[..., -1].max() == 255
    np.testing.assert_array_equal(as_array(image), expected)


@pytest.mark.quick
@pytest.mark.parametrize("name", ["rgba.png", "grey.jpg", "cmyk.jpg", "srgb.jpg", "srgb.webp", "metadata.gif"])
def test_files_that_pillow_opened_are_taken_before_they_are_read(name):
    with Image.open(DATA / name) as lazy, Image.open(DATA / name) as read:
        read.load()
        mode = CONVERTED.get(read.mode, read.mode)
        if "transparency" in read.info:
            mode = "RGBA"
        np.testing.assert_array_equal(fit(lazy, (20, 30)), fit(np.asarray(read.convert(mode)), (20, 30)))


@pytest.mark.parametrize(("options", "channels"), [({}, 3), ({"transparency": 3}, 4)])
def test_a_png_with_a_palette_is_taken_before_it_is_read(options, channels):
    data = saved(pil("P"), "PNG", **options)
    with Image.open(io.BytesIO(data)) as lazy:
        assert fit(lazy, (20, 30)).shape == (30, 20, channels)


@pytest.mark.parametrize("mode", ["LAB", "HSV", "I", "La", "RGBa"])
def test_modes_that_are_no_picture_are_refused(mode):
    image = Image.new(mode, (31, 23))
    for use in (Fit((20, 30)), Fit((20, 30)).form):
        with pytest.raises(ImageError) as caught:
            use(image)
        assert (
            str(caught.value)
            == f'image: expected a PIL image of a mode like "RGB", by convert("RGB"), got mode "{mode}"'
        )


def test_samples_of_16_bits_in_the_other_order_are_refused():
    with pytest.raises(ImageError, match=r"^image: .*I;16B"):
        fit(Image.new("I;16B", (31, 23)), (20, 30))


# ---------------------------------------------------------------------------------------------------------------
# Upright
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_file_opened_lazily_is_turned_upright(orientation):
    path = DATA / f"orientation_{orientation}.jpg"
    with Image.open(path) as lazy, Image.open(path) as other:
        assert lazy.getexif()[ORIENTATION] == orientation
        expected = np.asarray(ImageOps.exif_transpose(other))
        np.testing.assert_array_equal(as_array(lazy), expected)
        np.testing.assert_array_equal(fit(lazy, (37, 53)), fit(expected, (37, 53)))
    with Image.open(path) as lazy:
        np.testing.assert_array_equal(fit(lazy, (37, 53)), fit(expected, (37, 53)))


@pytest.mark.parametrize("mode", [*MODES_AS_THEY_ARE, *CONVERTED])
@pytest.mark.parametrize("orientation", range(10))
def test_an_image_with_exif_is_turned_upright(orientation, mode):
    image = with_exif(pil(mode), orientation)
    before = state(image)
    upright = ImageOps.exif_transpose(image)
    assert (upright.size == (23, 31)) == (5 <= orientation <= 8)
    np.testing.assert_array_equal(as_array(image), np.asarray(upright.convert(CONVERTED.get(mode, mode))))
    assert state(image) == before
    assert Fit(longest=31).form(image)[0][:2] == upright.size[::-1]


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK"])
def test_an_orientation_set_by_hand_is_heeded(mode):
    image = pil(mode)
    image.getexif()[ORIENTATION] = 6
    upright = ImageOps.exif_transpose(image).convert(CONVERTED.get(mode, mode))
    assert upright.size == (23, 31)
    np.testing.assert_array_equal(as_array(image), np.asarray(upright))


@pytest.mark.parametrize("mode", ["RGB", "P"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_an_orientation_in_xmp_is_heeded_where_pillow_heeds_it(orientation, mode):
    image = pil(mode)
    image.info["xmp"] = XMP.format(orientation).encode()
    upright = ImageOps.exif_transpose(image).convert("RGB")
    assert (upright.size == (23, 31)) == (orientation >= 5)
    np.testing.assert_array_equal(as_array(image), np.asarray(upright))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 2, 5, 6])
def test_encoded_images_are_turned_upright_once_whether_read_or_not(orientation, mode, format):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    written = pil(mode) if format == "TIFF" or (format == "PNG" and mode != "CMYK") else pil(mode).convert("RGB")
    data = saved(written, format, exif=exif)
    lazy, read, other = (Image.open(io.BytesIO(data)) for _ in range(3))
    read.load()
    upright = ImageOps.exif_transpose(other)
    assert (upright.size == (23, 31)) == (orientation >= 5)
    expected = np.asarray(upright.convert(CONVERTED.get(upright.mode, upright.mode)))
    np.testing.assert_array_equal(as_array(read), expected)
    np.testing.assert_array_equal(as_array(lazy), expected)


@pytest.mark.parametrize("name", ["orientation_5.tif", "orientation_6.tif"])
def test_tiffs_which_pillow_turns_itself_are_not_turned_again(name):
    with Image.open(DATA / name) as lazy, Image.open(DATA / name) as other:
        expected = np.asarray(ImageOps.exif_transpose(other).convert("L"))
        np.testing.assert_array_equal(as_array(lazy), expected)


def test_a_transparent_level_and_an_orientation_go_together():
    image = with_exif(palette_of(palette_of().getpixel((3, 4))), 6)
    np.testing.assert_array_equal(as_array(image), np.rot90(np.asarray(image.convert("RGBA")), -1))


def test_a_box_counts_in_the_upright_picture():
    image = with_exif(pil("RGB"), 6)
    got = fit(image, (10, 20), "stretch", box=(3, 5, 13, 25))
    np.testing.assert_array_equal(got, np.rot90(np.asarray(image), -1)[5:25, 3:13])


def test_out_may_not_be_the_memory_of_a_shared_image():
    array = picture("smooth", (40, 50, 3))
    holder = Interface(array)
    with pytest.raises(OptionError, match="overlap"):
        fit(holder, (20, 30), out=array[:30, :20])


def test_a_picture_cut_short_is_no_picture():
    data = (DATA / "srgb.jpg").read_bytes()
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    with (
        Image.open(io.BytesIO(data[: len(data) // 2])) as image,
        pytest.raises(ImageError, match=r"^image: expected a whole PIL image, got a JpegImageFile \(.*truncated"),
    ):
        fit(image, (20, 30))


# ---------------------------------------------------------------------------------------------------------------
# Whatever shows its memory
# ---------------------------------------------------------------------------------------------------------------


class Interface:
    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Array:
    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class DLPack:
    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Raising:
    def __init__(self, error):
        self.error = error

    def __array__(self, dtype=None, copy=None):
        raise self.error


class RaisingInterface:
    @property
    def __array_interface__(self):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


class RaisingDLPack:
    def __init__(self, error):
        self.error = error

    def __dlpack__(self, **_):
        raise self.error

    def __dlpack_device__(self):
        return 1, 0


@pytest.mark.quick
@pytest.mark.parametrize("kind", [Interface, Array, DLPack])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(23, 31), (23, 31, 3), (23, 31, 4)])
def test_what_shows_its_memory_is_taken_for_the_array_that_it_is(shape, dtype, kind):
    array = picture("holes", shape, dtype)
    before = array.copy()
    for view in (array, array[::-1, ::2], np.asfortranarray(array)):
        other = kind(view)
        assert not isinstance(other, np.ndarray)
        for spec in (Fit((20, 30)), Fit((20, 30), layout="CHW", scale=2)):
            np.testing.assert_array_equal(spec(other), spec(view))
            assert spec.form(other) == spec.form(view)
        assert np.shares_memory(as_array(other), array) or view.base is None
    np.testing.assert_array_equal(array, before)


def test_subclasses_of_arrays_are_arrays(tmp_path):
    array = picture("smooth", (23, 31, 3))
    mapped = np.memmap(tmp_path / "array", np.uint8, "w+", shape=array.shape)
    mapped[...] = array
    got = fit(mapped, (20, 30))
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, fit(array, (20, 30)))


@pytest.mark.parametrize(
    "image",
    [
        Raising(TypeError("can't convert cuda:0 device type tensor to numpy")),
        Raising(RuntimeError("Can't call numpy() on Tensor that requires grad.")),
        Raising(ValueError("no")),
        Raising(BufferError("no")),
        RaisingInterface(),
        RaisingDLPack(BufferError("no")),
        RaisingDLPack(RuntimeError("no")),
        RaisingDLPack(TypeError("no")),
    ],
    ids=lambda image: type(image).__name__,
)
def test_what_cannot_show_its_memory_is_no_image(image):
    for use in (Fit((20, 30)), Fit((20, 30)).form):
        with pytest.raises(
            ImageError, match=rf"^image: expected .*, got a {type(image).__name__} \(.+\)$"
        ) as caught:
            use(image)
        assert caught.value.__cause__ is not None


def test_an_array_method_that_gives_no_array_is_no_image():
    with pytest.raises(ImageError, match=r"^image: expected what NumPy can read, got a Array"):
        fit(Array([[1, 2]]), (20, 30))


@pytest.mark.parametrize(
    "image",
    [
        [[1, 2], [3, 4]],
        ((1, 2),),
        None,
        "photo.jpg",
        b"\xff\xd8\xff",
        bytearray(9),
        memoryview(b"12"),
        5,
        1.5,
        {},
        Path("a.jpg"),
        object(),
        io.BytesIO(),
    ],
)
def test_what_is_no_array_is_no_image(image):
    for use in (Fit((20, 30)), Fit((20, 30)).form):
        with pytest.raises(ImageError) as caught:
            use(image)
        kind = type(image).__name__
        assert str(caught.value) == f"image: expected an array, a PIL image or a tensor, got a {kind}"


def test_a_class_is_no_image():
    for kind in (np.ndarray, Array, DLPack):
        with pytest.raises(ImageError, match=r"^image: "):
            fit(kind, (20, 30))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float16, np.float64, np.complex64])
@pytest.mark.parametrize("kind", [Interface, Array])
def test_dtypes_of_other_libraries_are_checked_like_numpys(kind, dtype):
    with pytest.raises(ImageError, match=r"^image: expected dtype uint8, uint16 or float32, got "):
        fit(kind(np.zeros((9, 7), dtype)), (20, 30))


@pytest.mark.parametrize("wrap", [lambda array: array, Interface, Array, DLPack])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels_first_are_refused_with_a_way_out(channels, wrap):
    array = np.zeros((channels, 61, 97), np.uint8)
    with pytest.raises(ImageError) as caught:
        fit(wrap(array), (20, 30))
    assert "channels first?" in str(caught.value)
    assert f"({channels}, 61, 97)" in str(caught.value)
    assert fit(np.moveaxis(array, 0, -1), (20, 30)).shape == (30, 20, channels)


def test_what_may_be_either_is_taken_for_channels_last():
    assert fit(np.zeros((3, 61, 4), np.uint8), (20, 30)).shape == (30, 20, 4)


@pytest.mark.parametrize("shape", [(2, 3, 61, 97), (97,), ()])
def test_other_shapes_are_refused_without_that_hint(shape):
    with pytest.raises(ImageError, match=r"^image: expected shape") as caught:
        fit(np.zeros(shape, np.uint8), (20, 30))
    assert "channels first" not in str(caught.value)


@pytest.mark.parametrize("wrap", [Interface, Array, DLPack])
def test_read_only_memory_is_read(wrap):
    array = picture("smooth", (23, 31, 3))
    array.flags.writeable = False
    if wrap is DLPack:  # NumPy gives no read-only array away
        array = array.copy()
    np.testing.assert_array_equal(fit(wrap(array), (20, 30)), fit(array, (20, 30)))


@pytest.mark.parametrize("repetition", range(6))
def test_one_picture_that_is_not_read_yet_may_be_looked_at_by_several_threads(tmp_path, repetition):
    # Pillow reads at the first look, and its decoders bear one thread.
    Image.fromarray(picture("noise", (150, 211, 3), seed=repetition)).save(tmp_path / "a.png")
    spec = Fit((17, 13))
    with Image.open(tmp_path / "a.png") as opened:
        expected = spec(opened.copy())
    with Image.open(tmp_path / "a.png") as opened, ThreadPoolExecutor(4) as pool:
        for result in pool.map(spec, [opened] * 8):
            np.testing.assert_array_equal(result, expected)


def test_a_palette_with_alpha_becomes_rgba():
    image = Image.fromarray(picture("holes", (31, 47, 4))).quantize(4)
    assert image.info == {}
    np.testing.assert_array_equal(Fit((47, 31))(image), np.asarray(image.convert("RGBA")))


def test_a_transparent_level_of_16_bits_is_refused():
    image = Image.fromarray(picture("smooth", (31, 47), np.uint16))
    image.info["transparency"] = 7
    with pytest.raises(ImageError, match='mode "I;16"'):
        Fit((20, 30))(image)


def test_what_pillow_makes_of_a_broken_tag_is_an_error_of_ours():
    image = Image.fromarray(picture("smooth", (31, 47, 3)))
    image.info["Raw profile type exif"] = "\nexif\n 8\nnot hexadecimal"
    with pytest.raises(ImageError, match=r"^image: expected a whole PIL image, got a Image \(non-hexadecimal"):
        Fit((20, 30))(image)
