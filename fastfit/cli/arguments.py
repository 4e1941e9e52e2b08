"""The command line: every option that the command takes, and how it is written."""

import argparse

from fastfit.cli import values
from fastfit.version import __version__
from fastfit.words import (
    BACKENDS,
    COLLISIONS,
    COLORS,
    FORMATS,
    FRAMES,
    ICCS,
    MAX_CROP,
    MAX_PIXELS,
    MAX_SCANS,
    METADATA,
    MIN_QUALITY,
    MODES,
    ON_DAMAGE,
    QUALITY,
    RESAMPLES,
    SUBSAMPLINGS,
    TRANSPARENCIES,
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
        help="fit images: files, folders, lists and tar shards",
        description="Fit images to an exact size, in parallel. Run again, it goes on from where it was.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_sources(fit)
    _add_sinks(fit.add_argument_group("where the results go: one of these"))
    _add_names(fit.add_argument_group("what the results are called"))
    _add_size(fit.add_argument_group("size of the results: one of --size, --area, and --longest or --shortest"))
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
        help=f"Pillow's {', '.join(RESAMPLES[:5])}; OpenCV's {', '.join(RESAMPLES[5:])} (default: lanczos)",
    )
    fit.add_argument(
        "--centering",
        type=values.place,
        default=(0.5, 0.5),
        metavar="X,Y|PLACE",
        help="from 0,0, left and top, to 1,1; or top, bottom-left, …; or attention or entropy, where the picture"
        " decides what is cropped (default: center)",
    )
    fit.add_argument(
        "--fill",
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
    _add_filters(fit.add_argument_group("which images are skipped, with a row in the report"))
    _add_run(fit)
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
    _add_input(fit.add_argument_group("what is read"))
    _add_output(fit.add_argument_group("what is written"))
    retry = commands.add_parser(
        "retry",
        help="fit once more what failed",
        description="Fit what failed once more, as a report tells, with the settings of its run.",
    )
    retry.add_argument("report", metavar="REPORT", help="the report of a run: OUT.report.jsonl")
    _add_run(retry)
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
        each.add_argument("--size", metavar="WxH|PRESET", required=True, help="as for fit: 1280x720, sora-2, …")
        _add_presets(each)
    presets = commands.add_parser(
        "presets",
        help="list what services and models ask of a picture",
        description="List what image-to-video services and models ask of a picture.",
        epilog=_PRESETS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    presets.add_argument("--json", action="store_true", help="print all columns, as JSON")
    _add_presets(presets)


def _add_sources(fit: argparse.ArgumentParser) -> None:
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


def _add_sinks(group: argparse._ArgumentGroup) -> None:
    one = group.add_mutually_exclusive_group(required=True)
    one.add_argument("-o", "--out", metavar="OUT", help="a folder")
    one.add_argument("--shards", metavar="PATTERN", help="tar shards of WebDataset: out-%%06d.tar")
    one.add_argument("--npy", metavar="FILE", help="one NumPy file, (N, H, W, C) uint8, and its rows in .jsonl")
    group.add_argument("--shard-size", type=int, metavar="N", help="samples in a shard (default: 1000)")
    group.add_argument("--shard-bytes", type=values.amount, metavar="N", help="bytes of a shard at most: 500MB")


def _add_names(group: argparse._ArgumentGroup) -> None:
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


def _add_filters(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--min-size", metavar="WxH", help="smaller sources")
    group.add_argument("--max-aspect", type=float, metavar="N", help="sources of more than N:1")
    group.add_argument("--no-enlarge", action="store_true", help="images that would be enlarged")
    group.add_argument("--dedupe", action="store_true", help="sources whose bytes are those of one before")


def _add_run(parser: argparse.ArgumentParser) -> None:
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


def _add_presets(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--presets", metavar="FILE", help="presets of your own, in TOML, see fastfit presets --help"
    )


def _add_size(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--size",
        metavar="WxH",
        help="as in 1280x720; or auto:1024x1024/64: of all sizes up to 1024x1024 pixels and 2:1, in multiples of"
        " 64, each image gets the one of the nearest aspect; or a preset, sora-2, or one of its sizes,"
        " sora-2:1280x720: see fastfit presets",
    )
    _add_presets(group)
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


def _add_output(group: argparse._ArgumentGroup) -> None:
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
