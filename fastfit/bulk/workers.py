"""Workers: processes that may die, by joblib's loky, and threads, which may not."""

import gc
import mmap
import os
import queue
import signal
import struct
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple, Protocol, TypeAlias

from fastfit.bulk.items import Item, Result
from fastfit.bulk.work import Work
from fastfit.codec import listens, stop_listening
from fastfit.errors import KernelWarning
from fastfit.threads import single_thread_for_good

__all__ = ["Batch", "ProcessWorker", "Pulse", "ThreadWorker", "Worker", "WorkerDiedError"]

Batch: TypeAlias = list[tuple[int, Item]]
"""Items with their numbers, to be worked on one after the other."""

_PULSE = struct.Struct("<qqd")

# The environment of worker processes. One thread for BLAS: NumPy would start one for each core in each worker,
# and nothing here uses them. And glibc gives back freed pixels to the system at once, which then has to clear them
# again for the next image: a seventh of all time. Kept, they are an image's worth of memory for each worker.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}


class WorkerDiedError(Exception):
    """A worker is gone, and what it had in work is undone."""


class Pulse(NamedTuple):
    """What a worker says of itself while it works."""

    pid: int
    number: int
    """Of the item in work; -1 if none is."""
    since: float
    """When it was begun, as `time.monotonic` counts, which is the same in all processes."""


class Worker(Protocol):
    """One that works on batches, in their order."""

    abandons: bool
    """Whether its futures stay open when it is killed."""

    @property
    def blocks(self) -> bool:
        """Whether others have to wait for what it is at."""
        ...

    def submit(self, batch: Batch) -> "Future[list[Result]]":
        """Hand over a batch. Its future raises `WorkerDiedError` if the worker does not live to finish it."""
        ...

    def pulse(self) -> Pulse:
        """Return what it is at."""
        ...

    def kill(self) -> None:
        """Stop it, whatever it is at: a process dies; a thread is left to itself and its results are dropped."""
        ...


class ThreadWorker:
    """A thread of this process: begun at once, but a decoder that crashes takes the process along."""

    abandons = True

    def __init__(self, work: Work, name: str) -> None:
        self._work = work
        self._pulse = Pulse(os.getpid(), -1, 0.0)
        self._batches: queue.SimpleQueue[tuple[Batch, Future[list[Result]]] | None] = queue.SimpleQueue()
        self._dropped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def blocks(self) -> bool:
        """Whether it listens to its decoder: one thread at a time does."""
        return listens(self._thread.ident or 0)

    def submit(self, batch: Batch) -> "Future[list[Result]]":
        """Hand over a batch."""
        future: Future[list[Result]] = Future()
        self._batches.put((batch, future))
        return future

    def pulse(self) -> Pulse:
        """Return what it is at."""
        return self._pulse

    def kill(self) -> None:
        """Leave it to itself: it ends after the item that it is at."""
        self._dropped = True
        self._batches.put(None)
        stop_listening(self._thread.ident or 0)

    def _run(self) -> None:
        while (entry := self._batches.get()) is not None and not self._dropped:
            batch, future = entry
            try:
                results = []
                for number, item in batch:
                    self._pulse = Pulse(self._pulse.pid, number, time.monotonic())
                    results.append(self._work.do(number, item))
                    if self._dropped:
                        return
                self._pulse = self._pulse._replace(number=-1)
            except Exception as error:  # noqa: BLE001  (a bug: raised where the future is asked)
                future.set_exception(error)
            else:
                future.set_result(results)


class ProcessWorker:
    """A process of joblib's loky, alone in its executor: if it dies, the others do not notice."""

    abandons = False

    def __init__(self, work: Work, name: str) -> None:
        # Imported where it is used: it takes longer than a small image.
        from joblib.externals.loky.backend import get_context
        from joblib.externals.loky.process_executor import ProcessPoolExecutor

        self._path = os.path.join(work.folder, f"{name}.pulse")
        with open(self._path, "wb") as file:
            file.write(_PULSE.pack(0, -1, 0.0))
        self._view = _mapped(self._path)
        self._executor = ProcessPoolExecutor(
            max_workers=1,
            context=get_context("loky"),
            initializer=_begin,
            initargs=(os.getcwd(), work, self._path, os.getpid()),
            env=_ENVIRONMENT,
        )

    @property
    def blocks(self) -> bool:
        """False: each process has a stderr of its own."""
        return False

    def submit(self, batch: Batch) -> "Future[list[Result]]":
        """Hand over a batch; the first begins the process."""
        from joblib.externals.loky.process_executor import BrokenProcessPool, ShutdownExecutorError

        outer: Future[list[Result]] = Future()

        def done(inner: "Future[list[Result]]") -> None:
            error = inner.exception()
            if isinstance(error, (BrokenProcessPool, ShutdownExecutorError)):
                error = WorkerDiedError(str(error))
            if error is None:
                outer.set_result(inner.result())
            else:
                outer.set_exception(error)

        try:
            with _undisturbed():
                inner = self._executor.submit(_work_on, batch)
        except (BrokenProcessPool, ShutdownExecutorError) as error:
            outer.set_exception(WorkerDiedError(str(error)))
        else:
            inner.add_done_callback(done)
        return outer

    def pulse(self) -> Pulse:
        """Return what it is at."""
        return Pulse(*_PULSE.unpack_from(self._view))

    def kill(self) -> None:
        """Kill the process, and let its futures raise."""
        # Not by `shutdown(kill_workers=True)`: what has just been submitted makes loky's thread die of a KeyError.
        for pid in {self.pulse().pid, *self._executor._processes} - {0}:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self._executor.shutdown(wait=False)


def _mapped(path: str) -> mmap.mmap:
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), _PULSE.size)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back what interrupts or ends this process until the block is done: a process is begun whole or not.

    Processes begun in it never see an interrupt from the keyboard.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    # Begun with the first process, and lets interrupts through again when it is (until Python 3.13).
    resource_tracker.ensure_running()
    with _handlers_held():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _handlers_held() -> Iterator[None]:
    """Hold back Python's signal handlers: what is blocked here comes to another thread, and runs in this one."""
    if threading.current_thread() is not threading.main_thread():  # they never run there
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number in before:
            signal.signal(number, lambda number, _frame: came.append(number))
        yield
    finally:
        # A handler that is back may raise at once; the other has to be put back all the same.
        with ExitStack() as stack:
            for number, handler in before.items():
                stack.callback(signal.signal, number, handler)
        for late in came:
            signal.raise_signal(late)


# In the worker process.

_here: dict[str, Any] = {}


def _begin(folder: str, work: Work, pulse: str, parent: int) -> None:
    from joblib.externals.loky import process_executor

    # An interrupt from the keyboard goes to all processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    warnings.simplefilter("ignore", KernelWarning)  # the first process has warned
    os.chdir(folder)
    single_thread_for_good()
    _here.update(work=work, pulse=_mapped(pulse))
    _beat(-1)
    # loky ends a worker that has grown by 300 MB, which it takes for a leak and is two large images; and it looks
    # for cycles every second: what is here by now has none.
    process_executor._MAX_MEMORY_LEAK_SIZE = 1 << 60
    gc.collect()
    gc.freeze()


def _end_with(parent: int) -> None:
    """End when the first process is gone: loky's workers would wait for its work for ever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _beat(number: int) -> None:
    # Eight bytes at a time, and the number last: whoever looks meanwhile sees no number with an older time.
    # `pack_into` would clear all three first, which looks like an item that was begun long ago.
    _, there, since = (struct.Struct("<q").size * place for place in range(3))
    view = _here["pulse"]
    view[since:] = struct.pack("<d", time.monotonic())
    view[there:since] = struct.pack("<q", number)
    view[:there] = struct.pack("<q", os.getpid())


def _work_on(batch: Batch) -> list[Result]:
    results = []
    for number, item in batch:
        _beat(number)
        results.append(_here["work"].do(number, item))
    _beat(-1)
    return results
