"""A folder of files, each written under another name and renamed when its row is in the journal."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from errno import EXDEV
from pathlib import Path
from typing import Any

from fastfit.bulk.items import Item, Result
from fastfit.bulk.journal import Journal, NoJournal, Row
from fastfit.bulk.naming import Naming, fitting
from fastfit.bulk.sinks.sink import Written, beside, check_names
from fastfit.disk import read_part, write_atomically
from fastfit.errors import CodecError, ImageError, OptionError
from fastfit.options import Output
from fastfit.spec import Fit

__all__ = ["Folder"]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of files.

    Parameters
    ----------
    path : path
        Made if need be.
    flat : bool
        Do not keep the sources' tree.
    name : str, optional
        What files are called: ``{stem}_{width}x{height}{ext}``, see `Naming`.
    collisions : {"refuse", "number"}
        What becomes of a source whose result would have the name of an earlier one's: it fails, or its result is
        numbered, ``a_1.jpg``. A file that was there before is never replaced: its source is skipped.
    format, formats
        See `Output`; set from it.

    Raises
    ------
    OptionError
    """

    path: str | os.PathLike[str]
    flat: bool = False
    name: str | None = None
    collisions: str = "refuse"
    format: str = "keep"
    formats: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Check every option."""
        object.__setattr__(self, "path", os.fspath(self.path))
        check_names(self)
        if os.path.lexists(self.path) and not os.path.isdir(self.path):
            raise OptionError("-o", "a folder", f"{os.fspath(self.path)}, which is none")

    @property
    def pixels(self) -> bool:
        """False."""
        return False

    @property
    def naming(self) -> Naming:
        """How results are called."""
        return Naming(self.format, self.flat, self.name, self.formats)

    @property
    def scattered(self) -> bool:
        """Whether results of different folders may come to have one name."""
        return self.flat or self.name is not None

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return Path(self.path)

    @property
    def report(self) -> Path:
        """Beside the folder."""
        return beside(Path(self.path))

    def unique(self, name: str) -> str:
        """Return what no two results may share, of a result's name."""
        return name

    def to_dict(self) -> dict[str, Any]:
        """Return every option in values that JSON has."""
        return {"kind": "folder", **asdict(self)}

    def settings(self) -> dict[str, Any]:
        """Return the options that decide which bytes come out."""
        return {"kind": "folder", "flat": self.flat, "name": self.name, "collisions": self.collisions}

    def adapted(self, spec: Fit, output: Output) -> tuple[Fit, Output]:
        """Return both as they are."""
        return spec, output

    def writer(self, journal: Journal | NoJournal, spec: Fit, *, anew: bool, only_look: bool = False) -> "_Writer":
        """Begin, or go on."""
        del spec, only_look
        return _Writer(os.fspath(self.path), anew=anew, anew_ns=journal.anew_ns or 0)


class _Writer:
    def __init__(self, root: str, *, anew: bool, anew_ns: int) -> None:
        self._root = root
        self._anew, self._anew_ns = anew, anew_ns
        self._due: list[tuple[str, str]] = []
        self._made: set[str] = set()

    def has(self, row: Row) -> bool:
        """Tell whether the file is there."""
        path = os.path.join(self._root, row["name"])
        return os.path.isfile(path) and os.path.getsize(path) > 0  # none is what failing systems leave

    def taken(self, name: str) -> bool:
        """Tell whether the name is another file's; a folder of that name is none, and will be a failure."""
        path = os.path.join(self._root, name)
        return os.path.lexists(path) and not os.path.isdir(path) and not self._replaced(path)

    def _replaced(self, path: str) -> bool:
        """Tell whether a file is to go: all that were there when the output was begun anew."""
        return self._anew or os.lstat(path).st_ctime_ns < self._anew_ns

    def is_source(self, name: str, item: Item) -> bool:
        """Tell whether the file of that name is the source itself, also behind a link."""
        target = os.path.join(self._root, name)
        return os.path.exists(target) and os.path.exists(item.path) and os.path.samefile(item.path, target)

    def put(self, name: str, item: Item, result: Result, path: str, *, replace: bool) -> Written:
        """Make way for a file."""
        del result
        target = os.path.join(self._root, name)
        if os.path.isdir(target):
            raise IsADirectoryError(21, "Is a directory", target)
        others = _companions(item, target)
        for other in (target, *others):
            if os.path.lexists(other) and not (replace or self._replaced(other)):
                raise FileExistsError(17, "File exists", other)
        if self.is_source(name, item):
            raise CodecError(item.source, "a result apart from its source", target)
        due = [(f"{path}.{number}", other) for number, other in enumerate(others)]
        for (waiting, _), data in zip(due, others.values(), strict=True):
            with open(waiting, "wb") as file:
                file.write(data)
        if os.path.lexists(target):
            # Gone before the row tells of the new one: a run killed between the two would take the old one for it.
            os.unlink(target)
        self._make(os.path.dirname(target))
        self._due = [*due, (path, target)]
        return Written(target, {"name": name})

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            try:
                os.makedirs(folder, exist_ok=True)
            except FileExistsError:
                raise NotADirectoryError(20, "Not a directory", folder) from None
            if len(self._made) < 1024:
                self._made.add(folder)

    def publish(self) -> None:
        """Rename the file, when what travels along is there: then the sample is whole."""
        due, self._due = self._due, []
        for path, target in due:
            _rename(path, target)

    def drop(self, name: str) -> None:
        """Remove a file."""
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(self._root, name))

    def close(self, *, whole: bool) -> None:
        """Nothing is open."""
        del whole


def _rename(path: str, target: str) -> None:
    try:
        os.replace(path, target)
    except OSError as error:
        if error.errno != EXDEV:  # a folder of the tree may lie on another disk
            raise
        write_atomically(Path(target), Path(path).read_bytes())
        os.unlink(path)


def _companions(item: Item, target: str) -> dict[str, bytes]:
    """Return the other members of a sample by the names that they will have, beside its image."""
    folder, last = os.path.split(target)
    stem = os.path.splitext(last)[0]
    found: dict[str, bytes] = {}
    for each in item.companions:
        path = os.path.join(folder, fitting(stem, f".{each.extension}"))
        if path == target or path in found:
            raise ImageError(
                item.source, "members and a result of different extensions", f"two of .{each.extension}"
            )
        found[path] = read_part(item.path, each.offset, each.size)
    return found
