"""WebDataset shards: tar files, appended to in the order of the sources, and renamed when they are full."""

import os
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fastfit.bulk.items import Item, Result
from fastfit.bulk.journal import Journal, NoJournal, Row
from fastfit.bulk.naming import Naming
from fastfit.bulk.sinks.sink import Written, append, beside, check_length, check_names, open_partial, partial_name
from fastfit.disk import read_part
from fastfit.errors import ImageError, OptionError, describe
from fastfit.options import Output
from fastfit.spec import Fit
from fastfit.types import as_integer
from fastfit.version import PIXELS

__all__ = ["Shards"]

_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Shards:
    """Tar files of samples, as WebDataset reads them.

    The group name of each member is `fastfit.PIXELS`, the contract that the pixels keep: ``tar tvf`` shows it.

    Parameters
    ----------
    pattern : path
        Of their names, with one ``%d`` or ``%06d`` for the number, from 0.
    size : int, optional
        Samples in a shard; 1000 if neither this nor `bytes` is given.
    bytes : int, optional
        Bytes that a shard has at most, unless a single sample has more.
    flat, name, collisions, format, formats
        As for `Folder`. The name without its extension is the sample's key; dots in it become ``_``, since
        WebDataset's keys end at the first one.

    Raises
    ------
    OptionError
    """

    pattern: str | os.PathLike[str]
    size: int | None = None
    bytes: int | None = None
    flat: bool = False
    name: str | None = None
    collisions: str = "refuse"
    format: str = "keep"
    formats: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Check every option."""
        set_ = object.__setattr__
        set_(self, "pattern", os.fspath(self.pattern))
        try:
            apart = self._path(0) != self._path(1) and self._path(0).endswith(".tar")
        except (TypeError, ValueError):
            apart = False
        if not apart:
            raise OptionError("shards", "a pattern such as out-%06d.tar", describe(self.pattern))
        for name in ("size", "bytes"):
            value = getattr(self, name)
            if value is not None:
                set_(self, name, _positive(name, value))
        if self.size is None and self.bytes is None:
            set_(self, "size", _SIZE)
        check_names(self)

    def _path(self, number: int) -> str:
        return os.fspath(self.pattern) % number

    @property
    def pixels(self) -> bool:
        """False."""
        return False

    @property
    def naming(self) -> Naming:
        """How samples are called."""
        return Naming(self.format, self.flat, self.name, self.formats)

    @property
    def scattered(self) -> bool:
        """True: keys have no extensions, and no dots."""
        return True

    @property
    def folder(self) -> Path:
        """The folder of the shards."""
        return Path(self._path(0)).parent

    @property
    def report(self) -> Path:
        """Beside the shards, without a number."""
        stem = Path(self._path(0)).name[: -len(".tar")].rstrip("0123456789").rstrip("-_.")
        return beside(self.folder / f"{stem or 'shards'}.tar")

    def unique(self, name: str) -> str:
        """Return what no two results may share, of a result's name."""
        return key_of(name)[0]

    def to_dict(self) -> dict[str, Any]:
        """Return every option in values that JSON has."""
        return {"kind": "shards", **asdict(self)}

    def settings(self) -> dict[str, Any]:
        """Return the options that decide which bytes come out."""
        names = ("size", "bytes", "flat", "name", "collisions")
        return {"kind": "shards", **{name: getattr(self, name) for name in names}}

    def adapted(self, spec: Fit, output: Output) -> tuple[Fit, Output]:
        """Return both as they are."""
        return spec, output

    def writer(self, journal: Journal | NoJournal, spec: Fit, *, anew: bool, only_look: bool = False) -> "_Writer":
        """Begin, or go on in the shard that the journal ends with.

        Raises
        ------
        OptionError
            Shards are there that the journal knows nothing of, or the other way round.
        """
        del spec
        last = journal.last or {}
        following = last["shard"] + 1 if last else 0
        if anew and only_look:
            return _Writer(self, self._path, last)
        if anew:
            _remove(self._path)
            journal.forget()
        for number in range(following):
            path = self._path(number)
            if not os.path.exists(path) and not (number == following - 1 and os.path.exists(partial_name(path))):
                raise OptionError(path, "the shard that the report tells of", "none; --overwrite begins anew")
        if last and os.path.exists(partial_name(self._path(last["shard"]))):
            check_length(partial_name(self._path(last["shard"])), last["end"])
        for path in (self._path(following), *([partial_name(self._path(0))] if journal.new else [])):
            if os.path.exists(path):
                expected = "no shards but those that the report tells of"
                raise OptionError("shards", expected, f"{path}; --overwrite begins anew")
        return _Writer(self, self._path, last)


class _Writer:
    def __init__(self, sink: Shards, path: Any, last: Row) -> None:
        self._sink, self._path = sink, path
        self._file: BinaryIO | None = None
        self._number, self._end, self._count = 0, 0, 0
        if last:
            self._number, self._end, self._count = last["shard"], last["end"], last["count"]
            if not os.path.exists(partial_name(path(self._number))):  # it was full, or the last one
                self._number, self._end, self._count = self._number + 1, 0, 0

    def _open(self) -> BinaryIO:
        self._file = open_partial(partial_name(self._path(self._number)), self._end)
        return self._file

    def has(self, row: Row) -> bool:
        """Tell whether the sample is there: so is what the journal tells of, as was checked at the beginning."""
        return "shard" in row

    def taken(self, name: str) -> bool:
        """Tell nothing: shards are this run's."""
        del name
        return False

    def is_source(self, name: str, item: Item) -> bool:
        """Tell that it is not."""
        del name, item
        return False

    def put(self, name: str, item: Item, result: Result, path: str, *, replace: bool) -> Written:
        """Append a sample."""
        del result, replace
        with open(path, "rb") as file:
            data = file.read()
        key, extension = key_of(name)
        others = ((each.extension, read_part(item.path, each.offset, each.size)) for each in item.companions)
        extensions = [extension, *(each.extension for each in item.companions)]
        if len(set(extensions)) < len(extensions):  # WebDataset refuses the whole shard
            raise ImageError(item.source, "members and a result of different extensions", ", ".join(extensions))
        encoded = b"".join(_member(f"{key}.{extension}", data) for extension, data in [(extension, data), *others])
        self._make_room(len(encoded))
        append(self._file or self._open(), encoded, self._end)
        self._end += len(encoded)
        self._count += 1
        os.unlink(path)
        output = f"{self._path(self._number)}::{key}.{extension}"
        return Written(output, {"name": name, "shard": self._number, "end": self._end, "count": self._count})

    def _make_room(self, size: int) -> None:
        full = self._sink.size is not None and self._count >= self._sink.size
        rest = tarfile.RECORDSIZE if self._sink.bytes is not None else 0
        over = self._sink.bytes is not None and self._end + size + rest > self._sink.bytes
        if self._count and (full or over):
            self._finish()

    def _finish(self) -> None:
        """End the shard, as tar does, and give it its name."""
        file = self._file or self._open()
        append(
            file,
            bytes(2 * tarfile.BLOCKSIZE + -(self._end + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE),
            self._end,
        )
        os.fsync(file.fileno())
        file.close()
        os.replace(partial_name(self._path(self._number)), self._path(self._number))
        self._file = None
        self._number, self._end, self._count = self._number + 1, 0, 0

    def publish(self) -> None:
        """Do nothing: it is there already."""

    def drop(self, name: str) -> None:
        """Do nothing: what was appended stays."""
        del name

    def close(self, *, whole: bool) -> None:
        """Finish the last shard, or leave it for another run."""
        try:
            if whole and self._count:
                self._finish()
        finally:
            if self._file is not None:
                self._file.close()


def key_of(name: str) -> tuple[str, str]:
    """Split a name into a sample's key and its extension."""
    stem, suffix = os.path.splitext(name)
    folder, slash, last = stem.rpartition("/")
    return f"{folder}{slash}{last.replace('.', '_')}", suffix[1:].lower()


def _member(name: str, data: bytes) -> bytes:
    """Return a member of a tar file, the same for the same name and data.

    Its group is the contract: a global pax header would be the place for it, but some readers refuse those.
    """
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.gname = len(data), 0o644, PIXELS
    header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return header + data + bytes(-len(data) % tarfile.BLOCKSIZE)


def _remove(path: Any) -> None:
    """Remove the shards of an earlier run, the last one first: killed meanwhile, it leaves none behind a gap."""
    number = 0
    while os.path.exists(path(number)) or os.path.exists(partial_name(path(number))):
        number += 1
    for each in reversed(range(number)):
        for name in (path(each), partial_name(path(each))):
            if os.path.exists(name):
                os.unlink(name)


def _positive(name: str, value: Any) -> int:
    try:
        number = as_integer(value)
    except TypeError:
        number = 0
    if number < 1:
        raise OptionError(name, "a positive integer", describe(value))
    return number
