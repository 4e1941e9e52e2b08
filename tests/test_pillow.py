"""What OpenCV does not read, or not rightly, Pillow reads where it is installed; and what it must not be asked."""

import importlib
import io
import re
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from encoded import saved, scene
from PIL import Image, ImageFile, ImageOps

from fastfit import CodecError, FastfitError, decode, probe

DATA = Path(__file__).parent / "data"

DECODING = importlib.import_module("fastfit.codec.decode")  # the package has a function of this name
importlib.import_module("pillow_jxl")  # lets Pillow write and read JPEG XL


def read(name):
    return (DATA / name).read_bytes()


def opened(data, mode="RGB"):
    """Decode with Pillow, upright."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert(mode))


def exif_block(orientation):
    return struct.pack("<4sIHHHIHHI", b"II*\0", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def heic(image, **options):
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(image)).save(buffer, **options)
    return buffer.getvalue()


def tiff(lines, depth, photometric=1, colours=(), **fields):
    """A TIFF of lines of bytes, 40 wide, whose samples have less than a byte."""
    strip = b"".join(lines)
    given = {
        256: 40,
        257: len(lines),
        258: depth,
        259: 1,
        262: photometric,
        273: 8,
        277: 1,
        279: len(strip),
        **fields,
    }
    count = len(given) + bool(colours)
    end = 8 + len(strip) + 2 + 12 * count + 4
    table = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in given.items()]
    table += [struct.pack("<HHII", 320, 3, len(colours), end)] if colours else []
    head = b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", count)
    return head + b"".join(table) + bytes(4) + struct.pack(f"<{len(colours)}H", *colours)


def lines_of(depth):
    """Return random lines of 40 samples."""
    samples = np.random.default_rng(depth).integers(0, 256, (23, 40 * depth // 8), np.uint8)
    return [line.tobytes() for line in samples]


def colours_of(depth):
    return [int(level) * 257 for level in np.random.default_rng(depth).integers(0, 256, 3 << depth)]


def flic():
    """A FLI film of one frame, of a palette and of pixels as they are."""
    palette = struct.pack("<IHHBB", 6 + 4 + 768, 11, 1, 0, 0) + bytes(range(64)) * 12
    pixels = struct.pack("<IH", 6 + 23 * 37, 16) + bytes(level % 256 for level in range(23 * 37))
    frame = struct.pack("<IHH8x", 16 + len(palette + pixels), 0xF1FA, 2) + palette + pixels
    return struct.pack("<IHHHHHHI", 128 + len(frame), 0xAF11, 1, 37, 23, 8, 3, 5).ljust(128, b"\0") + frame


def layerless():
    """A PSD without layers."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 23, 37, 8, 3)
    return head + bytes(12) + bytes(2) + scene(37, 23).transpose(2, 0, 1).tobytes()


def coloured_jpeg2000():
    """A JPEG 2000 file of levels that stand for colours."""
    data = saved(Image.fromarray(np.arange(37 * 23, dtype=np.uint8).reshape(23, 37) % 4), "jpeg2000")
    colours = struct.pack(">HB3B", 4, 3, 7, 7, 7) + bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 99, 199])
    columns = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3))
    more = struct.pack(">I", 8 + len(colours)) + b"pclr" + colours + struct.pack(">I", 20) + b"cmap" + columns
    at = data.index(b"jp2h")
    (length,) = struct.unpack_from(">I", data, at - 4)
    end = at - 4 + length
    data = data[: at - 4] + struct.pack(">I", length + len(more)) + data[at:end] + more + data[end:]
    return data.replace(b"colr\1\0\0" + struct.pack(">I", 17), b"colr\1\0\0" + struct.pack(">I", 16))


# A file, and the mode in which Pillow shows it.
READ = {
    "2-bit tiff": (lambda: tiff(lines_of(2), 2), "L"),
    "4-bit tiff": (lambda: tiff(lines_of(4), 4), "L"),
    "4-bit tiff, white is zero": (lambda: tiff(lines_of(4), 4, 0), "L"),
    "1-bit tiff with a palette": (lambda: tiff(lines_of(1), 1, 3, colours_of(1)), "RGB"),
    "2-bit tiff with a palette": (lambda: tiff(lines_of(2), 2, 3, colours_of(2)), "RGB"),
    "4-bit tiff with a palette": (lambda: tiff(lines_of(4), 4, 3, colours_of(4)), "RGB"),
    "grey tiff with alpha": (lambda: saved(scene(37, 23, 2), "tiff"), "LA"),
    "turned grey tiff with alpha": (lambda: saved(scene(37, 23, 2), "tiff", tiffinfo={274: 6}), "LA"),
    "packed grey tiff with alpha": (lambda: saved(scene(37, 23, 2), "tiff", compression="tiff_lzw"), "LA"),
    "jpeg xl": (lambda: saved(scene(37, 23), "jxl", lossless=True), "RGB"),
    "lossy jpeg xl": (lambda: saved(scene(37, 23), "jxl"), "RGB"),
    "grey jpeg xl": (lambda: saved(scene(37, 23, 1), "jxl", lossless=True), "L"),
    "jpeg xl with alpha": (lambda: saved(scene(37, 23, 4), "jxl", lossless=True), "RGBA"),
    "ico": (lambda: saved(scene(64, 64, 4), "ico", sizes=[(64, 64), (16, 16)]), "RGBA"),
    "ico of a bmp": (lambda: saved(scene(32, 32, 4), "ico", sizes=[(32, 32)], bitmap_format="bmp"), "RGBA"),
    "psd": (layerless, "RGB"),
    "qoi": (lambda: saved(scene(37, 23), "qoi"), "RGB"),
    "qoi with alpha": (lambda: saved(scene(37, 23, 4), "qoi"), "RGBA"),
    "sgi": (lambda: saved(scene(37, 23), "sgi"), "RGB"),
    "grey sgi": (lambda: saved(scene(37, 23, 1), "sgi"), "L"),
    "dds": (lambda: saved(scene(37, 23, 4), "dds"), "RGBA"),
    "dds in blocks": (lambda: saved(scene(40, 24, 4), "dds", pixel_format="DXT5"), "RGBA"),
    "tga": (lambda: saved(scene(37, 23), "tga", compression="tga_rle"), "RGB"),
    "grey tga": (lambda: saved(scene(37, 23, 1), "tga"), "L"),
    "fli": (flic, "RGB"),
    "jpeg 2000 with a palette": (coloured_jpeg2000, "RGB"),
    "gif with its background outside the palette": (lambda: read("background_outside.gif"), "RGB"),
    "gif with frames outside the screen": (lambda: read("frames_outside.gif"), "RGB"),
    "gif with metadata": (lambda: read("metadata.gif"), "RGB"),
    "gif with a frame larger than the screen": (lambda: read("oversized.gif"), "RGBA"),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_opencv_does_not_read_is_pillows(kind):
    make, mode = READ[kind]
    data = make()
    image, info = decode(data)
    expected = opened(data, mode)
    assert info.size == (expected.shape[1], expected.shape[0])
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("kind", [kind for kind in READ if "gif" not in kind])
def test_pillow_is_asked_only_where_opencv_would_be_wrong(kind, monkeypatch):
    # The table above would prove nothing if OpenCV read these files.
    monkeypatch.setattr(DECODING, "read_pillow", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(pytest.fail.Exception, match="asked"):
        decode(READ[kind][0]())


@pytest.mark.parametrize("kind", ["qoi", "qoi with alpha", "grey sgi", "jpeg xl", "dds", "psd"])
def test_what_no_header_says_pillow_tells(kind):
    image, info = decode(READ[kind][0]())
    channels = 1 if image.ndim == 2 else image.shape[2]
    assert (info.bit_depth, info.channels, info.frames, info.notes) == (8, channels, 1, ())


@pytest.mark.parametrize(("optimize", "mode"), [(True, "RGBA"), (False, "LA")], ids=["palette", "grey"])
def test_transparent_level_of_a_gif_becomes_alpha(optimize, mode, monkeypatch):
    data = saved(scene(37, 23, 1), "gif", transparency=127, optimize=optimize)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    image = decode(data)[0]
    assert (image[..., -1] == 0).any()
    np.testing.assert_array_equal(image, opened(data, mode))


@pytest.mark.quick
def test_heic_is_read():
    for channels in (3, 4):
        data = heic(scene(64, 48, channels), quality=-1)
        image, info = decode(data)
        assert (info.format, info.size) == ("heic", (64, 48))
        expected = np.asarray(pillow_heif.open_heif(io.BytesIO(data)).to_pillow())
        np.testing.assert_array_equal(image, expected)
        np.testing.assert_allclose(image, scene(64, 48, channels).astype(int), rtol=0, atol=8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_upright(orientation):
    # The plug-in writes the orientation as properties, as it must be.
    data = heic(scene(64, 48), quality=-1, exif=b"Exif\0\0" + exif_block(orientation))
    picture = Image.fromarray(scene(64, 48))
    picture.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(picture))
    image, info = decode(data)
    assert (info.size, info.orientation) == ((expected.shape[1], expected.shape[0]), orientation)
    np.testing.assert_allclose(image, expected.astype(int), rtol=0, atol=8)


def test_exif_of_heic_comes_along():
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    assert decode(heic(scene(64, 48), exif=exif.tobytes()))[1].exif == exif.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_in_the_exif_of_jpeg_xl_does_not_count(orientation):
    data = saved(scene(37, 23), "jxl", lossless=True, exif=exif_block(orientation))
    image, info = decode(data)
    assert (info.orientation, info.size) == (1, (37, 23))
    np.testing.assert_array_equal(image, scene(37, 23))


def test_jpeg_xl_of_a_photo_is_read():
    data = saved(scene(301, 203), "jxl", quality=95)
    np.testing.assert_allclose(decode(data)[0], scene(301, 203).astype(int), rtol=0, atol=12)


def in_planes(image):
    """A TIFF of 16 bits whose samples lie in one strip for each colour."""
    height, width, samples = image.shape
    strips = image.transpose(2, 0, 1).astype("<u2").tobytes()
    size = 2 * height * width
    end = 8 + len(strips) + 2 + 12 * 9 + 4
    starts = [8 + size * sample for sample in range(samples)]
    tail = struct.pack("<3H", 16, 16, 16) + struct.pack("<3I", *starts) + struct.pack("<3I", *[size] * 3)
    entries = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, end), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 3, end + 6), (277, 3, 1, 3), (279, 4, 3, end + 18), (284, 3, 1, 2)),
    ]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(strips)) + strips + struct.pack("<H", 9) + table + bytes(4) + tail


def test_16_bit_tiff_in_planes_is_right_or_refused():
    image = scene(37, 23).astype(np.uint16) * 257
    try:
        got = decode(in_planes(image))[0]
    except CodecError:
        got = image  # as good as right
    np.testing.assert_array_equal(got // (257 if got.dtype == np.uint16 else 1), scene(37, 23))


def test_tiff_with_signed_samples_is_refused():
    data = tiff(lines_of(8), 8)
    assert decode(data)[0].shape == (23, 40)
    # In the place of the field that says how long the strip is, which readers can do without.
    at = data.index(struct.pack("<HHI", 279, 4, 1))
    with pytest.raises(CodecError):
        decode(data[:at] + struct.pack("<HHII", 339, 4, 1, 2) + data[at + 12 :])


def ten_bits():
    image = scene(64, 48).astype(np.uint16) * 4
    return cv2.imencode(".avif", image, [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100])[1].tobytes()


def test_avif_of_more_bits_that_opencv_refuses_goes_to_pillow(monkeypatch):
    data = ten_bits()
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    image, info = decode(data)
    assert (info.bit_depth, info.size) == (10, (64, 48))
    np.testing.assert_array_equal(image, opened(data))


# What Pillow must not be asked: it shows as much as it finds of what is damaged.


NEVER = {
    "jpeg": lambda: saved(scene(37, 23), "jpeg"),
    "png": lambda: saved(scene(37, 23), "png"),
    "webp": lambda: saved(scene(37, 23), "webp"),
    "avif": lambda: saved(scene(37, 23), "avif"),
    "gif with changed codes": lambda: changed(saved(Image.fromarray(scene(161, 120)).quantize(64), "gif")),
    "gif cut short": lambda: saved(Image.fromarray(scene(161, 120)).quantize(64), "gif")[:-400],
}


def changed(data):
    return data[:2000] + bytes(64) + data[2064:]


@pytest.mark.parametrize("kind", NEVER)
def test_pillow_is_not_asked(kind, monkeypatch):
    monkeypatch.setattr(DECODING, "read_pillow", lambda *_, **__: pytest.fail("asked"))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    with pytest.raises(CodecError, match="data: expected a whole "):
        decode(NEVER[kind]())


def test_pillow_is_not_asked_for_avif_of_more_bits_whose_decoder_complains(monkeypatch):
    data = ten_bits()
    monkeypatch.setattr(DECODING, "read_pillow", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(CodecError, match="a whole avif image"):
        decode(data[:-30], listen=True)


# Limits and errors are the same as with OpenCV.


@pytest.mark.parametrize("kind", [kind for kind in READ if "background" not in kind])
def test_more_pixels_than_allowed_are_refused_before_decoding(kind, monkeypatch):
    data = READ[kind][0]()
    height, width = decode(data)[0].shape[:2]
    assert decode(data, max_pixels=height * width)[0].shape[:2] == (height, width)

    def decoding(_):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decoding)
    pattern = rf"cat: expected at most {height * width - 1} pixels, got {height * width} \({width}x{height}\)"
    with pytest.raises(CodecError, match=pattern):
        decode(data, max_pixels=height * width - 1, name="cat")


def test_more_pixels_than_allowed_in_heic_are_refused_before_decoding(monkeypatch):
    data = heic(scene(64, 48))
    monkeypatch.setattr(pillow_heif, "HeifImageFile", None)
    with pytest.raises(CodecError, match="at most 3071 pixels, got 3072"):
        decode(data, max_pixels=64 * 48 - 1)


def test_limit_of_heic_is_for_what_is_decoded(monkeypatch):
    # The picture is cropped from a larger one.
    data = bytearray(heic(scene(100, 70)))
    assert probe(bytes(data)).size == (100, 70)
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 30000, 30000)
    monkeypatch.setattr(pillow_heif, "HeifImageFile", None)
    with pytest.raises(CodecError, match="at most 178956970 pixels, got 900000000"):
        decode(bytes(data))


def test_jpeg_xl_behind_a_long_box_says_its_size():
    # Its plug-in decodes while it opens a file: a size that is not known before is no limit.
    stream = saved(scene(37, 23), "jxl", lossless=True)
    long = struct.pack(">I4sQ", 1, b"xml ", 20) + b"<x/>"
    data = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl " + long
    data += struct.pack(">I", 8 + len(stream)) + b"jxlc" + stream
    assert probe(data).size == (37, 23)
    with pytest.raises(CodecError, match="at most 9 pixels"):
        decode(data, max_pixels=9)


@pytest.mark.parametrize("stream", [b"", bytes(40)], ids=["empty", "zeros"])
def test_jpeg_xl_without_a_size_is_refused(stream, monkeypatch):
    monkeypatch.setattr(DECODING, "read_pillow", lambda *_, **__: pytest.fail("asked"))
    head = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
    with pytest.raises(CodecError, match="says how large the image is"):
        decode(head + b"\0\0\0\x08abcd" + stream)


def ico(*entries):
    """An ICO of entries: the side and the depth that the directory says, and a picture."""
    at = 6 + 16 * len(entries)
    head, bodies = struct.pack("<3H", 0, 1, len(entries)), b""
    for side, depth, body in entries:
        head += struct.pack("<4B2HII", side, side, 0, 0, 1, depth, len(body), at + len(bodies))
        bodies += body
    return head + bodies


def in_runs(width, height):
    """The head of a picture as ICO has it: that of a BMP, of twice the height, in run-length codes."""
    return struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, 8, 1, 2, 0, 0, 0, 0) + bytes(1024) + b"\0\1"


SMALL, LARGE = (saved(np.zeros(shape, np.uint8), "png") for shape in ((16, 16), (300, 400)))


@pytest.mark.parametrize(
    "data",
    [
        ico((16, 32, LARGE)),
        ico((16, 8, in_runs(400, 300))),
        ico((16, 32, SMALL), (16, 8, LARGE)),
        ico((16, 0, SMALL), (16, 8, LARGE)),
    ],
    ids=["a png", "runs", "the one of least depth", "no depth"],
)
def test_limit_of_an_ico_is_for_the_picture_that_is_shown(data, monkeypatch):
    # The directory has a byte for each side; a picture has its own numbers.
    monkeypatch.setattr(DECODING, "read_pillow", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(CodecError, match="at most 9999 pixels, got 120000"):
        decode(data, max_pixels=9999)


@pytest.mark.parametrize("sides", [(16, 32), (32, 16), (16,), (0,), (0, 16)])
def test_largest_picture_of_an_ico_is_shown(sides):
    # 0 stands for 256.
    pictures = [saved(scene(side or 256, side or 256, 4), "png") for side in sides]
    data = ico(*((side, 32, picture) for side, picture in zip(sides, pictures, strict=True)))
    largest = max(side or 256 for side in sides)
    assert probe(data).size == (largest, largest)
    np.testing.assert_array_equal(decode(data)[0], scene(largest, largest, 4))


def test_pillows_own_limit_does_not_hold(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9)
    for kind in ("qoi", "jpeg xl", "dds", "jpeg 2000 with a palette"):
        assert decode(READ[kind][0]())[0].size


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("cut", [10, 50, 90])
def test_cut_files_are_errors(kind, cut):
    data = READ[kind][0]()
    with pytest.raises(CodecError) as caught:
        decode(data[: len(data) * cut // 100], name="half a cat")
    assert caught.value.name == "half a cat"


@pytest.mark.parametrize("kind", READ)
def test_changed_files_are_pictures_or_our_errors(kind):
    data = READ[kind][0]()
    rng = np.random.default_rng(6)
    for _ in range(60):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            broken[at] = rng.integers(0, 256)
        judge(bytes(broken))


def judge(data):
    """Decode, and let nothing but our errors be raised."""
    refused = None
    try:
        image, info = decode(data, max_pixels=1_000_000)
    except FastfitError as error:  # as good as a picture
        refused = error.name
    assert refused == "data" or info.size == (image.shape[1], image.shape[0])


RAISED = [
    SyntaxError("a"),
    KeyError("b"),
    IndexError("c"),
    TypeError("d"),
    OverflowError("e"),
    AssertionError("f"),
    EOFError(),
]
RAISED += [
    RuntimeError("two\nlines"),
    struct.error("g"),
    NotImplementedError(),
    OSError("h"),
    ZeroDivisionError("i"),
]


@pytest.mark.parametrize("error", RAISED, ids=repr)
@pytest.mark.parametrize("when", ["opening", "decoding"])
def test_whatever_pillow_raises_is_our_error(error, when, monkeypatch):
    data = READ["qoi"][0]()

    def fail(*_):
        raise error

    Image.init()
    if when == "opening":
        monkeypatch.setitem(Image.OPEN, "QOI", (fail, None))
    else:
        monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(CodecError, match=r"cat: expected a whole qoi image, got .+ bytes") as caught:
        decode(data, name="cat")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


HEADS = (
    *(b"\0\0\1\0", b"8BPS", b"qoif", b"\x01\xda", b"DDS ", b"\0\0\0\0\x11\xaf", b"\x76\x2f\x31\x01"),
    *(b"\xff\x0a", b"II*\0", b"\0\0\0\x18ftypheic"),
)


@pytest.mark.quick
@pytest.mark.parametrize("head", HEADS)
def test_errors_read_the_same_each_time(head):
    said = set()
    for _ in range(3):
        with pytest.raises(CodecError) as caught:
            decode(head + bytes(range(200)))
        said.add(str(caught.value))
    assert len(said) == 1
    assert not re.search("0x[0-9a-f]{6}", said.pop())


def test_leniency_of_pillow_is_refused(monkeypatch):
    # A whole file, too: what another asked Pillow for holds for all of the process.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(CodecError, match="LOAD_TRUNCATED_IMAGES to be False, got True, which hides damage"):
        decode(saved(scene(37, 23), "qoi"), name="cat")
    # OpenCV does not mind.
    assert decode(saved(scene(37, 23), "png"))[0].shape == (23, 37, 3)


# Without Pillow.

MODULES = ("PIL", "PIL.Image", "pillow_heif", "pillow_jxl", "pillow_jxl.JpegXLImagePlugin")


@pytest.fixture
def no_pillow(monkeypatch):
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)


BARE = {
    "qoi": "a qoi header that says how large the image is",
    "jpeg xl": "a whole jpegxl image",
    "grey tiff with alpha": "an image that OpenCV reads rightly",
    "jpeg 2000 with a palette": "an image that OpenCV reads rightly",
    "gif with metadata": "a whole gif image",
}


@pytest.mark.parametrize("kind", BARE)
def test_without_pillow_an_error_names_what_would_read_more(kind, request):
    data = READ[kind][0]()
    request.getfixturevalue("no_pillow")
    with pytest.raises(CodecError, match=r"; fastfit\[formats\] reads more$") as caught:
        decode(data, name="cat")
    assert (caught.value.name, caught.value.expected) == ("cat", BARE[kind])


def test_without_the_plug_in_for_it_heic_is_an_error_that_says_so(monkeypatch):
    data = heic(scene(64, 48))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(CodecError, match=r"a whole heic image, got .*; fastfit\[formats\] reads more$"):
        decode(data)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "bmp", "avif"])
def test_without_pillow_opencv_reads_what_it_reads(format, request):
    data = saved(scene(37, 23), format)
    request.getfixturevalue("no_pillow")
    image, info = decode(data)
    assert (info.format, image.shape) == (format, (23, 37, 3))


def test_without_pillow_damage_is_damage(request):
    data = saved(scene(161, 120), "jpeg")
    request.getfixturevalue("no_pillow")
    with pytest.raises(CodecError) as caught:
        decode(data[:-400])
    assert "fastfit[formats]" not in str(caught.value)
