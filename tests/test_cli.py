"""The command, as a user at a terminal or a script meets it."""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from bulk_runs import quickly
from PIL import Image

import fastfit
from fastfit import probe
from fastfit.cli import main
from fastfit.kernel.library import about
from fastfit.words import RESAMPLES

ROOT = Path(fastfit.__file__).parent.parent
SUMMARY = re.compile(r"(\d+) fitted, (\d+) failed, (\d+) skipped in \d+\.\d s \(\d+\.\d images/s\)\n")


def picture(mode="RGB", size=(64, 48), format="jpeg"):
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = np.random.default_rng(4).integers(0, 256, (size[1], size[0], channels), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, format)
    return buffer.getvalue()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with three good files in it under photos."""
    (tmp_path / "photos").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "photos" / f"{name}.jpg").write_bytes(picture())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments):
    return [sys.executable, "-m", "fastfit", *arguments]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def fastfit_command(*arguments):
    return subprocess.run(command(*arguments), env=environment(), capture_output=True, timeout=60, check=False)


def fit_here(*options):
    """Run in this process, which saves the time to start one."""
    return main(["fit", "photos", "-o", "out", "--size", "20x30", "--jobs", "1", *options])


def counts(text):
    """Fitted, failed and skipped, from the last line."""
    return tuple(int(count) for count in SUMMARY.fullmatch(text.splitlines(keepends=True)[-1]).groups())


def listed(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# All well, and not.


@pytest.mark.quick
def test_all_fitted_is_0_and_quiet(here):
    run = fastfit_command("fit", "photos", "-o", "out", "--size", "20x30")
    assert (run.returncode, run.stderr) == (0, b"")
    assert counts(run.stdout.decode()) == (3, 0, 0)
    assert run.stdout.count(b"\n") == 1
    assert [probe((here / "out" / name).read_bytes()).size for name in listed(here / "out")] == [(20, 30)] * 3


@pytest.mark.quick
def test_failures_are_1_and_a_line_each(here):
    (here / "photos" / "bad one.jpg").write_bytes(picture()[:1500])
    (here / "photos" / "no image.png").write_bytes(b"<html>")
    run = fastfit_command("fit", "photos", "-o", "out", "--size", "20x30")
    assert run.returncode == 1
    assert counts(run.stdout.decode()) == (3, 2, 0)
    lines = sorted(line for line in run.stderr.decode().splitlines() if line.startswith("photos"))
    assert [line.split(": ")[0] for line in lines] == ["photos/bad one.jpg", "photos/no image.png"]
    assert "truncated" in lines[0]
    assert "<html>" in lines[1]
    assert listed(here / "out") == ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_stderr_has_only_our_lines(capfd, format):
    # The decoder's own words name no file, and with many workers nobody knows which they are about.
    Path("photos/bad.jpg").write_bytes(picture(format=format)[:1500])
    assert fit_here() == 1
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", b"line\nbreak.jpg", b"escape\x1b[31m.jpg", "写真.jpg".encode()])
def test_any_name_of_a_failed_file_is_one_line(here, name):
    (here / "photos" / os.fsdecode(name)).write_bytes(b"<html>")
    run = fastfit_command("fit", "photos", "-o", "out", "--size", "20x30", "--jobs", "1")
    assert run.returncode == 1
    assert counts(run.stdout.decode()) == (3, 1, 0)
    assert run.stderr.count(b"\n") == 1
    assert run.stderr.startswith(b"photos/" + name[:3])
    assert b"\x1b" not in run.stderr


def test_second_run_skips_and_overwrite_does_not(here, capsys):
    assert fit_here() == 0
    assert counts(capsys.readouterr().out) == (3, 0, 0)
    before = {name: (here / "out" / name).stat().st_mtime_ns for name in listed(here / "out")}
    assert fit_here() == 0
    assert counts(capsys.readouterr().out) == (0, 0, 3)
    assert {name: (here / "out" / name).stat().st_mtime_ns for name in before} == before
    assert fit_here("--overwrite", "--size", "9x8") == 0
    assert counts(capsys.readouterr().out) == (3, 0, 0)
    assert probe((here / "out" / "a.jpg").read_bytes()).size == (9, 8)


def test_a_failed_file_is_tried_again(here, capsys):
    (here / "photos" / "d.jpg").write_bytes(b"<html>")
    assert fit_here() == 1
    (here / "photos" / "d.jpg").write_bytes(picture())
    capsys.readouterr()
    assert fit_here() == 0
    assert counts(capsys.readouterr().out) == (1, 0, 3)


def test_module_and_main_are_the_same_program(here):
    run = fastfit_command("fit", "photos", "-o", "one", "--size", "20x30")
    assert run.returncode == main(["fit", "photos", "-o", "two", "--size", "20x30", "--jobs", "1"]) == 0
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


# Options.


@pytest.mark.quick
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("format", "name"), [("png", "a.png"), ("webp", "a.webp"), ("jpeg", "a.jpg"), ("keep", "a.jpg")]
)
def test_format(format, name):
    assert fit_here("--format", format) == 0
    with Image.open(Path("out") / name) as result:
        assert result.size == (20, 30)
        assert result.format.lower() == {"keep": "jpeg"}.get(format, format)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("fill", "colour"),
    [("#f00", (255, 0, 0)), ("#0a141e", (10, 20, 30)), ("FFFFFF", (255, 255, 255)), ("#0a141e80", (10, 20, 30))],
)
def test_fill(fill, colour):
    assert fit_here("--mode", "pad", "--format", "png", "--fill", fill) == 0
    with Image.open("out/a.png") as result:
        assert result.getpixel((0, 0)) == colour


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("fill", "colour"), [("#0a141e80", (10, 20, 30, 128)), ("#0a141e", (10, 20, 30, 255))])
def test_fill_of_an_image_with_alpha(fill, colour):
    Path("photos/d.png").write_bytes(picture("RGBA", format="png"))
    assert fit_here("--mode", "pad", "--fill", fill) == 0
    with Image.open("out/d.png") as result:
        assert result.getpixel((0, 0)) == colour


@pytest.mark.usefixtures("here")
def test_one_fill_suits_all_kinds_of_images():
    for mode in ("L", "RGB", "RGBA"):
        Path(f"photos/{mode}.png").write_bytes(picture(mode, format="png"))
    assert fit_here("--mode", "pad", "--fill", "#f00") == 0
    found = {}
    for mode in ("L", "RGB", "RGBA"):
        with Image.open(f"out/{mode}.png") as result:
            found[mode] = result.getpixel((0, 0))
    assert found == {"L": 76, "RGB": (255, 0, 0), "RGBA": (255, 0, 0, 255)}


@pytest.mark.usefixtures("here")
def test_options_reach_the_pixels():
    results = set()
    for options in ([], ["--mode", "stretch"], ["--resample", "box"], ["--centering", "0,0"], ["--quality", "50"]):
        assert fit_here("--overwrite", *options) == 0
        results.add(Path("out/a.jpg").read_bytes())
    assert len(results) == 5


@pytest.mark.usefixtures("here")
def test_exact_turns_shrinking_off():
    y, x = np.mgrid[:480, :640]
    Image.fromarray((127 + 60 * np.sin(x / 19) + 60 * np.sin(y / 17)).astype(np.uint8)).save("photos/a.jpg")
    results = set()
    for options in ([], ["--exact"]):
        assert fit_here("--overwrite", *options) == 0
        results.add(Path("out/a.jpg").read_bytes())
    assert len(results) == 2


def test_recursive_keeps_the_tree(here):
    (here / "photos" / "sub" / "sub").mkdir(parents=True)
    (here / "photos" / "sub" / "sub" / "d.jpg").write_bytes(picture())
    assert fit_here() == 0
    assert listed(here / "out") == ["a.jpg", "b.jpg", "c.jpg"]
    assert fit_here("--recursive") == 0
    assert listed(here / "out") == ["a.jpg", "b.jpg", "c.jpg", "sub/sub/d.jpg"]


def test_files_and_folders_together(here):
    (here / "d.dat").write_bytes(picture())
    assert main(["fit", "d.dat", "photos", "photos/a.jpg", "-o", "out", "--size", "20x30", "--jobs", "1"]) == 0
    assert listed(here / "out") == ["a.jpg", "b.jpg", "c.jpg", "d.png"]


# What cannot start.

GOOD = ["fit", "photos", "-o", "out", "--size", "20x30"]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "20"], r"size: expected .*WIDTHxHEIGHT.*'20'"),
        (["--size", "0x30"], "size: expected .*'0x30'"),
        (["--size", "20x30.5"], "size: expected .*'20x30.5'"),
        (["--size=-20x30"], "size: expected .*'-20x30'"),
        (["--fill", "red"], "fill: expected #rgb, #rrggbb, #rrggbbaa, .*edge, reflect, blur, got 'red'"),
        (["--fill", "#12345"], "fill: expected .*'#12345'"),
        (["--fill", ""], "fill: expected .*''"),
        (["--centering", "middle"], "centering: expected .*top-left, .*attention, entropy, got 'middle'"),
        (["--crop", "0.1,0.1,0.9"], "crop_bounds: expected left_fraction, .* got "),
        (["--crop", "0.9,0,0.1,1"], "crop_bounds: expected .*left before right"),
        (["--crop", "0,0,1,1.1"], "crop_bounds: expected .*from 0 to 1"),
        (["--crop", "0,0,1,1", "--box", "0,0,9,9"], "crop_bounds: expected box or crop_bounds, got both"),
        (["--max-crop", "1.5"], "max_crop: expected a number from 0 to 1, got 1.5"),
        (["--for", "cats"], "content: expected one of portrait, .*'cats'"),
        (["--for", "product", "--mode", "pad"], "not allowed with argument"),
        (["--size", "sora"], "size: expected WIDTHxHEIGHT or a preset, sora-2, .*'sora'"),
        (["--size", "sora-2:640x480"], "size: expected 1280x720 or 720x1280 for sora-2, got 640x480"),
        (["--size", "veo", "--format", "webp"], "format: expected jpeg or png for veo, got webp"),
        (["--presets", "nothing.toml", "--size", "mine"], "nothing.toml"),
        (["--max-bytes", "0"], "--max-bytes: expected a number of bytes"),
        (["--min-quality", "0"], "min_quality: expected an integer from 1 to 100, got 0"),
        (["--centering", "0.5"], "centering: expected two numbers"),
        (["--centering", "a,b"], "--centering: expected numbers with commas between them, got 'a,b'"),
        (["--centering", "0,2"], "centering: expected two numbers"),
        (["--centering", "nan,0"], "centering: expected two numbers"),
        (["--jobs", "0"], "--jobs: expected a number of processes.*'0'"),
        (["--jobs", "many"], "--jobs: expected a number of processes.*'many'"),
        (["--jobs", "-2"], "--jobs: expected"),
        (["--quality", "0"], "quality: expected an integer from 1 to 100, got 0"),
        (["--quality", "101"], "quality: expected an integer from 1 to 100, got 101"),
        (["--quality", "high"], "--quality: .*'high'"),
        (["--resample", "magic"], "--resample: .*'magic'"),
        (["--mode", "crop"], "--mode: .*'crop'"),
        (["--format", "gif"], "--format: .*'gif'"),
        (["--what"], "unrecognized arguments: --what"),
        (["-o", "photos"], "-o: expected a folder apart from the sources"),
    ],
)
def test_bad_option_is_2_and_nothing_is_written(here, capsys, options, message):
    _check_cannot_start(here, capsys, [*GOOD, *options], message)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["photos", "nothing.jpg"], "SRC: expected an existing file or folder, got 'nothing.jpg'"),
        ([], "SRC: expected a file, a folder, a shard, or --from with a list, got none"),
        (["--from", "nothing.txt"], "--from: expected an existing list, got 'nothing.txt'"),
    ],
)
def test_bad_source_is_2_and_nothing_is_written(here, capsys, sources, message):
    _check_cannot_start(here, capsys, ["fit", *sources, *GOOD[2:]], message)


def _check_cannot_start(here, capsys, arguments, message):
    before = listed(here)
    try:
        status = main(arguments)
    except SystemExit as exit_:  # argparse's own way
        status = exit_.code
    shown = capsys.readouterr()
    assert (status, shown.out) == (2, "")
    assert re.search(message, shown.err, re.DOTALL), shown.err
    assert "Traceback" not in shown.err
    assert listed(here) == before
    assert not (here / "out").exists()


@pytest.mark.quick
@pytest.mark.parametrize("arguments", [[], ["fit"], ["fit", "photos"], ["fit", "a.jpg", "--size", "9x9"], ["fat"]])
def test_what_is_missing_is_2(here, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: fastfit" in capsys.readouterr().err
    assert not (here / "out").exists()


def test_exit_status_of_the_process_is_2():
    run = fastfit_command("fit", "nothing", "-o", "out", "--size", "20x30")
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr == b"fastfit: SRC: expected an existing file or folder, got 'nothing'\n"


def test_folder_without_images_is_2(here, capsys):
    (here / "empty").mkdir()
    (here / "empty" / "notes.txt").write_text("none")
    assert main(["fit", "empty", "-o", "out", "--size", "20x30"]) == 2
    assert capsys.readouterr().err == "fastfit: SRC: expected at least one image, got none in empty\n"
    assert not (here / "out").exists()


@pytest.mark.usefixtures("here")
def test_output_that_is_a_file_fits_nothing(capsys):
    Path("out").write_bytes(b"")
    assert fit_here() in (1, 2)
    shown = capsys.readouterr()
    assert "out" in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.quick
def test_version():
    run = fastfit_command("--version")
    assert run.returncode == 0
    expected = [f"fastfit {fastfit.__version__}", f"kernel: {about()}", f"pixels: {fastfit.PIXELS}"]
    assert run.stdout.decode().splitlines() == expected


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"]])
def test_help_has_examples_that_parse(here, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    examples = [
        example for example in re.findall(r"^  fastfit (fit .*)$", shown, re.MULTILINE) if " out " in example
    ]
    assert len(examples) >= 3
    (here / "data").mkdir()
    (here / "data" / "a.jpg").write_bytes(picture())
    for number, example in enumerate(examples):
        words = [word.strip("'") for word in example.split()]
        words[words.index("out")] = f"out{number}"
        assert main([*words, "--jobs", "1"]) == 0


def test_help_names_every_filter(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    shown = capsys.readouterr().out
    assert all(re.search(rf"\b{name}\b", shown) for name in RESAMPLES)


# Terminals and signals.


def on_terminal(*arguments, columns=100):
    """Run with stderr on a terminal; return the status, stdout, and what the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    place = {**environment(), "TERM": "xterm"}
    with subprocess.Popen(command(*arguments), env=place, stdout=subprocess.PIPE, stderr=theirs) as run:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        out = run.stdout.read()
        status = run.wait(timeout=60)
    os.close(ours)
    return status, out.decode(), shown.decode()


def _read(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end is closed: Linux says so by an error
        return b""


@pytest.mark.usefixtures("here")
def test_terminal_gets_a_progress_bar():
    Path("photos/bad.jpg").write_bytes(b"<html>")
    status, out, shown = on_terminal("fit", "photos", "-o", "out", "--size", "20x30", "--jobs", "1")
    assert status == 1
    assert counts(out) == (3, 1, 0)
    assert re.search(r"4/4 \[\d\d:\d\d<\d\d:\d\d, .*(image/s|s/image)\]", shown)
    # The failure has a line of its own, not one shared with the bar.
    assert re.search(r"[\r\n](\x1b\[\w)* *\r?photos/bad\.jpg: expected a known image format.*\r?\n", shown)


# Interrupted.


def _many(here):
    """So much work that it is far from done when the signal comes."""
    large = picture(size=(2400, 1600))
    for number in range(60):
        (here / "photos" / f"{number}.jpg").write_bytes(large)


def _wait_for_output(folder, run):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and run.poll() is None and not any(folder.glob("*.png")):
        time.sleep(0.01)
    assert run.poll() is None, "it was done too early to interrupt"


def _interrupted(here, out, jobs):
    """Interrupt a run as a terminal does, the whole group at once; return status, stdout, stderr and seconds."""
    arguments = ("fit", "photos", "-o", out, "--size", "1200x900", "--format", "png", "--jobs", jobs)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command(*arguments),
        env=environment(),
        stdout=pipe,
        stderr=pipe,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as it is at a terminal
    ) as run:
        _wait_for_output(here / out, run)
        start = time.monotonic()
        os.killpg(run.pid, signal.SIGINT)
        return *run.communicate(timeout=30), run.returncode, time.monotonic() - start


@pytest.mark.kills
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_interrupt_ends_soon_with_130_and_leaves_whole_files_only(here, jobs):
    _many(here)
    out, shown, status, seconds = _interrupted(here, "out", jobs)
    assert (status, out) == (130, b"")
    assert b"fastfit: interrupted" in shown
    assert seconds < 5
    time.sleep(0.3)  # a worker that outlived the command would still write
    names = listed(here / "out")
    assert 0 < len(names) < 60
    assert all(name.endswith(".png") for name in names)
    for name in names:
        with Image.open(here / "out" / name) as result:
            result.load()
            assert result.size == (1200, 900)


@pytest.mark.kills
def test_interrupt_shows_one_line(here):
    _many(here)
    # What workers say of an interrupt depends on what they were at; three times is nearly always.
    shown = [_interrupted(here, f"out{number}", "2")[1] for number in range(3)]
    assert shown == [b"fastfit: interrupted; without --overwrite the same command goes on from here\n"] * 3


@pytest.mark.usefixtures("here")
def test_damage_fails_or_warns(capfd):
    # Half a JPEG with the end of a whole one: OpenCV and Pillow decode it, with grey below.
    data = (Path(__file__).parent / "data" / "photo.jpg").read_bytes()
    Path("photos/damaged.jpg").write_bytes(data[:90_000] + data[-2:])
    assert fit_here() == 1
    captured = capfd.readouterr()
    assert counts(captured.out) == (3, 1, 0)
    assert captured.err.startswith("photos/damaged.jpg: expected an undamaged jpeg image, got Corrupt JPEG data")
    assert fit_here("--on-damage", "warn", "--overwrite") == 0
    captured = capfd.readouterr()
    assert counts(captured.out) == (4, 0, 0)
    assert captured.err.startswith("photos/damaged.jpg: damaged: Corrupt JPEG data")


@pytest.mark.usefixtures("here")
def test_size_beyond_the_format_does_not_start(capfd):
    assert main(["fit", "photos", "-o", "out", "--size", "70000x10", "--format", "jpeg"]) == 2
    assert "at most 65500 pixels a side for jpeg" in capfd.readouterr().err
    assert not Path("out").exists()


@pytest.mark.usefixtures("here")
def test_max_pixels(capfd):
    assert fit_here("--max-pixels", "100") == 1
    assert "expected at most 100 pixels, got" in capfd.readouterr().err
    assert fit_here("--max-pixels", "0", "--overwrite") == 0


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("closed", quickly(["2>&-", ">&-", ">&- 2>&- <&-"], ">&- 2>&- <&-"))
def test_closed_streams_are_no_reason_to_fail(closed):
    for name in ("a.jpg", "b.jpg"):
        Image.new("L", (40, 30)).save(name)
    words = f'"{sys.executable}" -m fastfit fit a.jpg b.jpg -o out --size 20x30 --jobs 2 {closed}'
    assert subprocess.run(["sh", "-c", words], timeout=60, check=False).returncode == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.jpg", "b.jpg"]
