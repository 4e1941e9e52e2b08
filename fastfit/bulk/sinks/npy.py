"""One NumPy file of all images, appended to in the order of the sources, and a row of JSON for each."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fastfit.bulk.items import Item, Result
from fastfit.bulk.journal import Journal, NoJournal, Row, rows_of
from fastfit.bulk.naming import Naming
from fastfit.bulk.sinks.sink import Written, append, beside, check_length, open_partial, partial_name
from fastfit.disk import read_part
from fastfit.errors import OptionError, describe
from fastfit.options import Output
from fastfit.spec import Fit

__all__ = ["Npy"]

_MOST_TEXT = 1 << 20
"""Bytes of a companion that goes into an image's row, if it is text."""


@dataclass(frozen=True, slots=True)
class Npy:
    """A ``.npy`` file of shape (N, height, width, C), ``uint8``, for ``np.load(path, mmap_mode="r")``.

    Beside it, under the same name with ``.jsonl``, is a row for each image: its source, its plan, and the other
    members of its sample that are text. Images that fail leave no gap: N is how many were fitted.

    Parameters
    ----------
    path : path
        Ends in ``.npy``.

    Raises
    ------
    OptionError
    """

    path: str | os.PathLike[str]

    def __post_init__(self) -> None:
        """Check the name."""
        object.__setattr__(self, "path", os.fspath(self.path))
        if not os.fspath(self.path).endswith(".npy"):
            raise OptionError("npy", "a name that ends in .npy", describe(self.path))

    @property
    def pixels(self) -> bool:
        """True."""
        return True

    @property
    def naming(self) -> Naming:
        """Images have numbers, no names."""
        return Naming()

    @property
    def collisions(self) -> str:
        """None can happen."""
        return "refuse"

    @property
    def scattered(self) -> bool:
        """False."""
        return False

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return Path(self.path).parent

    @property
    def report(self) -> Path:
        """Beside the file."""
        return beside(Path(self.path))

    def unique(self, name: str) -> str:
        """Return what no two results may share, of a result's name."""
        return name

    def to_dict(self) -> dict[str, Any]:
        """Return every option in values that JSON has."""
        return {"kind": "npy", **asdict(self)}

    def settings(self) -> dict[str, Any]:
        """Return the options that decide which bytes come out."""
        return {"kind": "npy"}

    def adapted(self, spec: Fit, output: Output) -> tuple[Fit, Output]:
        """Return a spec that gives 8 bits and a fixed number of channels: 3, if it asks for none.

        Raises
        ------
        OptionError
            Images would not be of one size, or not of 8 bits.
        """
        if not one_size(spec):
            raise OptionError("npy", "one size for all images", repr(spec))
        if spec.dtype not in (None, "uint8"):
            raise OptionError("npy", "8-bit levels", repr(spec))
        return replace(spec, channels=spec.channels or 3, dtype="uint8"), output

    def writer(self, journal: Journal | NoJournal, spec: Fit, *, anew: bool, only_look: bool = False) -> "_Writer":
        """Begin, or go on behind the last image that the journal tells of.

        Raises
        ------
        OptionError
            A file is there that the journal knows nothing of, or the other way round.
        """
        path, last = os.fspath(self.path), journal.last or {}
        there = [name for name in (path, partial_name(path)) if os.path.exists(name)]
        if anew and not only_look:
            for name in there:
                os.unlink(name)
            journal.forget()
        elif last and not there and not anew:
            raise OptionError(path, "the file that the report tells of", "none; --overwrite begins anew")
        elif last and not anew:
            check_length(there[-1], last["end"])
        size = replace(spec, box=None).outline((1, 1)).dst
        shape = (size.height, size.width, spec.channels or 3)
        if not last and not anew:
            rows = os.fspath(Path(path).with_suffix(".jsonl"))
            # All have failed so far, or the run was killed while it gave the files their names.
            partial = partial_name(path)
            begun = not journal.empty and (_is_empty(path, shape) or os.path.exists(partial))
            for name in () if begun else (path, rows, *([partial] if journal.new else [])):
                if os.path.exists(name):
                    raise OptionError("npy", "a file that does not exist", f"{name}; --overwrite replaces it")
        return _Writer(path, shape, last, journal.path)


class _Writer:
    def __init__(self, path: str, shape: tuple[int, int, int], last: Row, journal: Path) -> None:
        self._path, self._shape, self._journal = path, shape, journal
        self._file: BinaryIO | None = None
        self._count = last["index"] + 1 if last else 0
        self._end = last["end"] if last else len(_header(0, shape))

    def _open(self) -> BinaryIO:
        """Open what another run has left, take back what one has finished, or begin."""
        name = partial_name(self._path)
        if self._count and not os.path.exists(name):
            os.replace(self._path, name)
        file = open_partial(name, 0 if not self._count else self._end)
        try:
            if not self._count:
                append(file, _header(0, self._shape), 0)
        except OSError:
            file.close()
            raise
        self._file = file
        return file

    def has(self, row: Row) -> bool:
        """Tell whether the image is there: so is what the journal tells of, as was checked at the beginning."""
        return "index" in row

    def taken(self, name: str) -> bool:
        """Tell nothing: images have no names."""
        del name
        return False

    def is_source(self, name: str, item: Item) -> bool:
        """Tell that it is not."""
        del name, item
        return False

    def put(self, name: str, item: Item, result: Result, path: str, *, replace: bool) -> Written:
        """Append an image."""
        del result, replace
        with open(path, "rb") as file:
            data = memoryview(file.read())
        # The row is in the journal before another run needs it; so is what travels along.
        facts: Row = {"name": name, "index": self._count}
        if item.companions:
            facts["members"] = _members(item)
        target = self._file or self._open()
        append(target, data, self._end)
        self._end = target.tell()
        self._count += 1
        os.unlink(path)
        return Written(f"{self._path}::{facts['index']}", {**facts, "end": self._end})

    def publish(self) -> None:
        """Do nothing: it is there already."""

    def drop(self, name: str) -> None:
        """Do nothing: what was appended stays."""
        del name

    def close(self, *, whole: bool) -> None:
        """Write how many there are, and the rows, and give both their names; or leave all for another run."""
        if not whole and self._file is not None:
            self._file.close()
        done = self._file is None and not os.path.exists(partial_name(self._path)) and os.path.exists(self._path)
        if not whole or done:
            return
        with self._file or self._open() as file:
            file.seek(0)
            file.write(_header(self._count, self._shape))
            os.fsync(file.fileno())
        self._write_rows()
        os.replace(partial_name(self._path), self._path)

    def _write_rows(self) -> None:
        """Write a row for each image, by its index: what the journal tells of it but for the times."""
        names = ("index", "source", "source_size", "plan", "members")
        target = os.fspath(Path(self._path).with_suffix(".jsonl"))
        with open(partial_name(target), "w", encoding="ascii") as file:
            for _, row in rows_of(self._journal):
                if row["status"] == "fitted" and "index" in row:
                    file.write(json.dumps({name: row[name] for name in names if name in row}) + "\n")
        os.replace(partial_name(target), target)


def one_size(spec: Fit) -> bool:
    """Tell whether all results have one size, whatever the source's."""
    return spec.size is not None or (spec.sizes is not None and len(spec.sizes) == 1)


def _is_empty(path: str, shape: tuple[int, int, int]) -> bool:
    """Tell whether a file is one of ours that holds no image."""
    header = _header(0, shape)
    return os.path.isfile(path) and os.path.getsize(path) == len(header) and Path(path).read_bytes() == header


def _header(count: int, shape: tuple[int, int, int]) -> bytes:
    """Return a header of one length, whatever the count: NumPy leaves room for it to grow."""
    import io

    buffer = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _members(item: Item) -> dict[str, str | None]:
    """Return the companions that are text; of others the name alone."""
    return {each.extension: _text(item, each.offset, each.size) for each in item.companions}


def _text(item: Item, offset: int, size: int) -> str | None:
    if size > _MOST_TEXT:
        return None
    try:
        return read_part(item.path, offset, size).decode("utf-8")
    except UnicodeDecodeError:
        return None
