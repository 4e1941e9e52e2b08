"""What failed, as sources: from the rows of a journal."""

import os
from collections.abc import Iterator

from fastfit.bulk.items import Item
from fastfit.bulk.journal import Row, settled
from fastfit.bulk.sources import single
from fastfit.bulk.sources.shards import in_shard, is_shard

__all__ = ["failed_items"]


def failed_items(journal: str | os.PathLike[str]) -> Iterator[Item]:
    """Yield the sources whose last row is a failure, in the order of those rows.

    Parameters
    ----------
    journal : path
    """
    shards: dict[tuple[str, str], set[str] | None] = {}
    for row in settled(journal):
        if row["status"] != "failed":
            continue
        folder = row["cwd"]
        shard, inside, _ = row["source"].partition("::")
        if inside and is_shard(shard):
            members = shards.setdefault((folder, shard), set())
            if members is not None:
                members.add(row["source"])
        elif is_shard(row["source"]):  # it broke off: what comes after is as new as what failed
            shards[folder, row["source"]] = None
        else:
            yield _item(row, folder)
    for (folder, shard), members in shards.items():
        path = _from(folder, shard)
        for item in in_shard(path):
            if members is None or item.source == path or f"{shard}{item.source[len(path) :]}" in members:
                yield item


def _item(row: Row, folder: str) -> Item:
    told = row["retry"]
    return single(_from(folder, row["source"]), told["name"])._replace(contested=told["contested"])


def _from(folder: str, path: str) -> str:
    """Return a path as it was given, or from where we are."""
    return path if os.path.abspath(folder) == os.getcwd() else os.path.normpath(os.path.join(folder, path))
