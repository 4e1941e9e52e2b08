"""Whether what a reader made of a file is what the file deserves."""

import itertools
from typing import NamedTuple

import numpy as np

from benchmarks.trust.outcome import Outcome
from fastfit.types import Image, Size

__all__ = ["EXPECTATIONS", "KINDS", "WRONG", "Verdict", "judge"]

EXPECTATIONS = {
    "decode": "the picture, upright",
    "decode_oriented": "the picture, turned upright as the file says",
    "first_frame": "one still of an animation",
    "decode_or_error": "the right picture or an error",
    "error": "an error",
    "error_or_flagged": "an error, or a picture said to be damaged",
    "bounded": "a picture or an error, within the limits",
    "no_crash": "a picture or an error",
}
_PICTURE = {"decode", "decode_oriented", "first_frame"}
_COMPARED = _PICTURE | {"decode_or_error"}
_DAMAGED = {"error", "error_or_flagged"}

WRONG = ("size", "orientation", "pixels", "unflagged")
"""How a picture can be wrong; unflagged: it should have been an error, or said to be damaged."""

KINDS = ("right", *WRONG, "refused", "crash", "time-out")
"""What a verdict can be."""

DIFFERENT = 2.0
"""Mean difference of 32x32 pictures, in levels of 255. Of 400 awkward files good decoders are at most 1 apart;
five bits not spread to eight make 2.3, a range of 16 to 235 not spread 5."""

LIKE = 0.99
"""Correlation of 32x32 pictures from which on nothing is turned; of the same picture it was never below 0.9998."""

_FLAT = 3 * 32 * 32  # one level of standard deviation


class Verdict(NamedTuple):
    """One of `KINDS`, and what more there is to say."""

    kind: str
    detail: str = ""


def judge(expect: str, size: Size | None, got: Outcome, reference: Outcome | None = None) -> Verdict:
    """Judge what became of one file.

    Parameters
    ----------
    expect : str
        One of `EXPECTATIONS`.
    size : Size, optional
        Of the upright picture, where it is known.
    got : Outcome
        A picture flagged as damaged counts as a refusal: it is one unless the caller asks for it.
    reference : Outcome, optional
        What another made of the same file. If that is a picture of the right size, the picture must look like it.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> picture = Outcome("picture", width=640, height=480)
    >>> judge("decode", Size(640, 480), picture).kind
    'right'
    >>> judge("decode_oriented", Size(480, 640), picture).kind
    'orientation'
    >>> judge("error_or_flagged", None, picture).kind
    'unflagged'
    >>> judge("decode", None, Outcome("refused")).kind, judge("error", None, Outcome("refused")).kind
    ('refused', 'right')
    >>> judge("bounded", None, Outcome("memory")).kind, judge("no_crash", None, Outcome("memory")).kind
    ('right', 'crash')
    """
    if got.kind in ("crash", "time-out"):
        return Verdict(got.kind, got.detail)
    if got.kind == "memory" and expect != "bounded":
        return Verdict("crash", "out of memory")
    if got.kind != "picture" or got.flagged:
        return Verdict("refused", got.flagged or got.detail) if expect in _PICTURE else Verdict("right")
    if expect in _DAMAGED:
        return Verdict("unflagged")
    if size and _size(got) != size:
        sideways = _size(got)[::-1] == size and expect in _COMPARED
        return Verdict("orientation" if sideways else "size", f"{got.width}x{got.height}, not {size}")
    if expect in _COMPARED and reference and _size(reference) == _size(got):
        return _compared(got, reference)
    return Verdict("right")


def _size(outcome: Outcome) -> tuple[int, int]:
    return outcome.width, outcome.height


def _compared(got: Outcome, reference: Outcome) -> Verdict:
    pairs = _pairs(got, reference)
    turns = range(0, 8, 1 if got.width == got.height else 2)
    likeness = {turn: max(_likeness(ours, _turned(theirs, turn)) for ours, theirs in pairs) for turn in turns}
    best = max(likeness.values())
    if likeness[0] < LIKE and 1 - best < (1 - likeness[0]) / 4:
        return Verdict("orientation", f"correlation {likeness[0]:.2f}, turned {best:.2f}")
    difference = min(float(np.abs(ours - theirs).mean()) for ours, theirs in pairs)
    # Where alpha is dropped, what it hides shows, in whatever color.
    if difference > DIFFERENT and len(got.small) >= len(reference.small):
        return Verdict("pixels", f"{difference:.1f} levels")
    return Verdict("right")


def _pairs(got: Outcome, reference: Outcome) -> list[tuple[Image, Image]]:
    """Return what to compare: both over black or, if only one has alpha, also without it."""
    if len(got.small) == len(reference.small):
        return [(got.small[0], reference.small[0])]
    return list(itertools.product(got.small, reference.small))


def _turned(picture: Image, turn: int) -> Image:
    """Turn a square picture: the odd ones exchange its sides, from 4 on they are mirrored, too; 0 is none."""
    turned: Image = np.rot90(picture, turn % 4)
    return turned[:, ::-1] if turn >= 4 else turned


def _likeness(one: Image, other: Image) -> float:
    """Return the correlation of two pictures, -1 to 1; 1 if one has no contrast, so that nothing shows."""
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / spread if spread > _FLAT else 1.0
