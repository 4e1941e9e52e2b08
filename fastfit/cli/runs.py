"""``fastfit fit``, ``retry`` and ``report``: many images."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fastfit import bulk
from fastfit.bulk import Outcome
from fastfit.bulk.sources import Search, check, count
from fastfit.bulk.work import enlargement
from fastfit.codec import check_size
from fastfit.errors import OptionError, printable
from fastfit.options import Input, Output
from fastfit.presets import Preset, as_preset, mode_for, read_presets
from fastfit.spec import Fit
from fastfit.types import as_size, is_size

__all__ = ["fit", "report", "retry"]

_MOST_LINES = 64
_MOST_SECONDS = 1.0
"""For counting the sources, to tell how long it will take."""


def fit(options: argparse.Namespace) -> int:
    """Fit images."""
    preset = _preset(options)
    options.size = preset or options.size
    options.mode = options.mode or (mode_for(options.content) if options.content else "cover")
    spec, source, output = (_made(kind, options) for kind in (Fit, Input, Output))
    output = output.accepted_by(preset) if preset else output
    _check_sizes(spec, options.format)
    job = {
        "sources": _sources(options),
        "sink": _sink(options),
        "spec": spec,
        "output": output,
        "input": source,
        "filters": _made(bulk.Filters, options),
        "recursive": options.recursive,
        "glob": options.glob,
        "report": options.report,
    }
    if options.dry_run:
        return _preview(bulk.preview(**job, dedupe=options.dedupe, overwrite=options.overwrite))
    with _Told(_total(job["sources"], options)) as told:
        report = bulk.run(
            **job, dedupe=options.dedupe, overwrite=options.overwrite, progress=told.tell, **_running(options)
        )
    if not (report.fitted or report.skipped or report.failed or report.stopped):
        where = ", ".join([*options.src, *([options.list] if options.list else [])])
        raise OptionError("SRC", "at least one image", f"none in {where}")
    status = _summed_up(report)
    if spec.size is None or spec.multiple_of is not None or spec.mode == "auto":
        _print_sizes(report)
    return status


def retry(options: argparse.Namespace) -> int:
    """Fit once more what failed."""
    with _Told() as told:
        report = bulk.retry(options.report, progress=told.tell, **_running(options))
    return _summed_up(report)


def report(options: argparse.Namespace) -> int:
    """Sum up a run."""
    from fastfit.bulk import page, summary

    name = f"{options.report.removesuffix('.jsonl')}.html" if options.html is None else options.html
    if name and Path(name).resolve() == Path(options.report).resolve():
        raise OptionError("--html", "a name apart from the report's", name)
    found = summary.summarize(options.report)
    for line in summary.lines(found):
        print(printable(line))
    if name:
        page.write_page(found, name)
        print(printable(name))
    return 0


def _preset(options: argparse.Namespace) -> Preset | None:
    """Return the preset that is given for a size."""
    table = read_presets(options.presets)
    if options.size is None or is_size(options.size) or options.size.strip().startswith("auto:"):
        return None
    preset = as_preset(options.size, table)
    if preset.status != "current":
        print(printable(f"fastfit: note: {preset.title or preset.name}: {preset.status}"), file=sys.stderr)
    return preset


def _made(kind: Any, options: argparse.Namespace) -> Any:
    """Make a `Fit`, `Input`, `Output` or `Filters` of the options that bear the names of its fields."""
    return kind(**{each.name: getattr(options, each.name) for each in fields(kind) if hasattr(options, each.name)})


def _check_sizes(spec: Any, format: str) -> None:
    if format != "keep":
        for size in map(as_size, spec.sizes or ([spec.size] if spec.size else [])):
            check_size(replace(spec, box=None).outline(size).dst, format)


def _sources(options: argparse.Namespace) -> list[Any]:
    if options.column is not None and options.list is None:
        raise OptionError("--column", "--from with a table", "none")
    sources: list[Any] = [*options.src]
    if options.list is not None:
        sources.append(bulk.Listing(options.list, options.column))
    if not sources:
        raise OptionError("SRC", "a file, a folder, a shard, or --from with a list", "none")
    check(sources)
    return sources


def _sink(options: argparse.Namespace) -> Any:
    named = {"flat": options.flat, "name": options.name, "collisions": options.collisions}
    for name in ("shard_size", "shard_bytes"):
        if options.shards is None and getattr(options, name) is not None:
            raise OptionError(f"--{name.replace('_', '-')}", "--shards", "none")
    if options.shards is not None:
        return bulk.Shards(options.shards, options.shard_size, options.shard_bytes, **named)
    if options.npy is None:
        return bulk.Folder(options.out, **named)
    if options.flat or options.name:
        raise OptionError("--npy", "neither --flat nor --name: its images have numbers", "one")
    return bulk.Npy(options.npy)


def _running(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "jobs": options.jobs,
        "backend": options.backend,
        "timeout": options.timeout,
        "max_failures": options.max_failures,
        "listen": True,
    }


def _total(sources: list[Any], options: argparse.Namespace) -> int | None:
    """Return how many sources there are, if that is soon told and nobody is waiting at the other end of a pipe."""
    listed = options.list is None or Path(options.list).is_file()  # what comes through a pipe comes once
    if not listed or not sys.stderr.isatty():
        return None
    search = Search(options.recursive, tuple(options.glob), options.out)
    return count(sources, search, _MOST_SECONDS)


class _Told:
    """Tells of outcomes as they come: a progress bar on a terminal, a line on stderr for each failure and note."""

    def __init__(self, total: int | None = None) -> None:
        self._total = total

    def __enter__(self) -> "_Told":
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self._total, unit="image", dynamic_ncols=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def tell(self, outcome: Outcome) -> None:
        """Tell of one."""
        text = None if outcome.earlier or outcome.status == "skipped" else outcome.text
        for line in (text, *(f"{outcome.source}: note: {note}" for note in outcome.notes)):
            if line:
                self._line(printable(line))
        if self._bar is not None:
            self._bar.update()

    def _line(self, line: str) -> None:
        if self._bar is None:
            print(line, file=sys.stderr)
        else:
            self._bar.write(line, file=sys.stderr)


def _summed_up(report: bulk.Report) -> int:
    """Print what became of a run, and return the exit status."""
    print(
        f"{report.fitted} fitted, {report.failed} failed, {report.skipped} skipped"
        f" in {report.seconds:.1f} s ({report.rate:.1f} images/s)"
    )
    if report.stopped is not None:
        print(
            f"fastfit: stopped: {printable(report.stopped)}; the same command goes on from here", file=sys.stderr
        )
    if report.failed and sys.stderr.isatty():
        print(
            f"fastfit: to fit what failed once more: fastfit retry {printable(str(report.path))}", file=sys.stderr
        )
    return 1 if report.failed or report.stopped is not None else 0


def _print_sizes(summary: bulk.Report) -> None:
    """Print what fell into which size and what it cost; of very many sizes only the cost."""
    if len(summary.sizes) > _MOST_LINES:
        tallies = summary.sizes.values()
        cropped, padded = (
            sum(getattr(tally, name) * tally.count for tally in tallies) / summary.fitted
            for name in ("cropped", "padded")
        )
        print(f"{len(tallies)} sizes, {cropped:.1%} cropped, {padded:.1%} padded on average")
        return
    for size, tally in sorted(summary.sizes.items(), key=lambda item: item[0].width / item[0].height):
        print(f"{size!s:>11} {tally.count:7} images  {tally.cropped:6.1%} cropped  {tally.padded:6.1%} padded")


def _preview(outcomes: Iterable[Outcome]) -> int:
    """Print what would become of every source, and what that costs."""
    report, enlarged = bulk.Report(), 0
    for outcome in outcomes:
        report.add(outcome)
        if outcome.status != "fitted" or outcome.earlier:
            print(printable(outcome.text or f"{outcome.source}: done"))
            continue
        line = f"{outcome.source} -> {outcome.output or '(its size is not in its header)'}"
        if outcome.planned is not None:
            planned, times = outcome.planned, enlargement(outcome.planned)
            enlarged += times > 1
            line += f"  {planned.src} -> {planned.dst}  {planned.cropped:.1%} cropped  {planned.padded:.1%} padded"
            line += f"  enlarged {times:.2f} times" if times > 1 else ""
        print(printable(line))
    fitted, failed, skipped = report.fitted, report.failed, report.skipped
    print(f"{fitted} would be fitted ({enlarged} enlarged), {failed} would fail, {skipped} would be skipped")
    _print_sizes(report)
    return 1 if report.failed else 0
