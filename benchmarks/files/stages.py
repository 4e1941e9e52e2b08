"""Where the time of ``fastfit fit`` goes: reading, decoding, fitting, encoding, and anything else."""

import functools
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastfit.cli import main
from fastfit.types import Size

__all__ = ["shares"]

# Each calls none of the others.
_STAGES = {
    "read": "fastfit.disk:read_regular",
    "decode": "fastfit.shrink:decode_for",
    "fit": "fastfit.spec:Fit.apply",
    "encode": "fastfit.codec:encode",
}

# A worker process would have stopwatches of its own.
THREAD = ("--backend", "threading", "--timeout", "0")


def shares(source: Path, out: Path, size: Size) -> dict[str, float]:
    """Fit a folder in this process, one file at a time, and take the time.

    Parameters
    ----------
    source, out : Path
        Folders.
    size : Size
        Of the results.

    Returns
    -------
    dict
        Seconds of each stage, of anything ``else``, and of the ``whole``, from when the command has been imported.
    """
    seconds = dict.fromkeys(_STAGES, 0.0)
    with _timed(seconds):
        start = time.perf_counter()
        main(["fit", str(source), "-o", str(out), "--size", str(size), "--format", "jpeg", "--jobs", "1", *THREAD])
        whole = time.perf_counter() - start
    return {**seconds, "else": whole - sum(seconds.values()), "whole": whole}


@contextmanager
def _timed(seconds: dict[str, float]) -> Iterator[None]:
    """Lay a stopwatch around the functions, under every name that fastfit's modules have for them."""
    before: list[tuple[Any, str, Any]] = []
    for stage, where in _STAGES.items():
        module, _, path = where.partition(":")
        *outer, name = path.split(".")
        owner = functools.reduce(getattr, outer, importlib.import_module(module))
        function = getattr(owner, name)
        stopped = _stopped(function, seconds, stage)
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


def _stopped(function: Callable[..., Any], seconds: dict[str, float], stage: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def stopped(*args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **options)
        finally:
            seconds[stage] += time.perf_counter() - start

    return stopped
