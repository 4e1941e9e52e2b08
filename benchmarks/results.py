"""What a benchmark found: rows of seconds, ratios and errors, and how they are kept as JSON."""

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["FORMAT", "Correctness", "Mean", "Result", "Row", "Spread", "differ", "read", "write"]

FORMAT = 1
"""Of the JSON files. Another one is not read."""
_APART = 0.05
"""Share from which on a ratio by processor time is told beside that by the clock."""


class Spread(NamedTuple):
    """How values of several rounds lie."""

    median: float
    mad: float
    """Median absolute deviation."""
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up one or more values."""
        median = statistics.median(values)
        mad = statistics.median(abs(value - median) for value in values)
        return cls(median, mad, min(values), max(values))


@dataclass(frozen=True, slots=True)
class Correctness:
    """How an output compares with the reference's, sample by sample."""

    exact_size: bool
    """Whether it has the size asked for. Without that, all that follows is NaN."""
    largest: float = math.nan
    """Largest difference, in levels of 8 bits."""
    identical: float = math.nan
    """Share of samples that are equal, 0 to 1."""
    psnr: float = math.nan
    """In dB; infinite where all samples are equal."""
    ssim: float = math.nan
    """Mean structural similarity, -1 to 1."""
    aliasing: float = math.nan
    """Root mean square of what a zone plate shows beyond the frequencies that the size can hold, in levels."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contender's work on one case."""

    case: str
    contender: str
    seconds: tuple[float, ...]
    """Of each round."""
    correctness: Correctness | None = None
    marks: tuple[str, ...] = ()
    """How its work is unlike the reference's: `no antialias`, `shrink on load`, `linear light`, …"""
    memory: int | None = None
    """The most resident memory of its process and their children, in bytes."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """More figures, each named with its unit."""
    cpu: tuple[float, ...] = ()
    """Seconds of processor time of each round, of all threads; empty where nobody counted them."""
    beside: str = ""
    """The contender that ratios of this row are of; by default the result's reference."""

    @property
    def median(self) -> float:
        """Seconds, the median of the rounds."""
        return statistics.median(self.seconds)


class Mean(NamedTuple):
    """A contender's speed over all cases that both it and the reference did."""

    contender: str
    speed: float
    """Geometric mean of the medians of the ratios: the reference's seconds over its own."""
    least: float
    greatest: float
    cases: int
    psnr: float
    """The least of all cases in dB; NaN where nothing was compared."""
    cpu: float = math.nan
    """`speed` by processor time; NaN where a case has none."""


@dataclass(frozen=True, slots=True)
class Result:
    """All that one run of a benchmark found, on one machine."""

    benchmark: str
    """The command: `arrays`, `files`, …"""
    title: str
    """What was done, in a line."""
    reference: str
    """The contender that ratios are of."""
    rows: tuple[Row, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    """What decides on the work: results are comparable where these are equal."""
    machine: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the contenders."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Contenders that are not installed -> the line that installs them."""
    load: tuple[float, float] = (-1.0, -1.0)
    """Processes at work in the last minute, before and after; -1 where the system does not tell."""
    notes: tuple[str, ...] = ()
    """What a reader should know, and what the figures do not show."""
    faults: tuple[str, ...] = ()
    """What is wrong with fastfit's own results. A run that has any fails."""
    first: int = 0
    """How many rows tables show; 0 for all."""

    def of(self, case: str, contender: str) -> Row | None:
        """Return a row, if there is one."""
        return next((row for row in self.rows if (row.case, row.contender) == (case, contender)), None)

    @property
    def cases(self) -> tuple[str, ...]:
        """All cases, in the order measured."""
        return tuple(dict.fromkeys(row.case for row in self.rows))

    @property
    def contenders(self) -> tuple[str, ...]:
        """All contenders, in the order measured."""
        return tuple(dict.fromkeys(row.contender for row in self.rows))

    def speed(self, row: Row, beside: str | None = None, *, cpu: bool = False) -> Spread | None:
        """Return how many times as fast as another contender a row is: ratios of the seconds of each round.

        Parameters
        ----------
        row : Row
        beside : str, optional
            A contender. By default the row's own, or the reference.
        cpu : bool
            Take processor time, not the clock on the wall.

        Returns
        -------
        Spread or None
            None where the other did not do the case, or one of them took no time, or nobody counted it.
        """
        other = self.of(row.case, beside or row.beside or self.reference)
        if other is None:
            return None
        theirs, own = (other.cpu, row.cpu) if cpu else (other.seconds, row.seconds)
        if not (theirs and own and all((*theirs, *own))):
            return None
        return Spread.of([their / our for their, our in zip(theirs, own, strict=True)])

    def unlike_by_cpu(self, row: Row) -> float | None:
        """Return a row's speed by processor time, where it differs from that by the clock by more than 5 %."""
        wall, cpu = self.speed(row), self.speed(row, cpu=True)
        return cpu.median if wall and cpu and differ(wall.median, cpu.median) else None

    def means(self, beside: str | None = None) -> Iterator[Mean]:
        """Sum up each contender that did a case the other one did, too; see `speed`.

        Cases in which the reference's own work is marked as unlike do not count.
        """
        unlike = {row.case for row in self.rows if row.contender == self.reference and row.marks}
        for contender in self.contenders:
            rows = [row for row in self.rows if row.contender == contender and row.case not in unlike]
            speeds = [spread.median for row in rows if (spread := self.speed(row, beside))]
            by_cpu = [spread.median for row in rows if (spread := self.speed(row, beside, cpu=True))]
            psnrs = [row.correctness.psnr for row in rows if row.correctness]
            known = [psnr for psnr in psnrs if not math.isnan(psnr)]
            if speeds:
                mean = statistics.geometric_mean(speeds)
                least = min(known, default=math.nan)
                cpu = statistics.geometric_mean(by_cpu) if len(by_cpu) == len(speeds) else math.nan
                yield Mean(contender, mean, min(speeds), max(speeds), len(speeds), least, cpu)


def differ(wall: float, cpu: float) -> bool:
    """Tell whether a ratio by processor time is more than 5 % from that by the clock; NaN is not."""
    return abs(cpu / wall - 1) > _APART


def write(results: Sequence[Result], file: Path) -> None:
    """Write results as JSON, one row a line."""
    parts = []
    for result in results:
        facts = asdict(result)
        rows = ",\n".join(f"   {json.dumps(_plain(row))}" for row in facts.pop("rows"))
        head = json.dumps(_plain(facts), indent=2).replace("\n", "\n ").removesuffix("\n }")
        parts.append(f' {head},\n  "rows": [\n{rows}\n  ]\n }}')
    text = f'{{"format": {FORMAT}, "results": [\n' + ",\n".join(parts) + "\n]}\n"
    file.write_text(text, encoding="utf-8")


def read(file: Path) -> list[Result]:
    """Read what `write` wrote.

    Raises
    ------
    SystemExit
        With a message: there is no such file, or it holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{file}: expected results of a benchmark, got {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SystemExit(f"{file}: expected results of format {FORMAT}, got something else")
    return [_result(facts) for facts in content["results"]]


def _result(facts: dict[str, Any]) -> Result:
    rows = tuple(_row(row) for row in facts.pop("rows"))
    facts |= {name: tuple(facts[name]) for name in ("load", "notes", "faults")}
    return Result(rows=rows, **facts)


def _row(facts: dict[str, Any]) -> Row:
    compared = facts.pop("correctness")
    if compared is not None:
        compared = Correctness(compared.pop("exact_size"), **_floats(compared))
    # Files of before there was processor time have none.
    seconds, marks, cpu = (tuple(facts.pop(name, ())) for name in ("seconds", "marks", "cpu"))
    figures = _floats(facts.pop("facts"))
    return Row(seconds=seconds, marks=marks, cpu=cpu, correctness=compared, facts=figures, **facts)


def _floats(figures: Mapping[str, Any]) -> dict[str, float]:
    """Undo what `_plain` does to floats."""
    return {name: math.nan if value is None else float(value) for name, value in figures.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it, floats to six digits: NaN as null, infinity as the text `inf`."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return None if math.isnan(value) else "inf" if math.isinf(value) else float(f"{value:.6g}")
    return value
