"""Results as tables: to read in a terminal, and in Markdown."""

import math
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.results import Correctness, Mean, Result, Row, Spread

__all__ = ["installed", "markdown", "text"]


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
    means = _means(result)
    if len(means) > 2:
        yield ""
        yield from _piped(means)
    yield ""
    yield from (f"- {note}" for note in (*result.notes, *(f"**wrong**: {fault}" for fault in result.faults)))


def _missing(result: Result) -> Iterator[str]:
    for name, line in result.missing.items():
        yield f"{name} is left out, not installed: {line}"


def _rows(result: Result) -> list[Sequence[str]]:
    memory = any(row.memory is not None for row in result.rows)
    compared = any(row.correctness is not None for row in result.rows)
    facts = list(dict.fromkeys(name for row in result.rows for name in row.facts))
    head = ["case", "contender", "ms", f"speed, {result.reference} = 1"]
    head += ["peak RSS MB"] * memory + ["error"] * compared + facts + ["work unlike"]
    return [head, *(_cells(result, row, memory, compared, facts) for row in result.rows)]


def _cells(result: Result, row: Row, memory: bool, compared: bool, facts: Sequence[str]) -> list[str]:
    cells = [row.case, row.contender, _milliseconds(row), _speed(result.speed(row))]
    cells += ["" if row.memory is None else f"{row.memory / 1e6:.0f}"] * memory
    cells += [_error(row.correctness)] * compared
    cells += [_figure(row.facts.get(name)) for name in facts]
    return [*cells, ", ".join(row.marks)]


def _means(result: Result) -> list[Sequence[str]]:
    head = ("contender", f"mean speed, {result.reference} = 1", "least", "greatest", "cases", "least PSNR dB")
    return [head, *(_mean(mean) for mean in result.means())]


def _mean(mean: Mean) -> Sequence[str]:
    speeds = (f"{value:.2f}" for value in (mean.speed, mean.least, mean.greatest))
    return (mean.contender, *speeds, str(mean.cases), "" if math.isnan(mean.psnr) else _decibels(mean.psnr))


def _milliseconds(row: Row) -> str:
    spread = Spread.of([1e3 * second for second in row.seconds])
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
