"""``python -m benchmarks batch``: make a stack of equal arrays one of another size, beside loops and threads."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.contenders import Contender, Found, discover
from benchmarks.contenders.arrays import OURS, REFERENCE, Make, Task
from benchmarks.contenders.batches import BATCH_CONTENDERS, ONE_THREAD
from benchmarks.correctness import fault, stacks_compared
from benchmarks.machine import load, machine
from benchmarks.photos import photographs, read_rgb
from benchmarks.results import Result, Row, read
from benchmarks.threads import pinned
from benchmarks.timing import interleaved
from fastfit.threads import cores
from fastfit.types import Image, Size

__all__ = ["add_arguments", "found", "measure"]

_COUNTS = (1, 8, 64)
_PAIRS = (
    (Size(500, 375), Size(224, 224)),
    (Size(1024, 768), Size(224, 224)),
    (Size(1920, 1080), Size(512, 512)),
    (Size(1920, 1080), Size(1280, 720)),
)
_QUICK_PAIRS, _QUICK_ROUNDS = _PAIRS[:1], 3
_SHORTEST = 2e-3
_RATE = "images/s"
_NOTES = (
    "pillow, opencv-area and kornia-rs do image after image, the last two in threads of their own, if any",
    "each number of threads has a process of its own, for some libraries never change it",
    "means are over the cases of one thread: in the others Pillow has one, and those beside it more",
    "error: of the image that is furthest from Pillow's",
    "what this does not show: files, whose decoding takes longer than this; images of mixed sizes",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    both = "1,2" if cores() > 1 else "1"
    parser.add_argument(
        "--threads", metavar="N,…", type=_numbers, default=both, help=f"of each, and cores (default: {both})"
    )
    parser.add_argument("--rounds", type=int, default=7, help="runs of each in turn (default: 7)")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def found(options: argparse.Namespace) -> Found[Make]:
    """Look which contenders are there."""
    return discover(BATCH_CONTENDERS, options.against, (REFERENCE, OURS))


def measure(options: argparse.Namespace) -> Result:
    """Measure every contender on stacks of several sizes, with each number of threads."""
    if len(options.threads) == 1:
        return _measured(options, options.threads[0])
    parts = [_apart(options, threads) for threads in options.threads]
    return replace(
        parts[0],
        rows=tuple(row for part in parts for row in part.rows),
        options={**parts[0].options, "threads": options.threads},
        load=(parts[0].load[0], parts[-1].load[1]),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        faults=tuple(fault for part in parts for fault in part.faults),
    )


def _apart(options: argparse.Namespace, threads: int) -> Result:
    """Measure with one number of threads, in another process."""
    with tempfile.TemporaryDirectory(prefix="fastfit-") as folder:
        file = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks", "batch", "--threads", str(threads), "--json", str(file)]
        command += ["--rounds", str(options.rounds), *["--quick"] * options.quick]
        command += ["--photos", options.photos] if options.photos else []
        command += ["--against", ",".join(options.against)] if options.against is not None else []
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if not file.exists():
            raise SystemExit(ended.stderr.strip())
        return read(file)[0]


def _measured(options: argparse.Namespace, threads: int) -> Result:
    photos = [read_rgb(path) for path in photographs(options.photos)[: _COUNTS[-1]]]
    with pinned(threads) as pins:
        there = found(options)
        for contender in there.present.values():
            if contender.pin:
                contender.pin(threads)
        before = load()
        rows = list(_rows(photos, there.present, threads, options))
        after = load()
    return Result(
        benchmark="batch",
        title="stacks of equal images, array to array: stretch, lanczos",
        reference=REFERENCE,
        rows=tuple(rows),
        options={"photographs": len(photos), "threads": [threads]},
        machine=machine(),
        versions=there.versions,
        missing=there.missing,
        load=(before, after),
        notes=(pins, *_NOTES),
        faults=tuple(wrong for row in rows if row.contender == OURS and (wrong := fault(row))),
    )


def _rows(
    photos: Sequence[Image],
    contenders: Mapping[str, Contender[Make]],
    threads: int,
    options: argparse.Namespace,
) -> Iterator[Row]:
    rounds = _QUICK_ROUNDS if options.quick else max(1, options.rounds)
    for source, target in _QUICK_PAIRS if options.quick else _PAIRS:
        scaled = [cv2.resize(photo, source, interpolation=cv2.INTER_AREA) for photo in photos]
        for count in _COUNTS[: 2 if options.quick else None]:
            stack = np.stack([scaled[index % len(scaled)] for index in range(count)])
            case = f"{count} of {source} to {target}, {threads} thread{'s' * (threads > 1)}"
            task = Task(target, threads=threads)
            calls = {name: each.make(stack, task) for name, each in contenders.items()}
            expected = calls[REFERENCE]()
            correctness = {name: stacks_compared(expected, call()) for name, call in calls.items()}
            times = interleaved(calls, rounds, _SHORTEST)
            for name in calls:
                marks = (*contenders[name].marks, *(["one thread"] * (threads > 1 and name in ONE_THREAD)))
                row = Row(case, name, times[name].seconds, correctness[name], marks, cpu=times[name].cpu)
                yield replace(row, facts={_RATE: count / row.median})
