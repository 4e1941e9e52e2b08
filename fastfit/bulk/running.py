"""How a run goes about it: what does not change a byte of the results."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from fastfit.bulk.engine import Engine, Limit
from fastfit.bulk.items import Item, Outcome
from fastfit.bulk.job import Job
from fastfit.bulk.report import Report
from fastfit.errors import OptionError, describe
from fastfit.resample import kernel
from fastfit.threads import cores
from fastfit.types import as_flag, as_integer, as_number
from fastfit.words import BACKENDS

__all__ = ["Running"]


class Running:
    """The options of how a run goes about it, checked; see `fastfit.run`."""

    def __init__(
        self, jobs: Any, backend: Any, timeout: Any, max_failures: Any, progress: Any, listen: Any
    ) -> None:
        kernel()  # one that is not to be used stops the run here, not in every image
        self._jobs, self._limit = _as_jobs(jobs), _as_limit(max_failures)
        if backend not in BACKENDS:
            raise OptionError("backend", f"one of {', '.join(BACKENDS)}", describe(backend))
        self._backend = backend
        self._timeout = _as_timeout(timeout)
        self._tell = _as_progress(progress)
        self._listen = as_flag("listen", listen)

    def go(self, job: Job, given: Iterable[Item], report: Any, *, anew: bool = False, **options: Any) -> Report:
        """Run a job over items."""
        stream = iter(given)
        head = list(itertools.islice(stream, 2))
        if not head:
            return Report(job.report(report))
        backend = self._backend
        # A process takes longer to begin than an image takes. But a thread that may not listen is no match for it,
        # and what failed may have crashed one.
        if len(head) < 2 and self._listen and not options.get("again"):
            backend = "threading"
        threads = backend == "threading"
        engine = Engine(
            itertools.chain(head, stream),
            job.sink,
            job.work(listen=self._listen or not threads),
            job.journal(report, anew=anew),
            dedupe=job.dedupe,
            anew=anew,
            limit=self._limit,
            progress=self._tell,
            **options,
        )
        return engine.run(self._jobs if len(head) > 1 else 1, backend, self._timeout)


def _as_jobs(value: Any) -> int:
    try:
        jobs = as_integer(value)
    except TypeError:
        jobs = 0
    if jobs < 1 and jobs != -1:
        raise OptionError("jobs", "a positive integer, or -1 for one on each core", describe(value))
    return cores() if jobs == -1 else jobs


def _as_timeout(value: Any) -> float | None:
    try:
        seconds = None if value is None else as_number(value)
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    if seconds is not None and not seconds > 0:
        raise OptionError("timeout", "a positive number of seconds, or None", describe(value))
    return seconds


def _as_limit(value: Any) -> Limit:
    expected = 'a number of failures, or a share of the images such as "5%"'
    if value is None:
        return Limit()
    if isinstance(value, str) and value.endswith("%"):
        try:
            share = float(value[:-1]) / 100
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise OptionError("max_failures", expected, describe(value))
        return Limit(share=share)
    try:
        count = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else as_integer(value)
    except TypeError:
        count = -1
    if count < 0:
        raise OptionError("max_failures", expected, describe(value))
    return Limit(count)


def _as_progress(value: Any) -> Callable[[Outcome], object]:
    if value is None:
        return lambda _: None
    update = getattr(value, "update", None)
    if update is not None:
        return lambda _: update(1)
    if not callable(value):
        raise OptionError("progress", "a callable, or something with an update", describe(value))
    tell: Callable[[Outcome], object] = value
    return tell
