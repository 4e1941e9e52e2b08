"""Interleaved timing on one core: what can be said on a machine that others use too."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from benchmarks.threads import pinned

_LONG = 0.5
"""Seconds: no noise makes a short call look so long."""


def interleaved(
    calls: Mapping[str, Callable[[], object]], rounds: int, least: float = 0.0
) -> dict[str, list[float]]:
    """Time each call once a round, A B A B …, after a warm-up: seconds by name and round.

    Parameters
    ----------
    calls : mapping
        By name.
    rounds : int
        How often.
    least : float, optional
        Seconds: what takes less is called so often in a row that a round is as long; its seconds are the mean.
    """
    repeats = {name: _repeats(call, least) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(_time(call, repeats[name]))
    return seconds


def _repeats(call: Callable[[], object], least: float) -> int:
    """Warm up; return how many calls last so long."""
    if _time(call, 1) > _LONG or not least:
        return 1
    repeats = 1
    while (taken := repeats * _time(call, repeats)) < least:
        repeats = max(repeats + 1, min(10 * repeats, math.ceil(1.2 * repeats * least / taken)))
    return repeats


def _time(call: Callable[[], object], repeats: int) -> float:
    """Return the mean seconds of some calls in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def one_core() -> AbstractContextManager[str]:
    """Keep this process on one core, BLAS and OpenCV at one thread; enter for a line that says so."""
    return pinned(1)
