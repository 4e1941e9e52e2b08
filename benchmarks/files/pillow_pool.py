"""A folder of photographs made JPEGs of one size as with Pillow alone: SRC OUT WIDTH HEIGHT THREADS."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps


def main() -> None:
    """Do it."""
    source, out, (width, height, threads) = Path(sys.argv[1]), Path(sys.argv[2]), map(int, sys.argv[3:])

    def fit(path: Path) -> None:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode not in ("RGB", "L"):
                image = image.convert("RGB")
            fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
            fitted.save(out / f"{path.stem}.jpg", quality=95)

    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(fit, path) for path in sorted(source.iterdir())]
    for each in done:
        if each.exception():
            print(each.exception(), file=sys.stderr)


if __name__ == "__main__":
    main()
