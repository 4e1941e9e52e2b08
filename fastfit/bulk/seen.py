"""A set of names that takes 16 to 40 bytes for each, however long the names are."""

from array import array
from hashlib import blake2b

__all__ = ["Seen", "key"]

_EMPTY = 0


def key(name: str) -> int:
    """Return 64 bits that stand for a name; among 100 million, two names share theirs with a chance of 3e-4."""
    data = name.encode("utf-8", "surrogatepass")  # whatever it holds: none of it goes to the system
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little") or 1


class Seen:
    """Which names have been seen, by open addressing: a Python set takes 100 bytes and more for each."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 << 10))
        self._count = 0

    def add(self, name: str) -> bool:
        """Add a name, and tell whether it is new."""
        if 5 * self._count >= 3 * len(self._table):
            self._grow()
        if not _insert(self._table, key(name)):
            return False
        self._count += 1
        return True

    def __contains__(self, name: str) -> bool:
        """Tell whether a name has been added."""
        wanted, mask = key(name), len(self._table) - 1
        at = wanted & mask
        while self._table[at] not in (_EMPTY, wanted):
            at = (at + 1) & mask
        return self._table[at] == wanted

    def _grow(self) -> None:
        grown = array("Q", bytes(16 * len(self._table)))
        for value in self._table:
            if value != _EMPTY:
                _insert(grown, value)
        self._table = grown


def _insert(table: "array[int]", value: int) -> bool:
    mask = len(table) - 1
    at = value & mask
    while table[at] != _EMPTY:
        if table[at] == value:
            return False
        at = (at + 1) & mask
    table[at] = value
    return True
