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
nproc >> "${0%/*}/cores" 2>/dev/null
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
    return run, json.loads(written.read_text(encoding="utf-8"))["results"][0] if written.exists() else None


def by_name(figures):
    return {row["contender"]: row for row in figures["rows"]}


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
    options = ("--photos", str(photos), "--count", "10", "--rounds", "2", "--against", "ffmpeg")
    run, figures = files(tmp_path, *options, PATH=path_with(ffmpeg))
    assert run.returncode == 0, run.stdout + run.stderr
    assert (figures["options"]["count"], figures["options"]["photographs"]) == (10, 4)
    assert figures["versions"]["ffmpeg"] == "9.9"
    names = sorted(path.name for path in photos.iterdir())
    links = [f"{number:05d}-{names[number % 4]} {photos / names[number % 4]}" for number in range(10)]
    given = (ffmpeg / "record").read_text(encoding="utf-8").splitlines()
    # One of each photograph to compare, the rounds, and a run to look at the memory.
    assert sorted(given) == sorted([*links[:4], *links, *links, *links])
    row = by_name(figures)["ffmpeg"]
    assert row["marks"] == ["whole-pixel crop", "a process each", "JPEG by -q:v 2"]
    assert len(row["seconds"]) == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system chooses the cores")
def test_programs_have_as_many_cores_as_jobs(tmp_path, photos, ffmpeg):
    options = ("--photos", str(photos), "--count", "4", "--rounds", "1", "--jobs", "1", "--against", "ffmpeg")
    run, _ = files(tmp_path, *options, PATH=path_with(ffmpeg))
    assert run.returncode == 0, run.stdout + run.stderr
    assert set((ffmpeg / "cores").read_text(encoding="ascii").split()) == {"1"}


def test_wrong_outputs_are_counted_and_not_called_fast(tmp_path, photos, ffmpeg):
    with Image.open(photos / "b.jpg") as picture:
        answer(ffmpeg, "b.jpg", picture, (128, 71))
    with Image.open(photos / "c d.jpeg") as picture:
        answer(ffmpeg, "c d.jpeg", picture)  # as it is stored, on its side
    (ffmpeg / "answers" / "e'f.webp").unlink()
    options = ("--photos", str(photos), "--count", "7", "--rounds", "1", "--jobs", "1")
    run, figures = files(tmp_path, *options, "--against", "ffmpeg", PATH=path_with(ffmpeg))
    assert run.returncode == 0, run.stdout + run.stderr
    said = "1 missing, 1 of another size or format, 1 turned or otherwise unlike, of 4 outputs"
    assert f"ffmpeg is not called fast or slow: {said}" in run.stdout
    assert list(by_name(figures)) == ["fastfit", "pillow"]
    assert figures["faults"] == []
    # It is not let run again.
    assert len((ffmpeg / "record").read_text(encoding="utf-8").splitlines()) == 4


def test_figures_are_those_of_the_rounds_also_where_few_outputs_are_wrong(tmp_path, photos, ffmpeg):
    for photo in photos.iterdir():
        photo.unlink()
    for number in range(20):
        (photos / f"{number}.png").write_bytes(saved(scene(150 + number, 90), "png"))
        with Image.open(photos / f"{number}.png") as picture:
            answer(ffmpeg, f"{number}.png", picture)
    (ffmpeg / "answers" / "13.png").unlink()
    options = ("--photos", str(photos), "--count", "20", "--rounds", "3", "--jobs", "1")
    run, figures = files(tmp_path, *options, "--against", "ffmpeg", PATH=path_with(ffmpeg))
    assert run.returncode == 0, run.stdout + run.stderr
    rows = by_name(figures)
    assert list(rows) == ["fastfit", "pillow", "ffmpeg"]
    assert rows["ffmpeg"]["marks"][-1] == "wrong: 1 missing"
    for row in rows.values():
        assert len(row["seconds"]) == 3
        assert row["facts"]["images/s"] == pytest.approx(20 / statistics.median(row["seconds"]), rel=1e-4)
        assert len(row["cpu"]) == 3
        assert min(row["cpu"]) > 0
        assert row["memory"] > 1e6
    ratios = [
        their / our for their, our in zip(rows["pillow"]["seconds"], rows["fastfit"]["seconds"], strict=True)
    ]
    said = f"{statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f}), bar 2.7"
    assert f"fastfit beside pillow: {said}" in run.stdout


def test_outputs_are_compared_with_pillows(tmp_path, photos, ffmpeg):
    (photos / "large.jpg").write_bytes(saved(scene(1024, 768), "jpeg", quality=95))
    with Image.open(photos / "large.jpg") as picture:
        answer(ffmpeg, "large.jpg", picture)
    with Image.open(photos / "b.jpg") as picture:
        answer(ffmpeg, "b.jpg", picture.point(lambda level: 4 * level // 5 + 20))
    options = ("--photos", str(photos), "--count", "5", "--rounds", "1", "--against", "ffmpeg,pillow-draft")
    run, figures = files(tmp_path, *options, PATH=path_with(ffmpeg))
    assert run.returncode == 0, run.stdout + run.stderr
    found = {name: row["correctness"] for name, row in by_name(figures).items()}
    assert all(each["exact_size"] for each in found.values())
    assert (found["pillow"]["largest"], found["pillow"]["psnr"]) == (0, "inf")
    assert found["fastfit"]["psnr"] > 35
    assert found["pillow-draft"]["psnr"] > 35
    assert found["ffmpeg"]["psnr"] < 30
    assert found["ffmpeg"]["ssim"] < found["fastfit"]["ssim"] <= 1
    assert 0 < found["ffmpeg"]["identical"] < found["fastfit"]["identical"] <= 1


def test_ours_alone_and_pillow_do_the_same_work(tmp_path, photos):
    options = ("--photos", str(photos), "--count", "5", "--rounds", "1")
    run, figures = files(tmp_path, *options, "--against", "fastfit-1")
    assert run.returncode == 0, run.stdout + run.stderr
    rows = by_name(figures)
    assert list(rows) == ["fastfit", "fastfit-1", "pillow"]
    written = [row["facts"]["MB written"] for row in rows.values()]
    assert min(written) / max(written) > 0.9
    assert not any(mark.startswith("wrong") for row in rows.values() for mark in row["marks"])
    assert "2 jobs do " in run.stdout


def test_what_ours_refuses_ends_with_1(tmp_path, photos):
    (photos / "b.jpg").write_bytes((photos / "a.jpg").read_bytes()[:5000])
    run, figures = files(
        tmp_path, "--photos", str(photos), "--count", "4", "--rounds", "1", "--against", "fastfit-1"
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert figures["faults"] == [f"{name}: 1 missing, of 4 outputs" for name in ("fastfit", "fastfit-1")]
    assert figures["rows"] == []
    assert "b.jpg" in run.stderr


def test_the_profile_adds_up(tmp_path, photos):
    (photos / "large.jpg").write_bytes(saved(scene(4000, 2000), "jpeg"))
    run, figures = files(tmp_path, "--photos", str(photos), "--count", "10", "--profile")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 fitted" in run.stderr
    assert "8 fitted" in run.stderr
    larger, smaller = figures["rows"]
    assert (larger["case"], smaller["case"]) == ("8 MP and more", "under 8 MP")
    for row in (larger, smaller):
        facts, (whole,) = dict(row["facts"]), row["seconds"]
        between = facts.pop("all but decode and encode %")
        assert list(facts) == [f"{stage} ms" for stage in ("read", "decode", "judge", "fit", "encode", "else")]
        assert min(facts.values()) > 0
        assert sum(facts.values()) == pytest.approx(1e3 * whole, rel=1e-4)
        coded = facts["decode ms"] + facts["encode ms"]
        assert between == pytest.approx(100 * (1 - coded / (1e3 * whole)), rel=1e-3)
    said = larger["facts"]["all but decode and encode %"]
    assert f"{said:.1f} %, bar 30%: {'reached' if said <= 30 else 'not reached'}" in run.stdout


def test_what_is_not_installed_is_left_out_and_named(tmp_path):
    options = ("--quick", "--against", "sharp,vipsthumbnail,ffmpeg")
    run, figures = files(tmp_path, *options, PATH=str(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr
    assert list(by_name(figures)) == ["fastfit", "pillow"]
    assert list(figures["missing"]) == ["vipsthumbnail", "sharp", "ffmpeg"]
    assert "sharp is left out, not installed: npm install sharp" in run.stdout


def test_versions_alone_measure_nothing(tmp_path, ffmpeg):
    run, figures = files(tmp_path, "--versions", PATH=path_with(ffmpeg))
    assert (run.returncode, figures) == (0, None)
    assert "ffmpeg               9.9" in run.stdout.splitlines()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", "0x12"), "--size: expected"),
        (("--photos", str(ROOT / "tests")), "--photos: expected a folder of photographs"),
        (("--against", "nobody"), "--against: expected names of fastfit, fastfit-1, pillow, "),
    ],
)
def test_what_cannot_start_says_why(tmp_path, options, said):
    run, figures = files(tmp_path, *options)
    assert (run.returncode != 0, figures) == (True, None)
    assert said in run.stderr
    assert "Traceback" not in run.stderr
