"""What was measured on, and with what."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2

import fastfit
from benchmarks.contenders import pillow_version
from fastfit.kernel.library import chosen
from fastfit.proof.machine import cpuinfo, processor

__all__ = ["load", "machine"]

_PACKAGES = ("numpy", "opencv-python-headless")


def machine() -> dict[str, str]:
    """Describe the processor, its caches and cores, and what fastfit and Pillow run on.

    Returns
    -------
    dict
        Name -> fact, all of it text that does not change while the machine runs.
    """
    return {
        "cpu": processor(),
        "processors": str(os.cpu_count()),
        "caches": _caches(),
        "vectors": _vectors(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "fastfit": fastfit.__version__,
        "commit": _commit(),
        **_kernel(),
        **{name: _version(name) for name in _PACKAGES},
        "pillow": pillow_version(),
    }


def _kernel() -> dict[str, str]:
    """Return the level of fastfit's kernel, its compiler, and the hash of its sources."""
    library, level = chosen()
    if library is None:
        return {"kernel": level}
    return {"kernel": level, "kernel compiler": library.made_by, "kernel sources": library.digest}


def load() -> float:
    """Return how many processes were at work in the last minute, on average; -1 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0


def _vectors() -> str:
    flags = set(cpuinfo("flags").split())
    known = {"avx512f": "AVX-512", "avx2": "AVX2", "sse4_2": "SSE4.2"}
    found = [name for flag, name in known.items() if flag in flags]
    return found[0] if found else cv2.getCPUFeaturesLine().strip() or "unknown"


def _caches() -> str:
    folders = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"))
    kinds = {folder: (folder / "type").read_text(encoding="ascii").strip() for folder in folders}
    data = [folder for folder, kind in kinds.items() if kind != "Instruction"]
    read = [[(each / file).read_text(encoding="ascii").strip() for file in ("level", "size")] for each in data]
    return ", ".join(f"L{level} {size}" for level, size in read) or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _commit() -> str:
    """Return the commit that is measured, with a ``+`` if files have changed since."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        ended = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=False)  # noqa: S607
        return ended.stdout.strip()

    try:
        commit = git("rev-parse", "--short", "HEAD")
        return commit + ("+" if commit and git("status", "--porcelain", "--", "../fastfit", ".") else "")
    except OSError:  # no git
        return ""
