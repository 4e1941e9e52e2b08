"""One photograph: every contender's tensor beside Pillow's, then its time."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

import fastfit
from benchmarks.correctness import compared
from benchmarks.loader.contenders import ARRAYS, EXACT, LATER, OURS, PILLOW
from benchmarks.loader.workers import Worker, WorkerError
from benchmarks.results import Correctness
from benchmarks.tensors.levels import Floats, levels
from benchmarks.timing import Taken
from fastfit.types import Size

__all__ = ["Done", "done"]

_TOLERANCE = 1e-6
"""Of a normalized sample, for the order in which floats are computed."""
# The same lines of NumPy's make the same floats of Pillow's levels, and of no others.
_LIMITS = {OURS: _TOLERANCE, LATER: 0.0}


class Done(NamedTuple):
    """What one contender did with one photograph."""

    photo: str
    contender: str
    taken: Taken
    """In each round."""
    correctness: Correctness
    """Of 8-bit levels."""
    difference: float
    """The largest from Pillow's, of normalized samples."""
    fault: str
    """What is wrong, if it is fastfit's."""


def done(
    case: str, photo: Path, source: Path, workers: Mapping[str, Worker], folder: Path, rounds: int, size: Size
) -> tuple[list[Done], dict[str, str]]:
    """Compare, then time in turn.

    Parameters
    ----------
    case : str
        What is done.
    photo, source : Path
        The file, and what the workers get of it.
    workers : mapping
        By contender.
    folder : Path
        For tensors.
    rounds : int
        Each worker once in each.
    size : Size
        Of the tensors.

    Returns
    -------
    done : list of Done
    failed : dict
        What the others say, by contender.
    """
    tensors, failed = _tensors(source, workers, folder)
    if PILLOW in failed:
        return [], failed
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in tensors}
    expected = tensors[PILLOW]
    against = {name: compared(levels(expected), levels(tensor)) for name, tensor in tensors.items()}
    for _ in range(rounds):
        for name, times in taken.items():
            times.append(workers[name].times())
    return [
        Done(
            photo.name,
            name,
            Taken(*zip(*taken[name], strict=True)),
            against[name],
            difference=_difference(tensor, expected),
            fault=_fault(case, photo, name, tensor, expected, size),
        )
        for name, tensor in tensors.items()
    ], failed


def _tensors(
    source: Path, workers: Mapping[str, Worker], folder: Path
) -> tuple[dict[str, Floats], dict[str, str]]:
    tensors, failed = {}, {}
    for name, worker in workers.items():
        try:
            worker.load(source, folder / f"{name}.npy")
            tensors[name] = np.load(folder / f"{name}.npy")
        except WorkerError as error:
            failed[name] = str(error)
    return tensors, failed


def _difference(tensor: Floats, expected: Floats) -> float:
    return float(np.abs(tensor - expected).max()) if tensor.shape == expected.shape else float("inf")


def _fault(case: str, photo: Path, contender: str, tensor: Floats, expected: Floats, size: Size) -> str:
    if case == ARRAYS and contender in _LIMITS:
        difference = _difference(tensor, expected)
        wrong = not difference <= _LIMITS[contender]
        return (
            f"{case}, {photo.name}: {contender} differs from Pillow + NumPy, by {difference:.1e}" if wrong else ""
        )
    if contender == EXACT and not _is_exact(tensor, expected, photo, size):
        return f"{case}, {photo.name}: {contender} differs from Pillow"
    return ""


def _is_exact(tensor: Floats, expected: Floats, photo: Path, size: Size) -> bool:
    """Tell whether levels are Pillow's, of its own pixels or, if those differ, of fastfit's."""
    if tensor.shape != expected.shape:
        return False
    own = levels(tensor)
    if np.array_equal(own, levels(expected)):
        return True
    pixels = Pillow.fromarray(fastfit.decode(photo.read_bytes())[0]).convert("RGB")
    again = np.asarray(ImageOps.fit(pixels, size, Pillow.Resampling.LANCZOS))
    return np.array_equal(own, again)
