"""Which files, and what each one's output is called."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from fastfit.codec import EXTENSIONS, EXTENSIONS_READ, writes
from fastfit.errors import OptionError

__all__ = ["IMAGE_SUFFIXES", "Task", "collect"]

_LONGEST_NAME = 255  # bytes, of nearly all file systems
_SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "avif": ".avif"}

# What a folder is searched for; a file named outright is tried whatever its name.
IMAGE_SUFFIXES = frozenset(extension for extensions in EXTENSIONS_READ.values() for extension in extensions)


class Task(NamedTuple):
    """One source file and the output it becomes."""

    src: Path
    dst: Path
    contested: bool = False
    """Whether the output would have had another's name, or another's this: then one that exists tells nothing."""


def collect(sources: Iterable[Path], out: Path, *, format: str = "keep", recursive: bool = False) -> list[Task]:
    """Find the images and decide what each one's output is called.

    Parameters
    ----------
    sources : iterable of Path
        Files, which are taken as they are, and folders, which are searched for names of images; names that begin
        with a dot are left alone. A folder's tree is kept under `out`.
    out : Path
        Folder of the outputs. It is not searched where it lies within a source.
    format : {"keep", "jpeg", "png", "webp", "avif"}
        ``keep`` keeps a name whose extension is written, and gives ``.png`` to others. Where that makes one name
        of several, as of ``a.bmp`` and ``a.png``, those that change keep the old extension, too: ``a.bmp.png``.
    recursive : bool
        Whether to search folders within folders.

    Returns
    -------
    list of Task
        Sorted within each folder; each source once.

    Raises
    ------
    OptionError
        A source does not exist, two sources would write the same output, or one would be overwritten by its own.
    """
    if os.path.lexists(out) and not out.is_dir():
        raise OptionError("-o", "a folder", f"{out}, which is none")
    tasks: dict[Path, Task] = {}
    for source in sources:
        if source.is_dir():
            found = [(path, path.relative_to(source)) for path in _images(source, out, recursive)]
        elif os.path.lexists(source):
            found = [(source, Path(source.name))]
        else:
            raise OptionError("SRC", "an existing file or folder", f"{str(source)!r}")
        for path, name in found:
            task = Task(path, out / _named(name if name.name else Path(source.name), format))
            tasks.setdefault(_identity(path), task)
    tasks = _told_apart(tasks)
    _check_outputs(tasks)
    return list(tasks.values())


def _images(folder: Path, out: Path, recursive: bool) -> Iterator[Path]:
    skipped = _identity(out)
    unreadable: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=unreadable.append):
        here = Path(root)
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and _identity(here / name) != skipped
        )
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield here / name
    # A folder that cannot be read is a task, too: one that will fail, and so is not lost from sight.
    yield from (Path(error.filename) for error in unreadable)


def _named(name: Path, format: str) -> Path:
    if format != "keep":
        same = EXTENSIONS.get(name.suffix.lower()) == format
        return name if same else _with_suffix(name.with_suffix(""), _SUFFIXES[format])
    kept = EXTENSIONS.get(name.suffix.lower())
    return name if kept and writes(kept) else _with_suffix(name.with_suffix(""), ".png")


def _with_suffix(name: Path, suffix: str) -> Path:
    """Append an extension. For the end of a name that would be too long stands a hash: no two become one."""
    stem, end = name.name, suffix
    if len(os.fsencode(stem + suffix)) > _LONGEST_NAME:
        import hashlib  # rarely wanted, and 4 ms

        end = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{suffix}"
    while len(os.fsencode(stem + end)) > _LONGEST_NAME:
        stem = stem[:-1]
    return name.with_name(stem + end)


def _told_apart(tasks: dict[Path, Task]) -> dict[Path, Task]:
    """Let sources that differ in their extensions alone have outputs of their own."""
    counts = Counter(task.dst for task in tasks.values())

    def apart(task: Task) -> Task:
        if counts[task.dst] == 1 or task.src.suffix == task.dst.suffix:
            return task._replace(contested=counts[task.dst] > 1)
        return Task(task.src, _with_suffix(task.dst.with_name(task.src.name), task.dst.suffix), contested=True)

    return {identity: apart(task) for identity, task in tasks.items()}


def _check_outputs(tasks: dict[Path, Task]) -> None:
    counts = Counter(task.dst for task in tasks.values())
    for output, count in counts.items():
        if count > 1:
            rivals = [str(task.src) for task in tasks.values() if task.dst == output]
            raise OptionError("SRC", f"one source for {output}", f"{count}: {', '.join(rivals[:3])}")
    sources = tasks.keys() | {Path(os.path.realpath(source)) for source in tasks}
    for task in tasks.values():
        if _identity(task.dst) in sources:
            raise OptionError("-o", "a folder apart from the sources", f"{task.dst}, which is a source")


def _identity(path: Path) -> Path:
    """Return an absolute name without links in its folders; the last part may be a link, dangling or looping."""
    return Path(os.path.realpath(path.parent)) / path.name
