"""Whether a contender did what it was to do."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

import fastfit
from benchmarks.correctness import compared
from benchmarks.results import Correctness
from fastfit.types import Image, Size

__all__ = ["Faults", "all_compared", "check", "glances"]

_SMALL, _ENOUGH = Size(32, 18), 512
"""What small pictures are made to, and of: JPEGs are decoded no smaller."""
_ALIKE = 20.0
"""Mean difference of levels, at most. Of 72 photographs: 9 where sharp converts to sRGB, else 2; turned: 50."""


class Faults(NamedTuple):
    """How many outputs are not what they should be."""

    missing: int = 0
    odd: int = 0
    """No JPEGs of exactly the size asked for."""
    unlike: int = 0
    """Show something else than the photograph, or it on its side."""

    def __str__(self) -> str:
        """Say what there is."""
        counts = zip(self, ("missing", "of another size or format", "turned or otherwise unlike"), strict=True)
        return ", ".join(f"{count} {what}" for count, what in counts if count)


def glances(photos: Iterable[Path], size: Size) -> dict[Path, Image]:
    """Return small pictures of what the outputs should show, by photograph: of those that Pillow reads.

    Parameters
    ----------
    photos : iterable of Path
        No links.
    size : Size
        Of the outputs: says what is cropped.
    """
    seen = {photo: _glance(photo, size) for photo in photos}
    return {photo: glance for photo, glance in seen.items() if glance is not None}


def check(out: Path, links: Sequence[Path], size: Size, expected: Mapping[Path, Image]) -> Faults:
    """Read the header of every output, and look at the picture.

    Parameters
    ----------
    out : Path
        Folder of the outputs, named as `benchmarks.files.contenders.Job` says.
    links : sequence of Path
        What they are made of, as `benchmarks.links.link_photographs` gives them.
    size : Size
        That all are to have.
    expected : mapping
        What they show; see `glances`. Nothing is looked at of photographs that are not in it.
    """
    outputs = _by_number(out)
    pairs = [(outputs[_number(link)], link.resolve()) for link in links if _number(link) in outputs]
    right = [(output, photo) for output, photo in pairs if _is_jpeg(output, size)]
    looked = [(output, expected[photo]) for output, photo in right if photo in expected]
    unlike = sum(not _alike(_glance(output, size), glance) for output, glance in looked)
    return Faults(missing=len(links) - len(pairs), odd=len(pairs) - len(right), unlike=unlike)


def all_compared(out: Path, expected: Path) -> list[Correctness]:
    """Compare each output with another contender's of the same photograph, where there are both, as pictures."""
    theirs = _by_number(expected) if expected.exists() else {}
    own = _by_number(out)
    return [
        compared(_pixels(theirs[number]), _pixels(own[number])) for number in sorted(own.keys() & theirs.keys())
    ]


def _pixels(file: Path) -> Image:
    """Return what a file shows, or nothing if it shows nothing."""
    try:
        with Pillow.open(file) as opened:
            pixels: Image = np.asarray(opened.convert("RGB"))
    except OSError:
        pixels = np.zeros((0, 0, 3), np.uint8)
    return pixels


def _by_number(out: Path) -> dict[str, Path]:
    """Return the outputs in a folder, each by the number that its name begins with."""
    return {_number(path): path for path in out.iterdir()}


def _number(path: Path) -> str:
    return path.name.partition("-")[0]


def _is_jpeg(path: Path, size: Size) -> bool:
    info = fastfit.probe(path.read_bytes())
    return info is not None and info.format == "jpeg" and info.size == size


def _glance(path: Path, size: Size) -> Image | None:
    try:
        with Pillow.open(path) as opened:
            opened.draft("RGB", (_ENOUGH, _ENOUGH))
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except OSError:  # it is no picture, or not all of one
        return None
    fitted = ImageOps.fit(upright, size, Pillow.Resampling.BILINEAR)
    small: Image = np.asarray(fitted.resize(_SMALL, Pillow.Resampling.BOX))
    return small


def _alike(one: Image | None, other: Image) -> bool:
    return one is not None and float(np.abs(one.astype(np.float32) - other).mean()) <= _ALIKE
