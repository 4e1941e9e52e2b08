"""The command ``fastfit``: the only part that prints or exits."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fastfit.arguments import parser
from fastfit.errors import FastfitError, OptionError

if TYPE_CHECKING:
    from fastfit import bulk

# All else is imported where it is used: NumPy and OpenCV take ten times as long as --help or a wrong argument.

_MOST_LINES = 64

# After an interrupt joblib's resource tracker, a process of its own, may warn of semaphores that are already gone.
_TRACKER_WARNINGS = "ignore::UserWarning:joblib.externals.loky.backend.resource_tracker"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 all fitted, 1 with failures, 2 could not start."""
    _open_streams()
    options = parser().parse_args(arguments)
    from fastfit import bulk

    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _TRACKER_WARNINGS)))
    try:
        return {"fit": _fit, "formats": _formats}[options.command](options)
    except bulk.WorkerError as error:
        print(f"fastfit: {error}; without --overwrite the same command goes on from here", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read our output, `head` say, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (FastfitError, OSError) as error:
        print(f"fastfit: {_printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fastfit: interrupted; without --overwrite the same command goes on from here", file=sys.stderr)
        return 130


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


def _formats(_options: argparse.Namespace) -> int:
    from fastfit.codec import formats

    print(f"{'format':<12}{'read by':<17}{'written':<9}files")
    for found in formats():
        readers = ", ".join(found.reads) or "-"
        written = "yes" if found.writes else "-"
        print(f"{found.name:<12}{readers:<17}{written:<9}{' '.join(found.extensions)}")
    return 0


def _fit(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from fastfit import bulk
    from fastfit.codec import check_size
    from fastfit.options import Input, Output
    from fastfit.spec import Fit
    from fastfit.tasks import collect
    from fastfit.types import as_size

    spec, source, output = (_made(kind, options) for kind in (Fit, Input, Output))
    if options.format != "keep":
        for size in map(as_size, spec.sizes or ([spec.size] if spec.size else [])):
            check_size(replace(spec, box=None).plan(size).dst, options.format)
    tasks = collect(options.src, options.out, format=options.format, recursive=options.recursive)
    if not tasks:
        raise OptionError("SRC", "at least one image", f"none in {', '.join(map(str, options.src))}")
    outcomes = bulk.run(
        tasks, spec, output, input=source, jobs=options.jobs, overwrite=options.overwrite, listen=True
    )
    summary = bulk.report(_shown(outcomes, len(tasks)))
    print(
        f"{summary.fitted} fitted, {summary.failed} failed, {summary.skipped} skipped"
        f" in {summary.seconds:.1f} s ({summary.rate:.1f} images/s)"
    )
    if spec.size is None or spec.multiple_of is not None:
        _print_sizes(summary)
    return 1 if summary.failed else 0


def _made(kind: Any, options: argparse.Namespace) -> Any:
    """Make a `Fit`, `Input` or `Output` of the options that bear the names of its fields."""
    from dataclasses import fields

    return kind(**{each.name: getattr(options, each.name) for each in fields(kind) if hasattr(options, each.name)})


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


def _shown(outcomes: "Iterable[bulk.Outcome]", total: int) -> "Iterator[bulk.Outcome]":
    """Pass outcomes on, with a progress bar on a terminal and a line on stderr for each failure and note."""
    from tqdm import tqdm

    with tqdm(total=total, unit="image", disable=not sys.stderr.isatty(), dynamic_ncols=True) as bar:
        for outcome in outcomes:
            for line in (outcome.reason, *(f"{outcome.task.src}: note: {note}" for note in outcome.notes)):
                if line:
                    bar.write(_printable(line), file=sys.stderr)
            bar.update()
            yield outcome


def _printable(text: str) -> str:
    """Return text as one line that any terminal takes, whatever bytes a file's name is made of."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
