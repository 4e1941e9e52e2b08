"""What decoders say of a damaged file: only on stderr, and only in native code."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# libjpeg's warnings (jerror.h) after which pixels are invented. The others tell of bytes that do not matter:
# extraneous ones before a marker, an unknown JFIF revision, odd scan parameters.
_DAMAGE = re.compile(
    "premature end|bad Huffman code|bad arithmetic code|instead of RST|Inconsistent progression",
    re.IGNORECASE,
)


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Collect the lines that native code writes to stderr, and keep them from the terminal.

    The file descriptor is the whole process's: whatever other threads write meanwhile is collected, too. So this
    is for processes that do one thing at a time.
    """
    lines: list[str] = []
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            try:
                yield lines
            finally:
                os.dup2(kept, 2)
                file.seek(0)
                lines += file.read().decode("utf-8", "replace").splitlines()
    finally:
        os.close(kept)


def damage(lines: list[str]) -> str | None:
    """Return the first line that tells of damage to the picture."""
    return next((line.strip() for line in lines if _DAMAGE.search(line)), None)
