"""``fastfit formats``."""

import argparse

from fastfit import codec
from fastfit.kernel.library import about
from fastfit.version import PIXELS

__all__ = ["formats"]


def formats(_options: argparse.Namespace) -> int:
    """List what is read and written, which kernel fits, and which pixels it promises."""
    print(f"{'format':<12}{'read by':<17}{'written':<9}files")
    for found in codec.formats():
        readers = ", ".join(found.reads) or "-"
        written = "yes" if found.writes else "-"
        print(f"{found.name:<12}{readers:<17}{written:<9}{' '.join(found.extensions)}")
    print(f"kernel: {about()}")
    print(f"pixels: {PIXELS}")
    return 0
