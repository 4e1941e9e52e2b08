"""``python -m benchmarks focus``: how much of the subject crops keep that go where the eye does.

Subjects are boxes in fractions of the upright photograph. They were marked by eye, before anything was tuned on
them. Where the figure of a person or an animal runs out of the picture, its head is marked; photographs of
patterns, or of nothing in particular, are not.

Every other photograph makes one of two halves, to tell what is chance: a way that is better in one only has not
shown that it is. What `focus` weighs was chosen with both in sight, as round numbers on a plateau: half or twice
as large, each moves the mean of all by at most 1.5 percentage points. Photographs drawn anew move it by 2.
"""

import argparse
import csv
import json
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import fastfit
from benchmarks.contenders import fastfit_version
from benchmarks.photos import photographs
from benchmarks.timing import one_core
from fastfit.focus import focus
from fastfit.types import Box, Image, Size

SUBJECTS = Path(__file__).with_name("subjects.csv")
ASPECTS = {"16:9": Size(640, 360), "9:16": Size(360, 640), "1:1": Size(480, 480), "4:5": Size(480, 600)}
CENTRE, ENTROPY, ATTENTION, THEIR_ENTROPY, THEIR_ATTENTION, BEST = (
    *(
        "centre",
        "fastfit entropy",
        "fastfit attention",
        "libvips entropy",
        "libvips attention",
        "the best there is",
    ),
)
NO_PYVIPS = 'libvips is left out, not installed: pip install "pyvips[binary]"'
ENOUGH = 40
"""Photographs, from which on a comparison says something."""


class Subject(NamedTuple):
    """A photograph, and where in it is what it shows, in fractions of its width and height."""

    path: Path
    box: Box
    word: str


class Kept(NamedTuple):
    """How much of the subject is in one crop, from 0 to 1, and how long that took to find."""

    photo: str
    aspect: str
    way: str
    kept: float
    ms: float | None = None


class Photo(NamedTuple):
    """A photograph as each of the ways takes it."""

    subject: Subject
    data: bytes
    image: Image

    @property
    def size(self) -> Size:
        """As it is upright."""
        return Size(self.image.shape[1], self.image.shape[0])

    def kept(self, aspect: str, way: str, centering: tuple[float, float], ms: float | None = None) -> Kept:
        """Return what a crop keeps that is placed in some way."""
        crop = fastfit.plan(self.size, ASPECTS[aspect], centering=centering).crop
        return Kept(self.subject.path.name, aspect, way, _kept(self.subject.box, crop, self.size), ms)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--subjects", metavar="FILE", default=SUBJECTS, help="marks of yours (default: %(default)s)"
    )
    parser.add_argument("--verbose", action="store_true", help="every photograph, too")


def run(options: argparse.Namespace) -> int:
    """Print what each way keeps; 1 if attention keeps less than the centre or libvips of enough photographs."""
    subjects = _subjects(Path(options.subjects), photographs(options.photos))
    subjects = subjects[:: 8 if options.quick and len(subjects) > 8 else 1]
    vips = _pyvips()
    print(f"fastfit {fastfit_version()}")
    print(f"{len(subjects)} photographs to {', '.join(ASPECTS)}" + ("" if vips else f"; {NO_PYVIPS}"))
    with one_core() as threads:
        rows = [row for subject in subjects for row in _rows(_read(subject), vips)]
    print(f"share of the subject's box that is kept, mean in %; median ms of a call, {threads}\n")
    _print(rows)
    if options.verbose:
        _print_photographs(rows)
    if options.json:
        Path(options.json).write_text(json.dumps([row._asdict() for row in rows], indent=1), encoding="utf-8")
    means = {way: _mean(rows, way) for way in _ways(rows)}
    rivals = [means[way] for way in (CENTRE, THEIR_ENTROPY, THEIR_ATTENTION) if way in means]
    return 1 if len(subjects) >= ENOUGH and means[ATTENTION] < max(rivals) else 0


def _subjects(marks: Path, photos: list[Path]) -> list[Subject]:
    """Return the marked photographs among those there are, and say how many are not."""
    by_name = {path.name: path for path in photos}
    with marks.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    found = [
        Subject(by_name[line["file"]], Box(*(float(line[edge]) for edge in Box._fields)), line["subject"])
        for line in lines
        if line["file"] in by_name
    ]
    if not found:
        raise SystemExit(f"--photos: expected photographs that {marks.name} marks, got none of its {len(lines)}")
    if len(found) < len(lines):
        print(f"{len(lines) - len(found)} of {len(lines)} marked photographs are not in the folder: skipped")
    return found


def _pyvips() -> ModuleType | None:
    try:
        import pyvips
    except (ImportError, OSError):  # the latter if the library itself is not there
        return None
    return pyvips  # type: ignore[no-any-return]


def _read(subject: Subject) -> Photo:
    data = subject.path.read_bytes()
    image, _ = fastfit.decode(data, name=subject.path.name)
    return Photo(subject, data, image if image.ndim == 3 else image[..., None])


def _rows(photo: Photo, vips: ModuleType | None) -> Iterator[Kept]:
    whole = Box(0, 0, *photo.size)
    for aspect, target in ASPECTS.items():
        crop = fastfit.plan(photo.size, target).crop
        yield photo.kept(aspect, CENTRE, (0.5, 0.5))
        for way, how in ((ENTROPY, "entropy"), (ATTENTION, "attention")):
            call = partial(focus, photo.image, whole, (crop.width, crop.height), how)
            yield photo.kept(aspect, way, *_timed(call))
        if vips:
            for way, how in ((THEIR_ENTROPY, "entropy"), (THEIR_ATTENTION, "attention")):
                yield photo.kept(aspect, way, *_theirs(vips, photo.data, target, how))
        steps = (photo.kept(aspect, BEST, (step / 64, step / 64)) for step in range(65))
        yield max(steps, key=lambda each: each.kept)


def _kept(subject: Box, crop: Box, size: Size) -> float:
    left, right = (max(subject.left * size.width, crop.left), min(subject.right * size.width, crop.right))
    top, bottom = (max(subject.top * size.height, crop.top), min(subject.bottom * size.height, crop.bottom))
    area = subject.width * size.width * subject.height * size.height
    return max(0.0, right - left) * max(0.0, bottom - top) / area


def _timed(call: Callable[[], tuple[float, float]]) -> tuple[tuple[float, float], float]:
    start = time.perf_counter()
    result = call()
    return result, 1e3 * (time.perf_counter() - start)


def _theirs(vips: ModuleType, data: bytes, target: Size, how: str) -> tuple[tuple[float, float], float]:
    """Return the centering of libvips' thumbnail, and how long a whole one takes to be cropped."""
    # Of one of the two the other side is larger than the target's, or equal: the shrinking is that of the crop.
    sides = (
        vips.Image.thumbnail_buffer(data, target.width, height=10**7),
        vips.Image.thumbnail_buffer(data, 10**7, height=target.height),
    )
    whole = next(side for side in sides if side.width >= target.width and side.height >= target.height)
    cropped = vips.Image.thumbnail_buffer(data, target.width, height=target.height, crop=how)
    # The header keeps what the origin has moved by.
    x = -cropped.get("xoffset") / (whole.width - target.width) if whole.width > target.width else 0.5
    y = -cropped.get("yoffset") / (whole.height - target.height) if whole.height > target.height else 0.5
    pixels = whole.copy_memory()
    start = time.perf_counter()
    pixels.smartcrop(target.width, target.height, interesting=how)
    return (x, y), 1e3 * (time.perf_counter() - start)


def _ways(rows: list[Kept]) -> list[str]:
    return list(dict.fromkeys(row.way for row in rows))


def _mean(rows: list[Kept], way: str) -> float:
    return statistics.fmean(row.kept for row in rows if row.way == way)


def _print(rows: list[Kept]) -> None:
    photos = list(dict.fromkeys(row.photo for row in rows))
    lost = {(row.photo, row.aspect) for row in rows if row.way == CENTRE and row.kept < 1 - 1e-9}
    groups = {
        "all": rows,
        "where the centre loses some": [row for row in rows if (row.photo, row.aspect) in lost],
        "1st, 3rd, … photograph": [row for row in rows if photos.index(row.photo) % 2 == 0],
        "2nd, 4th, … photograph": [row for row in rows if photos.index(row.photo) % 2 == 1],
    }
    groups = {name: chosen for name, chosen in groups.items() if chosen}
    counts = {name: len(chosen) // len(_ways(rows)) for name, chosen in groups.items()}
    print(" " * 18 + "".join(f"{f'{name} ({counts[name]})':>34s}" for name in groups) + f"{'ms':>8s}")
    for way in _ways(rows):
        times = [row.ms for row in rows if row.way == way and row.ms is not None]
        means = "".join(f"{100 * _mean(chosen, way):34.1f}" for chosen in groups.values())
        print(f"{way:18s}{means}" + (f"{statistics.median(times):8.2f}" if times else ""))


def _print_photographs(rows: list[Kept]) -> None:
    ways = _ways(rows)
    print("\n" + "".join(f"{way:>19s}" for way in ways))
    for photo in dict.fromkeys(row.photo for row in rows):
        here = [row for row in rows if row.photo == photo]
        print("".join(f"{100 * _mean(here, way):19.1f}" for way in ways) + f"  {photo}")
