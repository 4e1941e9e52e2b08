"""What an AV1 stream says of itself: size and range. AV1 bitstream specification, 5.3 and 5.5."""

from typing import NamedTuple

from fastfit.codec.headers.bits import Bits
from fastfit.types import Size

__all__ = ["Sequence", "sequence_header"]

_SEQUENCE_HEADER = 1


class Sequence(NamedTuple):
    """Size of the pictures, and whether grey samples use their whole range or, as video does, 16 to 235 of 255."""

    size: Size
    full: bool | None
    """None for samples that are not grey."""


def sequence_header(stream: bytes) -> Sequence | None:
    """Read the sequence header.

    Parameters
    ----------
    stream : bytes
        Open bitstream units: of an av1C box, or of an image item.

    Returns
    -------
    Sequence or None
        None where there is none, or it is one of a video with timing.
    """
    at = 0
    while at + 2 <= len(stream):
        kind, extended, sized = stream[at] >> 3 & 15, stream[at] >> 2 & 1, stream[at] >> 1 & 1
        at += 1 + extended
        length, at = _leb128(stream, at) if sized else (len(stream) - at, at)
        if kind == _SEQUENCE_HEADER:
            try:
                return _read(Bits(stream[at : at + min(length, 64)]))
            except ValueError:
                return None
        at += length
    return None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 56, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            break
    return value, at


def _read(bits: Bits) -> Sequence | None:
    profile, _, reduced = bits.read(3), bits.read(1), bits.read(1)
    if reduced:
        bits.read(5)  # level
    elif not _skip_operating_points(bits):
        return None
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    size = Size(bits.read(width_bits) + 1, bits.read(height_bits) + 1)
    if not reduced and bits.read(1):  # frame numbers
        bits.read(7)
    bits.read(3)  # superblocks, intra filters
    if not reduced:
        _skip_inter_tools(bits)
    bits.read(3)  # superres, cdef, restoration
    if bits.read(1) and profile == 2:  # more than 8 bits
        bits.read(1)
    monochrome = profile != 1 and bits.read(1)
    if bits.read(1):  # primaries, transfer, matrix
        bits.read(24)
    return Sequence(size, bool(bits.read(1)) if monochrome else None)


def _skip_operating_points(bits: Bits) -> bool:
    """Skip to the frame size; False where timing comes first, which no still has."""
    if bits.read(1):
        return False
    delays = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if delays and bits.read(1):
            bits.read(4)
    return True


def _skip_inter_tools(bits: Bits) -> None:
    bits.read(4)
    order_hints = bits.read(1)
    if order_hints:
        bits.read(2)
    screen_content = 2 if bits.read(1) else bits.read(1)
    if screen_content and not bits.read(1):
        bits.read(1)
    if order_hints:
        bits.read(3)
