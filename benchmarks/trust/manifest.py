"""The list of files, and what is to be expected of each."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.trust.judge import EXPECTATIONS
from fastfit.types import Size

__all__ = ["Entry", "entries"]

_SIZES = (("expect_width", "expect_height"), ("display_width", "display_height"))


class Entry(NamedTuple):
    """One file, its class, one of `EXPECTATIONS`, and the size of its upright picture where that is known."""

    file: str
    path: Path
    group: str
    expect: str
    size: Size | None


def entries(folder: Path, manifest: str | None) -> list[Entry]:
    """Read a manifest.

    Parameters
    ----------
    folder : Path
        Where the files are.
    manifest : str, optional
        A CSV file with the columns file, class, expect, expect_width, expect_height, in the working directory or
        in the folder. Without the columns class and expect, all files are of one class and must be decoded, to
        display_width and display_height if there are such. The default is the folder's manifest.csv.

    Returns
    -------
    list of Entry
        At least one, in the order of the manifest.
    """
    found = [
        path for path in (Path(manifest or folder / "manifest.csv"), folder / (manifest or "")) if path.is_file()
    ]
    if not found:
        raise SystemExit(
            f"--manifest: expected a CSV file, got {manifest or f'none, and {folder} has no manifest.csv'}"
        )
    with found[0].open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        listed = [_entry(folder, row) for row in csv.DictReader(lines) if row.get("file")]
    if not listed:
        raise SystemExit(f"--manifest: expected rows with a column file, got none in {found[0]}")
    return listed


def _entry(folder: Path, row: Mapping[str, str]) -> Entry:
    path = (folder / row["file"]).absolute()
    if not path.exists():
        raise SystemExit(f"--manifest: expected files in {folder}, got {row['file']}, which is not there")
    expect = row.get("expect") or "decode"
    if expect not in EXPECTATIONS:
        raise SystemExit(f"{row['file']}: expected one of {', '.join(EXPECTATIONS)}, got {expect}")
    sizes = ([row.get(side) or "" for side in pair] for pair in _SIZES)
    size = next((Size(int(width), int(height)) for width, height in sizes if width and height), None)
    return Entry(row["file"], path, row.get("class") or folder.absolute().name, expect, size)
