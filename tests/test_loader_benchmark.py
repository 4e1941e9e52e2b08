"""The benchmark of data loading, from its command line: what it compares, counts and writes."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
MODULE = ("-m", "benchmarks")
# Every float that fastfit makes is off by three levels, or so; threads lose a row, slowly.
WRONG = """
import runpy
import time
import fastfit
apply = fastfit.Fit.apply
def off(self, planned, image, out=None, **options):
    result = apply(self, planned, image, out, **options)
    if result.dtype == "float32":
        result += 0.05
    return result
fastfit.Fit.apply = off
fit_many = fastfit.fit_many
def slow(images, spec, *, n_jobs, out):
    fit_many(images, spec, n_jobs=n_jobs, out=out)
    if n_jobs == 2:
        out[1] = 0
        time.sleep(0.3)
fastfit.fit_many = slow
runpy.run_module("benchmarks", run_name="__main__", alter_sys=True)
"""
CONTENDERS = [
    ["fastfit", "Pillow + NumPy", "fastfit, then NumPy"],
    ["fastfit", "Pillow + NumPy", "OpenCV area + NumPy", "fastfit, exact"],
]


def loader(folder, *options, start=MODULE):
    """Run the benchmark, quickly; return how it ended and what it wrote."""
    command = [sys.executable, *start, "loader", "--quick", "--json", str(folder / "figures.json"), *options]
    run = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    written = folder / "figures.json"
    return run, json.loads(written.read_text(encoding="utf-8")) if written.exists() else None


def by_photo(group, contender):
    return {row["photo"]: row for row in group["photographs"] if row["contender"] == contender}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return loader(tmp_path_factory.mktemp("samples"), "--verbose")


@pytest.fixture
def folder(tmp_path):
    """Pictures that readers treat unlike: on its side, grey, inks, alpha, one under a wrong name."""
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    (photos / "a-turned.jpg").write_bytes(saved(scene(320, 213), "jpeg", quality=95, exif=exif))
    (photos / "b-grey.jpeg").write_bytes(saved(scene(203, 157)[..., 0], "jpeg", quality=95))
    (photos / "c-alpha.jpg").write_bytes(saved(scene(101, 67, 4), "png"))
    return photos


def test_the_samples_are_equal_and_counted(samples):
    run, figures = samples
    assert run.returncode == 0, run.stdout + run.stderr
    assert figures["faults"] == []
    assert (figures["size"], figures["rounds"]) == ("224x224", 3)
    arrays, files = figures["groups"]
    for group, names, count in ((arrays, CONTENDERS[0], 3), (files, CONTENDERS[1], 2)):
        assert [total["contender"] for total in group["contenders"]] == names
        assert {name: len(by_photo(group, name)) for name in names} == dict.fromkeys(names, count)


def test_tensors_from_arrays_are_pillows(samples):
    arrays, _ = samples[1]["groups"]
    ours, later = by_photo(arrays, "fastfit"), by_photo(arrays, "fastfit, then NumPy")
    assert all(row["difference"] <= 1e-6 for row in ours.values())
    assert all(row["difference"] == 0 for row in later.values())


def test_tensors_from_files_are_nearer_than_opencvs(samples):
    _, files = samples[1]["groups"]
    ours, theirs, exact = (by_photo(files, name) for name in (CONTENDERS[1][0], *CONTENDERS[1][2:]))
    for photo in ours:
        assert 45 <= ours[photo]["psnr"] < exact[photo]["psnr"]
        assert 20 <= theirs[photo]["psnr"] < ours[photo]["psnr"]


def test_totals_are_those_of_the_photographs(samples):
    for group in samples[1]["groups"]:
        for total in group["contenders"]:
            rows = list(by_photo(group, total["contender"]).values())
            ratios, psnrs = [row["ratio"] for row in rows], [row["psnr"] for row in rows]
            np.testing.assert_allclose(total["ratio"], statistics.geometric_mean(ratios))
            assert (total["least"], total["greatest"]) == (min(ratios), max(ratios))
            assert total["ms"] == statistics.median(row["ms"] for row in rows)
            assert total["difference"] == max(row["difference"] for row in rows)
            assert (total["worst_psnr"], total["median_psnr"]) == (min(psnrs), statistics.median_low(psnrs))


def test_a_ratio_is_how_many_times_longer_others_take(samples):
    arrays, _ = samples[1]["groups"]
    ours, theirs = (by_photo(arrays, name)["desert-hike.jpg"] for name in ("fastfit", "Pillow + NumPy"))
    assert ours["ratio"] == 1
    assert 0.4 < theirs["ratio"] / (theirs["ms"] / ours["ms"]) < 2.5


def test_bars_are_held_against_the_ratios(samples):
    run, figures = samples
    arrays, files = figures["groups"]
    totals = {
        (group["title"], total["contender"]): total for group in (arrays, files) for total in group["contenders"]
    }
    bars = {key: total["bar"] for key, total in totals.items() if total["bar"] is not None}
    assert bars == {
        (arrays["title"], "Pillow + NumPy"): 2.5,
        (files["title"], "Pillow + NumPy"): 2.5,
        (files["title"], "OpenCV area + NumPy"): 1.3,
    }
    for key, bar in bars.items():
        assert totals[key]["reached"] == (totals[key]["ratio"] >= bar)
    threads = figures["threads"]
    assert threads["reached"] == (threads["ratio"] >= threads["bar"] == 1.8)
    said = [total["reached"] for key, total in totals.items() if key in bars] + [threads["reached"]]
    assert run.stdout.count(": reached") == sum(said)
    assert run.stdout.count(": not reached") == len(said) - sum(said)


def test_threads_are_two_and_equal_to_none(samples):
    threads = samples[1]["threads"]
    assert (threads["photographs"], threads["threads"], threads["equal"]) == (3, 2, True)
    assert min(threads["one_ms"], threads["ms"], threads["ratio"]) > 0


def test_each_photograph_is_printed_on_request(samples):
    lines = samples[0].stdout.splitlines()
    assert sum(line.endswith(" sunrise.jpg") for line in lines) == 7


def test_any_photographs_and_size_will_do(folder):
    run, figures = loader(folder.parent, "--photos", str(folder), "--size", "96x41", "--threads", "1")
    assert run.returncode == 0, run.stdout + run.stderr
    assert (figures["size"], figures["threads"]["threads"]) == ("96x41", 1)
    arrays, files = figures["groups"]
    assert list(by_photo(arrays, "fastfit")) == ["a-turned.jpg", "b-grey.jpeg", "c-alpha.jpg"]
    assert list(by_photo(files, "fastfit")) == ["a-turned.jpg", "b-grey.jpeg"]
    # Decoders may differ, but not in which way is up.
    assert min(row["psnr"] for row in by_photo(files, "Pillow + NumPy").values()) > 40
    assert min(row["psnr"] for row in by_photo(files, "OpenCV area + NumPy").values()) > 20


def test_a_folder_without_jpegs_is_measured_as_arrays(folder):
    for photo in folder.glob("[ab]*"):
        photo.unlink()
    run, figures = loader(folder.parent, "--photos", str(folder))
    assert run.returncode == 0, run.stderr
    assert "c-alpha.jpg" not in run.stdout
    assert [len(group["contenders"]) for group in figures["groups"]] == [3, 0]


def test_a_wrong_result_ends_with_1(folder):
    run, figures = loader(folder.parent, "--photos", str(folder), start=("-c", WRONG))
    assert run.returncode == 1, run.stderr
    assert [fault.partition(":")[0] for fault in figures["faults"]] == [
        *("a-turned.jpg", "b-grey.jpeg", "c-alpha.jpg"),
        *("a-turned.jpg", "b-grey.jpeg"),
        "fit_many, beside image after image",
    ]
    assert run.stdout.count("not equal: ") == 6
    assert figures["threads"]["ratio"] < 0.9
    assert not figures["threads"]["equal"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", "0x12"), "--size: expected"),
        (("--photos", str(ROOT / "tests")), "--photos: expected a folder of photographs"),
    ],
)
def test_what_cannot_start_says_why(tmp_path, options, said):
    run, figures = loader(tmp_path, *options)
    assert (run.returncode != 0, figures) == (True, None)
    assert said in run.stderr
    assert "Traceback" not in run.stderr
