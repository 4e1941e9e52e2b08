"""Pictures of what a summary shows, made in processes of their own: some of these files crash decoders."""

import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastfit.bulk.items import Item, Result
from fastfit.bulk.pool import Pool, WorkerError
from fastfit.bulk.sources import single
from fastfit.bulk.sources.shards import in_shard, is_shard
from fastfit.bulk.summary import Summary
from fastfit.bulk.work import Filters, Work
from fastfit.bulk.workers import ProcessWorker
from fastfit.codec import encode
from fastfit.errors import FastfitError
from fastfit.options import Input, Output
from fastfit.spec import Fit
from fastfit.threads import cores

__all__ = ["Picture", "pictures_of"]

_SIDE = 240
"""Of a picture, in pixels: 10 kB, of which there are up to 72. Fine screens show it at less than that."""
_TIMEOUT = 10.0
"""Seconds that one may take to make."""
_HOPELESS = {"worker-crashed": "a worker died of it", "timeout": "it took too long"}
"""What is not tried again."""


class Picture(NamedTuple):
    """A picture, or why there is none."""

    data: bytes | None = None
    """A JPEG."""
    trouble: str = ""
    """Why there is none."""
    mtime_ns: int = -1


def pictures_of(summary: Summary) -> dict[str, Picture]:
    """Return pictures of failures and of extremes, sources and results, by the names that the journal has.

    A file that crashes or occupies a decoder costs its picture.
    """
    pictures = {
        each.source: Picture(trouble=_HOPELESS[each.code])
        for each in summary.failures
        if each.code is not None and each.code in _HOPELESS
    }
    wanted = {name: base for name, base in _names(summary) if name not in pictures}
    with tempfile.TemporaryDirectory(prefix="fastfit-", ignore_cleanup_errors=True) as folder:
        spare = os.path.join(folder, "row.png")
        items = [_item(base, name, f"{spare}-{at}") for at, (name, base) in enumerate(wanted.items())]
        results = _thumbnails(_work(summary, folder), items)
        for number, item in enumerate(items):
            result = results.get(number, Result("failed", text="workers die"))
            data = Path(folder, str(number)).read_bytes() if result.status == "fitted" else None
            trouble = (result.text or "").removeprefix(f"{item.source}: ")
            pictures[item.source] = Picture(data, trouble, item.mtime_ns)
    return pictures


def _names(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield what pictures are shown of, and the folder that it is in."""
    yield from ((each.source, each.folder) for each in summary.failures)
    for each in (*summary.cropped, *summary.padded, *summary.most_enlarged):
        yield each.source, each.folder
        yield each.output or "", each.folder


def _work(summary: Summary, folder: str) -> Work:
    """Return what is done with each: as its run read it, except that damage and many frames are let in."""
    told = summary.run.get("settings", {}).get("input", {})
    limits = {name: told[name] for name in ("max_pixels", "max_scans") if name in told}
    spec, output = Fit(longest=_SIDE, channels=3, fill=255), Output("jpeg", quality=80, icc="strip")
    return Work(spec, Input(on_damage="warn", **limits), output, Filters(), folder)


def _thumbnails(work: Work, items: Sequence[Item]) -> dict[int, Result]:
    """Do the work, in files of its folder that are named by numbers."""
    results: dict[int, Result] = {}
    names = (f"picture-{number}" for number in itertools.count())
    pool = Pool(lambda: ProcessWorker(work, next(names)), max(1, min(cores(), len(items))), _TIMEOUT)
    left = iter(enumerate(items))
    try:
        while len(results) < len(items):
            while pool.wants and (entry := next(left, None)) is not None:
                pool.give([entry])
            results.update(pool.collect())
    except WorkerError:  # a page with fewer pictures is better than none
        pass
    finally:
        pool.kill()
    return results


def _item(base: str, name: str, spare: str) -> Item:
    """Return where a picture is: a file, a member of a tar file, or an image of a NumPy file, put into `spare`."""
    path = os.path.join(base, name)
    whole, inside, member = path.partition("::")
    try:
        if inside and is_shard(whole):
            found = _member(whole, member)
        elif inside and whole.endswith(".npy"):
            Path(spare).write_bytes(encode(np.load(whole, mmap_mode="r")[int(member)], "png"))
            found = single(spare, "")
        elif is_shard(path):
            found = Item(name, path, "", trouble=("", "a shard"))
        else:
            found = single(path, "")
    except StopIteration:
        found = Item(name, path, "", trouble=("", "no such member"))
    except (FastfitError, OSError, EOFError, ValueError, LookupError) as error:
        found = Item(name, path, "", trouble=("", getattr(error, "strerror", None) or str(error)))
    return found._replace(source=name, name="picture.jpg")


def _member(shard: str, name: str) -> Item:
    path = shard if os.path.exists(shard) else f"{shard}.partial"  # as it is called until it is full
    os.stat(path)
    return next(item for item in in_shard(path) if item.source == f"{path}::{name}")
