"""Which level of the kernel runs: chosen by the environment, and what happens where there is none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastfit
from fastfit import OptionError
from fastfit.kernel import library
from fastfit.kernel.library import ENVIRONMENT, LEVELS, NUMPY, Library, chosen
from fastfit.kernel.sources import LIBRARY, MISSING

PACKAGE = Path(fastfit.__file__).parent
SAMPLES = Path(__file__).parent.parent / "samples"
POSSIBLE = (NUMPY, *Library().runs)

# Fits 8-bit images in many ways. Prints a digest of the results, and the warnings.
FITS = """
import hashlib, sys, warnings
import numpy as np
import fastfit
warnings.simplefilter("always")
rng, total = np.random.default_rng(7), hashlib.sha256()
with warnings.catch_warnings(record=True) as caught:
    for channels in (1, 2, 3, 4):
        image = rng.integers(0, 256, (48, 61, channels), np.uint8)
        for mode in ("cover", "pad", "stretch"):
            for size in ((20, 15), (70, 60), (61, 10)):
                for resample in ("lanczos", "hamming", "mks2021"):
                    total.update(fastfit.Fit(size, mode, resample=resample)(image))
                total.update(fastfit.Fit(size, mode, reducing_gap=2.0, layout="CHW")(image))
                total.update(fastfit.Fit(size, mode, dtype="float16", scale=1 / 255)(image))
print(total.hexdigest(), len(caught), *(str(warning.message) for warning in caught))
"""


def run(code, level="", package=PACKAGE.parent):
    """Run code in a process of its own, at a level, with the fastfit in a folder."""
    environment = {**os.environ, ENVIRONMENT: level, "PYTHONDONTWRITEBYTECODE": "1"}
    if not level:
        del environment[ENVIRONMENT]
    # Python looks for packages in the current folder first.
    code = f"import fastfit; assert fastfit.__file__.startswith({str(package)!r})\n{code}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=package)


@pytest.fixture(scope="module")
def digest():
    """A digest of the results of the default level."""
    done = run(FITS)
    assert done.returncode == 0, done.stderr
    found, warned = done.stdout.split()
    assert warned == "0"
    return found


@pytest.fixture
def copy(tmp_path):
    """A copy of the package that may be changed."""
    shutil.copytree(PACKAGE, tmp_path / "fastfit", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.quick
@pytest.mark.parametrize("level", POSSIBLE)
def test_every_level_makes_the_same_bytes(level, digest):
    done = run(FITS, level)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [digest, "0"]


@pytest.mark.parametrize("level", POSSIBLE)
def test_the_level_that_is_asked_for_runs(level):
    done = run("from fastfit.kernel.library import about; print(about())", level)
    assert done.stdout.replace(",", " ").split()[0] == level


def test_the_fastest_level_runs_by_default():
    done = run("from fastfit.kernel.library import about; print(about())")
    assert done.stdout.startswith(f"{POSSIBLE[-1]}, ")


@pytest.fixture
def undecided(monkeypatch):
    """Let this process choose its level again, and then forget it."""
    chosen.cache_clear()
    yield monkeypatch
    chosen.cache_clear()


@pytest.mark.parametrize("level", ["fast", "AVX2", " ", "portable,avx2", "é" * 200])
def test_an_unknown_level_is_refused_with_those_that_are_possible(undecided, level):
    undecided.setenv(ENVIRONMENT, level)
    with pytest.raises(OptionError) as caught:
        chosen()
    possible = ", ".join(POSSIBLE)
    assert str(caught.value).startswith(f"{ENVIRONMENT}: expected one of {possible} on this machine, got ")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("level", LEVELS[1:])
def test_a_level_that_the_processor_lacks_is_refused(undecided, level):
    class Old(Library):
        def __init__(self):
            super().__init__()
            self.runs = ["portable"]

    undecided.setattr(library, "Library", Old)
    undecided.setenv(ENVIRONMENT, level)
    message = f"^{ENVIRONMENT}: expected one of numpy, portable on this machine, got '{level}'$"
    with pytest.raises(OptionError, match=message):
        chosen()
    undecided.delenv(ENVIRONMENT)
    assert chosen()[1] == "portable"


def test_an_unknown_level_ends_a_fit():
    done = run(FITS, "fast")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("fastfit.errors.OptionError: FASTFIT_KERNEL: expected one of ")


@pytest.mark.parametrize("file", ["levels.c", "kernel.h"])
def test_a_stale_library_is_refused_with_what_rebuilds_it(copy, digest, file):
    with (copy / "fastfit" / "kernel" / file).open("a") as source:
        source.write("\n")
    for level in ("", "portable"):
        done = run(FITS, level, copy)
        assert done.returncode == 1
        message = done.stderr.splitlines()[-1]
        assert "KernelError: " in message
        assert "pip install -e ." in message
    # NumPy needs no library.
    assert run(FITS, NUMPY, copy).stdout.split() == [digest, "0"]


def test_a_library_that_cannot_be_loaded_is_refused(copy):
    (copy / "fastfit" / "kernel" / LIBRARY.name).write_bytes(b"\x7fELF and no more")
    done = run(FITS, "", copy)
    assert done.returncode == 1
    assert "KernelError: fastfit's compiled kernel cannot be loaded (" in done.stderr.splitlines()[-1]


@pytest.fixture
def bare(copy):
    """A copy of the package without a library, and its note."""
    (copy / "fastfit" / "kernel" / LIBRARY.name).unlink()
    (copy / "fastfit" / "kernel" / MISSING.name).unlink(missing_ok=True)
    return copy


def write_note(package, reason, advice):
    note = {"reason": reason, "advice": advice}
    (package / "fastfit" / "kernel" / MISSING.name).write_text(json.dumps(note))


ABOUT = "from fastfit.kernel.library import about; print(about())"


def test_without_a_library_there_is_one_warning_with_the_reason_and_numpy(bare, digest):
    write_note(bare, "no compiler worked (cc: not found)", "Run: pip install --force-reinstall")
    done = run(FITS, "", bare)
    assert done.returncode == 0, done.stderr
    found, warned, warning = done.stdout.strip().split(maxsplit=2)
    assert (found, warned) == (digest, "1")
    assert warning == (
        "fastfit has no compiled kernel here: fits have the same pixels, but take about 50 times as long. The "
        "reason: no compiler worked (cc: not found). Run: pip install --force-reinstall"
    )
    assert run(ABOUT, "", bare).stdout == "numpy (no compiler worked (cc: not found))\n"
    # No warning: it was asked for.
    assert run(FITS, NUMPY, bare).stdout.split() == [digest, "0"]
    assert run(ABOUT, NUMPY, bare).stdout == "numpy\n"


def test_what_was_never_compiled_has_a_warning_without_a_note(bare):
    done = run(FITS, "", bare)
    assert "The reason: it was never compiled. In a checkout, run: pip install -e ." in done.stdout
    assert run(ABOUT, "", bare).stdout == "numpy (it was never compiled)\n"


def test_an_installation_without_a_kernel_on_purpose_does_not_warn(bare, digest):
    write_note(bare, "fastfit was installed with FASTFIT_BUILD=none", "")
    assert run(FITS, "", bare).stdout.split() == [digest, "0"]
    assert run(ABOUT, "", bare).stdout == "numpy (fastfit was installed with FASTFIT_BUILD=none)\n"


def test_the_warning_can_be_told_apart(bare):
    code = """if True:
        import warnings, numpy, fastfit
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", fastfit.KernelWarning)
        print(fastfit.fit(numpy.zeros((4, 4), "u1"), (2, 2)).shape, fastfit.KernelWarning.__mro__[1].__name__)
    """
    assert run(code, "", bare).stdout == "(2, 2) RuntimeWarning\n"


def test_a_run_of_many_workers_warns_once(bare):
    out = bare / "out"
    arguments = ["fit", str(SAMPLES), "-o", str(out), "--size", "64x36", "--jobs", "2"]
    done = run(f"import sys; from fastfit.cli import main; sys.exit(main({arguments}))", "", bare)
    assert done.returncode == 0, done.stderr
    assert len(list(out.iterdir())) == 5
    assert done.stderr.count("KernelWarning: fastfit has no compiled kernel here") == 1


def test_without_a_library_no_level_can_be_asked_for(bare):
    done = run("from fastfit.kernel.library import chosen; chosen()", "portable", bare)
    assert done.returncode == 1
    message = (
        f"KernelError: {ENVIRONMENT}: expected numpy, for there is no compiled kernel here: it was never compiled"
    )
    assert message in done.stderr.splitlines()[-1]
