"""What became of a run, in numbers that stay few however many images there are."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fastfit.bulk.items import Outcome
from fastfit.geometry import Plan
from fastfit.types import Size

__all__ = ["Failure", "Report", "Tally"]

_MOST_FAILURES = 1000


class Failure(NamedTuple):
    """A source that could not be fitted, and why."""

    source: str
    code: str
    """A word that does not change: ``undecodable``, ``not-found``, ``worker-crashed``, ``timeout``, …"""
    reason: str
    """The same for people; it begins with the source's name."""


@dataclass(slots=True)
class Tally:
    """What became of the images that were fitted to one size."""

    count: int = 0
    cropped: float = 0.0
    """Mean share of the sources that is not shown, from 0 to 1."""
    padded: float = 0.0
    """Mean share of the results that shows no picture, from 0 to 1."""

    def add(self, planned: Plan) -> None:
        """Count one image."""
        self.count += 1
        self.cropped += (planned.cropped - self.cropped) / self.count
        self.padded += (planned.padded - self.padded) / self.count


@dataclass(slots=True)
class Report:
    """What became of a run."""

    path: Path | None = None
    """The journal, which tells of every source."""
    fitted: int = 0
    skipped: int = 0
    """Among them those that an earlier run has done."""
    failed: int = 0
    """Among them those that failed in an earlier run, and are as they were."""
    earlier: Counter[str] = field(default_factory=Counter)
    """How many of each status an earlier run had settled."""
    failures: list[Failure] = field(default_factory=list)
    """The first thousand of this run."""
    codes: Counter[str] = field(default_factory=Counter)
    """How many were skipped or failed for what."""
    sizes: dict[Size, Tally] = field(default_factory=dict)
    """How many were fitted to each size, and at what cost."""
    seconds: float = 0.0
    """Wall-clock time."""
    stopped: str | None = None
    """Why the run ended before its sources did."""

    @property
    def rate(self) -> float:
        """Images fitted in a second."""
        return self.fitted / self.seconds if self.seconds > 0 else 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        if outcome.earlier:
            self.earlier[outcome.status] += 1
        if outcome.code is not None and outcome.status != "fitted":
            self.codes[outcome.code] += 1
        if outcome.status == "failed":
            self.failed += 1
            if not outcome.earlier and len(self.failures) < _MOST_FAILURES:
                self.failures.append(Failure(outcome.source, outcome.code or "", outcome.text or ""))
        elif outcome.status == "skipped" or outcome.earlier:
            self.skipped += 1
        else:
            self.fitted += 1
            if outcome.planned is not None:
                self.sizes.setdefault(outcome.planned.dst, Tally()).add(outcome.planned)
