"""What is kept between images, bounded in bytes."""

import os
import threading
import weakref
from typing import Any, Generic, TypeVar

__all__ = ["Kept", "forget"]

T = TypeVar("T")

_all: "weakref.WeakSet[Kept[Any]]" = weakref.WeakSet()


class Kept(Generic[T]):
    """Values by key: the oldest go where all together take more than so many bytes; a larger one is not kept."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.clear()
        _all.add(self)

    def clear(self) -> None:
        """Let go of all. In a forked process, too: a thread that held the lock is not there."""
        self.lock, self.bytes = threading.Lock(), 0
        self.found: dict[Any, tuple[T, int]] = {}

    def get(self, key: Any) -> T | None:
        """Return a value, or None. Reading a dict needs no lock."""
        found = self.found.get(key)
        return None if found is None else found[0]

    def put(self, key: Any, value: T, size: int) -> None:
        """Keep a value of so many bytes."""
        if size > self.most:
            return
        with self.lock:
            if key not in self.found:
                self.bytes += size
                self.found[key] = value, size
            while self.bytes > self.most:
                self.bytes -= self.found.pop(next(iter(self.found)))[1]


def forget() -> None:
    """Let go of all that is kept between images: the next one of any size computes its own."""
    for kept in list(_all):
        kept.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
