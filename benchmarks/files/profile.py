"""Where the time of ``fastfit fit`` with one job goes, of large photographs and of others."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import fastfit_version
from benchmarks.files.contenders import OURS_ALONE
from benchmarks.links import link_photographs
from benchmarks.machine import load, machine
from benchmarks.photos import pixels
from benchmarks.results import Result, Row
from fastfit.types import Size

__all__ = ["profiled"]

_LARGE = 8_000_000
"""Pixels, from which on the bar holds."""
_BAR = 0.3
"""Share of all that neither decodes nor encodes, at most."""
_LARGER, _SMALLER = "8 MP and more", "under 8 MP"
_NOTES = """\
1 job, in a process that is already there, and with a stopwatch: start-up is not counted
judge: how much the decoder may shrink, damage, which way is up; else: all that is around a file
A picture that turns out too rough to be shrunk is decoded twice, and both are under decode"""


def profiled(photos: Sequence[Path], count: int, size: Size, work: Mapping[str, Any]) -> Result:
    """Fit links to photographs, the large ones apart.

    Parameters
    ----------
    photos : sequence of Path
    count : int
        Of the links.
    size : Size
        Of the results.
    work : mapping
        What the result says of it.
    """
    groups: dict[str, list[Path]] = {_LARGER: [], _SMALLER: []}
    for photo in photos:
        groups[_SMALLER if pixels(photo) < _LARGE else _LARGER].append(photo)
    before = load()
    with tempfile.TemporaryDirectory(prefix="fastfit-") as name:
        _warm_up(photos[0], size, Path(name) / "warm-up")
        rows = [
            _row(case, _seconds(group, _share(group, photos, count), size, Path(name) / case.replace(" ", "-")))
            for case, group in groups.items()
            if group
        ]
    return Result(
        benchmark="files",
        title=f"where fastfit's time goes: {count} files, links to {len(photos)} photographs, cover {size}",
        reference=OURS_ALONE,
        rows=tuple(rows),
        options={**work, "profile": True},
        machine=machine(),
        versions={OURS_ALONE: fastfit_version()},
        load=(before, load()),
        notes=(_judged(rows), *_NOTES.splitlines()),
    )


def _share(group: Sequence[Path], photos: Sequence[Path], count: int) -> int:
    return max(1, count * len(group) // len(photos))


def _warm_up(photo: Path, size: Size, folder: Path) -> None:
    """Let fastfit load whatever it does not load before it is needed."""
    from benchmarks.files.stages import fit

    folder.mkdir()
    link_photographs([photo], folder / "files", 1)
    fit(folder / "files", folder / "out", size)


def _seconds(photos: Sequence[Path], count: int, size: Size, folder: Path) -> dict[str, float]:
    """Return the seconds of each stage, of the mean file."""
    from benchmarks.files.stages import shares  # which imports the command

    folder.mkdir()
    link_photographs(photos, folder / "files", count)
    return {stage: taken / count for stage, taken in shares(folder / "files", folder / "out", size).items()}


def _row(case: str, seconds: Mapping[str, float]) -> Row:
    whole = seconds["whole"]
    stages = {stage: taken for stage, taken in seconds.items() if stage not in ("whole", "cpu")}
    facts = {f"{stage} ms": 1e3 * taken for stage, taken in stages.items()}
    between = 1 - (seconds["decode"] + seconds["encode"]) / whole
    facts |= {"all but decode and encode %": 100 * between}
    return Row(case, OURS_ALONE, (whole,), facts=facts, cpu=(seconds["cpu"],))


def _judged(rows: Sequence[Row]) -> str:
    """Hold the bar against the large photographs, if there are any."""
    shares = {row.case: row.facts["all but decode and encode %"] for row in rows}
    if _LARGER not in shares:
        return f"no photograph of {_LARGER}: the bar, {_BAR:.0%} for all but decode and encode, is for those"
    said = "reached" if shares[_LARGER] <= 100 * _BAR else "not reached"
    return f"all but decode and encode, {_LARGER}: {shares[_LARGER]:.1f} %, bar {_BAR:.0%}: {said}"
