"""Where the time of ``fastfit fit`` goes: reading, decoding, judging, fitting, encoding, and anything else."""

import functools
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from benchmarks.timing import timed
from fastfit.cli import main
from fastfit.types import Size

__all__ = ["fit", "shares"]

# One that calls another counts only what it does itself. What is left of `decode_for` is how much the decoder may
# shrink, whether the picture is damaged, and which way is up.
_STAGES = {
    "fastfit.disk:read_regular": "read",
    "fastfit.codec.opencv:read_opencv": "decode",
    "fastfit.codec.pillow:read_pillow": "decode",
    "fastfit.shrink:decode_for": "judge",
    "fastfit.spec:Fit.apply": "fit",
    "fastfit.codec:encode": "encode",
}

# A worker process would have stopwatches of its own.
THREAD = ("--backend", "threading", "--timeout", "0")


def fit(source: Path, out: Path, size: Size) -> None:
    """Fit a folder in this process, one file at a time; what is said of it is no part of the table."""
    command = ["fit", str(source), "-o", str(out), "--size", str(size), "--format", "jpeg", "--jobs", "1"]
    with redirect_stdout(sys.stderr):
        main([*command, *THREAD])


def shares(source: Path, out: Path, size: Size) -> dict[str, float]:
    """Fit a folder as `fit` does, which must have been called before, and take the time.

    Parameters
    ----------
    source, out : Path
        Folders.
    size : Size
        Of the results.

    Returns
    -------
    dict
        Seconds of each stage, of anything ``else``, of the ``whole``, and of the whole by processor time, ``cpu``.
    """
    stopwatch = _Stopwatch()
    with _timed(stopwatch):
        whole, cpu = timed(lambda: fit(source, out, size), 1)
    return {**stopwatch.seconds, "else": whole - sum(stopwatch.seconds.values()), "whole": whole, "cpu": cpu}


class _Stopwatch:
    """Of each stage the seconds that it took itself, without the stages within it."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(_STAGES.values(), 0.0)
        self._within = threading.local()

    def laid_around(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """Return a function that does the same and is counted."""

        @functools.wraps(function)
        def stopped(*args: Any, **options: Any) -> Any:
            outer = getattr(self._within, "seconds", 0.0)
            self._within.seconds = 0.0
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                taken = time.perf_counter() - start
                self.seconds[stage] += taken - self._within.seconds
                self._within.seconds = outer + taken

        return stopped


@contextmanager
def _timed(stopwatch: _Stopwatch) -> Iterator[None]:
    """Lay a stopwatch around the functions, under every name that fastfit's loaded modules have for them."""
    before: list[tuple[Any, str, Any]] = []
    for where, stage in _STAGES.items():
        module, _, path = where.partition(":")
        *outer, name = path.split(".")
        owner = functools.reduce(getattr, outer, importlib.import_module(module))
        function = getattr(owner, name)
        stopped = stopwatch.laid_around(function, stage)
        known = [each for key, each in sys.modules.items() if key.split(".")[0] == "fastfit"]
        for place in [owner, *known]:
            if vars(place).get(name) is function:
                before.append((place, name, function))
                setattr(place, name, stopped)
    try:
        yield
    finally:
        for place, name, function in before:
            setattr(place, name, function)
