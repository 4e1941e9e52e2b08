"""Damaged files are errors, or say that they are damaged, or give the picture that they would give whole."""

import importlib
import io
import os
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from encoded import saved
from PIL import Image

from fastfit import CodecError, decode
from fastfit.codec.damage import damage, overheard

DATA = Path(__file__).parent / "data"

importlib.import_module("pillow_jxl")  # lets Pillow write JPEG XL


def read(name):
    return (DATA / name).read_bytes()


@cache
def photo(mode="RGB"):
    with Image.open(DATA / "photo.jpg") as picture:
        small = picture.resize((450, 300))
    if mode == "P":
        return small.quantize(100)
    if mode == "RGBA":
        small.putalpha(small.convert("L"))
    return small.convert(mode)


def heic():
    buffer = io.BytesIO()
    pillow_heif.from_pillow(photo()).save(buffer, quality=80)
    return buffer.getvalue()


def sixteen(extension):
    return cv2.imencode(extension, np.asarray(photo()).astype(np.uint16) * 257)[1].tobytes()


def moving(mode="RGB"):
    return {"save_all": True, "append_images": [photo(mode).rotate(10)]}


MADE = {
    "jpeg": lambda: saved(photo(), "jpeg", quality=90),
    "progressive jpeg": lambda: saved(photo(), "jpeg", quality=90, progressive=True),
    "restarting jpeg": lambda: saved(photo(), "jpeg", quality=90, restart_marker_rows=2),
    "grey jpeg": lambda: saved(photo("L"), "jpeg", quality=90),
    "cmyk jpeg": lambda: saved(photo("CMYK"), "jpeg", quality=90),
    "png": lambda: saved(photo(), "png"),
    "palette png": lambda: saved(photo("P"), "png"),
    "16-bit png": lambda: sixteen(".png"),
    "interlaced png": lambda: read("interlaced.png"),
    "animated png": lambda: saved(photo(), "png", **moving()),
    "webp": lambda: saved(photo(), "webp", quality=80),
    "lossless webp": lambda: saved(photo(), "webp", lossless=True),
    "webp with alpha": lambda: saved(photo("RGBA"), "webp", quality=80),
    "animated webp": lambda: saved(photo(), "webp", **moving()),
    "raw tiff": lambda: saved(photo(), "tiff"),
    "lzw tiff": lambda: saved(photo(), "tiff", compression="tiff_lzw"),
    "deflated tiff": lambda: saved(photo(), "tiff", compression="tiff_adobe_deflate"),
    "packbits tiff": lambda: saved(photo(), "tiff", compression="packbits"),
    "jpeg tiff": lambda: saved(photo(), "tiff", compression="jpeg"),
    "group 3 tiff": lambda: saved(photo("1"), "tiff", compression="group3"),
    "group 4 tiff": lambda: saved(photo("1"), "tiff", compression="group4"),
    "palette tiff": lambda: saved(photo("P"), "tiff", compression="tiff_lzw"),
    "16-bit tiff": lambda: sixteen(".tiff"),
    "grey tiff with alpha": lambda: saved(photo("LA"), "tiff", compression="tiff_lzw"),
    "gif": lambda: saved(photo("P"), "gif", interlace=0),
    "interlaced gif": lambda: saved(photo("P"), "gif", interlace=1),
    "animated gif": lambda: saved(photo("P"), "gif", **moving("P")),
    "avif": lambda: saved(photo(), "avif"),
    "avif with alpha": lambda: saved(photo("RGBA"), "avif"),
    "heic": heic,
    "jpeg xl": lambda: saved(photo(), "jxl"),
    "lossless jpeg xl": lambda: saved(photo(), "jxl", lossless=True),
    "jpeg 2000": lambda: saved(photo(), "jpeg2000"),
    "bmp": lambda: saved(photo(), "bmp"),
    "palette bmp": lambda: saved(photo("P"), "bmp"),
    "ppm": lambda: saved(photo(), "ppm"),
    "ascii ppm": lambda: cv2.imencode(".ppm", np.asarray(photo()), [cv2.IMWRITE_PXM_BINARY, 0])[1].tobytes(),
    "qoi": lambda: saved(photo(), "qoi"),
    "sgi": lambda: saved(photo(), "sgi"),
}

CUTS = {
    **{
        f"cut at {share} %": lambda data, share=share: data[: len(data) * share // 100]
        for share in (10, 50, 90, 99)
    },
    "without its last byte": lambda data: data[:-1],
}
DAMAGED = CUTS | {
    "with a hole of zeros": lambda data: over(data, bytes(min(4096, len(data) // 8))),
    "with a hole of ones": lambda data: over(data, b"\xff" * min(4096, len(data) // 8)),
    "with 64 bytes turned over": lambda data: over(data, bytes(255 - byte for byte in middle_of(data))),
}


def middle_of(data):
    return data[len(data) // 2 :][:64]


def over(data, body):
    """Write over the middle of a file."""
    middle = len(data) // 2
    return data[:middle] + body + data[middle + len(body) :]


# What no decoder can see: formats without checksums, in which other bytes mean other pixels. A cut is in none.
ALL = ("with a hole of zeros", "with a hole of ones", "with 64 bytes turned over")
UNSEEN = {
    # Other codes, as good as the right ones. Zeros run on and are missed at the end, ones are markers.
    **dict.fromkeys(
        ("jpeg", "progressive jpeg", "restarting jpeg", "grey jpeg", "cmyk jpeg", "jpeg tiff"), ALL[2:]
    ),
    # An arithmetic decoder makes something of everything; so does one whose codes are all used.
    **dict.fromkeys(("webp", "lossless webp", "webp with alpha"), (ALL[0], ALL[2])),
    **dict.fromkeys(("heic", "jpeg 2000"), ALL),
    # Not compressed, or so that every byte is as good as another.
    **dict.fromkeys(("raw tiff", "bmp", "palette bmp", "ppm", "sgi"), ALL),
    "qoi": (ALL[0], ALL[2]),
}


@cache
def made(kind):
    """Return a whole file, and its pixels."""
    data = MADE[kind]()
    return data, decode(data)[0]


def said_of(data, pixels, *, listen=True):
    """Return what becomes of a damaged file."""
    try:
        image, info = decode(data, listen=listen)
    except CodecError:
        return "an error"
    if info.damage is not None:
        return "damage"
    return "the whole picture" if np.array_equal(image, pixels) else "a wrong picture"


@pytest.mark.parametrize("how", DAMAGED)
@pytest.mark.parametrize("kind", MADE)
def test_damage_is_seen(kind, how):
    data, pixels = made(kind)
    assert said_of(DAMAGED[how](data), pixels) != "a wrong picture" or how in UNSEEN.get(kind, ())


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("kind", MADE)
def test_cut_file_is_never_a_wrong_picture_even_where_nobody_listens(kind, how):
    data, pixels = made(kind)
    assert said_of(CUTS[how](data), pixels, listen=False) != "a wrong picture"


@pytest.mark.parametrize("kind", MADE)
def test_whole_file_is_not_called_damaged(kind):
    data, pixels = made(kind)
    image, info = decode(data, listen=True)
    assert info.damage is None
    np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "avif", "deflated tiff", "heic", "jpeg xl"])
def test_what_follows_the_end_is_no_damage(kind):
    data, pixels = made(kind)
    assert said_of(data + b"more" * 100, pixels) == "the whole picture"


def test_what_is_listed_as_unseen_exists():
    assert UNSEEN.keys() <= MADE.keys()
    assert {how for hows in UNSEEN.values() for how in hows}.isdisjoint(CUTS)


# Listening to libjpeg, which says its first word only, and only on stderr.

INVENTED = ("invented_end.jpg", "invented_middle.jpg", "invented_overflow.jpg")


@pytest.mark.parametrize("name", INVENTED)
def test_real_files_whose_damage_only_stderr_tells(name):
    image, info = decode(read(name), listen=True)
    assert info.damage.startswith("Corrupt JPEG data: ")
    heedless, silent = decode(read(name))
    assert silent.damage is None
    np.testing.assert_array_equal(image, heedless)


def holey():
    """A JPEG with a hole of zeros in its scan."""
    return DAMAGED["with a hole of zeros"](made("jpeg")[0])


@pytest.mark.quick
@pytest.mark.parametrize("shrink", [1, 2, 4, 8])
def test_damage_is_heard_at_every_scale(shrink):
    assert decode(holey(), shrink=shrink, listen=True)[1].damage == decode(holey(), listen=True)[1].damage


def test_words_do_not_reach_the_terminal(capfd):
    for kind in ("jpeg", "lzw tiff", "palette tiff", "webp", "grey tiff with alpha", "jpeg 2000"):
        for how in DAMAGED.values():
            said_of(how(made(kind)[0]), made(kind)[1])
    assert capfd.readouterr() == ("", "")
    # Unless nobody listens.
    decode(holey())
    assert "premature end" in capfd.readouterr().err


def test_words_are_the_same_each_time():
    data = DAMAGED["with a hole of zeros"](made("lzw tiff")[0])
    assert len({decode(data, listen=True)[1].damage for _ in range(3)}) == 1
    assert "@" not in decode(data, listen=True)[1].damage


def left_over(body, data=None):
    """Put bytes before the end of a JPEG."""
    data = made("jpeg")[0] if data is None else data
    assert data.endswith(b"\xff\xd9")
    return data[:-2] + body + data[-2:]


VARIED = bytes(range(1, 251)) * 3


@pytest.mark.parametrize("count", [1, 3, 8])
def test_few_bytes_left_over_are_no_damage(count):
    # Hardware leaves a word or so.
    assert said_of(left_over(VARIED[:count]), made("jpeg")[1]) == "the whole picture"


@pytest.mark.parametrize("byte", [0x00, 0x55, 0xFE])
@pytest.mark.parametrize("count", [33, 700, 5000])
def test_padding_left_over_is_no_damage(byte, count):
    assert said_of(left_over(bytes([byte]) * count), made("jpeg")[1]) == "the whole picture"


@pytest.mark.parametrize("count", [24, 64, 700])
def test_many_bytes_left_over_are_damage(count):
    assert "extraneous bytes before marker 0xd9" in decode(left_over(VARIED[:count]), listen=True)[1].damage


def test_padding_is_looked_for_in_the_first_of_two_images():
    assert said_of(left_over(bytes(700)) + made("jpeg")[0], made("jpeg")[1]) == "the whole picture"
    second = left_over(bytes(700))
    assert said_of(left_over(VARIED[:700]) + second, made("jpeg")[1]) == "damage"


def stray(data):
    """Put bytes between two segments of a JPEG."""
    at = data.index(b"\xff\xdb")
    return data[:at] + b"stray bytes" + data[at:]


def revised(data):
    """Claim a revision of JFIF that does not exist."""
    return data[:11] + b"\2" + data[12:]


def odd_scan(data):
    """Give a sequential scan the parameters of a progressive one."""
    at = data.index(b"\xff\xda")
    length = struct.unpack_from(">H", data, at + 2)[0]
    return data[: at + 2 + length - 3] + b"\0\0\0" + data[at + 2 + length :]


ODDITIES = {"stray bytes": stray, "an unknown revision": revised, "odd scan parameters": odd_scan}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_oddity_of_a_jpeg_is_no_damage(oddity, capfd):
    data = ODDITIES[oddity](made("jpeg")[0])
    assert said_of(data, made("jpeg")[1]) == "the whole picture"
    # The decoder does say something of it.
    decode(data)
    assert capfd.readouterr().err


@pytest.mark.parametrize("oddity", ODDITIES)
@pytest.mark.parametrize("hole", ["with a hole of zeros", "with a hole of ones"])
def test_oddity_of_a_jpeg_hides_no_damage(oddity, hole):
    assert said_of(ODDITIES[oddity](DAMAGED[hole](made("jpeg")[0])), made("jpeg")[1]) in ("damage", "an error")


# Listening to libtiff, whose words OpenCV passes on as its own, unless it is told to be silent.


@pytest.mark.parametrize("level", [0, 1, 6])
def test_level_of_opencvs_log_hides_nothing_and_is_restored(level):
    before = cv2.utils.logging.setLogLevel(level)
    try:
        data = DAMAGED["with a hole of zeros"](made("lzw tiff")[0])
        found = decode(data, listen=True)[1].damage
        with pytest.raises(CodecError):
            decode(data[:400], listen=True)
        kept = cv2.utils.logging.getLogLevel()
    finally:
        cv2.utils.logging.setLogLevel(before)
    assert "Not enough data" in found or "Using code not" in found
    assert kept == level


def test_log_silenced_by_the_environment_hides_nothing(tmp_path):
    (tmp_path / "damaged.tif").write_bytes(DAMAGED["with a hole of zeros"](made("lzw tiff")[0]))
    code = "import sys, fastfit; print(fastfit.decode(open(sys.argv[1], 'rb').read(), listen=True)[1].damage)"
    command = [sys.executable, "-c", code, str(tmp_path / "damaged.tif")]
    environment = os.environ | {"OPENCV_LOG_LEVEL": "SILENT"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == decode((tmp_path / "damaged.tif").read_bytes(), listen=True)[1].damage
    assert done.stderr == ""


def with_field_beyond(data, tag):
    """Let a field of a TIFF's first directory lie beyond the end."""
    start = struct.unpack_from("<I", data, 4)[0]
    (count,) = struct.unpack_from("<H", data, start)
    at = next(
        at for at in range(start + 2, start + 2 + 12 * count, 12) if data[at : at + 2] == struct.pack("<H", tag)
    )
    return data[: at + 8] + struct.pack("<I", len(data) + 99) + data[at + 12 :]


def test_lost_field_of_a_tiff_is_damage_only_if_the_picture_needs_it():
    described = saved(photo(), "tiff", tiffinfo={270: "a description, lost"})
    assert said_of(with_field_beyond(described, 270), made("raw tiff")[1]) == "the whole picture"
    for needed in (320, 273, 279):
        assert said_of(with_field_beyond(made("palette tiff")[0], needed), made("palette tiff")[1]) in (
            "damage",
            "an error",
        )


# The ear itself.


def test_lines_are_collected_and_stderr_is_restored(capfd):
    with overheard() as lines:
        os.write(2, b"one line\nanother \xff\n")
    os.write(2, b"after\n")
    assert lines == ["one line", "another �"]
    assert capfd.readouterr().err == "after\n"


def test_stderr_is_restored_after_an_error(capfd):
    heard = []

    def interrupted():
        with overheard() as lines:
            heard.append(lines)
            os.write(2, b"a line\n")
            raise KeyError

    free = next_descriptor()
    for _ in range(3):
        with pytest.raises(KeyError):
            interrupted()
    os.write(2, b"after\n")
    assert heard == [["a line"]] * 3
    assert capfd.readouterr().err == "after\n"
    assert next_descriptor() == free


def next_descriptor():
    """Return the number that the next open file would get: the same, unless one stayed open."""
    descriptor = os.dup(2)
    os.close(descriptor)
    return descriptor


@pytest.mark.parametrize(
    "line",
    [
        "Corrupt JPEG data: premature end of data segment",
        "Corrupt JPEG data: bad Huffman code",
        "Corrupt JPEG data: found marker 0xd9 instead of RST3",
        "Inconsistent progression sequence for component 0 coefficient 1",
        "[ WARN:0@0.060] global grfmt_tiff.cpp:123 TIFF_Warning Fax4Decode: Line length mismatch at line 3",
        'TIFFReadDirectory: IO error during reading of "ColorMap"; tag ignored.',
        "LZWDecode: Not enough data at scanline 17 (short 300 bytes).",
        "_TIFFVSetField: Truncated File Read",
    ],
)
def test_lines_about_pixels_are_damage(line):
    assert damage(["another line", line]) is not None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Warning: unknown JFIF revision number 2.01",
        "Invalid SOS parameters for sequential JPEG",
        "Corrupt JPEG data: 3 extraneous bytes before marker 0xd9",
        "libpng warning: iCCP: known incorrect sRGB profile",
        'TIFFReadDirectory: IO error during reading of "DocumentName"; tag ignored.',
        "TIFFReadDirectory: Warning, Unknown field with tag 65000 (0xfde8) encountered",
    ],
)
def test_lines_about_anything_else_are_none(line):
    assert damage([line]) is None
