"""Where the numbers in a header are, and the seams between the parts of a file."""

import re
from functools import partial
from typing import NamedTuple


class Field(NamedTuple):
    """An integer in a file."""

    at: int
    width: int
    order: str = "big"


def fields(data):
    """Return the numbers in the headers of an image in groups, each of which is as likely to be edited."""
    reader = next((_FIELDS[magic] for magic in _FIELDS if data.startswith(magic, 4 * (magic == b"ftyp"))), None)
    groups = reader(data) if reader else [_window(0, len(data), "little", most=140)]
    inside = ([field for field in group if field.at + field.width <= len(data)] for group in groups)
    return [group for group in inside if group]


def _window(start, end, order="big", most=48):
    """Numbers of 1, 2 and 4 bytes anywhere in the beginning of a block whose layout is not told here."""
    end = min(end, start + most)
    return [Field(at, width, order) for width in (1, 2, 4) for at in range(start, end - width + 1)]


def _row(start, widths, order):
    """Numbers of given widths, one behind the other."""
    return [Field(start + sum(widths[:index]), width, order) for index, width in enumerate(widths)]


def jpeg_segments(data):
    """Start and end of each segment of a JPEG; a scan's has its pixels in it."""
    at = 2
    while (found := _SEGMENT.search(data, at)) and found.end() + 2 <= len(data):
        end = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
        if data[found.end() - 1] == 0xDA:
            behind = _SEGMENT.search(data, end)
            end = behind.start() if behind else len(data)
        yield found.start(), min(end, len(data))
        at = end


_SEGMENT = re.compile(rb"\xff[\xc0-\xcf\xda-\xfe]")


def _jpeg_fields(data):
    groups = []
    for start, end in jpeg_segments(data):
        marker = data[start + 1]
        groups.append(_window(start + 2, end, most=160 if marker == 0xC4 else 40))
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            groups += [_row(start + 5, (2, 2), "big"), _row(start + 4, (1, 2, 2, 1, 1, 1, 1, 1, 1, 1), "big")]
        elif data[start + 4 : start + 10] == b"Exif\0\0":
            groups += tiff_fields(data, start + 10)
    return groups


def png_chunks(data):
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield at, min(end, len(data))
        at = end


def _png_fields(data):
    groups = [_row(16, (4, 4), "big"), _row(16, (4, 4, 1, 1, 1, 1, 1), "big")]
    for start, end in png_chunks(data):
        groups.append([Field(start, 4)])
        kind = data[start + 4 : start + 8]
        if kind == b"eXIf":
            groups += tiff_fields(data, start + 8)
        elif kind not in (b"IDAT", b"IEND"):
            groups.append(_window(start + 8, end - 4))
    return groups


def riff_chunks(data, at=12):
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield at, min(at + 8 + length + length % 2, len(data))
        at += 8 + length + length % 2


_RIFF_ROWS = {
    b"VP8X": (1, 3, 3, 3),
    b"VP8 ": (3, 3, 2, 2, 1, 1, 1, 1),
    b"VP8L": (1, 4, 1, 1, 1, 1),
    b"ANMF": (3, 3, 3, 3, 3, 1, 4, 4),
    b"ALPH": (1, 1, 1, 1),
    b"ANIM": (4, 2),
}


def _riff_fields(data):
    groups = [[Field(4, 4, "little")]]
    for start, _ in riff_chunks(data):
        kind = data[start : start + 4]
        groups.append([Field(start + 4, 4, "little")])
        groups.append(_row(start + 8, _RIFF_ROWS.get(kind, (1, 1, 1, 1)), "little"))
        if kind == b"EXIF":
            groups += tiff_fields(data, start + 8)
    return groups


def tiff_fields(data, base=0):
    """The numbers of the first directory, one group for each entry, and of the lists that entries point to."""
    order = "little" if data[base : base + 1] == b"I" else "big"
    number = partial(_number, data, order)
    big = number(base + 2, 2) == 43
    wide, counter, head = (8, 8, 16) if big else (4, 2, 8)
    start = base + number(base + head - wide, wide)
    entries = start + counter
    groups = [_row(base + 2, (2, wide), order), [Field(start, counter, order)]]
    size = 4 + 2 * wide
    for entry in range(entries, entries + size * min(number(start, counter), 40), size):
        groups.append(_row(entry, (2, 2, wide, wide), order))
        each = {1: 1, 3: 2, 4: 4, 16: 8}.get(number(entry + 2, 2), 4)
        if each * number(entry + 4, wide) > wide:
            at = base + number(entry + 4 + wide, wide)
            groups.append(_row(at, (each,) * min(number(entry + 4, wide), 8), order))
        else:
            groups.append([Field(entry + 4 + wide, each, order)])
    return groups


def _number(data, order, at, width):
    return int.from_bytes(data[at : at + width], order)


def gif_blocks(data):
    """Start and end of each block: what begins a frame or an extension, with its sub-blocks."""
    at = 13 + _gif_colours(data, 10)
    while at + 2 < len(data) and data[at] in (0x21, 0x2C):
        start = at
        at += 2 if data[at] == 0x21 else 11 + _gif_colours(data, at + 9)
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
        yield start, min(at, len(data))


def _gif_colours(data, at):
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_fields(data):
    groups = [_row(6, (2, 2, 1, 1, 1), "little")]
    for start, end in gif_blocks(data):
        if data[start] == 0x2C:
            groups.append(_row(start + 1, (2, 2, 2, 2, 1, 1, 1), "little"))
            groups.append(_window(start + 10 + _gif_colours(data, start + 9), end, "little"))
        else:
            groups.append(_window(start + 1, end, "little", most=16))
    return groups


def _bmp_fields(data):
    length = min(_number(data, "little", 14, 4), 124)
    groups = [_row(2, (4, 2, 2, 4, 4), "little"), _row(18, (4, 4, 2, 2, 4, 4, 4, 4, 4, 4), "little")]
    return [*groups, _row(18, (4, 4), "little"), _row(54, (4,) * ((length - 40) // 4), "little")]


def _sunraster_fields(data):
    return [_row(4, (4, 4), "big"), _row(4, (4,) * 7, "big"), _window(32, len(data))]


CONTAINERS = {
    b"meta": 12,
    b"jp2h": 8,
    **dict.fromkeys((b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl"), 8),
}


def boxes(data, at=0, end=None, depth=6):
    """Start and end of each box, of those within others, too."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        length = _number(data, "big", at, 4)
        stop = min(at + length, end) if length >= 8 else end
        yield at, stop
        inner = CONTAINERS.get(data[at + 4 : at + 8])
        if inner and depth:
            yield from boxes(data, at + inner, stop, depth - 1)
        at = stop


def _box_fields(data):
    groups = []
    for start, end in boxes(data):
        groups.append([Field(start, 4), *_window(start + 8, end)])
        if data[start + 4 : start + 8] == b"ispe":
            groups.append(_row(start + 12, (4, 4), "big"))
        elif data[start + 4 : start + 8] == b"jp2c":
            groups += _codestream_fields(data, start + 8)
    return groups


def _codestream_fields(data, at=0):
    """Segments of a JPEG 2000 codestream up to the first tile's pixels."""
    groups = [_row(at + 8, (4,) * 8, "big")]
    at += 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0x93:
        end = at + 2 + _number(data, "big", at + 2, 2)
        groups.append(_window(at + 2, end))
        at = end
    return groups


def _text_fields(_):
    """Netpbm and Radiance: `edit_text` knows where numbers are that have as many bytes as digits."""
    return []


_FIELDS = {
    b"\xff\xd8": _jpeg_fields,
    b"\x89PNG": _png_fields,
    b"RIFF": _riff_fields,
    b"II": tiff_fields,
    b"MM": tiff_fields,
    b"GIF8": _gif_fields,
    b"BM": _bmp_fields,
    b"\x59\xa6\x6a\x95": _sunraster_fields,
    b"ftyp": _box_fields,
    b"\0\0\0\x0cjP": _box_fields,
    b"\xff\x4f": _codestream_fields,
    b"P": _text_fields,
    b"#?": _text_fields,
}
