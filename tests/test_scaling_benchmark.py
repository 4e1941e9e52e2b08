"""The benchmark of what cost grows with, from its command line; and the counts of instructions."""

import json
import math
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved, scene

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
AXES = ("source", "target", "shrink", "batch", "cores", "jobs")


def run(*options):
    command = [sys.executable, "-m", "benchmarks", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def results(file):
    return json.loads(file.read_text(encoding="utf-8"))["results"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    (folder / "a.jpg").write_bytes(saved(scene(1600, 1200), "jpeg", quality=95))
    (folder / "b.png").write_bytes(saved(scene(203, 157), "png"))
    # Which others make RGB.
    (folder / "grey.jpg").write_bytes(saved(scene(320, 240, 1), "jpeg", quality=95))
    return folder


@pytest.fixture(scope="module")
def measured(photos):
    file = photos / "figures.json"
    ended = run("scaling", "--quick", "--photos", photos, "--against", "pillow", "--json", file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (result,) = results(file)
    return ended, result


def by_axis(result, contender):
    rows = [row for row in result["rows"] if row["contender"] == contender]
    return {axis: [row for row in rows if row["case"].partition(" ")[0] == axis] for axis in AXES}


def test_every_axis_has_points_and_at_each_the_floor(measured):
    _, result = measured
    ours = by_axis(result, "fastfit")
    for contender in ("pillow", "floor"):
        theirs = by_axis(result, contender)
        for axis in AXES:
            assert [row["case"] for row in theirs[axis]] == [row["case"] for row in ours[axis]]
    assert all(len(ours[axis]) >= 3 for axis in AXES[:4])
    assert all(ours[axis][0]["facts"]["x"] == 1 for axis in AXES[4:])


def test_results_are_pillows(measured):
    _, result = measured
    assert result["faults"] == []
    for axis, rows in by_axis(result, "fastfit").items():
        for row in rows:
            found = row["correctness"]
            assert found["exact_size"]
            assert row["marks"] == (["shrink on load"] if axis == "jobs" else [])
            assert found["identical"] == 1 or axis == "jobs"
            assert len(row["cpu"]) == len(row["seconds"])


def test_slopes_and_shares_are_those_of_the_seconds(measured):
    _, result = measured
    floor = by_axis(result, "floor")
    for contender in ("fastfit", "pillow", "floor"):
        for axis, rows in by_axis(result, contender).items():
            grown = [row for row in rows if row["case"] != "shrink 1×"]
            x = [math.log(row["facts"]["x"]) for row in grown]
            y = [math.log(statistics.median(row["seconds"])) for row in grown]
            if len(grown) > 1:
                slope = statistics.linear_regression(x, y).slope
                assert [row["facts"]["slope"] for row in rows] == pytest.approx([slope] * len(rows), abs=1e-3)
            for row, least in zip(rows, floor[axis], strict=True):
                ratios = [a / b for a, b in zip(least["seconds"], row["seconds"], strict=True)]
                assert row["facts"]["floor %"] == pytest.approx(100 * statistics.median(ratios), rel=1e-4)


def test_more_pixels_take_longer(measured):
    _, result = measured
    for contender in ("pillow", "fastfit"):
        sources = by_axis(result, contender)["source"]
        assert sources[0]["seconds"][0] < sources[-1]["seconds"][0]


def test_all_runs_every_one_and_shares_out_the_names(photos):
    file = photos / "all.json"
    # No need to measure: the names alone are told.
    ended = run("all", "--versions", "--against", "pillow")
    assert ended.returncode == 0, ended.stderr
    assert "fastfit" in ended.stdout
    ended = run("all", "--quick", "--against", "nobody", "--json", file)
    assert ended.returncode == 1
    assert "--against: no benchmark knows nobody" in ended.stderr
    assert not file.exists()


def test_one_axis_alone(photos):
    ended = run("scaling", "--quick", "--photos", photos, "--axes", "shrink", "--against", "pillow", "--md")
    assert ended.returncode == 0, ended.stderr
    assert "| shrink 4× | fastfit |" in ended.stdout
    assert "| source" not in ended.stdout


def test_a_grey_photograph_of_16_bits_does(tmp_path):
    grey = np.uint16(257) * scene(320, 240)[..., 0]
    (tmp_path / "grey.png").write_bytes(cv2.imencode(".png", grey)[1].tobytes())
    ended = run("scaling", "--quick", "--photos", tmp_path, "--axes", "batch", "--against", "pillow", "--md")
    assert ended.returncode == 0, ended.stderr
    assert "| batch 8 | fastfit |" in ended.stdout


def test_examples_hold():
    command = [sys.executable, "-m", "doctest", str(Path("benchmarks", "scaling", "slope.py"))]
    subprocess.run(command, cwd=ROOT, check=True)


def test_instructions_are_counted(tmp_path):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    file = tmp_path / "figures.json"
    ended = run("instructions", "--tool", "callgrind", "--quick", "--json", file)
    assert ended.returncode == 0, ended.stderr
    (result,) = results(file)
    assert result["options"] == {"tool": "callgrind"}
    assert len(result["rows"]) == 3
    for row in result["rows"]:
        assert 1e6 < row["facts"]["instructions"] < 1e9


def test_where_nothing_counts_it_says_so():
    command = [sys.executable, "-m", "benchmarks", "instructions"]
    ended = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "instructions: expected perf" in ended.stderr
