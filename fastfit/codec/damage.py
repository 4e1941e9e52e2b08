"""What decoders say of a damaged file: only on stderr, and only in native code."""

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from fastfit.codec.headers.jpeg import end_of_image

# libjpeg's warnings (jerror.h) after which pixels are invented. The others tell of bytes that do not matter: an
# unknown JFIF revision, odd scan parameters.
_JPEG = "premature end|bad Huffman code|bad arithmetic code|instead of RST|Inconsistent progression"
# libtiff's errors, and its warnings about picture data and fields that it goes without. OpenCV passes both on as
# lines of its own; in Pillow libtiff writes them as they are.
_TIFF = (
    r'TIFF_Error|IO error during reading of "ColorMap"|Decode\w*: |Discarding \d+ bytes'
    "|Not enough data|Read error on|Using code not"
)
_PILLOW = "Truncated File Read|image file is truncated"
_DAMAGE = re.compile("|".join((_JPEG, _TIFF, _PILLOW)), re.IGNORECASE)

_STAMP = re.compile(r"^\[\s*\w+:\d+@[\d.]+\]\s*")
"""Severity, thread and time, which OpenCV puts before its lines: other ones in each run."""

# Bytes before a marker that no code used: hardware leaves up to a word, some cameras pad. More than that, and not
# all the same, were pixels: of photographs with 64 random bytes in the middle, some end with as few as 8 to 26.
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_MOST_LEFT_OVER = 7
_MOST_HEARD = 1 << 16
_END = b"\xff\xd9"
_PATIENCE = 0.5
"""Seconds after which a thread that waits looks whether the one before it was given up on."""


@contextmanager
def heard(listen: bool) -> Iterator[list[str]]:
    """Collect lines as `overheard` does, or let them go where they go."""
    if not listen:
        yield []
        return
    with overheard() as lines:
        yield lines


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Collect the lines that native code writes to stderr, and keep them from the terminal.

    The file descriptor is the whole process's: whatever other threads write meanwhile is collected, too. So this
    is for processes that do one thing at a time; threads that come here wait for each other.
    """
    lines: list[str] = []
    with _alone() as ear:
        descriptor = ear.descriptor()
        ear.kept = os.dup(2)
        # OpenCV passes libtiff's words on as its own warnings, which the environment may have silenced.
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
        try:
            with _HANDOVER:
                ear.owner = threading.get_ident()
                os.dup2(descriptor, 2)
            yield lines
        finally:
            with _HANDOVER:
                if ear is _EAR:  # else somebody has given up on us, and stderr is where it was
                    os.dup2(ear.kept, 2)
                ear.owner = None
                os.close(ear.kept)
            cv2.utils.logging.setLogLevel(level)
            lines += ear.heard().decode("utf-8", "replace").splitlines()


@contextmanager
def _alone() -> Iterator["_Ear"]:
    """Wait until no other thread listens, whichever the ear is by then."""
    while True:
        ear = _EAR
        if ear.alone.acquire(timeout=_PATIENCE):
            if ear is _EAR:
                break
            ear.alone.release()
    try:
        yield ear
    finally:
        ear.alone.release()


def listens(thread: int) -> bool:
    """Tell whether a thread is the one that listens."""
    return _EAR.owner == thread


def stop_listening(thread: int) -> None:
    """Give up on a thread whose decoder hangs while it is listened to: others listen, and stderr is back."""
    global _EAR
    with _HANDOVER:
        ear = _EAR
        if ear.owner == thread:
            _EAR = _Ear()
            os.dup2(ear.kept, 2)


class _Ear:
    """An empty file for what is written to stderr: one for a process, since making it takes 0.1 ms."""

    def __init__(self) -> None:
        self.alone = threading.Lock()
        self.owner: int | None = None
        """The thread that listens."""
        self.kept = -1
        """Where stderr goes otherwise."""
        self._descriptor: int | None = None

    def descriptor(self) -> int:
        if self._descriptor is None:
            with tempfile.TemporaryFile() as file:
                self._descriptor = os.dup(file.fileno())
        return self._descriptor

    def heard(self) -> bytes:
        """Return what has been written, and empty the file."""
        ear = self.descriptor()
        if os.lseek(ear, 0, os.SEEK_CUR) == 0:
            return b""
        os.lseek(ear, 0, os.SEEK_SET)
        said = os.read(ear, _MOST_HEARD)
        os.ftruncate(ear, 0)
        os.lseek(ear, 0, os.SEEK_SET)
        return said

    def forget(self) -> None:
        """Begin anew in a forked process: its parent writes to this file, and a thread there may hold the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self.alone, self.owner, self._descriptor = threading.Lock(), None, None


_EAR = _Ear()
_HANDOVER = threading.Lock()
"""For those who take stderr, give it back, or take it from one who does not."""


def _forget() -> None:
    _HANDOVER.release()
    _EAR.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _HANDOVER.acquire(),
        after_in_parent=lambda: _HANDOVER.release(),
        after_in_child=_forget,
    )


def damage(lines: list[str]) -> str | None:
    """Return the first line that tells of damage to the picture."""
    return next((_STAMP.sub("", line).strip() for line in lines if _DAMAGE.search(line)), None)


def pixels_left_over(lines: list[str], data: bytes) -> str | None:
    """Return the first line that tells of codes in a JPEG that were passed over for want of pixels."""
    return next((line.strip() for line in lines if _pixels_left_over(line, data)), None)


def _pixels_left_over(line: str, data: bytes) -> bool:
    found = _LEFT_OVER.search(line)
    if not found or int(found[1]) <= _MOST_LEFT_OVER:
        return False
    count, marker = int(found[1]), b"\xff" + bytes.fromhex(found[2])
    if marker == _END:
        places = [end_of_image(data)]
    else:
        places = [match.start() for match in re.finditer(re.escape(marker), data)]
    return any(len(set(data[max(0, at - count) : at])) > 1 for at in places)
