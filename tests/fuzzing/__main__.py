"""The command; the docstring of the package tells of it."""

import argparse
import re
import sys
import time
from collections import Counter
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).parents[1]))  # python tests/fuzzing puts only this folder there

import fuzzing
from fuzzing.cases import GOOD, Cases, Files, judge
from fuzzing.invariants import MAX_PIXELS, MEMORY, SECONDS, Limits


def table(verdicts, seconds):
    """Return the figures of a run as lines."""
    counts = Counter(verdict.kind for verdict in verdicts)
    slowest = max(verdicts, key=lambda verdict: verdict.seconds)
    hungriest = max(verdicts, key=lambda verdict: verdict.growth)
    rows = [
        ("cases", len(verdicts)),
        ("pictures", counts.pop("picture", 0)),
        ("refusals", counts.pop("refusal", 0)),
    ]
    rows += [("findings", counts.total()), *((f"  {kind}", count) for kind, count in sorted(counts.items()))]
    rows += [
        ("slowest case", f"{slowest.seconds:.2f} s (case {slowest.number})"),
        ("peak memory growth", f"{hungriest.growth >> 20} MiB (case {hungriest.number})"),
        ("cases/s", f"{len(verdicts) / seconds:.0f}"),
    ]
    return [f"{name:20} {value}" for name, value in rows]


def tell(cases, verdict, keep):
    """Write down what was found."""
    made, data, _ = cases[verdict.number]
    text = (
        f"case {verdict.number}, seed {cases.seed}: {verdict.kind}\n{made}, {len(data)} bytes\n{verdict.detail}\n"
    )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        name = f"{re.sub('[^a-zA-Z]+', '-', verdict.kind)}-{cases.seed}-{verdict.number}"
        (keep / f"{name}.bin").write_bytes(data)
        (keep / f"{name}.txt").write_text(text, encoding="utf-8")


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=fuzzing.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--case", type=int, metavar="NUMBER", help="only this one")
    parser.add_argument("--corpus", type=Path, nargs="+", action="extend", default=[], metavar="FOLDER")
    parser.add_argument("--files", type=Path, nargs="+", metavar="FILE", help="judge these as they are")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write what is found here")
    parser.add_argument("--pixels", type=int, default=MAX_PIXELS, help="max_pixels")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="the most that a case may take")
    parser.add_argument("--memory", type=int, default=MEMORY >> 20, help="the most that a case may take, in MiB")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    limits = Limits(options.pixels, options.seconds, options.memory << 20)
    if options.files:
        cases, numbers = Files(options.files), range(len(options.files))
    else:
        cases = Cases(options.seed, options.corpus)
        numbers = range(options.cases) if options.case is None else range(options.case, options.case + 1)
    # One core: cases are judged one after the other, and a child must not wait for threads that the fork lost.
    cv2.setNumThreads(1)
    verdicts, started = [], time.monotonic()
    for verdict in judge(cases, numbers, limits):
        verdicts.append(verdict)
        if verdict.kind not in GOOD:
            tell(cases, verdict, options.keep)
    sys.stdout.write("\n".join(table(verdicts, time.monotonic() - started)) + "\n")
    return int(any(verdict.kind not in GOOD for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
