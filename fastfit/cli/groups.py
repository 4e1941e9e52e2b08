"""The options of the commands, in groups."""

import argparse

from fastfit.cli import values
from fastfit.words import (
    BACKENDS,
    COLLISIONS,
    COLORS,
    FORMATS,
    FRAMES,
    ICCS,
    MAX_PIXELS,
    MAX_SCANS,
    METADATA,
    MIN_QUALITY,
    ON_DAMAGE,
    QUALITY,
    SUBSAMPLINGS,
    TRANSPARENCIES,
)

__all__ = [
    "add_filters",
    "add_input",
    "add_names",
    "add_output",
    "add_presets",
    "add_run",
    "add_sinks",
    "add_size",
    "add_sources",
]


def add_sources(fit: argparse.ArgumentParser) -> None:
    """Add where images come from."""
    fit.add_argument(
        "src",
        nargs="*",
        metavar="SRC",
        help="an image file, a folder of images, or tar shards of WebDataset: data-{000000..000123}.tar",
    )
    fit.add_argument(
        "--from",
        dest="list",
        metavar="LIST",
        help="a list of sources: lines of text, .csv, .parquet (fastfit[parquet]), or - for standard input; listed"
        " files keep their tree",
    )
    fit.add_argument("--column", metavar="NAME", help="of a .csv or .parquet list (default: the first)")
    fit.add_argument("--recursive", action="store_true", help="search folders within folders, but no links")
    fit.add_argument(
        "--glob",
        action="append",
        default=[],
        metavar="PATTERN",
        help="take what matches from folders, whatever its extension; with a / it is the path that has to match",
    )


def add_sinks(group: argparse._ArgumentGroup) -> None:
    """Add where results go."""
    one = group.add_mutually_exclusive_group(required=True)
    one.add_argument("-o", "--out", metavar="OUT", help="a folder")
    one.add_argument("--shards", metavar="PATTERN", help="tar shards of WebDataset: out-%%06d.tar")
    one.add_argument("--npy", metavar="FILE", help="one NumPy file, (N, H, W, C) uint8, and its rows in .jsonl")
    group.add_argument("--shard-size", type=int, metavar="N", help="samples in a shard (default: 1000)")
    group.add_argument("--shard-bytes", type=values.amount, metavar="N", help="bytes of a shard at most: 500MB")


def add_names(group: argparse._ArgumentGroup) -> None:
    """Add what results are called."""
    group.add_argument("--flat", action="store_true", help="do not keep the sources' tree")
    group.add_argument(
        "--name",
        metavar="TEMPLATE",
        help="of {stem}, {ext}, {width}, {height}, {format}, {index}, as in {stem}_{width}x{height}{ext}",
    )
    group.add_argument(
        "--collisions",
        choices=COLLISIONS,
        default="refuse",
        help="where two sources would have one result: the later fails, or is numbered (default: refuse)",
    )


def add_filters(group: argparse._ArgumentGroup) -> None:
    """Add which images are skipped."""
    group.add_argument("--min-size", metavar="WxH", help="smaller sources")
    group.add_argument("--max-aspect", type=float, metavar="N", help="sources of more than N:1")
    group.add_argument("--no-enlarge", action="store_true", help="images that would be enlarged")
    group.add_argument("--dedupe", action="store_true", help="sources whose bytes are those of one before")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add how it is done."""
    group = parser.add_argument_group("how it is done, which changes no byte of the results")
    group.add_argument(
        "--jobs", type=values.jobs, default=-1, metavar="N", help="workers (default: one for each core)"
    )
    group.add_argument(
        "--backend",
        choices=BACKENDS,
        default="loky",
        help="processes, which may crash or hang without harm to others, or threads (default: loky)",
    )
    group.add_argument(
        "--timeout",
        type=values.seconds,
        default=60.0,
        metavar="SECONDS",
        help="after which an image has failed; 0 for no limit (default: 60)",
    )
    group.add_argument(
        "--max-failures", metavar="N|P%", help="stop when more have failed: a number, or a share (default: never)"
    )


def add_presets(parser: argparse._ActionsContainer) -> None:
    """Add where more presets are."""
    parser.add_argument(
        "--presets", metavar="FILE", help="presets of your own, in TOML, see fastfit presets --help"
    )


def add_size(group: argparse._ArgumentGroup) -> None:
    """Add the size of the results."""
    group.add_argument(
        "--size",
        metavar="WxH",
        help="as in 1280x720; or auto:1024x1024/64: of all sizes up to 1024x1024 pixels and 2:1, in multiples of"
        " 64, each image gets the one of the nearest aspect; or a preset, sora-2, or one of its sizes,"
        " sora-2:1280x720: see fastfit presets",
    )
    add_presets(group)
    group.add_argument(
        "--area",
        type=values.area,
        metavar="N",
        help="keep each aspect, with N pixels; 512x512 multiplies",
    )
    group.add_argument("--longest", type=int, metavar="N", help="keep each aspect, the longer side N")
    group.add_argument(
        "--shortest", type=int, metavar="N", help="the shorter side N; with --longest no side above that"
    )
    group.add_argument("--multiple-of", type=int, metavar="N", help="snap both sides to the nearest multiple")


def add_input(group: argparse._ArgumentGroup) -> None:
    """Add how files are read."""
    group.add_argument("--exact", action="store_true", help="decode JPEGs at full scale")
    group.add_argument(
        "--on-damage",
        choices=ON_DAMAGE,
        default="error",
        help="an image whose decoder had to invent pixels fails, or is fitted with a warning (default: error)",
    )
    group.add_argument(
        "--frames",
        choices=FRAMES,
        default="first",
        help="of an animation or several pages fit one still, with a note, or fail (default: first)",
    )
    group.add_argument(
        "--max-pixels",
        type=values.limit,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger sources by their headers; 0 for no limit (default: {MAX_PIXELS}, as Pillow)",
    )
    group.add_argument(
        "--max-scans",
        type=values.limit,
        default=MAX_SCANS,
        metavar="N",
        help=f"refuse JPEGs of more scans; 0 for no limit (default: {MAX_SCANS})",
    )


def add_output(group: argparse._ArgumentGroup) -> None:
    """Add how results are written."""
    group.add_argument("--format", choices=("keep", *FORMATS), default="keep", help="(default: keep the source's)")
    group.add_argument(
        "--quality",
        type=int,
        default=QUALITY,
        metavar="N",
        help=f"of JPEG, WebP and AVIF: 1 to 100 (default: {QUALITY})",
    )
    group.add_argument(
        "--subsampling",
        choices=SUBSAMPLINGS,
        default="420",
        help="how much colour a JPEG keeps: a quarter, half, all (default: 420)",
    )
    group.add_argument("--progressive", action="store_true", help="write JPEGs in several scans")
    group.add_argument("--compression", type=int, metavar="N", help="of PNG: 0 to 9 (default: fast)")
    group.add_argument("--lossless", action="store_true", help="write WebPs without loss")
    group.add_argument(
        "--icc",
        choices=ICCS,
        default="keep",
        help="embed the source's colour profile, convert to sRGB (fastfit[color]), or drop it (default: keep)",
    )
    group.add_argument(
        "--color", choices=COLORS, default="keep", help="leave grey images grey, or write all in colour"
    )
    group.add_argument(
        "--metadata",
        choices=METADATA,
        default="drop",
        help="drop it all, or keep the Exif block, its orientation reset (default: drop)",
    )
    group.add_argument(
        "--transparency",
        choices=TRANSPARENCIES,
        default="keep",
        help="keep alpha where the format has it, or lay all over --fill (default: keep)",
    )
    group.add_argument(
        "--max-bytes",
        type=values.amount,
        metavar="N",
        help="of a result, 10MB say: lower the quality as far as need be, but not below --min-quality",
    )
    group.add_argument(
        "--min-quality",
        type=int,
        default=MIN_QUALITY,
        metavar="N",
        help=f"for --max-bytes (default: {MIN_QUALITY})",
    )
