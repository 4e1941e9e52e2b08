"""Lists of paths: lines of text, a column of a CSV or Parquet file."""

import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from fastfit.errors import OptionError

__all__ = ["Listing"]

_ROWS = 4096  # of Parquet, decoded at once


@dataclass(frozen=True, slots=True)
class Listing:
    """A file that lists sources, read line by line.

    Parameters
    ----------
    path : path
        ``.csv`` and ``.parquet`` (which takes ``fastfit[parquet]``) are tables; anything else has a path on each
        line; ``-`` is the standard input. Paths are relative to the current folder.
    column : str, optional
        Of a table: by default its first.

    Raises
    ------
    OptionError
        A column without a table.
    """

    path: str | os.PathLike[str]
    column: str | None = None

    def __post_init__(self) -> None:
        """Check that only a table has a column."""
        if self.column is not None and self._kind not in (".csv", ".parquet"):
            raise OptionError("column", "none for a list that is not .csv or .parquet", repr(self.column))

    @property
    def _kind(self) -> str:
        return os.path.splitext(os.fspath(self.path))[1].lower()

    def check(self) -> None:
        """Refuse a list that is not there, or that has no such column.

        Raises
        ------
        OptionError
        """
        path = os.fspath(self.path)
        if path != "-" and not os.path.exists(path):
            raise OptionError("--from", "an existing list", repr(path))
        if self._kind in (".csv", ".parquet") and os.path.isfile(path):  # a pipe is read once
            next(self.paths(), None)

    def paths(self) -> Iterator[str]:
        """Yield the paths in their order.

        Raises
        ------
        OptionError
            No such column, or no pyarrow.
        """
        path = os.fspath(self.path)
        if path == "-":
            yield from _lines(sys.stdin.buffer)
        elif self._kind == ".parquet":
            yield from _of_parquet(path, self.column)
        elif self._kind == ".csv":
            yield from _of_csv(path, self.column)
        else:
            with open(path, "rb") as file:
                yield from _lines(file)


def _lines(file: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(file):
        if name := (line if number else line.removeprefix(b"\xef\xbb\xbf")).rstrip(b"\r\n"):
            yield os.fsdecode(name)


def _of_csv(path: str, column: str | None) -> Iterator[str]:
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        csv.field_size_limit(1 << 27)  # a caption, or an image in a field beside the path
        rows = csv.reader(file)
        try:
            names = next(rows, [])
            at = names.index(_column(path, names, column))
            yield from (row[at] for row in rows if len(row) > at and row[at])
        except csv.Error as error:
            raise OptionError(
                path, "a table of comma-separated values", f"{error}, line {rows.line_num}"
            ) from None


def _of_parquet(path: str, column: str | None) -> Iterator[str]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise OptionError("--from", "fastfit[parquet], which reads Parquet", "no pyarrow") from None
    try:
        with parquet.ParquetFile(path) as file:
            name = _column(path, file.schema_arrow.names, column)
            for batch in file.iter_batches(_ROWS, columns=[name]):
                yield from (str(value) for value in batch.column(0).to_pylist() if value)
    except ArrowException as error:
        raise OptionError(path, "a Parquet file", str(error).splitlines()[0]) from None


def _column(path: str, names: list[str], column: str | None) -> str:
    if not names:
        raise OptionError(path, "a table with a column", "none")
    if column is not None and column not in names:
        raise OptionError("column", f"one of {', '.join(map(repr, names))}", repr(column))
    return column or names[0]
