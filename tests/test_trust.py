"""The benchmark of awkward files, from its command line: what it makes of readers that are known to go wrong."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
COLUMNS = ("file", "class", "expect", "expect_width", "expect_height")

# A reader that does what the file's name says before the first "-".
READER = """
import os, signal, time
import numpy as np
from PIL import Image

def read(path):
    image = np.asarray(Image.open(path))
    return globals()[path.stem.partition("-")[0]](image)

def upright(image): return image
def mirrored(image): return image[:, ::-1]
def upside(image): return image[::-1, ::-1]
def turned(image): return np.rot90(image)
def swapped(image): return image[..., ::-1]
def halved(image): return image[::2, ::2]
def grey(image): return image[..., 1]
def opaque(image): return image[..., :3]
def refuse(image): raise ValueError("no")
def none(image): return None
def hog(image): return np.ones(1 << 30, np.uint8)
def hang(image): time.sleep(60)
def spin(image):
    while True: pass
def crash(image): os.kill(os.getpid(), signal.SIGSEGV)
def leave(image): os._exit(3)
def speak(image):
    os.write(2, b"one line\\nand another\\n")
    print("a third")
    return image
"""

# Reader, expectation, whether the size is known, verdict.
CASES = [
    *((f"upright-{expect}", expect, True, "right") for expect in ("decode", "decode_oriented", "first_frame")),
    *((f"upright-{expect}", expect, False, "right") for expect in ("decode_or_error", "bounded", "no_crash")),
    *((f"upright-{expect}", expect, False, "unflagged") for expect in ("error", "error_or_flagged")),
    *((f"refuse-{expect}", expect, True, "refused") for expect in ("decode", "decode_oriented", "first_frame")),
    *((f"refuse-{expect}", expect, True, "right") for expect in ("decode_or_error", "bounded", "no_crash")),
    *((f"refuse-{expect}", expect, False, "right") for expect in ("error", "error_or_flagged")),
    ("none-decode", "decode", True, "refused"),
    ("none-error", "error", False, "right"),
    ("mirrored", "decode_oriented", True, "orientation"),
    ("mirrored-free", "no_crash", False, "right"),
    ("upside", "decode", False, "orientation"),
    ("turned", "decode_oriented", True, "orientation"),
    ("turned-square", "decode_oriented", True, "orientation"),
    ("turned-flat", "decode_oriented", True, "right"),
    ("halved", "decode_or_error", True, "size"),
    ("swapped", "first_frame", True, "pixels"),
    ("grey", "decode", True, "pixels"),
    ("opaque-alpha", "decode", True, "right"),
    ("swapped-alpha", "decode", True, "pixels"),
    ("hog-bounded", "bounded", False, "right"),
    ("hog-free", "no_crash", False, "crash"),
    ("hang", "bounded", False, "time-out"),
    ("spin", "no_crash", False, "time-out"),
    ("crash", "no_crash", False, "crash"),
    ("leave", "error", False, "crash"),
    ("speak", "decode", True, "right"),
]


def picture(name):
    """Return a small picture without symmetry; the name may ask for a square one, a flat one, or alpha."""
    if "flat" in name:
        return np.full((32, 32, 3), 90, np.uint8)
    return scene(40, 40 if "square" in name else 24, 4 if "alpha" in name else 3)


def listed(folder, rows):
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([COLUMNS, *rows])


def trust(folder, *options):
    """Run the benchmark; return how it ended and its rows by contender and file."""
    command = [sys.executable, "-m", "benchmarks", "trust", str(folder), "--json", str(folder / "rows.json")]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    run = subprocess.run(
        [*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if not (folder / "rows.json").exists():
        return run, {}
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))["rows"]
    return run, {(row["contender"], row["file"]): row for row in rows}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    folder = tmp_path_factory.mktemp("known")
    (folder / "known.py").write_text(READER, encoding="utf-8")
    rows = []
    for name, expect, sized, _ in CASES:
        image = picture(name)
        (folder / f"{name}.png").write_bytes(saved(image, "png"))
        rows.append((f"{name}.png", "known", expect, *(image.shape[1::-1] if sized else ("", ""))))
    listed(folder, rows)
    return trust(
        folder, "--only", "opencv-imread", "--reader", "known:read", "--timeout", "1", "--memory", "500", "--list"
    )


@pytest.mark.parametrize(("name", "verdict"), [(name, verdict) for name, *_, verdict in CASES])
def test_a_reader_is_judged_by_what_it_does(read, name, verdict):
    row = read[1]["known:read", f"{name}.png"]
    assert row["verdict"] == verdict, row["why"]


def test_how_a_process_ended_is_told(read):
    why = {name: read[1]["known:read", f"{name}.png"]["why"] for name in ("crash", "leave", "hang", "hog-free")}
    assert why == {
        "crash": "SIGSEGV",
        "leave": "exit status 3",
        "hang": "more than 1 s",
        "hog-free": "out of memory",
    }


def test_lines_that_leak_are_counted_where_they_are_heard(read):
    leaked = {name: row["leaked"] for (reader, name), row in read[1].items() if reader == "known:read"}
    assert sorted(leaked.pop("speak.png")) == ["a third", "and another", "one line"]
    assert not any(leaked.values())


def test_the_tables_count_all(read):
    run, rows = read
    assert run.returncode == 0, run.stderr  # fastfit was not asked
    line = next(line for line in run.stdout.splitlines() if line.startswith("known:read  ")).split()
    kinds = ("right", "size", "orientation", "pixels", "unflagged", "refused", "crash", "time-out")
    assert line[1:9] == [str(sum(verdict == kind for *_, verdict in CASES)) for kind in kinds]
    assert line[9:11] == ["3", "1"]
    wrong = [line for line in run.stdout.splitlines() if line.startswith("known:read: ")]
    assert len(wrong) == sum(verdict != "right" for *_, verdict in CASES)
    assert len(rows) == 2 * len(CASES)


@pytest.fixture
def folder(tmp_path):
    """Files that fastfit reads, refuses or says to be damaged, as it should."""
    good = saved(scene(160, 120), "jpeg", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "good.jpg": (good, "decode", 160, 120),
        "turned.jpg": (saved(scene(160, 120), "jpeg", exif=exif), "decode_oriented", 120, 160),
        "short.jpg": (good[: len(good) // 2], "error_or_flagged", "", ""),
        "hole.jpg": (good[:2000] + bytes(500) + good[2500:], "error_or_flagged", "", ""),
        "text.jpg": (b"not found", "error", "", ""),
        "awkward\n'näme.jpg": (good, "decode", 160, 120),
    }
    for name, (data, *_) in files.items():
        (tmp_path / name).write_bytes(data)
    listed(tmp_path, [(name, "made", *facts) for name, (_, *facts) in files.items()])
    return tmp_path


def test_fastfit_is_right_about_each(folder):
    run, rows = trust(folder)
    assert run.returncode == 0, run.stdout + run.stderr
    assert {row["verdict"] for (name, _), row in rows.items() if name == "fastfit"} == {"right"}
    assert rows["fastfit", "hole.jpg"]["flagged"]
    assert rows["opencv-imdecode", "turned.jpg"]["verdict"] == "orientation"
    assert rows["opencv-imread", "short.jpg"]["verdict"] == "unflagged"
    assert rows["opencv-imread", "hole.jpg"]["leaked"]


def test_a_fault_of_fastfit_ends_with_1(folder):
    listed(folder, [("hole.jpg", "made", "decode", 160, 120), ("good.jpg", "made", "decode", 160, 121)])
    run, rows = trust(folder, "--list", "--only", "fastfit")
    assert run.returncode == 1
    assert {file: row["verdict"] for (_, file), row in rows.items()} == {"hole.jpg": "refused", "good.jpg": "size"}
    assert "fastfit: 'good.jpg' (decode): size, 160x120, not 160x121" in run.stdout.splitlines()


def test_a_list_without_expectations_expects_pictures(folder):
    (folder / "photos.csv").write_text(
        "file,width,display_width,display_height\nturned.jpg,160,120,160\ntext.jpg,,,\n"
    )
    _, rows = trust(folder, "--manifest", "photos.csv", "--only", "fastfit")
    assert {row["class"] for row in rows.values()} == {folder.name}
    assert rows["fastfit", "turned.jpg"]["verdict"] == "right"
    assert rows["fastfit", "text.jpg"]["verdict"] == "refused"


def test_what_is_not_installed_is_named_and_left_out(folder):
    run, rows = trust(folder, "--only", "fastfit", "--reader", "nowhere:read")
    assert run.returncode == 0
    assert "nowhere:read missing" in run.stdout
    assert {name for name, _ in rows} == {"fastfit"}


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (None, (), "--manifest: expected a CSV file"),
        ([], (), "--manifest: expected rows"),
        ([("gone.jpg", "made", "decode", "", "")], (), "gone.jpg"),
        ([("good.jpg", "made", "perfection", "", "")], (), "got perfection"),
        ([("good.jpg", "made", "decode", "", "")], ("--only", "fastfit,gimp"), "got gimp"),
    ],
)
def test_what_cannot_start_says_why(folder, rows, options, said):
    if rows is None:
        (folder / "manifest.csv").unlink()
    else:
        listed(folder, rows)
    run, _ = trust(folder, *options)
    assert run.returncode != 0
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_the_examples_of_judging_hold():
    command = [sys.executable, "-m", "doctest", str(Path("benchmarks", "trust", "judge.py"))]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")
