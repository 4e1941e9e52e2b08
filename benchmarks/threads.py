"""How many threads and cores every library may use, so that all are measured alike."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from fastfit.threads import cores

__all__ = ["on_cores", "pinned"]

_ASKED_ONCE = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "VIPS_CONCURRENCY")
"""Variables that libraries read when they are loaded or first used, and never again."""


@contextmanager
def pinned(threads: int) -> Iterator[str]:
    """Keep this process on so many cores, and OpenCV at so many threads.

    What is imported meanwhile finds the number in the environment; the rest is up to each contender's `pin`.

    Yields
    ------
    str
        A line that says so.

    Raises
    ------
    SystemExit
        There are fewer cores.
    """
    if not 1 <= threads <= cores():
        raise SystemExit(f"--threads: expected 1 to {cores()}, as many as there are cores, got {threads}")
    with _environment(threads), on_cores(threads) as where, _opencv(threads):
        yield f"{where}; threads of each library: {threads}"


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Tell whoever asks; not the programs that are run later."""
    before = {name: os.environ.get(name) for name in _ASKED_ONCE}
    os.environ.update(dict.fromkeys(_ASKED_ONCE, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def on_cores(number: int) -> Iterator[str]:
    """Keep this thread, and the programs and threads that it starts meanwhile, on so many cores, or all there are.

    Yields
    ------
    str
        A line that says so, or that the system cannot.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield "not pinned to cores"
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-number:])
    try:
        yield "pinned to one core" if number == 1 else f"pinned to {number} cores"
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _opencv(threads: int) -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
