"""Who works on groups of images: threads of our own, or joblib's."""

import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeAlias, TypeVar

from fastfit.errors import OptionError, describe
from fastfit.threads import cores
from fastfit.types import Image, as_integer

__all__ = ["AHEAD", "Done", "Item", "Runner", "runner"]

_T = TypeVar("_T")
Item: TypeAlias = tuple[int, Any]
"""An image and its number."""
Done: TypeAlias = tuple[list[Image], Exception | None]
"""The results of a group's images, up to the first that cannot be fitted, and what that one raises."""
Fitter: TypeAlias = Callable[[list[Item]], Done]
"""Fits a group of images."""

AHEAD = 2
"""Groups at work or waiting to be taken, for each thread."""


class _Threads:
    """Fits groups in the calling thread and in others, in order."""

    shares_memory = True

    def __init__(self, n_jobs: int | None, source: Any, *, all_there: bool) -> None:
        most = max(1, len(source)) if hasattr(source, "__len__") else sys.maxsize
        self.all_there = all_there
        self.jobs = min(_as_jobs(-1 if n_jobs is None else n_jobs), most)

    def __call__(self, groups: Iterator[list[Item]], fitter: Fitter) -> Iterator[list[Image]]:
        if self.jobs == 1:
            return _opened(map(fitter, groups))
        # Whoever takes results one by one, or makes images one by one, has other work to do meanwhile.
        if self.all_there:
            return _together([*groups], fitter, self.jobs)
        return _ahead(groups, fitter, self.jobs)


class _Joblib:
    """Fits groups by ``joblib.Parallel``, as ``joblib.parallel_config`` sets it; in order."""

    def __init__(self, n_jobs: int | None, *, streams: bool) -> None:
        # Imported where it is used, for it loads much that nobody else needs.
        from joblib import Parallel, delayed, effective_n_jobs
        from joblib.parallel import get_active_backend

        if n_jobs is not None:
            _as_jobs(n_jobs)
        self.shares_memory = bool(getattr(get_active_backend()[0], "supports_sharedmem", False))
        self.streams = streams
        self.parallel = Parallel(n_jobs=n_jobs, return_as="generator" if streams else "list")
        self.delayed = delayed
        self.jobs = effective_n_jobs(n_jobs)

    def __call__(self, groups: Iterator[list[Item]], fitter: Fitter) -> Iterator[list[Image]]:
        done = self.parallel(self.delayed(fitter)(group) for group in groups)
        return _left_quietly(done) if self.streams else _opened(iter(done))


def _left_quietly(done: Generator[Done, None, None]) -> Iterator[list[Image]]:
    """Yield results; joblib would warn that those behind an error were made in vain."""
    try:
        yield from _opened(done)
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done.close()


def _opened(groups: Iterator[Done]) -> Iterator[list[Image]]:
    """Yield the results of groups, and raise what the first image raised that cannot be fitted."""
    for results, error in groups:
        yield results
        if error is not None:
            raise error


Runner: TypeAlias = _Threads | _Joblib


def runner(
    backend: str, n_jobs: int | None, source: Any, *, all_there: bool, in_place: bool, streams: bool
) -> Runner:
    """Return who works on groups of images, by the options of `fastfit.fit_many`.

    Raises
    ------
    OptionError
        `backend` or `n_jobs` is wrong, or joblib works in processes and results are wanted `in_place`.
    """
    if backend == "threads":
        return _Threads(n_jobs, source, all_there=all_there and not streams)
    if backend != "joblib":
        raise OptionError("backend", "threads or joblib", describe(backend))
    found = _Joblib(n_jobs, streams=streams)
    if in_place and not found.shares_memory:
        expected = "threads, or a backend of joblib's that works in threads, for out= and the generator"
        raise OptionError("backend", expected, "joblib with processes")
    return found


def _as_jobs(value: int) -> int:
    try:
        number = as_integer(value)
    except TypeError:
        number = 0
    if number == 0:
        raise OptionError("n_jobs", "a number of threads, or -1 for all cores", describe(value))
    return number if number > 0 else max(1, cores() + 1 + number)


def _together(groups: list[list[Item]], fitter: Fitter, jobs: int) -> Iterator[list[Image]]:
    """Fit groups that are all there, in this thread and in others; that saves the start of a thread, 0.4 ms."""
    left = deque(enumerate(groups))
    done: dict[int, Done] = {}

    def work() -> None:
        while True:
            try:
                number, group = left.popleft()
            except IndexError:
                return
            try:
                done[number] = fitter(group)
            except Exception as error:  # noqa: BLE001 - raised below, where it is its turn
                done[number] = [], error
            if done[number][1] is not None:
                left.clear()  # all groups before this one are at work or done

    threads = [threading.Thread(target=work, name=f"fit_many_{number}") for number in range(1, jobs)]
    try:
        for thread in threads:
            thread.start()
        work()
    finally:
        left.clear()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    return _opened(done[number] for number in sorted(done))


def _ahead(groups: Iterator[list[Item]], fitter: Fitter, jobs: int) -> Generator[list[Image], None, None]:
    """Fit groups in threads, some groups ahead of whoever takes the results."""
    # Threads of the standard library: joblib's `Parallel` looks for results every 10 ms, which is as long as many
    # images take, and goes on however far its consumer is behind. Imported where it is used, for it loads logging.
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(jobs, thread_name_prefix="fit_many")
    wait, here = True, os.getpid()

    def result(future: Future[Done]) -> Done:
        if os.getpid() != here:
            raise RuntimeError("fit_many: a generator cannot go on in a forked process, where its threads are not")
        return future.result()

    try:
        futures = (pool.submit(fitter, group) for group in groups)
        yield from _opened(map(result, _in_order(futures, AHEAD * jobs)))
    except GeneratorExit:
        # Left half taken, perhaps by the garbage collector, in any thread: even in one of these.
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def _in_order(futures: Iterator[_T], most: int) -> Iterator[_T]:
    """Yield futures in their order, `most` behind the last one begun; an error comes when it is its turn."""
    waiting: deque[_T] = deque()
    while True:
        try:
            future = next(futures, None)
        except Exception:
            yield from waiting
            raise
        if future is None:
            break
        waiting.append(future)
        if len(waiting) > most:
            yield waiting.popleft()
    yield from waiting
