"""What of a source's metadata goes along, and what does not. Pillow writes the sources and reads the results."""

import importlib
import io
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene
from PIL import ExifTags, Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from fastfit import Fit, Output, encode, fit_bytes, fit_file, formats, probe
from fastfit.codec import exif_for
from fastfit.words import FORMATS

DATA = Path(__file__).parent / "data"
ORDERS = {"II": b"II*\0\x08\0\0\0", "MM": b"MM\0*\0\0\0\x08"}
ORIENTATION, DESCRIPTION, WIDTH, HEIGHT, EXIF, GPS = 0x0112, 0x010E, 0x0100, 0x0101, 0x8769, 0x8825
PIXELS_X, PIXELS_Y, TAKEN, MAKER_NOTE = 0xA002, 0xA003, 0x9003, 0x927C
PLACE = {1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (11.0, 33.0, 7.0)}
KEEP = "keep"
# What no output may hold unasked: each source has one of these words in each of its blocks.
SECRETS = (
    b"Description of home",
    b"Maker of notes",
    b"xmp:CreatorTool",
    b"A comment of mine",
    b"Exif",
    b"EXIF",
    b"<x:",
)


def exif_block(orientation=6, order="MM", size=(64, 48)):
    """An Exif block as a camera writes it: with sizes, a maker's note and a place."""
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + ORDERS[order] + bytes(6))
    exif[ORIENTATION], exif[DESCRIPTION], exif[WIDTH], exif[HEIGHT] = orientation, SECRETS[0].decode(), *size
    exif.get_ifd(EXIF).update(
        {PIXELS_X: size[0], PIXELS_Y: size[1], TAKEN: "2020:01:02 03:04:05", MAKER_NOTE: SECRETS[1] * 9}
    )
    exif.get_ifd(GPS).update(PLACE)
    return exif.tobytes()


def raw_profile(block):
    """As ImageMagick stores Exif in a PNG."""
    text = PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    return text


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><xmp:CreatorTool>fastfit</xmp:CreatorTool></x:xmpmeta>'


def source(kind, block, image=None):
    """An image with all the metadata that its format has."""
    image = scene(64, 48) if image is None else image
    if kind == "raw profile":
        return saved(image, "png", pnginfo=raw_profile(block))
    if kind == "png":
        text = PngInfo()
        text.add_text("Comment", SECRETS[3].decode())
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return saved(image, "png", exif=block, pnginfo=text)
    if kind == "avif":
        # Pillow would take the orientation out of the block.
        return encode(image, "avif", 95, exif=block.removeprefix(b"Exif\0\0"))
    if kind == "heic":
        buffer, heif = io.BytesIO(), importlib.import_module("pillow_heif")
        heif.from_pillow(Image.fromarray(image)).save(buffer, quality=95, exif=block)
        return buffer.getvalue()
    extra = {"jpeg": {"comment": SECRETS[3], "quality": 95, "subsampling": 0}, "webp": {"lossless": True}}[kind]
    return saved(image, kind, exif=block, xmp=XMP, **extra)


READ = {found.name for found in formats() if found.reads}
SOURCES = ("jpeg", "png", "raw profile", "webp", "avif", *sorted({"heic"} & READ))


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture


def exif_in(data):
    """IFD0, the Exif directory and the place, as Pillow reads them."""
    exif = opened(data).getexif()
    return dict(exif), exif.get_ifd(EXIF), exif.get_ifd(GPS)


def kept(data, format="jpeg", size=(20, 30), **options):
    return fit_bytes(data, Fit(size), Output(format, metadata=KEEP, **options))


# Kept.


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("order", ORDERS)
def test_exif_goes_along_mended(kind, format, order):
    data = source(kind, exif_block(6, order))
    first, exif, place = exif_in(kept(data, format))
    assert first[DESCRIPTION] == SECRETS[0].decode()
    assert first.get(ORIENTATION, 1) == 1
    assert (first[WIDTH], first[HEIGHT], exif[PIXELS_X], exif[PIXELS_Y]) == (20, 30, 20, 30)
    assert (exif[TAKEN], exif[MAKER_NOTE]) == ("2020:01:02 03:04:05", SECRETS[1] * 9)
    assert place == PLACE


@pytest.mark.parametrize("format", FORMATS)
def test_all_but_what_is_mended_stays_where_it_was(format):
    # Makers' notes count from the block's start.
    before = exif_block(8).removeprefix(b"Exif\0\0")
    after = probe(kept(source("jpeg", exif_block(8)), format)).exif
    assert len(after) == len(before)
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    assert len(changed) == 5  # orientation, and two sizes twice, each below 256
    assert after.index(SECRETS[1]) == before.index(SECRETS[1])


def test_exif_of_a_real_camera_goes_along():
    data = (DATA / "display_p3.jpg").read_bytes()
    (first, exif, place), (first_before, exif_before, place_before) = exif_in(kept(data)), exif_in(data)
    assert first == first_before
    assert place == place_before != {}
    different = {tag for tag, value in exif_before.items() if exif.get(tag) != value}
    assert different == {PIXELS_X, PIXELS_Y}
    assert (exif[PIXELS_X], exif[PIXELS_Y]) == (20, 30)


@pytest.mark.parametrize("name", [f"orientation_{number}.jpg" for number in range(2, 9)])
def test_real_orientation_is_reset(name):
    data = (DATA / name).read_bytes()
    assert probe(data).orientation > 1
    result = kept(data)
    assert probe(result).orientation == 1
    assert probe(result).exif is not None


@pytest.mark.quick
def test_exif_and_profile_go_along_together():
    data = (DATA / "display_p3.jpg").read_bytes()
    for written in FORMATS:
        result = opened(kept(data, written))
        assert result.info["icc_profile"] == opened(data).info["icc_profile"]
        assert result.getexif()[0x0110] == "iPhone 13 mini"


@pytest.mark.parametrize("kind", SOURCES)
def test_nothing_but_exif_is_kept(kind):
    for written in FORMATS:
        result = kept(source(kind, exif_block()), written)
        assert not {"xmp", "comment", "XML:com.adobe.xmp", "Comment"} & opened(result).info.keys()
        assert XMP[:20] not in result
        assert SECRETS[3] not in result


def test_what_has_no_exif_gets_none():
    for kind in ("jpeg", "png", "webp", "gif", "bmp"):
        for written in FORMATS:
            assert "exif" not in opened(kept(saved(scene(64, 48), kind), written)).info


def with_thumbnail(picture):
    """A block whose second directory is a small JPEG, as cameras make it."""
    block = exif_block().removeprefix(b"Exif\0\0")
    link = 8 + 2 + 12 * struct.unpack_from(">H", block, 8)[0]
    second = struct.pack(">H", 2) + struct.pack(">HHII", 0x0201, 4, 1, len(block) + 30)
    second += struct.pack(">HHII", 0x0202, 4, 1, len(picture)) + bytes(4)
    return block[:link] + struct.pack(">I", len(block)) + block[link + 4 :] + second + picture


def test_thumbnail_is_no_longer_there():
    small = saved(scene(16, 12), "jpeg")
    data = source("jpeg", b"Exif\0\0" + with_thumbnail(small))
    assert opened(data).getexif().get_ifd(ExifTags.IFD.IFD1)[0x0202] == len(small)
    assert small in data
    result = kept(data, "png")
    assert opened(result).getexif().get_ifd(ExifTags.IFD.IFD1) == {}
    assert small[100:200] not in result
    assert exif_in(result)[2] == PLACE


@pytest.mark.parametrize("size", [(70_000, 2), (2, 70_000)])
def test_sides_too_long_for_a_short_field_are_told(size):
    first, exif, _ = exif_in(kept(source("jpeg", exif_block()), "png", size))
    assert first[DESCRIPTION] == SECRETS[0].decode()
    assert (first[WIDTH], first[HEIGHT]) == (exif[PIXELS_X], exif[PIXELS_Y]) == size


# Not kept, and why.


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("format", FORMATS)
def test_nothing_goes_along_unasked(kind, format):
    data = source(kind, exif_block())
    assert probe(data).exif is not None
    result = fit_bytes(data, Fit((20, 30)), Output(format))
    assert [secret for secret in SECRETS if secret in result] == []
    assert probe(result).exif is None
    assert not {"exif", "xmp", "comment", "Comment"} & opened(result).info.keys()


def test_nothing_of_a_real_camera_goes_along_unasked():
    data = (DATA / "display_p3.jpg").read_bytes()
    for written in FORMATS:
        result = fit_bytes(data, Fit((20, 30)), Output(written, icc="strip"))
        assert re.search(rb"Apple|iPhone|2026:01", data)
        assert not re.search(rb"Apple|iPhone|2026:01|Exif", result)


@pytest.mark.parametrize("kind", ["gif", "tiff"])
def test_comments_of_other_formats_do_not_go_along(kind):
    extra = {"gif": {"comment": SECRETS[3]}, "tiff": {"description": SECRETS[3].decode()}}[kind]
    data = saved(scene(64, 48), kind, **extra)
    assert SECRETS[3] in data
    for metadata in ("drop", "keep"):
        assert SECRETS[3] not in fit_bytes(data, Fit((20, 30)), Output("png", metadata=metadata))


def directory(entry, order=">"):
    return {"<": ORDERS["II"], ">": ORDERS["MM"]}[order] + struct.pack(f"{order}H", 1) + entry + bytes(4)


DAMAGED = {
    "no byte order": b"XX*\0\x08\0\0\0" + bytes(20),
    "cut": exif_block().removeprefix(b"Exif\0\0")[:40],
    "beyond the end": ORDERS["MM"][:4] + struct.pack(">I", 9999),
    "pointer beyond the end": directory(struct.pack(">HHII", EXIF, 4, 1, 99_999)),
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("format", FORMATS)
def test_damaged_exif_is_dropped_with_a_note(tmp_path, kind, format):
    (tmp_path / "a.jpg").write_bytes(saved(scene(64, 48), "jpeg", exif=b"Exif\0\0" + DAMAGED[kind]))
    info = fit_file(tmp_path / "a.jpg", tmp_path / "out", Fit((20, 30)), Output(format, metadata=KEEP))
    assert info.notes == ("its Exif is damaged and is dropped",)
    assert "exif" not in opened((tmp_path / "out").read_bytes()).info


@pytest.mark.parametrize("format", FORMATS)
def test_exif_too_long_for_jpeg_is_dropped_with_a_note(tmp_path, format):
    (tmp_path / "a.png").write_bytes(saved(scene(64, 48), "png", exif=exif_block().ljust(70_000, b"\0")))
    info = fit_file(tmp_path / "a.png", tmp_path / "out", Fit((20, 30)), Output(format, metadata=KEEP))
    found = opened((tmp_path / "out").read_bytes()).getexif()
    assert info.notes == (("its Exif is too long and is dropped",) if format == "jpeg" else ())
    assert (DESCRIPTION in found) == (format != "jpeg")


def test_no_note_where_nothing_was_asked(tmp_path):
    (tmp_path / "a.jpg").write_bytes(saved(scene(64, 48), "jpeg", exif=b"Exif\0\0" + DAMAGED["cut"]))
    assert fit_file(tmp_path / "a.jpg", tmp_path / "out.png", Fit((20, 30))).notes == ()


@pytest.mark.parametrize("count", range(0, 130, 7))
def test_any_cut_of_a_block_gives_a_block_or_none(count):
    block = exif_block().removeprefix(b"Exif\0\0")[:count]
    mended = exif_for(block, (20, 30))
    assert mended is None or len(mended) == len(block)


def test_block_that_points_at_itself_ends():
    assert exif_for(directory(struct.pack(">HHII", EXIF, 4, 1, 8)), (20, 30))


# Seen through a viewer, all are the same.


def near(got, expected):
    return 10 * np.log10(255**2 / max(np.mean((np.asarray(got).astype(float) - expected) ** 2), 1e-9)) > 36


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("metadata", ["drop", "keep"])
def test_every_orientation_is_seen_as_before(kind, orientation, metadata):
    # Stored so that it is upright: the inverse of 6 is 8, of all others themselves.
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    upright = scene(96, 64)
    stored = turned(upright, inverse)
    data = source(kind, exif_block(orientation), stored)
    for written in FORMATS:
        result = opened(fit_bytes(data, Fit((48, 32)), Output(written, metadata=metadata)))
        seen = ImageOps.exif_transpose(result)
        assert seen.size == (48, 32)
        expected = np.asarray(Image.fromarray(upright).resize((48, 32), Image.Resampling.LANCZOS)).astype(float)
        assert near(seen, expected)
        assert not near(np.asarray(seen)[::-1], expected)


@pytest.mark.quick
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("metadata", ["drop", "keep"])
def test_orientation_in_xmp_is_applied_and_does_not_stay(kind, metadata):
    xmp = XMP.replace(b"<xmp:", b'<rdf:Description tiff:Orientation="6"/><xmp:')
    exif = Image.Exif()
    exif[DESCRIPTION] = "no orientation here"
    upright = scene(96, 64)
    stored = Image.fromarray(turned(upright, 8))
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    extra = {"pnginfo": text} if kind == "png" else {"xmp": xmp, "quality": 95}
    data = saved(stored, kind, exif=exif, **extra)
    assert ImageOps.exif_transpose(opened(data)).size == (96, 64)
    for written in FORMATS:
        result = opened(fit_bytes(data, Fit((96, 64)), Output(written, metadata=metadata)))
        assert (result.getexif().get(DESCRIPTION) == "no orientation here") == (metadata == "keep")
        assert near(ImageOps.exif_transpose(result), upright.astype(float))


def turned(image, orientation):
    with Image.open(io.BytesIO(saved(image, "png", exif=exif_block(orientation)))) as picture:
        return np.asarray(ImageOps.exif_transpose(picture))


@pytest.mark.parametrize("metadata", ["drop", "keep"])
def test_turned_avif_is_seen_as_before(metadata):
    data = (DATA / "turned.avif").read_bytes()
    before = np.asarray(ImageOps.exif_transpose(opened(data)).convert("RGBA"))
    size = (before.shape[1], before.shape[0])
    result = opened(fit_bytes(data, Fit(size), Output("png", metadata=metadata)))
    seen = np.asarray(ImageOps.exif_transpose(result))
    np.testing.assert_allclose(seen, before.astype(int), rtol=0, atol=3)
