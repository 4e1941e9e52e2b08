"""Files that a service takes: `payload`, and `check`, which says what is wrong with others."""

import base64
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image

from fastfit import (
    CodecError,
    Fit,
    Input,
    OptionError,
    Output,
    Preset,
    SizeError,
    check,
    decode,
    encode,
    fit_bytes,
    payload,
    read_presets,
)
from fastfit.cli import main

DATA = Path(__file__).parent / "data"
PHOTO = DATA / "photo.jpg"
RULES = ["whole", "format", "size", "orientation", "bytes", "alpha", "frames"]


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def failed(source, size, **options):
    return [each.rule for each in check(source, size, **options).findings if not each.passed]


# Payload.


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("size", ["1280x720", "720x1280", "1792x1024", "1024x1792"])
def test_payload_is_what_a_multipart_client_takes(format, size):
    found = payload(PHOTO, f"sora-2-pro:{size}", format=format)
    filename, data, mime = found
    assert isinstance(found, tuple)
    assert filename == f"photo.{'jpg' if format == 'jpeg' else format}"
    assert mime == f"image/{format}"
    image = opened(data)
    assert (image.format.lower(), f"{image.width}x{image.height}", image.mode) == (format, size, "RGB")
    assert data == fit_bytes(PHOTO.read_bytes(), Fit(size), Output(format))
    assert found.data_url == f"data:{mime};base64,{base64.b64encode(data).decode()}"
    assert repr(found) == f"Payload({filename!r}, {len(data)} bytes, {mime!r})"


@pytest.mark.parametrize("name", ["photo.jpg", "orientation_6.jpg", "rgba.png"])
def test_size_is_that_of_the_nearest_aspect(name):
    upright = decode((DATA / name).read_bytes())[1].size
    expected = (1280, 720) if upright.width >= upright.height else (720, 1280)
    assert opened(payload(DATA / name, "sora-2").data).size == expected


@pytest.mark.quick
@pytest.mark.parametrize("mode", ["cover", "pad", "stretch", "auto"])
def test_options_are_those_of_a_fit(mode):
    options = {"fill": "#204060", "centering": "top", "crop_bounds": (0.1, 0.1, 0.9, 0.9), "resample": "bicubic"}
    found = payload(PHOTO, "640x360", mode=mode, format="png", input=Input(exact=True), **options)
    image, _ = decode(PHOTO.read_bytes())
    np.testing.assert_array_equal(decode(found.data)[0], Fit("640x360", mode, **options)(image))


def test_sources_of_every_kind_give_the_same():
    data = saved(scene(120, 90), "png")
    image = decode(data)[0]
    found = [payload(source, "64x36", format="png") for source in (data, bytearray(data), image, opened(data))]
    assert {each.filename for each in found} == {"image.png"}
    for each in found[1:]:
        np.testing.assert_array_equal(decode(each.data)[0], decode(found[0].data)[0])


@pytest.mark.parametrize("shape", [(90, 120), (90, 120, 4), (90, 120, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_without_alpha_where_none_is_taken(shape, dtype):
    image = np.full(shape, np.iinfo(dtype).max // 2, dtype)
    found = decode(payload(image, "sora-2", format="png", fill="#ffffff").data)[0]
    assert found.ndim == 2 or found.shape[2] == 3
    kept = decode(payload(image, "720p", format="png").data)[0]
    assert kept.ndim == image.ndim
    assert kept.shape[2:] == image.shape[2:]


@pytest.mark.parametrize(
    ("name", "given", "filename"),
    [
        ("a b.jpg", None, "a_b.jpg"),
        ('x"y.jpg', None, "x_y.jpg"),
        ("写真.jpg", None, "image.jpg"),
        ("photo.jpg", "first frame", "first_frame.jpg"),
        ("photo.tar.jpg", None, "photo.tar.jpg"),
    ],
)
def test_filenames_need_no_quotes(tmp_path, name, given, filename):
    (tmp_path / name).write_bytes(PHOTO.read_bytes())
    assert payload(tmp_path / name, "64x36", name=given).filename == filename


def test_a_format_that_is_kept():
    assert payload(DATA / "rgba.png", "kling", format="keep").mime == "image/png"
    assert payload(DATA / "srgb.webp", "kling", format="keep").mime == "image/jpeg"
    assert payload(DATA / "srgb.webp", "sora-2", format="keep").mime == "image/webp"


def test_bytes_are_limited_by_lowering_the_quality():
    source = saved(scene(900, 700), "png")
    free = payload(source, "640x360")
    assert payload(source, "640x360", max_bytes=len(free.data)) == free
    assert payload(source, "640x360", max_bytes=10**9) == free
    most = len(free.data) * 3 // 4
    found = payload(source, "640x360", max_bytes=most)
    qualities = [payload(source, "640x360", quality=quality).data for quality in range(50, 96)]
    assert found.data == max((data for data in qualities if len(data) <= most), key=len)


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_quality_has_a_floor(format):
    source = saved(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8), "png")
    least = len(payload(source, "400x300", format=format, quality=50).data)
    assert len(payload(source, "400x300", format=format, max_bytes=least).data) == least
    with pytest.raises(OptionError) as caught:
        payload(source, "400x300", format=format, max_bytes=least - 1)
    at = f"at least {least}, the bytes of the result at quality 50"
    assert str(caught.value) == f"data: max_bytes: expected {at}, got {least - 1}"
    lower = payload(source, "400x300", format=format, max_bytes=least - 1, min_quality=1)
    assert len(lower.data) < least
    with pytest.raises(OptionError, match="at quality 30"):  # its own, lower than the floor
        payload(source, "400x300", format=format, max_bytes=100, quality=30)


def test_bytes_of_png_are_limited_by_packing():
    source = np.repeat(np.repeat(scene(64, 40), 8, 0), 8, 1)
    free = payload(source, "512x320", format="png")
    packed = payload(source, "512x320", format="png", max_bytes=len(free.data) - 1)
    assert len(packed.data) < len(free.data)
    np.testing.assert_array_equal(decode(packed.data)[0], decode(free.data)[0])
    with pytest.raises(OptionError, match="packed as small as PNG goes"):
        payload(source, "512x320", format="png", max_bytes=100)


def test_limits_of_a_preset_count():
    tight = Preset("tight", sizes=["400x300"], max_bytes=30_000, formats=["jpeg"])
    source = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    found = payload(source, tight, min_quality=1)
    assert len(found.data) <= 30_000
    assert check(found.data, tight).passed
    assert len(payload(source, tight, min_quality=1, max_bytes=20_000).data) <= 20_000


@pytest.mark.quick
@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((PHOTO, "veo"), {"format": "webp"}, OptionError, "format: expected jpeg or png for veo, got webp"),
        ((PHOTO, "veo"), {"format": "gif"}, OptionError, "format: expected one of keep, jpeg"),
        ((PHOTO, "veeo"), {}, SizeError, "size: expected WIDTHxHEIGHT or a preset, veo"),
        ((DATA / "truncated.jpg", "veo"), {}, CodecError, "truncated.jpg"),
        ((b"GIF", "veo"), {}, CodecError, "data: expected"),
        ((PHOTO, "veo"), {"quality": 0}, OptionError, "quality: expected"),
        ((PHOTO, "veo"), {"colour": 1}, TypeError, "colour"),
        ((PHOTO, "veo"), {"input": Input(max_pixels=9)}, CodecError, "photo.jpg"),
        (("nothing.jpg", "veo"), {}, OSError, "nothing.jpg"),
    ],
)
def test_errors_say_what_was_expected(arguments, options, error, message):
    with pytest.raises(error) as caught:
        payload(*arguments, **options)
    assert message in str(caught.value)


# Check.


@pytest.mark.parametrize(
    ("preset", "format"), [*((preset, "keep") for preset in read_presets()), ("veo", "jpeg"), ("wan", "jpeg")]
)
def test_what_is_made_for_a_preset_passes(preset, format):
    names = ("orientation_6.jpg", "rgba.png", *(("cmyk.jpg", "grey_alpha16.png") if preset == "veo" else ()))
    for name in names:
        found = payload(DATA / name, preset, format=format)
        checked = check(found.data, preset)
        assert checked.passed, str(checked)
        assert [each.rule for each in checked.findings] == RULES


def test_a_plain_size_and_a_pinned_one():
    found = payload(PHOTO, "sora-2-pro:1792x1024").data
    for accepted in ("1792x1024", (1792, 1024), "sora-2-pro:1792x1024", "sora-2-pro"):
        assert check(found, accepted).passed
    for refused in ("1792x1025", "sora-2-pro:1280x720", "sora-2"):
        assert failed(found, refused) == ["size"]


@pytest.mark.parametrize(
    ("image", "format", "options", "size", "rules"),
    [
        (scene(1280, 720), "JPEG", {}, "sora-2", []),
        (scene(1280, 721), "JPEG", {}, "sora-2", ["size"]),
        (scene(1280, 720), "GIF", {}, "sora-2", ["format"]),
        (scene(1280, 720), "WEBP", {}, "veo", ["format"]),
        (scene(1280, 720, 4), "PNG", {}, "veo", ["alpha"]),
        (scene(1280, 720, 4), "PNG", {}, "1280x720", []),
        (scene(100, 301), "PNG", {}, "kling", ["size"]),
        (scene(300, 751), "PNG", {}, "kling", ["size"]),
        (scene(300, 750), "PNG", {}, "kling", []),
        (scene(1280, 720), "TIFF", {}, "720p", ["format"]),
    ],
)
def test_every_rule(image, format, options, size, rules):
    assert failed(saved(image, format, **options), size) == rules


def test_bytes_are_counted():
    data = saved(scene(64, 48), "png")
    assert failed(data, Preset("small", sizes=["64x48"], max_bytes=len(data))) == []
    assert failed(data, Preset("small", sizes=["64x48"], max_bytes=len(data) - 1)) == ["bytes"]


def test_content_decides_on_the_format(tmp_path):
    (tmp_path / "a.jpg").write_bytes(saved(scene(1280, 720), "png"))
    (tmp_path / "b.png").write_bytes(saved(scene(1280, 720), "gif"))
    assert check(tmp_path / "a.jpg", "sora-2").passed
    found = check(tmp_path / "b.png", "sora-2").findings[1]
    assert found[:4] == ("format", False, "jpeg or png or webp", "gif")
    assert found.mend == f"fastfit fit {tmp_path / 'b.png'} -o OUT --size sora-2"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_that_exchanges_width_and_height(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(scene(1280, 720), format, exif=exif.tobytes())
    aside = orientation >= 5
    assert failed(data, "1280x720") == (["orientation"] if aside else [])
    assert failed(data, "720x1280") == (["size", "orientation"] if aside else ["size"])
    found = {each.rule: each for each in check(data, "1280x720").findings}["orientation"]
    assert (found.found == "stored upright") == (orientation == 1)


@pytest.mark.parametrize("name", ["truncated.jpg", "truncated_progressive.jpg", "truncated_interlaced.png"])
def test_truncated_files_are_not_whole(name):
    found = check(DATA / name, "sora-2")
    assert not found.passed
    assert [each.rule for each in found.findings] == ["whole", "bytes"]


def test_damage_that_the_decoder_tells_of():
    assert failed(DATA / "invented_middle.jpg", "9x9") == ["whole", "size"]
    assert failed(DATA / "invented_middle.jpg", "9x9", listen=False) == ["size"]


def test_an_animation_is_not_one_still():
    frames = [Image.fromarray(np.roll(scene(64, 48), 9 * turn, 1)) for turn in range(3)]
    assert failed(saved(frames[0], "webp", save_all=True, append_images=frames[1:]), "64x48") == ["frames"]


def test_what_cannot_be_read_is_a_finding(tmp_path):
    for source in (tmp_path / "nothing.jpg", tmp_path, b"", b"no image"):
        found = check(source, "sora-2")
        assert not found.passed
        assert found.findings[0].rule == "whole"


def test_a_profile_of_a_pil_image_is_kept():
    with Image.open(DATA / "display_p3.jpg") as image:
        found = payload(image, "64x36")
        assert decode(found.data)[1].icc_profile == image.info["icc_profile"]
        with pytest.raises(
            OptionError, match="icc: expected keep or strip for an image that is decoded, got srgb"
        ):
            payload(image, "64x36", icc="srgb")


def test_pictures_of_floats_are_of_no_accepted_format():
    data = cv2.imencode(".tiff", np.ones((72, 128, 4), np.float32))[1].tobytes()
    assert failed(data, "sora-2") == ["format", "size", "alpha"]


@pytest.mark.parametrize("source", [np.zeros((9, 9), np.uint8), 5, None, io.BytesIO(b"")])
def test_what_is_no_file_is_an_error(source):
    with pytest.raises(OptionError, match="source: expected a path, bytes"):
        check(source, "9x9")


@pytest.mark.quick
def test_bucketed_sizes():
    assert check(payload(PHOTO, "auto:128x128/64").data, "auto:128x128/64").passed
    with pytest.raises(SizeError, match="auto:"):
        payload(PHOTO, "auto:128")


def test_opaque_alpha_is_alpha():
    image = scene(1280, 720, 4)
    image[..., 3] = 255
    found = {each.rule: each for each in check(saved(image, "png"), "sora-2").findings}["alpha"]
    assert not found.passed
    assert found.found == "an alpha channel, all of it opaque"


# The commands.


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.jpg").write_bytes(saved(scene(1280, 720), "jpeg"))
    Path("bad one.png").write_bytes(saved(scene(1281, 720, 4), "png"))
    return tmp_path


@pytest.mark.usefixtures("here")
def test_command_check(capsys):
    assert main(["check", "good.jpg", "--size", "sora-2:1280x720"]) == 0
    assert capsys.readouterr().out.startswith("good.jpg: accepted (sora-2:1280x720)\n  pass whole: ")
    assert main(["check", "good.jpg", "bad one.png", "nothing.jpg", "--size", "sora-2"]) == 1
    shown = capsys.readouterr()
    assert "bad one.png: refused (sora-2)\n" in shown.out
    mend = "fastfit fit 'bad one.png' -o OUT --size sora-2"
    assert f"  FAIL size: expected 1280x720 or 720x1280, got 1281x720: {mend}\n" in shown.out
    assert "nothing.jpg: refused (sora-2)\n  FAIL whole: " in shown.out
    assert shown.err == ""


@pytest.mark.usefixtures("here")
def test_command_check_in_json(capsys):
    assert main(["check", "good.jpg", "bad one.png", "--size", "sora-2", "--json"]) == 1
    good, bad = json.loads(capsys.readouterr().out)
    assert (good["source"], good["preset"], good["passed"]) == ("good.jpg", "sora-2", True)
    assert [each["rule"] for each in bad["findings"]] == RULES
    assert [each["rule"] for each in bad["findings"] if not each["passed"]] == ["size", "alpha"]
    assert set(bad["findings"][0]) == {"rule", "passed", "expected", "found", "mend"}


@pytest.mark.usefixtures("here")
def test_command_check_knows_own_presets(capsys):
    Path("my.toml").write_text("[[preset]]\nname = 'mine'\nsizes = ['9x9']\nstatus = 'x\\n\\u001b[31m\u00e9'\n")
    assert main(["check", "good.jpg", "--size", "mine", "--presets", "my.toml"]) == 1
    mend = re.search(
        r"fastfit (fit good.jpg -o OUT --size mine --presets my.toml)$", capsys.readouterr().out, re.M
    )
    assert main(mend.group(1).split()) == 0
    assert main(["check", "OUT/good.jpg", "--size", "mine", "--presets", "my.toml"]) == 0
    capsys.readouterr()
    assert main(["presets", "--presets", "my.toml"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["fit", "good.jpg", "-o", "out", "--size", "9x9", "--presets", "nope.toml"]) == 2


@pytest.mark.parametrize("words", [["presets"], ["presets", "--json"], ["fit", "--help"], ["compare", "--help"]])
def test_terminals_need_not_know_every_letter(words):
    run = subprocess.run(
        [sys.executable, "-m", "fastfit", *words],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.usefixtures("here")
def test_command_check_refuses_unknown_names(capsys):
    assert main(["check", "good.jpg", "--size", "sora-3"]) == 2
    assert capsys.readouterr().err.startswith("fastfit: size: expected WIDTHxHEIGHT or a preset, sora-2")


@pytest.mark.parametrize(
    ("preset", "mode"),
    [("sora-2", "cover"), ("kling", "pad"), ("ltx", "auto"), ("tight", "cover"), ("tight", "pad")],
)
def test_what_the_command_makes_passes(here, capsys, preset, mode):
    (here / "my.toml").write_text(
        "[[preset]]\nname = 'tight'\nmax_side = 256\nformats = ['webp', 'jpeg']\nmax_bytes = 9_000\n"
    )
    for name in ("photo.jpg", "rgba.png", "orientation_6.jpg", "cmyk.jpg", "srgb.webp", "metadata.gif"):
        (here / name).write_bytes((DATA / name).read_bytes())
    words = ["--size", preset, "--presets", "my.toml"]
    assert main(["fit", ".", "-o", "out", *words, "--mode", mode, "--jobs", "1", "--fill", "blur"]) == 0
    made = sorted(map(str, (here / "out").iterdir()))
    assert len(made) == 8
    capsys.readouterr()
    assert main(["check", *made, *words]) == 0, capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_ended_presets_are_said_to_have_ended(capsys):
    assert main(["fit", "good.jpg", "-o", "out", "--size", "sora-2"]) == 0
    note = "fastfit: note: OpenAI Sora 2, Videos API: ended 2026-09-24\n"
    assert capsys.readouterr().err == note


@pytest.mark.usefixtures("here")
def test_command_presets(capsys, tmp_path):
    assert main(["presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["preset", "status", "checked", "formats", "bytes", "sizes", "source"]
    assert len(lines) == 1 + len(read_presets())
    row = next(line for line in lines if line.startswith("kling "))
    assert spaced(row).startswith(
        "kling current 2026-11-26 jpeg png 10 MB 300 to ... a side, up to 2.5:1 https://"
    )
    row = next(line for line in lines if line.startswith("sora-2 "))
    assert spaced(row).startswith("sora-2 ended 2026-09-24 2026-11-26 jpeg png webp 1280x720, 720x1280 https://")
    (tmp_path / "my.toml").write_text("[[preset]]\nname = 'mine'\nsizes = ['9x9']\n")
    assert main(["presets", "--presets", "my.toml", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert (table[0]["name"], table[0]["sizes"]) == ("mine", ["9x9"])
    assert {row["name"]: row["source"] for row in table}["sora-2"].startswith("https://")


def spaced(text):
    return " ".join(text.split())


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "mode"), [(["--for", "product"], "pad"), (["--for", "portrait"], "cover"), ([], "cover")]
)
def test_mode_by_content(words, mode):
    assert main(["fit", "good.jpg", "-o", "out", "--size", "64x64", *words]) == 0
    spec = Fit("64x64", mode)
    expected = fit_bytes(Path("good.jpg").read_bytes(), spec, Output("jpeg"))
    assert Path("out/good.jpg").read_bytes() == expected


@pytest.mark.usefixtures("here")
def test_crop_and_centering_on_the_command_line():
    words = ["--crop", "0.1,0.2,0.9,1", "--centering", "bottom-left", "--max-bytes", "2kB", "--min-quality", "10"]
    assert main(["fit", "good.jpg", "-o", "out", "--size", "200x90", *words]) == 0
    spec = Fit("200x90", centering=(0, 1), crop_bounds=(0.1, 0.2, 0.9, 1))
    output = Output("jpeg", max_bytes=2000, min_quality=10)
    assert Path("out/good.jpg").read_bytes() == fit_bytes(Path("good.jpg").read_bytes(), spec, output)


def test_encoded_images_may_be_read_back():
    assert check(encode(scene(64, 48), "avif"), "64x48").passed
