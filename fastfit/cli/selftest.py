"""``fastfit selftest``."""

import argparse
import json
from dataclasses import replace

from fastfit import proof

__all__ = ["selftest"]


def selftest(options: argparse.Namespace) -> int:
    """Test every level of the kernel; exit 0 if the pixels are the promised ones, else 1."""
    found, library = proof.begun()
    if not options.json:
        print(*found.head(), sep="\n", flush=True)
    for level in proof.levels_of(library):
        if not options.json:  # a kernel that crashes is the last one that was named
            print(f"{level} ", end="", flush=True)
        tested = proof.level_of(level, library)
        found = replace(found, levels=(*found.levels, tested))
        if not options.json:
            print(found.row(tested)[len(level) + 1 :], flush=True)
    print(json.dumps(found.to_dict(), indent=2) if options.json else "\n".join(found.verdict()))
    return 0 if found.passed else 1
