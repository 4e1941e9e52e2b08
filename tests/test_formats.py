"""What is read and written: formats, stills of animations, samples of 16 bits and of linear light, grey, alpha."""

import importlib
import io
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved, scene
from outcomes import outcomes
from PIL import Image, ImageOps

import fastfit
from fastfit import CodecError, Fit, Input, Output, cli, decode, encode, fit_bytes, fit_file, formats, probe
from fastfit.bulk.sources import IMAGE_SUFFIXES
from fastfit.codec import EXTENSIONS, EXTENSIONS_READ
from fastfit.kernel.library import about
from fastfit.words import CONVOLUTIONS, FORMATS

DATA = Path(__file__).parent / "data"
SUPPORT = {found.name: found for found in formats()}
READ = [name for name, found in SUPPORT.items() if found.reads]
WRITTEN = [name for name, found in SUPPORT.items() if found.writes]


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def psnr(got, expected):
    return 10 * np.log10(255**2 / max(np.mean((np.asarray(got, float) - expected) ** 2), 1e-12))


# A file of each format that is read.


def by_opencv(image, extension):
    return cv2.imencode(extension, image[..., ::-1])[1].tobytes()


def heic(image):
    buffer = io.BytesIO()
    importlib.import_module("pillow_heif").from_pillow(Image.fromarray(image)).save(buffer, quality=95)
    return buffer.getvalue()


def jpegxl(image):
    importlib.import_module("pillow_jxl")
    return saved(image, "jxl", lossless=True)


def psd(image):
    """Version 1, three planes of 8 bits in mode RGB, as they are."""
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, *image.shape[:2], 8, 3)
    return head + bytes(12) + struct.pack(">H", 0) + image.transpose(2, 0, 1).tobytes()


def fli(image):
    """One frame: a palette of greys and an uncompressed picture."""
    grey = image[..., 1]
    palette = struct.pack("<IHHBB", 778, 4, 1, 0, 0) + bytes(np.arange(256, dtype=np.uint8).repeat(3))
    copy = struct.pack("<IH", 6 + grey.size, 16) + grey.tobytes()
    frame = struct.pack("<IHH8x", 16 + len(palette + copy), 0xF1FA, 2) + palette + copy
    head = struct.pack("<IHHHHHHI", 128 + len(frame), 0xAF12, 1, grey.shape[1], grey.shape[0], 8, 3, 0)
    return head.ljust(80, b"\0") + struct.pack("<II", 128, 128 + len(frame)) + bytes(40) + frame


MAKERS = {
    "jpeg": lambda image: saved(image, "jpeg", quality=95, subsampling=0),
    "webp": lambda image: saved(image, "webp", quality=95),
    "avif": lambda image: saved(image, "avif", quality=95),
    "pnm": lambda image: saved(image, "ppm"),
    "hdr": lambda image: by_opencv((image / 255).astype(np.float32), ".hdr"),
    "sunraster": lambda image: by_opencv(image, ".ras"),
    "heic": heic,
    "jpegxl": jpegxl,
    "ico": lambda image: saved(image, "ico", sizes=[image.shape[1::-1]]),
    "psd": psd,
    "fli": fli,
}
LOSSY = {"jpeg", "webp", "avif", "heic", "gif"}


def made(name):
    """A picture, and a file of a format that holds it."""
    picture = scene(64, 48)
    data = MAKERS.get(name, lambda image: saved(image, name))(picture)
    return (picture[..., [1, 1, 1]] if name == "fli" else picture), data


@pytest.mark.quick
@pytest.mark.parametrize("name", READ)
def test_what_it_says_it_reads_it_reads(name):
    picture, data = made(name)
    image, info = decode(data)
    assert (info.format, info.size) == (name, picture.shape[1::-1])
    if image.dtype == np.float32:
        image = 255 * image
    assert image.shape == picture.shape
    assert psnr(image, picture) > (27 if name in LOSSY else 47)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("format", WRITTEN)
def test_what_is_read_becomes_what_is_written(name, format):
    result = opened(fit_bytes(made(name)[1], Fit((31, 23)), Output(format)))
    assert (result.format, result.size) == (format.upper(), (31, 23))


@pytest.mark.quick
@pytest.mark.parametrize("format", FORMATS)
def test_what_it_says_it_writes_it_writes(format):
    assert SUPPORT[format].writes
    picture = opened(encode(scene(64, 48), format))
    assert (picture.format, picture.size) == (format.upper(), (64, 48))
    assert psnr(picture, scene(64, 48)) > 30


def test_no_more_is_written_than_it_says():
    assert set(WRITTEN) == set(FORMATS)
    for name in SUPPORT.keys() - set(WRITTEN):
        with pytest.raises(ValueError, match="format: expected one of"):
            encode(scene(64, 48), name)


def test_opencv_is_asked_first():
    assert all(found.reads in ((), ("opencv",), ("pillow",), ("opencv", "pillow")) for found in SUPPORT.values())
    for name in ("jpeg", "png", "webp", "tiff", "bmp"):
        assert SUPPORT[name].reads[0] == "opencv"


def test_what_nothing_reads_is_refused():
    assert SUPPORT["exr"].reads == ()
    with pytest.raises(CodecError, match=r"cat\.exr: expected "):
        decode(b"\x76\x2f\x31\x01\x02\0\0\0" + bytes(200), name="cat.exr")


def test_every_extension_is_searched_for_and_means_one_format():
    extensions = [extension for names in EXTENSIONS_READ.values() for extension in names]
    assert sorted(extensions) == sorted(IMAGE_SUFFIXES)
    assert [found.extensions for found in SUPPORT.values()] == list(EXTENSIONS_READ.values())
    assert all(extension == extension.lower() and extension.startswith(".") for extension in extensions)
    assert set(EXTENSIONS.values()) == set(FORMATS)
    assert all(extension in EXTENSIONS_READ[name] for extension, name in EXTENSIONS.items())


COMMON = {
    "jpeg": ".jpg .jpeg .jpe .jfif",
    "tiff": ".tif .tiff",
    "heic": ".heic .heif",
    "jpeg2000": ".jp2 .j2k",
    "pnm": ".ppm .pgm .pbm .pnm .pam",
    "jpegxl": ".jxl",
    **{
        name: f".{name}"
        for name in ("png", "webp", "avif", "gif", "bmp", "psd", "tga", "ico", "hdr", "qoi", "dds")
    },
}


@pytest.mark.parametrize("name", COMMON)
def test_common_extensions_are_known(name):
    assert set(COMMON[name].split()) <= set(SUPPORT[name].extensions)


def test_command_lists_each_format_in_one_line(capsys):
    assert cli.main(["formats"]) == 0
    head, *lines, kernel, pixels = capsys.readouterr().out.splitlines()
    assert (kernel, pixels) == (f"kernel: {about()}", f"pixels: {fastfit.PIXELS}")
    assert head.split() == ["format", "read", "by", "written", "files"]
    assert [line.split()[0] for line in lines] == list(SUPPORT)
    for line, found in zip(lines, SUPPORT.values(), strict=True):
        readers = ", ".join(found.reads) or "-"
        assert line.split(None, 1)[1].startswith(readers)
        assert line.endswith(" ".join(found.extensions))
        assert line.split(readers, 1)[1].split()[0] == ("yes" if found.writes else "-")


def test_without_pillow_only_what_opencv_reads_is_listed(monkeypatch):
    monkeypatch.setattr(sys.modules["fastfit.codec.formats"], "opens", lambda _: False)
    assert {reader for found in formats() for reader in found.reads} == {"opencv"}
    assert [found.name for found in formats() if found.reads == ()][-1] == "tga"


def test_what_opencv_does_not_decode_is_not_listed(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    assert {found.reads for found in formats()} <= {(), ("pillow",)}


def test_what_opencv_does_not_encode_is_not_listed(monkeypatch):
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    assert {found.reads for found in formats()} <= {(), ("pillow",)}


def test_what_opencv_switches_off_is_not_listed(monkeypatch):
    # As some versions do with EXR: they have it, and raise when they are asked about it.
    def disabled(extension):
        if extension in (".exr", ".ras", ".sr"):
            raise cv2.error("codec is disabled")
        return before(extension)

    before = cv2.haveImageWriter
    monkeypatch.setattr(cv2, "haveImageWriter", disabled)
    readers = {found.name: found.reads for found in formats()}
    assert readers["exr"] == ()
    assert "opencv" not in readers["sunraster"]
    assert "opencv" in readers["bmp"]


# One still of several.


def several(format, count=3, channels=3, **options):
    """An animation, or a document of several pages."""
    first, *others = (Image.fromarray(np.roll(scene(64, 48, channels), 9 * turn, 1)) for turn in range(count))
    timing = {} if format == "tiff" else {"duration": 100}
    return saved(first, format, save_all=True, append_images=others, **timing, **options)


SEVERAL = {"gif": {}, "png": {}, "webp": {"lossless": True}, "tiff": {}}


@pytest.mark.parametrize("format", SEVERAL)
@pytest.mark.parametrize("count", [2, 5])
def test_several_frames_are_refused_on_request(format, count):
    data = several(format, count, **SEVERAL[format])
    assert probe(data).frames == opened(data).n_frames == count
    with pytest.raises(CodecError, match=f"cat: expected one frame or page, got {count}$") as caught:
        fit_bytes(data, Fit((20, 30)), input=Input(frames="error"), name="cat")
    assert caught.value.name == "cat"


@pytest.mark.parametrize("format", SEVERAL)
def test_one_frame_is_no_reason_to_refuse(format):
    data = several(format, 1, **SEVERAL[format])
    assert opened(fit_bytes(data, Fit((20, 30)), input=Input(frames="error"))).size == (20, 30)
    assert decode(data)[1].notes == ()


@pytest.mark.parametrize("format", SEVERAL)
@pytest.mark.parametrize("channels", [3, 4])
def test_still_is_the_first_frame(format, channels):
    if format == "tiff" and channels == 4:
        channels = 1  # OpenCV loses what is hidden under alpha there
    data = several(format, 3, channels, **SEVERAL[format])
    image, info = decode(data)
    assert info.notes == ("one still of 3",)
    expected = opened(data)
    assert expected.tell() == 0
    mode = {2: "L", 3: "RGB" if image.shape[-1] == 3 else "RGBA"}[image.ndim]
    np.testing.assert_array_equal(image, np.asarray(expected.convert(mode)))


def test_still_of_an_animated_png_is_its_default_image():
    data = several("png", 3, default_image=True)
    image, info = decode(data)
    assert info.frames > 1
    np.testing.assert_array_equal(image, scene(64, 48))
    np.testing.assert_array_equal(image, np.asarray(opened(data)))


@pytest.mark.parametrize(("format", "jobs"), [*((each, 1) for each in SEVERAL), ("webp", 2)])
def test_still_is_a_note_in_a_run(tmp_path, format, jobs):
    names = ("a", "b")
    for name in names:
        (tmp_path / name).write_bytes(several(format, 4, **SEVERAL[format]))
    paths, out, spec = [tmp_path / name for name in names], tmp_path / "out", Fit((20, 30))
    for outcome in outcomes(paths, out, spec, jobs=jobs):
        assert (outcome.status, outcome.text, outcome.notes) == ("fitted", None, ("one still of 4",))
    for outcome in outcomes(paths, out, spec, input=Input(frames="error"), jobs=jobs, overwrite=True):
        assert (outcome.status, outcome.notes) == ("failed", ())
        assert outcome.text == f"{outcome.source}: expected one frame or page, got 4"


def test_still_is_a_note_of_a_file(tmp_path):
    (tmp_path / "a.gif").write_bytes(several("gif"))
    info = fit_file(tmp_path / "a.gif", tmp_path / "a.png", Fit((20, 30)))
    assert (info.frames, info.notes) == (3, ("one still of 3",))


def test_refused_animation_leaves_no_file(tmp_path):
    (tmp_path / "a.gif").write_bytes(several("gif"))
    with pytest.raises(CodecError, match=r"a\.gif: expected one frame"):
        fit_file(tmp_path / "a.gif", tmp_path / "a.png", Fit((20, 30)), input=Input(frames="error"))
    assert not (tmp_path / "a.png").exists()


# Linear light.


def curve(light):
    """IEC 61966-2-1, from 0 to 1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def radiance(scale=1.0):
    """A ramp of linear light as Radiance HDR."""
    y, x = np.mgrid[:48, :64] / np.float32(64)
    light = np.stack([x, y, (x + y) / 2], 2) * np.float32(scale)
    return cv2.imencode(".hdr", light.astype(np.float32))[1].tobytes()


@pytest.mark.parametrize("scale", [0.003, 0.1, 1, 4])
def test_light_is_encoded_by_the_srgb_curve(scale):
    light = decode(radiance(scale))[0]
    assert light.dtype == np.float32
    image, info = decode(fit_bytes(radiance(scale), Fit((64, 48)), Output("png")))
    assert (info.bit_depth, image.dtype) == (16, np.uint16)
    expected = 65535 * curve(np.clip(light.astype(float), 0, 1))
    np.testing.assert_allclose(image, expected, rtol=0, atol=1)


def test_keep_makes_16_bit_png_of_light():
    data = fit_bytes(radiance(), Fit((20, 30)))
    assert struct.unpack_from(">IIBB", data, 16) == (20, 30, 16, 2)


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_light_becomes_8_bits_elsewhere(format):
    got = np.asarray(opened(fit_bytes(radiance(), Fit((64, 48)), Output(format))))
    expected = 255 * curve(np.clip(decode(radiance())[0].astype(float), 0, 1))
    assert psnr(got, expected) > 34


@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_light_is_resampled_as_it_is_seen(mode):
    light = decode(radiance())[0].astype(float)
    seen = Image.fromarray(np.rint(255 * curve(np.clip(light, 0, 1))).astype(np.uint8))
    way = {"cover": ImageOps.fit, "pad": ImageOps.pad, "stretch": Image.Image.resize}[mode]
    got, _ = decode(fit_bytes(radiance(), Fit((37, 41), mode)))
    expected = np.asarray(way(seen, (37, 41), Image.Resampling.LANCZOS)).astype(float)
    np.testing.assert_allclose(got / 257, expected, rtol=0, atol=2)


@pytest.mark.parametrize(
    "data",
    [
        cv2.imencode(".pfm", scene(64, 48).astype(np.float32) / 255)[1].tobytes(),
        saved(Image.new("F", (9, 7), 0.5), "tiff"),
        cv2.imencode(".tiff", scene(64, 48).astype(np.float32) / 255)[1].tobytes(),
    ],
    ids=["pfm", "tiff", "colour tiff"],
)
@pytest.mark.parametrize("format", ["keep", "jpeg", "png"])
def test_other_floats_are_refused(data, format):
    # Nobody knows where their white is.
    assert decode(data)[0].dtype == np.float32
    with pytest.raises(CodecError, match=r"cat.*: expected samples of 8 or 16 bits, got float32"):
        fit_bytes(data, Fit((4, 3)), Output(format), name="cat")


# 16 bits.


def deep(channels, width=64, height=48):
    """16 bits whose lower bytes matter."""
    fine = np.random.default_rng(channels).integers(0, 257, (height, width, channels))
    return (scene(width, height, channels).reshape(fine.shape) * 256.0 + fine).astype(np.uint16).clip(0, 65535)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("mode", ["cover", "stretch"])
def test_16_bit_png_stays_16_bits(channels, mode):
    data = fit_bytes(encode(deep(channels), "png"), Fit((31, 23), mode))
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    assert struct.unpack_from(">IIBB", data, 16) == (31, 23, 16, kind)
    image, _ = decode(data)
    expected = Fit((31, 23), mode)(deep(channels).squeeze())
    np.testing.assert_array_equal(image, expected)
    assert (image % 257).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_tiff_stays_16_bits_in_png(channels):
    data = cv2.imencode(".tiff", deep(channels)[..., ::-1])[1].tobytes()
    image, info = decode(fit_bytes(data, Fit((31, 23))))
    assert (info.format, info.bit_depth) == ("png", 16)
    np.testing.assert_array_equal(image, Fit((31, 23))(deep(channels).squeeze()))


@pytest.mark.parametrize("size", [(64, 48), (20, 15), (200, 150)])
def test_transparent_level_of_16_bit_grey_stays_transparent(size):
    image = np.full((48, 64), 40_000, np.uint16)
    image[:, :32] = 257
    data = saved(Image.fromarray(image), "png", transparency=257)
    result, info = decode(fit_bytes(data, Fit(size)))
    assert (info.bit_depth, info.channels, result.shape[2]) == (16, 2, 2)
    left, right = result[:, : size[0] // 4], result[:, -size[0] // 4 :]
    assert (left[..., 1] == 0).all()
    assert (right[..., 1] == 65535).all()
    np.testing.assert_allclose(right[..., 0].astype(int), 40_000, rtol=0, atol=800)


def test_level_beside_the_transparent_one_is_opaque():
    image = np.full((48, 64), 258, np.uint16)
    result, _ = decode(fit_bytes(saved(Image.fromarray(image), "png", transparency=257), Fit((20, 15))))
    assert (result[..., 1] == 65535).all()


# What is under alpha 0.


def hidden(dtype=np.uint8, channels=4):
    """Opaque blue beside bright red that nobody sees: red must not come to light."""
    top = np.iinfo(dtype).max
    image = np.zeros((48, 64, 4), dtype)
    image[...] = (0, 0, top, top)
    image[10:30, 20:50] = (top, 0, 0, 0)
    image[::7, 40:] = (top, 0, 0, 0)
    return image if channels == 4 else image[..., [0, 3]]


@pytest.mark.parametrize("size", [(20, 15), (31, 23), (64, 23), (31, 48), (200, 150), (65, 49)])
@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_hidden_colour_stays_hidden(size, format):
    result = opened(fit_bytes(saved(hidden(), "png"), Fit(size, "stretch"), Output(format, lossless=True)))
    image = np.asarray(result).astype(int)
    seen = image[..., 3] > 0
    assert result.mode == "RGBA"
    assert 0 < seen.mean() < 1
    most = 0 if format != "avif" else 12  # which colours a quarter as finely
    assert (image[..., 0] * image[..., 3] / 255)[seen].max() <= most


@pytest.mark.parametrize("size", [(20, 15), (31, 23), (64, 48), (200, 150)])
@pytest.mark.parametrize("fill", [(0, 255, 0), (0, 0, 0)])
def test_hidden_colour_stays_hidden_when_flattened(size, fill):
    data = fit_bytes(saved(hidden(), "png"), Fit(size, fill=fill), Output("jpeg", 100, subsampling="444"))
    image = np.asarray(opened(data)).astype(int)
    assert image[..., 0].max() <= 12
    # In the middle of what is clear, and of what is not.
    np.testing.assert_allclose(image[20 * size[1] // 48, 30 * size[0] // 64], fill, rtol=0, atol=12)
    np.testing.assert_allclose(image[20 * size[1] // 48, 10 * size[0] // 64], (0, 0, 255), rtol=0, atol=12)


@pytest.mark.parametrize("resample", [*CONVOLUTIONS, "nearest"])  # the others are OpenCV's to the bit
@pytest.mark.parametrize("size", [(23, 17), (150, 111)])
def test_hidden_colour_stays_hidden_with_every_filter(resample, size):
    image, _ = decode(fit_bytes(saved(hidden(), "png"), Fit(size, "stretch", resample=resample)))
    assert (image[..., 0] * (image[..., 3] > 0)).max() == 0


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("size", [(23, 17), (150, 111)])
def test_hidden_16_bit_colour_stays_hidden(channels, size):
    data = encode(hidden(np.uint16, channels), "png")
    image, _ = decode(fit_bytes(data, Fit(size, "stretch")))
    shown = image[..., 0] * (image[..., -1] > 256)
    assert shown.max() <= 1


# Grey, and grey as colour.


@pytest.mark.parametrize("format", ["jpeg", "png", "avif"])
def test_grey_stays_grey(format):
    assert opened(fit_bytes(saved(scene(64, 48, 1), "png"), Fit((20, 30)), Output(format))).mode == "L"


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("format", FORMATS)
def test_all_become_colour_on_request(channels, format):
    data = encode(scene(64, 48, channels), "png")
    result = opened(fit_bytes(data, Fit((20, 30)), Output(format, color="rgb")))
    assert result.mode == ("RGBA" if channels in (2, 4) and format != "jpeg" else "RGB")
    if channels < 3:
        red, green, blue = np.asarray(result.convert("RGB")).astype(int).transpose(2, 0, 1)
        np.testing.assert_allclose(red, green, rtol=0, atol=2)
        np.testing.assert_allclose(blue, green, rtol=0, atol=2)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_as_colour_has_the_same_pixels(channels, dtype):
    data = encode(deep(channels) if dtype == np.uint16 else scene(64, 48, channels), "png")
    kept, _ = decode(fit_bytes(data, Fit((20, 30))))
    coloured, info = decode(fit_bytes(data, Fit((20, 30)), Output(color="rgb")))
    assert info.channels == channels + 2
    planes = [kept] * 3 if channels == 1 else [kept[..., 0]] * 3 + [kept[..., 1]]
    np.testing.assert_array_equal(coloured, np.dstack(planes))
    assert coloured.dtype == dtype


def test_grey_as_colour_of_real_files():
    for name in ("grey.jpg", "grey_alpha16.png"):
        image, _ = decode(fit_bytes((DATA / name).read_bytes(), Fit((20, 30)), Output("png", color="rgb")))
        assert image.shape[2] in (3, 4)
