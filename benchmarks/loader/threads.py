"""`fastfit.fit_many` in threads, beside one, on images that are all in memory."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow

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


class Threads(NamedTuple):
    """What was found."""

    rows: list[Row]
    note: str
    faults: list[str]


def threaded(photos: Sequence[Path], folder: Path, *, rounds: int, size: Size, threads: int) -> Threads:
    """Measure both, each in a process of its own that no core is chosen for.

    Parameters
    ----------
    photos : sequence of Path
        Of which the first `MOST` are taken.
    folder : Path
        For arrays and tensors.
    rounds : int
        One and many in turn.
    size : Size
        Of the tensors.
    threads : int
        Many.
    """
    images = [_scaled(photo) for photo in photos[:MOST]]
    sources = folder / "images"
    sources.mkdir()
    for number, image in enumerate(images):
        np.save(sources / f"{number:02d}.npy", image)
    names = ("fit_many, 1 thread", f"fit_many, {threads} threads")
    with ExitStack() as stack:
        one, many = (
            stack.enter_context(Worker("with_fastfit:many", size, count, _REPEATS, alone=False))
            for count in (1, threads)
        )
        one.load(sources, folder / "one.npy")
        many.load(sources, folder / "many.npy")
        pairs = [(one.seconds(), many.seconds()) for _ in range(rounds)]
        peaks = (one.peak(), many.peak())
    taken = zip(*pairs, strict=True)
    facts = {"photographs": len(images) * _REPEATS}
    rows = [
        Row("threads", name, tuple(seconds), memory=peak, facts=facts)
        for name, seconds, peak in zip(names, taken, peaks, strict=True)
    ]
    equal = _equal(images, size, np.load(folder / "one.npy"), np.load(folder / "many.npy"))
    faults = [] if equal else ["threads: fit_many differs from image after image"]
    return Threads(rows, _note(pairs, threads), faults)


def _note(pairs: Sequence[tuple[float, float]], threads: int) -> str:
    gain = Spread.of([one / many for one, many in pairs])
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
