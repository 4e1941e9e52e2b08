"""Every option of the command reaches the files that it writes."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image, JpegImagePlugin

from fastfit import bulk, probe
from fastfit.cli import main

DATA = Path(__file__).parent / "data"
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
DISPLAY_P3 = (DATA / "display_p3.jpg").read_bytes()
SIZING = ("--size", "--presets", "--area", "--longest", "--shortest", "--multiple-of")
FITTING = (
    *("--mode", "--for", "--max-crop", "--resample", "--centering", "--fill", "--box", "--crop", "--reducing-gap"),
    *("--overwrite", "--report", "--dry-run"),
)
SOURCES = ("--from", "--column", "--recursive", "--glob")
SINKS = ("--out", "--shards", "--npy", "--shard-size", "--shard-bytes", "--flat", "--name", "--collisions")
FILTERS = ("--min-size", "--max-aspect", "--no-enlarge", "--dedupe")
RUNNING = ("--jobs", "--backend", "--timeout", "--max-failures")
READING = ("--exact", "--on-damage", "--frames", "--max-pixels", "--max-scans")
WRITING = (
    *("--format", "--quality", "--subsampling", "--progressive", "--compression", "--lossless"),
    *("--icc", "--color", "--metadata", "--transparency", "--max-bytes", "--min-quality"),
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with one photograph in it under photos."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(DISPLAY_P3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fit(*options, out="out"):
    return main(["fit", "photos", "-o", out, "--size", "60x80", "--jobs", "1", *options])


def result(name="out/a.jpg"):
    data = Path(name).read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def animation(format, count=3):
    frames = [Image.fromarray(np.roll(scene(64, 48), 9 * turn, 1)) for turn in range(count)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:])


# Sizes that follow from the source's. The photograph is 96×128.


@pytest.mark.quick
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--size", "auto:128x128/32"], (96, 160)),
        (["--area", "10000"], (87, 115)),
        (["--area", "100x100"], (87, 115)),
        (["--longest", "64"], (48, 64)),
        (["--shortest", "64"], (64, 85)),
        (["--shortest", "64", "--longest", "80"], (60, 80)),
        (["--longest", "64", "--multiple-of", "16"], (48, 64)),
        (["--size", "70x50", "--multiple-of", "8"], (72, 48)),
    ],
)
def test_size_follows_from_the_source(options, size):
    assert main(["fit", "photos", "-o", "out", "--jobs", "1", *options]) == 0
    assert result().size == size


@pytest.mark.quick
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "got"),
    [
        ([], "none of them"),
        (["--size", "9x9", "--area", "81"], "size and area"),
        (["--area", "81", "--longest", "9"], "area and longest"),
    ],
)
def test_there_is_one_rule_for_the_size(capsys, options, got):
    assert main(["fit", "photos", "-o", "out", *options]) == 2
    assert (
        f"one of size, sizes, area, limits, and longest or shortest or both, got {got}" in capsys.readouterr().err
    )


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("area", ["1.5", "12x", "x12", "-1", "many"])
def test_area_is_a_number_of_pixels(capsys, area):
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "photos", "-o", "out", "--area", area])
    assert "--area" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_size_that_the_format_cannot_hold_is_refused_before_anything_is_read(capsys):
    assert main(["fit", "photos", "-o", "out", "--size", "auto:20000x20000/4000", "--format", "webp"]) == 2
    assert "webp" in capsys.readouterr().err
    assert not Path("out").exists()


def test_buckets_are_told_apart_and_what_they_cost(here, capsys):
    for name, size in (("wide", (300, 100)), ("tall", (100, 200)), ("tall2", (100, 200))):
        (here / "photos" / f"{name}.png").write_bytes(saved(Image.fromarray(scene(*size)), "PNG"))
    for mode, costs in (
        ("cover", {"96x192": "0.0% cropped", "192x96": "33.3% cropped", "96x160": "20.0% cropped"}),
        ("pad", {"96x192": "0.0% padded", "192x96": "33.3% padded", "96x160": "20.0% padded"}),
    ):
        assert main(["fit", "photos", "-o", mode, "--size", "auto:136x136/32", "--mode", mode]) == 0
        _, *lines = capsys.readouterr().out.splitlines()
        assert [tuple(line.split()[:2]) for line in lines] == [("96x192", "2"), ("96x160", "1"), ("192x96", "1")]
        for line in lines:
            assert costs[line.split()[0]] in line


def test_very_many_sizes_are_summed_up(here, capsys):
    for width in range(20, 90):
        (here / "photos" / f"{width}.png").write_bytes(saved(Image.fromarray(scene(width, 20)), "PNG"))
    assert main(["fit", "photos", "-o", "out", "--shortest", "20", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["71 sizes, 0.0% cropped, 0.0% padded on average"]


@pytest.mark.usefixtures("here")
def test_box_and_reducing_gap():
    assert fit("--box", "10,5,70,85") == 0
    assert fit("--reducing-gap", "1", "--exact", "--quality", "100", "--subsampling", "444", out="gap") == 0
    with Image.open("photos/a.jpg") as photo:
        boxed = photo.crop((10, 5, 70, 85))
        reduced = photo.resize((60, 80), Image.Resampling.LANCZOS, reducing_gap=1.0)
    assert np.abs(np.subtract(result(), boxed, dtype=float)).mean() < 4
    assert np.abs(np.subtract(result("gap/a.jpg"), reduced, dtype=float)).mean() < 4


# What is written.


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("value", "sampling"), [("420", 2), ("422", 1), ("444", 0)])
def test_subsampling(value, sampling):
    assert fit("--subsampling", value) == 0
    assert JpegImagePlugin.get_sampling(result()) == sampling


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [[], ["--progressive"]])
def test_progressive(options):
    assert fit(*options) == 0
    assert ("progressive" in result().info) == bool(options)
    assert probe(Path("out/a.jpg").read_bytes()).progressive == bool(options)


@pytest.mark.usefixtures("here")
def test_compression():
    for level in ("0", "1", "9"):
        assert fit("--format", "png", "--compression", level, out=level) == 0
    assert fit("--format", "png") == 0
    sizes = [Path(folder, "a.png").stat().st_size for folder in ("0", "1", "9")]
    assert sizes[0] > 1.3 * sizes[1] > 1.3 * sizes[2]
    assert Path("out/a.png").stat().st_size < sizes[0]
    np.testing.assert_array_equal(np.asarray(result("0/a.png")), np.asarray(result("9/a.png")))


@pytest.mark.usefixtures("here")
def test_lossless():
    assert fit("--format", "png", out="png") == 0
    for options, out in ((["--lossless", "--quality", "5"], "lossless"), ([], "lossy")):
        assert fit("--format", "webp", *options, out=out) == 0
    expected = np.asarray(result("png/a.png"))
    np.testing.assert_array_equal(np.asarray(result("lossless/a.webp")), expected)
    assert (np.asarray(result("lossy/a.webp")) != expected).any()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("format", ["avif", "jpeg", "webp"])
def test_quality_reaches_every_lossy_format(format):
    sizes = []
    for quality in ("10", "90"):
        assert fit("--format", format, "--quality", quality, "--overwrite") == 0
        (path,) = Path("out").iterdir()
        assert probe(path.read_bytes()).format == format
        sizes.append(path.stat().st_size)
    assert sizes[0] < sizes[1] / 1.5


@pytest.mark.usefixtures("here")
def test_avif_is_named_and_written():
    Path("photos/b.avif").write_bytes(saved(scene(64, 48), "avif"))
    assert fit("--format", "avif") == 0
    for name in ("out/a.avif", "out/b.avif"):
        assert (result(name).format, result(name).size) == ("AVIF", (60, 80))


@pytest.mark.usefixtures("here")
def test_avif_stays_avif():
    Path("photos/b.avif").write_bytes(saved(scene(64, 48), "avif"))
    assert fit() == 0
    assert (result("out/b.avif").format, result("out/a.jpg").format) == ("AVIF", "JPEG")


@pytest.mark.usefixtures("here")
def test_icc():
    before = np.asarray(result("photos/a.jpg").info["icc_profile"])
    pixels = {}
    for value in ("keep", "srgb", "strip"):
        assert fit("--format", "png", "--icc", value, "--exact", out=value) == 0
        picture = result(f"{value}/a.png")
        assert ("icc_profile" in picture.info) == (value == "keep")
        pixels[value] = np.asarray(picture).astype(int)
    assert np.asarray(result("keep/a.png").info["icc_profile"]) == before
    np.testing.assert_array_equal(pixels["keep"], pixels["strip"])
    assert np.abs(pixels["keep"] - pixels["srgb"]).max() > 8


@pytest.mark.quick
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "kept"), [([], False), (["--metadata", "drop"], False), (["--metadata", "keep"], True)]
)
def test_metadata(options, kept):
    assert fit(*options) == 0
    assert (result().getexif().get(0x0110) == "iPhone 13 mini") == kept
    assert (b"iPhone" in Path("out/a.jpg").read_bytes()) == kept


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("value", "modes"), [("keep", ("L", "LA", "RGB")), ("rgb", ("RGB", "RGBA", "RGB"))])
def test_color(value, modes):
    for name, channels in (("l.png", 1), ("m.png", 4), ("n.png", 3)):
        image = Image.fromarray(scene(64, 48, channels))
        Path("photos", name).write_bytes(saved(image.convert("LA") if channels == 4 else image, "png"))
    assert fit("--color", value) == 0
    assert tuple(result(f"out/{name}.png").mode for name in "lmn") == modes


# What is read.


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("format", ["gif", "png", "webp", "tiff"])
def test_frames(capfd, format):
    Path(f"photos/b.{format}").write_bytes(animation(format))
    assert fit() == 0
    shown = capfd.readouterr()
    assert shown.err == f"photos/b.{format}: note: one still of 3\n"
    assert shown.out.startswith("2 fitted, 0 failed, 0 skipped in ")
    assert fit("--frames", "error", out="strict") == 1
    shown = capfd.readouterr()
    assert shown.err == f"photos/b.{format}: expected one frame or page, got 3\n"
    assert shown.out.startswith("1 fitted, 1 failed, 0 skipped in ")
    assert [path.name for path in Path("strict").iterdir()] == ["a.jpg"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_note_is_a_line(capfd, jobs):
    for name in ("b", "c", "d"):
        Path(f"photos/{name}.gif").write_bytes(animation("gif"))
    exif = bytes(70_000)
    Path("photos/e.png").write_bytes(saved(scene(64, 48), "png", exif=b"II*\0\x08" + exif))
    arguments = ["fit", "photos", "-o", "out", "--size", "20x30", "--jobs", jobs, "--format", "jpeg"]
    assert main([*arguments, "--metadata", "keep"]) == 0
    lines = sorted(capfd.readouterr().err.splitlines())
    assert lines == [
        *(f"photos/{name}.gif: note: one still of 3" for name in ("b", "c", "d")),
        "photos/e.png: note: its Exif is too long and is dropped",
    ]


@pytest.mark.usefixtures("here")
def test_max_scans(capfd):
    data = saved(Image.fromarray(scene(64, 48)).convert("L"), "jpeg", progressive=True)
    last = data.rindex(b"\xff\xda")
    Path("photos/a.jpg").write_bytes(data[:last] + data[last:-2] * 700 + data[-2:])
    assert fit() == 1
    assert re.search(
        r"^photos/a\.jpg: expected a jpeg of at most 500 scans .*got 7\d\d\n$", capfd.readouterr().err
    )
    # The decoder finds it odd that a scan comes again.
    assert fit("--max-scans", "900", "--on-damage", "warn", "--overwrite") == 0
    capfd.readouterr()
    assert fit("--max-scans", "10", "--on-damage", "warn", "--overwrite") == 1
    assert "at most 10 scans" in capfd.readouterr().err
    assert fit("--max-scans", "0", "--on-damage", "warn", "--overwrite") == 0


@pytest.mark.usefixtures("here")
def test_max_pixels_0_is_no_limit(monkeypatch, capfd):
    seen = []

    def look(**options):
        seen.append(options["input"].max_pixels)
        return before(**options)

    before = bulk.run
    monkeypatch.setattr(bulk, "run", look)
    assert fit() == 0
    assert fit("--max-pixels", "0", "--overwrite") == 0
    assert fit("--max-pixels", "1000", "--overwrite", "--exact") == 1
    assert "photos/a.jpg: expected at most 1000 pixels, got 196608 (384x512)" in capfd.readouterr().err
    assert seen == [178_956_970, None, 1000]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_options_reach_the_workers(jobs):
    Path("photos/b.jpg").write_bytes(DISPLAY_P3)
    options = ["--progressive", "--subsampling", "444", "--icc", "strip", "--metadata", "keep", "--exact"]
    assert main(["fit", "photos", "-o", "out", "--size", "60x80", "--jobs", jobs, *options]) == 0
    for name in ("a", "b"):
        picture = result(f"out/{name}.jpg")
        assert JpegImagePlugin.get_sampling(picture) == 0
        assert {"progressive", "exif"} <= picture.info.keys()
        assert "icc_profile" not in picture.info


# Wrong values.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--icc", "sRGB"], r"--icc: invalid choice: 'sRGB'.*keep.*srgb.*strip"),
        (["--color", "grey"], r"--color: invalid choice: 'grey'.*keep.*rgb"),
        (["--metadata", "all"], r"--metadata: invalid choice: 'all'.*drop.*keep"),
        (["--frames", "last"], r"--frames: invalid choice: 'last'.*first.*error"),
        (["--on-damage", "ignore"], r"--on-damage: invalid choice: 'ignore'.*error.*warn"),
        (["--subsampling", "411"], r"--subsampling: invalid choice: '411'.*420.*422.*444"),
        (["--format", "heic"], r"--format: invalid choice: 'heic'.*keep.*jpeg.*png.*webp.*avif"),
        (["--compression", "10"], "compression: expected an integer from 0 to 9, got 10"),
        (["--compression", "-1"], "compression: expected "),
        (["--compression", "best"], "--compression: .*'best'"),
        (["--max-pixels", "-1"], "--max-pixels: expected "),
        (["--max-pixels", "1e6"], "--max-pixels: expected a number, or 0 for no limit, got '1e6'"),
        (["--max-pixels", ""], "--max-pixels: expected a number, or 0 for no limit, got ''"),
        (["--max-scans", "-5"], "--max-scans: expected "),
        (["--max-scans", "some"], "--max-scans: expected a number, or 0 for no limit, got 'some'"),
        (
            ["--progressive", "yes"],
            "SRC: expected an existing file or folder, got 'yes'|unrecognized arguments: yes",
        ),
        (["--format", "avif", "--size", "70000x10"], "at most [0-9]+ pixels a side for avif"),
        (["--format", "webp", "--size", "16384x10"], "at most 16383 pixels a side for webp"),
    ],
)
def test_wrong_value_is_2_and_nothing_is_written(here, capsys, options, message):
    try:
        status = fit(*options)
    except SystemExit as exit_:  # argparse's own way
        status = exit_.code
    shown = capsys.readouterr()
    assert (status, shown.out) == (2, "")
    assert re.search(message, shown.err, re.DOTALL), shown.err
    assert "Traceback" not in shown.err
    assert not (here / "out").exists()


# What is said about them.


def help_of(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_help_names_every_option(capsys):
    named = set(re.findall(r"--[a-z-]+", help_of("fit", capsys)))
    assert named == {"--help", *SIZING, *FITTING, *SOURCES, *SINKS, *FILTERS, *RUNNING, *READING, *WRITING}


def test_help_says_what_is_read_and_what_is_written(capsys):
    _, read, written = re.split("what is (?:read|written):", help_of("fit", capsys))
    for option in READING:
        assert re.search(rf"^  {option}\b", read, re.MULTILINE), option
    for option in WRITING:
        assert re.search(rf"^  {option}\b", written, re.MULTILINE), option


def test_help_of_formats_says_what_it_does(capsys):
    assert "formats that this installation reads and writes" in help_of("formats", capsys)


@pytest.mark.parametrize("option", [*SIZING, *READING, *WRITING])
def test_readme_names_every_option(option):
    assert re.search(rf"{option}\b", README)


@pytest.mark.usefixtures("here")
def test_size_is_checked_as_it_will_be(capsys):
    assert (
        main(["fit", "photos", "-o", "out", "--size", "16383x20", "--multiple-of", "64", "--format", "webp"]) == 2
    )
    assert "16384x64" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_auto_says_what_was_lost(capsys):
    assert main(["fit", "photos", "-o", "out", "--size", "96x100", "--mode", "auto", "--jobs", "1"]) == 0
    assert re.search(r"96x100 +1 images +21\.9% cropped +0\.0% padded", capsys.readouterr().out)
    assert main(["fit", "photos", "-o", "out2", "--size", "96x48", "--mode", "auto", "--jobs", "1"]) == 0
    assert re.search(r"96x48 +1 images +0\.0% cropped +62\.5% padded", capsys.readouterr().out)
