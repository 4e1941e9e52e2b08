"""What all sinks have in common."""

import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from fastfit.bulk.items import Item, Result
from fastfit.bulk.journal import Journal, NoJournal, Row
from fastfit.bulk.naming import Naming, fitting
from fastfit.errors import OptionError, describe
from fastfit.options import Output
from fastfit.spec import Fit
from fastfit.types import as_flag
from fastfit.words import COLLISIONS

__all__ = ["Sink", "Writer", "Written"]


class Written(NamedTuple):
    """Where a result is, or is about to be."""

    output: str
    facts: Row
    """What its row has besides, for another run to go on from there."""


class Writer(Protocol):
    """A sink at work: it takes results in the order of the sources."""

    def has(self, row: Row) -> bool:
        """Tell whether the result that a row tells of is there."""
        ...

    def taken(self, name: str) -> bool:
        """Tell whether something has that name that this run must not replace."""
        ...

    def is_source(self, name: str, item: Item) -> bool:
        """Tell whether what has that name is the source itself."""
        ...

    def put(self, name: str, item: Item, result: Result, path: str, *, replace: bool) -> Written:
        """Take a result from the file `path`.

        Raises
        ------
        OSError, FastfitError
            Nothing has changed.
        """
        ...

    def publish(self) -> None:
        """Let what was put last have its name; its row is written.

        Raises
        ------
        OSError
        """
        ...

    def drop(self, name: str) -> None:
        """Remove a result whose source has none any more, if results can be removed."""
        ...

    def close(self, *, whole: bool) -> None:
        """Finish what is open, if the run is at its end; else leave it so that another run can go on."""
        ...


class Sink(Protocol):
    """A place for results, and how they are called there."""

    @property
    def pixels(self) -> bool:
        """Whether it takes raw pixels."""
        ...

    @property
    def naming(self) -> Naming:
        """How results are called."""
        ...

    @property
    def collisions(self) -> str:
        """What follows where two results would have one name: ``refuse`` or ``number``."""
        ...

    @property
    def scattered(self) -> bool:
        """Whether results of different folders may come to have one name."""
        ...

    @property
    def folder(self) -> Path:
        """Where results lie; temporary files are put there, too."""
        ...

    @property
    def report(self) -> Path:
        """Where the journal is by default: beside the results."""
        ...

    def unique(self, name: str) -> str:
        """Return what no two results may share, of a result's name."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return every option in values that JSON has."""
        ...

    def settings(self) -> dict[str, Any]:
        """Return the options that decide which bytes come out."""
        ...

    def adapted(self, spec: Fit, output: Output) -> tuple[Fit, Output]:
        """Return the spec and the output as this sink takes them.

        Raises
        ------
        OptionError
            They do not go with it.
        """
        ...

    def writer(self, journal: Journal | NoJournal, spec: Fit, *, anew: bool, only_look: bool = False) -> Writer:
        """Begin, or go on where the journal says that an earlier run was; `only_look` if nothing will be put.

        Raises
        ------
        OptionError, OSError
        """
        ...


def check_names(sink: Any) -> None:
    """Check the options of a sink whose results have names.

    Raises
    ------
    OptionError
    """
    object.__setattr__(sink, "flat", as_flag("flat", sink.flat))
    if sink.collisions not in COLLISIONS:
        raise OptionError("collisions", f"one of {', '.join(COLLISIONS)}", describe(sink.collisions))
    Naming(template=sink.name)


def check_length(path: str, end: int) -> None:
    """Refuse a file that has lost some of its end: it would be filled with zeros.

    Raises
    ------
    OptionError
    """
    size = os.path.getsize(path)
    if size < end:
        raise OptionError(path, f"{end} bytes, as the report tells", f"{size}; --overwrite begins anew")


def open_partial(path: str, end: int) -> BinaryIO:
    """Open what is appended to, and cut off what came after `end`: its row was never written."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    file.truncate(end)
    file.seek(end)
    return file


def partial_name(path: str) -> str:
    """Return what is called `path` when it is finished."""
    return f"{path}.partial"


def append(file: BinaryIO, data: bytes | memoryview, at: int) -> None:
    """Write all or nothing: what finds no room leaves nothing of itself."""
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError:
        file.truncate(at)
        file.seek(at)
        raise


def beside(path: Path) -> Path:
    """Return the name of the journal beside a result."""
    whole = path if path.name.strip(".") else Path(os.path.abspath(path))
    return whole.with_name(fitting(whole.name or "results", ".report.jsonl"))
