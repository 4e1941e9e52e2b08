"""Many arrays at once: `fit_many`, in threads, into one buffer."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from operator import length_hint
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from fastfit.arrays import as_array, describe_out, overlap
from fastfit.errors import FastfitError, ImageError, OptionError, describe
from fastfit.resample import Queue
from fastfit.runners import AHEAD, Done, Item, Runner, runner
from fastfit.spec import Fit
from fastfit.threads import single_threaded
from fastfit.types import Image

__all__ = ["fit_many"]

ReturnAs: TypeAlias = Literal["array", "list", "generator"]
Backend: TypeAlias = Literal["threads", "joblib"]
_ROWS = 64
"""Of a buffer for images whose number nobody knows yet; it doubles as they come."""
_MOST_ROWS = 1024
"""To begin with, whatever an iterator says of its length."""
_MOST_TOGETHER = 32
"""Images of a group."""
_TOGETHER = 6_000_000
"""Samples that a group of several images has at most: some 2 ms of work. Shorter calls make threads wait for each
other: handing over the interpreter's lock takes 40 µs."""


@overload
def fit_many(
    images: Iterable[Any],
    spec: Fit,
    *,
    n_jobs: int | None = None,
    out: Image | None = None,
    return_as: Literal["array"] = "array",
    backend: Backend = "threads",
) -> Image: ...
@overload
def fit_many(
    images: Iterable[Any],
    spec: Fit,
    *,
    n_jobs: int | None = None,
    out: None = None,
    return_as: Literal["list"],
    backend: Backend = "threads",
) -> list[Image]: ...
@overload
def fit_many(
    images: Iterable[Any],
    spec: Fit,
    *,
    n_jobs: int | None = None,
    out: None = None,
    return_as: Literal["generator"],
    backend: Backend = "threads",
) -> Generator[Image, None, None]: ...
def fit_many(
    images: Iterable[Any],
    spec: Fit,
    *,
    n_jobs: int | None = None,
    out: Image | None = None,
    return_as: ReturnAs = "array",
    backend: Backend = "threads",
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
    n_jobs : int, optional
        Threads: a number, -1 for one on each core (the default), -2 for one less, and so on. 1 works in the
        calling thread. For a list or a stack of images, the calling thread is one of them, unless a generator
        is wanted. With ``backend="joblib"``, joblib's `n_jobs`; by default that of `parallel_config`.
    out : ndarray, (N, *shape), optional
        Written and returned instead of a new array; of the dtype and the shape that ``spec.form`` tells, N the
        number of images, any strides. It may be the NumPy view of a torch tensor in pinned or shared memory.
    return_as : {"array", "list", "generator"}
        One array of all results; a list, in which each may have a shape of its own; or a generator, that goes on
        with the next images while its consumer is at work, but no further than two groups for each thread.
    backend : {"threads", "joblib"}
        Who works: threads of this function, or ``joblib.Parallel`` as ``joblib.parallel_config`` sets it. Its
        processes get copies of the images and send back copies of the results; `out` and the generator need a
        backend that works in threads.

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
    Small arrays of a list or a stack go to the kernel in groups that take some milliseconds: with a call for each,
    threads would wait for each other. While threads are at work, OpenCV is limited to one thread in the whole
    process; what the caller had set holds again as soon as they pause.

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
    streams = return_as == "generator"
    in_place = out is not None or streams
    run = runner(backend, n_jobs, source, all_there=_is_all_there(source), in_place=in_place, streams=streams)
    if return_as == "array":
        return _into_rows(source, spec, run, out)
    results = run(_groups(enumerate(source), source, run.jobs), _Results(spec))
    return list(_each(results)) if return_as == "list" else _each(results)


def _each(groups: Iterator[list[Image]]) -> Generator[Image, None, None]:
    """Yield the results of groups; to leave half-way ends the work on the rest."""
    try:
        for results in groups:
            yield from results
    finally:
        if isinstance(groups, Generator):
            groups.close()


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


def _into_rows(source: Any, spec: Fit, run: Runner, out: Image | None) -> Image:
    """Fit into the rows of one array; where their number is unknown it grows between rounds of threads."""
    hint = _count(source)
    numbered: Iterator[Item] = enumerate(source)
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
        done = _fill(rows, done, _groups(islice(numbered, len(rows) - done), source, run.jobs), spec, run)
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


def _fill(rows: Image, done: int, groups: Iterator[list[Item]], spec: Fit, run: Runner) -> int:
    """Fit groups into the rows from `done` on, and return how many are done then."""
    if run.shares_memory:
        return done + sum(1 for _ in _each(run(groups, _Rows(rows, spec))))
    for result in _each(run(groups, _Results(spec))):
        with _about(done):
            _check_row(rows, result.shape, result.dtype, spec)
        rows[done] = result
        done += 1
    return done


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


def _is_all_there(source: Any) -> bool:
    """Return whether images are in memory, and are not made while they are asked for."""
    return isinstance(source, (list, tuple, np.ndarray))


def _groups(numbered: Iterator[Item], source: Any, jobs: int) -> Iterator[list[Item]]:
    """Yield images in groups: small arrays that are all there together, whatever else alone."""
    known = len(source) if _is_all_there(source) else 1
    most = 1 if jobs == 1 else min(max(1, known // (AHEAD * jobs)), _MOST_TOGETHER)
    group: list[Item] = []
    samples = 0
    for index, image in numbered:
        more = image.size if isinstance(image, np.ndarray) else _TOGETHER
        if group and samples + more > _TOGETHER:
            yield group
            group, samples = [], 0
        group.append((index, image))
        samples += more
        if len(group) == most:
            yield group
            group, samples = [], 0
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Results:
    """Fits a group into new arrays."""

    spec: Fit

    def __call__(self, group: list[Item]) -> Done:
        return _fit_group(group, lambda _, image, queue: self.spec.fit_later(image, None, queue))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Fits a group into its rows."""

    rows: Image
    spec: Fit

    def __call__(self, group: list[Item]) -> Done:
        return _fit_group(group, self._fit)

    def _fit(self, index: int, image: Any, queue: Queue) -> Image:
        array, row = as_array(image), self.rows[index]
        _check_row(self.rows, *self.spec.form(array), self.spec)
        if overlap(self.rows, array):
            raise OptionError("out", "memory apart from the images'", "an overlap")
        return self.spec.fit_later(array, row, queue)


def _check_row(rows: Image, shape: tuple[int, ...], dtype: np.dtype[Any], spec: Fit) -> None:
    expected = rows.shape[1:]
    if (shape, dtype) != (expected, rows.dtype):
        size = slice(1, None) if spec.layout == "CHW" else slice(2)
        rest = "; channels=3 makes grey and RGBA alike" if shape[size] == expected[size] else ""
        raise ImageError("image", f"a result of {rows.dtype} {expected}, as the first{rest}", f"{dtype} {shape}")


def _fit_group(group: list[Item], fit: Callable[[int, Any, Queue], Image]) -> Done:
    queue, results, failed = Queue(), [], None
    with single_threaded():
        try:
            for index, image in group:
                with _about(index):
                    results.append(fit(index, image, queue))
        except Exception as error:  # noqa: BLE001 - raised again where the results before it have been taken
            failed = error
        queue.run()
    return results, failed


@contextmanager
def _about(index: int) -> Iterator[None]:
    """Let errors tell which image they are about."""
    try:
        yield
    except FastfitError as error:
        name = f"images[{index}]"
        raise error.renamed(name if error.name == "image" else f"{name}: {error.name}") from error
