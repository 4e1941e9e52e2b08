"""The programs that are set side by side, each as a command line."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import fastfit
from fastfit.types import Size

__all__ = ["NAMES", "OURS", "OURS_ALONE", "Contender", "Job", "MissingError", "contenders"]

OURS, OURS_ALONE = "fastfit", "fastfit-1"
NAMES = (OURS, OURS_ALONE, "pillow", "pyvips", "sharp", "ffmpeg")
_HERE = Path(__file__).parent
# Names come from the shell, not from `ls`: they may hold anything. `-update 1` takes the output's as it is.
_FFMPEG_LOOP = """\
cd "$1" && printf '%s\\0' * | xargs -0 -P "$5" -I{} \
ffmpeg -v error -nostdin -threads 1 -i ./{} \
-vf "scale=$3:$4:force_original_aspect_ratio=increase:flags=lanczos,crop=$3:$4" \
-filter_threads 1 -threads 1 -q:v 2 -frames:v 1 -update 1 "$2"/{}.jpg"""


class MissingError(Exception):
    """A contender is not installed, or does not start."""


class Job(NamedTuple):
    """What a contender is to do."""

    source: Path
    """A folder of files."""
    out: Path
    """An empty folder, for a JPEG of each; the name begins as the file's does, up to the first hyphen."""
    size: Size
    jobs: int
    """How many files at a time."""

    @property
    def arguments(self) -> list[str]:
        """As the scripts beside this file take them."""
        return [str(self.source), str(self.out), *map(str, self.size), str(self.jobs)]


@dataclass(frozen=True)
class Contender:
    """A program that fits a folder.

    Parameters
    ----------
    title : str
        With the number of jobs in it.
    version : callable
        What is measured. Raises `MissingError`.
    command : callable
        Job -> program and arguments.
    env : mapping
        Added to the environment.
    """

    title: str
    version: Callable[[], str]
    command: Callable[[Job], list[str]]
    env: Mapping[str, str] = field(default_factory=dict)


def contenders(jobs: int, node_modules: str | None) -> dict[str, Contender]:
    """Return all by name, in the order of the table.

    Parameters
    ----------
    jobs : int
        Of all but `OURS_ALONE`.
    node_modules : str, optional
        Folder that has sharp in it; by default Node.js looks where it always does.
    """
    every = (
        Contender(f"fastfit, {jobs} jobs", lambda: fastfit.__version__, lambda job: _fastfit(job, job.jobs)),
        Contender("fastfit, 1 job", lambda: fastfit.__version__, lambda job: _fastfit(job, 1)),
        Contender(f"Pillow, {jobs} threads", lambda: version("pillow"), _script("pillow_pool.py")),
        _pyvips(jobs),
        _sharp(jobs, node_modules),
        Contender(f"FFmpeg, {jobs} at a time", _ffmpeg_version, _ffmpeg),
    )
    return dict(zip(NAMES, every, strict=True))


def _fastfit(job: Job, jobs: int) -> list[str]:
    command = [sys.executable, "-m", "fastfit", "fit", str(job.source), "-o", str(job.out)]
    return [*command, "--size", str(job.size), "--format", "jpeg", "--jobs", str(jobs)]


def _script(name: str) -> Callable[[Job], list[str]]:
    # By its path: the package around it imports more than the script should pay for. -P: not what lies beside it.
    return lambda job: [sys.executable, "-P", str(_HERE / name), *job.arguments]


def _pyvips(jobs: int) -> Contender:
    asked = (
        "import pyvips; print(pyvips.__version__, 'libvips', '.'.join(str(pyvips.version(n)) for n in range(3)))"
    )
    return Contender(
        f"pyvips, {jobs} threads",
        lambda: _answer([sys.executable, "-c", asked]),
        _script("pyvips_pool.py"),
        {"VIPS_CONCURRENCY": "1"},
    )


def _sharp(jobs: int, node_modules: str | None) -> Contender:
    env = {"NODE_PATH": os.path.abspath(node_modules)} if node_modules else {}  # noqa: PTH100 - links stay links
    asked = "const {versions} = require('sharp'); console.log(versions.sharp, 'libvips', versions.vips)"
    return Contender(
        f"sharp, {jobs} in flight",
        lambda: _answer(["node", "-e", asked], env),
        lambda job: ["node", str(_HERE / "sharp_pool.js"), *job.arguments],
        env,
    )


def _ffmpeg(job: Job) -> list[str]:
    return ["sh", "-c", _FFMPEG_LOOP, "sh", *job.arguments]


def _ffmpeg_version() -> str:
    return _answer(["ffmpeg", "-version"]).removeprefix("ffmpeg version ").partition(" Copyright")[0]


def _answer(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Return the first line that a program says."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except OSError as error:
        raise MissingError(f"{command[0]}: {error.strerror}") from None
    if ended.returncode:
        words = [line.strip() for line in ended.stderr.splitlines() if "Error" in line]
        raise MissingError(words[0] if words else f"{command[0]}: exit status {ended.returncode}")
    return ended.stdout.partition("\n")[0].strip()
