"""Images, files and names that nobody has, and everybody has one of."""

import io
import os
import shutil
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved, scene
from outcomes import outcomes
from pictures import MODES
from PIL import Image, ImageOps

import fastfit
from fastfit import CodecError, Fit, Input, Output, SizeError, decode, fit_bytes, fit_file, probe
from fastfit.bulk.sources import Search, items
from fastfit.words import FORMATS, RESAMPLES

DATA = Path(__file__).parent / "data"
ROOT = Path(fastfit.__file__).parent.parent


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def pixels(data):
    return np.asarray(opened(data)).astype(float)


def psnr(got, expected):
    return 10 * np.log10(255**2 / max(np.mean((got - expected) ** 2), 1e-12))


def flat(width, height, channels=3):
    return scene(width, height, channels).reshape(height, width, channels)


# Sizes.

SLIVERS = {
    f"{width}x{height} of {channels}": saved(
        flat(width, height, channels) if channels > 1 else flat(width, height, 1)[..., 0], "png"
    )
    for width, height in ((1, 1), (1, 37), (37, 1), (10_000, 1), (1, 10_000))
    for channels in (1, 3, 4)
}
TINY = {
    f"{width}x{height} {kind}": saved(flat(width, height), kind)
    for width, height in ((2, 3), (1, 1))
    for kind in ("jpeg", "webp", "gif", "tiff", "bmp", "ppm", "avif")
}
TARGETS = ((1, 1), (1, 90), (130, 1), (70, 101))


@pytest.mark.parametrize("kind", [*SLIVERS, *TINY])
@pytest.mark.parametrize("format", FORMATS)
def test_any_size_becomes_any_size(kind, format):
    data = {**SLIVERS, **TINY}[kind]
    for mode in MODES:
        for size in TARGETS:
            result = opened(fit_bytes(data, Fit(size, mode), Output(format)))
            assert (result.size, result.format) == (size, format.upper())


@pytest.mark.parametrize("kind", ["10000x1 of 3", "1x10000 of 4", "2x3 gif", "1x1 jpeg"])
@pytest.mark.parametrize("mode", MODES)
def test_any_file_becomes_any_size(tmp_path, kind, mode):
    (tmp_path / "a").write_bytes({**SLIVERS, **TINY}[kind])
    for extension in (".jpg", ".png", ".webp", ".avif"):
        for size in ((1280, 720), (1, 1)):
            info = fit_file(tmp_path / "a", tmp_path / f"b{extension}", Fit(size, mode))
            assert info.size == tuple(int(side) for side in kind.split()[0].split("x"))
            with Image.open(tmp_path / f"b{extension}") as picture:
                assert picture.size == size


@pytest.mark.parametrize("resample", RESAMPLES)
@pytest.mark.parametrize("mode", MODES)
def test_enlarged_a_hundred_times(resample, mode):
    for width, height in ((13, 7), (1, 5), (5, 1)):
        size = (100 * width, 100 * height)
        data = saved(flat(width, height), "png")
        assert opened(fit_bytes(data, Fit(size, mode, resample=resample))).size == size


@pytest.mark.quick
@pytest.mark.parametrize("mode", MODES)
def test_one_pixel_fills_all(mode):
    data = saved(np.full((1, 1, 3), (200, 100, 50), np.uint8), "png")
    result = pixels(fit_bytes(data, Fit((300, 300), mode)))
    np.testing.assert_array_equal(result, np.full((300, 300, 3), (200, 100, 50)))


def test_a_line_of_pixels_on_borders_stays_a_line():
    result = pixels(fit_bytes(SLIVERS["10000x1 of 3"], Fit((1280, 720), "pad", fill=9)))
    rows = (result != 9).any(axis=(1, 2))
    assert rows.sum() == 1
    assert rows[359:361].any()
    expected = np.asarray(opened(SLIVERS["10000x1 of 3"]).resize((1280, 1), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(result[rows], expected)


@pytest.mark.parametrize(
    ("format", "most"), [("jpeg", 65_500), ("webp", 16_383), ("avif", 32_768), ("png", 100_000)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_longest_sides_are_written_and_longer_ones_refused(format, most, turned):
    data = saved(scene(20, 30), "png")
    size = (2, most) if turned else (most, 2)
    assert opened(fit_bytes(data, Fit(size, "stretch"), Output(format))).size == size
    if format != "png":
        longer = (2, most + 1) if turned else (most + 1, 2)
        with pytest.raises(SizeError, match=f"at most {most} pixels a side for {format}"):
            fit_bytes(data, Fit(longer, "stretch"), Output(format))


# Turned, and shrunk by the decoder.


def large():
    """A photograph of 1600 by 1200."""
    with Image.open(DATA / "photo.jpg") as picture:
        return ImageOps.fit(picture, (1600, 1200), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("size", "mode"), [((200, 120), "cover"), ((90, 200), "pad"), ((57, 31), "stretch")])
def test_large_photo_is_upright_with_or_without_shrinking(orientation, size, mode):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(large(), "jpeg", quality=90, exif=exif)
    exact, default = (
        pixels(fit_bytes(data, Fit(size, mode), Output("png"), input=Input(exact=exact)))
        for exact in (True, False)
    )
    assert (exact != default).any()
    assert psnr(default, exact) > 40
    way = {"cover": ImageOps.fit, "pad": ImageOps.pad, "stretch": Image.Image.resize}[mode]
    expected = way(ImageOps.exif_transpose(opened(data)), size, Image.Resampling.LANCZOS)
    np.testing.assert_allclose(exact, np.asarray(expected).astype(float), rtol=0, atol=3)


# Names, and what is no good file.

NAMES = (
    b"name with spaces.jpg",
    b" leading and trailing .jpg",
    b"quote'and\"quote.jpg",
    b"line\nbreak.jpg",
    b"tab\tand\rreturn.jpg",
    b"-o.jpg",
    b"%s %(x)d {x} $HOME `id` \\.jpg",
    b"caf\xe9.jpg",  # Latin-1, so no UTF-8
    b"\xff\xfe.jpg",
    "ÅäÖ 写真 🙂.jpg".encode(),
    b"a" * 251 + b".jpg",
)
GOOD = saved(scene(64, 48), "jpeg")
TOO_LONG = (1 << 31) + 5


def sparse(path):
    path.touch()
    os.truncate(path, TOO_LONG)


def folder_within(path):
    path.mkdir()
    (path / "within.jpg").write_bytes(GOOD)


BAD = {
    b"fifo.jpg": (os.mkfifo, "expected a regular file, got a special file"),
    b"dangling.jpg": (lambda path: path.symlink_to("nothing"), "No such file or directory"),
    b"looping.jpg": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    b"sparse.jpg": (sparse, f"expected at most 2147483647 bytes, got {TOO_LONG}"),
    b"empty.jpg": (lambda path: path.touch(), "expected an encoded image, got no bytes"),
    b"line\nbreak \xff.png": (lambda path: path.write_bytes(b"text"), "expected a known image format"),
}


@pytest.fixture
def hostile(tmp_path):
    """A folder of good files with awkward names, and of awkward files."""
    src = tmp_path / "src"
    src.mkdir()
    for name in NAMES:
        (src / os.fsdecode(name)).write_bytes(GOOD)
    folder_within(src / "folder.jpg")
    for name, (make, _) in BAD.items():
        make(src / os.fsdecode(name))
    return src


def listed(folder):
    return sorted(os.fsencode(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("jobs", [1, 2])
def test_awkward_names_are_fitted_and_awkward_files_are_rows(hostile, tmp_path, jobs):
    found = outcomes(hostile, tmp_path / "out", Fit((20, 30)), jobs=jobs)
    failed = {Path(outcome.source): outcome.text for outcome in found if outcome.status == "failed"}
    assert {path.name for path in failed} == {os.fsdecode(name) for name in BAD}
    for name, (_, reason) in BAD.items():
        path = hostile / os.fsdecode(name)
        assert failed[path].startswith(f"{path}: ")
        assert reason in failed[path]
    assert listed(tmp_path / "out") == sorted(NAMES)
    fitted = [Path(outcome.output) for outcome in found if outcome.status == "fitted"]
    assert {probe(path.read_bytes()).size for path in fitted} == {(20, 30)}


def command(*arguments, cwd):
    place = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "fastfit", *arguments]
    return subprocess.run(words, cwd=cwd, env=place, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_command_says_a_line_for_each_awkward_file(hostile, tmp_path, jobs):
    done = command("fit", "src", "-o", "out", "--size", "20x30", "--jobs", jobs, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{len(NAMES)} fitted, {len(BAD)} failed, 0 skipped in ".encode())
    lines = done.stderr.splitlines()
    assert len(lines) == len(BAD)
    assert all(line.startswith(b"src/") and b": " in line for line in lines)
    for reason in {reason for _, reason in BAD.values()}:
        assert sum(reason.encode() in line for line in lines) == 1
    assert b"Traceback" not in done.stderr
    assert listed(tmp_path / "out") == sorted(NAMES)
    assert len(listed(hostile)) == len(NAMES) + len(BAD) + 1


def test_command_takes_awkward_names_one_by_one(tmp_path):
    for name in NAMES:
        (tmp_path / os.fsdecode(name)).write_bytes(GOOD)
    done = command("fit", "-o", "out", "--size", "20x30", "--jobs", "1", "--", *NAMES, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert listed(tmp_path / "out") == sorted(NAMES)


def test_notes_of_awkward_names_are_one_line_each(tmp_path):
    frames = [Image.fromarray(scene(64, 48)), Image.fromarray(scene(64, 48)[::-1])]
    (tmp_path / "src").mkdir()
    for name in (b"line\nbreak.gif", b"caf\xe9.gif", b"escape\x1b[31m.gif"):
        (tmp_path / "src" / os.fsdecode(name)).write_bytes(
            saved(frames[0], "gif", save_all=True, append_images=frames[1:])
        )
    done = command("fit", "src", "-o", "out", "--size", "20x30", cwd=tmp_path)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(b"src/") and line.endswith(b".gif: note: one still of 2") for line in lines)
    assert b"\x1b" not in done.stderr


def test_folder_with_the_name_of_an_image_is_a_folder(hostile):
    found = [Path(item.path) for item in items([hostile], Search(recursive=True))]
    assert hostile / "folder.jpg" not in found
    assert hostile / "folder.jpg" / "within.jpg" in found
    assert [item.name for item in items([hostile / "folder.jpg"], Search())] == ["within.jpg"]


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("gone", ["file", "folder", "another in its place"])
def test_what_changes_after_it_was_listed_is_a_row(tmp_path, jobs, gone):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jpg").write_bytes(GOOD)
    listed_then = [item.path for item in items([tmp_path / "a", tmp_path / "b"], Search())]
    lost = tmp_path / "a" / "a.jpg"
    lost.unlink()
    if gone == "folder":
        shutil.rmtree(tmp_path / "a")
    elif gone == "another in its place":
        os.mkfifo(lost)
    found = outcomes(listed_then, tmp_path / "out", Fit((20, 30)), jobs=jobs)
    by_path = {Path(outcome.source): outcome for outcome in found}
    expected = "a special file" if gone == "another in its place" else "No such file or directory"
    assert by_path[lost].status == "failed"
    assert by_path[lost].text.startswith(f"{lost}: ")
    assert expected in by_path[lost].text
    assert by_path[tmp_path / "b" / "b.jpg"].status == "fitted"
    assert listed(tmp_path / "out") == [b"b.jpg"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_relative_names_are_those_of_the_folder_at_the_time(tmp_path, monkeypatch, jobs):
    for here in (tmp_path / "one", tmp_path / "two"):
        (here / "src").mkdir(parents=True)
        for name in ("a.png", "b.png"):
            level = 10 if here.name == "one" else 200
            (here / "src" / name).write_bytes(saved(np.full((9, 9), level, np.uint8), "png"))
        monkeypatch.chdir(here)
        assert [each.status for each in outcomes("src", "out", Fit((4, 3)), jobs=jobs)] == ["fitted", "fitted"]
        assert listed(here / "out") == [b"a.png", b"b.png"]
        assert (pixels((here / "out" / "a.png").read_bytes()) == level).all()


def test_file_that_vanishes_while_it_is_read_is_a_row(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(GOOD)
    before = os.open

    def vanishing(path, *arguments, **options):
        if str(path) == str(tmp_path / "a.jpg"):
            Path(path).unlink()
        return before(path, *arguments, **options)

    monkeypatch.setattr(os, "open", vanishing)
    (outcome,) = outcomes(tmp_path / "a.jpg", tmp_path / "out", Fit((20, 30)))
    assert outcome.text == f"{tmp_path / 'a.jpg'}: No such file or directory"


def measured(code, *arguments):
    """Run code in another Python; return what it prints, and by how many MB its memory grew at most."""
    whole = f"""
import resource, sys
from pathlib import Path
import fastfit
from fastfit import bulk, decode
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode(Path(sys.argv[1]).read_bytes())
before = peak()
{code}
print((peak() - before) / 1024)
"""
    place = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", whole, str(DATA / "rgba.png"), *map(str, arguments)]
    done = subprocess.run(words, env=place, capture_output=True, text=True, timeout=60, check=True)
    *lines, grown = done.stdout.splitlines()
    return lines, float(grown)


def test_file_of_more_than_2_gib_is_not_read(tmp_path):
    sparse(tmp_path / "a.jpg")
    code = """
report = bulk.run(sys.argv[2], sys.argv[3], fastfit.Fit((4, 3)), backend="threading")
print(report.failures[0].reason)
"""
    lines, grown = measured(code, tmp_path / "a.jpg", tmp_path / "out")
    assert lines == [f"{tmp_path / 'a.jpg'}: expected at most 2147483647 bytes, got {TOO_LONG}"]
    assert grown < 50


# Claims.


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def claims(format, width, height):
    """A small file, as whole as can be, whose header claims a size."""
    if format == "png":
        head = chunk(b"IHDR", struct.pack(">II5B", width, height, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    if format == "jpeg":
        data = bytearray(saved(scene(37, 23), "jpeg"))
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", height, width)
        return bytes(data)
    if format == "gif":
        data = bytearray(saved(scene(37, 23), "gif"))
        data[6:10] = struct.pack("<HH", width, height)
        at = data.index(b"," + struct.pack("<4H", 0, 0, 37, 23))
        data[at + 5 : at + 9] = struct.pack("<HH", width, height)
        return bytes(data)
    if format == "webp":
        canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + saved(scene(37, 23), "webp")[12:]
        return b"RIFF" + struct.pack("<I", len(body)) + body
    if format == "bmp":
        data = bytearray(saved(scene(37, 23), "bmp"))
        data[18:26] = struct.pack("<ii", width, height)
        return bytes(data)
    data = saved(scene(37, 23), "tiff")
    for tag, old, new in ((256, 37, width), (257, 23, height)):
        for kind in (3, 4):
            field = struct.pack("<HHII", tag, kind, 1, old)
            data = data.replace(field, struct.pack("<HHII", tag, 4, 1, new))
    return data


CLAIMING = ("png", "jpeg", "gif", "webp", "bmp", "tiff")


@pytest.mark.quick
@pytest.mark.parametrize("format", CLAIMING)
def test_claim_is_refused_at_once(format):
    data = claims(format, 30_000, 30_000)
    assert probe(data).size == (30_000, 30_000)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        with pytest.raises(CodecError, match=r"cat: expected at most 178956970 pixels, got 900000000 "):
            decode(data, name="cat")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


def test_claims_cost_no_memory(tmp_path):
    for format_ in CLAIMING:
        (tmp_path / format_).write_bytes(claims(format_, 30_000, 30_000))
    code = """
for path in sorted(Path(sys.argv[2]).iterdir()):
    data = path.read_bytes()
    exact = fastfit.Input(exact=True)
    for attempt in (lambda: decode(data), lambda: fastfit.fit_bytes(data, fastfit.Fit((4, 3)), input=exact)):
        try:
            attempt()
        except fastfit.CodecError as error:
            print(path.name, error.got)
"""
    lines, grown = measured(code, tmp_path)
    assert len(lines) == 2 * len(CLAIMING)
    assert all("900000000" in line for line in lines)
    assert grown < 20


@pytest.mark.parametrize("format", CLAIMING)
def test_claim_within_the_limit_is_an_error_all_the_same(format):
    with pytest.raises(CodecError, match=r"cat: expected an? (un|whole)"):
        fit_bytes(claims(format, 400, 300), Fit((4, 3)), name="cat", listen=True)


def test_claim_is_a_row(tmp_path):
    for format_ in CLAIMING:
        (tmp_path / f"{format_}.{format_}").write_bytes(claims(format_, 30_000, 30_000))
    exact = Input(exact=True)
    found = outcomes(tmp_path, tmp_path / "out", Fit((20, 30)), input=exact)
    assert len(found) == len(CLAIMING)
    assert all("expected at most 178956970 pixels" in outcome.text for outcome in found)
    assert {outcome.status for outcome in found} == {"failed"}


@pytest.mark.parametrize("progressive", [False, True])
def test_baseline_jpeg_counts_as_it_is_decoded_and_a_progressive_one_as_it_is(progressive):
    data = saved(large().resize((640, 480)), "jpeg", progressive=progressive)
    spec, limit = Fit((16, 12)), Input(max_pixels=100 * 75)
    if progressive:
        with pytest.raises(CodecError, match=r"expected at most 7500 pixels, got 307200 \(640x480\)"):
            fit_bytes(data, spec, input=limit)
    else:
        assert opened(fit_bytes(data, spec, input=limit)).size == (16, 12)
    with pytest.raises(CodecError, match="at most 7500 pixels, got 307200"):
        fit_bytes(data, spec, input=Input(exact=True, max_pixels=100 * 75))


def test_words_of_pillow_about_size_are_not_heard(monkeypatch):
    # It warns at half of what it refuses, and what it warns of is within the limit.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 - 1)
    np.testing.assert_array_equal(decode(saved(scene(64, 48), "qoi"))[0], scene(64, 48))


def six_megapixels(kind):
    """A photograph's worth of pixels: 6 megapixels, without a pattern that packs to nothing."""
    rgb = cv2.resize(np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8), (3000, 2000))
    rgba = np.dstack([rgb, rgb[..., 0]])
    extension, image, parameters = {
        "jpeg": (".jpg", rgb, []),
        "progressive jpeg": (".jpg", rgb, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        "png": (".png", rgb, []),
        "png with alpha": (".png", rgba, []),
        "deep png with alpha": (".png", rgba.astype(np.uint16) * 257, []),
        "webp with alpha": (".webp", rgba, [cv2.IMWRITE_WEBP_QUALITY, 50]),
        "tiff with alpha": (".tiff", rgba, []),
        "deep tiff": (".tiff", rgb.astype(np.uint16) * 257, []),
        "avif": (".avif", rgb, [cv2.IMWRITE_AVIF_QUALITY, 50]),
        "jpeg 2000": (".jp2", rgb, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 100]),
        "hdr": (".hdr", rgb.astype(np.float32) / 255, []),
        "bmp": (".bmp", rgb, []),
    }[kind]
    return cv2.imencode(extension, image, parameters)[1].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "most"),
    [
        *[("jpeg", 9), ("png", 8), ("bmp", 9), ("progressive jpeg", 9), ("png with alpha", 14)],
        *[("deep png with alpha", 24), ("webp with alpha", 14), ("tiff with alpha", 14), ("deep tiff", 16)],
        *[("avif", 20), ("jpeg 2000", 20), ("hdr", 26)],
    ],
)
def test_memory_is_so_many_bytes_a_pixel(kind, most, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(six_megapixels(kind))
    code = """
source = fastfit.Input(exact=True)
data = Path(sys.argv[2]).read_bytes()
fastfit.fit_bytes(data, fastfit.Fit((64, 64)), fastfit.Output("png"), input=source, listen=True)
"""
    _, grown = measured(code, path)
    # Besides the file, read once, and what libraries take when they are first used.
    assert grown * 1e6 < most * 6e6 + path.stat().st_size + 25e6
