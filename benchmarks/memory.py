"""``python -m benchmarks memory``: the most memory that one fit takes, and that fitting a folder does."""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastfit
from benchmarks.links import link_photographs
from benchmarks.machine import machine
from benchmarks.photos import photographs
from benchmarks.process_tree import watch
from fastfit.kept import forget
from fastfit.threads import cores
from fastfit.types import Size, as_size

FIXED, IMAGES = 250e6, 4
"""The bound: bytes for any folder, and for each job so many of the largest decoded image."""
INTERVAL = 0.03
"""Seconds from one look to the next."""
QUICK_COUNTS, QUICK_LONGEST = (24, 96), 640
ONE, ONE_TARGET = Size(6000, 4000), Size(224, 224)
"""Sizes of the single fit."""
NOTES = f"""\
MB are millions of bytes. RSS counts what processes share (libraries, most of all) for each of them, PSS once, and
less if other programs share it, too. The bound is held against RSS, the larger.
The single fit is the first in its thread: its working memory and its weights are new. NumPy allocates them, and
`tracemalloc` sees what NumPy allocates.
What this does not show: a peak between two looks, {1e3 * INTERVAL:.0f} ms apart or more; the system's cache
of files; folders of many different photographs: the files are links to few."""


class Peak(NamedTuple):
    """The most that one run had at a time."""

    files: int
    fitted: int
    """Outputs."""
    rss: int
    """In bytes, as is `pss`, which is 0 where the system does not tell."""
    pss: int
    processes: int
    seconds: float
    looks: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    counts = "files of each run, links to the photographs (default: 100 1000)"
    parser.add_argument("--counts", type=int, nargs="+", metavar="N", default=(100, 1000), help=counts)
    parser.add_argument("--size", metavar="WxH", default="1280x720", help="of the results (default: 1280x720)")
    parser.add_argument("--jobs", type=int, default=2, help="as of fastfit fit (default: 2)")
    parser.add_argument("--longest", type=int, metavar="N", help="scale the photographs first, to have many soon")


def run(options: argparse.Namespace) -> int:
    """Measure and print it; 1 if the bound does not hold, or not every file was fitted."""
    if not Path("/proc/self/stat").exists():
        raise SystemExit("memory: expected a system with /proc, such as Linux")
    try:
        size = as_size(options.size, "--size")
    except fastfit.SizeError as error:
        raise SystemExit(str(error)) from None
    counts = QUICK_COUNTS if options.quick else sorted(max(1, count) for count in options.counts)
    longest, jobs = options.longest or (QUICK_LONGEST if options.quick else None), max(1, options.jobs)
    facts = machine()
    print(" · ".join(f"{name} {value}" for name, value in facts.items()), f"· cores {cores()}")
    beyond = _beyond(ONE, ONE_TARGET)
    print(f"one fit, RGB of 8 bits, {ONE} to {ONE_TARGET}: {beyond / 1e6:.2f} MB beyond its input and output")
    with tempfile.TemporaryDirectory(prefix="fastfit-") as name:
        photos = _scaled(photographs(options.photos), longest, Path(name) / "photographs")
        largest = max(map(_decoded, photos))
        print(f"fastfit fit, jobs: {jobs}, cover {size}, JPEG, of {len(photos)} photographs")
        peaks = [_peak(photos, count, size, jobs, Path(name) / str(at)) for at, count in enumerate(counts)]
    result = _judged(peaks, largest, jobs)
    print(*_lines(peaks), sep="\n")
    print(f"ratio of the last to the first: {result['ratio']:.2f}")
    sums = f"{FIXED / 1e6:.0f} MB + {IMAGES} x {largest / 1e6:.1f} MB, the largest decoded, x {jobs}"
    print(f"bound: {sums} = {result['bound'] / 1e6:.0f} MB: {'holds' if result['holds'] else 'does not hold'}")
    print("", NOTES, sep="\n")
    if options.json:
        result |= {
            "one fit": {"source": str(ONE), "target": str(ONE_TARGET), "beyond": beyond},
            "machine": facts,
            "size": str(size),
            "jobs": jobs,
            "photographs": len(photos),
        }
        Path(options.json).write_text(json.dumps(result, indent=1), encoding="utf-8")
    # Of a few small files it is the processes themselves that are over: no reason to fail where it is only tried.
    held = result["holds"] or options.quick
    return 0 if held and all(peak.fitted == peak.files for peak in peaks) else 1


def _beyond(source: Size, target: Size) -> int:
    """Return the bytes that one fit takes beyond its input and its output, at most at a time."""
    image = np.zeros((source.height, source.width, 3), np.uint8)
    spec = fastfit.Fit(target)
    spec(image)  # loads the kernel
    forget()
    peaks: list[int] = []

    def fit() -> None:
        before = tracemalloc.get_traced_memory()[0]
        output = spec(image)
        peaks.append(tracemalloc.get_traced_memory()[1] - before - output.nbytes)

    tracemalloc.start()
    # A thread keeps working memory from fit to fit. This one has none yet.
    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    tracemalloc.stop()
    return peaks[0]


def _scaled(photos: Sequence[Path], longest: int | None, folder: Path) -> Sequence[Path]:
    if longest is None:
        return photos
    folder.mkdir()
    scaled = [folder / photo.name for photo in photos]
    for photo, target in zip(photos, scaled, strict=True):
        fastfit.fit_file(photo, target, fastfit.Fit(longest=longest))
    return scaled


def _decoded(photo: Path) -> int:
    """Return the bytes of a photograph in 8-bit RGB, by its header."""
    info = fastfit.probe(photo.read_bytes())
    if info is None or info.size is None:
        raise SystemExit(f"--photos: expected photographs, got {photo}")
    return 3 * info.size.width * info.size.height


def _peak(photos: Sequence[Path], count: int, size: Size, jobs: int, folder: Path) -> Peak:
    """Let the command fit links to photographs, and look at its processes meanwhile."""
    folder.mkdir()
    link_photographs(photos, folder / "files", count)
    out, log = folder / "out", folder / "log"
    command = [sys.executable, "-m", "fastfit", "fit", str(folder / "files"), "-o", str(out)]
    command += ["--size", str(size), "--format", "jpeg", "--jobs", str(jobs)]
    start = time.perf_counter()
    with (
        log.open("wb") as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as program,
    ):
        samples = list(watch(program, INTERVAL))
    seconds = time.perf_counter() - start
    fitted = len(list(out.iterdir())) if out.exists() else 0
    if fitted < count:
        print(log.read_text(encoding="utf-8", errors="replace")[-1000:], file=sys.stderr)
    rss, pss, processes = (max(values) for values in zip(*samples, strict=True))
    return Peak(count, fitted, rss, pss, processes, seconds, len(samples))


def _judged(peaks: Sequence[Peak], largest: int, jobs: int) -> dict[str, Any]:
    bound = FIXED + IMAGES * largest * jobs
    return {
        "peaks": [peak._asdict() for peak in peaks],
        "ratio": peaks[-1].rss / peaks[0].rss,
        "largest": largest,
        "bound": bound,
        "holds": all(peak.rss <= bound for peak in peaks),
    }


def _lines(peaks: Sequence[Peak]) -> Iterator[str]:
    yield "   files    fitted  peak RSS MB  peak PSS MB  processes        s    looks"
    for files, fitted, rss, pss, processes, seconds, looks in peaks:
        shared = f"{pss / 1e6:12.1f}" if pss else f"{'unknown':>12}"
        yield f"{files:8} {fitted:9} {rss / 1e6:12.1f} {shared} {processes:10} {seconds:8.1f} {looks:8}"
