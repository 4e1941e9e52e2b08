"""The command ``python -m benchmarks``: correctness and speed beside Pillow and whoever else is installed."""

import argparse
import sys
from pathlib import Path

from benchmarks import arrays, files, focus, loader, memory, results, shrink, tables, trust

COMPARED = {"files": files, "loader": loader}
"""Benchmarks of contenders: `found(options)` tells who is there, `measure(options)` returns a `results.Result`."""
OTHERS = {"arrays": arrays, "focus": focus, "memory": memory, "shrink": shrink, "trust": trust}
"""Each prints what it has, its own way."""


def main() -> int:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(metavar="BENCHMARK", required=True)
    for name, module in (COMPARED | OTHERS).items():
        command = commands.add_parser(name, help=(module.__doc__ or "").partition("``: ")[2])
        if module is not trust:  # which reads a folder of anything, every file once
            command.add_argument("--photos", metavar="DIR", help="your photographs (default: the samples)")
            command.add_argument("--quick", action="store_true", help="fewer cells and rounds, under a minute")
        command.add_argument("--json", metavar="FILE", help="write the figures as JSON, too")
        module.add_arguments(command)
        command.set_defaults(run=getattr(module, "run", None), name=name)
        if name in COMPARED:
            command.add_argument("--against", metavar="NAME,…", type=_names, help="only these beside fastfit")
            command.add_argument("--md", action="store_true", help="print Markdown")
            command.add_argument("--versions", action="store_true", help="only tell who is installed")
    options = parser.parse_args()
    return int(options.run(options) if options.run else _compare(options))


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _compare(options: argparse.Namespace) -> int:
    """Run a benchmark of contenders and print its tables; 1 if fastfit was wrong."""
    module = COMPARED[options.name]
    if options.versions:
        found = module.found(options)
        print(*tables.installed(found.versions, found.missing), sep="\n")
        return 0
    if not options.photos:
        print("no --photos: measured on the samples that come with the source", file=sys.stderr)
    result = module.measure(options)
    print(*(tables.markdown if options.md else tables.text)(result), sep="\n")
    if options.json:
        results.write([result], Path(options.json))
    return 1 if result.faults else 0


sys.exit(main())
