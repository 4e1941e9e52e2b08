"""Which level of the kernel runs: chosen by the environment, and what happens where there is none."""

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
from fastfit.kernel.sources import LIBRARY

PACKAGE = Path(fastfit.__file__).parent
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


def test_without_a_library_there_is_one_warning_and_numpy(copy, digest):
    (copy / "fastfit" / "kernel" / LIBRARY.name).unlink()
    done = run(FITS, "", copy)
    assert done.returncode == 0, done.stderr
    found, warned, warning = done.stdout.strip().split(maxsplit=2)
    assert (found, warned) == (digest, "1")
    assert "NumPy" in warning
    assert run(FITS, NUMPY, copy).stdout.split() == [digest, "0"]  # no warning: it was asked for


def test_without_a_library_no_level_can_be_asked_for(copy):
    (copy / "fastfit" / "kernel" / LIBRARY.name).unlink()
    done = run(FITS, "portable", copy)
    assert done.returncode == 1
    assert f"KernelError: {ENVIRONMENT}: expected numpy" in done.stderr.splitlines()[-1]
