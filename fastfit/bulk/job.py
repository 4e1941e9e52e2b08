"""All that decides which bytes come out of a run, in one value that a journal can hold."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fastfit.bulk.journal import Journal, NoJournal, rows_of
from fastfit.bulk.sinks import Folder, Npy, Shards, Sink, as_sink, from_dict
from fastfit.bulk.work import Filters, Work
from fastfit.errors import OptionError, describe
from fastfit.files import checked
from fastfit.options import Input, Output
from fastfit.spec import Fit
from fastfit.types import as_flag
from fastfit.version import PIXELS, __version__

__all__ = ["Job"]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made of images, whichever they are.

    Parameters
    ----------
    sink, spec, input, output, filters, dedupe
        See `fastfit.run`.

    Raises
    ------
    OptionError
        They do not go together.
    """

    sink: Sink
    spec: Fit
    input: Input
    output: Output
    filters: Filters
    dedupe: bool = False

    @classmethod
    def of(cls, sink: Any, spec: Fit, input: Any, output: Any, filters: Any, dedupe: Any) -> "Job":
        """Return a job of what a caller gave, checked."""
        reading, writing = checked(spec, input, output)
        if filters is not None and not isinstance(filters, Filters):
            raise OptionError("filters", "Filters", describe(filters))
        place = as_sink(sink)
        if isinstance(place, (Folder, Shards)):
            place = replace(place, format=writing.format, formats=writing.formats)
        spec, writing = place.adapted(spec, writing)
        return cls(place, spec, reading, writing, filters or Filters(), as_flag("dedupe", dedupe))

    def settings(self) -> dict[str, Any]:
        """Return what decides which bytes come out, in values that JSON has."""
        settings = {
            "sink": self.sink.settings(),
            "fit": self.spec.to_dict(),
            "input": asdict(self.input),
            "output": asdict(self.output),
            "filters": asdict(self.filters),
            "dedupe": self.dedupe,
        }
        plain: dict[str, Any] = json.loads(json.dumps(settings))
        return plain

    def journal(self, path: str | os.PathLike[str] | None, *, anew: bool = False) -> Journal:
        """Open the journal: by default the one beside the results.

        Raises
        ------
        OptionError, OSError
        """
        run = {"version": __version__, "pixels": PIXELS, "cwd": os.getcwd(), "sink": self.sink.to_dict()}
        return Journal(self.report(path), self.settings(), run, anew=anew)

    def report(self, path: str | os.PathLike[str] | None) -> Path:
        """Return where the journal is: by default beside the results.

        Raises
        ------
        OptionError
            It has the name of a result.
        """
        report = Path(path) if path is not None else self.sink.report
        if isinstance(self.sink, Npy):
            results = (Path(self.sink.path), Path(self.sink.path).with_suffix(".jsonl"))
            if os.path.realpath(report) in map(os.path.realpath, results):
                raise OptionError("report", "a name apart from the results'", str(report))
        return report

    def journal_if_begun(self, path: str | os.PathLike[str] | None, *, anew: bool) -> Journal | NoJournal:
        """Return the journal if there is one that counts, and make none.

        Raises
        ------
        OptionError, OSError
        """
        report = self.report(path)
        return self.journal(report) if report.exists() and not anew else NoJournal(report)

    @classmethod
    def begun(cls, path: str | os.PathLike[str]) -> "Job":
        """Return the job that a journal is about.

        Raises
        ------
        OptionError
            It is no journal, or an empty one.
        OSError
        """
        run = next((row.get("run") for _, row in rows_of(path)), None)
        if run is None:
            raise OptionError(os.fspath(path), "a report of fastfit's with a row", "none")
        return cls._of_settings(run["sink"], run["settings"], run["cwd"])

    @classmethod
    def _of_settings(cls, sink: Mapping[str, Any], settings: Mapping[str, Any], folder: str) -> "Job":
        place = from_dict(_moved(sink, folder))
        spec, filters = Fit.from_dict(settings["fit"]), Filters(**settings["filters"])
        return cls(
            place, spec, Input(**settings["input"]), Output(**settings["output"]), filters, settings["dedupe"]
        )

    def work(self, *, listen: bool) -> Work:
        """Return the job as workers need it."""
        return Work(
            self.spec,
            self.input,
            self.output,
            self.filters,
            pixels=self.sink.pixels,
            digests=self.dedupe,
            listen=listen,
        )


def _moved(sink: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return the options of a sink with its name as seen from the current folder."""
    if os.path.abspath(folder) == os.getcwd():
        return dict(sink)
    names = ("path", "pattern")
    return {name: os.path.join(folder, value) if name in names else value for name, value in sink.items()}
