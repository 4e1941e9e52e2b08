"""Who is set beside fastfit: small functions of one signature, each from a library that may be missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import PIL

import fastfit
from fastfit.kernel.library import chosen

__all__ = ["Contender", "Found", "MissingError", "discover", "fastfit_version", "pillow_version"]

Make = TypeVar("Make")
"""Makes, of what is to be done, a call that does it once."""


class MissingError(Exception):
    """A contender's library is not installed, or is not what it is to be."""


@dataclass(frozen=True, slots=True)
class Contender(Generic[Make]):
    """A library, or one way to use it.

    Parameters
    ----------
    make : callable
        Of what is to be done makes a call that does it once.
    version : callable
        Says what is measured. Raises `MissingError`, ImportError or OSError.
    install : str
        The line that installs it.
    marks : sequence of str
        How its work is unlike the reference's.
    pin : callable, optional
        Keeps its library at a number of threads, before anything is timed.
    """

    make: Make
    version: Callable[[], str]
    install: str
    marks: Sequence[str] = ()
    pin: Callable[[int], None] | None = None


class Found(NamedTuple, Generic[Make]):
    """Which contenders are there."""

    present: dict[str, Contender[Make]]
    versions: dict[str, str]
    missing: dict[str, str]
    """The line that installs each of the others."""


def discover(
    every: Mapping[str, Contender[Make]], against: Sequence[str] | None, always: Sequence[str]
) -> Found[Make]:
    """Look which contenders are installed.

    Parameters
    ----------
    every : mapping
        By name.
    against : sequence of str, optional
        Names of those that are asked for. By default all.
    always : sequence of str
        Names that are measured whatever is asked for: the reference and fastfit.

    Raises
    ------
    SystemExit
        A name is not in `every`.
    """
    unknown = sorted(set(against or ()) - set(every))
    if unknown:
        raise SystemExit(f"--against: expected names of {', '.join(every)}, got {', '.join(unknown)}")
    chosen = [name for name in every if against is None or name in against or name in always]
    versions, missing = {}, {}
    for name in chosen:
        try:
            versions[name] = every[name].version()
        except (ImportError, OSError, MissingError):  # OSError: a package without its library
            missing[name] = every[name].install
    return Found({name: every[name] for name in versions}, versions, missing)


def fastfit_version() -> str:
    """Return fastfit's version and the level of its kernel; `benchmarks.machine.machine` tells more of that."""
    return f"{fastfit.__version__} {chosen()[1]}"


def pillow_version() -> str:
    """Tell Pillow-SIMD apart: it is installed in Pillow's place, and its versions end in `.postN`."""
    number = str(PIL.__version__)
    return f"Pillow-SIMD {number}" if ".post" in number else number
