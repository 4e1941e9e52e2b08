"""Processes of `benchmarks.tensors.worker`, each asked and waited for in turn."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.threads import on_cores
from fastfit.types import Size

__all__ = ["Worker", "WorkerError"]

_ROOT = Path(__file__).parents[2]
_ONE_THREAD = {
    f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "RAYON", "NUMEXPR", "VECLIB_MAXIMUM")
}


class WorkerError(Exception):
    """A worker cannot do what it was asked, and says why."""


class Worker:
    """One process that makes tensors. Left as a context, it ends.

    Parameters
    ----------
    where : str
        ``module:function`` in `benchmarks.tensors`.
    size : Size
        Of the tensors.
    *numbers : int
        Passed on to the function.
    cores : int
        That it is kept on; libraries have one thread each whatever that is.
    """

    def __init__(self, where: str, size: Size, *numbers: int, cores: int = 1) -> None:
        command = [sys.executable, "-m", "benchmarks.tensors.worker", where, *map(str, (*size, *numbers))]
        with on_cores(cores):
            self._process = subprocess.Popen(
                command,
                cwd=_ROOT,
                env={**os.environ, **_ONE_THREAD},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def __enter__(self) -> "Worker":
        """Nothing is to be done."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it end, and wait for that."""
        self._process.communicate()

    def load(self, source: Path, out: Path) -> None:
        """Let it make the tensor of a source twice, and save it as ``.npy``."""
        answer = self._ask("load", str(source.resolve()), str(out.resolve()))
        if answer is not None:
            raise WorkerError(answer)

    def times(self, least: float = 0.0) -> tuple[float, float]:
        """Let it make the tensor once more, or again and again for so many seconds.

        Returns
        -------
        seconds, cpu : float
            Of one time: by the clock, and of processor time.
        """
        seconds, cpu = self._ask("go", least)
        return seconds, cpu

    def peak(self) -> int | None:
        """Return the most memory that it had so far, in bytes; None where the system does not tell."""
        answer = self._ask("peak")
        return None if answer is None else int(answer)

    def _ask(self, *words: str | float) -> Any:
        reader, writer = self._process.stdout, self._process.stdin
        if reader is None or writer is None:
            raise WorkerError("no pipe")
        try:
            writer.write(json.dumps(words) + "\n")
            writer.flush()
            return json.loads(reader.readline())
        except (BrokenPipeError, ValueError):  # it said nothing
            raise WorkerError(f"exit status {self._process.wait()}") from None
