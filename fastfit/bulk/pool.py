"""Many workers: who does what, and what follows when one dies or takes too long.

A worker that dies costs no more than the item that it was at. That one is tried once more, alone; if its worker
dies again it has failed. What the worker had not begun goes to the others.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as futures_wait

from fastfit.bulk.items import Item, Result
from fastfit.bulk.workers import Batch, Worker, WorkerDiedError
from fastfit.errors import FastfitError

__all__ = ["Pool", "WorkerError"]

_QUEUED = 2
"""Batches that a worker has at most: one in work, and one so that it need not wait."""
_LOOK = 0.25
"""Seconds between two looks at how long workers have been at their items."""
_AWAY = 2.0
"""Seconds without a look after which all of us were stopped, by Ctrl-Z say, and time did not count."""
_BEGINNING = 60.0
"""Seconds that a worker may take to begin, beside the time for an item."""
_MOST_DEATHS = 5
"""Deaths in a row, for each worker, in which nothing was done: more of the same will not help."""


class WorkerError(FastfitError):
    """Workers die before they begin: it is no file's fault."""


class _Slot:
    """A place for one worker after another."""

    def __init__(self, make: Callable[[], Worker]) -> None:
        self.make = make
        self.worker: Worker | None = None
        self.batches: deque[tuple[Future[list[Result]], Batch]] = deque()
        self.alone = False
        """Whether it has an item that is tried for the second time."""
        self.since = 0.0
        """When it was given work after it had none."""
        self.late: int | None = None
        """The number of the item for which it was killed: it took too long."""

    def give(self, batch: Batch) -> None:
        if self.worker is None:
            self.worker = self.make()
        if not self.batches:
            self.since = time.monotonic()
        self.batches.append((self.worker.submit(batch), batch))


class Pool:
    """Workers that are handed batches, and give back results in the order of completion.

    Parameters
    ----------
    make : callable
        Makes a worker.
    jobs : int
    timeout : float, optional
        Seconds after which an item has failed.
    """

    def __init__(self, make: Callable[[], Worker], jobs: int, timeout: float | None) -> None:
        self._slots = [_Slot(make) for _ in range(jobs)]
        self._timeout = timeout
        self._again: deque[Batch] = deque()
        self._suspects: deque[Batch] = deque()
        self._ready: list[tuple[int, Result]] = []
        self._deaths = 0
        self._looked = self._resumed = time.monotonic()

    @property
    def wants(self) -> bool:
        """Whether a worker could take another batch."""
        quiet = not (self._again or self._suspects or any(slot.alone for slot in self._slots))
        return quiet and any(self._free(slot) for slot in self._slots)

    @property
    def idle(self) -> bool:
        """Whether all that was given has come back."""
        return not (self._again or self._suspects or self._ready or any(slot.batches for slot in self._slots))

    @staticmethod
    def _free(slot: _Slot) -> bool:
        return not slot.alone and slot.late is None and len(slot.batches) < _QUEUED

    def give(self, batch: Batch) -> None:
        """Hand a batch to the worker that has least to do."""
        min(filter(self._free, self._slots), key=lambda slot: len(slot.batches)).give(batch)

    def collect(self, *, wait: bool = True) -> list[tuple[int, Result]]:
        """Return results with the numbers of their items; wait for some, but not for long.

        Raises
        ------
        WorkerError
            Workers die one after the other, and nothing is done.
        """
        self._hand_out()
        futures = [slot.batches[0][0] for slot in self._slots if slot.batches]
        if wait and futures and not self._ready:
            futures_wait(futures, timeout=_LOOK, return_when=FIRST_COMPLETED)
        for slot in self._slots:
            while slot.batches and slot.batches[0][0].done():
                self._take(slot)
            if slot.late is not None and not slot.batches:  # done just before it was killed
                slot.worker, slot.late = None, None
        if self._timeout is not None and time.monotonic() - self._looked > _LOOK:
            self._look(self._timeout)
        results, self._ready = self._ready, []
        self._deaths = 0 if results else self._deaths
        return results

    def _hand_out(self) -> None:
        """Give what comes back from the dead: suspects to workers that have nothing else, the rest to any."""
        if any(slot.alone for slot in self._slots):
            return
        if self._suspects:  # alone in all: it may have been the memory of several that was too much
            if not any(slot.batches for slot in self._slots):
                self._slots[0].alone = True
                self._slots[0].give(self._suspects.popleft())
            return
        while self._again and any(map(self._free, self._slots)):
            self.give(self._again.popleft())

    def _take(self, slot: _Slot) -> None:
        future, batch = slot.batches[0]
        error = future.exception()
        if isinstance(error, WorkerDiedError):
            self._bury(slot)
            return
        if error is not None:
            raise error
        slot.batches.popleft()
        slot.alone = False
        self._ready += zip((number for number, _ in batch), future.result(), strict=True)

    def _bury(self, slot: _Slot) -> None:
        """Take back what a dead worker had, and make room for another."""
        worker, slot.worker = slot.worker, None
        at = worker.pulse().number if worker is not None else -1
        if worker is not None:
            worker.kill()
        items = [entry for _, batch in slot.batches for entry in batch]
        guilty = next((entry for entry in items if entry[0] == at), None)
        if guilty is not None:
            self._judge(slot, guilty)
        self._again += ([entry] for entry in items if entry is not guilty)
        slot.batches.clear()
        slot.alone, slot.late = False, None
        self._deaths += 1
        if self._deaths > _MOST_DEATHS * len(self._slots):
            raise WorkerError("jobs", f"{len(self._slots)} workers that stay alive", f"{self._deaths} dead ones")

    def _judge(self, slot: _Slot, guilty: tuple[int, Item]) -> None:
        number, item = guilty
        if slot.late == number:
            text = f"{item.source}: expected to be done in {self._timeout:g} s, was not"
            self._ready.append((number, Result("failed", "timeout", text, ms=1e3 * (self._timeout or 0))))
        elif slot.alone:
            text = f"{item.source}: expected a worker that stays alive, got one that died of it"
            self._ready.append((number, Result("failed", "worker-crashed", text)))
        else:
            self._suspects.append([guilty])

    def _look(self, timeout: float) -> None:
        """End workers that have been at one item for too long."""
        now = time.monotonic()
        if now - self._looked > _AWAY:
            self._resumed = now
        self._looked = now
        found = ((slot, slot.worker, self._late(slot, now, timeout)) for slot in self._slots)
        late = [(slot, worker, at) for slot, worker, at in found if worker is not None and at is not None]
        blocking = [entry for entry in late if entry[1].blocks]
        for slot, worker, at in blocking or late:
            slot.late = at if at >= 0 else None
            worker.kill()
            if worker.abandons and not slot.batches[0][0].done():
                self._bury(slot)
        if blocking:  # the others have waited for it: their time begins now
            self._resumed = now

    def _late(self, slot: _Slot, now: float, timeout: float) -> int | None:
        """Return the item for which a worker has to go, -1 if it does not even begin; None if it may stay."""
        if slot.worker is None or not slot.batches or slot.late is not None:
            return None
        pulse = slot.worker.pulse()
        if pulse.pid == 0:
            return -1 if now - max(slot.since, self._resumed) > timeout + _BEGINNING else None
        # Asked twice: it may have gone on to the next between its number and its time.
        over = now - max(pulse.since, self._resumed) > timeout and slot.worker.pulse() == pulse
        return pulse.number if over and pulse.number >= 0 else None

    def kill(self) -> None:
        """End all workers, whatever they are at."""
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.kill()
