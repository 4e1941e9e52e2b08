"""``python -m benchmarks compare``: what got slower or faster between two JSON files than noise explains.

Machines are shared, and seconds of two days are not comparable. So what is compared is a contender's speed beside
the reference's, of the same round: the logarithms of these ratios, their medians m and their median absolute
deviations d over n rounds, old and new. A row has changed if m has moved

- by more than 3 %, and
- by more than f standard errors: f · 1.2533 · 1.4826 · sqrt(d_old² / n_old + d_new² / n_new), where 1.4826 makes
  a standard deviation of d, and 1.2533 / sqrt(n) of that the error of a median; few rounds tell their own noise
  badly, so f, as Student's t, is larger for them: 4.2 for 11 rounds, 5.3 for 7;
- of fewer than 6 rounds only where all new ratios are beyond all old ones, too (f is 3.6 for 5 rounds, 15.5 for
  3); of one or two rounds never.

Of a thousand rows that are as they were this finds about three if their noise is Gaussian and 5 % or more, and one
or two if it is 2 %. Noise that lasts for a whole run is in none of its rounds: what counts is found again.
Memory has changed by more than 5 %, instruction counts by more than 1 %, correctness by 0.01 dB, by a millionth of
the samples, or by another size.

Exit status: 0; 1 if fastfit got slower, larger or worse somewhere; 2 if nothing can be compared.
"""

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.results import Correctness, Result, Row, Spread, read

__all__ = ["add_arguments", "run"]

_LEAST, _ERROR, _APART, _TOO_FEW = 0.03, 1.2533 * 1.4826, 5, 2
_ERRORS = {3: 15.5, 4: 5.6, 5: 3.6, 6: 5.3, 7: 5.3, 9: 4.5, 11: 4.2, 15: 3.7, 21: 3.5, 31: 3.3}
"""Rounds -> standard errors that 3 of 1000 moves exceed where nothing moved; up to `_APART` rounds the moves whose
ratios lie apart, of as many. Of 400 000 simulated pairs of Gaussian rounds. What is between counts as fewer."""
_MEMORY, _INSTRUCTIONS, _DECIBELS, _SHARE = 0.05, 0.01, 0.01, 1e-6
_HARDWARE = ("cpu", "processors", "caches", "vectors", "system")


class Change(NamedTuple):
    """What is not as it was."""

    worse: bool
    row: Row
    words: str

    def __str__(self) -> str:
        return f"  {'worse ' if self.worse else 'better'}  {self.row.case}  {self.row.contender}: {self.words}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("old", type=Path, metavar="OLD.json", help="as --json wrote it")
    parser.add_argument("new", type=Path, metavar="NEW.json")


def run(options: argparse.Namespace) -> int:
    """Compare and print it."""
    old, new = ({result.benchmark: result for result in read(file)} for file in (options.old, options.new))
    for name in sorted(old.keys() ^ new.keys()):
        print(f"{name}: only in {options.old if name in old else options.new}")
    changes: list[Change] = []
    alike = [name for name in old if name in new and old[name].options == new[name].options]
    for name in (name for name in old if name in new):
        if name not in alike:
            print(f"{name}: cannot be compared: {_differing(old[name].options, new[name].options)}")
            continue
        found = list(_changes(old[name], new[name]))
        print(*_lines(old[name], new[name]), *found, sep="\n")
        changes += found
    print("nothing changed by more than noise" if alike and not changes else f"{len(changes)} changes")
    worse = any(change.worse and change.row.contender.startswith("fastfit") for change in changes)
    return int(worse) if alike else 2


def _lines(old: Result, new: Result) -> Iterator[str]:
    """Yield what a reader should know before the changes."""
    yield f"{new.benchmark}: {sum(1 for _ in _pairs(old, new))} rows in both"
    software = set(new.machine) - {*_HARDWARE, "commit", "kernel sources"}
    for names, words in ((_HARDWARE, "another machine"), (software, "other software")):
        differing = _differing(*({name: result.machine.get(name) for name in names} for result in (old, new)))
        if differing:
            yield f"  warning, {words}: {differing}"
    if old.versions != new.versions:
        yield f"  contenders: {_differing(old.versions, new.versions)}"
    for here, there, which in ((old, new, "old"), (new, old, "new")):
        alone = [f"{row.case} {row.contender}" for row in here.rows if there.of(row.case, row.contender) is None]
        if alone:
            yield f"  only in the {which} one: {', '.join(alone)}"


def _differing(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    names = sorted(name for name in {**old, **new} if old.get(name) != new.get(name))
    return ", ".join(f"{name} {old.get(name)} -> {new.get(name)}" for name in names)


def _pairs(old: Result, new: Result) -> Iterator[tuple[Row, Row]]:
    for after in new.rows:
        before = old.of(after.case, after.contender)
        if before is not None:
            yield before, after


def _changes(old: Result, new: Result) -> Iterator[Change]:
    for before, after in _pairs(old, new):
        if after.contender != new.reference:
            yield from _speed(after, _logarithms(old, before), _logarithms(new, after))
        if before.memory and after.memory:
            words = f"peak RSS {before.memory / 1e6:.0f} -> {after.memory / 1e6:.0f} MB"
            yield from _growth(after, before.memory, after.memory, _MEMORY, words)
        counts = [row.facts.get("instructions") for row in (before, after)]
        if counts[0] and counts[1]:
            words = f"instructions {counts[0]:.5g} -> {counts[1]:.5g}"
            yield from _growth(after, counts[0], counts[1], _INSTRUCTIONS, words)
        if before.correctness and after.correctness:
            yield from _correctness(after, before.correctness, after.correctness)


def _logarithms(result: Result, row: Row) -> list[float]:
    """Return those of each round's ratio of the reference's seconds to a row's; none where it is not there."""
    other = result.of(row.case, row.beside or result.reference)
    if other is None or not all((*other.seconds, *row.seconds)):
        return []
    return [math.log(theirs / own) for theirs, own in zip(other.seconds, row.seconds, strict=True)]


def _speed(row: Row, old: Sequence[float], new: Sequence[float]) -> Iterator[Change]:
    rounds = min(len(old), len(new))
    if rounds <= _TOO_FEW:
        return
    errors = _ERROR * next(_ERRORS[few] for few in reversed(_ERRORS) if few <= rounds)
    before, after = Spread.of(old), Spread.of(new)
    moved = after.median - before.median
    noise = errors * math.hypot(before.mad / math.sqrt(len(old)), after.mad / math.sqrt(len(new)))
    apart = after.greatest < before.least or after.least > before.greatest
    if abs(moved) > max(math.log1p(_LEAST), noise) and (apart or rounds > _APART):
        words = f"speed {math.exp(before.median):.3g} -> {math.exp(after.median):.3g}"
        yield Change(moved < 0, row, f"{words} ({math.expm1(moved):+.1%}, noise {math.expm1(noise):.1%})")


def _growth(row: Row, before: float, after: float, least: float, words: str) -> Iterator[Change]:
    if abs(after / before - 1) > least:
        yield Change(after > before, row, f"{words} ({after / before - 1:+.1%})")


def _correctness(row: Row, before: Correctness, after: Correctness) -> Iterator[Change]:
    if before.exact_size != after.exact_size:
        yield Change(
            before.exact_size, row, "another size" if before.exact_size else "the size that was asked for"
        )
    figures = (
        (before.psnr, after.psnr, _DECIBELS, "PSNR"),
        (before.identical, after.identical, _SHARE, "share equal"),
    )
    for was, now, least, name in figures:
        # Infinite, where all is equal: its difference from itself is not a number, which is beyond nothing.
        if abs(now - was) > least:
            yield Change(now < was, row, f"{name} {was:.6g} -> {now:.6g}")
