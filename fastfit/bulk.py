"""Many files: in parallel, with an outcome for each, and a report. Prints nothing."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from fastfit.errors import FastfitError
from fastfit.files import fit_file
from fastfit.geometry import Plan
from fastfit.options import Input, Output
from fastfit.spec import Fit
from fastfit.tasks import Task
from fastfit.threads import cores, single_threaded
from fastfit.types import Size

__all__ = ["Failure", "Outcome", "Report", "Tally", "WorkerError", "fit_task", "report", "run"]

Status: TypeAlias = Literal["fitted", "failed", "skipped"]


class WorkerError(FastfitError):
    """A worker process died; what it was at is unknown, and what was not begun is undone."""


class Failure(NamedTuple):
    """A source that could not be fitted, and why."""

    src: Path
    reason: str


class Outcome(NamedTuple):
    """What became of a task; `reason` says why it failed, or what was damaged about one fitted all the same."""

    task: Task
    status: Status
    reason: str = ""
    notes: tuple[str, ...] = ()
    """What else a user should know of a fitted one: that it was one of many frames, say."""
    planned: Plan | None = None
    """What a fitted one became: its sizes, and what was cropped or padded."""


@dataclass(slots=True)
class Tally:
    """What became of the images that were fitted to one size."""

    count: int = 0
    cropped: float = 0.0
    """Mean share of the sources that is not shown, from 0 to 1."""
    padded: float = 0.0
    """Mean share of the results that shows no picture, from 0 to 1."""

    def add(self, planned: Plan) -> None:
        """Count one image."""
        self.count += 1
        self.cropped += (planned.cropped - self.cropped) / self.count
        self.padded += (planned.padded - self.padded) / self.count


@dataclass(slots=True)
class Report:
    """What became of a run."""

    fitted: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)
    sizes: dict[Size, Tally] = field(default_factory=dict)
    """How many were fitted to each size, and at what cost."""
    seconds: float = 0.0
    """Wall-clock time since the first task was handed out."""

    @property
    def failed(self) -> int:
        """How many sources failed."""
        return len(self.failures)

    @property
    def rate(self) -> float:
        """Images fitted in a second."""
        return self.fitted / self.seconds if self.seconds > 0 else 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        if outcome.status == "fitted":
            self.fitted += 1
            if outcome.planned is not None:
                self.sizes.setdefault(outcome.planned.dst, Tally()).add(outcome.planned)
        elif outcome.status == "skipped":
            self.skipped += 1
        else:
            self.failures.append(Failure(outcome.task.src, outcome.reason))


def run(
    tasks: Iterable[Task],
    spec: Fit,
    output: Output | None = None,
    *,
    input: Input | None = None,
    jobs: int = -1,
    overwrite: bool = False,
    listen: bool = False,
) -> Iterator[Outcome]:
    """Fit files in parallel.

    Parameters
    ----------
    tasks : iterable of Task
        Folders of the outputs are made as needed.
    spec : Fit
        See `fastfit.files.fit_bytes`.
    output : Output, optional
        How the results are encoded.
    input : Input, optional
        How the sources are read.
    jobs : int
        Worker processes: a number, or -1 for one on each core. 1 works in this process.
    overwrite : bool
        Whether to write outputs that exist; otherwise those tasks are skipped.
    listen : bool
        Whether to catch what decoders say of damage if this process does the work; worker processes always do.

    Yields
    ------
    Outcome
        For every task one, in the order of completion. A file that cannot be read, fitted or written is a failed
        outcome; errors other than `FastfitError`, `OSError` and `MemoryError` are bugs and are raised.

    Raises
    ------
    WorkerError
        A worker process was killed, out of memory or by a fault in a decoder.
    """
    output, reading = output or Output(), input or Input()
    work = list(tasks)
    jobs = min(cores() if jobs == -1 else jobs, len(work))
    if jobs <= 1:
        for task in work:
            yield fit_task(task, spec, reading, output, overwrite, listen=listen)
        return
    # joblib is imported where it is used: it takes longer than a small image.
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    folder = Path.cwd()
    calls = (delayed(_fit_in_worker)(folder, task, spec, reading, output, overwrite) for task in work)
    with parallel_config(backend="loky", inner_max_num_threads=1):
        try:
            with _interrupts_held():
                outcomes = Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
            yield from outcomes
        except TerminatedWorkerError as error:
            raise WorkerError("jobs", f"{jobs} worker processes that stay alive", "one that died") from error


def fit_task(
    task: Task, spec: Fit, input: Input, output: Output, overwrite: bool, *, listen: bool = False
) -> Outcome:
    """Fit one file and say what became of it, with the libraries at one thread."""
    try:
        if not (overwrite or task.contested) and os.path.lexists(task.dst) and not task.dst.is_dir():
            return Outcome(task, "skipped")
        with single_threaded():
            task.dst.parent.mkdir(parents=True, exist_ok=True)
            info = fit_file(task.src, task.dst, spec, output, input=input, listen=listen)
    except (FastfitError, OSError, MemoryError) as error:
        return Outcome(task, "failed", _reason(task, error))
    damage = f"{task.src}: damaged: {info.damage}" if info.damage else ""
    return Outcome(task, "fitted", damage, info.notes, spec.plan(info.size) if info.size else None)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back interrupts from the keyboard until the block ends; processes begun in it never see one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fit_in_worker(folder: Path, task: Task, spec: Fit, input: Input, output: Output, overwrite: bool) -> Outcome:
    # Workers outlive a run, and stay in the folder that they began in: names may be relative to another by now.
    os.chdir(folder)
    # An interrupt from the keyboard goes to all processes; the first one ends the others. Those that joblib begins
    # later, in place of others, have not been kept from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return fit_task(task, spec, input, output, overwrite, listen=True)


def report(outcomes: Iterable[Outcome]) -> Report:
    """Exhaust a run and sum it up."""
    start = time.perf_counter()
    summary = Report()
    for outcome in outcomes:
        summary.add(outcome)
    summary.seconds = time.perf_counter() - start
    return summary


def _reason(task: Task, error: Exception) -> str:
    """Return an error as one line that begins with the source's name."""
    if isinstance(error, OSError):
        other = isinstance(error.filename, str) and Path(error.filename) != task.src
        where = f" ({error.filename})" if other else ""
        return f"{task.src}: {error.strerror or error}{where}"
    if isinstance(error, MemoryError):
        return f"{task.src}: out of memory"
    return str(error) if str(error).startswith(str(task.src)) else f"{task.src}: {error}"
