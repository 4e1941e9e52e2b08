"""``python -m benchmarks instructions``: how many instructions three small cases take, which no noise disturbs.

What is counted are whole processes, twice, with N calls and with 2N: the difference is N calls, without the start.
`perf stat` counts, where the system permits that, or else `valgrind --tool=callgrind`. callgrind has no AVX-512: a
kernel that uses it runs at a lower level there. Counts tell whether a change makes more work, not how long that
takes: memory and waiting are not in them.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks import results, tables
from benchmarks.contenders import fastfit_version
from benchmarks.counted import CASES
from benchmarks.machine import load, machine
from benchmarks.results import Result, Row
from fastfit.threads import cores

__all__ = ["add_arguments", "run"]

_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_ENVIRONMENT = {**_ONE_THREAD, "PYTHONHASHSEED": "0"}


class Counter(NamedTuple):
    """A tool that counts."""

    name: str
    command: Callable[[Path], list[str]]
    """Of a file to write to makes what comes before the program."""
    count: Callable[[str], int]
    """Of what it wrote there makes the number. Raises ValueError."""
    marks: tuple[str, ...]


def _perf_count(text: str) -> int:
    return int(next(line for line in text.splitlines() if "instructions" in line).partition(",")[0])


def _callgrind_count(text: str) -> int:
    return int(re.findall(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)[-1])


_COUNTERS = (
    Counter(
        "perf",
        lambda file: ["perf", "stat", "-x", ",", "-e", "instructions:u", "-o", str(file), "--"],
        _perf_count,
        (),
    ),
    Counter(
        "callgrind",
        lambda file: ["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}"],
        _callgrind_count,
        ("callgrind: no AVX-512",),
    ),
)


class Counted(NamedTuple):
    """What a process took."""

    instructions: int
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rounds", type=int, default=3, help="counts of each, to see how far apart (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--tool", choices=[counter.name for counter in _COUNTERS], help="by default what works")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON, too")
    parser.add_argument("--md", action="store_true", help="print Markdown")


def run(options: argparse.Namespace) -> int:
    """Count and print it; 2 if there is nothing that counts."""
    counter = next((each for each in _COUNTERS if options.tool in (None, each.name) and _works(each)), None)
    if counter is None:
        print(
            "instructions: expected perf, permitted to count, or valgrind: apt-get install valgrind",
            file=sys.stderr,
        )
        return 2
    before = load()
    rows = _rows(counter, 1 if options.quick else max(1, options.rounds))
    result = Result(
        benchmark="instructions",
        title="instructions of a call, from the difference of N calls and 2N",
        reference="fastfit",
        rows=rows,
        options={"tool": counter.name},
        machine=machine(),
        versions={"fastfit": fastfit_version()},
        load=(before, load()),
        notes=(
            "instructions: the median of the rounds; apart %: the greatest above the least",
            "ms are of whole processes while they are counted, with the start: callgrind takes 50 times as long",
        ),
    )
    print(*(tables.markdown if options.md else tables.text)(result), sep="\n")
    if options.json:
        results.write([result], Path(options.json))
    return 0


def _works(counter: Counter) -> bool:
    """Whether a tool is there and permitted: some machines have perf, but do not let it count."""
    try:
        _counted(counter, [sys.executable, "-c", "pass"], {**os.environ})
    except (OSError, ValueError, subprocess.CalledProcessError):
        return False
    return True


def _rows(counter: Counter, rounds: int) -> tuple[Row, ...]:
    jobs = [(case, times * calls) for case, (_, calls) in CASES.items() for _ in range(rounds) for times in (1, 2)]
    with tempfile.TemporaryDirectory(prefix="fastfit-") as folder, ThreadPoolExecutor(cores()) as pool:
        # Compiled once, for callgrind would take a minute for that, and read from there by all.
        env = {**os.environ, **_ENVIRONMENT, "PYTHONPYCACHEPREFIX": folder}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for case in CASES:
            subprocess.run(_program(case, 1), env=env, check=True)
        # Side by side: what others do makes no instructions in a process of one thread.
        counted = list(pool.map(lambda job: _counted(counter, _program(*job), env), jobs))
    each = 2 * rounds
    return tuple(
        _row(counter, case, calls, counted[index * each : (index + 1) * each])
        for index, (case, (_, calls)) in enumerate(CASES.items())
    )


def _row(counter: Counter, case: str, calls: int, counted: Sequence[Counted]) -> Row:
    pairs = list(zip(counted[::2], counted[1::2], strict=True))
    counts = [(twice.instructions - once.instructions) / calls for once, twice in pairs]
    seconds = tuple(twice.seconds for _, twice in pairs)
    facts = {"instructions": statistics.median(counts), "apart %": 100 * (max(counts) / min(counts) - 1)}
    return Row(case, "fastfit", seconds, marks=counter.marks, facts=facts)


def _program(case: str, calls: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.counted", case, str(calls)]


def _counted(counter: Counter, program: Sequence[str], env: Mapping[str, str]) -> Counted:
    with tempfile.TemporaryDirectory(prefix="fastfit-") as folder:
        file, start = Path(folder) / "counts", time.perf_counter()
        subprocess.run(
            [*counter.command(file), *program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=env,
            check=True,
        )
        return Counted(counter.count(file.read_text(encoding="utf-8")), time.perf_counter() - start)
