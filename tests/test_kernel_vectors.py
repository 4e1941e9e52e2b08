"""The kernel without Python, under the address and undefined-behavior sanitizers."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KERNEL = ROOT / "fastfit" / "kernel"
FLAGS = [
    *["-g", "-O1", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"],
    *["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"],
]
JOBS = 15_000

pytestmark = pytest.mark.building


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program, of the kernel's own sources."""
    assert shutil.which("gcc"), "gcc is needed, with its sanitizers"
    made = tmp_path_factory.mktemp("vectors") / "vectors"
    options = [*FLAGS, '-DFASTFIT_SOURCE="x"', f"-I{KERNEL}"]
    sources = [ROOT / "tests" / "kernel" / "vectors.c", *sorted(KERNEL.glob("*.c"))]
    run = subprocess.run(["gcc", *options, *sources, "-o", made], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return made


def test_random_jobs_touch_their_own_memory_and_are_the_same_at_every_level(program, record_property):
    run = subprocess.run([program, "1", str(JOBS)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    jobs, levels, wrong = (int(number) for number in re.findall(r"\d+", run.stdout.splitlines()[-1]))
    assert jobs >= JOBS
    assert levels >= 1
    assert wrong == 0
    record_property("compared", (f"jobs without Python at {levels} levels", jobs))
