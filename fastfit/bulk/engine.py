"""The engine: sources are numbered as they come, worked on by many, and settled in their order.

That order makes everything else simple. Names, shards and what counts as a duplicate depend on the sources alone,
whoever is done first; an output that is appended to has a beginning that is right, at any moment.
"""

import errno
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from fastfit.bulk.admission import Admission, Pending
from fastfit.bulk.items import Item, Outcome, Result
from fastfit.bulk.journal import Journal, NoJournal, Row, settled
from fastfit.bulk.pool import Pool
from fastfit.bulk.report import Report
from fastfit.bulk.seen import Seen
from fastfit.bulk.sinks import Sink, Writer
from fastfit.bulk.temporary import Temporary
from fastfit.bulk.work import Work, code_of
from fastfit.bulk.workers import Batch, ProcessWorker, ThreadWorker, Worker
from fastfit.errors import FastfitError
from fastfit.threads import single_threaded
from fastfit.types import Size

__all__ = ["Engine", "Limit"]

_WINDOW = 4096
"""How far workers may be ahead of the first source that is not settled: the work of a minute, the `timeout`."""
_MOST_WAITING = 2 << 30
"""Bytes of results that wait, on the disk, for one before them."""
_MOST_ITEMS, _MOST_BYTES = 16, 1 << 19
"""Of a batch: handing one over costs as much as a small image."""
_FULL = {"disk-full", "read-only"}
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures stop a run."""

    count: int | None = None
    share: float | None = None
    """From 0 to 1, of what is fitted or failed, once that is 100."""

    def reached(self, failed: int, done: int) -> bool:
        """Tell whether it is enough."""
        if self.count is not None and failed > self.count:
            return True
        return self.share is not None and done >= 100 and failed > self.share * done


class Engine:
    """One run over sources, with all that it takes.

    Parameters
    ----------
    items : iterator of Item
    sink : Sink
    work : Work
        Its `folder` is set here.
    journal : Journal
        Is closed at the end.
    one_tree : bool
        Whether all items are of one folder, each folder within it in one stretch.
    again : bool
        Whether what failed in an earlier run is tried again.
    names : iterable of str
        That other sources have.
    dedupe : bool
        Whether the same bytes are fitted once.
    anew : bool
        Whether results that exist are replaced.
    limit : Limit
    progress : callable
        Called with every outcome.
    """

    def __init__(
        self,
        items: Iterator[Item],
        sink: Sink,
        work: Work,
        journal: Journal | NoJournal,
        *,
        one_tree: bool = False,
        again: bool = False,
        names: Iterable[str] = (),
        dedupe: bool = False,
        anew: bool = False,
        limit: Limit,
        progress: Callable[[Outcome], object],
    ) -> None:
        self._items, self._sink, self._work, self._journal = items, sink, work, journal
        self._again, self._dedupe, self._anew = again, dedupe, anew
        self._limit, self._progress = limit, progress
        self._report = Report(journal.path)
        self._one_tree, self._names = one_tree, names
        self._digests = Seen()
        self._fed = self._settled = 0
        self._in_work: dict[int, Pending] = {}
        self._ready: dict[int, Result | Outcome] = {}
        self._new_failures = self._new = self._waiting = 0
        self._over = False

    def run(self, jobs: int, backend: str, timeout: float | None) -> Report:
        """Do it all.

        Raises
        ------
        OptionError, OSError
            It could not begin.
        WorkerError
            Workers die, whatever they are at.
        """
        start = time.perf_counter()
        with ExitStack() as stack:
            stack.callback(self._journal.close)
            self._begin(only_look=False)
            if self._dedupe and not self._journal.empty:
                self._read_digests()
            stack.callback(lambda: self._writer.close(whole=self._over))
            self._folder = stack.enter_context(Temporary(self._sink.folder, self._journal.path))
            work = replace(self._work, folder=self._folder.path)
            if backend == "threading":
                stack.enter_context(single_threaded())
            pool = Pool(_maker(backend, work), jobs, timeout)
            stack.callback(pool.kill)
            self._loop(pool, 4 * jobs)
            self._over = self._report.stopped is None
        self._report.seconds = time.perf_counter() - start
        return self._report

    def _begin(self, *, only_look: bool) -> None:
        spec = self._work.spec
        self._writer: Writer = self._sink.writer(self._journal, spec, anew=self._anew, only_look=only_look)
        self._admission = Admission(
            self._sink,
            self._writer,
            self._journal,
            spec,
            self._digests,
            one_tree=self._one_tree,
            again=self._again,
            names=self._names,
        )

    def _read_digests(self) -> None:
        """Note the bytes of which an earlier run has made a result that is still there, and still its source's."""
        for row in settled(self._journal.path):
            if row["status"] == "fitted" and "digest" in row and self._writer.has(row):
                self._digests.add(row["digest"])

    def preview(self) -> Iterator[Outcome]:
        """Yield what would become of every source, from its header alone; nothing is written."""
        self._begin(only_look=True)
        work = replace(self._work, headers=True)
        for number, item in enumerate(self._items):
            pending = Pending(item)
            found = self._admission.admit(pending, number)
            if found is None:
                found = work.do(number, item)
                if found.status == "fitted" and pending.name is None and found.planned is not None:
                    found = self._admission.named(pending, number, found.planned.dst) or found
            if isinstance(found, Result):
                output = pending.name if found.status == "fitted" else None
                found = Outcome(
                    item.source, output, found.status, found.code, found.text, found.notes, found.planned
                )
            yield found

    def _loop(self, pool: Pool, ramp: int) -> None:
        """Feed the workers and settle what they have done, until there is no more or the run is stopped."""
        exhausted = False
        while self._report.stopped is None:
            near = self._fed - self._settled < _WINDOW and self._waiting < _MOST_WAITING
            more = not exhausted and pool.wants and near
            if more:
                batch, exhausted = self._batch(1 + self._fed // ramp)
                if batch:
                    pool.give(batch)
            if not pool.idle:
                for number, result in pool.collect(wait=not more):
                    self._ready[number] = result
                    self._waiting += result.bytes or 0
            self._settle()
            if exhausted and pool.idle and not self._ready:
                return

    # From the sources to the workers.

    def _batch(self, most: int) -> tuple[Batch, bool]:
        """Take items until they make a batch; tell whether there are no more."""
        batch: Batch = []
        size = 0
        while len(batch) < min(most, _MOST_ITEMS) and size < _MOST_BYTES:
            item = next(self._items, None)
            if item is None:
                return batch, True
            number, self._fed = self._fed, self._fed + 1
            self._in_work[number] = pending = Pending(item)
            known = self._admission.admit(pending, number)
            if known is not None:
                self._ready[number] = known
            else:
                batch.append((number, item))
                size += max(item.size, 0)
            if self._fed - self._settled >= _WINDOW:
                break
        return batch, False

    # From the workers to the sink.

    def _settle(self) -> None:
        """Settle what is ready, in the order of the sources."""
        while self._settled in self._ready and self._report.stopped is None:
            number = self._settled
            ready, pending = self._ready.pop(number), self._in_work.pop(number)
            self._settled += 1
            if isinstance(ready, Result):
                self._waiting -= ready.bytes or 0
                if ready.code in _FULL:
                    self._report.stopped = ready.text
                    return
                try:
                    outcome = self._commit(number, pending, ready)
                except _StoppedError as error:
                    self._report.stopped = str(error)
                    return
            else:
                outcome = ready
            self._report.add(outcome)
            self._progress(outcome)
            self._check_limit(outcome)

    def _commit(self, number: int, pending: Pending, result: Result) -> Outcome:
        """Settle one source.

        Raises
        ------
        _StoppedError
            The run cannot go on.
        """
        item = pending.item
        written = None
        path = os.path.join(self._folder.path, str(number))
        refused = self._refused(number, pending, result) if result.status == "fitted" else None
        if isinstance(refused, Outcome):
            _discard(path)
            return refused
        result = refused or result
        try:
            if result.status == "fitted":
                written = self._writer.put(pending.name or "", item, result, path, replace=pending.replaces)
            self._write(
                number, pending, result, written.output if written else None, written.facts if written else {}
            )
            if written:
                self._writer.publish()
                if result.digest:
                    self._digests.add(result.digest)
        except FileExistsError:
            text = f"{item.source}: {pending.name} exists"
            result, written = result._replace(status="skipped", code="exists", text=text), None
            self._write(number, pending, result, None, {})
        except (FastfitError, OSError) as error:
            if isinstance(error, OSError) and error.errno in _FATAL:
                raise _StoppedError(f"{item.source}: {error.strerror}") from error
            code, text = code_of(error, item.source)
            result, written = result._replace(status="failed", code=code, text=text), None
            self._write(number, pending, result, None, {})
        if written is None:
            _discard(path)
        output = written.output if written else None
        return Outcome(item.source, output, result.status, result.code, result.text, result.notes, result.planned)

    def _refused(self, number: int, pending: Pending, result: Result) -> Result | Outcome | None:
        """Return what speaks against a result now that its size and its bytes are known."""
        if pending.name is None:
            size = result.planned.dst if result.planned else Size(0, 0)
            if (spoken := self._admission.named(pending, number, size)) is not None:
                return spoken
        if result.digest and self._is_repeated(pending, result.digest):
            text = f"{pending.item.source}: the same bytes as another"
            return result._replace(status="skipped", code="duplicate", text=text)
        return None

    def _is_repeated(self, pending: Pending, digest: str) -> bool:
        """Tell whether another source has the same bytes, and a result."""
        row = pending.row
        own = row is not None and row["status"] == "fitted" and row.get("digest") == digest
        return self._dedupe and not own and digest in self._digests

    def _write(self, number: int, pending: Pending, result: Result, output: str | None, facts: Row) -> None:
        item, planned = pending.item, result.planned
        row: Row = {
            "source": item.source,
            "output": output,
            "status": result.status,
            "source_size": planned and list(planned.src),
            "output_size": list(planned.dst) if planned and output else None,
            "plan": planned and {"crop": list(planned.crop), "inner": list(planned.inner)},
            "source_bytes": item.size,
            "mtime_ns": item.mtime_ns,
            "bytes": result.bytes if output else None,
            "ms": result.ms,
            "error": result.code,
            "message": result.text,
            "notes": list(result.notes),
            **facts,
        }
        if result.digest:
            row["digest"] = result.digest
        if "name" not in row and pending.row is not None and "name" in pending.row:
            row["name"] = pending.row["name"]  # what it had before it changed is still its own
        if result.status == "failed":
            index = pending.row["retry"]["index"] if self._again and pending.row else number
            row["retry"] = {"name": item.name, "index": index, "contested": item.contested}
            if pending.name is not None:
                row["retry"]["given"] = pending.name
        if result.status != "fitted" and pending.row is not None and pending.row["status"] == "fitted":
            self._writer.drop(pending.row["name"])  # it shows what its source was before
        try:
            self._journal.write(row)
        except OSError as error:
            raise _StoppedError(f"{self._journal.path}: {error.strerror}") from error

    def _check_limit(self, outcome: Outcome) -> None:
        if outcome.earlier or outcome.status == "skipped":
            return
        self._new += 1
        self._new_failures += outcome.status == "failed"
        if self._limit.reached(self._new_failures, self._new):
            self._report.stopped = f"{self._new_failures} of {self._new} failed, which is more than --max-failures"


class _StoppedError(Exception):
    """Nothing can be written any more."""


def _maker(backend: str, work: Work) -> Callable[[], Worker]:
    names = (f"fastfit-{number}" for number in itertools.count())
    if backend == "loky":
        return lambda: ProcessWorker(work, next(names))
    return lambda: ThreadWorker(work, next(names))


def _discard(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
