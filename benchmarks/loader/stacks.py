"""Many images that are all in memory: each contender does them all in one call, in a process of its own."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from benchmarks.loader.workers import Worker
from benchmarks.timing import Taken
from fastfit.types import Image, Size

__all__ = ["Did", "How", "in_turn", "noise", "saved", "scaled"]

_LEAST = 0.2
"""Seconds: shorter calls are repeated. Until the system has spread threads over cores, a tenth may pass."""


class How(NamedTuple):
    """Who does it, and in how many threads."""

    where: str
    """``module:function`` in `benchmarks.tensors`."""
    threads: int = 1
    """And cores."""


class Did(NamedTuple):
    """What one contender did."""

    taken: Taken
    output: Image
    """Of all images."""
    peak: int | None


def in_turn(how: Mapping[str, How], source: Path, folder: Path, size: Size, rounds: int) -> dict[str, Did]:
    """Let each contender make results of a folder of arrays, then time all in turn.

    Parameters
    ----------
    how : mapping
        By contender.
    source : Path
        Folder of arrays, as `saved` makes it.
    folder : Path
        For results.
    size : Size
        Of the results.
    rounds : int
        Each once in each.
    """
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(where, size, threads, cores=threads))
            for name, (where, threads) in how.items()
        }
        for name, worker in workers.items():
            worker.load(source, folder / f"{name}.npy")
        turns = [{name: worker.times(_LEAST) for name, worker in workers.items()} for _ in range(rounds)]
        return {
            name: Did(
                Taken(*zip(*(turn[name] for turn in turns), strict=True)),
                np.load(folder / f"{name}.npy"),
                worker.peak(),
            )
            for name, worker in workers.items()
        }


def scaled(photos: Sequence[Image], size: Size, count: int) -> list[Image]:
    """Return so many photographs, each scaled to a size, over and over if there are fewer."""
    every = [cv2.resize(photo, size, interpolation=cv2.INTER_AREA) for photo in photos[:count]]
    return [every[index % len(every)] for index in range(count)]


def noise(size: Size, count: int) -> list[Image]:
    """Return so many images of random noise."""
    random = np.random.default_rng(1)
    return [random.integers(0, 256, (size.height, size.width, 3), np.uint8) for _ in range(count)]


def saved(images: Sequence[Image], folder: Path) -> Path:
    """Save arrays in a new folder, in order; return it."""
    folder.mkdir()
    for number, image in enumerate(images):
        np.save(folder / f"{number:02d}.npy", image)
    return folder
