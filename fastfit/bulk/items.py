"""What is known of a source before it is read, and what became of it."""

from typing import Literal, NamedTuple, TypeAlias

from fastfit.geometry import Plan
from fastfit.types import Size

__all__ = ["Companion", "Item", "Outcome", "Result", "Status"]

Status: TypeAlias = Literal["fitted", "failed", "skipped"]


class Companion(NamedTuple):
    """Another file of an image's sample in a tar shard: it travels along untouched."""

    extension: str
    """Of the file within its sample, without the first dot: ``json``, ``seg.png``."""
    offset: int
    size: int


class Item(NamedTuple):
    """One source."""

    source: str
    """What messages and reports call it: its path as it was given, or ``shard.tar::member``."""
    path: str
    """The file to open."""
    name: str
    """Relative path of the result before anything is decided on it: the tree to be kept, and the file's name."""
    size: int = -1
    """Bytes; -1 where nobody could tell."""
    mtime_ns: int = -1
    offset: int = -1
    """Where it begins in a tar shard; -1 for a file of its own."""
    companions: tuple[Companion, ...] = ()
    contested: bool = False
    """Whether its result would have had another's name, or another's its: then one that exists tells nothing."""
    trouble: tuple[str, str] | None = None
    """Code and text of what already went wrong when it was listed."""


class Result(NamedTuple):
    """What a worker made of an item. The pixels, encoded, lie in a file that the item's number names."""

    status: Status
    code: str | None = None
    """Why it failed or was skipped, in a word that does not change."""
    text: str | None = None
    """The same for people; of a fitted one, what is damaged about it."""
    notes: tuple[str, ...] = ()
    planned: Plan | None = None
    bytes: int | None = None
    ms: float | None = None
    digest: str | None = None
    """Of the source's bytes, where the same bytes are to be fitted once."""

    @property
    def source_size(self) -> Size | None:
        """Upright, in pixels."""
        return self.planned.src if self.planned else None


class Outcome(NamedTuple):
    """What became of a source, once that is settled."""

    source: str
    output: str | None
    status: Status
    code: str | None = None
    text: str | None = None
    notes: tuple[str, ...] = ()
    planned: Plan | None = None
    """What it was fitted by: its sizes, and what was cropped or padded."""
    earlier: bool = False
    """Whether that was settled by an earlier run."""
