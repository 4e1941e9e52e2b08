"""``python -m benchmarks loader``: make normalised tensors, beside Pillow and OpenCV with NumPy."""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageOps

import fastfit
from benchmarks.machine import machine
from benchmarks.photos import photographs
from benchmarks.timing import interleaved, one_core, summary
from fastfit.types import Image, Size, as_size

Floats: TypeAlias = npt.NDArray[np.float32]
Calls: TypeAlias = Mapping[str, Callable[[], Floats]]

OURS, PILLOW, OPENCV = "fastfit", "Pillow + NumPy", "OpenCV area + NumPy"
EXACT, LATER = "fastfit, exact", "fastfit, then NumPy"
# ImageNet's.
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)
# How many times fastfit's time others are to take, and one thread that of two.
BARS = {PILLOW: 2.5, OPENCV: 1.3}
THREADS_BAR = 1.8
TOLERANCE = 1e-6
"""Of a normalised sample, for the order in which floats are computed."""
MOST_THREADED, LONGEST_THREADED = 16, 4096
"""Photographs that are in memory at once, and their longer side at most."""
REPEATS = 4
"""Of those in a call: until the system has spread threads over cores, a tenth of a second may pass."""


class Row(NamedTuple):
    """One contender on one photograph."""

    photo: str
    contender: str
    ms: float
    ratio: float
    """Times fastfit's: the median of the rounds."""
    difference: float
    """The largest from the reference, of normalised samples."""
    psnr: float
    """Of 8-bit levels, from the reference; 361 where they are equal."""


class Total(NamedTuple):
    """One contender on all photographs."""

    contender: str
    ms: float
    """Median of the photographs'."""
    ratio: float
    """Geometric mean of the photographs'."""
    least: float
    greatest: float
    difference: float
    worst_psnr: float
    median_psnr: float
    bar: float | None
    reached: bool | None
    """Of OpenCV, too, whether fastfit is nowhere further from the reference."""


class Group(NamedTuple):
    """All contenders on all photographs, read in one way."""

    title: str
    rows: list[Row]
    faults: list[str]
    """Where something is not equal that should be."""

    def of(self, contender: str) -> list[Row]:
        """Return what one contender did, by photograph."""
        return [row for row in self.rows if row.contender == contender]

    def totals(self) -> list[Total]:
        """Sum up every contender."""
        return [self._total(contender) for contender in dict.fromkeys(row.contender for row in self.rows)]

    def _total(self, contender: str) -> Total:
        rows = self.of(contender)
        ratios, psnrs = [row.ratio for row in rows], [row.psnr for row in rows]
        ratio, bar = statistics.geometric_mean(ratios), BARS.get(contender)
        pairs = zip(self.of(OURS), rows, strict=True)
        better = contender != OPENCV or all(ours.psnr >= theirs.psnr for ours, theirs in pairs)
        return Total(
            contender,
            ms=statistics.median(row.ms for row in rows),
            ratio=ratio,
            least=min(ratios),
            greatest=max(ratios),
            difference=max(row.difference for row in rows),
            worst_psnr=min(psnrs),
            median_psnr=statistics.median_low(psnrs),
            bar=bar,
            reached=None if bar is None else ratio >= bar and better,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--size", metavar="WxH", default="224x224", help="of the tensors (default: 224x224)")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each in turn (default: 7)")
    parser.add_argument("--threads", type=int, default=2, help="of fit_many, beside one (default: 2)")
    parser.add_argument("--verbose", action="store_true", help="print each photograph, too")


def run(options: argparse.Namespace) -> int:
    """Measure from arrays, from files and in threads, and print it; 1 if a result is wrong."""
    try:
        size = as_size(options.size, "--size")
    except fastfit.SizeError as error:
        raise SystemExit(str(error)) from None
    paths = photographs(options.photos)[: 3 if options.quick else None]
    rounds = 3 if options.quick else max(1, options.rounds)
    facts = machine()
    print(" · ".join(f"{name} {value}" for name, value in facts.items()))
    print(f"cover {size}, Lanczos but for OpenCV; float32, CHW, normalised; medians of {rounds} rounds in turn")
    print("ratio: to fastfit's time, geometric mean of the photographs (least to greatest)")
    groups = []
    with one_core() as threads:
        print(f"{threads}; weights cached")
        for measure in (_from_arrays, _from_bytes):
            groups.append(measure(paths, size, rounds))
            _print(groups[-1], verbose=options.verbose)
    threaded = _threaded(paths[:MOST_THREADED], size, rounds, max(1, options.threads))
    faults = [fault for group in groups for fault in group.faults]
    faults += [] if threaded["equal"] else ["fit_many, beside image after image"]
    for fault in faults:
        print(f"not equal: {fault}")
    if options.json:
        result = {"machine": facts, "size": str(size), "rounds": rounds, "threads": threaded, "faults": faults}
        result["groups"] = [_facts(group) for group in groups]
        Path(options.json).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 1 if faults else 0


def _from_arrays(paths: Iterable[Path], size: Size, rounds: int) -> Group:
    rows, faults = [], []
    for path in paths:
        with Pillow.open(path) as picture:
            array = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        calls = _of_array(array, size)
        measured = _measured(path.name, calls, calls[PILLOW](), rounds)
        # The same lines of NumPy's make the same floats of Pillow's levels, and of no others.
        limits = {OURS: TOLERANCE, PILLOW: 0.0, LATER: 0.0}
        wrong = [row for row in measured if not row.difference <= limits[row.contender]]
        faults += [f"{path.name}: {row.contender}, by {row.difference:.1e}" for row in wrong]
        rows += measured
    return Group("from decoded arrays; reference: Pillow + NumPy", rows, faults)


def _of_array(array: Image, size: Size) -> Calls:
    spec, fit, out = _spec(size), fastfit.Fit(size), _empty(size)

    def pillow() -> Floats:
        return _normalised(np.asarray(ImageOps.fit(Pillow.fromarray(array), size, Pillow.Resampling.LANCZOS)))

    return {OURS: lambda: spec(array, out), PILLOW: pillow, LATER: lambda: _normalised(fit(array))}


def _from_bytes(paths: Iterable[Path], size: Size, rounds: int) -> Group:
    rows, faults = [], []
    for path in paths:
        data = path.read_bytes()
        info = fastfit.probe(data)
        if info is not None and info.format == "jpeg":
            calls = _of_bytes(data, size)
            exact = calls[EXACT]().copy()
            if not _is_exact(_levels(exact), _levels(calls[PILLOW]()), data, size):
                faults.append(f"{path.name}: {EXACT} is more than 1 level from Pillow")
            rows += _measured(path.name, calls, exact, rounds)
    return Group(f"from encoded bytes, the JPEGs; reference: {EXACT}", rows, faults)


def _of_bytes(data: bytes, size: Size) -> Calls:
    spec, out, exact, whole = _spec(size), _empty(size), fastfit.Input(exact=True), _empty(size)

    def pillow() -> Floats:
        image = ImageOps.exif_transpose(Pillow.open(BytesIO(data))).convert("RGB")
        return _normalised(np.asarray(ImageOps.fit(image, size, Pillow.Resampling.LANCZOS)))

    def opencv() -> Floats:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise SystemExit("OpenCV: cannot decode")
        return _normalised(cv2.resize(_cropped(image, size), size, interpolation=cv2.INTER_AREA))

    return {
        OURS: lambda: fastfit.load(data, spec, out=out),
        PILLOW: pillow,
        OPENCV: opencv,
        EXACT: lambda: fastfit.load(data, spec, input=exact, out=whole),
    }


def _cropped(image: Image, size: Size) -> Image:
    """Return the largest part in the middle that has the aspect of `size`, in whole pixels."""
    height, width = image.shape[:2]
    scale = min(width / size.width, height / size.height)
    across, down = max(1, round(scale * size.width)), max(1, round(scale * size.height))
    left, top = (width - across) // 2, (height - down) // 2
    return image[top : top + down, left : left + across]


def _is_exact(levels: Image, pillow: Image, data: bytes, size: Size) -> bool:
    """Tell whether levels are within 1 of Pillow's, of its own pixels or, if those differ, of fastfit's."""
    if cv2.absdiff(levels, pillow).max() <= 1:
        return True
    decoded = Pillow.fromarray(fastfit.decode(data)[0]).convert("RGB")
    again = np.asarray(ImageOps.fit(decoded, size, Pillow.Resampling.LANCZOS))
    return bool(cv2.absdiff(levels, again).max() <= 1)


def _measured(photo: str, calls: Calls, reference: Floats, rounds: int) -> list[Row]:
    """Compare each contender with the reference, then time them in turn."""
    results = {name: call().copy() for name, call in calls.items()}
    for name, result in results.items():
        if result.shape != reference.shape:
            raise SystemExit(f"{photo}: {name}: expected shape {reference.shape}, got {result.shape}")
    seconds = interleaved(calls, rounds)
    return [
        Row(
            photo,
            name,
            ms=summary(seconds[name]).median,
            ratio=_ratio(seconds[name], seconds[OURS]),
            difference=float(np.abs(result - reference).max()),
            psnr=cv2.PSNR(_levels(result), _levels(reference)),
        )
        for name, result in results.items()
    ]


def _ratio(theirs: list[float], ours: list[float]) -> float:
    return statistics.median(their / our for their, our in zip(theirs, ours, strict=True))


def _spec(size: Size) -> fastfit.Fit:
    mean, std = MEAN.tolist(), STD.tolist()
    return fastfit.Fit(size, channels=3, layout="CHW", dtype="float32", scale=1 / 255, mean=mean, std=std)


def _empty(size: Size) -> Floats:
    return np.empty((3, size.height, size.width), np.float32)


def _normalised(image: Image) -> Floats:
    """Make a tensor of 8-bit RGB as people do."""
    return np.ascontiguousarray(((image.astype(np.float32) * np.float32(1 / 255) - MEAN) / STD).transpose(2, 0, 1))


def _levels(tensor: Floats) -> Image:
    """Return the 8-bit RGB that a tensor was made of."""
    levels: Image = np.rint((tensor.transpose(1, 2, 0) * STD + MEAN) * 255).astype(np.uint8)
    return levels


def _threaded(paths: Iterable[Path], size: Size, rounds: int, threads: int) -> dict[str, Any]:
    """Measure `fastfit.fit_many` in threads, beside one, on images that are all in memory; print it."""
    images, spec = REPEATS * [_scaled(path) for path in paths], _spec(size)
    one, many = (np.stack([_empty(size)] * len(images)) for _ in range(2))
    seconds = interleaved(
        {
            "one": lambda: fastfit.fit_many(images, spec, n_jobs=1, out=one),
            "many": lambda: fastfit.fit_many(images, spec, n_jobs=threads, out=many),
        },
        rounds,
    )
    single, several = (summary(seconds[name]).median / len(images) for name in ("one", "many"))
    ratio = _ratio(seconds["one"], seconds["many"])
    reached = ratio >= THREADS_BAR
    photos = f"{len(images) // REPEATS} photographs of at most {LONGEST_THREADED} pixels, {REPEATS} times"
    print(f"\nfit_many, {photos}, on all cores: ms an image")
    print(
        f"1 thread {single:.2f}, {threads} threads {several:.2f}: ratio {ratio:.2f}, {_bar(THREADS_BAR, reached)}"
    )
    return {
        "photographs": len(images) // REPEATS,
        "threads": threads,
        "one_ms": single,
        "ms": several,
        "ratio": ratio,
        "bar": THREADS_BAR,
        "reached": reached,
        "equal": np.array_equal(one, many) and all(map(np.array_equal, many, map(spec, images))),
    }


def _scaled(path: Path) -> Image:
    with Pillow.open(path) as picture:
        picture.thumbnail((LONGEST_THREADED, LONGEST_THREADED))
        image: Image = np.asarray(picture.convert("RGB"))
        return image


def _print(group: Group, *, verbose: bool) -> None:
    print(f"\n{len(group.of(OURS))} photographs {group.title}")
    print("                     median ms  ratio                 difference  PSNR: worst (median)")
    for name, ms, ratio, least, greatest, difference, psnr, median, bar, reached in group.totals():
        between, middle = f"({least:.2f} to {greatest:.2f})", f"({median:.1f})"
        line = f"{name:<20} {ms:9.2f}  {ratio:5.2f} {between:<17} {difference:8.1e}  {psnr:5.1f} {middle}"
        print(line if bar is None else f"{line:<80} {_bar(bar, reached)}")
    for photo, name, ms, ratio, difference, psnr in group.rows if verbose else ():
        print(f"  {name:<19} {ms:8.2f}  {ratio:5.2f} {difference:26.1e}  {psnr:5.1f} {photo}")


def _bar(bar: float, reached: bool | None) -> str:
    return f"bar {bar}: {'reached' if reached else 'not reached'}"


def _facts(group: Group) -> dict[str, Any]:
    rows, totals = ([each._asdict() for each in kind] for kind in (group.rows, group.totals()))
    return {"title": group.title, "contenders": totals, "photographs": rows}
