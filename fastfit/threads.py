"""One thread for each library inside parallel work: theirs times ours would be too many."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import cv2
from threadpoolctl import threadpool_limits

__all__ = ["single_threaded"]

_lock = threading.Lock()
_depth = 0
_restore = ExitStack()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit BLAS and OpenCV to one thread in this process.

    The limits hold for the whole process; what was there before comes back when the last of overlapping blocks
    ends, in whichever threads they are.
    """
    global _depth
    with _lock:
        if _depth == 0:
            _restore.callback(cv2.setNumThreads, cv2.getNumThreads())
            _restore.enter_context(threadpool_limits(1, user_api="blas"))
            cv2.setNumThreads(1)
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _restore.close()
