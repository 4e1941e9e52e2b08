"""Every contender once a round, A B C A B C …, and what it made. POSIX only."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.files.contenders import REFERENCE, Job, Program
from benchmarks.files.outputs import Faults, all_compared, check, glances
from benchmarks.files.runs import Runs
from benchmarks.links import link_photographs
from benchmarks.process_tree import Sample, peak
from benchmarks.processes import Usage, adopt_orphans, finish, reap_orphans
from benchmarks.threads import on_cores
from fastfit.types import Image, Size

__all__ = ["INTERVAL", "in_turn"]

INTERVAL = 0.05
"""Seconds from one look at the memory to the next."""


def in_turn(
    contenders: Mapping[str, Program], folder: Path, links: Sequence[Path], rounds: int, *, size: Size, jobs: int
) -> dict[str, Runs]:
    """Compare what every contender writes, run it once a round, and then once more to look at its memory.

    Parameters
    ----------
    contenders : mapping
        By name.
    folder : Path
        For all that is written.
    links : sequence of Path
        All in one folder, which is what each gets.
    rounds : int
        Before them each fits every photograph once, which does not count: what programs are made of is then in
        memory. Those outputs are compared with the reference's, and who makes too much else has no rounds. All
        outputs of the first round are looked at, too; of the others the headers are read.
    size : Size
        Of the results.
    jobs : int
        How many files at a time, and on how many cores.

    Returns
    -------
    dict
        The runs of each contender.
    """
    adopt_orphans()
    photos = list(dict.fromkeys(link.resolve() for link in links))
    expected = glances(photos, size)
    first = link_photographs(photos, folder / "first", len(photos))
    runs = {name: Runs() for name in contenders}
    for name in sorted(contenders, key=lambda name: name != REFERENCE):  # which stays in its order otherwise
        found = _Run.of(contenders[name], folder, first, size, jobs)
        runs[name].count(found.check(first, size, expected), len(first))
        if name == REFERENCE:
            found.out.rename(folder / "expected")
            found = found._replace(out=folder / "expected")
        runs[name].compared = all_compared(found.out, folder / "expected")
    for number in range(rounds):
        for name in [name for name in contenders if not runs[name].wrong]:
            found = _Run.of(contenders[name], folder, links, size, jobs)
            runs[name].count(found.check(links, size, expected if number == 0 else {}), len(links))
            runs[name].seconds.append(found.usage.seconds)
            runs[name].cpu.append(found.usage.cpu)
            runs[name].written = sum(path.stat().st_size for path in found.out.iterdir())
            print(f"round {number + 1}: {name}: {found.usage.seconds:.1f} s", file=sys.stderr)
    for name in [name for name in contenders if not runs[name].wrong]:
        runs[name].peak = _peak(contenders[name], folder, links, size, jobs)
    return runs


class _Run(NamedTuple):
    """What one run took, and where its outputs and its words are."""

    usage: Usage
    out: Path
    log: Path

    @classmethod
    def of(cls, contender: Program, folder: Path, links: Sequence[Path], size: Size, jobs: int) -> "_Run":
        """Let a contender do its work."""
        out, log = _emptied(folder), folder / "log"
        command = contender.make(Job(links[0].parent, out, size, jobs))
        with on_cores(jobs):
            return cls(finish(command.arguments, log, command.env), out, log)

    def check(self, links: Sequence[Path], size: Size, expected: Mapping[Path, Image]) -> Faults:
        """Count what is wrong, and repeat the program's last words where outputs are missing."""
        faults = check(self.out, links, size, expected)
        if faults.missing:
            said = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            print(*(f"  {line}" for line in said[-3:]), sep="\n", file=sys.stderr)
        return faults


def _peak(contender: Program, folder: Path, links: Sequence[Path], size: Size, jobs: int) -> Sample | None:
    command = contender.make(Job(links[0].parent, _emptied(folder), size, jobs))
    with on_cores(jobs):
        most = peak(command.arguments, folder / "log", INTERVAL, command.env)
    reap_orphans()
    return most


def _emptied(folder: Path) -> Path:
    """Return an empty folder for outputs, with nothing of the last one's still on its way to the disk."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    os.sync()
    return out
