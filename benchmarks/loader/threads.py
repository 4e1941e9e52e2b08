"""`fastfit.fit_many` in threads, beside one and beside Pillow in as many, on images of one size."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.loader.contenders import PILLOW
from benchmarks.loader.stacks import Did, How, in_turn, noise, saved, scaled
from benchmarks.results import Row, Spread
from benchmarks.tensors.with_fastfit import spec
from fastfit.types import Image, Size

__all__ = ["MOST", "THREADS", "Found", "threaded"]

THREADS = "threads"
"""What the name of a case begins with."""
MOST = 32
"""Images in a call."""
_SIZES = (Size(500, 375), Size(1024, 768), Size(1920, 1080))
_BAR = 1.8
_ONE, _MANY = "fastfit-one-thread", "fastfit-threads"


class Found(NamedTuple):
    """What was found."""

    rows: list[Row]
    notes: list[str]
    faults: list[str]


def threaded(
    photos: Sequence[Image], folder: Path, *, rounds: int, size: Size, threads: int, quick: bool
) -> Found:
    """Measure all three in turn, of photographs and of noise, on as many cores as each has threads.

    Parameters
    ----------
    photos : sequence of ndarray
        Of which the first `MOST` are taken.
    folder : Path
        For arrays and tensors.
    rounds : int
        Each once in each.
    size : Size
        Of the tensors.
    threads : int
        Of Pillow, and of fastfit beside one.
    quick : bool
        One size only.
    """
    found = Found([], [], [])
    how = {
        _ONE: How("with_fastfit:many"),
        _MANY: How("with_fastfit:many", threads),
        PILLOW: How("with_pillow:many", threads),
    }
    for source in _SIZES[: 1 if quick else None]:
        every = {"": scaled(photos, source, MOST), " of noise": noise(source, MOST)}
        for content, images in every.items():
            case = f"{THREADS}, {MOST} of {source}{content}"
            place = folder / case.replace(" ", "-")
            place.mkdir()
            did = in_turn(how, saved(images, place / "images"), place, size, rounds)
            found.rows.extend(_row(case, name, each) for name, each in did.items())
            found.notes.append(_note(case, did, threads))
            if not _equal(images, size, did):
                found.faults.append(f"{case}: fit_many differs from image after image")
            for array in (place / "images").iterdir():
                array.unlink()
    return found


def _row(case: str, name: str, did: Did) -> Row:
    marks = ("one thread",) if name == _ONE else ()
    facts = {"images/s": MOST / Spread.of(did.taken.seconds).median}
    return Row(case, name, did.taken.seconds, marks=marks, memory=did.peak, facts=facts, cpu=did.taken.cpu)


def _note(case: str, did: Mapping[str, Did], threads: int) -> str:
    pairs = zip(did[_ONE].taken.seconds, did[_MANY].taken.seconds, strict=True)
    gain = Spread.of([one / many for one, many in pairs])
    said = "reached" if gain.median >= _BAR else "not reached"
    return f"{case}: {threads} do {gain.median:.2f} times the work of one, bar {_BAR}: {said}"


def _equal(images: Sequence[Image], size: Size, did: Mapping[str, Did]) -> bool:
    expected = np.stack([spec(size)(image) for image in images])
    return all(np.array_equal(did[name].output, expected) for name in (_ONE, _MANY))
