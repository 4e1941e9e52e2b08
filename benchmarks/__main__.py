"""The command ``python -m benchmarks``: correctness and speed beside Pillow and whoever else is installed."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import (
    arrays,
    batch,
    compare,
    files,
    focus,
    instructions,
    loader,
    memory,
    plots,
    publish,
    results,
    scaling,
    shrink,
    tables,
    trust,
)

COMPARED: dict[str, Any] = {
    "arrays": arrays,
    "batch": batch,
    "files": files,
    "loader": loader,
    "scaling": scaling,
}
"""Benchmarks of contenders: `found(options)` tells who is there, `measure(options)` returns a `results.Result`."""
OTHERS = {"focus": focus, "memory": memory, "shrink": shrink, "trust": trust}
"""Each prints what it has, its own way."""
TOOLS = {"instructions": instructions, "compare": compare, "publish": publish}
"""What is no race, or done with results. All their options are their own."""


def main() -> int:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(metavar="BENCHMARK", required=True)
    for name, module in (COMPARED | OTHERS).items():
        command = commands.add_parser(name, help=_first_line(module.__doc__))
        if module is not trust:  # which reads a folder of anything, every file once
            _add_common(command)
        command.add_argument("--json", metavar="FILE", help="write the figures as JSON, too")
        module.add_arguments(command)
        command.set_defaults(run=getattr(module, "run", None) or partial(_compared, COMPARED.get(name)))
        if name in COMPARED:
            _add_compared(command)
    for name, tool in TOOLS.items():
        command = commands.add_parser(name, help=_first_line(tool.__doc__), description=tool.__doc__)
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        tool.add_arguments(command)
        command.set_defaults(run=tool.run)
    _add_all(commands.add_parser("all", help=f"{', '.join(COMPARED)}, one after another"), parser)
    options = parser.parse_args()
    # Programs that are begun here find their modules compiled, as installed ones do: it takes 0.2 s each time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return int(options.run(options))


def _first_line(docstring: str | None) -> str:
    return (docstring or "").partition("``: ")[2].partition("\n")[0]


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--photos", metavar="DIR", help="your photographs (default: the samples)")
    command.add_argument("--quick", action="store_true", help="fewer cells and rounds, under a minute each")


def _add_compared(command: argparse.ArgumentParser) -> None:
    command.add_argument("--against", metavar="NAME,…", type=_names, help="only these beside fastfit")
    command.add_argument("--md", action="store_true", help="print Markdown")
    command.add_argument("--plot", metavar="DIR", help="draw, too, as PNG and SVG: needs matplotlib")
    command.add_argument("--versions", action="store_true", help="only tell who is installed")


def _add_all(command: argparse.ArgumentParser, parser: argparse.ArgumentParser) -> None:
    command.description = (
        f"Run {', '.join(COMPARED)}, each with its own defaults; --json is written after each, with all so "
        "far. trust reads a folder of files that may be broken, not photographs: it runs if it is given one, and "
        "prints its own tables, which are not in the JSON."
    )
    _add_common(command)
    command.add_argument("--json", metavar="FILE", help="write the figures as JSON, too")
    command.add_argument("--trust", metavar="DIR", help="run trust on this folder, too")
    _add_compared(command)
    command.set_defaults(run=partial(_all, parser))


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _all(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Run every benchmark of contenders; 1 if fastfit was wrong in one."""
    every = {name: argparse.Namespace(**vars(parser.parse_args([name])) | vars(options)) for name in COMPARED}
    if options.against:
        _share_out(options.against, every)
    done: list[results.Result] = []
    statuses = [_compared(COMPARED[name], own, done) for name, own in every.items()]
    if options.trust:
        statuses.append(trust.run(parser.parse_args(["trust", options.trust])))
    return max(statuses)


def _share_out(asked: Sequence[str], every: Mapping[str, argparse.Namespace]) -> None:
    """Give each benchmark the names that it knows."""
    unknown = set(asked)
    for name, own in every.items():
        own.against = None
        there = COMPARED[name].found(own)
        own.against = [each for each in asked if each in there.versions or each in there.missing]
        unknown -= set(own.against)
    if unknown:
        raise SystemExit(f"--against: no benchmark knows {', '.join(sorted(unknown))}")


def _compared(module: Any, options: argparse.Namespace, done: list[results.Result] | None = None) -> int:
    """Run a benchmark of contenders, print its tables, add it to what is done; 1 if fastfit was wrong."""
    if options.versions:
        found = module.found(options)
        print(*tables.installed(found.versions, found.missing), sep="\n")
        return 0
    if options.plot:
        plots.require()
    if not options.photos and not done:
        print("no --photos: measured on the samples that come with the source", file=sys.stderr)
    result = module.measure(options)
    print(*(tables.markdown if options.md else tables.text)(result), sep="\n", flush=True)
    done = [] if done is None else done
    done.append(result)
    if options.json:
        results.write(done, Path(options.json))
    if options.plot:
        plots.draw(result, Path(options.plot))
    return 1 if result.faults else 0


sys.exit(main())
