"""What a page shows of results: small tables, each with a name."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from benchmarks.results import Result, Row, Spread, differ

__all__ = ["BLOCKS", "PLOT", "machine_of"]

Block: TypeAlias = Callable[[Result], Iterator[str]]

_UNLIKE = "differs from Pillow by"
PLOT = "-plot"
"""What the name of a block ends in that is a picture; before it stands the benchmark."""


def _means(result: Result) -> Iterator[str]:
    """Yield each contender's mean speed."""
    head = ["", _head(result), "least to greatest", "cells measured", "least PSNR, dB", "aliasing, worst", _UNLIKE]
    rows = []
    for mean in result.means():
        own = _rows_of(result, mean.contender)
        spread = "" if mean.contender == result.reference else f"{mean.least:.2f} to {mean.greatest:.2f}"
        seen = [row.correctness.aliasing for row in own if row.correctness]
        worst = max((figure for figure in seen if not math.isnan(figure)), default=math.nan)
        count = "" if mean.cases == len(result.cases) else f"{mean.cases} of {len(result.cases)}"
        figures = [
            _times(mean.speed, mean.cpu),
            spread,
            count,
            _decibels(mean.psnr),
            _figure(worst, ".1f"),
            _marks(own),
        ]
        rows.append([mean.contender, *figures])
    yield from _table(head, rows)


def _cells(result: Result, contender: str = "fastfit") -> Iterator[str]:
    """Yield the speed of fastfit from each size to each."""
    pairs = [row.case.split(" to ") for row in _rows_of(result, contender)]
    if not pairs:
        return
    sources, targets = ([*dict.fromkeys(sizes)] for sizes in zip(*pairs, strict=True))

    def cell(source: str, target: str) -> str:
        return _speed(result, result.of(f"{source} to {target}", contender))

    rows = [[_sign(source), *(cell(source, target) for target in targets)] for source in sources]
    yield from _table(["from", *(f"to {_sign(target)}" for target in targets)], rows)


def _cases(result: Result) -> Iterator[str]:
    """Yield the speed of each contender in each case."""
    rows = []
    for name in result.contenders:
        own = _rows_of(result, name)
        psnrs = [row.correctness.psnr for row in own if row.correctness]
        least = min((psnr for psnr in psnrs if not math.isnan(psnr)), default=math.nan)
        speeds = [_speed(result, result.of(case, name)) for case in result.cases]
        if any(speeds):
            rows.append([name, *speeds, _decibels(least), _marks(own)])
    yield from _table([_head(result), *map(_sign, result.cases), "least PSNR, dB", _UNLIKE], rows)


def _tensors(result: Result) -> Iterator[str]:
    """Yield the speeds of those who make tensors of one image."""
    kept = [row for row in result.rows if row.case.startswith(("array →", "bytes →"))]
    yield from _cases(replace(result, rows=tuple(kept)))


def _threads(result: Result) -> Iterator[str]:
    """Yield the speeds of threads, and how many times the work of one they do."""
    one, many = "fastfit-one-thread", "fastfit-threads"
    rows = []
    for case in result.cases:
        own = result.of(case, many)
        if own is not None:
            gain = result.speed(own, one)
            speeds = [_speed(result, result.of(case, name)) for name in (one, many)]
            rows.append([_sign(case.removeprefix("threads, ")), *speeds, _times(gain.median) if gain else ""])
    head = [_head(result), "fastfit, one thread", "fastfit, threads", "threads against one"]
    yield from _table(head, rows)


def _pictures(result: Result) -> Iterator[str]:
    """Yield the speeds of those who make arrays of Pillow's pictures."""
    start = "PIL → array, "
    cases = [case for case in result.cases if case.startswith(start)]
    rows = [
        [_sign(case.removeprefix(start)), *(_speed(result, result.of(case, name)) for name in _PICTURES)]
        for case in cases
    ]
    yield from _table([_head(result), *_PICTURES.values()], rows)


_PICTURES = {"fastfit": "`Fit()` on each", "fastfit-many": "`fit_many`"}


def _programs(result: Result) -> Iterator[str]:
    """Yield what whole programs take."""
    head = ["", _head(result), "images/s", "peak RSS, MB", "PSNR, dB", _UNLIKE]
    rows = []
    for row in result.rows:
        memory = "" if row.memory is None else f"{row.memory / 1e6:.0f}"
        psnr = row.correctness.psnr if row.correctness else math.nan
        figures = [
            _speed(result, row),
            _figure(row.facts.get("images/s", math.nan), ".1f"),
            memory,
            _decibels(psnr),
        ]
        rows.append([row.contender, *figures, ", ".join(row.marks)])
    yield from _table(head, rows)


def _slopes(result: Result) -> Iterator[str]:
    """Yield the slope of each contender along each axis, and how much of fastfit's time the floor is."""
    notes = dict(note.split(": x is ", 1) for note in result.notes if ": x is " in note)
    rows = []
    for axis in dict.fromkeys(case.partition(" ")[0] for case in result.cases):
        own = [row for row in result.rows if row.case.partition(" ")[0] == axis]
        slopes = {row.contender: row.facts["slope"] for row in own}
        shares = Spread.of([row.facts["floor %"] for row in own if row.contender == "fastfit"])
        figures = [_figure(slopes.get(name, math.nan), ".2f") for name in result.contenders]
        rows.append([axis, notes.get(axis, ""), *figures, f"{shares.least:.1f} to {shares.greatest:.1f} %"])
    yield from _table(["axis", "x", *result.contenders, "floor, of fastfit's time"], rows)


def machine_of(results: Sequence[Result]) -> Iterator[str]:
    """Yield what all was measured on and with, in a paragraph."""
    facts = results[0].machine
    versions = {name: version for result in results for name, version in result.versions.items()}
    loads = [load for result in results for load in result.load if load >= 0]
    words = [
        f"{name} {fact}" for name, fact in facts.items() if name not in ("cpu", "fastfit", "pillow", "commit")
    ]
    yield f"Measured on {facts.get('cpu', 'an unknown processor')}: {', '.join(words)}."
    commit = f" (commit {facts['commit']})" if facts.get("commit") else ""
    yield f"{', '.join(f'{name} {version}' for name, version in versions.items())}{commit}."
    if loads:
        yield f"Processes at work in the minute before or after: {min(loads):.1f} to {max(loads):.1f}."


BLOCKS: dict[str, tuple[str, Block]] = {
    "arrays": ("arrays", _means),
    "arrays-cells": ("arrays", _cells),
    "arrays-cold-cells": ("arrays", partial(_cells, contender="fastfit-cold")),
    "batch": ("batch", _cases),
    "files": ("files", _programs),
    "loader": ("loader", _tensors),
    "loader-threads": ("loader", _threads),
    "loader-pictures": ("loader", _pictures),
    "scaling": ("scaling", _slopes),
}
"""Name -> the benchmark, and what makes its lines. Besides, there is `machine`, of all results."""


def _rows_of(result: Result, contender: str) -> list[Row]:
    return [row for row in result.rows if row.contender == contender]


def _marks(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(mark for row in rows for mark in row.marks))


def _head(result: Result) -> str:
    return f"speed ({result.reference.capitalize()} = 1)"


def _speed(result: Result, row: Row | None) -> str:
    spread = result.speed(row) if row else None
    if row is None or spread is None:
        return ""
    cpu = result.speed(row, cpu=True)
    return _times(spread.median, cpu.median if cpu else math.nan)


def _times(ratio: float, cpu: float = math.nan) -> str:
    """Write a speed, and that by processor time where it is another."""
    told = f"{ratio:.1f}×" if ratio >= 9.95 else f"{ratio:.2f}×"
    return f"{told} (CPU {_times(cpu)})" if differ(ratio, cpu) else told


def _decibels(psnr: float) -> str:
    return "equal" if math.isinf(psnr) else _figure(psnr, ".1f")


def _figure(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)


def _sign(text: str) -> str:
    """Write sizes with their sign: 500×375."""
    return re.sub(r"(?<=\d)x(?=\d)", "×", text)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table of Markdown, without columns that are empty."""
    kept = [index for index, _ in enumerate(head) if index == 0 or any(row[index] for row in rows)]
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row[index] for index in kept)} |"
