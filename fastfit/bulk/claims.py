"""Who has which name: results get theirs in the order of the sources."""

import itertools
import os
from collections.abc import Callable

from fastfit.bulk.naming import numbered
from fastfit.bulk.seen import Seen

__all__ = ["Claims"]


class Claims:
    """The names that are given away.

    Parameters
    ----------
    unique : callable
        Returns what no two results may share, of a name.
    collisions : {"refuse", "number"}
        What a source gets whose name is another's: none, or a numbered one.
    by_folder : bool
        Whether names come folder by folder, each in one stretch: then no more than one folder's are held.
    """

    def __init__(self, unique: Callable[[str], str], collisions: str, *, by_folder: bool) -> None:
        self._unique, self._numbers = unique, collisions == "number"
        self._folder = "" if by_folder else None
        self._names = Seen()
        self._next: dict[str, int] = {}

    def claim(self, name: str) -> bool:
        """Give a name away, and tell whether it was free."""
        if self._folder is not None and self._folder != (folder := os.path.dirname(name)):
            self._folder, self._names = folder, Seen()
        return self._names.add(self._unique(name))

    def claimed(self, name: str, kept: Callable[[str], bool] = lambda _: False) -> str | None:
        """Give a name away, with a number if it has to have one; None if it is another's."""
        if not kept(name) and self.claim(name):
            return name
        if not self._numbers:
            return None
        # Of a name that thousands have, all numbers before are given away.
        first = self._next.get(name, 1)
        free = (number for number in itertools.count(first) if not kept(numbered(name, number)))
        number = next(number for number in free if self.claim(numbered(name, number)))
        if number > first:
            self._next[name] = number + 1
        return numbered(name, number)
