"""``python -m benchmarks scaling``: what cost grows with, beside the least that physics asks for."""

import argparse
import os
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.contenders import Found, discover
from benchmarks.machine import load, machine
from benchmarks.photos import largest, photographs, read_rgb
from benchmarks.results import Result, Row
from benchmarks.scaling.axes import AXES, counts
from benchmarks.scaling.contenders import CONTENDERS, ONE_POOL, Make
from benchmarks.scaling.floor import Reader, fastest_reader
from benchmarks.scaling.points import FLOOR, REFERENCE, along, finished
from benchmarks.timing import one_core
from fastfit.threads import single_threaded
from fastfit.types import Image

if typing.TYPE_CHECKING:
    from benchmarks.scaling.programs import Ran

__all__ = ["add_arguments", "found", "measure"]

_JOBS = "jobs"
_QUICK_FILES, _FILES = 24, 200
_NOTES = """\
slope: the exponent of x by which seconds grow, least squares over the axis (without shrink 1×, a copy)
floor %: what the floor takes of the contender's seconds: to read each byte of the source once from memory; \
of jobs to decode, at the smallest scale that holds the result, and encode, in threads, without a program's start
source, target and shrink: one image, array to array, one core; batch: one core, results in one array
not shown: the photograph is scaled to each size, so large sources are smoother than photographs are; sources \
of a megabyte and less, and batches of few, stay in caches, for the floor as for contenders"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    names = (*AXES, _JOBS)
    parser.add_argument(
        "--axes", metavar="NAME", nargs="+", choices=names, default=names, help=f"of {', '.join(names)}"
    )
    parser.add_argument("--rounds", type=int, default=7, help="runs of each in turn; of programs 3 at most")


def found(options: argparse.Namespace) -> Found[Make]:
    """Tell who is installed."""
    return discover(CONTENDERS, options.against, (REFERENCE, "fastfit"))


def measure(options: argparse.Namespace) -> Result:
    """Measure all points of the axes."""
    there = found(options)
    rounds = 3 if options.quick else max(1, options.rounds)
    paths, before = photographs(options.photos), load()
    path = largest(paths)
    photo = read_rgb(path)
    name, read = fastest_reader()
    rows, notes = [], [*_NOTES.splitlines(), f"memory is read by {name}, the fastest of four ways here"]
    for axis in (name for name in AXES if name in options.axes):
        rows += _along(axis, photo, there, read, rounds, options.quick)
        notes.append(f"{axis}: x is {AXES[axis].title}")
    if ONE_POOL in there.present and "cores" in options.axes:
        notes.append(f"cores: {ONE_POOL} is left out, its number of threads is set once for a process")
    if _JOBS in options.axes:
        more, note = _programs(there, paths, options.quick, min(rounds, 1 if options.quick else 3))
        rows += more
        notes.append(note)
    return Result(
        "scaling",
        "Lanczos, stretch, RGB of 8 bits: seconds against sizes, batches and cores",
        REFERENCE,
        tuple(rows),
        {"photograph": path.name, "files": _QUICK_FILES if options.quick else _FILES},
        machine(),
        there.versions,
        there.missing,
        (before, load()),
        tuple(notes),
        tuple(_faults(rows)),
    )


def _along(axis: str, photo: Image, there: Found[Make], read: Reader, rounds: int, quick: bool) -> list[Row]:
    makes = {name: each for name, each in there.present.items() if (axis, name) != ("cores", ONE_POOL)}
    with single_threaded() if axis == "cores" else one_core():
        for contender in makes.values():
            if contender.pin:
                contender.pin(1)
        return along(axis, AXES[axis], photo, makes, read, rounds=rounds, quick=quick)


def _programs(there: Found[Make], paths: Sequence[Path], quick: bool, rounds: int) -> tuple[list[Row], str]:
    """Measure the axis of programs; say what x is, or why there is none."""
    if not hasattr(os, "fork"):
        return [], "jobs is left out: this system does not fork"
    from benchmarks.scaling.programs import PROGRAMS, SIZE, in_turn  # which needs POSIX

    count = _QUICK_FILES if quick else _FILES
    names = [name for name in PROGRAMS if name in there.present]
    rows = finished([_row(ran) for ran in in_turn(names, paths[:count], count, counts(), rounds)])
    return rows, f"jobs: x is workers of fastfit fit, or threads, {count} files to JPEGs, cover {SIZE}"


def _row(ran: "Ran") -> Row:
    marks = {FLOOR: ("decodes and encodes only",), REFERENCE: ()}.get(ran.name, ("shrink on load",))
    facts = {"x": ran.jobs}
    return Row(
        f"jobs {ran.jobs}", ran.name, ran.taken.seconds, ran.correctness, marks, facts=facts, cpu=ran.taken.cpu
    )


def _faults(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        found = row.correctness
        if row.contender != "fastfit" or found is None:
            continue
        if not found.exact_size:
            yield f"{row.case}: another size, or nothing"
        elif found.identical < 1 and not row.marks:
            yield f"{row.case}: {found.largest:.0f} levels from Pillow's"
