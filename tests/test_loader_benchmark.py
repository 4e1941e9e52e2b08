"""The benchmark of data loading, from its command line: what it compares, counts and writes."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from encoded import saved, scene
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# In each process: every float that fastfit makes is off by three levels, or so; threads lose a row, slowly.
WRONG = """
import time
import fastfit
call, load, fit_many = fastfit.Fit.__call__, fastfit.load, fastfit.fit_many
def off(result):
    if result.dtype == "float32":
        result += 0.05
    return result
fastfit.Fit.__call__ = lambda self, image, out=None: off(call(self, image, out))
fastfit.load = lambda *arguments, **options: off(load(*arguments, **options))
def slow(images, spec, *, n_jobs, **options):
    found = fit_many(images, spec, n_jobs=n_jobs, **options)
    if "out" not in options:
        found[0][0] ^= 1
        return found
    off(found)
    if n_jobs == 2:
        found[1] = 0
        time.sleep(0.3)
    return found
fastfit.fit_many = slow
"""
# With what is installed wherever the tests run.
ALWAYS = {
    "array → tensor": ["fastfit", "fastfit-then-numpy", "pillow", "opencv-area"],
    "bytes → tensor": ["fastfit", "fastfit-exact", "pillow", "pillow-draft", "opencv-area"],
}
AGAINST = ("--against", "fastfit-then-numpy,pillow-draft,opencv-area")
THREADS = ["fastfit-one-thread", "fastfit-threads"]
STACKS = ["threads, 32 of 500x375", "threads, 32 of 500x375 of noise"]
PICTURES = ["PIL → array, 8 of 500x375", "PIL → array, 8 of 1024x768"]


def loader(folder, *options, **environment):
    """Run the benchmark, quickly; return how it ended and what it wrote."""
    written = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "loader", "--quick", "--json", str(written), *options]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return run, json.loads(written.read_text(encoding="utf-8"))["results"][0] if written.exists() else None


def rows_of(figures, case):
    return {row["contender"]: row for row in figures["rows"] if row["case"] == case}


def ratios(figures, case, other):
    """How many times as fast as another fastfit was, by photograph, of a verbose run."""
    cases = dict.fromkeys(row["case"] for row in figures["rows"] if row["case"].startswith(case))
    pairs = [(rows_of(figures, each)["fastfit"], rows_of(figures, each)[other]) for each in cases]
    return [
        statistics.median(their / our for their, our in zip(theirs["seconds"], ours["seconds"], strict=True))
        for ours, theirs in pairs
    ]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return loader(tmp_path_factory.mktemp("samples"), *AGAINST)


@pytest.fixture(scope="module")
def each(tmp_path_factory):
    """A row for each of the samples."""
    return loader(tmp_path_factory.mktemp("each"), "--verbose", *AGAINST)


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
    assert (figures["faults"], figures["reference"]) == ([], "pillow")
    assert figures["options"] == {"size": "224x224", "photographs": 3, "threads": 2}
    for (case, names), count in zip(ALWAYS.items(), (3, 2), strict=True):
        rows = rows_of(figures, case)
        assert list(rows) == names
        assert {row["facts"]["photographs"] for row in rows.values()} == {count}
        assert {len(row["seconds"]) for row in rows.values()} == {3}
        assert {len(row["cpu"]) for row in rows.values()} == {3}


def test_tensors_from_arrays_are_pillows(samples):
    rows = rows_of(samples[1], "array → tensor")
    assert rows["fastfit"]["facts"]["float difference"] <= 1e-6
    assert rows["fastfit-then-numpy"]["facts"]["float difference"] == 0
    for name in ("fastfit", "fastfit-then-numpy", "pillow"):
        assert rows[name]["correctness"]["largest"] == 0
    assert 20 <= rows["opencv-area"]["correctness"]["psnr"] < 60


def test_tensors_from_files_are_nearer_than_opencvs(each):
    for photo in ("desert-hike.jpg", "sunrise.jpg"):
        rows = rows_of(each[1], f"bytes → tensor, {photo}")
        ours, exact, theirs = (rows[name]["correctness"] for name in ("fastfit", "fastfit-exact", "opencv-area"))
        assert exact["identical"] > 0.9  # all of Pillow's, or of OpenCV's pixels
        assert 45 <= ours["psnr"] < float(exact["psnr"])
        assert 20 <= theirs["psnr"] < ours["psnr"]
        assert rows["pillow-draft"]["correctness"]["psnr"] > 35
        assert theirs["ssim"] < ours["ssim"] < 1


def test_marks_say_what_is_unlike(samples):
    arrays, files = (rows_of(samples[1], case) for case in ALWAYS)
    assert (arrays["fastfit"]["marks"], files["fastfit"]["marks"]) == ([], ["shrink on load"])
    assert files["pillow-draft"]["marks"] == ["shrink on load", "reducing_gap=2"]
    assert files["fastfit-exact"]["marks"] == files["pillow"]["marks"] == []
    assert arrays["opencv-area"]["marks"] == ["area averages", "whole-pixel crop"]


def test_each_process_tells_its_own_memory(samples):
    rows = [row for row in samples[1]["rows"] if row["memory"]]
    assert len(rows) == (21 if Path("/proc/self/status").exists() else 0)
    # That of the benchmark itself is in none of them: Pillow's process holds the largest sample, and little else.
    assert all(20e6 < row["memory"] < 1e9 for row in rows)


def test_rows_of_photographs_are_asked_for(each, samples):
    cases = {row["case"] for row in each[1]["rows"]}
    photos = ("coffee.png", "desert-hike.jpg", "sunrise.jpg")
    expected = [f"array → tensor, {photo}" for photo in photos]
    expected += [f"bytes → tensor, {photo}" for photo in photos[1:]]
    assert cases == {*expected, *STACKS, *PICTURES}
    for case in expected:
        assert list(rows_of(each[1], case)) == ALWAYS[case.partition(",")[0]]
    for case, names in ALWAYS.items():
        for name in names:
            found = [rows_of(each[1], part)[name]["correctness"] for part in expected if part.startswith(case)]
            whole = rows_of(samples[1], case)[name]["correctness"]
            assert whole["psnr"] == min((one["psnr"] for one in found), key=float)
            assert whole["largest"] == max(one["largest"] for one in found)


def test_bars_are_held_against_the_means_of_photographs(each):
    run, figures = each
    bars = [
        ("array → tensor", "pillow", 2.5),
        ("array → tensor", "fastfit-then-numpy", 1.0),
        ("bytes → tensor", "pillow", 2.5),
        ("bytes → tensor", "opencv-area", 1.3),
    ]
    for case, other, bar in bars:
        found = ratios(figures, case, other)
        mean = statistics.geometric_mean(found)
        said = f"{mean:.2f} times as fast as {other} ({min(found):.2f} to {max(found):.2f}), bar {bar}: "
        assert f"{case}: fastfit is {said}{'reached' if mean >= bar else 'not reached'}" in run.stdout
    assert run.stdout.count(", bar ") == 4 + len(STACKS) + 2 * len(PICTURES)


@pytest.mark.parametrize("case", STACKS)
def test_threads_are_two_and_equal_to_none(samples, case):
    run, figures = samples
    rows = rows_of(figures, case)
    assert list(rows) == [*THREADS, "pillow"]
    assert [row["marks"] for row in rows.values()] == [["one thread"], [], []]
    one, many = (rows[name]["seconds"] for name in THREADS)
    gain = statistics.median(alone / together for alone, together in zip(one, many, strict=True))
    said = "reached" if gain >= 1.8 else "not reached"
    assert f"{case}: 2 do {gain:.2f} times the work of one, bar 1.8: {said}" in run.stdout
    for row in rows.values():
        assert row["facts"]["images/s"] == pytest.approx(32 / statistics.median(row["seconds"]), rel=1e-4)


@pytest.mark.parametrize("case", PICTURES)
def test_pictures_of_pillow_become_pillows_arrays(samples, case):
    run, figures = samples
    rows = rows_of(figures, case)
    assert list(rows) == ["fastfit", "fastfit-many", "pillow"]
    for name, row in rows.items():
        assert row["correctness"]["identical"] == 1
        if name != "pillow":
            pairs = zip(rows["pillow"]["seconds"], row["seconds"], strict=True)
            speed = statistics.median(their / own for their, own in pairs)
            assert f"{case}: {name} is {speed:.2f} times as fast as pillow (" in run.stdout


def test_any_photographs_and_size_will_do(folder):
    options = ("--photos", str(folder), "--size", "96x41", "--threads", "1", "--verbose", *AGAINST)
    run, figures = loader(folder.parent, *options)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (figures["options"]["size"], figures["options"]["threads"]) == ("96x41", 1)
    cases = list(dict.fromkeys(row["case"] for row in figures["rows"]))
    arrays = [f"array → tensor, {name}" for name in ("a-turned.jpg", "b-grey.jpeg", "c-alpha.jpg")]
    files = [f"bytes → tensor, {name}" for name in ("a-turned.jpg", "b-grey.jpeg")]
    assert cases == [*arrays, *files, *STACKS, *PICTURES]
    # Decoders may differ, but not in which way is up.
    for case in files:
        rows = rows_of(figures, case)
        assert float(rows["fastfit-exact"]["correctness"]["psnr"]) > 40
        assert rows["opencv-area"]["correctness"]["psnr"] > 20
        assert float(rows["pillow-draft"]["correctness"]["psnr"]) > 35


@pytest.mark.parametrize(("name", "package"), [("torch", "torch"), ("kornia-rs", "kornia_rs")])
def test_others_know_which_way_is_up(folder, name, package):
    pytest.importorskip(package)
    run, figures = loader(folder.parent, "--photos", str(folder), "--size", "96x41", "--against", name)
    assert run.returncode == 0, run.stdout + run.stderr
    for case in ALWAYS:
        row = rows_of(figures, case)[name]
        assert row["correctness"]["exact_size"]
        assert row["correctness"]["psnr"] > 25


def test_a_folder_without_jpegs_is_measured_as_arrays(folder):
    for photo in folder.glob("[ab]*"):
        photo.unlink()
    run, figures = loader(folder.parent, "--photos", str(folder), *AGAINST)
    assert run.returncode == 0, run.stderr
    assert "c-alpha.jpg" not in run.stdout
    assert list(rows_of(figures, "array → tensor")) == ALWAYS["array → tensor"]
    assert rows_of(figures, "bytes → tensor") == {}


def test_a_wrong_result_ends_with_1(folder):
    site = folder.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(WRONG, encoding="utf-8")
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), str(site)]))
    run, figures = loader(folder.parent, "--photos", str(folder), *AGAINST, PYTHONPATH=path)
    assert run.returncode == 1, run.stderr
    assert [fault.partition(": fa")[0] for fault in figures["faults"]] == [
        *(f"array → tensor, {name}" for name in ("a-turned.jpg", "b-grey.jpeg", "c-alpha.jpg")),
        *(f"bytes → tensor, {name}" for name in ("a-turned.jpg", "b-grey.jpeg")),
        *(f"{case}: fit_many differs from image after image" for case in STACKS),
        *PICTURES,
    ]
    for case, fault in zip(PICTURES, figures["faults"][-2:], strict=True):
        assert fault.startswith(f"{case}: fastfit-many differs from Pillow by up to 1 of 255 levels, ")
    assert run.stdout.count("WRONG: ") == 9
    one, many = (rows_of(figures, STACKS[0])[name]["seconds"] for name in THREADS)
    assert statistics.median(one) / statistics.median(many) < 0.9


def test_what_others_cannot_decode_leaves_them_out(folder):
    pytest.importorskip("kornia_rs")
    picture = Image.fromarray(scene(97, 61)).convert("CMYK")
    picture.save(folder / "d-inks.jpg", quality=95)
    for photo in folder.glob("[abc]*"):
        photo.unlink()
    run, figures = loader(folder.parent, "--photos", str(folder), "--against", "kornia-rs")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "bytes → tensor: kornia-rs is left out, d-inks.jpg: " in run.stdout
    assert "kornia-rs" in rows_of(figures, "array → tensor")
    assert "kornia-rs" not in rows_of(figures, "bytes → tensor")


def test_versions_alone_measure_nothing(tmp_path):
    run, figures = loader(tmp_path, "--versions")
    assert (run.returncode, figures) == (0, None)
    names = [line.split()[0] for line in run.stdout.splitlines()]
    ours = {name for names in ALWAYS.values() for name in names}
    assert sorted(names) == sorted({*ours, "torch", "kornia-rs"})


def test_pillow_simd_is_known(tmp_path):
    """It is no distribution named Pillow, but there in its place."""
    (tmp_path / "sitecustomize.py").write_text(
        'import PIL.Image\nPIL.__version__ = "9.5.0.post2"', encoding="utf-8"
    )
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), str(tmp_path)]))
    for benchmark in ("loader", "files"):
        command = [sys.executable, "-m", "benchmarks", benchmark, "--versions"]
        run = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        assert "pillow               Pillow-SIMD 9.5.0.post2" in run.stdout.splitlines(), run.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", "0x12"), "--size: expected"),
        (("--against", "nobody"), "--against: expected names of fastfit, "),
        (("--photos", str(ROOT / "tests")), "--photos: expected a folder of photographs"),
    ],
)
def test_what_cannot_start_says_why(tmp_path, options, said):
    run, figures = loader(tmp_path, *options)
    assert (run.returncode != 0, figures) == (True, None)
    assert said in run.stderr
    assert "Traceback" not in run.stderr
