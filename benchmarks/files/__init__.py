"""``python -m benchmarks files``: whole programs that make a folder of photographs JPEGs, beside fastfit's."""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import fastfit
from benchmarks.files.contenders import NAMES, OURS, Contender, MissingError, contenders
from benchmarks.files.table import Runs, facts, lines
from benchmarks.links import link_photographs
from benchmarks.machine import machine
from benchmarks.photos import photographs
from fastfit.threads import cores
from fastfit.types import Size, as_size

__all__ = ["add_arguments", "run"]

_QUICK = 24
"""Files."""
_NOTES = """\
seconds from the start of the program to its end; CPU is user and system, of all its processes; ratio: of seconds
to those of fastfit with as many jobs, median of the rounds (least to greatest). JPEG quality 95, 4:2:0, Huffman
tables as they come, but for FFmpeg: -q:v 2, and colour as the source has it.
What this does not show: the files are links to few photographs, and in memory: disks and networks take longer.
Programs do unlike work: fastfit, pyvips and sharp let the JPEG decoder shrink, Pillow here and FFmpeg do not;
sharp converts to sRGB; fastfit looks for damage. Their pixels differ; fastfit's and Pillow's least."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--count", type=int, default=1000, help="files, links to the photographs (default: 1000)")
    parser.add_argument("--size", metavar="WxH", default="1280x720", help="of the results (default: 1280x720)")
    parser.add_argument("--jobs", type=int, default=2, help="files that each has at work (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each in turn (default: 3)")
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=NAMES, help=f"of {', '.join(NAMES)}")
    parser.add_argument(
        "--profile", action="store_true", help="instead, tell where the time of fastfit with 1 job goes"
    )
    parser.add_argument("--node-modules", metavar="DIR", help="folder that has sharp in it (default: NODE_PATH)")


def run(options: argparse.Namespace) -> int:
    """Measure and print it; 1 if an output of fastfit's is wrong."""
    if not hasattr(os, "fork"):
        raise SystemExit("files: expected a system that forks, such as Linux or macOS")
    try:
        size = as_size(options.size, "--size")
    except fastfit.SizeError as error:
        raise SystemExit(str(error)) from None
    count, rounds = (_QUICK, 1) if options.quick else (max(1, options.count), max(1, options.rounds))
    photos, jobs = photographs(options.photos)[:count], max(1, options.jobs)
    if options.profile:
        return _profiled(photos, count, size, options.json)
    every = contenders(jobs, options.node_modules)
    chosen, versions, missing = _installed({name: every[name] for name in options.only or every})
    machine_facts = machine()
    print(" · ".join(f"{name} {value}" for name, value in machine_facts.items()), f"· cores {cores()}")
    others = [f"{name} {version}" for name, version in versions.items() if name in ("pyvips", "sharp", "ffmpeg")]
    print(*others, sep=" · ")
    for name, why in missing.items():
        print(f"{name} is left out, not installed: {why}")
    load = os.getloadavg()[0]
    print(f"\n{count} files, {len(photos)} photographs: cover {size}, JPEG; rounds in turn: {rounds}", end="; ")
    print(f"load of the system before: {load:.1f}")
    runs = _measured(chosen, photos, count, rounds, size=size, jobs=jobs)
    print(*lines(runs, count), "", _NOTES, sep="\n")
    if options.json:
        result = {
            "machine": machine_facts,
            "cores": cores(),
            "load": load,
            "missing": missing,
            "versions": versions,
        }
        result |= {"photographs": len(photos), "count": count, "size": str(size), "rounds": rounds, "jobs": jobs}
        result["contenders"] = facts(runs, count)
        Path(options.json).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 1 if any(any(runs[name].faults) for name in runs if name.startswith(OURS)) else 0


def _profiled(photos: Sequence[Path], count: int, size: Size, file: str | None) -> int:
    from benchmarks.files.stages import shares  # which imports the command

    with tempfile.TemporaryDirectory(prefix="fastfit-") as name:
        link_photographs(photos, Path(name) / "files", count)
        seconds = shares(Path(name) / "files", Path(name) / "out", size)
    whole = seconds["whole"]
    for stage, taken in seconds.items():
        print(f"{stage:<7} {taken:8.2f} s {1e3 * taken / count:8.2f} ms an image {100 * taken / whole:6.1f} %")
    print("1 job, in a process that is already there, and with a stopwatch: start-up is not counted")
    if file:
        Path(file).write_text(
            json.dumps({"count": count, "size": str(size), "seconds": seconds}), encoding="utf-8"
        )
    return 0


def _installed(wanted: dict[str, Contender]) -> tuple[dict[str, Contender], dict[str, str], dict[str, str]]:
    """Return those that are installed, their versions, and what ails the others."""
    versions, missing = {}, {}
    for name, contender in wanted.items():
        try:
            versions[name] = contender.version()
        except MissingError as error:
            missing[name] = str(error)
    return {name: wanted[name] for name in versions}, versions, missing


def _measured(
    chosen: dict[str, Contender], photos: Sequence[Path], count: int, rounds: int, *, size: Size, jobs: int
) -> dict[str, Runs]:
    from benchmarks.files.rounds import in_turn  # which needs POSIX

    with tempfile.TemporaryDirectory(prefix="fastfit-") as name:
        folder = Path(name)
        links = link_photographs(photos, folder / "files", count)
        return in_turn(chosen, folder, links, rounds, size=size, jobs=jobs)
