"""Whole files in and out."""

import os
import stat
from pathlib import Path

from fastfit.codec import MAX_BYTES
from fastfit.errors import CodecError

__all__ = ["read_part", "read_regular", "write_atomically"]


def read_regular(path: Path) -> bytes:
    """Read a regular file; anything else would block or be no image, and a longer one no decoder takes.

    Raises
    ------
    CodecError, OSError
    """
    # Opened without blocking and judged by the open file: a FIFO would wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a special file"
            raise CodecError(str(path), "a regular file", kind)
        if status.st_size > MAX_BYTES:
            raise CodecError(str(path), f"at most {MAX_BYTES} bytes", str(status.st_size))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)  # as it was: it may be growing
    finally:
        os.close(descriptor)


def read_part(path: str, offset: int, size: int) -> bytes:
    """Read a stretch of a file: a member of a tar shard.

    Raises
    ------
    CodecError, OSError
        Also where the file has become shorter.
    """
    if size > MAX_BYTES:
        raise CodecError(path, f"members of at most {MAX_BYTES} bytes", str(size))
    with Path(path).open("rb", buffering=0) as file:
        file.seek(offset)
        data = file.read(size)
        while len(data) < size and (more := file.read(size - len(data))):
            data += more
    if len(data) < size:
        raise CodecError(path, f"{size} bytes from byte {offset}", f"{len(data)}")
    return data


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears under its name only when it is complete.

    Raises
    ------
    OSError
        Nothing is left behind.
    """
    # The name is short whatever the target's, which may have all of the 255 bytes a name can have.
    temporary = path.with_name(f".fastfit-{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
