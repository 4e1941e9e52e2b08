"""``python -m benchmarks shrink``: what decoding JPEGs at 1/2, 1/4 and 1/8 costs in PSNR."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2

from benchmarks.contenders import fastfit_version
from benchmarks.photos import photographs
from fastfit import shrink
from fastfit.codec import decode, probe
from fastfit.options import Input
from fastfit.spec import Fit
from fastfit.types import Size
from fastfit.words import CONVOLUTIONS, Resample

# The rule's own: `fastfit.shrink` shrinks for no others.
FILTERS: tuple[Resample, ...] = ("lanczos", "bicubic", "hamming", "bilinear")
RATIOS = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.2, 4.0)
SIZES = ("1792x1024", "1280x720", "720x1280", "640x480", "512x512", "320x240", "224x224", "64x64")


class Shrunk(NamedTuple):
    """One photograph at one scale, by one filter, and one ratio left to shrink."""

    photo: str
    shrink: int
    resample: str
    ratio: float
    roughness: float
    psnr: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: none of its own."""
    del parser


def run(options: argparse.Namespace) -> int:
    """Print the worst PSNR by scale and ratio, then of the rule as it stands; 1 if that falls below 45 dB."""
    jpegs = [path for path in photographs(options.photos) if _is_jpeg(path)][: 4 if options.quick else None]
    cells = [cell for path in jpegs for cell in _cells(path)]
    print(f"fastfit {fastfit_version()}")
    print(f"{len(jpegs)} JPEG photographs; PSNR from the exact path in dB, worst (median), whatever the picture")
    print("left to shrink " + "".join(f"{ratio:>14.1f}" for ratio in RATIOS))
    for scale in (2, 4, 8):
        print(f"after 1/{scale}      " + "".join(_worst(cells, scale, ratio) for ratio in RATIOS))
    print("\nroughest picture at 1/2 that is above 45 dB, and smoothest below, by what is left to shrink")
    for name in FILTERS:
        print(f"  {name}")
        for ratio in RATIOS:
            print(_threshold([cell for cell in cells if cell.resample == name], ratio))
    worst = sorted(fitted for path in jpegs for fitted in _fitted(path))
    print(f"\nthe rule as it stands, {len(worst)} shrunk fits to {', '.join(SIZES)}")
    for psnr, photo, size, resample, scale in worst[:5]:
        print(f"  {psnr:.1f} dB  {photo} to {size}, {resample}, decoded at 1/{scale}")
    if options.json:
        rows = {"cells": [cell._asdict() for cell in cells], "rule": worst}
        Path(options.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 1 if worst and worst[0][0] < 45 else 0


def _is_jpeg(path: Path) -> bool:
    info = probe(path.read_bytes())
    return info is not None and info.format == "jpeg"


def _cells(path: Path) -> Iterator[Shrunk]:
    data = path.read_bytes()
    whole, info = decode(data)
    size = Size(whole.shape[1], whole.shape[0])
    for scale in (2, 4, 8):
        small, _ = decode(data, shrink=scale)
        rough = shrink.roughness(small)
        for ratio in RATIOS:
            target = Size(round(size.width / scale / ratio), round(size.height / scale / ratio))
            if min(target) >= 16:
                moved = shrink.shrunk_plan(
                    Fit(target, "stretch").plan(size), info, Size(small.shape[1], small.shape[0]), scale
                )
                for resample in FILTERS if scale == 2 else FILTERS[:1]:
                    spec = Fit(target, "stretch", resample=resample)
                    psnr = cv2.PSNR(spec(whole), spec.apply(moved, small))
                    yield Shrunk(path.name, scale, resample, ratio, rough, psnr)


def _fitted(path: Path) -> Iterator[tuple[float, str, str, str, int]]:
    data = path.read_bytes()
    whole, _ = decode(data)
    for size in SIZES:
        for resample in CONVOLUTIONS:
            spec = Fit(size, resample=resample)
            image, _, planned, _ = shrink.decode_for(data, spec, Input(), name=path.name)
            scale = round(whole.shape[1] / image.shape[1])
            if scale != 1:
                yield (
                    cv2.PSNR(spec(whole), spec.apply(planned, image)),
                    path.name,
                    size,
                    resample,
                    scale,
                )


def _worst(cells: list[Shrunk], scale: int, ratio: float) -> str:
    here = [cell for cell in cells if cell.resample == FILTERS[0]]
    found = sorted(cell.psnr for cell in here if cell.shrink == scale and cell.ratio == ratio)
    return f"{found[0]:7.1f} ({found[len(found) // 2]:.1f})" if found else " " * 14


def _threshold(cells: list[Shrunk], ratio: float) -> str:
    here = [cell for cell in cells if cell.shrink == 2 and cell.ratio == ratio]
    good, bad = ([cell.roughness for cell in here if (cell.psnr >= 45) is above] for above in (True, False))
    return f"  {ratio:.1f}: {max(good, default=0):8.0f} and {min(bad, default=float('inf')):8.0f}"
