"""What a journal tells, summed up: read as a stream, and kept in numbers and examples that stay few."""

import heapq
import itertools
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastfit.bulk.journal import Row, contract, fingerprint, rows_of, settled
from fastfit.bulk.report import Tally
from fastfit.bulk.seen import key
from fastfit.bulk.work import enlargement
from fastfit.errors import OptionError
from fastfit.geometry import Plan
from fastfit.types import Box, Size

__all__ = ["Example", "Reason", "Summary", "amount", "lines", "summarize"]

_MOST_FAILURES, _MOST_EXTREMES, _MOST_SLOW, _MOST_SIZES = 24, 8, 10, 20
_LEAST = (0.0005, 0.0005, 1.0)
"""What is cropped and padded that shows as 0.0 %, and what is not enlarged, is no extreme."""
_STEPS = 16
"""Of the histogram of times, for each doubling: the median is within 2.2 %."""


class Example(NamedTuple):
    """One source, as its row tells of it."""

    source: str
    output: str | None
    status: str
    code: str | None
    message: str | None
    mtime_ns: int
    ms: float | None
    planned: Plan | None
    """What it was fitted by, if it was."""
    folder: str = ""
    """What relative names are relative to."""
    value: float = 0.0
    """What put it in a list: a share, a number of times, milliseconds."""

    @property
    def reason(self) -> str:
        """What went wrong, without the source's name."""
        return (self.message or "").removeprefix(f"{self.source}: ")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why sources failed, were skipped, or were fitted although they are damaged."""

    status: str
    code: str
    count: int
    example: Example


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of all sources of a journal."""

    path: str
    run: Mapping[str, Any]
    """What the journal says of its run: ``version``, ``pixels``, ``cwd``, ``sink``, ``settings``."""
    counts: Counter[str]
    """How many were fitted, failed, skipped."""
    reasons: tuple[Reason, ...]
    """The most frequent first: failures, then damaged ones, then skipped ones."""
    sizes: Mapping[Size, Tally]
    enlarged: int
    """How many were fitted by making them larger."""
    bytes_in: int
    """Of the sources that were fitted."""
    bytes_out: int
    """Of their results."""
    ms: float
    """Time that workers spent, in all."""
    median_ms: float
    """Of what was fitted, within 2.2 %."""
    slowest: tuple[Example, ...]
    cropped: tuple[Example, ...]
    """Those that lost most; the same way `padded` and `most_enlarged`."""
    padded: tuple[Example, ...]
    most_enlarged: tuple[Example, ...]
    failures: tuple[Example, ...]
    """Some of those that failed or are damaged, of each code."""

    @property
    def total(self) -> Tally:
        """The sizes as one."""
        return _merged(self.sizes.values())

    def main_sizes(self) -> list[tuple[str, Tally]]:
        """Return the most frequent sizes by their names, and the rest as one."""
        ordered = sorted(self.sizes.items(), key=lambda entry: (-entry[1].count, entry[0]))
        shown = [(str(size), tally) for size, tally in ordered[:_MOST_SIZES]]
        rest = [tally for _, tally in ordered[_MOST_SIZES:]]
        return [*shown, (f"{len(rest)} more", _merged(rest))] if rest else shown


def summarize(path: str | os.PathLike[str]) -> Summary:
    """Sum up a journal, in memory that does not grow with it but for 16 bytes a row.

    Parameters
    ----------
    path : path
        The journal of a run, ``OUT.report.jsonl``; a run may be writing it.

    Returns
    -------
    Summary

    Raises
    ------
    OptionError
        It is no journal, or an empty one.
    OSError
    """
    first = next(rows_of(path), None)
    if first is None:
        raise OptionError(os.fspath(path), "a report of fastfit's with a row", "none")
    counting = _Counting()
    for row in settled(path):
        counting.add(row)
    return counting.summary(os.fspath(path), first[1].get("run", {}))


class _Top:
    """The rows of the largest values; of equal ones those that came first."""

    def __init__(self, most: int) -> None:
        self._most, self._order = most, itertools.count(0, -1)
        self._heap: list[tuple[float, int, Row]] = []

    def add(self, value: float, row: Row) -> None:
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, (value, next(self._order), row))
        elif value > self._heap[0][0]:
            heapq.heapreplace(self._heap, (value, next(self._order), row))

    def examples(self) -> tuple[Example, ...]:
        """Return them, the largest first."""
        ordered = sorted(self._heap, key=lambda entry: entry[:2], reverse=True)
        return tuple(_example(row, value) for value, _, row in ordered)


class _Pile:
    """All rows of one status and code, and a sample of them: those of the largest hashes, which is fair."""

    def __init__(self, first: Row) -> None:
        self.count, self.first = 0, first
        self.sample = _Top(_MOST_FAILURES)

    def add(self, row: Row) -> None:
        self.count += 1
        self.sample.add(key(row["source"]), row)


@dataclass(slots=True)
class _Counting:
    counts: Counter[str] = field(default_factory=Counter)
    piles: dict[tuple[str, str], _Pile] = field(default_factory=dict)
    sizes: dict[Size, Tally] = field(default_factory=dict)
    enlarged: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    ms: float = 0.0
    times: Counter[int] = field(default_factory=Counter)
    slowest: _Top = field(default_factory=lambda: _Top(_MOST_SLOW))
    extremes: list[_Top] = field(default_factory=lambda: [_Top(_MOST_EXTREMES) for _ in range(3)])

    def add(self, row: Row) -> None:
        status, code, ms = row["status"], row.get("error"), row.get("ms")
        self.counts[status] += 1
        if code is not None:
            self.piles.setdefault((status, code), _Pile(row)).add(row)
        if ms is not None:
            self.ms += ms
            self.slowest.add(ms, row)
        if status == "fitted":
            self._add_fitted(row)

    def _add_fitted(self, row: Row) -> None:
        self.bytes_in += max(row.get("source_bytes") or 0, 0)
        self.bytes_out += row.get("bytes") or 0
        if row.get("ms") is not None:
            self.times[round(_STEPS * math.log2(max(row["ms"], 1e-3)))] += 1
        planned = _planned(row)
        if planned is None:
            return
        self.sizes.setdefault(planned.dst, Tally()).add(planned)
        times = enlargement(planned)
        self.enlarged += times > 1
        values = (planned.cropped, planned.padded, times)
        for top, value, least in zip(self.extremes, values, _LEAST, strict=True):
            if value > least:
                top.add(value, row)

    def summary(self, path: str, run: Mapping[str, Any]) -> Summary:
        # "failed" before "fitted" before "skipped"
        piles = sorted(self.piles.items(), key=lambda entry: (entry[0][0], -entry[1].count))
        wrong = [pile.sample.examples() for (status, _), pile in piles if status != "skipped"]
        cropped, padded, larger = (top.examples() for top in self.extremes)
        return Summary(
            path,
            run,
            self.counts,
            tuple(Reason(*name, pile.count, _example(pile.first)) for name, pile in piles),
            self.sizes,
            self.enlarged,
            self.bytes_in,
            self.bytes_out,
            self.ms,
            _median(self.times),
            self.slowest.examples(),
            cropped,
            padded,
            larger,
            _spread(wrong, _MOST_FAILURES),
        )


def lines(summary: Summary) -> Iterator[str]:
    """Yield a summary as lines for a terminal; names in them are as they are, whatever they hold."""
    counts = summary.counts
    told = ", ".join(f"{counts[status]} {status}" for status in ("fitted", "failed", "skipped"))
    yield f"{told}; {summary.enlarged} enlarged"
    if summary.run:
        settings, version = fingerprint(summary.run.get("settings", {})), summary.run.get("version", "unknown")
        yield f"pixels {contract(summary.run)}, settings {settings}, fastfit {version}"
    if counts["fitted"]:
        yield (
            f"{amount(summary.bytes_in)} in, {amount(summary.bytes_out)} out;"
            f" median {summary.median_ms:.3g} ms, {summary.ms / 1e3:.1f} s of work"
        )
    for reason in summary.reasons:
        yield f"{reason.count:7} {reason.status}, {reason.code}: {reason.example.message or reason.example.source}"
    for name, tally in summary.main_sizes():
        yield _size_line(name, tally)
    if len(summary.sizes) > 1:
        yield _size_line("all", summary.total)
    yield from _examples("most cropped", "{:.1%}", summary.cropped)
    yield from _examples("most padded", "{:.1%}", summary.padded)
    yield from _examples("most enlarged", "{:.3g} times", summary.most_enlarged)
    yield from _examples("slowest", "{:.0f} ms", summary.slowest, 10)


def amount(count: int) -> str:
    """Return a number of bytes for people."""
    size, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g} {units[0]}"


def _size_line(name: str, tally: Tally) -> str:
    return f"{name:>11} {tally.count:7} images  {tally.cropped:6.1%} cropped  {tally.padded:6.1%} padded"


def _examples(title: str, form: str, examples: tuple[Example, ...], most: int = 3) -> Iterator[str]:
    if examples:
        yield f"{title}:"
    for example in examples[:most]:
        yield f"{form.format(example.value):>11}  {example.source}"


def _example(row: Row, value: float = 0.0) -> Example:
    told: dict[str, Any] = {name: row.get(name) for name in ("output", "status", "message", "ms")}
    told |= {"code": row.get("error"), "mtime_ns": row.get("mtime_ns", -1)}
    return Example(row["source"], planned=_planned(row), folder=row["cwd"], value=value, **told)


def _planned(row: Row) -> Plan | None:
    """Return what a source was fitted by."""
    told = row.get("plan")
    if not (told and row.get("source_size") and row.get("output_size")):
        return None
    sizes = Size(*row["source_size"]), Size(*row["output_size"])
    return Plan(*sizes, Box(*told["crop"]), Box(*told["inner"]))


def _merged(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.count += tally.count
        whole.cropped += (tally.cropped - whole.cropped) * tally.count / whole.count
        whole.padded += (tally.padded - whole.padded) * tally.count / whole.count
    return whole


def _median(times: Counter[int]) -> float:
    left = (times.total() + 1) // 2
    for step in sorted(times):
        left -= times[step]
        if left <= 0:
            return math.exp2(step / _STEPS)
    return 0.0


def _spread(piles: list[tuple[Example, ...]], most: int) -> tuple[Example, ...]:
    """Return some of every pile, taken from each in turn, so that a rare code is there beside a frequent one."""
    turns = sorted((turn, at) for at, pile in enumerate(piles) for turn in range(len(pile)))[:most]
    return tuple(piles[at][turn] for at, turn in sorted((at, turn) for turn, at in turns))
