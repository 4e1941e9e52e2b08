"""Colour profiles: kept, converted to sRGB, or dropped. LittleCMS, called through Pillow, is the oracle."""

import io
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene
from outcomes import outcomes
from PIL import Image, ImageCms, ImageOps

from fastfit import CodecError, Fit, Input, Output, decode, encode, fit_bytes, fit_file
from fastfit.cli import main
from fastfit.words import FORMATS

DATA = Path(__file__).parent / "data"
SRGB = ImageCms.createProfile("sRGB")
SRGB_PROFILE = ImageCms.ImageCmsProfile(SRGB).tobytes()
ADOBE_RGB = (DATA / "adobe_rgb.icc").read_bytes()
DISPLAY_P3 = (DATA / "display_p3.jpg").read_bytes()
UNUSABLE = "its profile is unusable: taken for sRGB"
IN_8_BITS = "colours were converted in 8 bits"
DROPPED = "its colour profile does not describe the result and is dropped"


def profile_of(kind, tags):
    """An ICC profile, version 2.4: header, table of tags, their data. ICC.1:2001-04, 6."""
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    white = struct.pack(">3i", 63190, 65536, 54061)
    head = struct.pack(">I4xI", at + len(body), 0x02400000) + kind + bytes(12) + b"acsp" + bytes(28) + white
    return head.ljust(128, b"\0") + table + body


def grey_profile(gamma):
    white = b"XYZ " + struct.pack(">4x3i", 63190, 65536, 54061)
    curve = b"curv" + struct.pack(">4xIH", 1, round(gamma * 256))
    return profile_of(b"mntrGRAYXYZ ", {b"wtpt": white, b"kTRC": curve})


def ink_profile():
    """Of a press that nobody has: a table of 5 by 5 by 5 by 5 inks."""
    cyan, magenta, yellow, black = np.meshgrid(*[np.linspace(0, 1, 5)] * 4, indexing="ij")
    light = (1 - black) * (1 - 0.25 * cyan - 0.5 * magenta - 0.1 * yellow)
    red = 0.5 + 0.35 * (1 - black) * (magenta - 0.6 * cyan)
    warm = 0.5 + 0.35 * (1 - black) * (yellow - 0.5 * cyan - 0.3 * magenta)
    table = np.rint(255 * np.stack([light, red, warm], -1).clip(0, 1)).astype(np.uint8).tobytes()
    ramp, identity = bytes(range(256)), struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    return profile_of(
        b"prtrCMYKLab ",
        {b"A2B0": b"mft1" + bytes((0, 0, 0, 0, 4, 3, 5, 0)) + identity + 4 * ramp + table + 3 * ramp},
    )


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def pixels(data):
    return np.asarray(opened(data)).astype(int)


def converted(picture, profile):
    """Convert with Pillow."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.profileToProfile(picture, source, SRGB, outputMode="RGB")


def to_srgb(data, size, mode="cover", *, exact=True, **options):
    return fit_bytes(data, Fit(size, mode), Output("png", icc="srgb", **options), input=Input(exact=exact))


def photo(format="png", profile=ADOBE_RGB):
    """A photograph said to be in the space of a profile; a small part of one where encoding takes long."""
    options = {"webp": {"lossless": True}, "jpeg": {"quality": 95}}.get(format, {})
    with Image.open(DATA / "photo.jpg") as picture:
        part = picture if format == "jpeg" else picture.crop((300, 200, 541, 401))
        return saved(part, format, icc_profile=profile, **options)


def psnr(got, expected):
    return 10 * np.log10(255**2 / max(np.mean((got - expected) ** 2), 1e-12))


# Converted.


@pytest.mark.parametrize(
    "data", [DISPLAY_P3, photo("png"), photo("jpeg"), photo("webp")], ids=["Display P3", "png", "jpeg", "webp"]
)
@pytest.mark.parametrize("size", [(200, 160), (97, 211), (1000, 801)])
def test_colours_are_those_that_pillow_converts_to(data, size):
    picture = opened(data)
    profile = picture.info["icc_profile"]
    expected = ImageOps.fit(converted(picture, profile), size, Image.Resampling.LANCZOS)
    result = to_srgb(data, size)
    assert "icc_profile" not in opened(result).info
    np.testing.assert_allclose(pixels(result), np.asarray(expected).astype(int), rtol=0, atol=2)


@pytest.mark.parametrize("mode", ["pad", "stretch"])
def test_borders_are_in_srgb_already(mode):
    picture = opened(DISPLAY_P3)
    small = converted(picture, picture.info["icc_profile"])
    way = {"pad": ImageOps.pad, "stretch": Image.Image.resize}[mode]
    data = fit_bytes(
        DISPLAY_P3, Fit((200, 90), mode, fill=(200, 90, 10)), Output("png", icc="srgb"), input=Input(exact=True)
    )
    options = {"color": (200, 90, 10)} if mode == "pad" else {}
    expected = way(small, (200, 90), Image.Resampling.LANCZOS, **options)
    np.testing.assert_allclose(pixels(data), np.asarray(expected).astype(int), rtol=0, atol=2)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "avif"])
def test_profile_of_every_format_is_used(format):
    image, info = decode(photo(format))
    assert info.icc_profile == ADOBE_RGB
    got, after = decode(photo(format), srgb=True)
    assert (after.icc_profile, after.notes) == (None, ())
    np.testing.assert_array_equal(got, np.asarray(converted(Image.fromarray(image), ADOBE_RGB)))
    assert np.abs(got.astype(int) - image).mean() > 4


@pytest.mark.parametrize("format", FORMATS)
def test_converted_picture_is_written_in_every_format(format):
    expected = pixels(to_srgb(DISPLAY_P3, (96, 128)))
    result = fit_bytes(DISPLAY_P3, Fit((96, 128)), Output(format, icc="srgb"), input=Input(exact=True))
    assert "icc_profile" not in opened(result).info
    assert psnr(pixels(result), expected) > 35


@pytest.mark.quick
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_kept(channels):
    image = scene(64, 48, channels)
    profile = grey_profile(1.8) if channels == 2 else ADOBE_RGB
    got, _ = decode(encode(image, "png", icc_profile=profile), srgb=True)
    np.testing.assert_array_equal(got[..., -1], image[..., -1])
    colours = Image.fromarray(np.ascontiguousarray(image[..., :-1]).squeeze())
    expected = np.asarray(converted(colours, profile))[..., : channels - 1]
    np.testing.assert_array_equal(got[..., :-1], expected)


@pytest.mark.quick
@pytest.mark.parametrize("gamma", [1.8, 2.2, 3.0])
def test_grey_stays_grey(gamma):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    result = opened(to_srgb(saved(levels, "png", icc_profile=grey_profile(gamma)), (16, 16)))
    light = (levels / 255) ** gamma
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert result.mode == "L"
    np.testing.assert_allclose(np.asarray(result).astype(int), 255 * curve, rtol=0, atol=2)


def test_grey_jpeg_stays_grey():
    data = saved(scene(64, 48, 1), "jpeg", icc_profile=grey_profile(3.0))
    result = opened(fit_bytes(data, Fit((64, 48)), Output("jpeg", icc="srgb")))
    expected = np.asarray(converted(opened(data), grey_profile(3.0)))[..., 1]
    assert result.mode == "L"
    assert psnr(np.asarray(result).astype(int), expected) > 38


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_become_8_with_a_note(channels):
    image = np.random.default_rng(channels).integers(0, 65536, (48, 64, channels), np.uint16).squeeze()
    profile = grey_profile(1.8) if channels < 3 else ADOBE_RGB
    got, info = decode(encode(image, "png", icc_profile=profile), srgb=True)
    rounded = np.rint(image / 257).astype(np.uint8)
    same, _ = decode(encode(rounded, "png", icc_profile=profile), srgb=True)
    assert (info.notes, got.dtype) == ((IN_8_BITS,), np.uint8)
    np.testing.assert_array_equal(got, same)


def test_16_bits_without_a_profile_stay():
    image = scene(64, 48).astype(np.uint16) * 250
    got, info = decode(encode(image, "png"), srgb=True)
    assert info.notes == ()
    np.testing.assert_array_equal(got, image)


def test_result_of_16_bits_that_are_converted_has_8(tmp_path):
    info = fit_file(DATA / "grey_alpha16.png", tmp_path / "a.png", Fit((50, 40)), Output(icc="srgb"))
    assert info.notes == (IN_8_BITS,)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "LA"


# Inks.


def inks(profile):
    return saved(opened((DATA / "cmyk.jpg").read_bytes()), "jpeg", quality=95, icc_profile=profile)


@pytest.mark.parametrize("exact", [True, False])
def test_cmyk_is_converted_by_its_profile(exact):
    data, size = inks(ink_profile()), (50, 40)
    expected = np.asarray(ImageOps.fit(converted(opened(data), ink_profile()), size, Image.Resampling.LANCZOS))
    np.testing.assert_allclose(pixels(to_srgb(data, size, exact=exact)), expected.astype(int), rtol=0, atol=2)
    plain = pixels(fit_bytes(data, Fit(size), Output("png", icc="strip")))
    assert np.abs(plain - expected).mean() > 4


def test_turned_cmyk_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = opened((DATA / "cmyk.jpg").read_bytes()).crop((0, 0, 100, 60))
    data = saved(picture, "jpeg", quality=95, icc_profile=ink_profile(), exif=exif)
    expected = converted(ImageOps.exif_transpose(opened(data)), ink_profile())
    image, info = decode(data, srgb=True)
    assert (info.icc_profile, info.notes, info.size) == (None, (), (60, 100))
    np.testing.assert_array_equal(image, np.asarray(expected))


def test_cmyk_without_a_profile_is_as_ever():
    data = (DATA / "cmyk.jpg").read_bytes()
    np.testing.assert_array_equal(decode(data, srgb=True)[0], decode(data)[0])


def test_cmyk_that_is_not_converted_says_so(tmp_path):
    (tmp_path / "a.jpg").write_bytes(inks(ink_profile()))
    notes = {
        icc: fit_file(tmp_path / "a.jpg", tmp_path / f"{icc}.png", Fit((50, 40)), Output(icc=icc)).notes
        for icc in ("keep", "srgb")
    }
    assert notes["keep"] == (DROPPED,)
    assert notes["srgb"] == ()


# Unusable, or none.

UNUSABLES = {
    "cut": SRGB_PROFILE[:400],
    "tiny": SRGB_PROFILE[:20],
    "zeros": bytes(600),
    "of another kind": grey_profile(2.2),
    "of inks": ink_profile(),
    "Lab": SRGB_PROFILE[:16] + b"Lab " + SRGB_PROFILE[20:],
}


@pytest.mark.parametrize("kind", UNUSABLES)
@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_unusable_profile_is_a_note_and_changes_no_pixel(kind, format):
    data = photo(format, UNUSABLES[kind])
    image, info = decode(data, srgb=True)
    assert (info.notes, info.icc_profile) == ((UNUSABLE,), None)
    np.testing.assert_array_equal(image, decode(data)[0])
    assert "icc_profile" not in opened(to_srgb(data, (40, 30))).info


def test_profile_for_colour_is_unusable_for_grey():
    image, info = decode(saved(scene(64, 48, 1), "jpeg", icc_profile=ADOBE_RGB), srgb=True)
    assert (info.notes, info.icc_profile, image.ndim) == ((UNUSABLE,), None, 2)


@pytest.mark.quick
@pytest.mark.parametrize(
    "profile", [ink_profile()[:300], ink_profile()[:-1000], ADOBE_RGB], ids=["tiny", "cut", "for colour"]
)
def test_unusable_cmyk_profile_is_a_note(profile):
    data = inks(profile)
    image, info = decode(data, srgb=True)
    assert (info.notes, info.icc_profile) == ((UNUSABLE,), None)
    np.testing.assert_array_equal(image, decode(data)[0])


def test_unusable_profile_is_told_of_in_a_run(tmp_path):
    (tmp_path / "a.jpg").write_bytes(photo("jpeg", UNUSABLES["cut"]))
    (outcome,) = outcomes(tmp_path / "a.jpg", tmp_path / "out", Fit((40, 30)), Output(icc="srgb"))
    assert (outcome.status, outcome.notes) == ("fitted", (UNUSABLE,))


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_without_a_profile_nothing_is_converted(format):
    data = photo(format, None)
    results = [fit_bytes(data, Fit((96, 64)), Output(format, icc=icc)) for icc in ("keep", "srgb", "strip")]
    assert results[0] == results[1] == results[2]
    assert "icc_profile" not in opened(results[0]).info


# Without Pillow, or without what it needs.


@pytest.fixture
def no_pillow(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "PIL"]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture(params=["no Pillow", "no LittleCMS"])
def no_littlecms(request, monkeypatch):
    if request.param == "no Pillow":
        request.getfixturevalue("no_pillow")
        return

    class Missing:
        def __getattr__(self, name):
            raise ImportError("no LittleCMS")

    monkeypatch.setattr(ImageCms, "core", Missing())


@pytest.mark.usefixtures("no_littlecms")
@pytest.mark.parametrize("data", [DISPLAY_P3, inks(ink_profile())], ids=["RGB", "CMYK"])
def test_what_is_missing_is_an_error_that_says_what_to_install(data):
    with pytest.raises(CodecError, match=r"^cat: expected Pillow .*pip install fastfit\[color\]") as caught:
        decode(data, name="cat", srgb=True)
    assert caught.value.name == "cat"


@pytest.mark.usefixtures("no_littlecms")
def test_what_is_missing_is_told_before_a_file_is_read(tmp_path, capsys):
    with pytest.raises(CodecError, match=r"^icc: expected Pillow .*pip install fastfit\[color\]"):
        Output(icc="srgb")
    (tmp_path / "a.jpg").write_bytes(DISPLAY_P3)
    out = tmp_path / "out"
    assert main(["fit", str(tmp_path), "-o", str(out), "--size", "4x3", "--icc", "srgb"]) == 2
    assert "pip install fastfit[color]" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.usefixtures("no_pillow")
@pytest.mark.parametrize("icc", ["keep", "strip"])
def test_without_pillow_the_rest_works(icc):
    assert decode(fit_bytes(DISPLAY_P3, Fit((40, 30)), Output("png", icc=icc)))[0].shape == (30, 40, 3)


@pytest.mark.usefixtures("no_littlecms")
def test_what_has_no_profile_needs_no_littlecms():
    data = (DATA / "photo.jpg").read_bytes()
    np.testing.assert_array_equal(decode(data, srgb=True)[0], decode(data)[0])


# Kept, stripped.


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("data", [DISPLAY_P3, photo("png"), photo("avif")], ids=["jpeg", "png", "avif"])
def test_profile_is_kept_byte_for_byte(data, format):
    result = opened(fit_bytes(data, Fit((40, 30)), Output(format)))
    assert result.info["icc_profile"] == opened(data).info["icc_profile"]


@pytest.mark.parametrize("format", ["jpeg", "png", "avif"])
@pytest.mark.parametrize("source", ["jpeg", "png"])
def test_grey_profile_is_kept_byte_for_byte(source, format):
    data = saved(scene(64, 48, 1), source, icc_profile=grey_profile(1.8))
    result = opened(fit_bytes(data, Fit((40, 30)), Output(format)))
    assert (result.mode, result.info["icc_profile"]) == ("L", grey_profile(1.8))


@pytest.mark.parametrize(("format", "mode"), [("png", "LA"), ("jpeg", "L")])
def test_grey_profile_is_kept_of_grey_with_alpha(format, mode):
    data = encode(scene(64, 48, 2), "png", icc_profile=grey_profile(1.8))
    result = opened(fit_bytes(data, Fit((40, 30)), Output(format)))
    assert (result.mode, result.info["icc_profile"]) == (mode, grey_profile(1.8))


@pytest.mark.parametrize("format", ["webp", "avif"])
def test_grey_profile_does_not_go_with_grey_stored_as_colour(format):
    data = encode(scene(64, 48, 2), "png", icc_profile=grey_profile(1.8))
    result = opened(fit_bytes(data, Fit((40, 30)), Output(format)))
    assert result.mode == "RGBA"
    assert "icc_profile" not in result.info


@pytest.mark.parametrize(
    ("data", "output"),
    [
        (saved(scene(64, 48, 1), "png", icc_profile=grey_profile(1.8)), Output("webp")),
        (saved(scene(64, 48, 1), "png", icc_profile=grey_profile(1.8)), Output("png", color="rgb")),
        (saved(scene(64, 48, 1), "jpeg", icc_profile=ADOBE_RGB), Output("png")),
        (saved(scene(64, 48), "jpeg", icc_profile=grey_profile(1.8)), Output("png")),
        (encode(scene(64, 48), "webp", icc_profile=ADOBE_RGB.ljust(17_000_000)), Output("jpeg")),
        (encode(scene(64, 48), "webp", icc_profile=b"no profile"), Output("png")),
    ],
    ids=["grey in webp", "grey as colour", "colour's of grey", "grey's of colour", "too long", "none"],
)
def test_profile_that_does_not_go_along_is_a_note(tmp_path, data, output):
    (tmp_path / "a").write_bytes(data)
    info = fit_file(tmp_path / "a", tmp_path / "b", Fit((40, 30)), output)
    assert info.notes == (DROPPED,)
    assert "icc_profile" not in opened((tmp_path / "b").read_bytes()).info
    assert fit_file(tmp_path / "a", tmp_path / "b", Fit((40, 30)), replace(output, icc="strip")).notes == ()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("data", [DISPLAY_P3, photo("png")], ids=["Display P3", "Adobe RGB"])
def test_profile_is_stripped(data, format):
    kept, stripped = (fit_bytes(data, Fit((40, 30)), Output(format, icc=icc)) for icc in ("keep", "strip"))
    assert "icc_profile" not in opened(stripped).info
    assert ADOBE_RGB not in stripped
    np.testing.assert_array_equal(pixels(stripped), pixels(kept))


# With shrink on load.


@pytest.mark.parametrize("data", [DISPLAY_P3, photo("jpeg")], ids=["Display P3", "Adobe RGB"])
@pytest.mark.parametrize("size", [(60, 45), (24, 17)])
@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_shrunk_and_converted_is_near_exact(data, size, mode):
    exact, default = (pixels(to_srgb(data, size, mode, exact=exact)) for exact in (True, False))
    assert (exact != default).any()
    assert psnr(default, exact) >= 40
