"""The command line: every option that the command takes, and how it is written."""

import argparse
import re
from pathlib import Path

from fastfit import __version__
from fastfit.words import (
    COLORS,
    FORMATS,
    FRAMES,
    ICCS,
    MAX_PIXELS,
    MAX_SCANS,
    METADATA,
    MODES,
    ON_DAMAGE,
    RESAMPLES,
    SUBSAMPLINGS,
)

__all__ = ["parser"]

_EXAMPLES = """\
examples:
  fastfit fit photos -o out --size 1280x720
      every photo in the folder, cropped to fill exactly 1280x720
  fastfit fit photos -o out --size 1280x720 --mode pad --fill '#ffffff' --format png
      the whole photo on white, as PNG
  fastfit fit data -o out --size 224x224 --recursive --jobs 8
      a tree of folders, kept under out, by 8 processes

  fastfit fit data -o out --size auto:1024x1024/64
      each image to the nearest of the aspect-ratio buckets of about a megapixel

exit status: 0 all fitted, 1 finished with failures, 2 could not start, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; ``command`` is the name of what is to be run."""
    whole = argparse.ArgumentParser(
        prog="fastfit",
        description="Make images exactly the size asked for, with Pillow's pixels at several times its speed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"fastfit {__version__}")
    commands = whole.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    fit = commands.add_parser(
        "fit",
        help="fit files and folders of images into a folder",
        description="Fit images to an exact size. Folders keep their tree under OUT; what exists is skipped.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fit.add_argument("src", nargs="+", type=Path, metavar="SRC", help="an image file, or a folder of images")
    fit.add_argument("-o", "--out", required=True, type=Path, metavar="OUT", help="folder for the results")
    _add_size(fit.add_argument_group("size of the results: one of --size, --area, and --longest or --shortest"))
    fit.add_argument(
        "--mode",
        choices=MODES,
        default="cover",
        help="cover crops, pad adds borders, stretch distorts (default: cover)",
    )
    fit.add_argument(
        "--resample",
        choices=RESAMPLES,
        default="lanczos",
        metavar="FILTER",
        help=f"Pillow's {', '.join(RESAMPLES[:5])}; OpenCV's {', '.join(RESAMPLES[5:])} (default: lanczos)",
    )
    fit.add_argument(
        "--centering",
        type=_numbers,
        default=(0.5, 0.5),
        metavar="X,Y",
        help="from 0,0, left and top, to 1,1 (default: 0.5,0.5)",
    )
    fit.add_argument(
        "--fill",
        type=_colour,
        default=_colour("#000000"),
        metavar="COLOUR",
        help="borders, and ground under transparency in JPEG: #rgb, #rrggbb or #rrggbbaa (default: #000000)",
    )
    fit.add_argument(
        "--box",
        type=_numbers,
        metavar="L,T,R,B",
        help="use only this part of each source, in pixels (default: all)",
    )
    fit.add_argument(
        "--reducing-gap",
        type=float,
        metavar="N",
        help="shrink by whole numbers first, leaving N times the size: 2 is fast, 3 nearly exact (default: off)",
    )
    fit.add_argument(
        "--jobs", type=_jobs, default=-1, metavar="N", help="worker processes (default: one for each core)"
    )
    fit.add_argument("--recursive", action="store_true", help="search folders within folders, but no links")
    fit.add_argument(
        "--overwrite", action="store_true", help="replace results that exist instead of skipping them"
    )
    _add_input(fit.add_argument_group("what is read"))
    _add_output(fit.add_argument_group("what is written"))
    commands.add_parser(
        "formats",
        help="list the formats that this installation reads and writes",
        description="List the formats that this installation reads and writes, and who reads them.",
    )
    return whole


def _add_size(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--size",
        metavar="WxH",
        help="as in 1280x720; or auto:1024x1024/64: of all sizes up to 1024x1024 pixels and 2:1, in multiples of"
        " 64, each image gets the one of the nearest aspect",
    )
    group.add_argument(
        "--area",
        type=_area,
        metavar="N",
        help="keep each aspect, with N pixels; 512x512 multiplies",
    )
    group.add_argument("--longest", type=int, metavar="N", help="keep each aspect, the longer side N")
    group.add_argument(
        "--shortest", type=int, metavar="N", help="the shorter side N; with --longest no side above that"
    )
    group.add_argument("--multiple-of", type=int, metavar="N", help="snap both sides to the nearest multiple")


def _add_input(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--exact", action="store_true", help="decode JPEGs at full scale, and sum them exactly")
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
        type=_limit,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger sources by their headers; 0 for no limit (default: {MAX_PIXELS}, as Pillow)",
    )
    group.add_argument(
        "--max-scans",
        type=_limit,
        default=MAX_SCANS,
        metavar="N",
        help=f"refuse JPEGs of more scans; 0 for no limit (default: {MAX_SCANS})",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--format", choices=("keep", *FORMATS), default="keep", help="(default: keep the source's)")
    group.add_argument(
        "--quality", type=int, default=95, metavar="N", help="of JPEG, WebP and AVIF: 1 to 100 (default: 95)"
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


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers with commas between them, got {text!r}") from None


def _area(text: str) -> int:
    sides = re.fullmatch(r"([0-9]{1,15})(?:[xX×]([0-9]{1,15}))?", text)
    if sides is None:
        raise argparse.ArgumentTypeError(f"expected a number of pixels, or WxH, got {text!r}")
    return int(sides.group(1)) * int(sides.group(2) or 1)


def _colour(text: str) -> tuple[int, ...]:
    digits = text.removeprefix("#")
    if not re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}", digits):
        raise argparse.ArgumentTypeError(f"expected #rgb, #rrggbb or #rrggbbaa, got {text!r}")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return tuple(bytes.fromhex(digits))


def _jobs(text: str) -> int:
    if not re.fullmatch(r"-1|[1-9][0-9]{0,3}", text):
        raise argparse.ArgumentTypeError(f"expected a number of processes, or -1 for all cores, got {text!r}")
    return int(text)


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"expected a number, or 0 for no limit, got {text!r}")
    return int(text)
