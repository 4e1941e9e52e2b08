"""Where images come from: folders, files, lists, tar shards. Read as a stream, and never held as a whole."""

import itertools
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from fastfit.bulk.items import Item
from fastfit.bulk.seen import Seen
from fastfit.bulk.sources.folders import IMAGE_SUFFIXES, in_folder
from fastfit.bulk.sources.lists import Listing
from fastfit.bulk.sources.shards import in_shard, is_shard
from fastfit.errors import OptionError, describe

__all__ = ["IMAGE_SUFFIXES", "Listing", "Search", "Source", "check", "count", "identity", "items"]

Source: TypeAlias = str | os.PathLike[str] | Listing
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True, slots=True)
class Search:
    """How folders are searched.

    Parameters
    ----------
    recursive : bool
        Search folders within folders, but no links to folders.
    glob : tuple of str
        Take the files whose names match one of these patterns, whatever their extension; a pattern with a ``/``
        is held against the path within the folder, where ``*`` takes ``/`` too. By default the names of images.
    leave : str, optional
        A folder that is not searched: that of the results.
    """

    recursive: bool = False
    glob: tuple[str, ...] = ()
    leave: str | None = None


def expanded(source: str) -> Iterator[str]:
    """Yield what ``{000..123}`` in the name of a shard stands for, as shells do; other names as they are."""
    found = _RANGE.search(source)
    if found is None or os.path.lexists(source):
        yield source
        return
    first, last = found.groups()
    padded = any(end[0] == "0" and len(end) > 1 for end in (first, last))
    width = max(len(first), len(last)) if padded else 0
    step = 1 if int(first) <= int(last) else -1
    for number in range(int(first), int(last) + step, step):
        yield from expanded(f"{source[: found.start()]}{number:0{width}d}{source[found.end() :]}")


def check(sources: Iterable[Source]) -> None:
    """Refuse sources that do not exist, before anything is begun.

    Raises
    ------
    OptionError
    """
    for source in sources:
        if isinstance(source, Listing):
            source.check()
            continue
        for path in expanded(os.fspath(source)):
            if not os.path.lexists(path):
                raise OptionError("SRC", "an existing file or folder", repr(path))


def items(sources: Iterable[Source], search: Search) -> Iterator[Item]:
    """Yield every source once, in an order that depends on the sources alone.

    Parameters
    ----------
    sources : iterable of path or Listing
        Files, which are taken as they are; folders, which are searched; tar shards, ``data-{000..123}.tar`` or
        one by one, whose samples hold one image each; and lists of all these. What does not exist is an item, too,
        and will be a failure.
    search : Search
    """
    several, seen = False, Seen()
    stream = iter(sources)
    head = list(itertools.islice(stream, 2))
    several = len(head) > 1 or (bool(head) and isinstance(head[0], Listing))
    path, new = None, True
    for source in itertools.chain(head, stream):
        for item in _of(source, search):
            # One folder, or one shard, holds nothing twice. All that a shard yields comes in one stretch.
            if several and (item.path != path or not is_shard(item.path)):
                path, new = item.path, seen.add(identity(item.path))
            if new:
                yield item
        path = None


def count(sources: Iterable[Source], search: Search, seconds: float) -> int | None:
    """Return how many items there are, or None if counting them takes longer than so many seconds."""
    deadline = time.monotonic() + seconds
    number = 0
    for _item in items(sources, search):
        number += 1
        if time.monotonic() > deadline:
            return None
    return number


def _of(source: Source, search: Search) -> Iterator[Item]:
    if isinstance(source, Listing):
        for listed in source.paths():
            for path in expanded(listed):
                yield from _at(path, search, name=_kept(path))
        return
    for path in expanded(os.fspath(source)):
        yield from _at(path, search, name=os.path.basename(os.path.normpath(path)))


def _at(path: str, search: Search, name: str) -> Iterator[Item]:
    path = os.path.normpath(path)
    if is_shard(path):
        yield from in_shard(path)
    elif os.path.isdir(path):
        yield from in_folder(path, recursive=search.recursive, glob=search.glob, leave=search.leave)
    else:
        yield single(path, name)


def single(path: str, name: str) -> Item:
    """Return a file as an item, whether it exists or not: that shows when it is read."""
    try:
        status = os.stat(path)
    except OSError:
        return Item(path, path, name)
    except ValueError:  # a zero in it, as in a list that is not UTF-8, or half a pair of surrogates
        text = f"{path}: expected a name that a file can have, got {describe(path)}"
        return Item(path, path, name, trouble=("not-found", text))
    return Item(path, path, name, status.st_size, status.st_mtime_ns)


def _kept(path: str) -> str:
    """Return the tree that a listed path keeps: all of it, but for a drive, the root and what goes up."""
    parts = os.path.normpath(os.path.splitdrive(path)[1]).replace(os.sep, "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def identity(path: str) -> str:
    """Return an absolute name without links in its folders; the last part may be a link, dangling or looping."""
    folder, last = os.path.split(os.path.abspath(path))
    return os.path.join(_real(folder), last)


_known: dict[str, str] = {}


def _real(folder: str) -> str:
    """Return `os.path.realpath`, which asks for every part, of few folders that many files are in."""
    if len(_known) > 256:
        _known.clear()
    if folder not in _known:
        try:
            _known[folder] = os.path.realpath(folder)
        except ValueError:  # no folder can have that name
            _known[folder] = folder
    return _known[folder]
