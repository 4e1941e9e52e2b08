"""The README's FFmpeg filters and the options beside them make the same pictures, as nearly as it says.

Needs FFmpeg; chosen with ``-m ffmpeg``. ``FASTFIT_PHOTOS=DIR`` takes other photographs than the samples, and
``-n0 --log-cli-level=INFO`` tells what was measured.
"""

import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import fastfit

pytestmark = [
    pytest.mark.ffmpeg,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs FFmpeg"),
]

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = re.search(r"^<!-- ffmpeg -->\n(.*?)\n\n", README, re.DOTALL | re.MULTILINE)[1]
ROW = r"^\| `(?P<filter>.+?)` \| `(?P<options>.+?)` \| (?P<median>\d+) \((?P<least>\d+)\) \|$"
ROWS = [found.groupdict() for found in re.finditer(ROW, TABLE, re.MULTILINE)]
LYING = {"1280": "720", "720": "1280", "5120": "2880", "2880": "5120"}

log = logging.getLogger(__name__)


def portrait(text):
    """Exchange width and height of what the README shows."""
    return re.sub(r"\d+", lambda number: LYING.get(number[0], number[0]), text)


def cases():
    for row in ROWS:
        yield row["filter"], row["options"], int(row["least"])
        if portrait(row["filter"]) != row["filter"]:
            yield portrait(row["filter"]), portrait(row["options"]), int(row["least"])


CASES = list(cases())
COVER = "scale=1280:720:force_original_aspect_ratio=increase:flags=lanczos,crop=1280:720"
FILTERS = sorted({case[0] for case in CASES} | {COVER, portrait(COVER)})


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of photographs as FFmpeg and fastfit read them alike: upright, RGB, without losses."""
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted(Path(os.environ.get("FASTFIT_PHOTOS", ROOT / "samples")).iterdir()):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
            with Image.open(path) as image:
                pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
            Image.fromarray(pixels).save(folder / f"{path.stem}.png", compress_level=1)
    return folder


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def theirs(photos, tmp_path_factory):
    """Return what FFmpeg makes of a photograph by a filter; for all filters it decodes each once."""
    folder = tmp_path_factory.mktemp("ffmpeg")
    for path in sorted(photos.iterdir()):
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path)]
        for number, what in enumerate(FILTERS):
            command += ["-map", "0:v", "-vf", what, "-pix_fmt", "rgb24", str(folder / f"{number}-{path.name}")]
        subprocess.run(command, check=True)
    return lambda path, what: pixels(folder / f"{FILTERS.index(what)}-{path.name}")


def psnr(image, other):
    error = np.mean(np.square(image.astype(np.float32) - other), dtype=np.float64)
    return 10 * np.log10(255**2 / error) if error else np.inf


def test_the_table_is_read_whole():
    assert len(ROWS) == TABLE.count("\n") - 1  # but for its head and the line under it
    assert len(ROWS) > 5


@pytest.mark.parametrize(("filter", "options", "least"), CASES, ids=lambda value: str(value)[-60:])
def test_a_line_of_the_table(photos, theirs, tmp_path, filter, options, least):
    """Sizes are equal; so are pixels, as nearly as the README says."""
    command = [sys.executable, "-m", "fastfit", "fit", str(photos), "--backend", "threading"]
    command += ["-o", str(tmp_path / "out"), *shlex.split(options)]
    subprocess.run(command, check=True, capture_output=True)
    apart = {}
    for path in sorted(photos.iterdir()):
        ours, other = pixels(tmp_path / "out" / path.name), theirs(path, filter)
        assert ours.shape == other.shape, path.name
        apart[path.name] = psnr(ours, other)
    log.info("%s: median %.1f, least %.1f", options, np.median(list(apart.values())), min(apart.values()))
    assert min(apart.values()) >= least, apart


@pytest.mark.parametrize(("filter", "size"), [(COVER, (1280, 720)), (portrait(COVER), (720, 1280))])
def test_only_where_it_crops_is_another(photos, theirs, filter, size):
    """FFmpeg's steps, scaled to a whole size and then cut by whole pixels, make its picture."""
    width, height = size
    for path in sorted(photos.iterdir()):
        image = pixels(path)
        scaled = covering(image.shape[1::-1], size)
        left, top = round((scaled[0] - width) / 2), round((scaled[1] - height) / 2)
        ours = fastfit.stretch(image, scaled)[top : top + height, left : left + width]
        assert psnr(ours, theirs(path, filter)) > 48, path.name


def covering(source, size):
    """Return the least size in whole pixels, of the source's aspect, that covers another."""
    scale = max(Fraction(wanted, side) for wanted, side in zip(size, source, strict=True))
    return tuple(int(side * scale + Fraction(1, 2)) for side in source)
