"""What was measured, summed up side by side."""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.files.contenders import OURS, OURS_ALONE
from benchmarks.files.outputs import Faults

__all__ = ["Ratio", "Runs", "facts", "lines"]

_FEW = 0.05
"""Outputs that may be wrong, of all, if a contender is to be called fast or slow."""


class Ratio(NamedTuple):
    """How many times longer one took than another, in the same rounds."""

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        """For the table."""
        return f"{self.median:5.2f} ({self.least:.2f} to {self.greatest:.2f})"


@dataclass
class Runs:
    """One contender's, a round each."""

    title: str
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    written: int = 0
    """Bytes, in the last round."""
    faults: Faults = field(default_factory=Faults)
    """The most of each kind that a round had."""

    def add(self, seconds: float, cpu: float, written: int, faults: Faults) -> None:
        """Count one run."""
        self.seconds.append(seconds)
        self.cpu.append(cpu)
        self.written = written
        self.faults = Faults(*map(max, self.faults, faults))

    def ratio(self, other: "Runs") -> Ratio:
        """Compare times with another's, round by round."""
        ratios = [ours / theirs for ours, theirs in zip(self.seconds, other.seconds, strict=True)]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))

    def wrong(self, count: int) -> bool:
        """Tell whether too many of so many outputs are wrong to speak of the time."""
        return sum(self.faults) > _FEW * count


def lines(runs: Mapping[str, Runs], count: int) -> Iterator[str]:
    """Yield the lines of a table: a row for each contender."""
    yield "                       median s  images/s   CPU s  MB written  ratio"
    for each in runs.values():
        median, cpu = statistics.median(each.seconds), statistics.median(each.cpu)
        ratio = _ratio(each, runs, count)
        said = f"wrong: {each.faults}" if any(each.faults) else ""
        line = f"{each.title:<21} {median:9.2f} {count / median:9.1f} {cpu:7.2f} {each.written / 1e6:11.1f}"
        yield f"{line}  {'' if ratio is None else ratio!s:<22} {said}".rstrip()
    if {OURS, OURS_ALONE} <= runs.keys():
        gain = runs[OURS_ALONE].ratio(runs[OURS])
        yield f"{runs[OURS].title} do {gain.median:.2f} times the work of one"


def facts(runs: Mapping[str, Runs], count: int) -> list[dict[str, Any]]:
    """Return the same for JSON."""
    return [_facts(name, each, _ratio(each, runs, count), count) for name, each in runs.items()]


def _ratio(each: Runs, runs: Mapping[str, Runs], count: int) -> Ratio | None:
    wrong = OURS not in runs or each.wrong(count) or runs[OURS].wrong(count)
    return None if wrong else each.ratio(runs[OURS])


def _facts(name: str, each: Runs, ratio: Ratio | None, count: int) -> dict[str, Any]:
    median = statistics.median(each.seconds)
    return {
        "contender": name,
        "title": each.title,
        "seconds": each.seconds,
        "cpu": each.cpu,
        "median": median,
        "images_per_second": count / median,
        "written": each.written,
        "ratio": ratio and ratio._asdict(),
        "faults": each.faults._asdict(),
    }
