"""The memory of a program with all its processes, as Linux tells it in /proc."""

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Sample", "peak", "watch"]

_PROC = Path("/proc")


class Sample(NamedTuple):
    """What all processes of a program have at one time, in bytes."""

    rss: int
    """What they share is counted once for each."""
    pss: int
    """What they share is counted once; 0 where the system does not tell."""
    processes: int


def watch(program: subprocess.Popen[bytes], interval: float) -> Iterator[Sample]:
    """Look at a program and all its descendants, again and again until it ends.

    Parameters
    ----------
    program : Popen
        Running. It has ended when the samples end.
    interval : float
        Seconds from one look to the next; more where looking takes longer.

    Yields
    ------
    Sample
        At least one.
    """
    due = time.monotonic()
    while program.poll() is None:
        yield _sample(program.pid)
        due = max(due + interval, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def peak(command: Sequence[str], log: Path, interval: float, env: Mapping[str, str]) -> Sample | None:
    """Run a program to its end and look at it meanwhile.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    log : Path
        Written anew: whatever it says.
    interval : float
        Seconds; see `watch`.
    env : mapping
        Added to the environment.

    Returns
    -------
    Sample or None
        The most of each figure, not all of one time; None where the system does not tell.
    """
    if not (_PROC / "self" / "stat").exists():
        return None
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={**os.environ, **env}
        ) as program,
    ):
        samples = list(watch(program, interval))
    return Sample(*(max(values) for values in zip(*samples, strict=True)))


def _sample(root: int) -> Sample:
    seen = [memory for process in _tree(root) if (memory := _memory(process)) is not None]
    return Sample(sum(rss for rss, _ in seen), sum(pss for _, pss in seen), len(seen))


def _tree(root: int) -> list[int]:
    """Return a process and its descendants."""
    children = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (parent := _parent(entry)) is not None:
            children[parent].append(int(entry.name))
    tree = [root]
    for process in tree:  # which grows meanwhile
        tree += children[process]
    return tree


def _parent(entry: Path) -> int | None:
    try:
        # The name before it is in brackets, and may hold brackets and spaces.
        return int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:  # it has ended
        return None


def _memory(process: int) -> tuple[int, int] | None:
    """Return RSS and PSS in bytes, or None of a process that has ended."""
    status = _kilobytes(process, "status", b"VmRSS:")
    if status is None:
        return None
    return status, _kilobytes(process, "smaps_rollup", b"Pss:") or 0


def _kilobytes(process: int, file: str, field: bytes) -> int | None:
    try:
        lines = (_PROC / str(process) / file).read_bytes().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(field)), None)
