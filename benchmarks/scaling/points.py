"""The points of an axis, measured: rows with the floor beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from benchmarks.contenders import Contender
from benchmarks.correctness import stacks_compared
from benchmarks.results import Row, Spread
from benchmarks.scaling.axes import Axis, Case
from benchmarks.scaling.contenders import Make
from benchmarks.scaling.floor import Reader, floor
from benchmarks.scaling.slope import slope
from benchmarks.threads import on_cores
from benchmarks.timing import interleaved
from fastfit.types import Image

__all__ = ["FLOOR", "REFERENCE", "along", "finished"]

REFERENCE, FLOOR = "pillow", "floor"
_LEAST = 2e-3
"""Seconds of a round: calls that take less are repeated."""


def along(
    name: str,
    axis: Axis,
    photo: Image,
    makes: Mapping[str, Contender[Make]],
    read: Reader,
    *,
    rounds: int,
    quick: bool,
) -> list[Row]:
    """Measure the points of an axis in turn, and at each of them the floor and all contenders.

    Parameters
    ----------
    name : str
        Of the axis; the case of a row begins with it.
    axis : Axis
    photo : ndarray, (H, W, 3) of uint8
        What is fitted, scaled.
    makes : mapping
        The contenders, the reference among them.
    read : callable
        Reads memory.
    rounds : int
    quick : bool
        Fewer points.
    """
    rows = []
    for case in axis.cases(quick):
        with on_cores(case.threads):
            rows += _point(f"{name} {case.label}", case, photo, makes, read, rounds)
    return finished(rows)


def _point(
    label: str, case: Case, photo: Image, makes: Mapping[str, Contender[Make]], read: Reader, rounds: int
) -> list[Row]:
    work = case.work(photo)
    made = {name: contender.make(work) for name, contender in makes.items()}
    expected = _stack(made[REFERENCE]())
    found = {name: stacks_compared(expected, _stack(call())) for name, call in made.items()}
    calls: dict[str, Callable[[], object]] = {FLOOR: floor(work, read), **made}
    times = interleaved(calls, rounds, _LEAST)
    marks = {FLOOR: ("reads only",)} | {name: tuple(contender.marks) for name, contender in makes.items()}
    return [
        Row(label, name, taken.seconds, found.get(name), marks[name], facts={"x": case.x}, cpu=taken.cpu)
        for name, taken in times.items()
    ]


def finished(rows: Sequence[Row]) -> list[Row]:
    """Return an axis' rows with what only all of them tell: the slope, and the floor's share.

    Parameters
    ----------
    rows : sequence of Row
        With x among their facts.
    """
    slopes = {
        each: _slope([row for row in rows if row.contender == each]) for each in {row.contender for row in rows}
    }
    floors = {row.case: row for row in rows if row.contender == FLOOR}
    return [
        replace(row, facts={**row.facts, "slope": slopes[row.contender], "floor %": _share(row, floors[row.case])})
        for row in rows
    ]


def _slope(rows: Sequence[Row]) -> float:
    grown = [row for row in rows if row.case != "shrink 1×"]  # which is a copy
    return slope([row.facts["x"] for row in grown], [row.median for row in grown])


def _share(row: Row, least: Row) -> float:
    return 100 * Spread.of([a / b for a, b in zip(least.seconds, row.seconds, strict=True)]).median


def _stack(result: Image) -> Image:
    """Return an image as a batch of one, and a batch as it is."""
    return result.reshape(-1, *result.shape[-3:])
