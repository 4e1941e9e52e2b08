"""Results as pictures: PNG and SVG, the same bytes of the same result."""

import hashlib
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.results import Result, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["digest", "draw", "require"]

_OURS, _PLAIN, _TEXT, _FAINT = "#0072B2", "#9A9A9A", "#222222", "#6B6B6B"
_COLORS = {"fastfit": _OURS, "pillow": "#222222", "kornia-rs": "#D55E00", "pyvips": "#009E73", "floor": _FAINT}
"""Of Okabe and Ito, which those tell apart who see fewer colors."""
_OTHERS = ("#CC79A7", "#E69F00", "#56B4E9")
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _TEXT,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "svg.hashsalt": "fastfit",
    "savefig.dpi": 150,
}
_MOST_TICKS = 6
_APART = 0.08
"""Of labels, as a share of the height."""


def require() -> None:
    """Say so if nothing can be drawn, before anything is measured.

    Raises
    ------
    SystemExit
        matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SystemExit("plots: expected matplotlib, got none: pip install matplotlib") from None


def digest(result: Result) -> str:
    """Return what tells a result from another. Its plots hold it in their metadata."""
    return hashlib.sha256(repr(result).encode()).hexdigest()[:32]


def draw(result: Result, folder: Path) -> list[Path]:
    """Draw a result: lines along axes where it has them, or else each contender's mean speed.

    Parameters
    ----------
    result : Result
    folder : Path
        Made if need be.

    Returns
    -------
    list of Path
        ``BENCHMARK.png`` and ``.svg``.
    """
    require()
    import matplotlib as mpl

    mpl.use("agg")
    folder.mkdir(parents=True, exist_ok=True)
    note = digest(result)
    files = {folder / f"{result.benchmark}.png": {"Software": None}, folder / f"{result.benchmark}.svg": _UNDATED}
    with mpl.rc_context(_STYLE):
        figure = (_lines if any("x" in row.facts for row in result.rows) else _bars)(result)
        for file, metadata in files.items():
            figure.savefig(file, metadata={**metadata, "Description": note})
    return list(files)


_UNDATED = {"Date": None, "Creator": None}


def _bars(result: Result) -> "Figure":
    """Draw the mean of each contender as a bar from the reference's 1: twice and half as fast are as long."""
    from matplotlib.figure import Figure

    means = sorted(result.means(), key=lambda mean: mean.speed)
    figure = Figure(figsize=(11, 1.4 + 0.5 * len(means)), layout="constrained")
    axes = figure.add_subplot()
    marks = {row.contender: ", ".join(row.marks) for row in result.rows}
    for y, mean in enumerate(means):
        ours = mean.contender.startswith("fastfit")
        axes.barh(y, mean.speed - 1, 0.62, left=1, color=_OURS if ours else _PLAIN)
        if mean.contender != result.reference:
            axes.plot([mean.least, mean.greatest], [y, y], "|-", color=_TEXT, linewidth=1, markersize=7)
        text = f"{mean.speed:.2f}× ({mean.least:.2f} to {mean.greatest:.2f})"
        place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(1.02, y, text, color=_TEXT, weight="bold" if ours else "normal", **place)
    axes.axvline(1, color=_TEXT, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.set_yticks(range(len(means)), [_named(mean.contender, marks) for mean in means], color=_TEXT)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0.8 * min(mean.least for mean in means), 1.2 * max(mean.greatest for mean in means))
    axes.set_xlabel(f"times as fast as {result.reference}: mean, least and greatest of the cases")
    figure.suptitle(result.title, x=0.01, ha="left", fontsize=12, color=_TEXT)
    return figure


def _named(contender: str, marks: Mapping[str, str]) -> str:
    return textwrap.fill(f"{contender} ({marks[contender]})", 36) if marks.get(contender) else contender


def _lines(result: Result) -> "Figure":
    from matplotlib.figure import Figure

    groups = _axes(result)
    across = min(3, len(groups))
    down = math.ceil(len(groups) / across)
    figure = Figure(figsize=(4.3 * across, 0.7 + 3.2 * down), layout="constrained")
    colors = _colors(result.contenders)
    notes = dict(note.split(": x is ", 1) for note in result.notes if ": x is " in note)
    for place, (name, rows) in enumerate(groups.items()):
        axes = figure.add_subplot(down, across, place + 1)
        _panel(axes, rows, colors)
        axes.set_title(name, loc="left", fontsize=12, fontweight="bold", color=_TEXT)
        axes.set_xlabel(notes.get(name, name).partition(",")[0], fontsize=10)
    title = "Time, and the exponent by which it grows (2: four times as long for twice x)"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=_TEXT)
    return figure


def _axes(result: Result) -> dict[str, list[Row]]:
    """Return the rows of each axis, by its name: the first word of the case."""
    groups: dict[str, list[Row]] = {}
    for row in result.rows:
        groups.setdefault(row.case.partition(" ")[0], []).append(row)
    return groups


def _colors(contenders: Sequence[str]) -> dict[str, str]:
    others = [name for name in contenders if name not in _COLORS]
    return _COLORS | {name: _OTHERS[number % len(_OTHERS)] for number, name in enumerate(others)}


def _panel(axes: "Axes", rows: Sequence[Row], colors: Mapping[str, str]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    ends = {}
    for name in dict.fromkeys(row.contender for row in rows):
        own = [row for row in rows if row.contender == name]
        x, y = [row.facts["x"] for row in own], [row.median for row in own]
        style = "--" if name == "floor" else "-"
        width = 2.4 if name == "fastfit" else 1.4
        axes.plot(x, y, style, color=colors[name], linewidth=width, marker="o", markersize=2 * width)
        ends[name] = (x[-1], y[-1], own[-1].facts["slope"])
    _scale(axes, sorted({row.facts["x"] for row in rows}), [row.median for row in rows])
    _label(axes, ends, colors)


def _scale(axes: "Axes", x: Sequence[float], seconds: Sequence[float]) -> None:
    """Mark the points that were measured, and seconds in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    shown = x if len(x) <= _MOST_TICKS else x[::2]
    axes.set_xticks(shown, [f"{value:.2g}" if value < 100 else f"{value:.0f}" for value in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    near = max(seconds) < 30 * min(seconds)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if near else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _duration(value)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, which="major", color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.999 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _label(axes: "Axes", ends: Mapping[str, tuple[float, float, float]], colors: Mapping[str, str]) -> None:
    """Write each line's name and slope beside its end, no two over each other."""
    low, high = (math.log(limit) for limit in axes.get_ylim())
    heights = {name: (math.log(y) - low) / (high - low) for name, (_, y, _) in ends.items()}
    names = sorted(heights, key=lambda name: heights[name])
    for name, height in zip(names, _spread([heights[name] for name in names]), strict=True):
        slope = ends[name][2]
        text = name if math.isnan(slope) else f"{name} {slope:.2f}".replace("-0.00", "0.00").replace(" -", " −")
        weight = "bold" if name == "fastfit" else "normal"
        axes.text(
            1.03,
            height,
            text,
            transform=axes.transAxes,
            va="center",
            fontsize=10,
            color=colors[name],
            weight=weight,
        )


def _spread(heights: Sequence[float]) -> Iterator[float]:
    """Yield ascending heights, moved apart where they are too near, within 0 and 1, no more than need be."""
    apart = list(heights)
    for _ in range(100):
        for index, (below, above) in enumerate(pairwise(apart)):
            missing = _APART - (above - below)
            if missing > 1e-6:
                apart[index] -= missing / 2
                apart[index + 1] += missing / 2
        apart[0], apart[-1] = max(apart[0], 0), min(apart[-1], 1)
    yield from apart
