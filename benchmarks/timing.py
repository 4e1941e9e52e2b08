"""Interleaved timing on one core: what can be said on a machine that others use too."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import cv2
from threadpoolctl import threadpool_info

from fastfit.threads import single_threaded


class Timing(NamedTuple):
    """Median and median absolute deviation of several runs, in milliseconds."""

    median: float
    mad: float


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time each call once a round, A B A B …, after a warm-up: seconds by name and round."""
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def summary(seconds: list[float]) -> Timing:
    """Sum up the runs of one call."""
    median = statistics.median(seconds)
    return Timing(1e3 * median, 1e3 * statistics.median(abs(second - median) for second in seconds))


@contextmanager
def one_core() -> Iterator[str]:
    """Keep this process on one core, BLAS and OpenCV at one thread; yield a line that says so."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, {max(before)})
    try:
        with single_threaded():
            blas = [f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpool_info()]
            pinned = "pinned to one core" if before else "not pinned"
            yield f"{pinned}; threads: OpenCV {cv2.getNumThreads()}, {', '.join(blas)}"
    finally:
        if before:
            os.sched_setaffinity(0, before)
