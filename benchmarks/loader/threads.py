"""`fastfit.fit_many` in threads, beside one and beside Pillow in as many, on images that are all in memory."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow

from benchmarks.loader.contenders import PILLOW
from benchmarks.loader.workers import Worker
from benchmarks.results import Row, Spread
from benchmarks.tensors.with_fastfit import spec
from fastfit.types import Image, Size

__all__ = ["MOST", "Threads", "threaded"]

MOST, LONGEST = 16, 4096
"""Photographs that are in memory at once, and their longer side at most."""
_REPEATS = 4
"""Of those in a call: until the system has spread threads over cores, a tenth of a second may pass."""
_BAR = 1.8
_ONE, _MANY = "fastfit-one-thread", "fastfit-threads"


class Threads(NamedTuple):
    """What was found."""

    rows: list[Row]
    note: str
    faults: list[str]


def threaded(photos: Sequence[Path], folder: Path, *, rounds: int, size: Size, threads: int) -> Threads:
    """Measure all three in turn, each in a process of its own, on as many cores as it has threads.

    Parameters
    ----------
    photos : sequence of Path
        Of which the first `MOST` are taken.
    folder : Path
        For arrays and tensors.
    rounds : int
        Each once in each.
    size : Size
        Of the tensors.
    threads : int
        Of Pillow, and of fastfit beside one.
    """
    images = [_scaled(photo) for photo in photos[:MOST]]
    sources = folder / "images"
    sources.mkdir()
    for number, image in enumerate(images):
        np.save(sources / f"{number:02d}.npy", image)
    how = {_ONE: ("with_fastfit", 1), _MANY: ("with_fastfit", threads), PILLOW: ("with_pillow", threads)}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(f"{module}:many", size, count, _REPEATS, cores=count))
            for name, (module, count) in how.items()
        }
        for name, worker in workers.items():
            worker.load(sources, folder / f"{name}.npy")
        taken = [{name: worker.seconds() for name, worker in workers.items()} for _ in range(rounds)]
        rows = [_row(name, taken, worker.peak(), len(images)) for name, worker in workers.items()]
    equal = _equal(images, size, *(np.load(folder / f"{name}.npy") for name in (_ONE, _MANY)))
    faults = [] if equal else ["threads: fit_many differs from image after image"]
    return Threads(rows, _note(taken, threads), faults)


def _row(name: str, taken: Sequence[Mapping[str, float]], peak: int | None, images: int) -> Row:
    marks = ("one thread",) if name == _ONE else ()
    seconds = tuple(each[name] for each in taken)
    return Row("threads", name, seconds, marks=marks, memory=peak, facts={"photographs": images * _REPEATS})


def _note(taken: Sequence[Mapping[str, float]], threads: int) -> str:
    gain = Spread.of([each[_ONE] / each[_MANY] for each in taken])
    said = "reached" if gain.median >= _BAR else "not reached"
    return f"threads: {threads} do {gain.median:.2f} times the work of one, bar {_BAR}: {said}"


def _equal(images: Sequence[Image], size: Size, one: Image, many: Image) -> bool:
    expected = np.stack(_REPEATS * [spec(size)(image) for image in images])
    return np.array_equal(one, expected) and np.array_equal(many, expected)


def _scaled(path: Path) -> Image:
    with Pillow.open(path) as picture:
        picture.thumbnail((LONGEST, LONGEST))
        image: Image = np.asarray(picture.convert("RGB"))
        return image
