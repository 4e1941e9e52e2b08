"""TIFF 6.0 and BigTIFF: the first directory, the number of pages, and the checksums of deflated strips."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_FORMS = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION = 256, 257, 258, 259, 262, 274
_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 273, 279, 324, 325
_SAMPLES, _PLANAR, _COLOURS, _EXTRA, _SAMPLE_FORMAT, _PROFILE = 277, 284, 320, 338, 339, 34675
_TAGS = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES}
    | {_SAMPLES, _PLANAR, _COLOURS, _EXTRA, _SAMPLE_FORMAT, _PROFILE}
)
_WHITE_IS_ZERO, _RGB, _PALETTE = 0, 2, 3
_DEFLATED = (8, 32946)
_PREMULTIPLIED, _STRAIGHT = 1, 2  # ExtraSamples; 0 is no alpha
_MOST_PAGES = 65535
_MOST_VALUES = 1 << 20
_PIECE = 1 << 20

_Tags = Mapping[int, Sequence[int]]


class _Layout(NamedTuple):
    """Where classic and big files differ: where the first offset stands, and the forms of counts and entries."""

    start: int
    offset: str
    counter: str
    entry: int
    value: int


_CLASSIC = _Layout(4, "I", "H", 12, 8)
_BIG = _Layout(8, "Q", "Q", 20, 12)


def read_tiff(data: bytes) -> ImageInfo:
    """Read what the first page is, and how many there are."""
    tags, pages = _first_page(data)
    width, height = (_first(tags, tag) for tag in (_WIDTH, _HEIGHT))
    orientation = _first(tags, _ORIENTATION, 1)
    bits, alpha = _first(tags, _BITS, 1), _has_alpha(tags)
    # Up to 8 bits libtiff makes pixels of whatever it is, with alpha multiplied in and black at 0; beyond them
    # OpenCV reads the strips itself, as they are.
    raw = bits > 8
    # Shifted to the top of 16.
    top = ((1 << bits) - 1) << 16 - bits if 8 < bits <= 16 else 255
    white_is_zero = raw and _first(tags, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
    return ImageInfo(
        "tiff",
        Size(width, height) if width and height else None,
        orientation if 1 <= orientation <= 8 else 1,
        bytes(tags.get(_PROFILE, ())) or None,
        bits,
        _first(tags, _SAMPLES, 1),
        white=0 if white_is_zero else None if top in (255, 65535) else top,
        black=top if white_is_zero else 0,
        alpha=alpha,
        premultiplied=alpha and (not raw or _first(tags, _EXTRA) == _PREMULTIPLIED),
        frames=pages,
        misread=_misread(tags),
        unread=_unread(tags),
        damage=_cut_short(tags, len(data)),
    )


def _cut_short(tags: _Tags, length: int) -> str | None:
    """Tell of colours or pixels that lie beyond the end, where the directory stands before them."""
    if _first(tags, _PHOTOMETRIC, 1) == _PALETTE and _COLOURS in tags and not tags[_COLOURS]:
        return "its colours lie beyond its end"
    strips = zip(*_strips(tags), strict=False)
    beyond = next((number for number, (start, size) in enumerate(strips) if start + size > length), None)
    return None if beyond is None else f"its strip or tile {beyond} goes beyond its end"


def _strips(tags: _Tags) -> tuple[Sequence[int], Sequence[int]]:
    """Return offsets and lengths of strips or tiles."""
    return tags.get(_STRIPS) or tags.get(_TILES) or (), tags.get(_STRIP_SIZES) or tags.get(_TILE_SIZES) or ()


def damaged_strip(data: bytes) -> str | None:
    """Check the deflated strips or tiles of the first page.

    Libtiff stops reading a strip when it has enough pixels, before the checksum: damage goes unseen.

    Returns
    -------
    str or None
        What is wrong with the first one that is damaged.
    """
    try:
        tags, _ = _first_page(data)
    except (struct.error, OverflowError):
        return "its directory goes beyond its end"
    if _first(tags, _COMPRESSION) not in _DEFLATED:
        return None
    # A strip may hold far more than the picture needs, and many entries may name the same one.
    left = 4 * _bytes_of_pixels(tags) + _PIECE
    for number, (start, size) in enumerate(zip(*_strips(tags), strict=False)):
        made, whole = _inflated(memoryview(data)[start : start + size], left)
        left -= made
        if left <= 0:
            return None
        if size and not whole:
            return f"strip or tile {number} does not match its checksum"
    return None


def _bytes_of_pixels(tags: _Tags) -> int:
    bits = max(tags.get(_BITS) or (1,)) * _first(tags, _SAMPLES, 1)
    return _first(tags, _WIDTH) * _first(tags, _HEIGHT) * bits // 8


def _inflated(packed: memoryview, most: int) -> tuple[int, bool]:
    """Return how many bytes come out, and whether that is up to the end and as its checksum says."""
    stream, made = zlib.decompressobj(), 0
    try:
        rest: memoryview | bytes = packed
        while rest and not stream.eof and made < most:
            made += len(stream.decompress(rest, _PIECE))
            rest = stream.unconsumed_tail
    except zlib.error:
        return made, False
    return made, stream.eof


def _has_alpha(tags: _Tags) -> bool:
    samples, photometric = _first(tags, _SAMPLES, 1), _first(tags, _PHOTOMETRIC, 1)
    if _EXTRA in tags:
        return _first(tags, _EXTRA) in (_PREMULTIPLIED, _STRAIGHT)
    return (samples, photometric) == (4, _RGB)


def _misread(tags: _Tags) -> str | None:
    bits, samples = _first(tags, _BITS, 1), _first(tags, _SAMPLES, 1)
    photometric = _first(tags, _PHOTOMETRIC, 1)
    if photometric == _PALETTE and bits != 8:
        return f"a TIFF with a palette for {bits} bits"
    if samples == 2:
        return "a TIFF of grey with a second sample"
    return None


def _unread(tags: _Tags) -> str | None:
    """Tell what OpenCV makes of memory that nobody wrote, and Pillow of other samples than there are."""
    bits, samples = _first(tags, _BITS, 1), _first(tags, _SAMPLES, 1)
    photometric = _first(tags, _PHOTOMETRIC, 1)
    if bits > 8 and samples > 1 and _first(tags, _PLANAR, 1) != 1:
        return f"a TIFF of {bits} bits in planes"
    if bits > 8 and ((photometric == _RGB and samples < 3) or len(tags[_BITS]) not in (1, samples)):
        return f"a TIFF of {bits} bits whose number of samples is in doubt"
    if _first(tags, _SAMPLE_FORMAT, 1) == 2:
        return "a TIFF with signed samples"
    return None


def _first_page(data: bytes) -> tuple[_Tags, int]:
    """Return the fields of the first directory, and the number of directories."""
    order = "<" if data.startswith(b"II") else ">"
    layout = _BIG if data[2:4] in (b"+\0", b"\0+") else _CLASSIC
    (start,) = struct.unpack_from(order + layout.offset, data, layout.start)
    return _directory(data, order, layout, start), sum(1 for _ in _directories(data, order, layout, start))


def _directories(data: bytes, order: str, layout: _Layout, start: int) -> Iterator[int]:
    """Yield the offset of each directory; a chain that ends in nothing, or in itself, ends."""
    seen: set[int] = set()
    try:
        while start and start not in seen and len(seen) < _MOST_PAGES:
            (count,) = struct.unpack_from(order + layout.counter, data, start)
            seen.add(start)
            yield start
            end = start + struct.calcsize("<" + layout.counter) + count * layout.entry
            (start,) = struct.unpack_from(order + layout.offset, data, end)
    except (struct.error, OverflowError):
        return


def _directory(data: bytes, order: str, layout: _Layout, start: int) -> _Tags:
    (count,) = struct.unpack_from(order + layout.counter, data, start)
    tags: dict[int, Sequence[int]] = {}
    entries = start + struct.calcsize("<" + layout.counter)
    for entry in range(entries, entries + min(count, 4096) * layout.entry, layout.entry):
        tag, kind, number = struct.unpack_from(f"{order}HH{layout.offset}", data, entry)
        if tag in _TAGS and tag not in tags and kind in _FORMS:  # the first one counts, as for libtiff
            tags[tag] = _values(data, order, layout, entry, _FORMS[kind], number)
    return tags


def _values(data: bytes, order: str, layout: _Layout, entry: int, kind: str, number: int) -> Sequence[int]:
    size = number * struct.calcsize("<" + kind)
    at = entry + layout.value
    if size > layout.entry - layout.value:
        (at,) = struct.unpack_from(order + layout.offset, data, at)
    if at + size > len(data) or (kind != "B" and number > _MOST_VALUES):
        return ()
    if kind == "B":
        return data[at : at + size]
    return struct.unpack_from(f"{order}{number}{kind}", data, at)


def _first(tags: _Tags, tag: int, default: int = 0) -> int:
    return next(iter(tags.get(tag, ())), default)
