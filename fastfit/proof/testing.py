"""How a machine is tested: every level it has fits all cases, and the results are compared."""

import platform
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from fastfit.errors import OptionError
from fastfit.kernel.library import ENVIRONMENT, NUMPY, KernelError, Library, chosen, wanted
from fastfit.kernel.sources import LIBRARY, digest
from fastfit.proof.cases import CASES, Case
from fastfit.proof.machine import processor, versions
from fastfit.proof.report import Difference, Selftest, Tested
from fastfit.resample import by_kernel
from fastfit.resample.native import Native
from fastfit.types import Image
from fastfit.version import PIXELS

__all__ = ["VECTORS", "begun", "level_of", "levels_of", "selftest"]

VECTORS = Path(__file__).with_name("vectors.npz")
"""The results of all cases, one after the other: a flat array for each dtype."""
_ALLOWED = {"float32": 1e-6, "float16": 2.0**-10}
"""Of the range: what is made of ``float32`` may differ in its last bits."""
_NOT_A_NUMBER = 1e38
"""The difference of a NaN or an infinity: JSON has neither."""


def selftest() -> Selftest:
    """Test whether this machine makes the promised pixels, at every level of the kernel.

    Hundreds of small fits, of every filter, mode, number of channels and dtype, run in NumPy and at each level of
    this processor. Their results are compared with those of Pillow 13, which the package holds. Pillow is not
    needed. Other threads may fit meanwhile: their fits run as ever.

    Returns
    -------
    Selftest
        ``passed``, a row for each level, and what a bug report should say of the machine. ``str`` makes a screen
        of text. A kernel that cannot be loaded is a ``problem``; a kernel that was never compiled is none.

    Raises
    ------
    OSError
        The results are missing from the package.

    Notes
    -----
    Integers, and tensors of integers, must be equal to the last bit. What is made of ``float32`` may differ by
    1e-6 of its range; in ``float16``, by 2^-10.

    Examples
    --------
    >>> selftest().passed
    True
    """
    found, library = begun()
    return replace(found, levels=tuple(level_of(level, library) for level in levels_of(library)))


def begun() -> tuple[Selftest, Library | None]:
    """Return what is known before any level is tested, and the compiled kernel if it can be used."""
    library, problem = _loaded()
    level, reason = None, "see the problem below"
    try:
        level = chosen()[1]
        reason = _reason(level)
    except (KernelError, OptionError) as error:
        problem = problem or str(error)
    found = Selftest(
        PIXELS,
        level,
        reason,
        problem,
        processor(),
        platform.machine(),
        platform.platform(),
        library.made_by if library else None,
        library.digest if library else digest(),
        versions(),
    )
    return found, library


def _loaded() -> tuple[Library | None, str | None]:
    """Return the compiled kernel, or what is wrong with it; neither where none was compiled."""
    if not LIBRARY.exists():
        return None, None
    try:
        return Library(), None
    except KernelError as error:
        return None, str(error)


def _reason(level: str) -> str:
    if wanted() == level:
        return f"{ENVIRONMENT} asks for it"
    if level == NUMPY:
        return "no kernel was compiled here; pip install --force-reinstall --no-cache-dir fastfit compiles one"
    return "the fastest that this processor has"


def levels_of(library: Library | None) -> list[str]:
    """Return the levels that can be tested."""
    return [NUMPY, *(library.runs if library else ())]


def level_of(level: str, library: Library | None) -> Tested:
    """Fit all cases at a level, and compare."""
    native = None if level == NUMPY or library is None else Native(library, level)
    began, stored, compared = perf_counter(), _Stored(), []
    with by_kernel(native):
        for case in CASES:
            got = case.fitted()
            compared.append(_compared(case, got, stored.next_like(got)))
    wrong = [each.difference for each in compared if each.difference is not None]
    error = max(each.float_error for each in compared)
    return Tested(level, len(CASES), len(wrong), wrong[0] if wrong else None, error, perf_counter() - began)


class _Stored:
    """The stored results, taken one after the other."""

    def __init__(self) -> None:
        with np.load(VECTORS, allow_pickle=False) as file:
            self._samples = dict(file)
        self._taken = dict.fromkeys(self._samples, 0)

    def next_like(self, result: Image) -> Image:
        """Return the next result of that dtype, in that shape."""
        name = result.dtype.name
        begin = self._taken[name]
        self._taken[name] += result.size
        found: Image = self._samples[name][begin : begin + result.size].reshape(result.shape)
        return found


class _Compared(NamedTuple):
    difference: Difference | None
    float_error: float


def _compared(case: Case, got: Image, expected: Image) -> _Compared:
    """Compare a result with what is promised."""
    differences = np.abs(got.astype(np.float64) - expected)
    differences = np.nan_to_num(differences, nan=_NOT_A_NUMBER, posinf=_NOT_A_NUMBER)
    most = float(differences.max())
    scale = max(1.0, float(np.abs(expected.astype(np.float64)).max())) if got.dtype.kind == "f" else 0.0
    error = most / scale if scale else 0.0
    allowed = scale * _ALLOWED.get(got.dtype.name, 0.0) if case.dtype == "float32" else 0.0
    if most <= allowed:
        return _Compared(None, error)
    wrong = int(np.count_nonzero(differences > allowed))
    return _Compared(Difference(str(case), wrong, got.size, most), error)
