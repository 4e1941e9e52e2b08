"""Who is measured along the axes: each fits one image, a batch of equal images, or a batch in threads."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from benchmarks.contenders import Contender, arrays
from benchmarks.contenders.arrays import OURS, REFERENCE, Task
from benchmarks.contenders.batches import BATCH_CONTENDERS, in_pool, one_by_one
from fastfit.types import Image, Size

__all__ = ["CONTENDERS", "ONE_POOL", "Make", "Work"]

ONE_POOL = "kornia-rs"
"""Its threads are one pool for the process, whose number is set once: it cannot go through numbers of them."""


class Work(NamedTuple):
    """What is to be done: each image, RGB of 8 bits, stretched to a size with Lanczos."""

    images: Image
    """``(N, H, W, 3)``: one, or a batch."""
    size: Size
    threads: int = 1


Make: TypeAlias = Callable[[Work], Callable[[], Image]]
"""Makes a call that returns the image, or the rows of a batch."""


def _scaled(name: str) -> Contender[Make]:
    """Let a contender do one image, or a batch: in its own way, in a loop, or in threads that are there before."""

    def make(work: Work) -> Callable[[], Image]:
        task = Task(work.size, threads=work.threads)
        if len(work.images) == 1:
            return arrays.CONTENDERS[name].make(work.images[0], task)
        return _batches(name, work.threads).make(work.images, task)

    single = arrays.CONTENDERS[name]
    return Contender(make, single.version, single.install, single.marks, single.pin)


def _batches(name: str, threads: int) -> Contender[arrays.Make]:
    if name == OURS:
        return BATCH_CONTENDERS[OURS]
    return one_by_one(name) if threads == 1 else in_pool(name)


CONTENDERS = {name: _scaled(name) for name in (REFERENCE, OURS, ONE_POOL, "pyvips")}
