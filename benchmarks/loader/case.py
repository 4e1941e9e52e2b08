"""One case: all photographs, by all contenders, each in a process of its own."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.contenders import Contender
from benchmarks.correctness import medians, worst
from benchmarks.loader.contenders import ARRAYS, BYTES, OURS, PILLOW, Makers
from benchmarks.loader.photo import Done, done
from benchmarks.loader.workers import Worker
from benchmarks.photos import read_rgb
from benchmarks.results import Row
from fastfit import probe
from fastfit.types import Size

__all__ = ["Case", "measured"]

_OF_FILES = ("shrink on load", "decoder: Pillow", "EXIF by Pillow")
"""Marks that say nothing of arrays."""


class Case(NamedTuple):
    """What was found in it."""

    name: str
    done: list[Done]
    """Only of contenders that did every photograph."""
    peaks: dict[str, int | None]
    left_out: dict[str, str]
    """The others, and what they say."""

    @property
    def faults(self) -> list[str]:
        """What is wrong with fastfit's tensors, or keeps it from making them."""
        wrong = [each.fault for each in self.done if each.fault]
        return wrong + [f"{self.name}, {said}" for name, said in self.left_out.items() if name.startswith(OURS)]

    def of(self, contender: str) -> list[Done]:
        """Return what one contender did, by photograph."""
        return [each for each in self.done if each.contender == contender]

    def rows(self, contenders: Mapping[str, Contender[Makers]], *, each: bool) -> Iterator[Row]:
        """Yield a row for each contender, of all photographs together, or of each one."""
        photos = list(dict.fromkeys(one.photo for one in self.done))
        groups = {f"{self.name}, {photo}": [photo] for photo in photos} if each else {self.name: photos}
        for case, group in groups.items():
            for name in self.peaks:
                work = [one for one in self.of(name) if one.photo in group]
                if work:
                    yield _row(case, name, work, contenders[name].marks, self.peaks[name])


def measured(
    name: str,
    contenders: Mapping[str, Contender[Makers]],
    photos: Sequence[Path],
    folder: Path,
    *,
    rounds: int,
    size: Size,
) -> Case:
    """Let every contender do every photograph; of encoded bytes, the JPEGs.

    Parameters
    ----------
    name : str
        Of the case.
    contenders : mapping
        By name; who does not do this case is passed over.
    photos : sequence of Path
    folder : Path
        For arrays and tensors.
    rounds : int
        Of each photograph, in turn.
    size : Size
        Of the tensors.
    """
    every = [photo for photo in photos if name == ARRAYS or _is_jpeg(photo)]
    found: list[Done] = []
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        workers = {
            each: stack.enter_context(Worker(contender.make[name], size))
            for each, contender in contenders.items()
            if name in contender.make and every
        }
        for photo in every:
            source = _array(photo, folder) if name == ARRAYS else photo
            results, failed = done(name, photo, source, workers, folder, rounds, size)
            found += results
            if PILLOW in failed:
                raise SystemExit(f"--photos: expected what Pillow reads, got {photo}: {failed[PILLOW]}")
            left_out |= {each: f"{photo.name}: {said}" for each, said in failed.items()}
            workers = {each: worker for each, worker in workers.items() if each not in failed}
            print(f"{name}: {photo.name}", file=sys.stderr)
        peaks = {each: worker.peak() for each, worker in workers.items()}
    return Case(name, [each for each in found if each.contender in peaks], peaks, left_out)


def _is_jpeg(photo: Path) -> bool:
    info = probe(photo.read_bytes())
    return info is not None and info.format == "jpeg"


def _array(photo: Path, folder: Path) -> Path:
    np.save(folder / "array.npy", read_rgb(photo))
    return folder / "array.npy"


def _row(case: str, contender: str, work: Sequence[Done], marks: Sequence[str], peak: int | None) -> Row:
    seconds, cpu = (
        tuple(sum(taken) for taken in zip(*(each.taken[which] for each in work), strict=True)) for which in (0, 1)
    )
    compared = [each.correctness for each in work]
    facts = {"photographs": len(work), "float difference": max(each.difference for each in work)}
    from_file = case.startswith(BYTES)
    return Row(
        case,
        contender,
        seconds,
        worst(compared),
        tuple(mark for mark in marks if from_file or mark not in _OF_FILES),
        peak,
        {**facts, **medians(compared)},
        cpu,
    )
