"""Few photographs as many files."""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["link_photographs"]


def link_photographs(photos: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """Fill a new folder with links to photographs, over and over.

    Parameters
    ----------
    photos : sequence of Path
        At least one; each is linked in turn.
    folder : Path
        Made here.
    count : int
        Of the links.

    Returns
    -------
    list of Path
        `count` links, ``00000-name.jpg`` the first; the part before the first hyphen is a number of its own.
    """
    folder.mkdir()
    targets = [photo.resolve() for photo in photos]
    links = [folder / f"{number:05d}-{photos[number % len(photos)].name}" for number in range(count)]
    for number, link in enumerate(links):
        link.symlink_to(targets[number % len(targets)])
    return links
