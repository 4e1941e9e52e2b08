"""``python -m benchmarks files``: whole programs that make a folder of photographs JPEGs, beside fastfit's."""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import fastfit
from benchmarks.contenders import Found, discover
from benchmarks.files.contenders import OURS, OURS_ALONE, REFERENCE, Command, Job, contenders
from benchmarks.files.profile import profiled
from benchmarks.files.runs import Runs, row
from benchmarks.links import link_photographs
from benchmarks.machine import load, machine
from benchmarks.photos import photographs
from benchmarks.results import Result, Spread
from fastfit.threads import cores
from fastfit.types import Size, as_size

__all__ = ["add_arguments", "found", "measure"]

_QUICK = 12
"""Files."""
_BARS = {REFERENCE: 2.7, "pyvips": 1.5}
"""How many times as fast as others fastfit is to be."""
_NOTES = """\
ms: from the start of a program to its end, start-up included, on as many cores as jobs, where the system lets \
choose; CPU is user and system, of all its processes
Errors: of the decoded JPEGs, from those of Pillow: the largest, least share of equal samples, least PSNR and SSIM
JPEG quality 95, 4:2:0, Huffman tables as they come, but for FFmpeg: -q:v 2, and color as the source has it
Peak memory: all processes together, in a run of its own, 20 looks a second; RSS counts what they share for each
What this does not show: the files are links to few photographs, and in memory: disks and networks take longer
Programs do unlike work, see the last column; besides, fastfit looks for damage, which no other does"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--count", type=int, default=1000, help="files, links to the photographs (default: 1000)")
    parser.add_argument("--size", metavar="WxH", default="1280x720", help="of the results (default: 1280x720)")
    parser.add_argument("--jobs", type=int, default=2, help="files that each has at work (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each in turn (default: 3)")
    parser.add_argument(
        "--profile", action="store_true", help="instead, tell where the time of fastfit with 1 job goes"
    )
    parser.add_argument("--node-modules", metavar="DIR", help="folder that has sharp in it (default: NODE_PATH)")


def found(options: argparse.Namespace) -> Found[Callable[[Job], Command]]:
    """Tell which programs are installed."""
    return discover(contenders(options.node_modules), options.against, (OURS, REFERENCE))


def measure(options: argparse.Namespace) -> Result:
    """Compare and time the programs, or tell where the time of fastfit goes."""
    if not hasattr(os, "fork"):
        raise SystemExit("files: expected a system that forks, such as Linux or macOS")
    try:
        size = as_size(options.size, "--size")
    except fastfit.SizeError as error:
        raise SystemExit(str(error)) from None
    count, rounds = (_QUICK, 1) if options.quick else (max(1, options.count), max(1, options.rounds))
    photos, jobs = photographs(options.photos)[:count], max(1, options.jobs)
    work = {"size": str(size), "count": count, "photographs": len(photos)}
    if options.profile:
        return profiled(photos, count, size, work)
    there, before = found(options), load()
    with tempfile.TemporaryDirectory(prefix="fastfit-") as name:
        from benchmarks.files.rounds import in_turn  # which needs POSIX

        links = link_photographs(photos, Path(name) / "files", count)
        runs = in_turn(there.present, Path(name), links, rounds, size=size, jobs=jobs)
    result = Result(
        benchmark="files",
        title=f"whole programs make {count} files, links to {len(photos)} photographs, JPEGs: cover {size}, "
        f"{jobs} at a time; rounds in turn: {rounds}",
        reference=REFERENCE,
        rows=tuple(
            row(_case(size), name, each, count, there.present[name].marks)
            for name, each in runs.items()
            if not each.wrong
        ),
        options={**work, "jobs": jobs},
        machine={**machine(), "cores": str(cores())},
        versions=there.versions,
        missing=there.missing,
        load=(before, load()),
        faults=tuple(_faults(runs)),
    )
    return _noted(result, runs, jobs)


def _case(size: Size) -> str:
    return f"files → {size}"


def _faults(runs: Mapping[str, Runs]) -> Iterator[str]:
    for name in (OURS, OURS_ALONE):
        if name in runs and any(runs[name].faults):
            yield f"{name}: {runs[name].faults}, of {runs[name].outputs} outputs"


def _noted(result: Result, runs: Mapping[str, Runs], jobs: int) -> Result:
    """Return a result with notes on what it says of fastfit, and on whom it leaves out."""
    return replace(result, notes=(*_left_out(runs), *_reached(result, jobs), *_NOTES.splitlines()))


def _left_out(runs: Mapping[str, Runs]) -> Iterator[str]:
    for name, each in runs.items():
        if each.wrong:
            yield f"{name} is not called fast or slow: {each.faults}, of {each.outputs} outputs"


def _reached(result: Result, jobs: int) -> Iterator[str]:
    for name, bar in _BARS.items():
        speed = _beside(result, OURS, name)
        if speed is not None:
            said = "reached" if speed.median >= bar else "not reached"
            yield f"fastfit beside {name}: {_times(speed)}, bar {bar}: {said}"
    gain = _beside(result, OURS, OURS_ALONE)
    if gain is not None:
        yield f"{jobs} jobs do {gain.median:.2f} times the work of one"


def _beside(result: Result, contender: str, other: str) -> Spread | None:
    rows = [row for row in result.rows if row.contender == contender]
    return result.speed(rows[0], other) if rows else None


def _times(speed: Spread) -> str:
    return f"{speed.median:.2f} times as fast ({speed.least:.2f} to {speed.greatest:.2f})"
