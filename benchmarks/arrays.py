"""``python -m benchmarks arrays``: fit an array, beside Pillow from array to array."""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

import fastfit
from benchmarks.machine import machine
from benchmarks.photos import photographs
from benchmarks.timing import interleaved, one_core, summary
from fastfit.types import Image

SOURCES = ((500, 375), (1024, 768), (1920, 1080), (4032, 3024), (6000, 4000))
TARGETS = ((224, 224), (1280, 720), (1792, 1024))
FILTERS = {
    "lanczos": Pillow.Resampling.LANCZOS,
    "bicubic": Pillow.Resampling.BICUBIC,
    "hamming": Pillow.Resampling.HAMMING,
    "bilinear": Pillow.Resampling.BILINEAR,
    "box": Pillow.Resampling.BOX,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--resample", choices=FILTERS, default="lanczos")
    parser.add_argument("--mode", choices=("cover", "pad", "stretch"), default="cover")
    parser.add_argument(
        "--cold", action="store_true", help="forget the weights each time, as for sizes never seen"
    )
    parser.add_argument("--rounds", type=int, default=11, help="runs of each in turn (default: 11)")


def run(options: argparse.Namespace) -> int:
    """Measure every cell and print it; 1 if a result is wrong."""
    path = max(photographs(options.photos), key=_pixels)
    photo, _ = fastfit.decode(path.read_bytes(), name=path.name)
    cells = []
    rounds = 3 if options.quick else max(1, options.rounds)
    with one_core() as threads:
        facts = machine()
        print(" · ".join(f"{name} {value}" for name, value in facts.items()))
        print(f"{threads}; {path.name}, scaled; median ± MAD of {rounds} rounds in turn")
        print(f"{options.mode}, {options.resample}, weights {'new each time' if options.cold else 'cached'}\n")
        print("source      target       Pillow ms         fastfit ms       ratio (of rounds)  difference, share")
        for source in SOURCES[: 3 if options.quick else None]:
            scaled = cv2.resize(photo, source, interpolation=cv2.INTER_AREA)
            for target in TARGETS:
                cells.append(_cell(scaled, target, rounds, options))
                print(_line(cells[-1]))
    ratios = [cell["ratio"] for cell in cells]
    mean = statistics.geometric_mean(ratios)
    print(f"\ngeometric mean {mean:.2f}, least {min(ratios):.2f}, greatest {max(ratios):.2f}")
    if options.json:
        result = {
            "machine": facts,
            "mode": options.mode,
            "resample": options.resample,
            "cells": cells,
            "geomean": mean,
        }
        Path(options.json).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 1 if any(cell["largest_difference"] > 1 for cell in cells) else 0


def _pixels(path: Path) -> int:
    info = fastfit.probe(path.read_bytes())
    return info.size.width * info.size.height if info and info.size else 0


def _cell(source: Image, target: tuple[int, int], rounds: int, options: argparse.Namespace) -> dict[str, Any]:
    calls = {"pillow": _pillow(source, target, options), "fastfit": _fastfit(source, target, options)}
    expected, got = calls["pillow"](), calls["fastfit"]()
    for name, result in (("pillow", expected), ("fastfit", got)):
        if result.shape != (target[1], target[0], 3):
            raise SystemExit(f"{name}: expected {target}, got an array of shape {result.shape}")
    difference = cv2.absdiff(expected, got)
    seconds = interleaved(calls, rounds)
    ratios = [theirs / ours for theirs, ours in zip(seconds["pillow"], seconds["fastfit"], strict=True)]
    return {
        "source": f"{source.shape[1]}x{source.shape[0]}",
        "target": f"{target[0]}x{target[1]}",
        "pillow_ms": summary(seconds["pillow"]),
        "fastfit_ms": summary(seconds["fastfit"]),
        "ratio": statistics.median(ratios),
        "ratio_range": (min(ratios), max(ratios)),
        "largest_difference": int(difference.max()),
        "share_differing": float(np.count_nonzero(difference) / difference.size),
    }


def _line(cell: dict[str, Any]) -> str:
    pillow, ours, (low, high) = cell["pillow_ms"], cell["fastfit_ms"], cell["ratio_range"]
    return (
        f"{cell['source']:<11} {cell['target']:<10} {pillow.median:7.2f} ± {pillow.mad:<5.2f}"
        f"  {ours.median:7.2f} ± {ours.mad:<5.2f}  {cell['ratio']:5.2f} ({low:.2f} to {high:.2f})"
        f"  {cell['largest_difference']:4d}, {cell['share_differing']:.4%}"
    )


def _pillow(source: Image, target: tuple[int, int], options: argparse.Namespace) -> Callable[[], Image]:
    method = FILTERS[options.resample]

    def call() -> Image:
        image = Pillow.fromarray(source)
        if options.mode == "cover":
            return np.asarray(ImageOps.fit(image, target, method))
        if options.mode == "pad":
            return np.asarray(ImageOps.pad(image, target, method))
        return np.asarray(image.resize(target, method))

    return call


def _fastfit(source: Image, target: tuple[int, int], options: argparse.Namespace) -> Callable[[], Image]:
    spec = fastfit.Fit(target, options.mode, resample=options.resample)
    if not options.cold:
        return lambda: spec(source)
    from fastfit.resample.band import band

    def call() -> Image:
        band.cache_clear()
        return spec(source)

    return call
