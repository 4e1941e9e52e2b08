"""One thread for each library inside parallel work: theirs times ours would be too many."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import cv2

__all__ = ["cores", "single_thread_for_good", "single_threaded"]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def single_thread_for_good() -> None:
    """Limit OpenCV to one thread in this process, which does nothing but fit; BLAS heeds the environment."""
    cv2.setNumThreads(1)


class _Limits:
    """How many blocks want the limits, and what was there before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.opencv = 0
        self.shared: list[tuple[Any, int]] = []

    def take_back(self) -> None:
        """Set what was there before."""
        if self.opencv:
            cv2.setNumThreads(self.opencv)
        _set(self.shared)
        self.opencv, self.shared = 0, []


_limits = _Limits()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit BLAS and OpenCV to one thread in this process.

    The limits hold for the whole process, but for a BLAS on OpenMP, which has them for each thread; what was there
    before comes back when the last of overlapping blocks ends, in whichever threads they are. A process forked
    meanwhile begins without them.
    """
    limits = _limits
    shared, own = _blas()
    with limits.lock:
        if limits.depth == 0:
            limits.opencv, limits.shared = cv2.getNumThreads(), _threads(shared)
            cv2.setNumThreads(1)
            _set([(library, 1) for library in shared])
        limits.depth += 1
    before: list[tuple[Any, int]] = []
    try:
        before = _threads(own)
        _set([(library, 1) for library in own])
        yield
    finally:
        _set(before)
        with limits.lock:
            limits.depth -= 1
            if limits.depth == 0:
                limits.take_back()


@cache
def _blas() -> tuple[list[Any], list[Any]]:
    """Return threadpoolctl's controllers: of one number for the process, and of one for each thread."""
    # Imported where it is used, as joblib. Finding the libraries takes a millisecond, setting them 10 µs; what is
    # loaded later is none of ours.
    from threadpoolctl import ThreadpoolController

    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    own = [library for library in libraries if getattr(library, "threading_layer", None) == "openmp"]
    return [library for library in libraries if library not in own], own


def _threads(libraries: list[Any]) -> list[tuple[Any, int]]:
    return [(library, library.get_num_threads()) for library in libraries]


def _set(numbers: list[tuple[Any, int]]) -> None:
    for library, number in numbers:
        # From 3.7 on threadpoolctl gives OpenBLAS to the first thread that sets it, and ignores all others.
        release = getattr(library, "clear_controlling_thread", lambda **_: None)
        release(force=True)
        library.set_num_threads(number)
        release(force=True)


def _begin_anew() -> None:
    """In a forked process: the threads that would have taken back the limits are not in it."""
    global _limits
    before, _limits = _limits, _Limits()
    before.lock.release()
    before.take_back()


if hasattr(os, "register_at_fork"):
    # No fork while a thread of ours sets a number: what the libraries lock for that would stay locked for good.
    os.register_at_fork(
        before=lambda: _limits.lock.acquire(),
        after_in_parent=lambda: _limits.lock.release(),
        after_in_child=_begin_anew,
    )
