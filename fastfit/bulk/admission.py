"""What is known of a source before it is worked on: what an earlier run made of it, and the name of its result."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fastfit.bulk.claims import Claims
from fastfit.bulk.items import Item, Outcome, Result
from fastfit.bulk.journal import Journal, NoJournal, Row, rows_of
from fastfit.bulk.seen import Seen
from fastfit.bulk.sinks import Sink, Writer, one_size
from fastfit.spec import Fit
from fastfit.types import Size

__all__ = ["Admission", "Pending"]


@dataclass(slots=True)
class Pending:
    """An item that is not settled."""

    item: Item
    name: str | None = None
    row: Row | None = None
    """What an earlier run wrote about it."""
    replaces: bool = False
    """Whether what has its name is its own."""


class Admission:
    """Gives sources their names, in their order; or says why they need none.

    Parameters
    ----------
    sink : Sink
    writer : Writer
        Of the sink.
    journal : Journal
    spec : Fit
    digests : Seen
        Of the bytes that have a result.
    one_tree : bool
        Whether all items are of one folder, each folder within it in one stretch.
    again : bool
        Whether what failed in an earlier run is tried again.
    names : iterable of str
        That other sources have.
    """

    def __init__(
        self,
        sink: Sink,
        writer: Writer,
        journal: Journal | NoJournal,
        spec: Fit,
        digests: Seen,
        *,
        one_tree: bool,
        again: bool,
        names: Iterable[str],
    ) -> None:
        self._sink, self._writer, self._journal = sink, writer, journal
        self._again, self._digests = again, digests
        self._size = _size_told(sink, spec)
        self._held: Seen | None = None
        self._claims = Claims(sink.unique, sink.collisions, by_folder=one_tree and not sink.scattered)
        for name in names:
            self._claims.claim(name)

    def admit(self, pending: Pending, number: int) -> Result | Outcome | None:
        """Return what is settled of an item before it is worked on; if nothing is, it now has its name."""
        return self._known(pending, number) or self.named(pending, number, self._size)

    def _known(self, pending: Pending, number: int) -> Outcome | None:
        """Return what an earlier run has settled, and still holds; note what it wrote."""
        if self._journal.empty:
            return None
        row = self._journal.find(pending.item.source)
        if row is None:
            return None
        pending.row = row
        item, status = pending.item, row["status"]
        if (row["source_bytes"], row["mtime_ns"]) != (item.size, item.mtime_ns) or row["error"] == "exists":
            return None
        if status == "failed" and self._again:
            return None
        if row["error"] == "duplicate" and row["digest"] not in self._digests:
            return None
        if status == "fitted":
            if not self._writer.has(row) or self._is_renamed(item, number, row):
                return None
            self._claims.claim(row["name"])
            self._claims_members(item, row["name"])
        elif item.trouble is None and self._size is not None and not self._sink.pixels:
            self._claims.claimed(self._name(item, number, self._size))  # as when it was new
        return Outcome(item.source, row["output"], status, row["error"], row["message"], earlier=True)

    def _is_renamed(self, item: Item, number: int, row: Row) -> bool:
        """Tell whether a result has the name of another source's that has come since; what is appended stays."""
        if not item.contested or "end" in row:
            return False
        size = Size(*row["output_size"])
        alone = self._name(item._replace(contested=False), number, size)
        return bool(row["name"] == alone != self._name(item, number, size))

    def _name(self, item: Item, number: int, size: Size | None) -> str:
        return self._sink.naming.name(item, number, size)

    def named(self, pending: Pending, number: int, size: Size | None) -> Result | Outcome | None:
        """Give an item its name, if that can be told; return what speaks against it."""
        item = pending.item
        if item.trouble is not None:
            return Result("failed", *item.trouble)
        if size is None or self._sink.pixels:
            pending.name = None if size is None else item.name
            return None
        row = pending.row
        told = row.get("retry", {}) if row is not None and self._again else {}
        name = told.get("given") or self._name(item, told.get("index", number), size)
        if row is not None and "name" in row and not item.contested:
            name = row["name"]  # a source that has changed keeps its name
        pending.name = self._claims.claimed(name, lambda other: self._is_kept(other, row))
        if pending.name is None:
            text = f"{item.source}: expected a name of its own, got {name}, which another source has"
            return Result("failed", "name-taken", text)
        name = pending.name
        if not self._claims_members(item, name):
            text = f"{item.source}: expected names of their own for its members, got those of another sample"
            return Result("failed", "name-taken", text)
        if self._writer.is_source(name, item):
            text = f"{item.source}: expected a result apart from its source, got {name}"
            return Result("failed", "own-result", text)
        pending.replaces = (row is not None and row.get("name") == name) or (item.contested and self._holds(name))
        if pending.replaces or not self._writer.taken(name):
            return None
        text = f"{item.source}: {name} exists"
        if row is not None and row["error"] == "exists":
            return Outcome(item.source, None, "skipped", "exists", text, earlier=True)
        return Result("skipped", "exists", text)

    def _claims_members(self, item: Item, name: str) -> bool:
        """Give away the names beside a result, if its sample has other members; tell whether they were free."""
        return not item.companions or self._claims.claim(f"{os.path.splitext(name)[0]}\0members")

    def _holds(self, name: str) -> bool:
        """Tell whether a result of an earlier run has, or had, the name; rows are read only if this is asked."""
        if self._held is None:
            self._held = Seen()
            for _, row in () if self._journal.empty else rows_of(self._journal.path):
                if row["status"] == "fitted":
                    self._held.add(self._sink.unique(row["name"]))
        return self._sink.unique(name) in self._held

    def _is_kept(self, name: str, own: Row | None) -> bool:
        """Tell whether a name is another's for good: what was appended keeps its own, whatever comes before it."""
        if self._journal.last is None or (own is not None and own.get("name") == name):
            return False
        return self._holds(name)


def _size_told(sink: Sink, spec: Fit) -> Size | None:
    """Return the size that names tell, as far as it is known before an image is: none where each has its own."""
    if not sink.naming.sized:
        return Size(0, 0)
    return replace(spec, box=None).outline((1, 1)).dst if one_size(spec) else None
