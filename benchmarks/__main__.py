"""The command ``python -m benchmarks``."""

import argparse
import sys

from benchmarks import arrays, files, focus, loader, memory, shrink, trust

COMMANDS = {
    "arrays": arrays,
    "files": files,
    "focus": focus,
    "loader": loader,
    "memory": memory,
    "shrink": shrink,
    "trust": trust,
}


def main() -> int:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(metavar="BENCHMARK", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=(module.__doc__ or "").partition("``: ")[2])
        if module is not trust:  # which reads a folder of anything, every file once
            command.add_argument("--photos", metavar="DIR", help="your photographs (default: the samples)")
            command.add_argument("--quick", action="store_true", help="fewer cells and rounds")
        command.add_argument("--json", metavar="FILE", help="write the figures as JSON, too")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args()
    return int(options.run(options))


sys.exit(main())
