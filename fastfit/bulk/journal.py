"""The journal: a row of JSON for every source, written when that is settled. It is the report, too.

Rows are only ever appended, each with a single write, so that a process killed at any moment leaves whole rows; a
last one without its end is dropped. Of two rows about one source the later counts.
"""

import json
import os
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, TypeAlias

from fastfit.bulk.seen import key
from fastfit.errors import OptionError
from fastfit.version import PIXELS

__all__ = ["Journal", "NoJournal", "Row", "contract", "fingerprint", "rows_of", "settled"]

Row: TypeAlias = dict[str, Any]
_BEGIN = b'{"source":'
_UNNAMED = "pillow-13"
"""The contract of journals that name none: those of the first version, which kept it."""


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return 16 digits that stand for settings."""
    return blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


def contract(run: Mapping[str, Any]) -> str:
    """Return the contract that a run's pixels keep, by the row that describes the run: see `fastfit.PIXELS`."""
    found = run.get("pixels")
    return found if isinstance(found, str) else _UNNAMED


def rows_of(path: str | os.PathLike[str]) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a journal, and where each begins.

    Raises
    ------
    OptionError
        A line that is none of ours.
    """
    at = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n") and _is_torn(line):
                return
            try:
                row = json.loads(line)
                known = {"source", "status", "settings"} <= row.keys()
            except (ValueError, AttributeError):
                known = False
            if not known:
                raise OptionError(os.fspath(path), "a report of fastfit's", f"line {number}: {line[:60]!r}")
            yield at, row
            at += len(line)


def _is_torn(line: bytes) -> bool:
    """Tell whether a last line was begun by us when all was killed; of the system's death zeros may be left."""
    begun = line.rstrip(b"\0")
    return begun[: len(_BEGIN)] == _BEGIN[: len(begun)]


def settled(path: str | os.PathLike[str]) -> Iterator[Row]:
    """Yield the last row of every source, in the order in which they came, with the ``cwd`` its names are in.

    The journal is read twice, and 16 bytes are held for each row.
    """
    index, bases, base = _Index(), [(0, "")], ""
    for at, row in rows_of(path):
        if "run" in row:
            base = row["run"].get("cwd", "")
            bases.append((at, base))
        index.add(_absolute(base, row["source"]), at)
    index.sort()
    with open(path, "rb") as file:
        for at in index.last_places():
            while len(bases) > 1 and bases[1][0] <= at:
                del bases[0]
            file.seek(at)
            yield {**json.loads(file.readline()), "cwd": bases[0][1]}


class Journal:
    """The journal of one output, open for this run alone.

    Parameters
    ----------
    path : path
        Made with its folder if need be.
    settings : mapping
        All that decides which bytes come out, as JSON has it.
    run : mapping
        What else another run needs to go on from here, and ``pixels``, the contract; stands in the first row, with
        the settings.
    anew : bool
        Forget what the journal holds.

    Raises
    ------
    OptionError
        It was begun with other settings or another contract of pixels, another run is writing it, or it is no
        journal.
    OSError
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], run: Mapping[str, Any], *, anew: bool = False
    ) -> None:
        self.path = path
        self.fingerprint = fingerprint(settings)
        self._run: dict[str, Any] | None = {**run, "settings": settings}
        self._forgets = anew
        self.anew_ns: int | None = None
        """When this output was begun anew: what was there before is to be replaced."""
        self.new = not path.exists()
        """Whether no run has begun it: then no partial result is ours."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666), "r+b", buffering=0)
        try:
            _lock(self._file, path)
            if anew:
                next(rows_of(path), None)  # what is none of ours is not ours to forget
                self._run["anew_ns"] = self.anew_ns = time.time_ns()
            self._index = _Index()
            self.last: Row | None = None
            """The latest row that tells how far an appended output had come."""
            if not anew:  # else forgotten with the first row: until then another run may go on with what was
                self._read(settings)
        except BaseException:
            self._file.close()
            raise

    def _read(self, settings: Mapping[str, Any]) -> None:
        base = os.getcwd()
        for at, row in rows_of(self.path):
            if "run" in row:
                base = row["run"].get("cwd", base)
                self.anew_ns = row["run"].get("anew_ns", self.anew_ns)
                self._check_pixels(contract(row["run"]))
                self._compare(row["run"].get("settings", {}), settings)
            self._index.add(_absolute(base, row["source"]), at)
            if "end" in row:
                self.last = row
        if not self.empty and base == os.getcwd():  # the last rows' names are relative to the same folder as ours
            self._run = None
        self._index.sort()
        size = self._file.seek(0, os.SEEK_END)
        end = _whole_lines(self._file, size)
        if end < size:
            self._file.truncate(end)

    def _check_pixels(self, begun: str) -> None:
        """Refuse to mix pixels of two contracts in one output."""
        if begun != PIXELS:
            raise OptionError(
                str(self.path),
                f"an output of this version's pixels, {PIXELS}",
                f"one that was begun with {begun}; choose another output, or begin this one anew with --overwrite",
            )

    def _compare(self, begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        if fingerprint(begun) == self.fingerprint:
            return
        was, is_ = _flat(begun), _flat(now)
        names = [name for name in {**was, **is_} if was.get(name) != is_.get(name)][:3]
        raise OptionError(
            str(self.path),
            f"the settings that this output was begun with ({_shown(was, names)})",
            f"{_shown(is_, names)}; choose another output, or begin this one anew with --overwrite",
        )

    @property
    def empty(self) -> bool:
        """Whether no source has been settled in earlier runs."""
        return self._index.empty

    def find(self, source: str) -> Row | None:
        """Return what an earlier run wrote last about a source, by its name as given."""
        at = self._index.find(_absolute(os.getcwd(), source))
        return None if at is None else self._row(at)

    def _row(self, at: int) -> Row:
        chunk = os.pread(self._file.fileno(), 2048, at) if hasattr(os, "pread") else self._pread(at, 2048)
        while b"\n" not in chunk:
            more = self._pread(at + len(chunk), 1 << 16)
            if not more:
                break
            chunk += more
        row: Row = json.loads(chunk.partition(b"\n")[0])
        return row

    def _pread(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        return self._file.read(count)

    def write(self, row: Row) -> None:
        """Append a row; it is with the system, and survives this process, when this returns."""
        row["settings"] = self.fingerprint
        if self._run is not None:
            row["run"], self._run = self._run, None
        data = memoryview(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        if self._forgets:  # never empty: killed between the two, it is no report, and refused
            with open(self.path, "r+b", buffering=0) as file:
                file.write(data)
            self._file.truncate(len(data))
            self._forgets = False
            return
        length = len(data)
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            with suppress(OSError):  # no line without its end, to which another would be appended
                self._file.truncate(self._file.seek(0, os.SEEK_END) - (length - len(data)))
            raise

    def forget(self) -> None:
        """Forget what earlier runs wrote; begun anew, it does so with the first row at the latest."""
        self._file.truncate(0)
        self._forgets = False

    def close(self) -> None:
        """Bring it to the disk, and let other runs have it."""
        with suppress(OSError):  # what has no disk beneath, a pipe say, cannot be synchronised
            os.fsync(self._file.fileno())
        self._file.close()


class NoJournal:
    """The journal of an output that is not begun, and will not be."""

    empty = new = True
    last: Row | None = None
    anew_ns: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, source: str) -> None:
        """Return nothing."""
        del source

    def write(self, row: Row) -> None:
        """Write nothing."""

    def forget(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Index:
    """Where the last row of every source begins: 16 bytes for each."""

    def __init__(self) -> None:
        self._keys, self._places = array("Q"), array("Q")

    def add(self, source: str, at: int) -> None:
        self._keys.append(key(source))
        self._places.append(at)

    def sort(self) -> None:
        import numpy as np

        keys, places = (np.array(values, np.uint64) for values in (self._keys, self._places))
        order = np.argsort(keys, kind="stable")
        self._keys, self._places = (array("Q", values[order].tobytes()) for values in (keys, places))

    @property
    def empty(self) -> bool:
        return not self._keys

    def last_places(self) -> "array[int]":
        """Return where the last row of every source begins, in the order of the file."""
        import numpy as np

        keys, places = (np.array(values, np.uint64) for values in (self._keys, self._places))
        last = np.append(keys[1:] != keys[:-1], True) if len(keys) else np.zeros(0, bool)
        return array("Q", np.sort(places[last]).tobytes())

    def find(self, source: str) -> int | None:
        wanted = key(source)
        at = bisect_right(self._keys, wanted) - 1
        return self._places[at] if at >= 0 and self._keys[at] == wanted else None


def _absolute(folder: str, source: str) -> str:
    return os.path.normpath(os.path.join(folder, source))


def _whole_lines(file: IO[bytes], size: int) -> int:
    """Return where the last whole line ends."""
    at = size
    while at > 0:
        start = max(0, at - (1 << 16))
        file.seek(start)
        found = file.read(at - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        at = start
    return 0


def _lock(file: IO[bytes], path: Path) -> None:
    """Keep other runs out, until this process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows, where nobody deletes or replaces what another has open
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OptionError(
            str(path), "an output that no other run is writing", "one that is being written"
        ) from None


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return groups of settings as one."""
    flat: dict[str, Any] = {}
    for group, value in settings.items():
        for name, each in (value if isinstance(value, Mapping) else {group: value}).items():
            flat[f"{group} {name}" if name in flat else name] = each
    return flat


def _shown(settings: Mapping[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} {json.dumps(settings.get(name))}" for name in names)
