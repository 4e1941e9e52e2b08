"""The benchmark of whole programs, from its command line: what it gives them, checks and counts."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from encoded import saved, scene
from PIL import Image, ImageOps

ROOT = Path(__file__).parent.parent
SIZE = (128, 72)
# A program that notes what it is to read, and where that is, and answers with what lies ready for the photograph.
FFMPEG = """#!/bin/sh
[ "$1" = -version ] && echo "ffmpeg version 9.9 Copyright (c) nobody" && exit
for out; do :; done
while [ "$1" != -i ]; do shift; done
name=${2#./}
echo "$name $(readlink "$2")" >> "${0%/*}/record"
cp "${0%/*}/answers/${name#*-}" "$out"
"""

# Whole programs, again and again: 40 seconds.
pytestmark = pytest.mark.slow


def files(folder, *options, **environment):
    """Run the benchmark; return how it ended and what it wrote."""
    written = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "files", "--size", "128x72", "--json", str(written), *options]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return run, json.loads(written.read_text(encoding="utf-8")) if written.exists() else None


def by_name(figures):
    return {row["contender"]: row for row in figures["contenders"]}


@pytest.fixture
def photos(tmp_path):
    """Pictures unlike each other; the last two lie on their side."""
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, size in {
        "a.jpg": (320, 213),
        "b.jpg": (203, 157),
        "c d.jpeg": (213, 320),
        "e'f.webp": (180, 101),
    }.items():
        turned = {"exif": exif} if name > "c" else {}
        kind = "webp" if name.endswith("webp") else "jpeg"
        (folder / name).write_bytes(saved(scene(*size), kind, quality=95, **turned))
    return folder


@pytest.fixture
def ffmpeg(tmp_path, photos):
    """A program of that name, first in the path, and its folder; every answer is right."""
    folder = tmp_path / "bin"
    (folder / "answers").mkdir(parents=True)
    for photo in photos.iterdir():
        with Image.open(photo) as picture:
            answer(folder, photo.name, ImageOps.exif_transpose(picture))
    (folder / "ffmpeg").write_text(FFMPEG, encoding="utf-8")
    (folder / "ffmpeg").chmod(0o755)
    return folder


def answer(folder, name, picture, size=SIZE):
    ImageOps.fit(picture, size).save(folder / "answers" / name, "jpeg", quality=95)


def path_with(folder):
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_files_are_links_with_numbers_to_the_photographs_in_turn(tmp_path, photos, ffmpeg):
    options = ("--photos", str(photos), "--count", "10", "--rounds", "2", "--only", "ffmpeg")
    run, figures = files(tmp_path, *options, PATH=path_with(ffmpeg))
    assert run.returncode == 0, run.stdout + run.stderr
    assert (figures["count"], figures["photographs"], figures["versions"]) == (10, 4, {"ffmpeg": "9.9"})
    names = sorted(path.name for path in photos.iterdir())
    links = [f"{number:05d}-{names[number % 4]} {photos / names[number % 4]}" for number in range(10)]
    given = (ffmpeg / "record").read_text(encoding="utf-8").splitlines()
    # Two for a start that does not count, one for each job.
    assert sorted(given) == sorted([*links[:2], *links, *links])
    (row,) = figures["contenders"]
    assert row["faults"] == {"missing": 0, "odd": 0, "unlike": 0}
    assert len(row["seconds"]) == len(row["cpu"]) == 2


def test_wrong_outputs_are_counted_and_not_called_fast(tmp_path, photos, ffmpeg):
    with Image.open(photos / "b.jpg") as picture:
        answer(ffmpeg, "b.jpg", picture, (128, 71))
    with Image.open(photos / "c d.jpeg") as picture:
        answer(ffmpeg, "c d.jpeg", picture)  # as it is stored, on its side
    (ffmpeg / "answers" / "e'f.webp").unlink()
    options = ("--photos", str(photos), "--count", "7", "--rounds", "1", "--jobs", "1")
    run, figures = files(tmp_path, *options, "--only", "fastfit", "ffmpeg", PATH=path_with(ffmpeg))
    assert run.returncode == 0, run.stdout + run.stderr
    theirs, ours = by_name(figures)["ffmpeg"], by_name(figures)["fastfit"]
    assert theirs["faults"] == {"missing": 1, "odd": 2, "unlike": 2}
    assert theirs["ratio"] is None
    assert "wrong: 1 missing, 2 of another size or format, 2 turned or otherwise unlike" in run.stdout
    assert sum(ours["faults"].values()) == 0
    assert ours["ratio"]["median"] == 1


def test_ratios_are_those_of_the_rounds_also_where_few_outputs_are_wrong(tmp_path, photos, ffmpeg):
    for photo in photos.iterdir():
        photo.unlink()
    for number in range(20):
        (photos / f"{number}.png").write_bytes(saved(scene(150 + number, 90), "png"))
        with Image.open(photos / f"{number}.png") as picture:
            answer(ffmpeg, f"{number}.png", picture)
    (ffmpeg / "answers" / "13.png").unlink()
    options = ("--photos", str(photos), "--count", "20", "--rounds", "3", "--jobs", "1")
    run, figures = files(tmp_path, *options, "--only", "ffmpeg", "fastfit", PATH=path_with(ffmpeg))
    assert run.returncode == 0, run.stdout + run.stderr
    ours, theirs = by_name(figures)["fastfit"], by_name(figures)["ffmpeg"]
    ratios = [their / our for their, our in zip(theirs["seconds"], ours["seconds"], strict=True)]
    assert theirs["faults"]["missing"] == 1
    assert theirs["ratio"] == {
        "median": statistics.median(ratios),
        "least": min(ratios),
        "greatest": max(ratios),
    }
    for row in (ours, theirs):
        assert row["median"] == statistics.median(row["seconds"])
        assert row["images_per_second"] == pytest.approx(20 / row["median"])
        assert min(row["cpu"]) > 0


def test_ours_alone_and_pillow_do_the_same_work(tmp_path, photos):
    options = ("--photos", str(photos), "--count", "5", "--rounds", "1")
    run, figures = files(tmp_path, *options, "--only", "fastfit-1", "pillow")
    assert run.returncode == 0, run.stdout + run.stderr
    for row in figures["contenders"]:
        assert sum(row["faults"].values()) == 0
        assert row["ratio"] is None  # to nothing
    ours, theirs = (row["written"] for row in figures["contenders"])
    assert 0.9 < ours / theirs < 1.1


def test_what_ours_refuses_ends_with_1(tmp_path, photos):
    (photos / "b.jpg").write_bytes((photos / "a.jpg").read_bytes()[:5000])
    run, figures = files(tmp_path, "--photos", str(photos), "--count", "4", "--rounds", "1", "--only", "fastfit-1")
    assert run.returncode == 1, run.stdout + run.stderr
    assert by_name(figures)["fastfit-1"]["faults"] == {"missing": 1, "odd": 0, "unlike": 0}
    assert "b.jpg" in run.stderr


def test_the_profile_adds_up(tmp_path, photos):
    run, figures = files(tmp_path, "--photos", str(photos), "--count", "9", "--profile")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "9 fitted" in run.stdout
    seconds = figures["seconds"]
    whole = seconds.pop("whole")
    assert list(seconds) == ["read", "decode", "fit", "encode", "else"]
    assert min(seconds.values()) > 0
    assert sum(seconds.values()) == pytest.approx(whole)


def test_what_is_not_installed_is_left_out_and_named(tmp_path):
    run, figures = files(tmp_path, "--only", "sharp", "ffmpeg", PATH=str(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr
    assert figures["contenders"] == []
    assert list(figures["missing"]) == ["sharp", "ffmpeg"]
    assert "sharp is left out, not installed: node: No such file" in run.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", "0x12"), "--size: expected"),
        (("--photos", str(ROOT / "tests")), "--photos: expected a folder of photographs"),
        (("--only", "nobody"), "argument --only: invalid choice"),
    ],
)
def test_what_cannot_start_says_why(tmp_path, options, said):
    run, figures = files(tmp_path, *options)
    assert (run.returncode != 0, figures) == (True, None)
    assert said in run.stderr
    assert "Traceback" not in run.stderr
