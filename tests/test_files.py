"""One file or one buffer, end to end."""

import io
import multiprocessing
import os
import pickle
import signal
import stat
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image, ImageCms, ImageOps

from fastfit import CodecError, FastfitError, Fit, Input, OptionError, Output, decode, fit_bytes, fit_file, probe

DATA = Path(__file__).parent / "data"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FORMATS = ("jpeg", "png", "webp")
REAL = ("srgb.jpg", "grey.jpg", "cmyk.jpg", "orientation_6.jpg", "rgba.png", "rgb16.png", "srgb.webp")


def flat(mode, colour, format="png", size=(40, 30), **options):
    return saved(Image.new(mode, size, colour), format, **options)


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def space(profile, name):
    """The profile, saying that it is for another colour space."""
    return profile[:16] + name + profile[20:]


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.png"
    path.write_bytes(saved(scene(64, 48), "png"))
    return path


# Size, format, pixels.


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_every_file_becomes_exactly_the_size_in_every_format(name, format, mode):
    for size in ((61, 47), (47, 301), (1, 1)):
        picture = opened(fit_bytes((DATA / name).read_bytes(), Fit(size, mode), Output(format)))
        assert (picture.size, picture.format) == (size, format.upper())


@pytest.mark.quick
@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_pixels_are_pillows(mode):
    data = (DATA / "srgb.jpg").read_bytes()
    got = opened(fit_bytes(data, Fit((200, 160), mode), Output("png"), input=Input(exact=True)))
    picture = opened(data)
    expected = {
        "cover": lambda: ImageOps.fit(picture, (200, 160), Image.Resampling.LANCZOS),
        "pad": lambda: ImageOps.pad(picture, (200, 160), Image.Resampling.LANCZOS),
        "stretch": lambda: picture.resize((200, 160), Image.Resampling.LANCZOS),
    }[mode]()
    # Two JPEG decoders and two roundings lie between.
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected, int), rtol=0, atol=4)


@pytest.mark.quick
@pytest.mark.parametrize("orientation", range(2, 9))
def test_result_is_upright_and_stays_so(orientation):
    data = (DATA / f"orientation_{orientation}.jpg").read_bytes()
    got = opened(fit_bytes(data, Fit((100, 100)), Output("png")))
    assert 0x0112 not in got.getexif()
    expected = ImageOps.exif_transpose(opened(data)).resize((100, 100), Image.Resampling.LANCZOS)
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected, int), rtol=0, atol=4)


@pytest.mark.parametrize(
    ("format", "kept"),
    [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("bmp", "PNG"), ("tiff", "PNG"), ("ppm", "PNG")],
)
def test_keep_keeps_what_is_written_and_makes_png_of_others(format, kept):
    assert opened(fit_bytes(saved(scene(64, 48), format), Fit((20, 30)))).format == kept


@pytest.mark.parametrize("format", FORMATS)
def test_format_wins_over_the_sources(format):
    assert opened(fit_bytes(saved(scene(64, 48), "png"), Fit((20, 30)), Output(format))).format == format.upper()


def test_quality_is_used():
    sizes = [
        len(fit_bytes((DATA / "srgb.jpg").read_bytes(), Fit((300, 200)), Output(quality=q))) for q in (20, 95)
    ]
    assert sizes[0] < sizes[1] / 3


def test_16_bits_stay_in_png_and_are_scaled_elsewhere():
    levels = np.full((30, 40), 25700, np.uint16)
    picture = opened(fit_bytes(saved(levels, "png"), Fit((20, 20))))
    assert picture.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(picture), np.full((20, 20), 25700))
    np.testing.assert_allclose(
        np.asarray(opened(fit_bytes(saved(levels, "png"), Fit((20, 20)), Output("jpeg")))), 100, rtol=0, atol=1
    )


# Alpha and fill.


def at(data, x, y):
    return opened(data).getpixel((x, y))


@pytest.mark.parametrize("fill", [0, 255, (255, 0, 0), (10, 200, 30, 40)])
def test_alpha_is_flattened_on_fill_for_jpeg(fill):
    data = flat("RGBA", (200, 100, 50, 64))
    picture = opened(fit_bytes(data, Fit((32, 32), fill=fill), Output("jpeg", 100)))
    ground = np.broadcast_to(fill, 3) if np.ndim(fill) == 0 else np.array(fill[:3])
    expected = np.array((200, 100, 50)) * 64 / 255 + ground * (1 - 64 / 255)
    assert picture.mode == "RGB"
    np.testing.assert_allclose(picture.getpixel((16, 16)), expected, rtol=0, atol=3)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_alpha_is_kept_elsewhere(format):
    picture = opened(fit_bytes(flat("RGBA", (200, 100, 50, 64)), Fit((32, 32)), Output(format)))
    assert picture.mode == "RGBA"
    assert picture.getpixel((16, 16))[3] == 64


@pytest.mark.parametrize(
    "data",
    [
        flat("LA", (200, 0)),
        saved(Image.new("RGBA", (40, 30), (1, 2, 3, 0)).quantize(), "png"),
        flat("RGBA", (1, 2, 3, 0), "webp", lossless=True),
    ],
    ids=["grey", "palette", "webp"],
)
def test_any_alpha_is_flattened_for_jpeg(data):
    got = fit_bytes(data, Fit((32, 32), fill=(9, 90, 180)), Output("jpeg"))
    grey = round((19595 * 9 + 38470 * 90 + 7471 * 180) / 65536)
    expected = grey if opened(data).mode == "LA" else (9, 90, 180)
    np.testing.assert_allclose(at(got, 5, 5), expected, rtol=0, atol=3)


def test_16_bit_alpha_is_flattened_for_jpeg():
    data = (DATA / "grey_alpha16.png").read_bytes()
    got = opened(fit_bytes(data, Fit((109, 96), fill=(255, 0, 0)), Output("jpeg", 100)))
    assert got.mode == "L"
    picture = opened(data).convert("RGBA")
    ground = (GREY_OF_RED,) * 3
    expected = Image.alpha_composite(Image.new("RGBA", picture.size, ground), picture).convert("L")
    np.testing.assert_allclose(np.asarray(got, int), np.asarray(expected), rtol=0, atol=4)


GREY_OF_RED = round(19595 * 255 / 65536)
GREY = round((19595 * 255 + 38470 * 128 + 7471 * 10) / 65536)  # of (255, 128, 10), as Pillow's "L"


@pytest.mark.parametrize(
    ("mode", "fill", "expected"),
    [
        ("L", (255, 128, 10), GREY),
        ("L", 70, 70),
        ("I;16", (255, 128, 10), GREY * 257),
        ("I;16", 70, 70 * 257),
        ("RGB", (255, 128, 10), (255, 128, 10)),
        ("RGB", (255, 128, 10, 20), (255, 128, 10)),
        ("RGB", 70, (70, 70, 70)),
        ("LA", (255, 128, 10), (GREY, 255)),
        ("RGBA", (255, 128, 10), (255, 128, 10, 255)),
        ("RGBA", (255, 128, 10, 20), (255, 128, 10, 20)),
        ("RGBA", 0, (0, 0, 0, 0)),
    ],
)
def test_fill_is_in_8_bit_levels_whatever_the_image(mode, fill, expected):
    black = {"LA": (0, 255), "RGB": (0, 0, 0), "RGBA": (0, 0, 0, 255)}.get(mode, 0)
    got = fit_bytes(flat(mode, black), Fit((60, 20), "pad", fill=fill))
    assert at(got, 0, 0) == at(got, 59, 19) == expected


def test_grey_of_fill_is_pillows():
    assert Image.new("RGB", (1, 1), (255, 128, 10)).convert("L").getpixel((0, 0)) == GREY


@pytest.mark.parametrize("fill", [(1, 2), 256, -1, (0, 0, 300)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_fill_out_of_range_is_an_error(mode, fill):
    with pytest.raises(OptionError) as caught:
        fit_bytes(flat(mode, 0), Fit((60, 20), "pad", fill=fill), name="cat.png")
    assert caught.value.name == "cat.png: fill"


# Profiles.


@pytest.mark.parametrize("name", ["srgb.jpg", "srgb.webp"])
@pytest.mark.parametrize("format", FORMATS)
def test_profile_is_kept(name, format):
    data = (DATA / name).read_bytes()
    expected = opened(data).info["icc_profile"]
    assert opened(fit_bytes(data, Fit((40, 30)), Output(format))).info["icc_profile"] == expected


@pytest.mark.parametrize(("format", "kept"), [("jpeg", True), ("png", True), ("webp", False)])
def test_grey_profile_goes_with_grey_only(format, kept):
    # WebP has no grey, so there the picture has become colour.
    data = saved(scene(64, 48, 1), "png", icc_profile=space(PROFILE, b"GRAY"))
    assert ("icc_profile" in opened(fit_bytes(data, Fit((40, 30)), Output(format))).info) == kept


@pytest.mark.parametrize("format", FORMATS)
def test_cmyk_profile_does_not_go_with_rgb(format):
    cmyk = opened((DATA / "cmyk.jpg").read_bytes())
    data = saved(cmyk, "jpeg", icc_profile=space(PROFILE, b"CMYK"))
    assert probe(data).icc_profile
    picture = opened(fit_bytes(data, Fit((40, 30)), Output(format)))
    assert picture.mode == "RGB"
    assert "icc_profile" not in picture.info


def test_grey_profile_does_not_go_with_colour():
    data = (DATA / "grey_alpha16.png").read_bytes()
    assert probe(data).icc_profile[16:20] == b"GRAY"
    assert opened(fit_bytes(data, Fit((40, 30)))).info["icc_profile"] == probe(data).icc_profile
    assert "icc_profile" not in opened(fit_bytes(data, Fit((40, 30)), Output(color="rgb"))).info


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "profile",
    [
        PROFILE[:400],
        PROFILE + bytes(4),
        space(PROFILE, b"RGB ")[:20],
        struct.pack(">I", 601) + PROFILE[4:] + bytes(13),
        struct.pack(">I", 90_000) + PROFILE[4:].ljust(89_996, b"\0"),
    ],
    ids=["cut", "too long", "tiny", "odd", "large"],
)
def test_no_profile_costs_the_picture(format, profile):
    data = saved(scene(64, 48), "jpeg", icc_profile=profile)
    assert opened(fit_bytes(data, Fit((40, 30)), Output(format))).size == (40, 30)


# Errors.


def test_errors_name_the_data():
    with pytest.raises(CodecError, match=r"cat\.jpg: expected a known image format, got bytes that begin with"):
        fit_bytes(b"<html>", Fit((4, 3)), name="cat.jpg")


def test_box_beyond_the_image_is_an_error_that_names_the_data():
    with pytest.raises(FastfitError, match=r"cat\.png.*box: expected"):
        fit_bytes(saved(scene(64, 48), "png"), Fit((4, 3), box=(0, 0, 65, 48)), name="cat.png")


def test_float_samples_are_an_error():
    data = saved(Image.new("F", (9, 7), 0.5), "tiff")
    with pytest.raises(CodecError, match=r"cat\.tif: image: expected samples of 8 or 16 bits, got float32"):
        fit_bytes(data, Fit((4, 3)), name="cat.tif")


@pytest.mark.parametrize(
    ("options", "name"),
    [({"format": "gif"}, "format"), ({"quality": 0}, "quality"), ({"quality": 9.5}, "quality")],
)
def test_output_checks_its_options(options, name):
    with pytest.raises(OptionError) as caught:
        Output(**options)
    assert caught.value.name == name


def test_output_is_a_value():
    assert hash(Output("png")) == hash(Output("png"))
    assert pickle.loads(pickle.dumps(Output("webp", 80, "444"))) == Output("webp", 80, "444")


# Files: names.


@pytest.mark.quick
@pytest.mark.parametrize(
    ("name", "format"),
    [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.jfif", "JPEG"), ("a.png", "PNG"), ("a.b.WebP", "WEBP")],
)
def test_extension_says_what_is_written(source, tmp_path, name, format):
    fit_file(source, tmp_path / name, Fit((20, 30)))
    with Image.open(tmp_path / name) as picture:
        assert (picture.format, picture.size) == (format, (20, 30))


@pytest.mark.parametrize("name", ["a", "a.gif", "a.tiff", ".jpg"])
def test_extension_that_is_not_written_is_an_error(source, tmp_path, name):
    with pytest.raises(CodecError, match=r"expected an extension among \.jpg"):
        fit_file(source, tmp_path / name, Fit((20, 30)))
    assert listed(tmp_path) == [source.name]


def test_format_wins_over_the_extension(source, tmp_path):
    fit_file(str(source), str(tmp_path / "a.dat"), Fit((20, 30)), Output("webp"))
    assert probe((tmp_path / "a.dat").read_bytes()).format == "webp"


NAMES = (
    b"name with spaces.jpg",
    b" leading and trailing .jpg",
    b"quote'and\"quote.jpg",
    b"line\nbreak.jpg",
    b"-dash.jpg",
    b"%s %(x)d {x} \\.jpg",
    b"caf\xe9.jpg",  # Latin-1, so no UTF-8
    "ÅäÖ 写真 🙂.jpg".encode(),
    b"a" * 251 + b".jpg",
)


@pytest.mark.quick
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_works(tmp_path, name):
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    there, here = tmp_path / "from" / os.fsdecode(name), tmp_path / "to" / os.fsdecode(name)
    there.write_bytes(saved(scene(64, 48), "jpeg"))
    fit_file(there, here, Fit((20, 30)))
    assert listed(here.parent) == [os.fsdecode(name)]
    assert probe(here.read_bytes()).size == (20, 30)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_is_in_the_error(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"no image")
    with pytest.raises(CodecError) as caught:
        fit_file(path, tmp_path / "out.jpg", Fit((20, 30)))
    assert caught.value.name == str(path)
    assert listed(tmp_path) == [os.fsdecode(name)]


def test_a_file_is_fitted_in_place(source):
    fit_file(source, source, Fit((20, 30)))
    assert probe(source.read_bytes()).size == (20, 30)
    assert listed(source.parent) == [source.name]


# Files: what cannot be read.


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "link to a fifo"])
def test_what_is_no_regular_file_is_an_error_at_once(tmp_path, kind):
    path = tmp_path / "cat.jpg"
    if kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(tmp_path / "fifo")
        path.symlink_to("fifo")
        path = tmp_path / "fifo" if kind == "fifo" else path
    with pytest.raises(CodecError, match="expected a regular file, got a ") as caught:
        fit_file(path, tmp_path / "out.jpg", Fit((20, 30)))
    assert caught.value.name == str(path)
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("kind", ["missing", "dangling", "looping", "below a file"])
def test_what_cannot_be_opened_is_an_error(source, tmp_path, kind):
    path = source / "cat.jpg" if kind == "below a file" else tmp_path / "cat.jpg"
    if kind in ("dangling", "looping"):
        path.symlink_to("nothing.jpg" if kind == "dangling" else "cat.jpg")
    with pytest.raises(OSError, match=r"cat\.jpg"):
        fit_file(path, tmp_path / "out.jpg", Fit((20, 30)))
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("kind", ["folder", "fifo", "text"])
def test_no_file_stays_open(tmp_path, kind):
    path = tmp_path / "cat.jpg"
    {"folder": path.mkdir, "fifo": lambda: os.mkfifo(path), "text": lambda: path.write_bytes(b"text")}[kind]()
    before = len(listed(Path("/dev/fd")))
    for _ in range(5):
        with pytest.raises((CodecError, OSError)):
            fit_file(path, tmp_path / "out.jpg", Fit((20, 30)))
    assert len(listed(Path("/dev/fd"))) == before


def python(code, *arguments, **options):
    """Run code in another Python, from here so that it finds this fastfit."""
    import fastfit

    place = {**os.environ, "PYTHONPATH": str(Path(fastfit.__file__).parent.parent)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_unreadable_file_is_an_error(source, tmp_path):
    # Root may read everything, so the other process stops being root.
    code = """
import os, sys
from fastfit import Fit, fit_file
if os.geteuid() == 0:
    os.setuid(65534)
try:
    fit_file(sys.argv[1], sys.argv[2], Fit((20, 30)))
except PermissionError as error:
    print(error.filename)
"""
    source.chmod(0)
    run = python(code, source, tmp_path / "out.png")
    assert run.communicate(timeout=30)[0].decode().strip() == str(source)


# Files: all or nothing.


@pytest.mark.quick
@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize("before", [None, b"what was there"], ids=["new", "existing"])
def test_failure_before_the_rename_leaves_all_as_it_was(source, tmp_path, monkeypatch, error, before):
    target = tmp_path / "out.png"
    if before:
        target.write_bytes(before)
    files = listed(tmp_path)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(type(error)):
        fit_file(source, target, Fit((20, 30)))
    assert listed(tmp_path) == files
    assert not before or target.read_bytes() == before


@pytest.mark.parametrize("before", [None, b"what was there"], ids=["new", "existing"])
def test_full_disk_leaves_all_as_it_was(tmp_path, before):
    # No file may grow over 1000 bytes: the disk is full in the middle of writing.
    code = """
import resource, sys
from fastfit import Fit, fit_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    fit_file(sys.argv[1], sys.argv[2], Fit((300, 200)))
except OSError as error:
    print(type(error).__name__, error.errno)
"""
    target = tmp_path / "out.png"
    if before:
        target.write_bytes(before)
    run = python(code, DATA / "srgb.jpg", target)
    assert run.communicate(timeout=30)[0].startswith(b"OSError ")
    assert listed(tmp_path) == (["out.png"] if before else [])
    assert not before or target.read_bytes() == before


def test_target_that_is_a_folder_is_an_error(source, tmp_path):
    target = tmp_path / "out.png"
    target.mkdir()
    with pytest.raises(OSError, match=r"out\.png"):
        fit_file(source, target, Fit((20, 30)))
    assert listed(tmp_path) == ["out.png", source.name]


def test_missing_folder_is_an_error(source, tmp_path):
    with pytest.raises(FileNotFoundError):
        fit_file(source, tmp_path / "nowhere" / "out.png", Fit((20, 30)))
    assert listed(tmp_path) == [source.name]


@pytest.mark.parametrize("before", [None, b"what was there"], ids=["new", "existing"])
def test_process_killed_in_the_middle_of_writing_leaves_no_half_file(tmp_path, before):
    # The kernel kills it at the first byte after 1000.
    code = """
import resource, signal, sys
from fastfit import Fit, fit_file
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
fit_file(sys.argv[1], sys.argv[2], Fit((300, 200)))
"""
    target = tmp_path / "out.png"
    if before:
        target.write_bytes(before)
    run = python(code, DATA / "srgb.jpg", target)
    run.communicate(timeout=30)
    assert run.returncode == -signal.SIGXFSZ
    # What it wrote is there, but not under the final name, nor under one that is searched for.
    assert [path.suffix for path in tmp_path.iterdir() if path != target] == [".tmp"]
    assert target.exists() == bool(before)
    assert not before or target.read_bytes() == before


def test_process_killed_while_it_writes_again_and_again_leaves_no_half_file(tmp_path):
    code = """
import itertools, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from fastfit import Fit, Output, fit_file
for turn in itertools.count():
    fit_file(sys.argv[1], Path(sys.argv[2]) / f"{turn % 3}.png", Fit((900, 700), resample="nearest"))
    print(turn, flush=True)
"""
    noisy = tmp_path / "noisy.png"
    noisy.write_bytes(saved(np.random.default_rng(3).integers(0, 256, (90, 110, 3), np.uint8), "png"))
    out = tmp_path / "out"
    out.mkdir()
    for delay in (0.001, 0.02, 0.035, 0.05):
        run = python(code, noisy, out)
        assert run.stdout.readline() == b"0\n"
        time.sleep(delay)
        run.kill()
        run.communicate(timeout=30)
        for path in out.glob("[0-9].png"):
            with Image.open(path) as picture:
                picture.load()
                assert picture.size == (900, 700)
    assert (out / "0.png").exists()


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0, 0o666)])
def test_permissions_follow_the_umask(source, tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        fit_file(source, tmp_path / "out.png", Fit((20, 30)))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == mode


# Damage that leaves the end of a JPEG in place.


def holed():
    """Half a JPEG with the end of a whole one: OpenCV and Pillow decode it, with grey below."""
    data = (DATA / "photo.jpg").read_bytes()
    return data[:90_000] + data[-2:]


def test_damage_is_an_error_where_the_decoder_is_listened_to(tmp_path, capfd):
    (tmp_path / "cat.jpg").write_bytes(holed())
    with pytest.raises(
        CodecError, match=r"cat\.jpg: expected an undamaged jpeg image, got Corrupt JPEG data"
    ) as caught:
        fit_file(tmp_path / "cat.jpg", tmp_path / "out.jpg", Fit((20, 30)), listen=True)
    assert caught.value.name == str(tmp_path / "cat.jpg")
    assert not (tmp_path / "out.jpg").exists()
    assert capfd.readouterr().err == ""


def test_damage_is_told_where_it_is_accepted(tmp_path, capfd):
    (tmp_path / "cat.jpg").write_bytes(holed())
    info = fit_file(
        tmp_path / "cat.jpg", tmp_path / "out.jpg", Fit((20, 30)), input=Input(on_damage="warn"), listen=True
    )
    assert info.damage is not None
    assert info.damage.startswith("Corrupt JPEG data")
    assert probe((tmp_path / "out.jpg").read_bytes()).size == (20, 30)
    assert capfd.readouterr().err == ""


def test_harmless_words_of_the_decoder_are_no_damage(tmp_path, capfd):
    # Bytes before a marker that belong to nothing.
    data = (DATA / "photo.jpg").read_bytes()
    (tmp_path / "cat.jpg").write_bytes(data[:-2] + b"\x01\x02\x03" + data[-2:])
    assert fit_file(tmp_path / "cat.jpg", tmp_path / "out.jpg", Fit((20, 30)), listen=True).damage is None
    assert capfd.readouterr().err == ""


def test_listening_gives_stderr_back(tmp_path, capfd):
    (tmp_path / "cat.jpg").write_bytes(holed())
    open_before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(CodecError):
            fit_file(tmp_path / "cat.jpg", tmp_path / "out.jpg", Fit((20, 30)), listen=True)
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"
    assert len(list(Path("/dev/fd").iterdir())) == open_before


def heard_rightly(number):
    """Tell whether each of some decodings hears of its own file's damage, and of no other's."""
    damaged = number % 2 == 1
    data = holed() if damaged else (DATA / "photo.jpg").read_bytes()
    return all(bool(decode(data, listen=True)[1].damage) == damaged for _ in range(8))


def test_threads_that_listen_hear_only_their_own():
    before = Path("/dev/fd/2").readlink()
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(heard_rightly, range(4)))
    assert Path("/dev/fd/2").readlink() == before


def test_forked_processes_that_listen_hear_only_their_own():
    assert heard_rightly(1)  # so that there is something to share
    with multiprocessing.get_context("fork").Pool(3) as processes:
        assert all(processes.map(heard_rightly, range(6)))


def test_size_that_a_format_cannot_have_is_an_error():
    with pytest.raises(FastfitError, match="at most 16383 pixels a side for webp, got 16384x1"):
        fit_bytes(saved(scene(64, 48), "png"), Fit((16384, 1)), Output("webp"))


@pytest.mark.parametrize(("spec", "output"), [((4, 3), None), (Fit((4, 3)), "jpeg"), ("4x3", None)])
def test_what_is_no_spec_or_output_is_an_error(spec, output):
    with pytest.raises(OptionError, match="expected a"):
        fit_bytes(b"", spec, output)


@pytest.mark.parametrize("data", ["text", None, 5, [1, 2]])
def test_what_is_no_bytes_is_an_error(data):
    with pytest.raises(CodecError, match="expected bytes"):
        fit_bytes(data, Fit((4, 3)))
