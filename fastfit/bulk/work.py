"""What a worker does with one source: read, decode, fit, encode, and put the result where it is waited for."""

import errno
import os
import time
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from fastfit.bulk.items import Item, Result
from fastfit.bulk.naming import written_format
from fastfit.codec import ImageInfo, probe
from fastfit.disk import read_part, read_regular
from fastfit.errors import CodecError, FastfitError, OptionError, SizeError
from fastfit.files import fitted_bytes
from fastfit.geometry import Plan
from fastfit.loading import fitted_from, named
from fastfit.options import Input, Output
from fastfit.spec import Fit
from fastfit.types import Size, as_aspect, as_flag, as_size

__all__ = ["Filters", "Work", "code_of"]

_CODES = {
    errno.ENOENT: "not-found",
    errno.EACCES: "permission-denied",
    errno.EPERM: "permission-denied",
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.EFBIG: "disk-full",
    errno.EROFS: "read-only",
}
_LEAST = 1e-9
"""Pixels of a side that an enlargement is counted from."""
_HEAD = 1 << 18
"""Bytes in which nearly all files have their header; Exif and profiles come before it."""
_KINDS = ((CodecError, "undecodable"), (SizeError, "size"), (OptionError, "option"), (FastfitError, "image"))


@dataclass(frozen=True, slots=True)
class Filters:
    """Which images are skipped, with a row that says so.

    Parameters
    ----------
    min_size : Size, (int, int) or str, optional
        The least width and height of a source.
    max_aspect : float, optional
        The longest that a source's longer side may be, in lengths of its shorter side; at least 1.
    no_enlarge : bool
        Whether to skip images that would be enlarged.

    Raises
    ------
    SizeError, OptionError
    """

    min_size: Size | None = None
    max_aspect: float | None = None
    no_enlarge: bool = False

    def __post_init__(self) -> None:
        """Check every option."""
        set_ = object.__setattr__
        set_(self, "no_enlarge", as_flag("no_enlarge", self.no_enlarge))
        if self.min_size is not None:
            set_(self, "min_size", as_size(self.min_size, "min_size"))
        if self.max_aspect is not None:
            set_(self, "max_aspect", as_aspect("max_aspect", self.max_aspect))

    def reason(self, planned: Plan) -> tuple[str, str] | None:
        """Return why an image is skipped, in a word and in a sentence; None if it is not."""
        width, height = planned.src
        if self.min_size is not None and (width < self.min_size.width or height < self.min_size.height):
            return "too-small", f"expected at least {self.min_size} pixels, got {planned.src}"
        aspect = max(width, height) / min(width, height)
        if self.max_aspect is not None and aspect > self.max_aspect:
            return "aspect", f"expected an aspect of at most {self.max_aspect:g}, got {aspect:.3g} ({planned.src})"
        enlarged = enlargement(planned)
        if self.no_enlarge and enlarged > 1:
            return (
                "enlarged",
                f"expected no enlargement, got {enlarged:.3g} times ({planned.src} to {planned.dst})",
            )
        return None


def enlargement(planned: Plan) -> float:
    """Return how many times longer a stretch becomes, along the axis that gains most."""
    width, height = planned.inner_size
    # A sliver of a large picture may have no extent in C floats.
    return max(width / max(planned.crop.width, _LEAST), height / max(planned.crop.height, _LEAST))


@dataclass(frozen=True, slots=True)
class Work:
    """All that a worker needs to know besides the item.

    Parameters
    ----------
    spec : Fit
    input : Input
    output : Output
    filters : Filters
    folder : str
        Where the results are put, each in a file named by the item's number.
    pixels : bool
        Whether the results are raw pixels, not encoded.
    digests : bool
        Whether to tell the digest of each source's bytes.
    headers : bool
        Whether to read headers only, and put nothing anywhere.
    listen : bool
        Whether to catch what decoders say of damage; see `fastfit.decode`.
    """

    spec: Fit
    input: Input
    output: Output
    filters: Filters
    folder: str = ""
    pixels: bool = False
    digests: bool = False
    headers: bool = False
    listen: bool = True

    def do(self, number: int, item: Item) -> Result:
        """Fit one item and say what became of it.

        A file that cannot be read, fitted or written is a failed result; errors other than `FastfitError`,
        `OSError` and `MemoryError` are bugs and are raised.
        """
        start = time.perf_counter()
        try:
            if item.trouble is not None:
                return Result("failed", *item.trouble)
            result = self._do(number, item)
        except (FastfitError, OSError, MemoryError) as error:
            result = Result("failed", *code_of(error, item.source))
        return result._replace(ms=round(1e3 * (time.perf_counter() - start), 3))

    def _do(self, number: int, item: Item) -> Result:
        data = self._read(item)
        digest = blake2b(data, digest_size=16).hexdigest() if self.digests else None
        info = probe(data)
        planned = self._planned(info, item.source)
        if planned is not None and (reason := self.filters.reason(planned)):
            return Result("skipped", reason[0], f"{item.source}: {reason[1]}", planned=planned, digest=digest)
        if self.headers:
            return self._foretold(info, planned, item.source, len(data) < item.size)
        known = planned is not None
        written, info, planned = self._fitted(data, item)
        if not known and (reason := self.filters.reason(planned)):  # it said only now how large it is
            return Result("skipped", reason[0], f"{item.source}: {reason[1]}", planned=planned, digest=digest)
        with open(os.path.join(self.folder, str(number)), "wb") as file:
            file.write(written)
        damage = f"{item.source}: damaged: {info.damage}" if info.damage else None
        code = "damaged" if damage else None
        return Result("fitted", code, damage, info.notes, planned, len(written), digest=digest)

    def _read(self, item: Item) -> bytes:
        if not self.headers or item.size <= _HEAD:
            if item.offset < 0:
                return read_regular(Path(item.path))
            return read_part(item.path, item.offset, item.size)
        data = read_part(item.path, max(item.offset, 0), _HEAD)
        info = probe(data)
        # TIFF may have its header anywhere.
        return data if info and info.size else replace(self, headers=False)._read(item)

    def _planned(self, info: ImageInfo | None, name: str) -> Plan | None:
        if info is None or info.size is None:
            return None
        try:
            with named(name):
                return self.spec.outline(info.size)
        except SizeError as error:
            if error.name != f"{name}: src":
                raise
            raise CodecError(name, error.expected, str(info.size)) from error

    def _fitted(self, data: bytes, item: Item) -> tuple[bytes, ImageInfo, Plan]:
        if self.pixels:
            with named(item.source):
                image, info, planned = fitted_from(
                    data,
                    self.spec,
                    self.input,
                    name=item.source,
                    srgb=self.output.icc == "srgb",
                    listen=self.listen,
                )
            return np.ascontiguousarray(image).tobytes(), info, planned
        format_ = written_format(os.path.basename(item.name), self.output.format, self.output.formats)
        output = self.output if format_ == self.output.format else replace(self.output, format=format_)
        return fitted_bytes(data, self.spec, self.input, output, name=item.source, listen=self.listen)

    def _foretold(self, info: ImageInfo | None, planned: Plan | None, name: str, part: bool) -> Result:
        """Return what can be foretold of a result from its source's header."""
        if info is None:
            return Result("failed", "undecodable", f"{name}: expected an image, got none that is known")
        trouble = info.unread or (None if part else info.damage)
        pixels = planned.src.width * planned.src.height if planned else 0
        # A JPEG counts as it will be decoded, which the decoder decides.
        if self.input.max_pixels and pixels > self.input.max_pixels and info.format != "jpeg":
            trouble = f"{pixels} pixels, more than {self.input.max_pixels}"
        if info.frames > 1 and self.input.frames == "error":
            trouble = f"{info.frames} frames"
        if trouble is not None:
            text = f"{name}: expected a whole {info.format} image, got {trouble}"
            return Result("failed", "undecodable", text, planned=planned)
        return Result("fitted", planned=planned)


def code_of(error: Exception, source: str) -> tuple[str, str]:
    """Return an error as a word that does not change, and as one line that begins with the source's name."""
    if isinstance(error, OSError):
        where = f" ({error.filename})" if isinstance(error.filename, str) and error.filename != source else ""
        return _CODES.get(error.errno or 0, "unreadable"), f"{source}: {error.strerror or error}{where}"
    if isinstance(error, MemoryError):
        return "out-of-memory", f"{source}: out of memory"
    code = next((code for kind, code in _KINDS if isinstance(error, kind)), "image")
    text = str(error)
    return code, text if text.startswith(source) else f"{source}: {text}"
