"""The axis of whole programs: files, and workers that share them. POSIX only."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np

import fastfit
from benchmarks.correctness import worst
from benchmarks.files.contenders import Job, contenders
from benchmarks.files.outputs import all_compared
from benchmarks.links import link_photographs
from benchmarks.processes import finish
from benchmarks.results import Correctness
from benchmarks.threads import on_cores
from benchmarks.timing import Taken, timed
from fastfit.threads import single_threaded
from fastfit.types import Size

__all__ = ["PROGRAMS", "SIZE", "Ran", "in_turn"]

PROGRAMS = ("pillow", "fastfit", "pyvips")
SIZE = Size(1280, 720)
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]
_SHRUNK = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    1: cv2.IMREAD_COLOR,
}


class Ran(NamedTuple):
    """A program, or the floor, with one number of workers."""

    name: str
    jobs: int
    taken: Taken
    correctness: Correctness | None
    """The worst of all photographs beside Pillow's; None of the floor."""


def in_turn(
    names: Sequence[str], photos: Sequence[Path], count: int, jobs: Sequence[int], rounds: int
) -> list[Ran]:
    """Run each program, and decode and encode alone, once a round, with each number of workers.

    Parameters
    ----------
    names : sequence of str
        Of `PROGRAMS`.
    photos : sequence of Path
        Linked to in turn.
    count : int
        Of files.
    jobs : sequence of int
        Numbers of workers, each on as many cores.
    rounds : int
        Before them each program runs once, and what it wrote is compared.
    """
    with tempfile.TemporaryDirectory(prefix="fastfit-") as name:
        folder = Path(name)
        links = link_photographs(photos, folder / "files", count)
        first = link_photographs(photos, folder / "first", len(photos))
        wrote = {each: _made(each, first[0].parent, folder / each) for each in names}
        against: dict[str, Correctness | None] = {each: _worst(wrote[each], wrote["pillow"]) for each in names}
        floor = _Floor(links)
        ran = []
        for number in jobs:
            calls = {each: _run(each, links[0].parent, folder, number) for each in names}
            calls["floor"] = lambda number=number: floor.times(number)  # type: ignore[misc]
            taken = _interleaved(calls, rounds)
            ran += [Ran(each, number, taken[each], against.get(each)) for each in calls]
    return ran


_Times: TypeAlias = tuple[float, float]
"""Seconds by the clock, and of processor time."""


def _interleaved(calls: Mapping[str, Callable[[], _Times]], rounds: int) -> dict[str, Taken]:
    taken: dict[str, list[_Times]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(call())
    return {name: Taken(*zip(*each, strict=True)) for name, each in taken.items()}


def _run(name: str, source: Path, folder: Path, jobs: int) -> Callable[[], _Times]:
    def call() -> _Times:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            return _times(name, source, Path(out), jobs)

    return call


def _made(name: str, source: Path, out: Path) -> Path:
    out.mkdir()
    _times(name, source, out, 1)
    return out


def _times(name: str, source: Path, out: Path, jobs: int) -> _Times:
    log = out.parent / "log"
    command = contenders(None)[name].make(Job(source, out, SIZE, jobs))
    with on_cores(jobs):
        usage = finish(command.arguments, log, command.env)
    if usage.status:
        raise SystemExit(f"{name}: exit status {usage.status}: {log.read_text(encoding='utf-8')[-500:]}")
    return usage.seconds, usage.cpu


def _worst(out: Path, expected: Path) -> Correctness:
    """Compare each picture with Pillow's."""
    found = all_compared(out, expected)
    return worst(found) if len(found) == len(list(expected.iterdir())) else Correctness(exact_size=False)


class _Floor:
    """Decoding alone, as small as the decoder can and the size allows, and encoding of results that are there."""

    def __init__(self, links: Sequence[Path]) -> None:
        self.links = links
        spec = fastfit.Fit(SIZE, channels=3)
        sources = {link.resolve() for link in links}
        self.results = {path: spec(fastfit.decode(path.read_bytes())[0]) for path in sources}
        self.flags = {path: _flag(path) for path in sources}

    def times(self, jobs: int) -> _Times:
        with on_cores(jobs), single_threaded(), ThreadPoolExecutor(jobs) as pool:
            return timed(lambda: list(pool.map(self._codec, self.links)), 1)

    def _codec(self, link: Path) -> None:
        path = link.resolve()
        cv2.imdecode(np.frombuffer(link.read_bytes(), np.uint8), self.flags[path])
        cv2.imencode(".jpg", self.results[path], _QUALITY)


def _flag(path: Path) -> int:
    info = fastfit.probe(path.read_bytes())
    if not info or not info.size or info.format != "jpeg":
        return cv2.IMREAD_COLOR
    factor = min(info.size.width / SIZE.width, info.size.height / SIZE.height)
    return next((flag for shrink, flag in _SHRUNK.items() if shrink <= factor), cv2.IMREAD_COLOR)
