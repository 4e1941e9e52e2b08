"""The command ``fastfit``: the only part that prints or exits."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from fastfit.arguments import parser
from fastfit.errors import FastfitError, OptionError, printable

if TYPE_CHECKING:
    from fastfit import bulk
    from fastfit.bulk import Outcome

# All else is imported where it is used: NumPy and OpenCV take ten times as long as --help or a wrong argument.

_MOST_LINES = 64
_MOST_SECONDS = 1.0
"""For counting the sources, to tell how long it will take."""

# After an interrupt joblib's resource tracker, a process of its own, may warn of semaphores that are already gone.
_TRACKER_WARNINGS = "ignore::UserWarning:joblib.externals.loky.backend.resource_tracker"


class _Terminated(KeyboardInterrupt):
    """The system asks this process to end: a batch queue whose time is up, say."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 all fitted, 1 with failures, 2 could not start."""
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _TRACKER_WARNINGS)))
    before = _on_termination(_terminate)
    own = sys.stderr
    try:
        _open_streams()
        sys.stderr = _apart(sys.stderr)
        options = parser().parse_args(arguments)
        command = {"fit": _fit, "retry": _retry, "report": _report, "formats": _formats}[options.command]
        return command(options)
    except BrokenPipeError:  # whoever read our output, `head` say, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (FastfitError, OSError) as error:
        print(f"fastfit: {printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print("fastfit: interrupted; without --overwrite the same command goes on from here", file=sys.stderr)
        return 143 if isinstance(error, _Terminated) else 130
    finally:
        apart, sys.stderr = sys.stderr, own
        if apart is not own:
            apart.close()
        _on_termination(before)


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


def _on_termination(handler: Any) -> Any:
    try:
        return signal.signal(signal.SIGTERM, handler)
    except ValueError:  # not in the main thread, where nobody can be told
        return None


def _open_streams() -> None:
    """Open what the shell has closed, as in ``2>&-``: the next file opened would take its place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # by the workers
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def _apart(stream: TextIO) -> TextIO:
    """Return a way to stderr of our own: threads that listen to decoders take file descriptor 2 away meanwhile."""
    try:
        if stream.fileno() != 2:
            return stream
    except (AttributeError, OSError, ValueError):  # it is no file
        return stream
    return os.fdopen(os.dup(2), "w", 1, stream.encoding, stream.errors)


def _formats(_options: argparse.Namespace) -> int:
    from fastfit.codec import formats

    print(f"{'format':<12}{'read by':<17}{'written':<9}files")
    for found in formats():
        readers = ", ".join(found.reads) or "-"
        written = "yes" if found.writes else "-"
        print(f"{found.name:<12}{readers:<17}{written:<9}{' '.join(found.extensions)}")
    return 0


def _fit(options: argparse.Namespace) -> int:
    from fastfit import bulk
    from fastfit.options import Input, Output
    from fastfit.spec import Fit

    spec, source, output = (_made(kind, options) for kind in (Fit, Input, Output))
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
    if spec.size is None or spec.multiple_of is not None:
        _print_sizes(report)
    return status


def _retry(options: argparse.Namespace) -> int:
    from fastfit import bulk

    with _Told() as told:
        report = bulk.retry(options.report, progress=told.tell, **_running(options))
    return _summed_up(report)


def _report(options: argparse.Namespace) -> int:
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


def _made(kind: Any, options: argparse.Namespace) -> Any:
    """Make a `Fit`, `Input`, `Output` or `Filters` of the options that bear the names of its fields."""
    from dataclasses import fields

    return kind(**{each.name: getattr(options, each.name) for each in fields(kind) if hasattr(options, each.name)})


def _check_sizes(spec: Any, format: str) -> None:
    from dataclasses import replace

    from fastfit.codec import check_size
    from fastfit.types import as_size

    if format != "keep":
        for size in map(as_size, spec.sizes or ([spec.size] if spec.size else [])):
            check_size(replace(spec, box=None).plan(size).dst, format)


def _sources(options: argparse.Namespace) -> list[Any]:
    from fastfit.bulk import Listing
    from fastfit.bulk.sources import check

    if options.column is not None and options.list is None:
        raise OptionError("--column", "--from with a table", "none")
    sources: list[Any] = [*options.src]
    if options.list is not None:
        sources.append(Listing(options.list, options.column))
    if not sources:
        raise OptionError("SRC", "a file, a folder, a shard, or --from with a list", "none")
    check(sources)
    return sources


def _sink(options: argparse.Namespace) -> Any:
    from fastfit.bulk import Folder, Npy, Shards

    named = {"flat": options.flat, "name": options.name, "collisions": options.collisions}
    for name in ("shard_size", "shard_bytes"):
        if options.shards is None and getattr(options, name) is not None:
            raise OptionError(f"--{name.replace('_', '-')}", "--shards", "none")
    if options.shards is not None:
        return Shards(options.shards, options.shard_size, options.shard_bytes, **named)
    if options.npy is None:
        return Folder(options.out, **named)
    if options.flat or options.name:
        raise OptionError("--npy", "neither --flat nor --name: its images have numbers", "one")
    return Npy(options.npy)


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
    from fastfit.bulk.sources import Search, count

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

    def tell(self, outcome: "Outcome") -> None:
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


def _summed_up(report: "bulk.Report") -> int:
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


def _print_sizes(summary: "bulk.Report") -> None:
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


def _preview(outcomes: Any) -> int:
    """Print what would become of every source, and what that costs."""
    from fastfit.bulk import Report
    from fastfit.bulk.work import enlargement

    report, enlarged = Report(), 0
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
