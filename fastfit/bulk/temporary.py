"""Where results lie that have no name yet."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["Temporary"]


class Temporary:
    """A folder for results that have no name yet. What a killed run left of its own goes first."""

    def __init__(self, folder: Path, report: Path) -> None:
        name = os.fsencode(report.name.removesuffix(".jsonl"))[:100]
        self._prefix = f".{os.fsdecode(name)}-"
        self._folder = folder
        self._lock: int | None = None
        self.path = self._new()

    def _new(self) -> str:
        return os.path.join(self._folder, f"{self._prefix}{os.urandom(4).hex()}.tmp")

    def __enter__(self) -> "Temporary":
        self._folder.mkdir(parents=True, exist_ok=True)
        ours = re.compile(re.escape(self._prefix) + r"[0-9a-f]{8}\.tmp")
        with os.scandir(self._folder) as entries:
            found = [entry for entry in entries if ours.fullmatch(entry.name)]
        for entry in found:
            # It may be another run's, by a report of the same name in another folder.
            if (lock := _locked(entry.path)) is not None:
                self._remove(entry.path)
                os.close(lock)
        os.mkdir(self.path)
        self._lock = _locked(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        self._remove(self.path)
        if self._lock is not None:
            os.close(self._lock)

    def _remove(self, path: str) -> None:
        """Remove a folder in which a worker that is being killed, or outlived its run, may still make a file."""
        gone = self._new()
        with suppress(OSError):
            os.rename(path, gone)  # nobody makes one where it is now
            path = gone
        shutil.rmtree(path, ignore_errors=True)


def _locked(path: str) -> int | None:
    """Lock a folder for as long as this process lives; None if another one has, or it is gone."""
    try:
        import fcntl
    except ImportError:  # Windows, where nobody removes what another has open
        return os.open(os.devnull, os.O_RDONLY)
    try:
        lock = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
