"""The ways into the engine: `run`, `retry` and `preview`."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from fastfit.bulk.engine import Engine, Limit
from fastfit.bulk.failed import failed_items
from fastfit.bulk.items import Outcome
from fastfit.bulk.job import Job
from fastfit.bulk.journal import settled
from fastfit.bulk.report import Report
from fastfit.bulk.running import Running
from fastfit.bulk.sinks import Folder, Sink
from fastfit.bulk.sources import Listing, Search, Source, check, items
from fastfit.bulk.work import Filters
from fastfit.errors import OptionError, describe
from fastfit.options import Input, Output
from fastfit.spec import Fit
from fastfit.types import as_flag

__all__ = ["preview", "retry", "run"]


def run(
    sources: Source | Iterable[Source],
    sink: Sink | str | os.PathLike[str],
    spec: Fit,
    output: Output | None = None,
    *,
    input: Input | None = None,
    recursive: bool = False,
    glob: Iterable[str] = (),
    filters: Filters | None = None,
    dedupe: bool = False,
    jobs: int = -1,
    backend: str = "loky",
    timeout: float | None = 60.0,
    max_failures: int | str | None = None,
    overwrite: bool = False,
    report: str | os.PathLike[str] | None = None,
    progress: Any = None,
    listen: bool = False,
) -> Report:
    """Fit many images, in parallel, and never lose one.

    Run again, it goes on from where it was, however it ended: sources that are done and have not changed (path,
    size, time of modification) are skipped. The results are the same bytes whatever `jobs` and `backend`, and
    however often it was interrupted.

    Parameters
    ----------
    sources : path, Listing, or iterable of these
        Files, folders, tar shards of WebDataset (``data-{000..123}.tar``), and lists of them. Read as a stream: an
        iterator may be endless, as far as this is concerned. What does not exist is a failure; if it is the only
        source, an error.
    sink : path, Folder, Shards or Npy
        Where the results go; a path is a folder.
    spec : Fit
        See `fit_bytes`.
    output : Output, optional
        How the results are encoded.
    input : Input, optional
        How the sources are read.
    recursive : bool
        Search folders within folders.
    glob : iterable of str
        Patterns of the names to take from folders, instead of those that images have.
    filters : Filters, optional
        Which images are skipped.
    dedupe : bool
        Fit sources of the same bytes once: the first.
    jobs : int
        How many work at once; -1 is one for each core.
    backend : {"loky", "threading"}
        Processes, by joblib's loky, or threads. A process that crashes, or takes too long, costs its image. A
        thread that crashes ends the program, and one that takes too long is left to itself.
    timeout : float, optional
        Seconds after which an image has failed; None is no limit.
    max_failures : int or str, optional
        Stop when more have failed: a number, or ``"5%"`` of what is fitted or failed, once that is 100.
    overwrite : bool
        Begin anew: forget what earlier runs did, and replace what is there.
    report : path, optional
        The journal, JSON Lines, a row for each source: by default beside the results, ``out.report.jsonl``.
    progress : callable or tqdm, optional
        Called with every `Outcome`, in the order of the sources; or something with an ``update``, called with 1.
    listen : bool
        Whether threads catch what decoders say of damage, which redirects the process's stderr and lets one
        decode at a time; see `decode`. Worker processes always do.

    Returns
    -------
    Report
        Numbers, and the first thousand failures; all of it is in the journal, ``Report.path``.

    Raises
    ------
    OptionError
        An option is wrong; the output was begun with other settings or another contract of pixels, see
        `fastfit.PIXELS`, or holds what is none of ours.
    OSError
        The journal or the folder of the results cannot be written.
    WorkerError
        Workers die before they begin.

    Notes
    -----
    An interrupt (``KeyboardInterrupt``) leaves nothing half-written under its final name, and is raised.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> run([], f"{folder}/out", Fit("64x64"), backend="threading").fitted
    0
    """
    job = Job.of(sink, spec, input, output, filters, dedupe)
    options = Running(jobs, backend, timeout, max_failures, progress, listen)
    given = _listed(sources)
    anew = as_flag("overwrite", overwrite)
    _check_apart(given, job, anew=anew)
    search = _as_search(recursive, glob, job.sink)
    return options.go(job, items(given, search), report, anew=anew, one_tree=_is_one_tree(given))


def _listed(sources: Source | Iterable[Source]) -> Iterable[Source]:
    """Return sources as several; a single one has to exist."""
    if not isinstance(sources, (str, os.PathLike, Listing)):
        if isinstance(sources, (bytes, bytearray)) or not isinstance(sources, Iterable):
            raise OptionError("sources", "paths, or lists of paths", describe(sources))
        return sources
    check([sources])
    return [sources]


def _check_apart(sources: Iterable[Source], job: Job, *, anew: bool) -> None:
    """Refuse a folder of results that is a source, or, where results are replaced, one that sources are in."""
    if not isinstance(job.sink, Folder) or not isinstance(sources, (list, tuple)):
        return
    results = os.path.realpath(job.sink.folder)
    for source in sources:
        if isinstance(source, (str, os.PathLike)) and os.path.lexists(source):
            path = os.path.realpath(source)
            within = len(sources) > 1 and path.startswith(os.path.join(results, ""))
            if path == results or (anew and within):
                got = f"{os.fspath(source)}, which is a source"
                raise OptionError("-o", "a folder apart from the sources", got)


def _as_search(recursive: Any, glob: Any, sink: Sink) -> Search:
    """Return how to search. Only a folder of results is left out: beside other results may well be sources."""
    patterns = () if isinstance(glob, (str, bytes)) or not isinstance(glob, Iterable) else tuple(glob)
    if (not patterns and glob != () and glob != []) or not all(isinstance(each, str) for each in patterns):
        raise OptionError("glob", "patterns of names, several", describe(glob))
    leave = os.fspath(sink.folder) if isinstance(sink, Folder) else None
    return Search(as_flag("recursive", recursive), patterns, leave)


def _is_one_tree(sources: Iterable[Source]) -> bool:
    """Tell whether all sources are of one folder: then names are distinct where its folders hold distinct ones."""
    if not isinstance(sources, (list, tuple)) or len(sources) != 1 or isinstance(sources[0], Listing):
        return False
    return os.path.isdir(sources[0])


def preview(
    sources: Source | Iterable[Source],
    sink: Sink | str | os.PathLike[str],
    spec: Fit,
    output: Output | None = None,
    *,
    input: Input | None = None,
    recursive: bool = False,
    glob: Iterable[str] = (),
    filters: Filters | None = None,
    dedupe: bool = False,
    overwrite: bool = False,
    report: str | os.PathLike[str] | None = None,
) -> Iterator[Outcome]:
    """Tell what `run` would do, from headers alone: nothing is decoded, and nothing is written.

    Parameters
    ----------
    sources, sink, spec, output, input, recursive, glob, filters, dedupe, overwrite, report
        See `run`.

    Yields
    ------
    Outcome
        Of every source, in their order. Its `output` is relative to the sink. Damage that only a decoder finds
        does not show, nor do sources of the same bytes.

    Raises
    ------
    OptionError, OSError
        See `run`.
    """
    job = Job.of(sink, spec, input, output, filters, dedupe)
    given = _listed(sources)
    _check_apart(given, job, anew=False)
    search = _as_search(recursive, glob, job.sink)
    anew = as_flag("overwrite", overwrite)
    journal = job.journal_if_begun(report, anew=anew)
    engine = Engine(
        items(given, search),
        job.sink,
        job.work(listen=False),
        journal,
        one_tree=_is_one_tree(given),
        anew=anew,
        limit=Limit(),
        progress=lambda _: None,
    )
    try:
        yield from engine.preview()
    finally:
        journal.close()


def retry(
    report: str | os.PathLike[str],
    *,
    jobs: int = -1,
    backend: str = "loky",
    timeout: float | None = 60.0,
    max_failures: int | str | None = None,
    progress: Any = None,
    listen: bool = False,
) -> Report:
    """Fit what failed once more, as a report tells, with the settings of that run.

    What now succeeds is put where it belongs: into a folder under its name, to shards and NumPy files at the end.

    Parameters
    ----------
    report : path
        The journal of a run.
    jobs, backend, timeout, max_failures, progress, listen
        See `run`.

    Returns
    -------
    Report
        Of these sources alone.

    Raises
    ------
    OptionError, OSError, WorkerError
        See `run`.
    """
    job = Job.begun(report)
    options = Running(jobs, backend, timeout, max_failures, progress, listen)
    names = (row["name"] for row in settled(report) if row["status"] == "fitted")
    return options.go(job, list(failed_items(report)), report, again=True, names=names)
