"""``python -m benchmarks loader``: make normalized tensors, beside Pillow, OpenCV, torch and kornia-rs."""

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import fastfit
from benchmarks.contenders import Found, discover
from benchmarks.loader.case import Case, measured
from benchmarks.loader.contenders import ARRAYS, BYTES, CONTENDERS, EXACT, LATER, OPENCV, OURS, PILLOW, Makers
from benchmarks.loader.pictures import pictured
from benchmarks.loader.threads import MOST, threaded
from benchmarks.machine import load, machine
from benchmarks.photos import photographs, read_rgb
from benchmarks.results import Result, Spread
from fastfit.types import as_size

__all__ = ["add_arguments", "found", "measure"]

# How many times as fast as others fastfit is to be, and as the mean of photographs.
_BARS = {ARRAYS: {PILLOW: 2.5, LATER: 1.0}, BYTES: {PILLOW: 2.5, OPENCV: 1.3}}
_NOTES = """\
cover, Lanczos but where marked; float32, CHW, normalized
Each contender in its own process, on one core; threads on as many as they are
ms: all photographs, each made once in each round, by one contender after the other; weights and code are warm
threads, PIL: ms of a call that does all images, which are in memory; again and again for 0.2 s in each round
Errors: of 8-bit levels, from those of Pillow: the largest, least share of equal samples, least PSNR and SSIM
Peak memory: of the process, since its start, with one photograph at a time
What this does not show: reading files, processes beside each other, and batches: what surrounds a data loader"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--size", metavar="WxH", default="224x224", help="of the tensors (default: 224x224)")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each in turn (default: 7)")
    parser.add_argument("--threads", type=int, default=2, help="of Pillow and fit_many, beside one (default: 2)")
    parser.add_argument("--verbose", action="store_true", help="a row for each photograph, not for all together")


def found(options: argparse.Namespace) -> Found[Makers]:
    """Tell which libraries are installed."""
    return discover(CONTENDERS, options.against, (OURS, EXACT, PILLOW))


def measure(options: argparse.Namespace) -> Result:
    """Compare and time from arrays, from files, in threads and from Pillow's pictures."""
    try:
        size = as_size(options.size, "--size")
    except fastfit.SizeError as error:
        raise SystemExit(str(error)) from None
    photos = photographs(options.photos)[: 3 if options.quick else None]
    rounds, threads = 3 if options.quick else max(1, options.rounds), max(1, options.threads)
    there, before = found(options), load()
    with tempfile.TemporaryDirectory(prefix="fastfit-") as name:
        folder = Path(name)
        cases = [
            measured(case, there.present, photos, folder, rounds=rounds, size=size) for case in (ARRAYS, BYTES)
        ]
        images = [read_rgb(photo) for photo in photos[:MOST]]
        many = threaded(images, folder, rounds=rounds, size=size, threads=threads, quick=options.quick)
        pictures = pictured(images, folder, rounds=rounds, size=size, quick=options.quick)
    rows = [row for case in cases for row in case.rows(there.present, each=options.verbose)]
    return Result(
        benchmark="loader",
        title=f"tensors of {size}, of {len(photos)} photographs; rounds in turn: {rounds}",
        reference=PILLOW,
        rows=(*rows, *many.rows, *pictures.rows),
        options={"size": str(size), "photographs": len(photos), "threads": threads},
        machine=machine(),
        versions=there.versions,
        missing=there.missing,
        load=(before, load()),
        notes=(*_left_out(cases), *_reached(cases), *many.notes, *pictures.notes, *_NOTES.splitlines()),
        faults=(*(fault for case in cases for fault in case.faults), *many.faults, *pictures.faults),
    )


def _left_out(cases: Sequence[Case]) -> Iterator[str]:
    for case in cases:
        yield from (f"{case.name}: {name} is left out, {said}" for name, said in case.left_out.items())


def _reached(cases: Sequence[Case]) -> Iterator[str]:
    """Hold the bars against the means of photographs."""
    for case in cases:
        for other, bar in _BARS[case.name].items():
            ratios, nearer = _ratios(case, other), _nowhere_further(case, other)
            if ratios:
                mean = statistics.geometric_mean(ratios)
                said = "reached" if mean >= bar and (nearer or other != OPENCV) else "not reached"
                between = f"{min(ratios):.2f} to {max(ratios):.2f}"
                yield f"{case.name}: fastfit is {mean:.2f} times as fast as {other} ({between}), bar {bar}: {said}"


def _ratios(case: Case, other: str) -> list[float]:
    """Return another's time over fastfit's, of each photograph the median of the rounds."""
    pairs = zip(case.of(OURS), case.of(other), strict=False)  # one of them may be left out
    return [
        Spread.of(
            [their / own for their, own in zip(theirs.taken.seconds, ours.taken.seconds, strict=True)]
        ).median
        for ours, theirs in pairs
    ]


def _nowhere_further(case: Case, other: str) -> bool:
    """Tell whether fastfit is nowhere further from Pillow than another."""
    pairs = zip(case.of(OURS), case.of(other), strict=False)
    return all(ours.correctness.psnr >= theirs.correctness.psnr for ours, theirs in pairs)
