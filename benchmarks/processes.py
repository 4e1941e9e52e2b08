"""Whole programs, from their start to their end. POSIX only."""

import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Usage", "adopt_orphans", "finish", "reap_orphans"]

_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 5.0
"""Seconds for which processes are waited for that their own parent did not wait for."""


class Usage(NamedTuple):
    """What a program took, with all its processes."""

    seconds: float
    """Of the clock on the wall, until the program itself ended."""
    cpu: float
    """Seconds, user and system."""
    status: int
    """Exit status; of a program killed by a signal minus its number."""


def finish(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Usage:
    """Run a program to its end, with no other child of this process beside it.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    log : Path
        Written anew: whatever it says on stdout and stderr.
    env : mapping, optional
        Added to the environment.
    """
    before = _children_cpu()
    with log.open("wb") as said:
        start = time.perf_counter()
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            check=False,
        )
        seconds = time.perf_counter() - start
    reap_orphans()
    return Usage(seconds, _children_cpu() - before, ended.returncode)


def adopt_orphans() -> None:
    """On Linux, become the parent of processes whose own ends first: nobody else could tell their CPU time."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans() -> None:
    """Wait a little for whatever children there still are."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            time.sleep(0.01)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
