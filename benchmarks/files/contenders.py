"""The programs that are set side by side, each as a command line."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from benchmarks.contenders import Contender, MissingError, fastfit_version, pillow_version
from fastfit.types import Size

__all__ = ["OURS", "OURS_ALONE", "REFERENCE", "Command", "Job", "Program", "contenders"]

OURS, OURS_ALONE, REFERENCE = "fastfit", "fastfit-1", "pillow"
_SHRINKS, _WHOLE = "shrink on load", "whole-pixel crop"
_HERE = Path(__file__).parent
# Names come from the shell, not from `ls`: they may hold anything.
_LOOP = """cd "$1" && printf '%s\\0' * | xargs -0 -P "$5" """
# `-update 1` takes the output's name as it is.
_FFMPEG_LOOP = (
    _LOOP
    + """-I{} ffmpeg -v error -nostdin -threads 1 -i ./{} \
-vf "scale=$3:$4:force_original_aspect_ratio=increase:flags=lanczos,crop=$3:$4" \
-filter_threads 1 -threads 1 -q:v 2 -frames:v 1 -update 1 "$2"/{}.jpg"""
)
# Eight files each: its start is then a small part. Above Q=90 libvips would keep all color by itself.
_THUMBNAIL_LOOP = (
    _LOOP
    + """-n 8 vipsthumbnail --vips-concurrency=1 --size "$3x$4" --smartcrop centre \
-o "$2/%s.jpg[Q=95,subsample_mode=on]" """
)
_VIPS = "import pyvips; print(pyvips.__version__, 'libvips', '.'.join(str(pyvips.version(n)) for n in range(3)))"
_SHARP = "const {versions} = require('sharp'); console.log(versions.sharp, 'libvips', versions.vips)"


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


class Command(NamedTuple):
    """A program to start."""

    arguments: list[str]
    env: Mapping[str, str] = {}
    """Added to the environment."""


Program: TypeAlias = Contender[Callable[[Job], Command]]


def contenders(node_modules: str | None) -> dict[str, Program]:
    """Return all by name, in the order of the table.

    Parameters
    ----------
    node_modules : str, optional
        Folder that has sharp in it; by default Node.js looks where it always does.
    """
    vips = {"VIPS_CONCURRENCY": "1"}
    return {
        OURS: _ours(lambda job: _fastfit(job, job.jobs), _SHRINKS),
        OURS_ALONE: _ours(lambda job: _fastfit(job, 1), _SHRINKS, "1 job"),
        REFERENCE: Contender(_script("pillow_pool.py"), pillow_version, "pip install pillow"),
        "pillow-draft": Contender(
            _script("pillow_pool.py", "draft"), pillow_version, "pip install pillow", (_SHRINKS, "reducing_gap=2")
        ),
        "pyvips": Contender(
            _script("pyvips_pool.py", env=vips),
            lambda: _answer([sys.executable, "-c", _VIPS]),
            'pip install "pyvips[binary]"',
            (_SHRINKS, _WHOLE),
        ),
        "vipsthumbnail": Contender(
            _shell(_THUMBNAIL_LOOP),
            lambda: _answer(["vipsthumbnail", "--version"]).removeprefix("vips-"),
            "apt-get install libvips-tools",
            (_SHRINKS, _WHOLE),
        ),
        "sharp": _sharp(node_modules),
        "ffmpeg": Contender(
            _shell(_FFMPEG_LOOP),
            _ffmpeg_version,
            "apt-get install ffmpeg",
            (_WHOLE, "a process each", "JPEG by -q:v 2"),
        ),
    }


def _ours(make: Callable[[Job], Command], *marks: str) -> Program:
    return Contender(make, fastfit_version, "pip install fastfit", marks)


def _fastfit(job: Job, jobs: int) -> Command:
    command = [sys.executable, "-m", "fastfit", "fit", str(job.source), "-o", str(job.out)]
    return Command([*command, "--size", str(job.size), "--format", "jpeg", "--jobs", str(jobs)])


def _script(name: str, *more: str, env: Mapping[str, str] | None = None) -> Callable[[Job], Command]:
    # By its path: the package around it imports more than the script should pay for. -P: not what lies beside it.
    return lambda job: Command([sys.executable, "-P", str(_HERE / name), *job.arguments, *more], env or {})


def _shell(loop: str) -> Callable[[Job], Command]:
    return lambda job: Command(["sh", "-c", loop, "sh", *job.arguments])


def _sharp(node_modules: str | None) -> Program:
    env = {"NODE_PATH": os.path.abspath(node_modules)} if node_modules else {}  # noqa: PTH100 - links stay links
    return Contender(
        lambda job: Command(["node", str(_HERE / "sharp_pool.js"), *job.arguments], env),
        lambda: _answer(["node", "-e", _SHARP], env),
        "npm install sharp, and --node-modules DIR",
        (_SHRINKS, _WHOLE, "converts to sRGB"),
    )


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
        raise MissingError(f"{command[0]}: exit status {ended.returncode}")
    return ended.stdout.partition("\n")[0].strip()
