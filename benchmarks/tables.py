"""Results as tables: to read in a terminal, and in Markdown."""

import math
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.results import Correctness, Mean, Result, Spread, differ

__all__ = ["installed", "markdown", "text"]

_BY_CPU = "by CPU time"
"""The column of speeds by processor time, where they are more than 5 % from those by the clock."""


def installed(versions: Mapping[str, str], missing: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each contender: its version, or what installs it."""
    yield from (f"{name:<20} {version}" for name, version in versions.items())
    yield from (f"{name:<20} missing: {line}" for name, line in missing.items())


def text(result: Result) -> Iterator[str]:
    """Yield a result's lines for a terminal: the machine, every row, means, notes."""
    yield f"{result.benchmark}: {result.title}"
    yield " · ".join(f"{name} {value}" for name, value in result.machine.items())
    yield " · ".join(f"{name} {value}" for name, value in result.versions.items())
    before, after = result.load
    yield f"load before {before:.1f}, after {after:.1f}" if before >= 0 else "load unknown"
    yield from _missing(result)
    yield ""
    yield from _aligned(_rows(result))
    yield from _more(result)
    means = _means(result)
    if len(means) > 2:
        yield ""
        yield from _aligned(means)
    yield ""
    yield from result.notes
    yield from (f"WRONG: {fault}" for fault in result.faults)


def markdown(result: Result) -> Iterator[str]:
    """Yield the same for a page."""
    yield f"### {result.benchmark}"
    yield ""
    yield f"{result.title}."
    yield ""
    for facts in (result.machine, result.versions):
        yield " · ".join(f"{name} {value}" for name, value in facts.items())
        yield ""
    yield from (f"- {line}" for line in _missing(result))
    yield ""
    yield from _piped(_rows(result))
    yield from ("", *_more(result))
    means = _means(result)
    if len(means) > 2:
        yield ""
        yield from _piped(means)
    yield ""
    yield from (f"- {note}" for note in (*result.notes, *(f"**wrong**: {fault}" for fault in result.faults)))


def _missing(result: Result) -> Iterator[str]:
    for name, line in result.missing.items():
        yield f"{name} is left out, not installed: {line}"


def _more(result: Result) -> Iterator[str]:
    if 0 < result.first < len(result.rows):
        yield f"… and {len(result.rows) - result.first} more rows, in the file of --json"


def _rows(result: Result) -> list[Sequence[str]]:
    rows = result.rows[: result.first or None]
    memory = any(row.memory is not None for row in rows)
    compared = any(row.correctness is not None for row in rows)
    counted = any(row.cpu for row in rows)
    facts = list(dict.fromkeys(name for row in rows for name in row.facts))
    by_cpu = {id(row): speed for row in rows if (speed := result.unlike_by_cpu(row)) is not None}
    head = ["case", "contender", "ms", *["CPU ms"] * counted, f"speed, {result.reference} = 1"]
    head += [_BY_CPU] * bool(by_cpu) + ["peak RSS MB"] * memory + ["error"] * compared + facts
    unlike = "differs from Pillow by" if result.reference == "pillow" else "remarks"
    lines: list[Sequence[str]] = [[*head, unlike]]
    for row in rows:
        cells = [row.case, row.contender, _milliseconds(row.seconds), *[_milliseconds(row.cpu)] * counted]
        cells += [_speed(result.speed(row))]
        cells += [f"{by_cpu[id(row)]:.2f}" if id(row) in by_cpu else ""] * bool(by_cpu)
        cells += ["" if row.memory is None else f"{row.memory / 1e6:.0f}"] * memory
        cells += [_error(row.correctness)] * compared
        lines.append([*cells, *(_figure(row.facts.get(name)) for name in facts), ", ".join(row.marks)])
    return lines


def _means(result: Result) -> list[Sequence[str]]:
    means = list(result.means())
    by_cpu = any(differ(mean.speed, mean.cpu) for mean in means)
    head = ["contender", f"mean speed, {result.reference} = 1", "least", "greatest", "cells", "least PSNR dB"]
    return [[*head, *[_BY_CPU] * by_cpu], *(_mean(mean, by_cpu) for mean in means)]


def _mean(mean: Mean, by_cpu: bool) -> Sequence[str]:
    speeds = (f"{value:.2f}" for value in (mean.speed, mean.least, mean.greatest))
    psnr = "" if math.isnan(mean.psnr) else _decibels(mean.psnr)
    cpu = f"{mean.cpu:.2f}" if differ(mean.speed, mean.cpu) else ""
    return [mean.contender, *speeds, str(mean.cases), psnr, *[cpu] * by_cpu]


def _milliseconds(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    spread = Spread.of([1e3 * second for second in seconds])
    return (
        f"{spread.median:.3g} ± {spread.mad:.2g}"
        if spread.median < 100
        else f"{spread.median:.0f} ± {spread.mad:.0f}"
    )


def _speed(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.median:.2f} ({spread.least:.2f} to {spread.greatest:.2f})"


def _error(found: Correctness | None) -> str:
    """Say how far an output is from the reference's, in the order a reader asks."""
    if found is None:
        return ""
    if not found.exact_size:
        return "another size"
    parts = ["equal" if found.largest == 0 else f"≤ {found.largest:.0f}, {found.identical:.2%} equal"]
    parts += [_decibels(found.psnr) + " dB"] * (found.largest != 0)
    parts += [f"SSIM {found.ssim:.4f}"] * (found.largest != 0 and not math.isnan(found.ssim))
    parts += [f"aliasing {found.aliasing:.1f}"] * (not math.isnan(found.aliasing))
    return ", ".join(parts)


def _decibels(psnr: float) -> str:
    return "∞" if math.isinf(psnr) else f"{psnr:.1f}"


def _figure(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4g}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _piped(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    head, *others = rows
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in others:
        yield f"| {' | '.join(row)} |"
