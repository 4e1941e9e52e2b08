"""Interleaved timing on one core: what can be said on a machine that others use too."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from benchmarks.threads import pinned

__all__ = ["Prepared", "Taken", "interleaved", "one_core", "timed"]

_LONG = 0.5
"""Seconds: no noise makes a short call look so long."""


class Taken(NamedTuple):
    """What one call took in each round, or in one."""

    seconds: tuple[float, ...]
    """By the clock on the wall."""
    cpu: tuple[float, ...]
    """Processor time of this process, of all its threads."""


@runtime_checkable
class Prepared(Protocol):
    """A call that does something else each time. What it needs is made before the clock starts.

    All such calls of a comparison are called equally often in a round: they do the same things.
    """

    most: int
    """Calls that can be prepared at once."""

    def prepare(self, calls: int) -> None:
        """Make ready what so many calls need."""

    def __call__(self) -> object:
        """Do it once."""


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int, least: float = 0.0) -> dict[str, Taken]:
    """Time each call once a round, A B A B …, after a warm-up.

    Parameters
    ----------
    calls : mapping
        By name.
    rounds : int
        How often.
    least : float, optional
        Seconds: what takes less is called so often in a row that a round is as long; its times are the mean.

    Returns
    -------
    dict
        By name.
    """
    repeats = {name: _repeats(call, least) for name, call in calls.items()}
    prepared = [name for name, call in calls.items() if isinstance(call, Prepared)]
    repeats |= dict.fromkeys(prepared, max((repeats[name] for name in prepared), default=1))
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(timed(call, repeats[name]))
    return {name: Taken(*zip(*each, strict=True)) for name, each in taken.items()}


def _repeats(call: Callable[[], object], least: float) -> int:
    """Warm up; return how many calls last so long."""
    if timed(call, 1)[0] > _LONG or not least:
        return 1
    most = call.most if isinstance(call, Prepared) else math.inf
    repeats = 1
    while repeats < most and (taken := repeats * timed(call, repeats)[0]) < least:
        repeats = int(min(most, max(repeats + 1, min(10 * repeats, math.ceil(1.2 * repeats * least / taken)))))
    return repeats


def timed(call: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the mean seconds of some calls in a row: by the clock, and of processor time."""
    if isinstance(call, Prepared):
        call.prepare(repeats)
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    cpu, seconds = time.process_time() - busy, time.perf_counter() - start
    return seconds / repeats, cpu / repeats


def one_core() -> AbstractContextManager[str]:
    """Keep this process on one core, OpenCV at one thread; enter for a line that says so."""
    return pinned(1)
