"""Who works on groups of images: threads of our own, or joblib's."""

import os
import sys
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from fastfit.errors import OptionError, describe
from fastfit.threads import cores
from fastfit.types import Image, as_integer

if TYPE_CHECKING:
    from concurrent.futures import Executor

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
    """Fits groups in threads of its own, or, if one is enough, in the calling thread; in order."""

    shares_memory = True

    def __init__(self, n_jobs: int | None, source: Any, *, streams: bool) -> None:
        most = max(1, len(source)) if hasattr(source, "__len__") else sys.maxsize
        self.streams = streams
        self.jobs = min(_as_jobs(-1 if n_jobs is None else n_jobs), most)

    def __call__(self, groups: Iterator[list[Item]], fitter: Fitter) -> Iterator[list[Image]]:
        if self.jobs == 1:
            return _opened(map(fitter, groups))
        # Who takes results one by one has other work to do meanwhile.
        return _in_threads(groups, fitter, self.jobs, helps=not self.streams)


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


def runner(backend: str, n_jobs: int | None, source: Any, *, in_place: bool, streams: bool) -> Runner:
    """Return who works on groups of images, by the options of `fastfit.fit_many`.

    Raises
    ------
    OptionError
        `backend` or `n_jobs` is wrong, or joblib works in processes and results are wanted `in_place`.
    """
    if backend == "threads":
        return _Threads(n_jobs, source, streams=streams)
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


class _Work:
    """A group at work in a thread, or waiting for one; whoever waits for results may fit it instead."""

    def __init__(self, pool: "Executor", fitter: Fitter, group: list[Item]) -> None:
        self.future = pool.submit(fitter, group)
        self.fitter, self.group = fitter, group
        self.done: Done | None = None
        self.process = os.getpid()

    def take(self) -> bool:
        """Fit the group in this thread if no other has begun; return whether."""
        if self.done is not None or not self.future.cancel():
            return False
        self.done = self.fitter(self.group)
        return True

    def result(self) -> Done:
        """Wait for the results."""
        if self.done is not None:
            return self.done
        if os.getpid() != self.process:
            raise RuntimeError("fit_many: a generator cannot go on in a forked process, where its threads are not")
        return self.future.result()


def _in_threads(
    groups: Iterator[list[Item]], fitter: Fitter, jobs: int, *, helps: bool
) -> Generator[list[Image], None, None]:
    """Fit groups in threads; one of the `jobs` is this thread if it `helps`: to begin a thread takes 0.4 ms."""
    # Threads of the standard library: joblib's `Parallel` looks for results every 10 ms, which is as long as many
    # images take, and goes on however far its consumer is behind. Imported where it is used, for it loads logging.
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(jobs - helps, thread_name_prefix="fit_many")
    waiting: deque[_Work] = deque()
    wait = True

    def result(work: _Work) -> Done:
        while helps and not work.future.done() and any(each.take() for each in (work, *waiting)):
            pass
        return work.result()

    try:
        works = (_Work(pool, fitter, group) for group in groups)
        yield from _opened(map(result, _ahead(works, waiting, AHEAD * jobs)))
    except GeneratorExit:
        # Left half taken, perhaps by the garbage collector, in any thread: even in one of these.
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def _ahead(works: Iterator[_T], waiting: deque[_T], most: int) -> Iterator[_T]:
    """Yield works in their order, `most` behind the last one begun; an error comes when it is its turn."""
    while True:
        try:
            work = next(works, None)
        except Exception:
            while waiting:
                yield waiting.popleft()
            raise
        if work is None:
            break
        waiting.append(work)
        if len(waiting) > most:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()
