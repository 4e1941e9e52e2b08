"""Pillow's pictures in, arrays out: what a data set class does that opens its files with Pillow."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.correctness import fault, stacks_compared
from benchmarks.loader.contenders import OURS, PILLOW
from benchmarks.loader.stacks import How, in_turn, saved, scaled
from benchmarks.loader.threads import Found
from benchmarks.results import Row, Spread
from fastfit.types import Image, Size

__all__ = ["PICTURES", "pictured"]

PICTURES = "PIL → array"
"""What the name of a case begins with."""
_COUNTS = {Size(500, 375): 8, Size(1024, 768): 8, Size(1920, 1080): 8, Size(4032, 3024): 4}
"""Pictures in a call, of each size."""
_QUICK = 2
_MANY = f"{OURS}-many"
_HOW = {
    OURS: How("with_fastfit:of_pictures"),
    _MANY: How("with_fastfit:of_pictures_in_one_call"),
    PILLOW: How("with_pillow:of_pictures"),
}
_BAR = 1.0


def pictured(photos: Sequence[Image], folder: Path, *, rounds: int, size: Size, quick: bool) -> Found:
    """Measure `Fit()` and `fit_many` with one thread beside ``np.asarray(ImageOps.fit(…))``.

    Parameters
    ----------
    photos : sequence of ndarray
    folder : Path
        For arrays.
    rounds : int
        Each once in each.
    size : Size
        Of the results.
    quick : bool
        The smaller sizes only.
    """
    found = Found([], [], [])
    for source, count in list(_COUNTS.items())[: _QUICK if quick else None]:
        case = f"{PICTURES}, {count} of {source}"
        place = folder / f"pictures-{source}"
        place.mkdir()
        did = in_turn(_HOW, saved(scaled(photos, source, count), place / "images"), place, size, rounds)
        expected = did[PILLOW].output
        rows = [
            Row(
                case,
                name,
                each.taken.seconds,
                stacks_compared(expected, each.output),
                memory=each.peak,
                facts={"images/s": count / Spread.of(each.taken.seconds).median},
                cpu=each.taken.cpu,
            )
            for name, each in did.items()
        ]
        found.rows.extend(rows)
        found.faults.extend(wrong for row in rows if row.contender != PILLOW and (wrong := fault(row)))
        found.notes.extend(_note(case, row, rows[-1]) for row in rows[:-1])
        for array in (place / "images").iterdir():
            array.unlink()
    return found


def _note(case: str, own: Row, pillow: Row) -> str:
    speed = Spread.of([their / our for their, our in zip(pillow.seconds, own.seconds, strict=True)])
    said = "reached" if speed.median >= _BAR else "not reached"
    between = f"{speed.least:.2f} to {speed.greatest:.2f}"
    told = f"{own.contender} is {speed.median:.2f} times as fast as {PILLOW} ({between})"
    return f"{case}: {told}, bar {_BAR:g}: {said}"
