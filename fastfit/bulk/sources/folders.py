"""Folders: what is in them, sorted, each listed when the walk comes to it."""

import fnmatch
import os
from array import array
from collections import Counter
from collections.abc import Iterator

from fastfit.bulk.items import Item
from fastfit.codec import EXTENSIONS_READ

__all__ = ["IMAGE_SUFFIXES", "in_folder"]

# What a folder is searched for; a file named outright is tried whatever its name.
IMAGE_SUFFIXES = frozenset(extension for extensions in EXTENSIONS_READ.values() for extension in extensions)


def in_folder(
    folder: str, *, recursive: bool = False, glob: tuple[str, ...] = (), leave: str | None = None
) -> Iterator[Item]:
    """Yield the images of a folder, sorted; then those of each folder within.

    Names that begin with a dot are left alone, and so is the folder `leave`. A folder that cannot be read is an
    item, too: one that will fail, and so is not lost from sight.
    """
    skipped = os.path.realpath(leave) if leave is not None else None
    unreadable: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and not _is(os.path.join(root, name), skipped)
        )
        within = os.path.relpath(root, folder).replace(os.sep, "/") if root != folder else ""
        chosen = sorted(name for name in names if _wanted(name, within, glob))
        stems = _shared_stems(chosen)
        for name in chosen:
            yield _item(root, within, name, contested=os.path.splitext(name)[0] in stems)
    for error in unreadable:
        name = os.path.relpath(error.filename, folder).replace(os.sep, "/")
        yield Item(error.filename, error.filename, os.path.basename(folder) if name == "." else name)


def _is(path: str, skipped: str | None) -> bool:
    return skipped is not None and os.path.realpath(path) == skipped


def _wanted(name: str, within: str, glob: tuple[str, ...]) -> bool:
    if name.startswith("."):
        return False
    if not glob:
        return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
    path = f"{within}/{name}" if within else name
    return any(fnmatch.fnmatchcase(path if "/" in pattern else name, pattern) for pattern in glob)


def _shared_stems(names: list[str]) -> frozenset[str]:
    """Return the stems that several names have: hashes are counted first, to hold no second list of a million."""
    hashes = array("q", (hash(os.path.splitext(name)[0]) for name in names))
    if len(set(hashes)) == len(names):
        return frozenset()
    repeated = {value for value, count in Counter(hashes).items() if count > 1}
    stems = Counter(stem for name in names if hash(stem := os.path.splitext(name)[0]) in repeated)
    return frozenset(stem for stem, count in stems.items() if count > 1)


def _item(root: str, within: str, name: str, *, contested: bool) -> Item:
    path = os.path.join(root, name)
    kept = f"{within}/{name}" if within else name
    try:
        status = os.stat(path)
    except OSError:
        return Item(path, path, kept, contested=contested)
    return Item(path, path, kept, status.st_size, status.st_mtime_ns, contested=contested)
