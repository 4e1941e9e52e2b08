"""One thread for each library inside parallel work: theirs times ours would be too many."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any

import cv2

__all__ = ["cores", "single_threaded"]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Limits:
    """How many blocks want the limits, and what takes them back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.restore = ExitStack()


_limits = _Limits()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit BLAS and OpenCV to one thread in this process.

    The limits hold for the whole process; what was there before comes back when the last of overlapping blocks
    ends, in whichever threads they are. A process forked meanwhile begins without them.
    """
    limits = _limits
    with limits.lock:
        if limits.depth == 0:
            limits.restore.callback(cv2.setNumThreads, cv2.getNumThreads())
            limits.restore.enter_context(_blas().limit(limits=1))
            cv2.setNumThreads(1)
        limits.depth += 1
    try:
        yield
    finally:
        with limits.lock:
            limits.depth -= 1
            if limits.depth == 0:
                limits.restore.close()


@lru_cache(maxsize=1)
def _blas() -> Any:
    # Imported where it is used, as joblib. Finding the libraries takes a millisecond, setting them 10 µs; what is
    # loaded later is none of ours.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _begin_anew() -> None:
    """In a forked process: the threads that held the lock, or would have taken back the limits, are not in it."""
    global _limits
    before, _limits = _limits, _Limits()
    before.lock = threading.Lock()
    before.restore.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
