"""Ways to change a file: (bytes, random.Random) -> bytes; those that mix take another file, too."""

import re
import struct
import zlib

from fuzzing.fields import (
    CONTAINERS,
    boxes,
    fields,
    gif_blocks,
    jpeg_segments,
    png_chunks,
    riff_chunks,
    tiff_fields,
)
from fuzzing.seeds import chunk


def _place(data, rng):
    """A place in the file: every second one near its beginning, where the headers are."""
    return rng.randrange(min(len(data), rng.choice((400, len(data)))))


def _block(data, rng):
    start = _place(data, rng)
    return start, min(len(data), start + rng.choice((1, 4, 16, 64, 256, len(data) // 4 + 1)))


def flip_bits(data, rng):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 32))):
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def change_bytes(data, rng):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 32))):
        changed[_place(data, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
    return bytes(changed)


def cut(data, rng):
    return data[
        : rng.choice((rng.randrange(len(data)), _place(data, rng), len(data) - rng.randrange(min(len(data), 24))))
    ]


def punch_hole(data, rng):
    start, end = _block(data, rng)
    return data[:start] + rng.choice((b"\0", b"\xff")) * (end - start) + data[end:]


def remove_block(data, rng):
    start, end = _block(data, rng)
    return data[:start] + data[end:]


def duplicate_block(data, rng):
    start, end = _block(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 1, 3, 20)) + data[end:]


def insert_noise(data, rng):
    start, end = _block(data, rng)
    return data[:start] + rng.randbytes(end - start) + data[start:]


def edit_fields(data, rng):
    """Write other numbers into one group of the header."""
    groups = fields(data)
    if not groups:
        return edit_text(data, rng)
    changed = bytearray(data)
    group = rng.choice(groups)
    for at, width, order in rng.sample(group, min(len(group), rng.choice((1, 1, 2, 3)))):
        old = int.from_bytes(data[at : at + width], order)
        changed[at : at + width] = _another(old, width, rng).to_bytes(width, order)
    return sealed(bytes(changed), rng)


def _another(old, width, rng):
    """A number that is likely to hurt."""
    top = 256**width - 1
    near = (old + 1, old - 1, old * 2, old // 2, old ^ 1 << rng.randrange(8 * width))
    edges = (0, 1, 2, 8, 16, top, top - 1, top // 2, top // 2 + 1)
    return rng.choice((rng.choice(near), rng.choice(edges), rng.randrange(6000), rng.randrange(top + 1))) & top


def edit_text(data, rng):
    """Write another number in the place of one in a header of text (Netpbm, Radiance)."""
    found = list(re.finditer(rb"\d+", data[:160]))
    if not found:
        return change_bytes(data, rng)
    one = rng.choice(found)
    number = _another(int(one[0]) % 10**6, 4, rng)
    edges = (b"%d" % number * 9, b"0", b"1", b"-1", b"", b" # x\n", b" " * 60 + b"x")
    text = rng.choice((b"%d" % number, b"%d" % (number % 6000), rng.choice(edges)))
    return data[: one.start()] + text + data[one.end() :]


def rearrange(data, rng):
    """Drop, double, exchange or move the parts that a format has: segments, chunks, boxes, blocks, entries."""
    parts = _parts(data)
    if len(parts) < 3:
        return duplicate_block(data, rng)
    one, other = rng.randrange(1, len(parts)), rng.randrange(1, len(parts))
    way = rng.randrange(4)
    if way == 0:
        del parts[one]
    elif way == 1:
        parts[other:other] = [parts[one]] * rng.choice((1, 1, 2, 30))
    elif way == 2:
        parts[one], parts[other] = parts[other], parts[one]
    else:
        parts.insert(other, parts.pop(one))
    return sealed(b"".join(parts), rng)


def nest_boxes(data, rng):
    """Add boxes within boxes, deeper than anyone is."""
    if data[4:8] not in (b"ftyp", b"jP  "):
        return duplicate_block(data, rng)
    outer, kind = rng.choice([*CONTAINERS]), rng.choice([*CONTAINERS])
    inner = b""
    for _ in range(rng.choice((2, 100, 2000))):
        inner = struct.pack(">I4s", CONTAINERS[kind] + len(inner), kind).ljust(CONTAINERS[kind], b"\0") + inner
    head = struct.pack(">I4s", CONTAINERS[outer] + len(inner), outer).ljust(CONTAINERS[outer], b"\0")
    parts = _parts(data)
    parts.insert(rng.randrange(1, len(parts) + 1), head + inner)
    return b"".join(parts)


def _parts(data):
    """Cut a file at its seams; the first part is what comes before them."""
    splitter = next((_SPLITTERS[magic] for magic in _SPLITTERS if data.startswith(magic)), None)
    if splitter is None and data[4:8] == b"ftyp":
        splitter = boxes
    seams = sorted({edge for span in splitter(data) for edge in span} - {0, len(data)}) if splitter else []
    return [data[start:end] for start, end in zip([0, *seams], [*seams, len(data)], strict=True)]


def _tiff_entries(data):
    groups = tiff_fields(data)
    return [
        (group[0].at, group[0].at + 12) for group in groups if [field.width for field in group] == [2, 2, 4, 4]
    ]


_SPLITTERS = {
    b"\xff\xd8": jpeg_segments,
    b"\x89PNG": png_chunks,
    b"RIFF": riff_chunks,
    b"GIF8": gif_blocks,
    b"II*\0": _tiff_entries,
    b"MM\0*": _tiff_entries,
    b"\0\0\0\x0cjP": boxes,
}


def sealed(data, rng):
    """Put right what would give an edit away before it does harm: checksums of PNG, the length of a RIFF."""
    if rng.random() < 0.1:
        return data
    if data.startswith(b"RIFF") and rng.random() < 0.7:
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    if not data.startswith(b"\x89PNG"):
        return data
    changed = bytearray(data)
    for start, end in png_chunks(data):
        changed[end - 4 : end] = struct.pack(">I", zlib.crc32(data[start + 4 : end - 4]))
    return bytes(changed)


def change_rows(data, rng):
    """Change the rows of a PNG below their compression."""
    spans = [span for span in png_chunks(data) if data[span[0] + 4 : span[0] + 8] == b"IDAT"]
    if not data.startswith(b"\x89PNG") or not spans:
        return punch_hole(data, rng)
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(b"".join(data[start + 8 : end - 4] for start, end in spans), 1 << 20)
    except zlib.error:
        rows = b""
    rows = rng.choice((cut, change_bytes, remove_block, duplicate_block))(rows or b"\0", rng)
    return data[: spans[0][0]] + chunk(b"IDAT", zlib.compress(rows, 1)) + data[spans[-1][1] :]


def splice(data, rng, other):
    """The head of one file and the tail of another, at places that may correspond."""
    start = rng.randrange(len(data))
    end = rng.choice((min(start, len(other)), rng.randrange(len(other) + 1)))
    return data[:start] + other[end:]


def transplant(data, rng, other):
    """A part of one file among the parts of another."""
    parts, theirs = _parts(data), _parts(other)
    parts.insert(rng.randrange(1, len(parts) + 1), rng.choice(theirs))
    return sealed(b"".join(parts), rng)


BLIND = (flip_bits, change_bytes, cut, punch_hole, remove_block, duplicate_block, insert_noise)
KNOWING = (*[edit_fields] * 4, edit_text, rearrange, rearrange, nest_boxes, change_rows)
MIXING = (splice, transplant)


def mutate(data, rng, corpus):
    """Change a file in one to three ways; return it and the names of the ways."""
    steps = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        ways = rng.choices((BLIND, KNOWING, MIXING), (3, 6, 1))[0]
        way = rng.choice(ways)
        data = data or b"\0"
        data = way(data, rng, _partner(data, rng, corpus)) if ways is MIXING else way(data, rng)
        steps.append(way.__name__)
    return data, steps


def _partner(data, rng, corpus):
    """Another file, half the time of the same kind."""
    alike = [other for _, other in corpus if other[:3] == data[:3]]
    return rng.choice(alike) if alike and rng.random() < 0.5 else rng.choice(corpus)[1]
