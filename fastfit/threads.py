"""How many threads run: one for each core, and none of OpenCV's beside them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

__all__ = ["cores", "single_thread_for_good", "single_threaded"]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def single_thread_for_good() -> None:
    """Limit OpenCV to one thread in this process, which does nothing but fit."""
    cv2.setNumThreads(1)


class _Limits:
    """How many blocks want the limit, and what was there before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.before = 0

    def take_back(self) -> None:
        """Set what was there before, once."""
        if self.before:
            cv2.setNumThreads(self.before)
        self.before = 0


_limits = _Limits()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit OpenCV to one thread in this process.

    What was there before comes back when the last of overlapping blocks ends, in whichever threads they are. A
    process forked meanwhile begins without the limit.
    """
    limits = _limits
    with limits.lock:
        if limits.depth == 0:
            limits.before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        limits.depth += 1
    try:
        yield
    finally:
        with limits.lock:
            limits.depth -= 1
            if limits.depth == 0:
                limits.take_back()


def _begin_anew() -> None:
    """In a forked process: the threads that would have taken back the limit are not in it."""
    global _limits
    before, _limits = _limits, _Limits()
    before.lock.release()
    before.take_back()


if hasattr(os, "register_at_fork"):
    # No fork while a thread of ours sets a number: what OpenCV locks for that would stay locked for good.
    os.register_at_fork(
        before=lambda: _limits.lock.acquire(),
        after_in_parent=lambda: _limits.lock.release(),
        after_in_child=_begin_anew,
    )
