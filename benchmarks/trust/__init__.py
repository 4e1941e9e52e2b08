"""``python -m benchmarks trust``: what each library makes of a folder of awkward, broken and hostile files."""

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.trust.contenders import CONTENDERS
from benchmarks.trust.judge import judge
from benchmarks.trust.manifest import Entry, entries
from benchmarks.trust.outcome import Outcome
from benchmarks.trust.tables import Judged, by_class, faults, summary

__all__ = ["add_arguments", "run"]

OURS, REFERENCE = "fastfit", "pillow"
NOTES = """\
opencv-imdecode is IMREAD_UNCHANGED, as in img2dataset; opencv-imread is IMREAD_COLOR; pillow is exif_transpose,
its best practice, and the reference for orientation and pixels wherever it gives a picture of the expected size:
elsewhere only the size is judged. A picture said to be damaged counts as refused. CPU s are of decoding, peak MB
of the process that needed most, leaked are lines on stdout or stderr."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--manifest", metavar="CSV", help="what to expect of each (default: FOLDER/manifest.csv)")
    parser.add_argument("--only", metavar="NAME,…", help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument(
        "--reader",
        metavar="MODULE:FUNCTION",
        action="append",
        default=[],
        help="yours, too: path -> array or None",
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=20.0, help="of CPU for a file (default: 20)"
    )
    parser.add_argument("--memory", metavar="MB", type=int, default=4096, help="for a file (default: 4096)")
    parser.add_argument("--list", action="store_true", help="name the files that each got wrong")


def run(options: argparse.Namespace) -> int:
    """Let each read every file and print what came of it; 1 if fastfit's is anything but right everywhere."""
    if not hasattr(os, "fork"):
        raise SystemExit("trust: expected a system that forks, such as Linux or macOS")
    listed = entries(options.folder, options.manifest)
    names = [*_chosen(options.only), *options.reader]
    versions, read = _read(names, listed, options)
    reference = read.get(REFERENCE)
    judged = {name: _judged(listed, read[name], reference) for name in names if name in read}
    print(" · ".join(f"{name} {versions[name]}".strip() for name in names))
    print(f"{len(listed)} files of {options.folder}, each in a process of one thread that may take")
    print(f"{options.timeout:g} s of CPU and {options.memory} MB more than the libraries do")
    print(NOTES)
    for table in (summary(judged), by_class(judged), *([faults(judged, OURS)] if options.list else [])):
        print("", *table, sep="\n")
    if options.json:
        rows = [row.facts(name) for name in judged for row in judged[name]]
        result = {"versions": versions, "seconds": options.timeout, "megabytes": options.memory, "rows": rows}
        Path(options.json).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 1 if any(row.verdict.kind != "right" or row.outcome.leaked for row in judged.get(OURS, ())) else 0


def _chosen(only: str | None) -> list[str]:
    names = only.split(",") if only is not None else list(CONTENDERS)
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        raise SystemExit(f"--only: expected names of {', '.join(CONTENDERS)}, got {', '.join(unknown)}")
    return names


def _read(
    names: Sequence[str], listed: Sequence[Entry], options: argparse.Namespace
) -> tuple[dict[str, str], dict[str, list[Outcome]]]:
    """Return version and outcomes of each contender that is installed, and of the reference."""
    from benchmarks.trust.bounded import Limits, outcomes  # which needs POSIX

    limits = Limits(options.timeout, options.memory)
    paths = [entry.path for entry in listed]
    versions: dict[str, str] = {}
    read: dict[str, list[Outcome]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        running = {
            name: threads.submit(outcomes, name, paths, limits) for name in dict.fromkeys([*names, REFERENCE])
        }
        for name, future in running.items():
            try:
                versions[name], read[name] = future.result()
            except ModuleNotFoundError as error:
                versions[name] = f"missing ({error})"
    return versions, read


def _judged(listed: Sequence[Entry], read: Sequence[Outcome], reference: Sequence[Outcome] | None) -> list[Judged]:
    references: Sequence[Outcome | None] = reference or [None] * len(listed)
    return [
        Judged(entry, got, judge(entry.expect, entry.size, got, theirs))
        for entry, got, theirs in zip(listed, read, references, strict=True)
    ]
