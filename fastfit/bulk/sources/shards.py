"""WebDataset shards: tar files in which the members of a sample share a name up to its first dot."""

import os
import tarfile
from collections.abc import Iterator

from fastfit.bulk.items import Companion, Item
from fastfit.bulk.seen import Seen
from fastfit.bulk.sources.folders import IMAGE_SUFFIXES

__all__ = ["in_shard", "is_shard"]


def is_shard(path: str) -> bool:
    """Tell whether a path is a tar file's, which need not exist."""
    return path.lower().endswith(".tar") and not os.path.isdir(path)


def in_shard(path: str) -> Iterator[Item]:
    """Yield the samples of a shard that have an image, in their order; only headers are read.

    A sample's image is the member whose extension is the shortest of those that images have (``jpg`` before
    ``seg.png``); the others are its companions. A shard that is missing, compressed or damaged is an item that
    will fail, after the samples before the damage; so is a sample without an image.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            sample: list[tuple[str, tarfile.TarInfo]] = []
            current, seen = None, Seen()
            while (member := tar.next()) is not None:
                vars(tar)["members"].clear()  # it would keep every header that it has read
                if member.size < 0 or tar.offset <= member.offset:  # it would be read for ever
                    raise tarfile.ReadError(f"a member of {member.size} bytes at byte {member.offset}")
                # Hidden ones are left alone, as in folders: the tar of macOS puts one before each file.
                if not member.isreg() or member.name.rpartition("/")[2].startswith("."):
                    continue
                if not seen.add(member.name):
                    text = f"{path}: expected members of different names, got two of {member.name}"
                    yield Item(
                        f"{path}::{member.name}@{member.offset}", path, "", trouble=("repeated-member", text)
                    )
                    continue
                key, _, extension = _parted(member.name)
                if key != current and sample:
                    yield _item(path, current or "", sample)
                    sample = []
                current = key
                sample.append((extension, member))
            if sample:
                yield _item(path, current or "", sample)
            _check_end(path, tar.offset)
    except FileNotFoundError:
        yield Item(path, path, os.path.basename(path))
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        text = f"{path}: expected a whole, uncompressed tar file, got {error}"
        yield Item(path, path, os.path.basename(path), trouble=("shard-damaged", text))


def _parted(name: str) -> tuple[str, str, str]:
    """Return folder and name up to the first dot, the dot, and the extension in lower case, as WebDataset does."""
    folder, slash, last = name.rpartition("/")
    stem, dot, extension = last.partition(".")
    return f"{folder}{slash}{stem}", dot, extension.lower()


def _item(path: str, key: str, sample: list[tuple[str, tarfile.TarInfo]]) -> Item:
    images = [entry for entry in sample if f".{entry[0].rpartition('.')[2]}" in IMAGE_SUFFIXES]
    source = f"{path}::{key}"
    name = _inside(key)
    if not images:
        held = ", ".join(extension for extension, _ in sample[:8])
        text = f"{source}: expected a member that is an image, got {held}"
        return Item(source, path, name, 0, _mtime_ns(sample[0][1]), 0, trouble=("no-image", text))
    if sparse := next((member.name for _, member in sample if member.issparse()), None):
        text = f"{source}: expected members in one piece, got a sparse one, {sparse}"
        return Item(source, path, name, 0, _mtime_ns(sample[0][1]), 0, trouble=("sparse-member", text))
    image = min(images, key=lambda entry: (entry[0].count("."), sample.index(entry)))
    extension, member = image
    companions = tuple(
        Companion(other, each.offset_data, each.size) for other, each in sample if each is not member
    )
    return Item(
        f"{path}::{member.name}",
        path,
        f"{name}.{extension}",
        member.size,
        _mtime_ns(member),
        member.offset_data,
        companions,
    )


def _mtime_ns(member: tarfile.TarInfo) -> int:
    """Return a member's own time: the shard's changes when it is copied."""
    try:
        return int(member.mtime * 1_000_000_000)
    except (ValueError, OverflowError):  # in PAX headers any number is possible
        return -1


def _inside(key: str) -> str:
    """Return a key as a relative path that stays within the folder of the results."""
    return "/".join(part for part in key.split("/") if part not in ("", ".", "..")) or "_"


def _check_end(path: str, offset: int) -> None:
    """Refuse a shard that goes on where its last member ends: tarfile takes a broken header for the end."""
    with open(path, "rb") as file:
        file.seek(offset)
        following = file.read(tarfile.BLOCKSIZE)
    if following.strip(b"\0") or 0 < len(following) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"a broken header at byte {offset}")
