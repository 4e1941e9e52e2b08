"""Who is measured along the axes: each fits one image, a batch of equal images, or a batch in threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import PIL
from PIL import Image as Pillow

import fastfit
from benchmarks.contenders import Contender, MissingError
from fastfit.types import Image, Size

__all__ = ["CONTENDERS", "ONE_POOL", "Work"]

ONE_POOL = "kornia-rs"
"""Its threads are one pool for the process, whose number is set once: it cannot go through numbers of them."""


class Work(NamedTuple):
    """What is to be done: each image, RGB of 8 bits, stretched to a size with Lanczos."""

    images: Sequence[Image] | Image
    """One, or a batch of one size."""
    size: Size
    threads: int = 1

    def rows(self) -> Image:
        """Return room for the results of a batch."""
        return np.empty((len(self.images), self.size.height, self.size.width, 3), np.uint8)


Call: TypeAlias = Callable[[], Image]
"""Returns the image, or the rows of a batch."""
Make: TypeAlias = Callable[[Work], Call]


def _each(resizer: Callable[[Size], Callable[[Image], Image]]) -> Make:
    """Of what makes one image make what does a batch: in a loop, or a pool of threads that is there already."""

    def make(work: Work) -> Call:
        resize = resizer(work.size)
        if len(work.images) == 1:
            image = work.images[0]
            return lambda: resize(image)
        pool = ThreadPoolExecutor(work.threads) if work.threads > 1 else None

        def call() -> Image:
            rows = work.rows()

            def fill(index: int) -> None:
                rows[index] = resize(work.images[index])

            for _ in (pool.map if pool else map)(fill, range(len(rows))):
                pass  # as they come: a loop is lazy, and threads raise here
            return rows

        return call

    return make


def _fastfit(work: Work) -> Call:
    spec = fastfit.Fit(work.size, "stretch")
    if len(work.images) == 1:
        image = work.images[0]
        return lambda: spec(image)
    return lambda: fastfit.fit_many(work.images, spec, n_jobs=work.threads)


def _pillow(size: Size) -> Callable[[Image], Image]:
    return lambda image: np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.LANCZOS))


def _kornia(size: Size) -> Callable[[Image], Image]:
    from kornia_rs import imgproc

    # A host's array makes a host's array, whatever its types say.
    return lambda image: np.asarray(imgproc.resize(image, (size.height, size.width), "lanczos"))


def _pyvips(size: Size) -> Callable[[Image], Image]:
    import pyvips

    def resize(image: Image) -> Image:
        height, width, channels = image.shape
        source: Any = pyvips.Image.new_from_memory(image.data, width, height, channels, "uchar")
        result: Image = source.resize(size.width / width, vscale=size.height / height, kernel="lanczos3").numpy()
        return result

    return resize


def _kornia_version() -> str:
    import kornia_rs

    return str(kornia_rs.__version__)


def _pyvips_version() -> str:
    try:
        import pyvips
    except OSError as error:  # the package without its library
        raise MissingError(str(error)) from None
    return f"{version('pyvips')} libvips {'.'.join(str(pyvips.version(part)) for part in range(3))}"


def _pin_pyvips(threads: int) -> None:
    import pyvips

    pyvips.concurrency_set(threads)
    pyvips.cache_set_max(0)  # or it would remember results


CONTENDERS: dict[str, Contender[Make]] = {
    "pillow": Contender(_each(_pillow), lambda: PIL.__version__, "pip install 'fastfit[bench]'"),
    "fastfit": Contender(_fastfit, lambda: fastfit.__version__, "pip install fastfit"),
    "kornia-rs": Contender(_each(_kornia), _kornia_version, "pip install kornia-rs"),
    "pyvips": Contender(
        _each(_pyvips),
        _pyvips_version,
        "pip install 'pyvips[binary]'",
        ["whole-number shrink first, gap 2", "enlarges by bicubic, 0.2 pixels off"],
        _pin_pyvips,
    ),
}
