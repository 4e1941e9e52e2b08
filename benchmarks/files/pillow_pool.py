"""A folder of photographs made JPEGs of one size as with Pillow alone: SRC OUT WIDTH HEIGHT THREADS [draft].

With ``draft`` as `Image.thumbnail` does it: the decoder shrinks to no less than twice the size, and what is more
than that is averaged first.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps

_GAP = 2.0
_TURNED = range(5, 9)
"""The EXIF orientations that lie on their side."""


def main() -> None:
    """Do it."""
    source, out, (width, height, threads) = Path(sys.argv[1]), Path(sys.argv[2]), map(int, sys.argv[3:6])
    draft = sys.argv[6:] == ["draft"]

    def fit(path: Path) -> None:
        with Image.open(path) as opened:
            if draft:
                turned = opened.getexif().get(0x0112) in _TURNED
                across, down = (height, width) if turned else (width, height)
                opened.draft(None, (int(_GAP * across), int(_GAP * down)))
            ImageOps.exif_transpose(opened, in_place=True)  # else it is copied, even where it is upright
            image = opened if opened.mode in ("RGB", "L") else opened.convert("RGB")
            fitted = (_reduced if draft else ImageOps.fit)(image, (width, height), Image.Resampling.LANCZOS)
            fitted.save(out / f"{path.stem}.jpg", quality=95)

    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(fit, path) for path in sorted(source.iterdir())]
    for each in done:
        if each.exception():
            print(each.exception(), file=sys.stderr)


def _reduced(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """Fit as `ImageOps.fit` does, which takes no gap."""
    scale = min(image.width / size[0], image.height / size[1])
    left, top = (image.width - scale * size[0]) / 2, (image.height - scale * size[1]) / 2
    box = (max(0, left), max(0, top), min(image.width, image.width - left), min(image.height, image.height - top))
    return image.resize(size, resample, box, reducing_gap=_GAP)


if __name__ == "__main__":
    main()
