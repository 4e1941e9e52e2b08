"""Which kernel fits run by: the one of this process, or, for trials, another."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from fastfit.kernel.library import chosen, warn_if_missing
from fastfit.resample.native import Native

__all__ = ["by_kernel", "kernel"]

# The kernel of a trial, in a tuple: None is a kernel, too.
_trial: ContextVar[tuple[Native | None] | None] = ContextVar("trial", default=None)


def kernel() -> Native | None:
    """Return the compiled kernel that fits are prepared for, or None where they run in NumPy.

    Raises
    ------
    OptionError, KernelError
        See `fastfit.kernel.library.chosen`.
    """
    trial = _trial.get()
    return _default() if trial is None else trial[0]


@contextmanager
def by_kernel(native: Native | None) -> Iterator[None]:
    """Let what this thread prepares meanwhile run by another kernel, or in NumPy.

    What is kept between images does not know of it: prepare without the caches, as `fastfit.spec.prepared` does.
    """
    token = _trial.set((native,))
    try:
        yield
    finally:
        _trial.reset(token)


@cache
def _default() -> Native | None:
    library, level = chosen()
    warn_if_missing()
    return None if library is None else Native(library, level)
