"""The benchmarks of arrays and of stacks, from their command lines: what they compare, count and write."""

import json
import math
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from encoded import saved, scene

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
MODULE = ("-m", "benchmarks")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
EXACT = ("pillow", "fastfit")
RUN = '\nimport runpy\nrunpy.run_module("benchmarks", run_name="__main__", alter_sys=True)\n'
# PyAV is not there, whether it is installed or not.
WITHOUT_PYAV = 'import sys\nsys.modules["av"] = None' + RUN
# Every array that fastfit makes is off by two levels.
WRONG = (
    """
import numpy as np
import fastfit
fit = fastfit.Fit.__call__
def off(self, image, out=None):
    result = fit(self, image, out)
    return result - 2 * (result > 128).astype(result.dtype)
fastfit.Fit.__call__ = off
"""
    + RUN
)
SSIM = """
import numpy as np
from skimage.metrics import structural_similarity
from benchmarks.correctness import ssim
rng = np.random.default_rng(5)
for height, width, noise in ((61, 83, 3), (40, 40, 30), (11, 200, 90)):
    image = np.cumsum(rng.integers(-9, 10, (height, width, 3)), axis=1) + 128
    image = image.clip(0, 255).astype(np.uint8)
    other = (image + rng.normal(0, noise, image.shape)).clip(0, 255).astype(np.uint8)
    theirs = structural_similarity(
        image, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=2
    )
    assert abs(theirs - ssim(image, other)) < 1e-3, (theirs, ssim(image, other))
    assert ssim(image, image) == 1
    assert ssim(image[:5, :7], image[:5, :7]) == 1
"""
# Each call computes the weights of both axes, and its plan, of sizes that none since the last emptying had.
COLD = """
import numpy as np
from benchmarks.contenders.arrays import CONTENDERS, Task
from fastfit import Size
from fastfit.kernel.library import chosen
from fastfit.resample import kernel
computed, sizes = [], []
if chosen()[0] is not None:
    library = kernel().library
    compute = library.axis
    def axis(*arguments):
        if arguments[-1] is not None:
            computed.append(arguments[:-1])
        return compute(*arguments)
    library.axis = axis
for width, height in ((600, 400), (90, 60), (5, 3)):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    calls = {name: CONTENDERS[name].make(image, Task(Size(64, 48))) for name in ("pillow-cold", "fastfit-cold")}
    for name, call in calls.items():
        fit = call._fit
        call._fit = lambda image, fit=fit, name=name: sizes.append((name, image.shape)) or fit(image)
    most = calls["fastfit-cold"].most
    assert most == 1 + 2 * min(32, width // 8, height // 8)
    for number in {1, most}:
        computed.clear(), sizes.clear()
        for call in calls.values():
            call.prepare(number)
            for _ in range(number):
                call()
        theirs, own = ([shape for who, shape in sizes if who == name] for name in calls)
        assert theirs == own and len(own) == number
        assert len({shape[0] for shape in own}) == len({shape[1] for shape in own}) == number
        # An axis whose size stays has no weights.
        changed = sum((shape[0] != 48) + (shape[1] != 64) for shape in own)
        assert len(computed) == changed == len(set(computed)) or chosen()[0] is None
    for one, other in zip(calls["pillow-cold"].each(3), calls["fastfit-cold"].each(3), strict=True):
        assert np.array_equal(one, other)
"""
EMPTIED = """
import numpy as np
import fastfit
from benchmarks.contenders.cold import forget_all
from fastfit.kernel.library import chosen
from fastfit.resample import kernel
fastfit.Fit("64x48", "pad", fill="#ff0000")(np.zeros((30, 40, 3), np.uint8))
loaded = kernel()
forget_all()
assert kernel() is loaded
from fastfit import kept
from fastfit.geometry import planned
assert planned.cache_info().currsize == 0
assert not any(each.found for each in kept._all)
"""
TIMES = """
import time
from benchmarks.timing import interleaved
def wait():
    time.sleep(0.02)
def work():
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass
taken = interleaved({"wait": wait, "work": work}, 3)
assert all(len(each) == 3 for times in taken.values() for each in times)
assert min(taken["wait"].seconds) >= 0.02 and min(taken["wait"].cpu) < 0.01
assert min(taken["work"].cpu) >= 0.019
"""
TORCH_LANCZOS = """
import numpy as np
from benchmarks.contenders.arrays import CONTENDERS, Task
from fastfit import Size
import torch
planes = []
interpolate = torch.nn.functional.interpolate
def seen(tensors, *arguments, **options):
    result = interpolate(tensors, *arguments, **options)
    planes.append((tensors.dtype, result.is_contiguous(memory_format=torch.channels_last)))
    return result
torch.nn.functional.interpolate = seen
image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
for name in ("torch", "torch-lanczos"):
    result = CONTENDERS[name].make(image, Task(Size(64, 48)))()
    assert result.shape == (48, 64, 3) and result.dtype == np.uint8 and result.flags.c_contiguous
assert planes == 2 * [(torch.uint8, True)]
"""
PINNED = """
import os
from benchmarks.threads import pinned
os.environ["OMP_NUM_THREADS"] = "3"
os.environ.pop("VIPS_CONCURRENCY", None)
before = dict(os.environ)
with pinned(1):
    assert (os.environ["OMP_NUM_THREADS"], os.environ["VIPS_CONCURRENCY"]) == ("1", "1")
assert dict(os.environ) == before
"""
FIGURES = """
import math
import numpy as np
from benchmarks.correctness import aliasing, compared, plates, zone_plate
from fastfit import Size
source, target = plates(Size(6000, 4000), Size(1500, 1000))
assert (source, target) == ((2048, 1365), (512, 341))
assert plates(Size(600, 400), Size(401, 100)) is None
plate = zone_plate(Size(640, 480))
assert plate.shape == (480, 640, 3) and plate.min() == 0 and plate.max() == 255
steps = np.abs(np.diff(plate[240, :, 0].astype(int)))
assert steps[300:340].mean() < 10 and steps[-40:].mean() > 100
grey = aliasing(lambda plate: np.full((341, 512, 3), 127, np.uint8), source, target)
assert grey == 0.5
picked = aliasing(lambda plate: plate[2::4, 2::4][:341], source, target)
assert abs(picked - 127.5 / math.sqrt(2)) < 3, picked
assert math.isnan(aliasing(lambda plate: plate, source, target))
image = np.zeros((4, 5, 3), np.uint8)
other = image.copy()
other[0, 0, 0] = 3
found = compared(image, other)
assert (found.largest, found.identical) == (3, 59 / 60)
assert abs(found.psnr - 10 * math.log10(255**2 * 60 / 9)) < 1e-5
assert compared(image, image).psnr == math.inf
assert not compared(image, image[1:]).exact_size
"""


def benchmark(folder, *options, start=MODULE):
    """Run a benchmark, quickly; return how it ended and what it wrote."""
    written = folder / "figures.json"
    written.unlink(missing_ok=True)
    command = [sys.executable, *start, *options, "--json", str(written)]
    run = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    return run, json.loads(written.read_text(encoding="utf-8"))["results"][0] if written.exists() else None


def by_case(figures, contender):
    return {row["case"]: row for row in figures["rows"] if row["contender"] == contender}


def check_equal(figures):
    """Check that fastfit's rows, and Pillow's, are of exact size and equal to Pillow's, and were timed."""
    for name in EXACT:
        rows = by_case(figures, name)
        assert set(rows) == {row["case"] for row in figures["rows"]}
        for row in rows.values():
            assert row["correctness"]["exact_size"]
            assert (row["correctness"]["largest"], row["correctness"]["identical"]) == (0, 1)
            assert min(row["seconds"]) > 0
            assert min(row["cpu"]) > 0
            assert len(row["cpu"]) == len(row["seconds"])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    (folder / "a.jpg").write_bytes(saved(scene(320, 213), "jpeg", quality=95))
    (folder / "b-grey.png").write_bytes(saved(scene(203, 157)[..., 0], "png"))
    return folder


@pytest.fixture(scope="module")
def quick(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quick")
    against = "fastfit-cold,opencv-lanczos4,opencv-area,swscale"
    options = ("arrays", "--quick", "--against", against, "--photos", str(photos))
    return benchmark(folder, *options, start=("-c", WITHOUT_PYAV))


def test_fastfits_arrays_are_pillows(quick):
    run, figures = quick
    assert run.returncode == 0, run.stdout + run.stderr
    assert (figures["benchmark"], figures["reference"], figures["faults"]) == ("arrays", "pillow", [])
    assert len(by_case(figures, "fastfit")) == 6
    check_equal(figures)


def test_rows_tell_what_work_was_done(quick):
    _, figures = quick
    case = "500x375 to 224x224"
    rows = {name: by_case(figures, name)[case] for name in (*EXACT, "opencv-lanczos4", "opencv-area")}
    assert [rows[name]["marks"] for name in EXACT] == [[], []]
    assert rows["opencv-lanczos4"]["marks"] == ["no antialias"]
    found = {name: row["correctness"] for name, row in rows.items()}
    assert found["fastfit"]["psnr"] == "inf"
    assert found["opencv-lanczos4"]["psnr"] < found["opencv-area"]["psnr"] < 60
    assert found["fastfit"]["aliasing"] == found["pillow"]["aliasing"] < 15
    assert found["pillow"]["aliasing"] < found["opencv-area"]["aliasing"] < found["opencv-lanczos4"]["aliasing"]
    assert by_case(figures, "pillow")["1024x768 to 1280x720"]["correctness"]["aliasing"] is None


def test_sizes_never_seen_are_set_beside_pillow_with_the_same(quick):
    run, figures = quick
    rows, theirs = (by_case(figures, name) for name in ("fastfit-cold", "pillow-cold"))
    assert set(rows) == set(theirs) == set(by_case(figures, "fastfit"))
    for row in (*rows.values(), *theirs.values()):
        assert row["correctness"]["identical"] == 1
        assert row["marks"][0].startswith("a size never seen before")
    assert {row["beside"] for row in rows.values()} == {"pillow-cold"}
    pairs = zip(theirs.values(), rows.values(), strict=True)
    medians = [
        statistics.median(their / own for their, own in zip(one["seconds"], other["seconds"], strict=True))
        for one, other in pairs
    ]
    lines = [line.split() for line in run.stdout.splitlines()]
    mean = next(line for line in lines if line[:1] == ["fastfit-cold"] and line[4:5] == ["6"])
    assert math.isclose(float(mean[1]), statistics.geometric_mean(medians), abs_tol=0.011)


def test_the_kernel_is_told(quick):
    run, figures = quick
    facts = figures["machine"]
    level = facts["kernel"]
    assert figures["versions"]["fastfit"].split()[1] == level
    if level != "numpy":
        assert facts["kernel compiler"]
        assert len(facts["kernel sources"]) == 16
    assert f"kernel {level}" in run.stdout


def test_ratios_and_means_are_printed(quick):
    run, figures = quick
    lines = [line.split() for line in run.stdout.splitlines()]
    pairs = zip(by_case(figures, "pillow").values(), by_case(figures, "fastfit").values(), strict=True)
    medians = [
        statistics.median(theirs / own for theirs, own in zip(row["seconds"], ours["seconds"], strict=True))
        for row, ours in pairs
    ]
    mean = next(line for line in lines if line[:1] == ["fastfit"] and line[4:5] == ["6"])
    assert math.isclose(float(mean[1]), statistics.geometric_mean(medians), abs_tol=0.011)
    assert "opencv-area" in next(line for line in run.stdout.splitlines() if line.startswith("fastfit, how many"))


def test_what_is_missing_is_told_with_the_line_that_installs_it(quick):
    run, figures = quick
    assert figures["missing"] == {"swscale": "pip install av"}
    assert "swscale is left out, not installed: pip install av" in run.stdout
    assert "swscale" not in figures["versions"]


@pytest.mark.parametrize("mode", ["cover", "pad"])
def test_other_modes_are_pillows_and_others_crop_whole_pixels(tmp_path, photos, mode):
    against = "fastfit-cold,opencv-area"
    options = ("arrays", "--quick", "--mode", mode, "--against", against, "--photos", str(photos))
    run, figures = benchmark(tmp_path, *options)
    assert run.returncode == 0, run.stdout + run.stderr
    assert figures["options"]["mode"] == mode
    check_equal(figures)
    assert all(row["correctness"]["identical"] == 1 for row in by_case(figures, "fastfit-cold").values())
    for row in by_case(figures, "opencv-area").values():
        assert row["correctness"]["exact_size"]
        assert row["correctness"]["psnr"] > 25
        assert ("crop in whole pixels" in row["marks"]) == (mode == "cover")


@pytest.mark.parametrize(
    "program",
    [COLD, EMPTIED, PINNED, TIMES],
    ids=["cold calls compute weights", "caches are emptied", "pins are taken back", "times are told apart"],
)
def test_what_is_promised_of_every_call(program):
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_every_installed_contender_makes_the_size(tmp_path, photos):
    run, figures = benchmark(tmp_path, "arrays", "--quick", "--mode", "cover", "--photos", str(photos))
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(figures["versions"]) >= {"pillow-gap", "fastfit-gap", "fastfit-cold", "opencv-lanczos4"}
    for row in figures["rows"]:
        assert row["correctness"]["exact_size"], row
        assert row["correctness"]["psnr"] == "inf" or row["correctness"]["psnr"] > 20


def test_the_grid_shows_first_where_fastfit_is_slower(tmp_path, photos):
    run, figures = benchmark(tmp_path, "arrays", "--quick", "--grid", "--photos", str(photos))
    assert run.returncode == 0, run.stdout + run.stderr
    rows = figures["rows"]
    assert [row["contender"] for row in rows] == [*EXACT] * (len(rows) // 2)
    cells = [
        (own["case"], statistics.median(their / our for their, our in zip(theirs["cpu"], own["cpu"], strict=True)))
        for theirs, own in zip(rows[::2], rows[1::2], strict=True)
    ]
    ratios = [ratio for _, ratio in cells]
    assert ratios == sorted(ratios)
    sides = {case: map(int, re.findall(r"\d+", case.partition(",")[0])) for case, _ in cells}
    large = [cell for cell in cells if min(sides[cell[0]]) >= 32]
    small = [cell for cell in cells if cell not in large]
    for what, bar, here in (("32x32 and larger", 1, large), ("with a side below 32", 0.5, small)):
        below = sum(ratio < bar for _, ratio in here)
        said = f"not reached in {below}, " if below else "reached in all"
        assert f"{what}: {len(here)} cells, bar {bar:g} times as fast as Pillow: {said}" in run.stdout
        assert f"{what}: the slowest cells: {here[0][0]} {here[0][1]:.2f}; " in run.stdout
    parts = list(zip(*(case.split(", ") for case, _ in cells), strict=True))
    assert set(parts[1]) == {"L", "LA", "RGB", "RGBA", "RGBX", "I;16", "F"}
    assert set(parts[2]) >= {"lanczos", "bicubic", "hamming", "bilinear", "box"}
    assert set(parts[3]) == {"photograph", "noise"}
    for row in rows:
        deep, floats = (f", {mode}, " in row["case"] for mode in ("I;16", "F"))
        assert row["correctness"]["largest"] <= (0.01 if deep else 1e-3 if floats else 0)
    assert f"… and {len(rows) - 40} more rows" in run.stdout


def test_a_wrong_result_ends_with_1(tmp_path, photos):
    options = ("arrays", "--quick", "--against", "pillow", "--photos", str(photos))
    run, figures = benchmark(tmp_path, *options, start=("-c", WRONG))
    assert run.returncode == 1, run.stderr
    assert len(figures["faults"]) == 6
    assert run.stdout.count("WRONG: ") == 6


def test_stacks_are_measured_with_every_number_of_threads(tmp_path, photos):
    run, figures = benchmark(tmp_path, "batch", "--quick", "--against", "pillow-pool", "--photos", str(photos))
    assert run.returncode == 0, run.stdout + run.stderr
    check_equal(figures)
    threads = [1, 2][:CORES]
    assert figures["options"]["threads"] == threads
    assert len(by_case(figures, "pillow-pool")) == 2 * len(threads)
    lines = [line.split() for line in run.stdout.splitlines()]
    assert [line[4] for line in lines if line[:1] == ["pillow-pool"]] == ["2"]  # cases of one thread
    for row in figures["rows"]:
        one = row["contender"] == "pillow" and row["case"].endswith("2 threads")
        assert row["marks"] == ["one thread"] * one
        rate = int(row["case"].split()[0]) / statistics.median(row["seconds"])
        assert math.isclose(row["facts"]["images/s"], rate, rel_tol=1e-4)


@pytest.mark.parametrize("name", ["arrays", "batch"])
def test_who_is_there_is_told(tmp_path, name):
    run, figures = benchmark(tmp_path, name, "--versions", "--against", "torch,kornia-rs")
    assert (run.returncode, figures) == (0, None)
    assert [line.split()[0] for line in run.stdout.splitlines()[:2]] == [*EXACT]
    assert {line.split()[0] for line in run.stdout.splitlines()} == {*EXACT, "torch", "kornia-rs"}


def test_a_package_without_its_library_is_missing(tmp_path):
    (tmp_path / "pyvips.py").write_text("raise OSError('no libvips')", encoding="utf-8")
    start = ("-c", f"import sys\nsys.path.insert(0, {str(tmp_path)!r}){RUN}")
    for name in ("arrays", "scaling"):
        run, _ = benchmark(tmp_path, name, "--versions", "--against", "pyvips", start=start)
        assert run.returncode == 0, run.stderr
        assert "pyvips               missing: pip install" in run.stdout


def test_markdown_is_printed_on_request(tmp_path, photos):
    options = ("batch", "--quick", "--md", "--threads", "1", "--against", "pillow", "--photos", str(photos))
    run, _ = benchmark(tmp_path, *options)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("### batch\n")
    assert "| 8 of 500x375 to 224x224, 1 thread | fastfit |" in run.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("arrays", "--against", "pillow,nobody"), "--against: expected names of pillow, pillow-cold, pillow-gap"),
        (("batch", "--threads", "1", "--against", "nobody"), "--against: expected names of pillow, pillow-pool"),
        (("arrays", "--quick", "--threads", "4096"), "--threads: expected 1 to"),
        (("batch", "--quick", "--threads", "1,4096"), "--threads: expected 1 to"),
        (("arrays", "--photos", str(ROOT / "tests")), "--photos: expected a folder of photographs"),
    ],
)
def test_what_cannot_start_says_why(tmp_path, options, said):
    run, figures = benchmark(tmp_path, *options)
    assert (run.returncode, figures) == (1, None)
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_ssim_is_scikit_images():
    pytest.importorskip("skimage")
    run = subprocess.run([sys.executable, "-c", SSIM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("program", [TORCH_LANCZOS], ids=["torch's tensors lie channels last, there and back"])
def test_torch_takes_its_fastest_path(program):
    torch = pytest.importorskip("torch")
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 12):
        pytest.skip("torch's Lanczos came with 2.12")
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_figures_of_correctness_are_what_they_say():
    run = subprocess.run([sys.executable, "-c", FIGURES], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
