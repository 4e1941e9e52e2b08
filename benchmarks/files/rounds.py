"""Every contender once a round, A B C A B C …, and what it made. POSIX only."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.files.contenders import Contender, Job
from benchmarks.files.outputs import check, glances
from benchmarks.files.table import Runs
from benchmarks.links import link_photographs
from benchmarks.processes import adopt_orphans, finish
from fastfit.types import Size

__all__ = ["in_turn"]


def in_turn(
    contenders: Mapping[str, Contender],
    folder: Path,
    links: Sequence[Path],
    rounds: int,
    *,
    size: Size,
    jobs: int,
) -> dict[str, Runs]:
    """Run every contender once a round, and check what it wrote.

    Parameters
    ----------
    contenders : mapping
        By name.
    folder : Path
        For all that is written.
    links : sequence of Path
        All in one folder, which is what each gets.
    rounds : int
        Before them each fits a few files that do not count: what programs are made of is then in memory. All
        outputs of the first are looked at; of the others the headers are read.
    size : Size
        Of the results.
    jobs : int
        How many files at a time.

    Returns
    -------
    dict
        The runs of each contender.
    """
    adopt_orphans()
    photos = [link.resolve() for link in links]
    expected = glances(dict.fromkeys(photos), size)
    first = link_photographs(photos, folder / "first", jobs)
    runs = {name: Runs(contender.title) for name, contender in contenders.items()}
    for contender in contenders.values():
        out = _emptied(folder)
        finish(contender.command(Job(first[0].parent, out, size, jobs)), folder / "log", contender.env)
    for number in range(rounds):
        for name, contender in contenders.items():
            out = _emptied(folder)
            job = Job(links[0].parent, out, size, jobs)
            usage = finish(contender.command(job), folder / "log", contender.env)
            faults = check(out, links, size, expected if number == 0 else {})
            written = sum(path.stat().st_size for path in out.iterdir())
            runs[name].add(usage.seconds, usage.cpu, written, faults)
            print(f"round {number + 1}: {contender.title}: {usage.seconds:.1f} s", file=sys.stderr)
            if faults.missing:
                print(*_last_words(folder / "log"), sep="\n", file=sys.stderr)
    return runs


def _emptied(folder: Path) -> Path:
    """Return an empty folder for outputs, with nothing of the last one's still on its way to the disk."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    os.sync()
    return out


def _last_words(log: Path) -> list[str]:
    return [f"  {line}" for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]]
