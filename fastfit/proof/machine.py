"""What this process runs on."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastfit.version import __version__

__all__ = ["cpuinfo", "processor", "versions"]

_PACKAGES = (
    *("numpy", "opencv-python-headless", "opencv-python", "opencv-contrib-python-headless"),
    *("opencv-contrib-python", "joblib", "pillow"),
)
"""Every kind of OpenCV: several of them in one environment overwrite each other."""


def processor() -> str:
    """Return the name of the processor, as far as the system tells."""
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    else:
        found = cpuinfo("model name") or _arm()
    return found or platform.processor() or platform.machine()


def cpuinfo(field: str) -> str:
    """Return what Linux says of the first processor; elsewhere nothing."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _arm() -> str:
    """Return the numbers by which Linux tells processors of ARM's architecture: they have no name there."""
    maker, part = cpuinfo("CPU implementer"), cpuinfo("CPU part")
    return f"implementer {maker}, part {part}" if maker else ""


def versions() -> dict[str, str]:
    """Return the versions of fastfit, Python, and the packages that are installed."""
    found = {"fastfit": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
