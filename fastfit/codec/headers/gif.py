"""GIF89a: the screen, the frames, and whether the codes of the first one make a whole picture."""

import struct
from collections.abc import Iterator

from fastfit.codec.headers.info import ImageInfo
from fastfit.types import Size

_WIDEST = 11
_MOST = 4_000_000
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def read_gif(data: bytes) -> ImageInfo:
    """Read the logical screen, which the first frame may exceed, and count the image descriptors."""
    frames = [at for kind, at in _blocks(data) if kind == _IMAGE]
    width, height = struct.unpack_from("<HH", data, 6)
    if frames:
        left, top, across, down = struct.unpack_from("<HHHH", data, frames[0] + 1)
        width, height = max(width, left + across), max(height, top + down)
    return ImageInfo("gif", Size(width, height), bit_depth=8, frames=max(1, len(frames)))


def is_whole(data: bytes) -> bool:
    """Check that the file has its end and the codes of its first frame make exactly its pixels.

    For decoders that do not: this counts pixels without making them, in some 0.3 s for a megapixel. A frame of
    more than four counts as not whole.
    """
    try:
        blocks = list(_blocks(data))
        first = next((at for kind, at in blocks if kind == _IMAGE), None)
        if first is None or blocks[-1][0] != _TRAILER:
            return False
        width, height, flags = struct.unpack_from("<HHB", data, first + 5)
        start = first + 10 + _table(flags)
        codes = b"".join(_sub_blocks(data, start + 1))
        most = int(width) * int(height)
        return most <= _MOST and data[start] <= _WIDEST and _pixels(codes, data[start], most) == most
    except (IndexError, struct.error):
        return False


def _blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield kind and offset of each block, the trailer last; ends early where the data does."""
    at = 13 + _table(data[10])
    try:
        while (kind := data[at]) in (_EXTENSION, _IMAGE):
            yield kind, at
            at += 2 if kind == _EXTENSION else 11 + _table(data[at + 9])
            while data[at]:
                at += 1 + data[at]
            at += 1
        if kind == _TRAILER:
            yield kind, at
    except IndexError:
        return


def _sub_blocks(data: bytes, at: int) -> Iterator[bytes]:
    while data[at]:
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


def _table(flags: int) -> int:
    """Return the length in bytes of the colour table that a packed field announces."""
    return 3 << 1 + (flags & 7) if flags & 0x80 else 0


def _pixels(codes: bytes, bits: int, most: int) -> int | None:
    """Count the pixels that LZW codes make; None where one stands for nothing or they are more than `most`."""
    clear, end = 1 << bits, (1 << bits) + 1
    lengths = [1] * (clear + 2)
    width, total, previous, at, held, number = bits + 1, 0, 0, 0, 0, 0
    while True:
        while held < width:
            if at == len(codes):
                return total
            number |= codes[at] << held
            held += 8
            at += 1
        code = number & ((1 << width) - 1)
        number >>= width
        held -= width
        if code == end:
            return total
        if code == clear:
            del lengths[clear + 2 :]
            width, previous = bits + 1, 0
            continue
        if code > len(lengths) or (code == len(lengths) and not previous):
            return None
        length = lengths[code] if code < len(lengths) else previous + 1
        if total + length > most:  # but for the bits that fill up the last byte, where encoders leave the end out
            return total if total == most and len(codes) - at <= 1 else None
        total += length
        if previous and len(lengths) < 4096:
            lengths.append(previous + 1)
            if len(lengths) == 1 << width and width < 12:
                width += 1
        previous = length
