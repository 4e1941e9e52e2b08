"""The photographs that are measured on: a folder of the user's, or the samples."""

from pathlib import Path

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
