"""The photographs that are measured on: a folder of the user's, or the samples."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

import fastfit
from fastfit.types import Image

SAMPLES = Path(__file__).parent.parent / "samples"


def photographs(folder: str | None) -> list[Path]:
    """Return the photographs of a folder, sorted by name.

    Parameters
    ----------
    folder : str, optional
        Without it, the samples that come with the source.

    Returns
    -------
    list of Path
        At least one.
    """
    found = sorted(
        path
        for path in Path(folder or SAMPLES).iterdir()
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
    )
    if not found:
        raise SystemExit(f"--photos: expected a folder of photographs, got {folder}")
    return found


def pixels(path: Path) -> int:
    """Return how many a photograph has, by its header; 0 of what is none."""
    info = fastfit.probe(path.read_bytes())
    return info.size.width * info.size.height if info and info.size else 0


def largest(paths: Sequence[Path]) -> Path:
    """Return the photograph that has the most pixels."""
    return max(paths, key=pixels)


def read_rgb(path: Path) -> Image:
    """Read a photograph, upright, as an array (H, W, 3) of 8 bits."""
    with Pillow.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
