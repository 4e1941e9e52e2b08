"""Builds the sdist, and from it the wheels."""

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import hatch_build

__all__ = ["ROOT", "build_sdist", "build_wheel", "compiled", "unpacked"]

ROOT = Path(hatch_build.__file__).parent


def build_sdist(dist: Path) -> Path:
    """Build the sdist of the checkout.

    Parameters
    ----------
    dist : Path
        The folder that receives it.

    Returns
    -------
    Path
        The sdist.
    """
    (sdist,) = SdistBuilder(str(ROOT)).build(directory=str(dist))
    return Path(sdist)


def unpacked(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist into a folder and return its root: what it lacks, the wheels lack, too."""
    with tarfile.open(sdist) as packed:
        packed.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def build_wheel(source: Path, dist: Path, platform: str) -> Path:
    """Build the wheel for a platform.

    Parameters
    ----------
    source : Path
        The root of an unpacked sdist.
    dist : Path
        The folder that receives the wheel.
    platform : str
        One of `hatch_build.PLATFORMS`, or ``any``.

    Returns
    -------
    Path
        The wheel.
    """
    with _platform(platform):
        (wheel,) = WheelBuilder(str(source)).build(directory=str(dist), versions=["standard"])
        return Path(wheel)


def compiled(source: Path, folder: Path, platform: str) -> Path:
    """Compile the kernel as the hook does, and keep the objects.

    Parameters
    ----------
    source : Path
        The root of an unpacked sdist.
    folder : Path
        Where the library and the objects are written.
    platform : str
        One of `hatch_build.PLATFORMS`.

    Returns
    -------
    Path
        The library.
    """
    with _platform(platform):
        kernel = source / hatch_build.KERNEL
        sources = hatch_build.kernel_sources(kernel)
        library = folder / hatch_build.library_name(sources.LIBRARY.name)
        definition = f'FASTFIT_SOURCE="{sources.digest()}"'
        hatch_build.compile_library(hatch_build.zig_compiler(), sorted(kernel.glob("*.c")), library, definition)
        return library


@contextmanager
def _platform(name: str) -> Iterator[None]:
    """Let the hook work for a platform, whatever else the environment asks of it."""
    before = os.environ.copy()
    os.environ[hatch_build.PLATFORM] = name
    os.environ.pop(hatch_build.BUILD, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
