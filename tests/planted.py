"""Folders and tar shards of small images, and what a run makes of them."""

import gc
import io
import json
import tarfile
import warnings
from functools import cache

import numpy as np
import webdataset
from PIL import Image

from fastfit import Fit, bulk

SPEC = Fit((20, 30))


@cache
def picture(seed=0, format="jpeg", size=(64, 48), mode="RGB"):
    """Encoded noise: every seed gives another picture."""
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, format)
    return buffer.getvalue()


def plant(folder, *names, content=b""):
    """Make a file for each name, with folders as needed; by default nothing is in it."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def photos(folder, *names):
    """Make a good picture for each name, each another; JPEGs, whatever the names say."""
    for seed, name in enumerate(names):
        plant(folder, name, content=picture(seed))
    return folder


def listed(folder):
    """All that is in a folder but folders, with hidden files and links."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def contents(folder):
    """What every file in a folder holds."""
    return {name: (folder / name).read_bytes() for name in listed(folder)}


def shard(path, *members, format=tarfile.GNU_FORMAT):
    """Make a tar file of (name, bytes) pairs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def members(path):
    """The members of a tar file in their order."""
    with tarfile.open(path, "r:") as tar:
        return [(member.name, tar.extractfile(member).read()) for member in tar]


def samples(*paths, decode=None):
    """The samples that WebDataset reads from shards."""
    with warnings.catch_warnings():
        # It leaves it to the garbage collector to close shards.
        warnings.simplefilter("ignore", ResourceWarning)
        dataset = webdataset.WebDataset([str(path) for path in paths], shardshuffle=False, empty_check=False)
        read = list(dataset.decode(decode) if decode else dataset)
        del dataset
        gc.collect()
    return [{name: each[name] for name in each if name == "__key__" or name[:2] != "__"} for each in read]


def ran(sources, sink, spec=SPEC, *arguments, jobs=1, backend="threading", **options):
    """Run, by default in one thread of this process; return the report and all outcomes."""
    outcomes = []
    report = bulk.run(
        sources, sink, spec, *arguments, jobs=jobs, backend=backend, progress=outcomes.append, **options
    )
    return report, outcomes


def counts(report):
    """Fitted, failed and skipped."""
    return report.fitted, report.failed, report.skipped


def codes(outcomes):
    """What was said of every source: its status, or why it is not fitted."""
    return [outcome.code or outcome.status for outcome in outcomes]


def rows(path):
    """The rows of a journal."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]
