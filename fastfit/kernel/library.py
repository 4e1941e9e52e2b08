"""The compiled kernel as a library: loads it, and says what it is. Needs no NumPy.

The kernel has no global state, and its memory is the caller's: threads may call it at the same time, with or
without the interpreter's lock, as in free-threaded builds of Python.
"""

import ctypes
import json
import os
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

from fastfit.errors import KernelWarning, OptionError, describe
from fastfit.kernel.sources import LIBRARY, MISSING, digest

__all__ = [
    "ENVIRONMENT",
    "LEVELS",
    "NUMPY",
    "KernelError",
    "Library",
    "about",
    "chosen",
    "missing",
    "wanted",
    "warn_if_missing",
]

LEVELS = ("portable", "avx2", "avx512", "neon", "dotprod")
"""What the kernel is compiled for, each faster than those before it; the C code counts them in this order."""
NUMPY = "numpy"
"""The level that needs no compiled kernel."""
ENVIRONMENT = "FASTFIT_KERNEL"
"""The environment variable that chooses a level."""


_STALE = (
    "fastfit's compiled kernel is older than its sources. In a checkout pip install -e . rebuilds it; elsewhere, "
    "pip install --force-reinstall --no-cache-dir fastfit does"
)


class KernelError(ImportError):
    """There is a compiled kernel, and it is not to be used."""


class Library:
    """The loaded library, with the types of its functions.

    Raises
    ------
    KernelError
        It is not there, cannot be loaded, or was compiled from other sources than those beside it.
    """

    def __init__(self) -> None:
        if not LIBRARY.exists():
            raise KernelError(
                f"{ENVIRONMENT}: expected {NUMPY}, for there is no compiled kernel here: {missing().reason}"
            )
        try:
            library = ctypes.CDLL(os.fspath(LIBRARY))
        except OSError as error:
            raise KernelError(f"fastfit's compiled kernel cannot be loaded ({error})") from error
        integer, real, pointer, jobs = ctypes.c_int, ctypes.c_double, ctypes.c_void_p, ctypes.c_char_p
        wide = ctypes.c_int64

        def function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
            found = getattr(library, f"fastfit_{name}", None)
            if found is None:
                raise KernelError(_STALE)
            found.restype, found.argtypes = result, arguments
            return cast(Callable[..., Any], found)

        self.digest: str = function("source", ctypes.c_char_p)().decode()
        if self.digest != digest():
            raise KernelError(_STALE)
        self.axis = function("axis", wide, *[integer] * 5, real, real, integer, integer, pointer)
        self.work = function("work", wide, jobs, integer, integer)
        self.each = function("each", integer, integer)
        self.fit = function("fit", None, jobs, integer, integer, pointer)
        self.reduce = function("reduce", None, pointer, wide, *[integer] * 8, pointer, pointer)
        self.made_by: str = function("compiler", ctypes.c_char_p)().decode()
        bits: int = function("levels", integer)()
        self.runs = [name for bit, name in enumerate(LEVELS) if bits >> bit & 1]
        """The levels that this processor has."""


@cache
def chosen() -> tuple[Library | None, str]:
    """Return the library and the level that fits run at: by `ENVIRONMENT`, or the fastest there is.

    Returns
    -------
    library : Library or None
        None at the level `NUMPY`.
    level : str

    Raises
    ------
    OptionError
        `ENVIRONMENT` names a level that does not exist, or that this processor or installation lacks.
    KernelError
        The library cannot be loaded, or was compiled from other sources.
    """
    asked = wanted()
    if asked == NUMPY or (not asked and not LIBRARY.exists()):
        return None, NUMPY
    library = Library()
    if asked and asked not in library.runs:
        raise OptionError(
            ENVIRONMENT, f"one of {', '.join((NUMPY, *library.runs))} on this machine", describe(asked)
        )
    return library, asked or library.runs[-1]


def wanted() -> str:
    """Return the level that the environment asks for, or nothing."""
    return os.environ.get(ENVIRONMENT, "")


class Missing(NamedTuple):
    """Why there is no compiled kernel, and what mends it: nothing if somebody asked for that."""

    reason: str
    advice: str


def missing() -> Missing:
    """Return why there is no compiled kernel, as the build noted it."""
    try:
        return Missing(**json.loads(MISSING.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Missing("it was never compiled", "In a checkout, run: pip install -e .")


def warn_if_missing() -> None:
    """Warn that fits run in NumPy, unless somebody asked for that."""
    if wanted() == NUMPY or LIBRARY.exists():
        return
    reason, advice = missing()
    if advice:
        text = "fastfit has no compiled kernel here: fits have the same pixels, but take about 50 times as long"
        warnings.warn(f"{text}. The reason: {reason}. {advice}", KernelWarning, stacklevel=4)


def about() -> str:
    """Return in one line which level runs, by which compiler it was made, and of which sources."""
    library, level = chosen()
    if library is not None:
        return f"{level}, {library.made_by}, sources {library.digest}"
    return level if wanted() or LIBRARY.exists() else f"{level} ({missing().reason})"
