"""``python -m benchmarks arrays``: make an array one of another size, beside Pillow and whoever else can."""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import cv2

import fastfit
from benchmarks.contenders import Contender, Found, discover
from benchmarks.contenders.arrays import (
    BESIDE,
    CONTENDERS,
    FILTERS,
    HEED_ALL,
    OURS,
    OURS_COLD,
    REFERENCE,
    REFERENCE_COLD,
    Make,
    Task,
)
from benchmarks.contenders.cold import Cold
from benchmarks.correctness import aliasing, compared, fault, plates, worst
from benchmarks.grid import measure_grid
from benchmarks.machine import load, machine
from benchmarks.photos import largest, photographs, read_rgb
from benchmarks.results import Correctness, Result, Row
from benchmarks.threads import pinned
from benchmarks.timing import interleaved
from fastfit.types import Image, Size

__all__ = ["add_arguments", "found", "measure"]

SOURCES = (Size(500, 375), Size(1024, 768), Size(1920, 1080), Size(4032, 3024), Size(6000, 4000))
TARGETS = (Size(224, 224), Size(512, 512), Size(1280, 720), Size(1792, 1024))
_QUICK_SOURCES, _QUICK_TARGETS, _QUICK_ROUNDS = SOURCES[:3], TARGETS[::2], 3
_SHORTEST = 2e-2
"""Seconds of a round: quicker calls are repeated, so that what others leave in the caches counts little."""
_LONGEST, _QUICK_LONGEST = 5.0, 1.0
"""Seconds: whoever takes longer for one image is left out of the case."""
_SIZES_COMPARED = 3
"""Of those that each call has anew."""
_FIRST = 40
"""Rows of the grid that are printed. The others are in the JSON file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--mode", choices=("cover", "pad", "stretch"), default="stretch")
    parser.add_argument(
        "--resample", choices=FILTERS, help="of Pillow and fastfit (default: lanczos; of --grid all)"
    )
    parser.add_argument(
        "--grid",
        action="store_true",
        help="instead, Pillow and fastfit on sizes, types and filters of all kinds, stretched",
    )
    parser.add_argument("--threads", type=int, default=1, help="of every library, and cores (default: 1)")
    parser.add_argument("--rounds", type=int, default=11, help="runs of each in turn (default: 11)")


def found(options: argparse.Namespace) -> Found[Make]:
    """Look which contenders are there."""
    every = {name: CONTENDERS[name] for name in (REFERENCE, OURS)} if options.grid else CONTENDERS
    beside = [BESIDE[name] for name in options.against or () if name in BESIDE]
    return discover(every, options.against, (REFERENCE, OURS, *beside))


def measure(options: argparse.Namespace) -> Result:
    """Measure every contender on every pair of sizes."""
    path = largest(photographs(options.photos))
    photo = read_rgb(path)
    work = {"grid": options.grid, "photograph": path.name, "resample": _resample(options)}
    work |= {"threads": options.threads} if options.grid else {"mode": options.mode, "threads": options.threads}
    with pinned(options.threads) as pins:
        there = found(options)
        for contender in there.present.values():
            if contender.pin:
                contender.pin(options.threads)
        before = load()
        rows, notes, faults = _measured(photo, there.present, options)
        after = load()
    result = Result(
        benchmark="arrays",
        title=_title(options),
        reference=REFERENCE,
        rows=tuple(rows),
        options=work,
        machine=machine(),
        versions=there.versions,
        missing=there.missing,
        load=(before, after),
        faults=tuple(faults),
        first=_FIRST if options.grid else 0,
    )
    return replace(result, notes=(*_beside(result), *_notes(options, pins), *notes))


def _resample(options: argparse.Namespace) -> str:
    return options.resample or ("all" if options.grid else "lanczos")


def _title(options: argparse.Namespace) -> str:
    if options.grid:
        return f"sizes and types of all kinds, array to array: stretch, {_resample(options)} filters"
    return f"one photograph in many sizes, array to array: {options.mode}, {_resample(options)}"


def _measured(
    photo: Image, contenders: Mapping[str, Contender[Make]], options: argparse.Namespace
) -> tuple[list[Row], list[str], list[str]]:
    """Return rows, what was left out, and what is wrong with fastfit's."""
    rounds = _QUICK_ROUNDS if options.quick else max(1, options.rounds)
    if options.grid:
        filters = [options.resample] if options.resample else list(FILTERS)
        return measure_grid(photo, filters, rounds, quick=options.quick)
    rows: list[Row] = []
    notes: list[str] = []
    sources, targets = (_QUICK_SOURCES, _QUICK_TARGETS) if options.quick else (SOURCES, TARGETS)
    longest = _QUICK_LONGEST if options.quick else _LONGEST
    plates = _Plates(contenders)
    for source in sources:
        scaled = cv2.resize(photo, source, interpolation=cv2.INTER_AREA)
        for target in targets:
            task = Task(target, options.mode, options.resample or "lanczos")
            done, left_out = _case(scaled, task, contenders, plates, rounds, longest)
            rows += done
            notes += left_out
    return rows, notes, [wrong for row in rows if row.contender in (OURS, OURS_COLD) and (wrong := fault(row))]


def _case(
    image: Image,
    task: Task,
    contenders: Mapping[str, Contender[Make]],
    plates: "_Plates",
    rounds: int,
    longest: float,
) -> tuple[list[Row], list[str]]:
    """Compare all on one pair of sizes, then time them."""
    source = Size(image.shape[1], image.shape[0])
    case, notes = f"{source} to {task.size}", []
    made = {name: contender.make(image, task) for name, contender in contenders.items()}
    calls: dict[str, Callable[[], Image]] = {}
    correctness: dict[str, Correctness] = {}
    expected = made[REFERENCE]()
    for name, call in made.items():
        theirs = made[BESIDE.get(name, name)]
        if isinstance(call, Cold) and isinstance(theirs, Cold):
            calls[name], correctness[name] = call, _all_compared(theirs, call)
            continue
        output, taken = _timed(call)
        if taken > longest:
            taken = _timed(call)[1]  # the first may have loaded a library
        if taken > longest and name not in (REFERENCE, OURS):
            notes.append(f"{case}: {name} is left out, it takes {taken:.1f} s")
            continue
        calls[name] = call
        correctness[name] = compared(expected, output, plates.aliasing(name, source, task))
    times = interleaved(calls, rounds, _SHORTEST)
    rows = [
        Row(
            case,
            name,
            times[name].seconds,
            correctness[name],
            _marks(name, contenders[name], task),
            cpu=times[name].cpu,
            beside=BESIDE.get(name, ""),
        )
        for name in calls
    ]
    return rows, notes


def _all_compared(expected: Cold, got: Cold) -> Correctness:
    """Compare results of a few of the sizes that the calls go through."""
    pairs = zip(expected.each(_SIZES_COMPARED), got.each(_SIZES_COMPARED), strict=True)
    return worst([compared(theirs, own) for theirs, own in pairs])


def _timed(call: Callable[[], Image]) -> tuple[Image, float]:
    start = time.perf_counter()
    output = call()
    return output, time.perf_counter() - start


def _marks(name: str, contender: Contender[Make], task: Task) -> tuple[str, ...]:
    crops = task.mode == "cover" and name not in HEED_ALL
    return (*contender.marks, *(["crop in whole pixels"] * crops))


class _Plates:
    """Aliasing of each contender, measured once for equal plates."""

    def __init__(self, contenders: Mapping[str, Contender[Make]]) -> None:
        self.contenders = contenders
        self.figures: dict[tuple[str, Size, Size], float] = {}

    def aliasing(self, name: str, source: Size, task: Task) -> float:
        plan = fastfit.plan(source, task.size, task.mode)
        sizes = plates(Size(round(plan.crop.width), round(plan.crop.height)), plan.inner_size)
        if sizes is None:
            return math.nan
        key = (name, *sizes)
        if key not in self.figures:
            make = self.contenders[name].make
            stretch = replace(task, size=sizes[1], mode="stretch")
            self.figures[key] = aliasing(lambda plate: make(plate, stretch)(), *sizes)
        return self.figures[key]


def _beside(result: Result) -> Iterator[str]:
    """Yield how fast fastfit is beside each of the others, the reference apart: that the tables tell."""
    for own in (OURS, f"{OURS}-gap"):
        apart = (REFERENCE, REFERENCE_COLD, OURS, OURS_COLD, f"{OURS}-gap")
        others = [name for name in result.contenders if name not in apart]
        means = {other: mean for other in others for mean in result.means(beside=other) if mean.contender == own}
        if means:
            told = (
                f"{other} {mean.speed:.2f} ({mean.least:.2f} to {mean.greatest:.2f})"
                for other, mean in means.items()
            )
            yield f"{own}, how many times as fast as others, geometric mean (least to greatest): {', '.join(told)}"


def _notes(options: argparse.Namespace, pins: str) -> Iterator[str]:
    yield f"{pins}; Pillow and scikit-image use one thread whatever --threads"
    yield "fastfit's weights are cached; Pillow computes them each time"
    if not options.grid:
        yield (
            f"{OURS_COLD} and {REFERENCE_COLD}: each call gets an image of another width and height, up to 32 "
            "pixels more or less; no cache has seen that size; both get the same images"
        )
        yield "error: from Pillow's result; aliasing: RMS of what a size shows of too fine patterns, in levels"
    yield "what this does not show: files, whose decoding takes longer than this; images that are not in the cache"
    if _resample(options) != "lanczos" and not options.grid:
        yield f"--resample is for {', '.join(HEED_ALL)}; the others have their own filters"
