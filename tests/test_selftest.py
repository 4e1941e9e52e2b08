"""``fastfit selftest``: what it covers, what it finds, and what it says of a kernel that is missing or broken."""

import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import selftest_vectors

import fastfit
from fastfit import Fit, cli, proof
from fastfit.kernel.library import ENVIRONMENT, NUMPY, Library, chosen
from fastfit.kernel.sources import LIBRARY, digest
from fastfit.proof import testing
from fastfit.proof.cases import CASES
from fastfit.resample import by_kernel, kernel
from fastfit.resample.native import Job, Native
from fastfit.words import CONVOLUTIONS

LEVELS = (NUMPY, *Library().runs)
PACKAGE = Path(fastfit.__file__).parent


@pytest.fixture(scope="module")
def found():
    begun = time.process_time()
    found = fastfit.selftest()
    assert time.process_time() - begun < 30  # 1 s; where the processor is emulated, 8
    return found


@pytest.fixture
def copy(tmp_path):
    """A copy of the package that may be changed."""
    shutil.copytree(PACKAGE, tmp_path / "fastfit", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def command(*arguments, package=PACKAGE.parent, level="", without=()):
    """Run the command in a process of its own, with the fastfit in a folder, and without some libraries."""
    environment = {**os.environ, ENVIRONMENT: level, "PYTHONDONTWRITEBYTECODE": "1"}
    if not level:
        del environment[ENVIRONMENT]
    code = f"""if True:
        import sys
        sys.modules.update(dict.fromkeys({without!r}))
        import fastfit.cli
        assert fastfit.__file__.startswith({str(package)!r})
        sys.exit(fastfit.cli.main({["selftest", *arguments]!r}))
    """
    call = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(call, capture_output=True, text=True, check=False, env=environment, cwd=package)


# What is tested.


def test_the_vectors_are_those_that_the_script_makes():
    made = io.BytesIO()
    selftest_vectors.write(made)
    made.seek(0)
    with np.load(testing.VECTORS, allow_pickle=False) as shipped, np.load(made, allow_pickle=False) as now:
        assert shipped.files == now.files == ["float16", "float32", "uint16", "uint8"]
        for name in shipped.files:
            assert shipped[name].dtype == now[name].dtype == name
            # NumPy's sines differ in their last bits from one processor to another.
            np.testing.assert_allclose(now[name], shipped[name], rtol=0, atol=0 if "int" in name else 1e-6)
    assert len(made.getvalue()) == testing.VECTORS.stat().st_size


@pytest.mark.quick
def test_the_vectors_are_small():
    assert testing.VECTORS.stat().st_size < 300_000


@pytest.mark.quick
def test_no_case_is_there_twice_and_every_result_is_used():
    assert len({str(case) for case in CASES}) == len(CASES)
    counts = {}
    for case in CASES:
        result = case.fitted()
        counts[result.dtype.name] = counts.get(result.dtype.name, 0) + result.size
    with np.load(testing.VECTORS, allow_pickle=False) as file:
        assert {name: array.size for name, array in file.items()} == counts


@pytest.mark.quick
def test_cases_cover_what_there_is():
    specs = [case.spec for case in CASES]
    assert {spec.resample for spec in specs} == set(CONVOLUTIONS)
    assert {spec.mode for spec in specs} == {"cover", "pad", "stretch"}
    assert {spec.layout for spec in specs} == {"HWC", "CHW"}
    assert {spec.dtype for spec in specs} == {None, "float16", "float32"}
    assert {case.dtype for case in CASES} == {"uint8", "uint16", "float32"}
    assert {case.channels for case in CASES} == {1, 2, 3, 4, 5}
    assert {case.lies for case in CASES} == {"packed", "rgbx", "mirrored"}
    assert {spec.alpha for spec in specs} == {True, False}
    assert any(spec.box for spec in specs)
    assert {spec.reducing_gap for spec in specs} == {None, 2.0, 3.0}
    assert any(case.window for case in CASES)
    assert {case.spec.size[0] % 16 for case in CASES} == set(range(16))
    for channels in (1, 3, 4):  # rows of bytes end at every place in a vector, as far as pixels let them
        ends = {case.spec.size[0] * channels % 16 for case in CASES if case.channels == channels}
        assert ends == set(range(0, 16, 4 if channels == 4 else 1))


def test_images_are_the_same_on_every_machine():
    case = next(case for case in CASES if case.dtype == "uint8")
    assert case.image()[0, :4, 0].tolist() == [122, 68, 120, 42]
    drawn = next(case for case in CASES if case.drawn == "edges").image()
    assert set(np.unique(drawn)) == {0, 255}


# What is found.


@pytest.mark.quick
def test_this_machine_makes_the_promised_pixels(found):
    assert found.passed
    assert tuple(each.level for each in found.levels) == LEVELS
    for each in found.levels:
        assert (each.cases, each.wrong, each.first) == (len(CASES), 0, None)
        assert each.float_error < 1e-7
        assert 0 < each.seconds < 30


def test_facts(found):
    assert (found.pixels, found.level, found.problem) == (fastfit.PIXELS, chosen()[1], None)
    assert found.sources == digest()
    assert found.versions["fastfit"] == fastfit.__version__
    assert found.versions["numpy"] == np.__version__
    assert {"Python", "joblib"} < found.versions.keys()
    assert any(name.startswith("opencv") for name in found.versions)
    assert found.processor
    assert found.to_dict() == json.loads(json.dumps(found.to_dict()))


def test_nothing_that_is_kept_is_touched():
    spec, image = Fit((23, 17), "stretch"), np.zeros((47, 61, 3), np.uint8)
    spec(image)
    before = spec._recipe(image)
    proof.level_of("portable", Library())
    assert spec._recipe(image) is before


def test_other_threads_fit_by_their_own_kernel():
    found = []
    thread = threading.Thread(target=lambda: found.append(kernel()))
    usual = kernel()
    with by_kernel(None):
        assert kernel() is None
        thread.start()
        thread.join()
    assert found == [usual]
    assert kernel() is usual


def off(monkeypatch, level, places, by=1):
    """Let a level make results whose samples differ at some places."""
    right, number = Job.__call__, Native(Library(), level).level

    def wrong(self, image, out):
        right(self, image, out)
        if self.kernel.level == number and out.shape == (17, 23, 3) and image.dtype == np.uint8:
            for place in places:
                out[place] = out[place] - by if out[place] >= by else out[place] + by

    monkeypatch.setattr(Job, "__call__", wrong)


@pytest.mark.quick
@pytest.mark.parametrize("level", LEVELS[1:])
def test_a_sample_that_is_off_by_one_is_found(monkeypatch, capsys, level):
    off(monkeypatch, level, [(3, 4, 1)])
    monkeypatch.setattr(proof, "levels_of", lambda _: [*{"portable", level, chosen()[1]}])
    assert cli.main(["selftest"]) == 1
    shown = capsys.readouterr().out.splitlines()
    case = "uint8 edges 61x47x3, Fit(size=(23, 17), mode='stretch')"
    assert f"{level}: {case}: 1 of 1173 samples differ, by at most 1" in shown
    wrong = f"FAILED: the pixels at {level} are not those of {fastfit.PIXELS}; please report all of this output"
    assert shown[-1] == wrong
    mended = any(line.startswith(f"until this is mended: {ENVIRONMENT}=") for line in shown)
    assert mended == (level == chosen()[1] != "portable")
    assert cli.main(["selftest", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["passed"]
    assert [each["level"] for each in told["levels"] if not each["passed"]] == [level]
    first = next(each["first"] for each in told["levels"] if each["first"])
    assert first == {"case": case, "samples": 1, "of": 1173, "most": 1.0}


def test_differences_are_counted(monkeypatch):
    off(monkeypatch, "portable", [(0, 0, 0), (16, 22, 2)], by=9)
    portable = proof.level_of("portable", Library())
    shape = ((23, 17), 3, "uint8", None, None)
    facts = [(each.spec.size, each.channels, each.dtype, each.spec.dtype, each.window) for each in CASES]
    assert (portable.level, portable.passed, portable.wrong) == ("portable", False, facts.count(shape))
    assert (portable.first.samples, portable.first.most) == (2, 9)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5 + 1e-5])
def test_a_float_that_is_wrong_is_found(monkeypatch, value):
    right = Job.__call__

    def wrong(self, image, out):
        right(self, image, out)
        if out.dtype == np.float32 and image.dtype == np.float32:
            out[0, 0, 0] = value

    monkeypatch.setattr(Job, "__call__", wrong)
    portable = proof.level_of("portable", Library())
    assert not portable.passed
    assert "nan" not in str(portable.first)
    json.dumps(dataclasses.asdict(portable), allow_nan=False)


# Output.


@pytest.mark.quick
def test_screen(found, capsys):
    assert cli.main(["selftest"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) < 24
    assert max(map(len, shown[:5])) < 115
    assert shown[-1] == f"passed: the pixels are those of {fastfit.PIXELS} at every level"
    table = shown[shown.index("") + 2 : -2]
    assert [line.split()[:3] for line in table] == [[level, str(len(CASES)), "0"] for level in LEVELS]
    expected = str(found).splitlines()
    assert [line[:30] for line in shown] == [line[:30] for line in expected]


def test_json(capsys):
    assert cli.main(["selftest", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is True
    assert told["seconds"] > 0
    assert [each["level"] for each in told["levels"]] == list(LEVELS)
    assert told.keys() == {*proof.Selftest.__dataclass_fields__, "passed", "seconds"}


# Without Pillow, without a kernel, with a broken one.


@pytest.mark.quick
def test_it_needs_no_pillow():
    run = command(without=("PIL",))
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].startswith("passed: ")


def test_the_level_that_the_environment_asks_for_is_told():
    run = command(level="portable")
    assert run.returncode == 0
    assert f"fits run   at portable: {ENVIRONMENT} asks for it" in run.stdout.splitlines()


def test_a_level_that_does_not_exist_is_a_problem():
    run = command(level="fast")
    assert (run.returncode, run.stderr) == (1, "")
    assert f"problem: {ENVIRONMENT}: expected one of {', '.join(LEVELS)} on this machine, got 'fast'" in run.stdout


def test_without_a_compiled_kernel_the_reference_is_tested(copy):
    (copy / "fastfit" / "kernel" / LIBRARY.name).unlink()
    run = command(package=copy)
    assert (run.returncode, run.stderr) == (0, "")
    shown = run.stdout.splitlines()
    assert shown[1].startswith("fits run   at numpy: no kernel was compiled here; pip install ")
    assert shown[-3].split()[:3] == [NUMPY, str(len(CASES)), "0"]


def stale(path):
    with (path.parent / "levels.c").open("a") as source:
        source.write("\n")


def torn(path):
    path.write_bytes(b"\x7fELF and no more")


def foreign(path):
    shutil.copy(np.linalg._umath_linalg.__file__, path)


@pytest.mark.parametrize("break_", [stale, torn, foreign])
def test_a_broken_kernel_is_a_finding(copy, break_):
    break_(copy / "fastfit" / "kernel" / LIBRARY.name)
    run = command(package=copy)
    assert (run.returncode, run.stderr) == (1, "")
    shown = run.stdout.splitlines()
    assert shown[1] == "fits run   not at all: see the problem below"
    expected = "cannot be loaded" if break_ is torn else "is older than its sources"
    assert shown[-3].startswith(f"problem: fastfit's compiled kernel {expected}")
    assert shown[-2:] == [
        f"until this is mended: {ENVIRONMENT}=numpy makes the promised pixels",
        "FAILED: the kernel cannot be used as it is",
    ]
    # Also where fits run without it.
    run = command("--json", package=copy, level=NUMPY)
    told = json.loads(run.stdout)
    assert (run.returncode, told["level"], told["passed"]) == (1, NUMPY, False)
    assert told["levels"][0]["passed"]
