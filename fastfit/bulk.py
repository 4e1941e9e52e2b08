"""Many files: what goes where, in parallel, and a report. Prints nothing."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from fastfit.apply import Fit
from fastfit.codec import EXTENSIONS, EXTENSIONS_READ, writes
from fastfit.errors import FastfitError, OptionError
from fastfit.files import fit_file
from fastfit.options import Input, Output
from fastfit.threads import single_threaded

__all__ = ["Failure", "Outcome", "Report", "Task", "WorkerError", "collect", "report", "run"]

Status: TypeAlias = Literal["fitted", "failed", "skipped"]

_LONGEST_NAME = 255  # bytes, of nearly all file systems
_SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "avif": ".avif"}

# What a folder is searched for; a file named outright is tried whatever its name.
IMAGE_SUFFIXES = frozenset(extension for extensions in EXTENSIONS_READ.values() for extension in extensions)


class WorkerError(FastfitError):
    """A worker process died; what it was at is unknown, and what was not begun is undone."""


class Task(NamedTuple):
    """One source file and the output it becomes."""

    src: Path
    dst: Path
    contested: bool = False
    """Whether the output would have had another's name, or another's this: then one that exists tells nothing."""


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


@dataclass(slots=True)
class Report:
    """What became of a run."""

    fitted: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)
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
        elif outcome.status == "skipped":
            self.skipped += 1
        else:
            self.failures.append(Failure(outcome.task.src, outcome.reason))


def collect(sources: Iterable[Path], out: Path, *, format: str = "keep", recursive: bool = False) -> list[Task]:
    """Find the images and decide what each one's output is called.

    Parameters
    ----------
    sources : iterable of Path
        Files, which are taken as they are, and folders, which are searched for names of images; names that begin
        with a dot are left alone. A folder's tree is kept under `out`.
    out : Path
        Folder of the outputs. It is not searched where it lies within a source.
    format : {"keep", "jpeg", "png", "webp", "avif"}
        ``keep`` keeps a name whose extension is written, and gives ``.png`` to others. Where that makes one name
        of several, as of ``a.bmp`` and ``a.png``, those that change keep the old extension, too: ``a.bmp.png``.
    recursive : bool
        Whether to search folders within folders.

    Returns
    -------
    list of Task
        Sorted within each folder; each source once.

    Raises
    ------
    OptionError
        A source does not exist, two sources would write the same output, or one would be overwritten by its own.
    """
    if os.path.lexists(out) and not out.is_dir():
        raise OptionError("-o", "a folder", f"{out}, which is none")
    tasks: dict[Path, Task] = {}
    for source in sources:
        if source.is_dir():
            found = [(path, path.relative_to(source)) for path in _images(source, out, recursive)]
        elif os.path.lexists(source):
            found = [(source, Path(source.name))]
        else:
            raise OptionError("SRC", "an existing file or folder", f"{str(source)!r}")
        for path, name in found:
            task = Task(path, out / _named(name if name.name else Path(source.name), format))
            tasks.setdefault(_identity(path), task)
    tasks = _told_apart(tasks)
    _check_outputs(tasks)
    return list(tasks.values())


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
    jobs = min(_cores() if jobs == -1 else jobs, len(work))
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
    return Outcome(task, "fitted", f"{task.src}: damaged: {info.damage}" if info.damage else "", info.notes)


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


def _images(folder: Path, out: Path, recursive: bool) -> Iterator[Path]:
    skipped = _identity(out)
    unreadable: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=unreadable.append):
        here = Path(root)
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and _identity(here / name) != skipped
        )
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield here / name
    # A folder that cannot be read is a task, too: one that will fail, and so is not lost from sight.
    yield from (Path(error.filename) for error in unreadable)


def _named(name: Path, format: str) -> Path:
    if format != "keep":
        same = EXTENSIONS.get(name.suffix.lower()) == format
        return name if same else _with_suffix(name.with_suffix(""), _SUFFIXES[format])
    kept = EXTENSIONS.get(name.suffix.lower())
    return name if kept and writes(kept) else _with_suffix(name.with_suffix(""), ".png")


def _with_suffix(name: Path, suffix: str) -> Path:
    """Append an extension, to a part of the name where the whole would be longer than names can be."""
    stem = name.name
    while len(os.fsencode(stem + suffix)) > _LONGEST_NAME:
        stem = stem[:-1]
    return name.with_name(stem + suffix)


def _told_apart(tasks: dict[Path, Task]) -> dict[Path, Task]:
    """Let sources that differ in their extensions alone have outputs of their own."""
    counts = Counter(task.dst for task in tasks.values())

    def apart(task: Task) -> Task:
        if counts[task.dst] == 1 or task.src.suffix == task.dst.suffix:
            return task._replace(contested=counts[task.dst] > 1)
        return Task(task.src, _with_suffix(task.dst.with_name(task.src.name), task.dst.suffix), contested=True)

    return {identity: apart(task) for identity, task in tasks.items()}


def _check_outputs(tasks: dict[Path, Task]) -> None:
    counts = Counter(task.dst for task in tasks.values())
    for output, count in counts.items():
        if count > 1:
            rivals = [str(task.src) for task in tasks.values() if task.dst == output]
            raise OptionError("SRC", f"one source for {output}", f"{count}: {', '.join(rivals[:3])}")
    sources = tasks.keys() | {Path(os.path.realpath(source)) for source in tasks}
    for task in tasks.values():
        if _identity(task.dst) in sources:
            raise OptionError("-o", "a folder apart from the sources", f"{task.dst}, which is a source")


def _identity(path: Path) -> Path:
    """Return an absolute name without links in its folders; the last part may be a link, dangling or looping."""
    return Path(os.path.realpath(path.parent)) / path.name


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
