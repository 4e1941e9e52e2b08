"""What becomes of an installation where no C compiler works: each case with real compilers, pip and fits."""

import re
import shutil
import sys

import pytest
from installs import copied_checkout, installed, new_environment, pip, run

pytestmark = pytest.mark.building

NOT_ISOLATED = ("--no-build-isolation", "--no-deps")
FITS = """
import fastfit, numpy
print(fastfit.__file__, fastfit.fit(numpy.zeros((40, 30, 3), "u1"), (8, 5)).shape)
fastfit.fit(numpy.zeros((40, 30, 3), "u1"), (5, 8))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copied_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment that has all but a compiler and fastfit."""
    python = new_environment(tmp_path_factory.mktemp("environment"))
    packages = ("hatchling", "editables", "numpy", "opencv-python-headless", "joblib", "tqdm")
    pip(python, "install", "-q", *packages, cwd="/")
    return python


@pytest.fixture
def nothing(tmp_path):
    """A PATH with no program."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.fixture
def broken(nothing):
    """A PATH with a `cc` that fails, as that of a Mac without its developer tools does, and nothing else."""
    (nothing / "cc").write_text(
        "#!/bin/sh\necho 'xcode-select: error: no developer tools were found' >&2; exit 1\n"
    )
    (nothing / "cc").chmod(0o755)
    return nothing


def check_reference(python, reason, advice):
    """Check that what is installed fits with the reference, warns once, and tells why."""
    done = run(python, "-c", FITS, cwd="/")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed(python)))
    assert done.stdout.endswith("(5, 8, 3)\n")
    warned = re.findall("KernelWarning: (.*)", done.stderr)
    assert len(warned) == 1
    assert f"The reason: {reason}" in warned[0]
    assert warned[0].endswith(advice)
    assert "\nkernel: numpy (" + reason in run(python, "-m", "fastfit", "--version", cwd="/").stdout


def check_compiled_by_zig(python):
    shown = run(python, "-m", "fastfit", "--version", cwd="/").stdout
    assert re.search(r"kernel: (?!numpy)\w+, .*Clang", shown), shown
    assert run(python, "-c", FITS, cwd="/").stderr == ""


def test_neither_compiler_nor_zig(checkout, python, broken):
    path = str(broken)
    pip(python, "install", *NOT_ISOLATED, "--force-reinstall", ".", cwd=checkout, PATH=path, CC="gcc-99")
    reason = (
        "no C compiler worked when fastfit was installed ($CC (gcc-99): not found; cc: xcode-select: error: no "
        "developer tools were found; clang: not found; ziglang: "
    )
    check_reference(python, reason, "pip install --force-reinstall --no-cache-dir --no-deps .")
    files = run(python, "-m", "pip", "show", "-f", "fastfit", cwd="/").stdout
    assert "fastfit/kernel/missing.json" in files
    wheel = next(installed(python).parent.glob("fastfit-*.dist-info")) / "WHEEL"
    assert "Root-Is-Purelib: true\nTag: py3-none-any\n" in wheel.read_text()
    # The command of the warning, once there is a compiler.
    pip(python, "install", "--force-reinstall", "--no-cache-dir", *NOT_ISOLATED, ".", cwd=checkout)
    assert "kernel: numpy" not in run(python, "-m", "fastfit", "--version", cwd="/").stdout


def test_neither_compiler_nor_zig_in_an_editable_install(checkout, python, nothing, tmp_path):
    clone = shutil.copytree(checkout, tmp_path / "clone")
    pip(python, "install", *NOT_ISOLATED, "-e", ".", cwd=clone, PATH=str(nothing))
    done = run(python, "-c", FITS, cwd="/")
    assert done.stdout.startswith(str(clone))
    assert "then run: pip install -e . in fastfit's folder" in done.stderr
    pip(python, "install", *NOT_ISOLATED, "-e", ".", cwd=clone)
    assert run(python, "-c", FITS, cwd="/").stderr == ""
    assert not (clone / "fastfit" / "kernel" / "missing.json").exists()


def test_neither_compiler_nor_zig_where_one_is_required(checkout, python, broken):
    arguments = ("-m", "pip", "install", *NOT_ISOLATED, "--force-reinstall", ".")
    done = run(python, *arguments, cwd=checkout, PATH=str(broken), FASTFIT_BUILD="require")
    assert done.returncode == 1
    assert "no C compiler could compile the kernel. Tried:\n" in done.stdout + done.stderr
    assert "xcode-select: error: no developer tools were found" in done.stdout + done.stderr


def test_no_kernel_on_purpose(checkout, python):
    pip(python, "install", *NOT_ISOLATED, "--force-reinstall", ".", cwd=checkout, FASTFIT_BUILD="none")
    done = run(python, "-c", FITS, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    shown = run(python, "-m", "fastfit", "--version", cwd="/").stdout
    assert "kernel: numpy (fastfit was installed with FASTFIT_BUILD=none)" in shown


def test_an_unknown_way_to_build(checkout, python):
    arguments = ("-m", "pip", "install", *NOT_ISOLATED, ".")
    done = run(python, *arguments, cwd=checkout, FASTFIT_BUILD="maybe")
    assert done.returncode == 1
    assert "ValueError: FASTFIT_BUILD: expected auto, require or none, got 'maybe'" in done.stdout + done.stderr


def test_compilers_that_fail_are_followed_by_zig_that_pip_downloads(checkout, python, broken):
    arguments = ("install", "--no-deps", "--force-reinstall", ".")
    pip(python, *arguments, cwd=checkout, PATH=str(broken), CC="gcc-99", FASTFIT_BUILD="require")
    check_compiled_by_zig(python)


def test_an_index_without_zig_needs_to_be_told(checkout, python, broken, tmp_path):
    """pip fails before the hook runs if it cannot download what the hook asks for."""
    pip(python, "download", "-q", "-d", tmp_path / "index", "hatchling>=1.27", cwd="/")
    arguments = ("install", "--no-deps", "--force-reinstall", "--no-index", "-f", tmp_path / "index", ".")
    here = {"cwd": checkout, "PATH": str(broken)}
    done = run(python, "-m", "pip", *arguments, **here)
    assert done.returncode == 1
    assert "No matching distribution found for ziglang" in done.stdout + done.stderr
    pip(python, *arguments, FASTFIT_BUILD="none", **here)
    assert run(python, "-c", FITS, cwd="/").stderr == ""


def test_a_wheel_that_pip_has_kept_is_built_anew_by_the_command_of_the_warning(checkout, python, broken, tmp_path):
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path / "index", cwd=checkout)
    pip(python, "download", "-q", "-d", tmp_path / "index", "hatchling>=1.27", cwd="/")
    kept = {"cwd": "/", "PIP_CACHE_DIR": str(tmp_path / "cache")}
    index = ("--no-index", "-f", (tmp_path / "index").as_uri())
    pip(python, "uninstall", "-y", "fastfit", cwd="/")
    pip(python, "install", *NOT_ISOLATED, *index, "fastfit", PATH=str(broken), **kept)
    done = run(python, "-c", FITS, cwd="/")
    command = re.search("then run: pip (install .*)", done.stderr)[1]
    pip(python, *command.split(), *index, "--no-build-isolation", **kept)
    assert run(python, "-c", FITS, cwd="/").stderr == ""
    shown = run(python, "-m", "fastfit", "--version", cwd="/").stdout
    assert re.search(r"kernel: (?!numpy)\w+, ", shown)
