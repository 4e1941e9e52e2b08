"""How many threads run: one for each core, and none of OpenCV's beside them."""

import os
import threading
from contextlib import AbstractContextManager

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
        # Of a block that is left unfinished, the collector may end it in a thread that has the lock.
        self.lock = threading.RLock()
        self.depth = 0
        self.before = 0

    def take_back(self) -> None:
        """Set what was there before, once."""
        if self.before:
            cv2.setNumThreads(self.before)
        self.before = 0


_limits = _Limits()


class _Limit(AbstractContextManager[None]):
    """A block that wants the limit. It ends with the object, at the latest: an interrupt may skip its end."""

    def __init__(self) -> None:
        self.limits = _limits
        self.inside = False

    def __enter__(self) -> None:
        with self.limits.lock:
            if self.limits.depth == 0:
                self.limits.before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self.limits.depth += 1
            self.inside = True

    def __exit__(self, *_: object) -> None:
        with self.limits.lock:
            if not self.inside:
                return
            self.limits.depth -= 1
            self.inside = False
            if self.limits.depth == 0:
                self.limits.take_back()

    __del__ = __exit__


def single_threaded() -> AbstractContextManager[None]:
    """Return a block that limits OpenCV to one thread in this process.

    What was there before comes back when the last of overlapping blocks ends, in whichever threads they are. A
    process forked meanwhile begins without the limit.
    """
    return _Limit()


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
