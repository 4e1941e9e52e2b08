"""Many arrays at once: `fit_many`, in threads, into one buffer."""

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from operator import length_hint
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from fastfit.arrays import as_array, describe_out, overlap
from fastfit.errors import FastfitError, ImageError, OptionError, describe
from fastfit.spec import Fit
from fastfit.threads import cores, single_threaded
from fastfit.types import Image, as_integer

__all__ = ["fit_many"]

ReturnAs: TypeAlias = Literal["array", "list", "generator"]

_ROWS = 64
"""Of a buffer for images whose number nobody knows yet; it doubles as they come."""
_MOST_ROWS = 1024
"""To begin with, whatever an iterator says of its length."""
_AHEAD = 2
"""Images at work or waiting to be taken, for each thread."""


@overload
def fit_many(
    images: Iterable[Any],
    spec: Fit,
    *,
    n_jobs: int = -1,
    out: Image | None = None,
    return_as: Literal["array"] = "array",
) -> Image: ...
@overload
def fit_many(
    images: Iterable[Any], spec: Fit, *, n_jobs: int = -1, out: None = None, return_as: Literal["list"]
) -> list[Image]: ...
@overload
def fit_many(
    images: Iterable[Any], spec: Fit, *, n_jobs: int = -1, out: None = None, return_as: Literal["generator"]
) -> Generator[Image, None, None]: ...
def fit_many(
    images: Iterable[Any],
    spec: Fit,
    *,
    n_jobs: int = -1,
    out: Image | None = None,
    return_as: ReturnAs = "array",
) -> Image | list[Image] | Generator[Image, None, None]:
    """Fit many images, of any mix of sizes, in threads.

    Parameters
    ----------
    images : iterable of images, or ndarray, (N, H, W) or (N, H, W, C)
        Whatever `spec` takes: arrays, PIL images, tensors. An iterator is read in the calling thread, no more than
        two images ahead for each thread. Only read.
    spec : Fit
        What is done to each. For an array every result must have the same shape and dtype: with `channels`, grey,
        RGB and RGBA images may be mixed.
    n_jobs : int
        Threads: a number, -1 for one on each core, -2 for one less, and so on. 1 works in the calling thread.
    out : ndarray, (N, *shape), optional
        Written and returned instead of a new array; of the dtype and the shape that ``spec.form`` tells, N the
        number of images, any strides. It may be the NumPy view of a torch tensor in pinned or shared memory.
    return_as : {"array", "list", "generator"}
        One array of all results; a list, in which each may have a shape of its own; or a generator, that goes on
        with the next images while its consumer is at work, but no further than two for each thread.

    Returns
    -------
    ndarray, (N, height, width, C) or (N, C, height, width); list or generator of ndarray
        In the order of the images, each row equal to ``spec(image)``, whatever `n_jobs`. `out`, or new arrays that
        are the caller's. Grey images without a channel axis make ``(N, height, width)``.

    Raises
    ------
    FastfitError
        An image cannot be fitted, or, for an array, not into a row like the first's. Its name begins with
        ``images[i]``; of several the first one is raised. Rows of `out` before it are written, others may be.
    OptionError
        Another option is wrong, or `out` has another number of rows than there are images.

    Notes
    -----
    While threads are at work, OpenCV is limited to one thread in the whole process; what the caller had set holds
    again as soon as they pause.

    Examples
    --------
    >>> import numpy as np
    >>> photos = [np.zeros((300, 400, 3), np.uint8), np.zeros((500, 200), np.uint8)]
    >>> spec = Fit("224x224", channels=3, layout="CHW", dtype="float32", scale=1 / 255)
    >>> fit_many(photos, spec).shape
    (2, 3, 224, 224)
    """
    if not isinstance(spec, Fit):
        raise OptionError("spec", "a Fit", describe(spec))
    if return_as not in ("array", "list", "generator"):
        raise OptionError("return_as", "one of array, list, generator", describe(return_as))
    if out is not None and return_as != "array":
        raise OptionError("out", f'None with return_as="{return_as}"', describe(out))
    source = _as_images(images)
    jobs = min(_as_jobs(n_jobs), max(1, len(source)) if hasattr(source, "__len__") else sys.maxsize)
    if return_as == "array":
        return _into_rows(source, spec, jobs, out)
    results = _fitted(enumerate(source), lambda _, image: spec(image), jobs)
    return list(results) if return_as == "list" else results


def _as_jobs(value: int) -> int:
    try:
        number = as_integer(value)
    except TypeError:
        number = 0
    if number == 0:
        raise OptionError("n_jobs", "a number of threads, or -1 for all cores", describe(value))
    return number if number > 0 else max(1, cores() + 1 + number)


def _as_images(images: Any) -> Any:
    """Return what can be iterated: a stack of images as an array, and whatever else as it is."""
    if isinstance(images, (list, tuple)):
        return images
    if isinstance(images, np.ndarray) or hasattr(images, "__array__") or hasattr(images, "__dlpack__"):
        try:
            images = as_array(images)
        except ImageError as error:
            raise error.renamed("images") from error
        if images.ndim not in (3, 4) or (images.ndim == 3 and images.shape[2] <= 4):
            got = f"shape {images.shape}" + (", that is one image: [image]" if images.ndim in (2, 3) else "")
            raise ImageError("images", "a stack (N, H, W) or (N, H, W, C), or a list", got)
        return images
    try:
        iter(images)
    except TypeError:
        expected = "a list, an iterator or a stack of images"
        raise ImageError("images", expected, f"a {type(images).__name__}") from None
    return images


def _into_rows(source: Any, spec: Fit, jobs: int, out: Image | None) -> Image:
    """Fit into the rows of one array; where their number is unknown it grows between rounds of threads."""
    hint = _count(source)
    numbered: Iterator[tuple[int, Any]] = enumerate(source)
    first = next(numbered, None)
    if first is None:
        if isinstance(out, np.ndarray) and out.shape[:1] == (0,):
            return out
        raise ImageError("images", "at least one image", "none")
    with _about(0):
        shape, dtype = spec.form(first[1])
    rows = np.empty((hint, *shape), dtype) if out is None else _as_out(out, shape, dtype, source)
    numbered = chain([first], numbered)
    done = 0
    while True:
        done += sum(1 for _ in _fitted(islice(numbered, len(rows) - done), _Rows(rows, spec), jobs))
        more = next(numbered, None) if done == len(rows) else None
        if more is None:
            break
        if out is not None:
            raise OptionError("out", "one row for each image", f"{len(out)} rows for more")
        rows.resize((2 * len(rows), *rows.shape[1:]), refcheck=False)
        numbered = chain([more], numbered)
    if done < len(rows):
        if out is not None:
            raise OptionError("out", "one row for each image", f"{len(out)} rows for {done}")
        rows.resize((done, *rows.shape[1:]), refcheck=False)
    return rows


def _count(source: Any) -> int:
    """Return how many rows to begin with: the number of images, or what an iterator thinks, within reason."""
    if hasattr(source, "__len__"):
        return max(1, len(source))
    try:
        return max(_ROWS, min(length_hint(source), _MOST_ROWS))
    except (TypeError, ValueError, OverflowError):  # it is a hint, and may be nonsense
        return _ROWS


def _as_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], source: Any) -> Image:
    if not isinstance(out, np.ndarray) or out.shape[1:] != shape or out.dtype != dtype:
        raise OptionError("out", f"an array of {dtype} (N, {', '.join(map(str, shape))})", describe_out(out))
    if not out.flags.writeable:
        raise OptionError("out", "a writeable array", "a read-only one")
    if hasattr(source, "__len__") and len(out) != len(source):
        raise OptionError("out", "one row for each image", f"{len(out)} rows for {len(source)}")
    known = [source] if isinstance(source, np.ndarray) else source if isinstance(source, (list, tuple)) else []
    if any(isinstance(image, np.ndarray) and overlap(out, image) for image in known):
        raise OptionError("out", "memory apart from the images'", "an overlap")
    return out


@dataclass(frozen=True, slots=True)
class _Rows:
    """Fits an image into its row."""

    rows: Image
    spec: Fit

    def __call__(self, index: int, image: Any) -> None:
        array, row = as_array(image), self.rows[index]
        shape, dtype = self.spec.form(array)
        if (shape, dtype) != (row.shape, row.dtype):
            size = slice(1, None) if self.spec.layout == "CHW" else slice(2)
            rest = "; channels=3 makes grey and RGBA alike" if shape[size] == row.shape[size] else ""
            raise ImageError(
                "image", f"a result of {row.dtype} {row.shape}, as the first{rest}", f"{dtype} {shape}"
            )
        if overlap(self.rows, array):
            raise OptionError("out", "memory apart from the images'", "an overlap")
        self.spec(array, row)


_Call: TypeAlias = Callable[[int, Any], Any]


def _fitted(numbered: Iterator[tuple[int, Any]], fit: _Call, jobs: int) -> Generator[Any, None, None]:
    """Yield what `fit` makes of each image, in order; raise what the first makes that it refuses."""
    if jobs == 1:
        return (_fit(fit, *item) for item in numbered)
    return _in_threads(numbered, fit, jobs)


def _in_threads(numbered: Iterator[tuple[int, Any]], fit: _Call, jobs: int) -> Generator[Any, None, None]:
    # Threads of the standard library: joblib's `Parallel` looks for results every 10 ms, which is as long as many
    # images take, and goes on however far its consumer is behind. Imported where it is used, for it loads logging.
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(jobs, thread_name_prefix="fit_many")
    waiting: deque[Future[Any]] = deque()
    wait, here = True, os.getpid()

    def take() -> Any:
        if os.getpid() != here:
            raise RuntimeError("fit_many: a generator cannot go on in a forked process, where its threads are not")
        return waiting.popleft().result()

    try:
        while True:
            try:
                item = next(numbered, None)
            except Exception:  # comes when it is its turn
                while waiting:
                    yield take()
                raise
            if item is None:
                break
            waiting.append(pool.submit(_fit, fit, *item))
            if len(waiting) > _AHEAD * jobs:
                yield take()
        while waiting:
            yield take()
    except GeneratorExit:
        # Left half taken, perhaps by the garbage collector, in any thread: even in one of these.
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def _fit(fit: _Call, index: int, image: Any) -> Any:
    with single_threaded(), _about(index):
        return fit(index, image)


@contextmanager
def _about(index: int) -> Iterator[None]:
    """Let errors tell which image they are about."""
    try:
        yield
    except FastfitError as error:
        name = f"images[{index}]"
        raise error.renamed(name if error.name == "image" else f"{name}: {error.name}") from error
