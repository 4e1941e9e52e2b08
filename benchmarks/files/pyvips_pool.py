"""A folder of photographs made JPEGs of one size as with pyvips alone: SRC OUT WIDTH HEIGHT THREADS."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyvips


def main() -> None:
    """Do it."""
    source, out, (width, height, threads) = Path(sys.argv[1]), Path(sys.argv[2]), map(int, sys.argv[3:])

    def fit(path: Path) -> None:
        image = pyvips.Image.thumbnail(str(path), width, height=height, crop="centre", size="both")
        # Above Q=90 libvips would keep all color by itself, which no other contender does.
        image.jpegsave(str(out / f"{path.stem}.jpg"), Q=95, subsample_mode="on")

    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(fit, path) for path in sorted(source.iterdir())]
    for each in done:
        if each.exception():
            print(each.exception(), file=sys.stderr)


if __name__ == "__main__":
    main()
