"""The command line: every option that the command takes, and how it is written."""

import argparse
import sys
from typing import Any, NoReturn

from fastfit.cli import values
from fastfit.cli.groups import (
    add_filters,
    add_input,
    add_names,
    add_output,
    add_presets,
    add_run,
    add_sinks,
    add_size,
    add_sources,
)
from fastfit.kernel.library import about
from fastfit.version import PIXELS, __version__
from fastfit.words import (
    CONVOLUTIONS,
    MAX_CROP,
    MODES,
    RESAMPLES,
)

__all__ = ["parser"]

_INTERPOLATIONS = RESAMPLES[len(CONVOLUTIONS) :]

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
  fastfit fit 'data-{000000..000123}.tar' --shards 'small-%06d.tar' --size 512x512 --format jpeg
      WebDataset shards to shards; the other members of each sample travel along
  fastfit fit --from train.csv --column path --npy train.npy --size 224x224
      a list of paths to one NumPy file
  fastfit fit photos -o out --size sora-2 --mode auto --fill blur
      pictures that a service accepts: their size, format and bytes; see fastfit presets

The same command again goes on from where it was, however it ended; OUT.report.jsonl has a row for every source.

exit status: 0 all fitted, 1 finished with failures or stopped, 2 could not start, 130 interrupted, 143 terminated
"""


_PRESETS = """\
presets of your own, in a file that --presets names:
  [[preset]]
  name = "mine"
  sizes = ["1280x720", "720x1280"]  # or a rule: multiple_of, min_side, max_side, max_aspect; or an area
  formats = ["jpeg", "png"]         # the first is what others become
  max_bytes = 10_000_000
  alpha = false
"""


class _Version(argparse.Action):
    """Tells the versions of the package, its kernel and its pixels; the kernel is looked at only if asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print and exit."""
        sys.stdout.write(
            f"fastfit {__version__}\nkernel: {about()}\npixels: {PIXELS}\n"
        )  # `exit` would write it to stderr
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; ``command`` is the name of what is to be run."""
    whole = argparse.ArgumentParser(
        prog="fastfit",
        description="Make images exactly the size asked for, with Pillow's pixels at ten times its speed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument(
        "--version",
        action=_Version,
        nargs=0,
        help="show the version, which compiled kernel runs here, and which pixels it promises",
    )
    commands = whole.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    fit = commands.add_parser(
        "fit",
        help="fit images: files, folders, lists and tar shards",
        description="Fit images to an exact size, in parallel. Run again, it goes on from where it was.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_sources(fit)
    add_sinks(fit.add_argument_group("where the results go: one of these"))
    add_names(fit.add_argument_group("what the results are called"))
    add_size(fit.add_argument_group("size of the results: one of --size, --area, and --longest or --shortest"))
    modes = fit.add_mutually_exclusive_group()
    modes.add_argument(
        "--mode",
        choices=MODES,
        help="cover crops, pad adds borders, stretch distorts, auto crops at most --max-crop, or else pads"
        " (default: cover)",
    )
    modes.add_argument(
        "--for",
        dest="content",
        metavar="CONTENT",
        help="the mode for a kind of picture: portrait, landscape, product, artwork or screenshot",
    )
    fit.add_argument(
        "--max-crop",
        type=float,
        default=MAX_CROP,
        metavar="SHARE",
        help=f"of a picture that --mode auto crops away at most (default: {MAX_CROP})",
    )
    fit.add_argument(
        "--resample",
        choices=RESAMPLES,
        default="lanczos",
        metavar="FILTER",
        help=f"Pillow's {', '.join(CONVOLUTIONS)}; OpenCV's {', '.join(_INTERPOLATIONS)} (default: lanczos)",
    )
    fit.add_argument(
        "--centering",
        type=values.place,
        default=(0.5, 0.5),
        metavar="X,Y|PLACE",
        help="from 0,0, left and top, to 1,1; or top, bottom-left, ...; or attention or entropy, where the picture"
        " decides what is cropped (default: center)",
    )
    fit.add_argument(
        "--fill",
        type=values.colour,
        default="#000000",
        metavar="COLOUR|edge|reflect|blur",
        help="borders, and ground under transparency in JPEG: #rgb, #rrggbb or #rrggbbaa (default: #000000); or"
        " borders of the picture: its last pixels, its mirror image, or itself, blurred",
    )
    fit.add_argument(
        "--box",
        type=values.numbers,
        metavar="L,T,R,B",
        help="use only this part of each source, in pixels (default: all)",
    )
    fit.add_argument(
        "--crop",
        dest="crop_bounds",
        type=values.numbers,
        metavar="L,T,R,B",
        help="use only this part, in fractions of each source: 0.1,0.1,0.9,0.9",
    )
    fit.add_argument(
        "--reducing-gap",
        type=float,
        metavar="N",
        help="shrink by whole numbers first, leaving N times the size: 2 is fast, 3 nearly exact (default: off)",
    )
    add_filters(fit.add_argument_group("which images are skipped, with a row in the report"))
    add_run(fit)
    fit.add_argument(
        "--overwrite",
        action="store_true",
        help="begin anew: forget what earlier runs did, and replace results that exist instead of skipping them",
    )
    fit.add_argument(
        "--report", metavar="FILE", help="the journal, JSON Lines, a row for every source (default: beside OUT)"
    )
    fit.add_argument(
        "--dry-run", action="store_true", help="read headers only, and print what would be done and what it costs"
    )
    add_input(fit.add_argument_group("what is read"))
    add_output(fit.add_argument_group("what is written"))
    retry = commands.add_parser(
        "retry",
        help="fit once more what failed",
        description="Fit what failed once more, as a report tells, with the settings of its run.",
    )
    retry.add_argument("report", metavar="REPORT", help="the report of a run: OUT.report.jsonl")
    add_run(retry)
    told = commands.add_parser(
        "report",
        help="sum up a run, and write a page with pictures of what went wrong",
        description="Print the counts of a run, and write a page of HTML, without outside links, with pictures of"
        " failures and extremes.",
    )
    told.add_argument("report", metavar="REPORT", help="the report of a run: OUT.report.jsonl")
    told.add_argument("--html", metavar="FILE", help="the page (default: REPORT with .html; '' for none)")
    _add_frames(commands)
    commands.add_parser(
        "formats",
        help="list the formats that this installation reads and writes",
        description="List the formats that this installation reads and writes, and who reads them.",
    )
    selftest = commands.add_parser(
        "selftest",
        help="test whether this machine makes the promised pixels; bug reports begin with its output",
        description="Fit images whose results are known, at every level of the kernel that this machine has, and"
        " tell whether the pixels are the promised ones. Takes a few seconds. Exit status: 0 they are, 1 they are"
        " not, or the kernel cannot be used.",
    )
    selftest.add_argument("--json", action="store_true", help="print JSON, one object")
    return whole


def _add_frames(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands for single pictures that a service has to accept."""
    check = commands.add_parser(
        "check",
        help="tell whether a service takes files as they are",
        description="Tell, rule by rule, whether a service takes files as they are, and how to mend them. Exit"
        " status: 0 all are taken, 1 some are not, 2 could not start.",
    )
    check.add_argument("files", nargs="+", metavar="FILE")
    check.add_argument("--json", action="store_true", help="print JSON, a list with an object for each file")
    compare = commands.add_parser(
        "compare",
        help="one photo in every mode on one sheet, to choose from",
        description="Fit a photo in every mode, with every kind of fill and centering, onto one sheet.",
    )
    compare.add_argument("photo", metavar="PHOTO")
    compare.add_argument(
        "-o", "--out", metavar="FILE", required=True, help="the sheet: .png, .jpg, .webp or .avif"
    )
    compare.add_argument("--crop", dest="crop_bounds", type=values.numbers, metavar="L,T,R,B", help="see fit")
    for each in (check, compare):
        each.add_argument("--size", metavar="WxH|PRESET", required=True, help="as for fit: 1280x720, sora-2, ...")
        add_presets(each)
    presets = commands.add_parser(
        "presets",
        help="list what services and models ask of a picture",
        description="List what image-to-video services and models ask of a picture.",
        epilog=_PRESETS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    presets.add_argument("--json", action="store_true", help="print all columns, as JSON")
    add_presets(presets)
