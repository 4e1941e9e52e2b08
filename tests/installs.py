"""Shared by the tests that install fastfit: a checkout, an empty environment, pip."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

# What decides how fastfit is built, or which one is found.
_OWN = {"CC", "FASTFIT_BUILD", "FASTFIT_KERNEL", "FASTFIT_PLATFORM", "PYTHONPATH", "VIRTUAL_ENV"}


def copied_checkout(copy):
    """Copy what Git knows, and what it would add, into a folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():  # deleted, and not yet committed
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    assert not [*copy.rglob("fastfit_kernel*.so"), *copy.rglob("missing.json")]
    return copy


def new_environment(folder):
    """Make an empty virtual environment and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


def plain(**variables):
    """Return the environment variables without those that matter to fastfit, and with others."""
    return {**{name: value for name, value in os.environ.items() if name not in _OWN}, **variables}


def run(*command, cwd, **variables):
    """Run a command and return what it did, whatever that is."""
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=plain(**variables), capture_output=True, text=True, check=False
    )


def pip(python, *arguments, cwd, **variables):
    """Run pip and return all that it says; it must not fail."""
    done = run(python, "-m", "pip", *arguments, cwd=cwd, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def installed(python):
    """Return the folder of fastfit in the site-packages of an environment."""
    code = "import sysconfig; print(sysconfig.get_path('platlib'))"
    found = run(python, "-c", code, cwd="/")
    return Path(found.stdout.strip()) / "fastfit"
