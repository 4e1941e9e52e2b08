"""What was found, side by side."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from benchmarks.trust.judge import KINDS, WRONG, Verdict
from benchmarks.trust.manifest import Entry
from benchmarks.trust.outcome import Outcome

__all__ = ["Judged", "by_class", "faults", "summary"]

_HEADS = {"size": "wrong: size", "refused": "refused wrongly", "crash": "crashes", "time-out": "time-outs"}


class Judged(NamedTuple):
    """One file, what one contender made of it, and what that is worth."""

    entry: Entry
    outcome: Outcome
    verdict: Verdict

    def facts(self, name: str) -> dict[str, Any]:
        """Return all but the small pictures, for JSON."""
        facts = {
            "contender": name,
            "file": self.entry.file,
            "class": self.entry.group,
            "expect": self.entry.expect,
        }
        outcome = {key: value for key, value in asdict(self.outcome).items() if key != "small"}
        return {**facts, "verdict": self.verdict.kind, "why": self.verdict.detail, **outcome}


def summary(judged: Mapping[str, Sequence[Judged]]) -> Iterator[str]:
    """Yield the lines of a table: a row for each contender."""
    head = [_HEADS.get(kind, kind) for kind in KINDS] + ["leaked lines", "of files", "CPU s", "peak MB"]
    rows = [["", *head]]
    for name, files in judged.items():
        kinds = Counter(file.verdict.kind for file in files)
        leaks = [len(file.outcome.leaked) for file in files if file.outcome.leaked]
        seconds = sum(file.outcome.seconds for file in files)
        peak = max(file.outcome.megabytes for file in files)
        figures = [*(kinds[kind] for kind in KINDS), sum(leaks), len(leaks), round(seconds), round(peak)]
        rows.append([name, *map(str, figures)])
    yield from _aligned(rows, right=True)


def by_class(judged: Mapping[str, Sequence[Judged]]) -> Iterator[str]:
    """Yield the lines of a table: a row for each class in which not all is right."""
    rows = [["class", "files", *judged]]
    for group in sorted({file.entry.group for files in judged.values() for file in files}):
        kinds = [
            Counter(file.verdict.kind for file in files if file.entry.group == group) for files in judged.values()
        ]
        if any(count.keys() - {"right"} for count in kinds):
            rows.append([group, str(kinds[0].total()), *(_cell(count) for count in kinds)])
    yield "by class, where not all is right" if rows[1:] else "all right in every class"
    yield from _aligned(rows, right=False) if rows[1:] else ()


def faults(judged: Mapping[str, Sequence[Judged]], unleaking: str) -> Iterator[str]:
    """Yield a line for each file that a contender got wrong or, where none may leak, leaked a line about."""
    for name, files in judged.items():
        for file in files:
            leaked = file.outcome.leaked if name == unleaking else ()
            what = [*filter(None, file.verdict)] if file.verdict.kind != "right" else []
            what += [f"{len(leaked)} leaked, {leaked[0]}"] if leaked else []
            if what:
                yield f"{name}: {file.entry.file!r} ({file.entry.expect}): {', '.join(what)}"


def _cell(kinds: Counter[str]) -> str:
    counts = [(kinds["right"], "right"), (sum(kinds[kind] for kind in WRONG), "wrong")]
    counts += [(kinds[kind], kind) for kind in KINDS if kind not in (*WRONG, "right")]
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def _aligned(rows: Sequence[Sequence[str]], right: bool) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [f"{cell:{'>' if right else '<'}{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
