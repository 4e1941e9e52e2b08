"""What each contender's runs took, and the row that they make."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.correctness import medians, worst
from benchmarks.files.outputs import Faults
from benchmarks.process_tree import Sample
from benchmarks.results import Correctness, Row

__all__ = ["Runs", "row"]

_FEW = 0.05
"""Outputs that may be wrong, of all, if a contender is to be called fast or slow."""


@dataclass
class Runs:
    """One contender's, a round each."""

    compared: Sequence[Correctness] = ()
    """Each photograph's output with the reference's, before the first round."""
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    written: int = 0
    """Bytes, in the last round."""
    faults: Faults = field(default_factory=Faults)
    """The most of each kind that a round had."""
    outputs: int = 0
    """That there should have been in such a round."""
    peak: Sample | None = None
    """The most of each, in a run of its own."""

    def count(self, faults: Faults, outputs: int) -> None:
        """Note what a run wrote."""
        self.faults = Faults(*map(max, self.faults, faults))
        self.outputs = outputs

    @property
    def wrong(self) -> bool:
        """Whether too many outputs are wrong to speak of the time."""
        return sum(self.faults) > _FEW * self.outputs


def row(case: str, contender: str, runs: Runs, files: int, marks: Sequence[str]) -> Row:
    """Sum up one contender's runs.

    Parameters
    ----------
    case, contender : str
        As the table names them.
    runs : Runs
        One or more.
    files : int
        That each run made.
    marks : sequence of str
        How the work is unlike the reference's.
    """
    facts = {
        "images/s": files / statistics.median(runs.seconds),
        "MB written": runs.written / 1e6,
    }
    if runs.peak is not None and runs.peak.pss:
        facts["peak PSS MB"] = runs.peak.pss / 1e6
    facts |= medians(runs.compared)
    wrong = (f"wrong: {runs.faults}",) if any(runs.faults) else ()
    memory = runs.peak.rss if runs.peak is not None else None
    compared = worst(runs.compared) if runs.compared else None
    seconds, cpu = tuple(runs.seconds), tuple(runs.cpu)
    return Row(case, contender, seconds, compared, (*marks, *wrong), memory, facts, cpu)
