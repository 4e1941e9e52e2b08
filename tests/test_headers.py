"""What files say of themselves. Pillow writes them where it can; what it does not write is put together here."""

import importlib
import io
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from encoded import saved, scene
from PIL import Image, ImageOps

import fastfit
from fastfit import CodecError, Size, decode, probe
from fastfit.codec import exif_for
from fastfit.codec.headers import count_scans
from fastfit.codec.headers.gif import is_whole
from fastfit.codec.headers.tiff import damaged_strip

DATA = Path(__file__).parent / "data"
ORIENTATIONS = range(1, 9)

importlib.import_module("pillow_jxl")  # lets Pillow write JPEG XL


def read(name):
    return (DATA / name).read_bytes()


def opened(data, mode="RGB"):
    """Decode with Pillow, upright."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert(mode))


def turned(image, orientation):
    """Turn an array as its orientation demands, by Pillow."""
    picture = Image.fromarray(image)
    picture.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(picture))


def exif_block(orientation, order="<"):
    """An Exif block, without a prefix, whose only entry is the orientation."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return head + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def two_frames():
    return {"save_all": True, "append_images": [Image.fromarray(scene(37, 23)).rotate(180)]}


def heic(image, **options):
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(image)).save(buffer, **options)
    return buffer.getvalue()


# One of each: a file, and what its header says besides the size, 37x23.

SAYS = {
    "jpeg": (lambda: saved(scene(37, 23), "jpeg"), {"bit_depth": 8, "channels": 3, "progressive": False}),
    "grey jpeg": (lambda: saved(scene(37, 23, 1), "jpeg"), {"bit_depth": 8, "channels": 1}),
    "cmyk jpeg": (lambda: saved(inks(), "jpeg"), {"bit_depth": 8, "channels": 4, "progressive": False}),
    "progressive": (lambda: saved(scene(37, 23), "jpeg", progressive=True), {"progressive": True}),
    "grey png": (lambda: saved(scene(37, 23, 1), "png"), {"bit_depth": 8, "channels": 1, "frames": 1}),
    "1-bit png": (lambda: saved(two_colours(), "png"), {"bit_depth": 1, "channels": 1}),
    "palette png": (lambda: saved(few_colours(), "png", bits=4), {"bit_depth": 4, "channels": 1}),
    "grey alpha png": (lambda: saved(scene(37, 23, 2), "png"), {"bit_depth": 8, "channels": 2}),
    "rgba png": (lambda: saved(scene(37, 23, 4), "png"), {"bit_depth": 8, "channels": 4}),
    "16-bit png": (lambda: saved(scene(37, 23, 1).astype(np.uint16), "png"), {"bit_depth": 16, "channels": 1}),
    "animated png": (lambda: saved(scene(37, 23), "png", **two_frames()), {"frames": 2, "damage": None}),
    "webp": (lambda: saved(scene(37, 23), "webp"), {"bit_depth": 8, "channels": 3, "frames": 1}),
    "webp with alpha": (lambda: saved(scene(37, 23, 4), "webp"), {"bit_depth": 8, "channels": 4}),
    "lossless webp": (lambda: saved(scene(37, 23), "webp", lossless=True), {"channels": 3, "frames": 1}),
    "lossless webp with alpha": (lambda: saved(scene(37, 23, 4), "webp", lossless=True), {"channels": 4}),
    "animated webp": (lambda: saved(scene(37, 23), "webp", **two_frames()), {"frames": 2}),
    "gif": (lambda: saved(few_colours(), "gif"), {"bit_depth": 8, "frames": 1}),
    "animated gif": (lambda: saved(scene(37, 23), "gif", **two_frames()), {"frames": 2}),
    "bmp": (lambda: saved(scene(37, 23), "bmp"), {"bit_depth": 8, "alpha": False, "misread": None}),
    "1-bit bmp": (lambda: saved(two_colours(), "bmp"), {"bit_depth": 1, "alpha": False}),
    "tiff": (lambda: saved(scene(37, 23), "tiff"), {"bit_depth": 8, "channels": 3, "frames": 1, "alpha": False}),
    "1-bit tiff": (lambda: saved(two_colours(), "tiff"), {"bit_depth": 1, "channels": 1, "misread": None}),
    "tiff of two pages": (lambda: saved(scene(37, 23), "tiff", **two_frames()), {"frames": 2}),
    "big tiff": (lambda: saved(scene(37, 23), "tiff", big_tiff=True), {"bit_depth": 8, "channels": 3}),
    "avif": (lambda: saved(scene(37, 23), "avif"), {"bit_depth": 8, "channels": 3, "white": None}),
    "grey avif": (lambda: saved(scene(37, 23, 1), "avif"), {"bit_depth": 8, "channels": 1, "white": None}),
    "animated avif": (lambda: saved(scene(37, 23), "avif", **two_frames()), {"frames": 2}),
    "heic": (lambda: heic(scene(37, 23)), {"format": "heic", "bit_depth": 8, "channels": 3}),
    "jpeg xl": (lambda: saved(scene(37, 23), "jxl"), {"format": "jpegxl", "orientation": 1}),
    "jpeg 2000": (lambda: saved(scene(37, 23), "jpeg2000"), {"bit_depth": 8, "channels": 3, "misread": None}),
    "bare jpeg 2000": (lambda: saved(scene(37, 23), "jpeg2000", no_jp2=True), {"format": "jpeg2000"}),
    "ppm": (lambda: saved(scene(37, 23), "ppm"), {"format": "pnm", "channels": 3, "white": None}),
    "pgm": (lambda: saved(scene(37, 23, 1), "ppm"), {"channels": 1, "white": None}),
    "radiance": (lambda: cv2.imencode(".hdr", scene(37, 23).astype(np.float32))[1].tobytes(), {"format": "hdr"}),
    "sun raster": (lambda: cv2.imencode(".sr", scene(37, 23))[1].tobytes(), {"format": "sunraster"}),
}  # fmt: skip


def inks():
    return Image.fromarray(scene(37, 23)).convert("CMYK")


def two_colours():
    return Image.fromarray(scene(37, 23, 1)).convert("1")


def few_colours():
    return Image.fromarray(scene(37, 23)).quantize(16)


@pytest.mark.quick
@pytest.mark.parametrize("kind", SAYS)
def test_header_says_what_the_file_holds(kind):
    make, expected = SAYS[kind]
    info = probe(make())
    assert info.size == Size(37, 23)
    assert {name: getattr(info, name) for name in expected} == expected


# AVIF and HEIC: what counts are the properties of the primary item.


def grey_avif(range, frames=1):
    """A monochrome AVIF, of samples from 0 to 255 or, as video has them, from 16 to 235."""
    picture = Image.fromarray(scene(37, 23, 1))
    more = {"save_all": True, "append_images": [picture.rotate(180)] * (frames - 1)} if frames > 1 else {}
    return saved(picture, "avif", range=range, **more)


def without_nclx(data):
    """Leave the range to the AV1 stream."""
    return data.replace(b"colrnclx", b"colrnone")


def box(kind, *bodies):
    return struct.pack(">I", 8 + sum(map(len, bodies))) + kind + b"".join(bodies)


def heif(*properties, brand=b"avif"):
    """The boxes of a file whose only item has some properties, and no pixels."""
    count = len(properties)
    associations = struct.pack(">4xIHB", 1, 1, count) + bytes(range(1, count + 1))
    items = box(b"iprp", box(b"ipco", *properties), box(b"ipma", associations))
    return box(b"ftyp", brand, bytes(4), brand) + box(b"meta", bytes(4), box(b"pitm", b"\0\0\0\0\0\1"), items)


SIZE = box(b"ispe", struct.pack(">4xII", 37, 23))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirror", [None, 0, 1])
def test_avif_is_turned_then_mirrored(turns, mirror):
    # Pillow writes a turn for 8, a mirror for 4, both for 5.
    made = bytearray(saved(scene(37, 23), "avif", exif=exif_block(8 if mirror is None else 5)))
    made[made.index(b"irot") + 4] = turns
    expected = np.rot90(decode(saved(scene(37, 23), "avif"))[0], turns)
    if mirror is not None:
        made[made.index(b"imir") + 4] = mirror
        expected = np.flip(expected, mirror)
    image, info = decode(bytes(made))
    assert probe(bytes(made)).size == info.size == Size(image.shape[1], image.shape[0])
    np.testing.assert_array_equal(image, expected)
    np.testing.assert_allclose(image, opened(bytes(made)).astype(int), rtol=0, atol=3)


@pytest.mark.parametrize("mirror", [0, 1])
def test_avif_is_mirrored_without_a_turn(mirror):
    made = bytearray(saved(scene(37, 23), "avif", exif=exif_block(4)))
    made[made.index(b"imir") + 4] = mirror
    expected = np.flip(decode(saved(scene(37, 23), "avif"))[0], mirror)
    np.testing.assert_array_equal(decode(bytes(made))[0], expected)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turned_heic_says_its_upright_size(orientation):
    data = heic(scene(64, 48), exif=b"Exif\0\0" + exif_block(orientation))
    info = probe(data)
    assert info.size == decode(data)[1].size == ((48, 64) if orientation >= 5 else (64, 48))


def clap(width, height, per=1):
    return box(b"clap", struct.pack(">8I", width, per, height, per, 0, 1, 0, 1))


@pytest.mark.parametrize(
    ("brand", "crop", "size"),
    [
        (b"heic", clap(30, 20), (30, 20)),
        (b"heic", clap(60, 40, 2), (30, 20)),
        (b"avif", clap(30, 20), (37, 23)),  # as its decoders do
        (b"heic", clap(38, 23), (37, 23)),
    ],
    ids=["cropped", "as fractions", "avif", "larger"],
)
def test_crop_counts_where_decoders_do_it(brand, crop, size):
    assert probe(heif(SIZE, crop, brand=brand)).size == size


def test_crop_of_nothing_leaves_fields_open():
    assert probe(heif(SIZE, clap(0, 0, 0), brand=b"heic")).format == "heic"


def test_orientation_in_the_exif_of_avif_does_not_count():
    data = saved(scene(37, 23), "avif", exif=exif_block(1).replace(b"\x12\1", b"\x12\2"))
    told = data.replace(exif_block(1)[10:].replace(b"\x12\1", b"\x12\2"), exif_block(6)[10:])
    info = probe(told)
    assert info.exif == exif_block(6)
    assert (info.orientation, info.size) == (1, Size(37, 23))


def placed(version, number, at, length):
    """The place of an item as iloc has it, relative to a base, in later versions with an index; and its sizes."""
    item = struct.pack(">I" if version == 2 else ">H", number)
    sizes = b"\x44\x44" if version else b"\x44\x40"
    extent = struct.pack(">I", 9) if version else b""
    base = struct.pack(">I", at - 3)
    place = (
        item + (bytes(2) if version else b"") + bytes(2) + base + b"\0\1" + extent + struct.pack(">II", 3, length)
    )
    return place, sizes


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("wide", [False, True])
def test_items_are_found_in_every_form_of_their_boxes(version, wide):
    block = exif_block(6)
    front = box(b"ftyp", b"heic", bytes(4), b"heic") + box(b"mdat", bytes(4), block)
    places = [placed(version, number, len(front) - len(block) - 4, len(block) + 4) for number in (1, 2)]
    count = struct.pack(">I" if version == 2 else ">H", 2)
    iloc = box(b"iloc", bytes([version, 0, 0, 0]), places[0][1], count, *(place for place, _ in places))
    form = ">HH4s" if version < 2 else ">IH4s"
    kinds = [struct.pack(form, number, 0, kind) for number, kind in ((1, b"hvc1"), (2, b"Exif"))]
    infes = [box(b"infe", bytes([2 if version < 2 else 3, 0, 0, 0]), kind) for kind in kinds]
    iinf = box(b"iinf", bytes(4), b"\0\2", *infes)
    # The first item has a size, the second, which is the picture, another, and a turn.
    other = box(b"ispe", struct.pack(">4xII", 5, 4))
    numbers = [struct.pack(">I" if version else ">H", number) for number in (1, 2)]
    entries = [[1], [2, 3]]
    packed = [
        bytes([len(entry)]) + struct.pack(f">{len(entry)}{'H' if wide else 'B'}", *entry) for entry in entries
    ]
    ipma = box(
        b"ipma", bytes([min(version, 1), 0, 0, wide]), struct.pack(">I", 2), *map(bytes.__add__, numbers, packed)
    )
    iprp = box(b"iprp", box(b"ipco", other, SIZE, box(b"irot", b"\1")), ipma)
    pitm = box(b"pitm", bytes([min(version, 1), 0, 0, 0]), struct.pack(">I" if version else ">H", 2))
    info = probe(front + box(b"meta", bytes(4), pitm, iloc, iinf, iprp))
    assert (info.size, info.orientation, info.exif) == ((23, 37), 8, block)


@pytest.mark.parametrize("offset", [0, 6])
def test_exif_of_avif_is_found_with_and_without_an_offset(offset):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    data = saved(scene(37, 23), "avif", exif=exif)
    at = data.index(b"\0\0\0\6Exif\0\0")
    info = probe(data[:at] + struct.pack(">I", offset) + data[at + 4 :])
    assert info.exif == exif.tobytes().removeprefix(b"Exif\0\0")


def test_exif_of_avif_that_lies_beyond_the_end_is_none():
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    data = saved(scene(37, 23), "avif", exif=exif)
    assert probe(data[: data.index(b"mdat") + 8]).exif is None


def test_profile_and_range_of_avif_stand_side_by_side():
    data = saved(scene(37, 23, 1), "avif", icc_profile=b"a profile", range="limited")
    assert (probe(data).icc_profile, probe(data).black, probe(data).white) == (b"a profile", 16, 235)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_avif_says_its_depth_with_and_without_the_list_of_channels(depth):
    image = scene(37, 23).astype(np.uint8 if depth == 8 else np.uint16)
    data = cv2.imencode(".avif", image, [cv2.IMWRITE_AVIF_DEPTH, depth])[1].tobytes()
    for said in (data, data.replace(b"pixi", b"none")):
        info = probe(said)
        assert info.bit_depth == depth
        assert (info.black, info.white) == (0, None if depth == 8 else 2**depth - 1)


@pytest.mark.quick
@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize(("range", "expected"), [("full", (0, None)), ("limited", (16, 235))])
def test_range_of_a_monochrome_avif_is_read_from_its_stream(range, expected, frames):
    # One frame has a short header, several have a long one.
    data = grey_avif(range, frames)
    for said in (data, without_nclx(data)):
        info = probe(said)
        assert (info.black, info.white, info.channels, info.frames) == (*expected, 1, frames)


def test_range_of_a_monochrome_avif_goes_by_its_properties_first():
    data = grey_avif("limited")
    at = data.index(b"nclx") + 10
    assert probe(data[:at] + b"\x80" + data[at + 1 :]).white is None


@pytest.mark.parametrize(("depth", "expected"), [(10, (64, 940)), (12, (256, 3760))])
def test_limited_range_grows_with_the_depth(depth, expected):
    image = scene(37, 23, 1).astype(np.uint16)
    data = bytearray(cv2.imencode(".avif", image, [cv2.IMWRITE_AVIF_DEPTH, depth])[1].tobytes())
    data[data.index(b"nclx") + 10] = 0
    assert (probe(bytes(data)).black, probe(bytes(data)).white) == expected


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("claimed", [(37, 24), (5, 4), (30000, 30000)])
def test_avif_whose_stream_has_another_size_is_refused_before_decoding(claimed, frames, monkeypatch):
    data = grey_avif("full", frames)
    at = data.index(b"ispe") + 8
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(CodecError):
        decode(data[:at] + struct.pack(">II", *claimed) + data[at + 8 :], max_pixels=None)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (300, 7), (7, 300), (1030, 65)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_size_of_avif_is_its_streams(size, channels):
    data = saved(np.zeros((size[1], size[0], channels), np.uint8).squeeze(2 if channels == 1 else ()), "avif")
    info = probe(data)
    assert (info.size, info.damage) == (size, None)


def sequence_header(data):
    """Return the header, an open bitstream unit, of the AV1 stream of an AVIF."""
    stream = data.partition(b"mdat")[2]
    at = stream.index(b"\x0a")
    return stream[at : at + 2 + stream[at + 1]]


def test_range_of_a_monochrome_avif_is_read_from_its_configuration():
    info = probe(heif(SIZE, box(b"av1C", b"\x81\0\x1c\0", sequence_header(grey_avif("limited")))))
    assert (info.channels, info.black, info.white) == (1, 16, 235)


@pytest.mark.parametrize("copied", [False, True])
def test_size_of_an_avif_is_that_of_its_stream_not_of_its_configuration(copied):
    small, large = (sequence_header(saved(np.zeros(shape, np.uint8), "avif")) for shape in ((23, 37), (999, 999)))
    made = heif(SIZE, box(b"av1C", b"\x81\0\x1c\0", small if copied else b""))
    # The stream goes into a box behind, and its place into the meta box.
    (length,) = struct.unpack_from(">I", made, 20)
    place = box(b"iloc", bytes(4), b"\x44\0", struct.pack(">HHHHII", 1, 1, 0, 1, len(made) + 38, len(large)))
    meta = made[:20] + struct.pack(">I", length + len(place)) + made[24:] + place
    data = meta + box(b"mdat", large)
    assert data[len(made) + 38 :] == large
    assert probe(data).damage == "its stream is 999x999"


def test_colour_avif_of_limited_range_is_left_to_its_decoder():
    data = saved(scene(37, 23), "avif", range="limited")
    assert (probe(data).black, probe(data).white) == (0, None)
    np.testing.assert_allclose(decode(data)[0], opened(data).astype(int), rtol=0, atol=3)


@pytest.mark.parametrize(
    ("brands", "format"),
    [
        (b"avif", "avif"), (b"avis", "avif"), (b"heic", "heic"), (b"heix", "heic"), (b"hevc", "heic"),
        (b"mif1\0\0\0\0mif1avif", "avif"), (b"mif1\0\0\0\0mif1heic", "heic"), (b"mif1\0\0\0\0miaf", "heif"),
        (b"msf1\0\0\0\0avif", "avif"),
    ],
)  # fmt: skip
def test_brands_tell_avif_from_heic(brands, format):
    data = box(b"ftyp", brands.ljust(8, b"\0")) + heif(SIZE)[24:]
    assert probe(data).format == format


@pytest.mark.parametrize("kind", [b"trak", b"moov", b"iprp"])
def test_boxes_within_boxes_come_to_an_end(kind):
    nested = b""
    for _ in range(3000):
        nested = box(kind, nested)
    assert probe(box(b"ftyp", b"avif", bytes(4), b"avif") + box(b"moov", nested)).frames == 1


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_avif_cut_anywhere_leaves_fields_open(cut):
    assert probe(saved(scene(37, 23), "avif", exif=exif_block(6))[: 12 + cut]).format == "avif"


# JPEG XL: the size in a form for small sides and one for others, and a ratio instead of the width where one fits.


def jxl_head(*fields):
    """A bare codestream's head, of numbers and the bits that each takes."""
    number, at = 0, 0
    for value, bits in fields:
        number, at = number | value << at, at + bits
    return b"\xff\x0a" + number.to_bytes(32, "little")


JXL_SIZES = [
    *((8, 8), (256, 256), (16, 8), (8, 16), (264, 8), (8, 264), (256, 8), (24, 256)),  # multiples of 8, up to 256
    *((1, 1), (37, 23), (512, 512), (513, 512), (1, 9000), (9000, 1), (514, 513), (8193, 5)),
    *((120, 100), (40, 30), (30, 20), (160, 90), (50, 40), (200, 100), (37, 37), (48, 40), (64, 48), (512, 288)),
]


@pytest.mark.parametrize("size", JXL_SIZES, ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"lossless": True}, {"use_container": True}], ids=["lossy", "lossless", "boxes"]
)
def test_jpeg_xl_says_its_size(size, options):
    data = saved(np.zeros((size[1], size[0], 3), np.uint8), "jxl", **options)
    assert probe(data).size == size


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_jpeg_xl_says_which_way_is_up(orientation):
    # Small 0, height 23 - 1 in 9 bits, no ratio, width 37 - 1; not plain, more fields.
    head = jxl_head((0, 1), (0, 2), (22, 9), (0, 3), (0, 2), (36, 9), (0, 1), (1, 1), (orientation - 1, 3))
    info = probe(head)
    assert info.orientation == orientation
    assert info.size == ((23, 37) if orientation >= 5 else (37, 23))


def test_jpeg_xl_is_found_in_pieces():
    stream = saved(scene(37, 23), "jxl")
    first = box(b"jxlp", bytes(4), stream[:30])
    data = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ") + first + box(b"jxlp", stream[30:])
    assert probe(data).size == (37, 23)


# GIF: how many frames there are, and whether the codes of the first are all there.


def noise(width, height, colours=256):
    levels = np.random.default_rng(width).integers(0, colours, (height, width), np.uint8)
    picture = Image.fromarray(levels, "P")
    picture.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes()[: 3 * colours])
    return picture


WHOLE_GIFS = {
    "one pixel": lambda: saved(noise(1, 1), "gif"),
    "one column": lambda: saved(noise(1, 700), "gif"),
    "smooth": lambda: saved(few_colours(), "gif"),
    "flat": lambda: saved(np.zeros((300, 401), np.uint8), "gif"),
    "two colours": lambda: saved(two_colours(), "gif"),
    **{f"{n} colours": lambda n=n: saved(noise(61, 47, n), "gif") for n in (2, 3, 4, 5, 8, 9, 16, 17, 128, 129)},
    "noise": lambda: saved(noise(61, 47), "gif"),
    "a full table of codes": lambda: saved(noise(300, 211), "gif"),
    "a full table for few colours": lambda: saved(noise(403, 301, 4), "gif"),
    "interlaced": lambda: saved(noise(61, 47), "gif", interlace=1),
    "not interlaced": lambda: saved(noise(61, 47), "gif", interlace=0),
    "animated": lambda: saved(noise(61, 47), "gif", save_all=True, append_images=[noise(61, 47, 9)] * 2),
    "transparent": lambda: saved(noise(61, 47), "gif", transparency=3),
    "commented": lambda: saved(noise(61, 47), "gif", comment=b"of noise" * 100),
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE_GIFS)
def test_whole_gif_is_whole(kind):
    assert is_whole(WHOLE_GIFS[kind]())


@pytest.mark.parametrize("kind", ["smooth", "two colours", "noise", "interlaced", "animated", "transparent"])
def test_gif_cut_anywhere_is_not_whole(kind):
    data = WHOLE_GIFS[kind]()
    assert not any(is_whole(data[:cut]) for cut in range(len(data)))


@pytest.mark.parametrize("interlace", [0, 1])
def test_gif_with_a_changed_byte_is_rarely_whole(interlace):
    # A code that stands for as many pixels as the right one does not show.
    data = saved(Image.fromarray(scene(161, 120)).quantize(64), "gif", interlace=interlace)
    places = range(800, len(data) - 20, 80)
    unseen = [is_whole(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]) for at in places]
    assert sum(unseen) <= len(places) / 8


def test_gif_with_codes_for_another_number_of_pixels_is_not_whole():
    data = saved(noise(61, 47), "gif")
    taller = bytearray(data)
    descriptor = data.index(b",\0\0\0\0" + struct.pack("<HH", 61, 47))
    taller[descriptor + 7] += 1
    lower = bytearray(data)
    lower[descriptor + 7] -= 1
    assert is_whole(data)
    assert not is_whole(bytes(taller))
    assert not is_whole(bytes(lower))


def codes_of(*codes):
    """Pack codes of 3 bits, for a GIF of up to four colours."""
    number = sum(code << 3 * place for place, code in enumerate(codes))
    return number.to_bytes((3 * len(codes) + 7) // 8, "little")


@pytest.mark.parametrize(
    ("codes", "pixels"),
    [
        ((4, 0, 1, 5), 2),
        ((0, 1, 5), 2),  # no clear code to begin with
        ((4, 0, 6, 5), 3),  # 6 is 0 0, as it is about to be defined
        ((0, 6, 5), 3),
        ((4, 0, 1, 4, 2, 3, 5), 4),  # cleared between
        ((4, 0), 1),  # no end code
        ((4, 0, 1, 6, 5), 4),  # 6 is 0 1
        ((4, 6, 5), None),
        ((4, 0, 7, 5), None),
        ((4, 0, 4, 6, 5), None),  # defined no more
    ],
)
def test_gif_is_whole_if_its_codes_make_its_pixels(codes, pixels):
    for width in (pixels, pixels + 1) if pixels else range(1, 6):
        body = codes_of(*codes)
        screen = b"GIF89a" + struct.pack("<HHBBB", width, 1, 0xF1, 0, 0) + bytes(12)
        frame = b"," + struct.pack("<HHHHB", 0, 0, width, 1, 0) + bytes([2, len(body)]) + body + b"\0;"
        assert is_whole(screen + frame) == (width == pixels)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_frames_of_a_gif_are_counted(frames):
    pictures = [noise(61, 47, 2 + n) for n in range(frames)]
    data = saved(pictures[0], "gif", save_all=True, append_images=pictures[1:], comment=b",\0,;" * 90)
    assert probe(data).frames == frames
    assert decode(data)[1].notes == ((f"one still of {frames}",) if frames > 1 else ())


def test_first_frame_of_a_gif_may_exceed_the_screen():
    data = bytearray(saved(noise(61, 47), "gif"))
    data[6:10] = struct.pack("<HH", 20, 90)
    with Image.open(io.BytesIO(bytes(data))) as picture:
        assert probe(bytes(data)).size == picture.size == (61, 90)


# TIFF: the first directory, in either byte order and of either size.

FIELD_FORMS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def tiff(image, *changes, order="<", big=False, pack=bytes):
    """A TIFF of one strip. Changes are fields, (tag, kind, values), instead of the usual; of no values, none."""
    height, width, samples = (*image.shape, 1)[:3]
    strip = pack(image.astype(image.dtype.newbyteorder(order)).tobytes())
    usual = [
        *((256, 4, [width]), (257, 4, [height]), (258, 3, [8 * image.itemsize] * samples), (259, 3, [1])),
        *((262, 3, [1 if samples < 3 else 2]), (273, 4, [16]), (277, 3, [samples]), (279, 4, [len(strip)])),
    ]
    changed = {tag for tag, *_ in changes}
    fields = [field for field in usual if field[0] not in changed] + [field for field in changes if field[2]]
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0) if big else (42,)), 16 + len(strip))
    return head.ljust(16, b"\0") + strip + directory(16 + len(strip), fields, order, big)


def directory(start, fields, order, big):
    offset, counter, room = ("Q", "Q", 8) if big else ("I", "H", 4)
    table, behind = struct.pack(order + counter, len(fields)), b""
    end = start + len(table) + len(fields) * (4 + 2 * room) + room
    for tag, kind, values in sorted(fields, key=lambda field: field[0]):
        body = struct.pack(f"{order}{len(values)}{FIELD_FORMS[kind]}", *values)
        if len(body) > room:
            body, behind = struct.pack(order + offset, end + len(behind)), behind + body
        table += struct.pack(f"{order}HH{offset}", tag, kind, len(values)) + body.ljust(room, b"\0")
    return table + bytes(room) + behind


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True], ids=["classic", "big"])
def test_tiff_in_either_byte_order_and_size(order, big):
    profile = list(b"a profile of odd length")
    data = tiff(scene(37, 23).astype(np.uint16) * 257, (34675, 1, profile), (274, 3, [6]), order=order, big=big)
    info = probe(data)
    assert (info.size, info.orientation, info.bit_depth, info.channels) == ((23, 37), 6, 16, 3)
    assert (info.icc_profile, info.frames, info.misread) == (bytes(profile), 1, None)
    np.testing.assert_array_equal(decode(data)[0] // 257, turned(scene(37, 23), 6))


@pytest.mark.parametrize(
    ("tag", "first", "second"), [(257, 23, 40), (274, 1, 3), (258, 8, 1)], ids=["height", "orientation", "bits"]
)
def test_first_of_two_equal_tags_of_a_tiff_counts(tag, first, second):
    data = tiff(scene(37, 23, 1), (tag, 3, [first]), (tag, 3, [second]))
    assert probe(data) == probe(tiff(scene(37, 23, 1), (tag, 3, [first])))
    np.testing.assert_array_equal(decode(data)[0], scene(37, 23, 1))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_of_a_tiff_out_of_range_is_upright(orientation):
    info = probe(tiff(scene(37, 23), (274, 3, [orientation])))
    assert (info.orientation, info.size) == (1, (37, 23))


@pytest.mark.parametrize("orientation", [5, 6])
def test_real_tiff_is_turned_upright(orientation):
    data = read(f"orientation_{orientation}.tif")
    image, info = decode(data)
    assert (info.orientation, info.size, info.bit_depth) == (orientation, (590, 88), 1)
    np.testing.assert_array_equal(image, opened(data, "L"))


SIXTEEN = scene(37, 23, 3).astype(np.uint16) * 257

UNREAD = {
    "16 bits in planes": tiff(SIXTEEN, (284, 3, [2])),
    "one sample said of 16-bit colours": tiff(SIXTEEN, (277, 3, [1])),
    "no number of samples": tiff(SIXTEEN, (277, 3, [])),
    "depths for fewer samples": tiff(scene(37, 23, 4).astype(np.uint16), (258, 3, [16, 16, 16]), (338, 3, [2])),
    "signed samples": tiff(scene(37, 23, 1), (339, 3, [2])),
    "signed 16 bits": tiff(SIXTEEN, (339, 3, [2] * 3)),
}
MISREAD = {
    "a palette for 1 bit": tiff(scene(37, 23, 1), (258, 3, [1]), (262, 3, [3]), (320, 3, [0, 65535] * 3)),
    "a palette for 4 bits": tiff(scene(37, 23, 1), (258, 3, [4]), (262, 3, [3]), (320, 3, [0, 65535] * 24)),
    "grey with alpha": tiff(scene(37, 23, 2), (338, 3, [2])),
    "grey with something": tiff(scene(37, 23, 2), (338, 3, [0])),
    "16-bit grey with alpha": tiff(scene(37, 23, 2).astype(np.uint16), (338, 3, [2])),
}
READ_RIGHTLY = {
    "8 bits": tiff(scene(37, 23)),
    "8 bits in planes": tiff(scene(37, 23), (284, 3, [2])),
    "16 bits": tiff(SIXTEEN, (284, 3, [1])),
    "16-bit grey": tiff(SIXTEEN[..., 0], (284, 3, [2])),
    "one depth for all": tiff(SIXTEEN, (258, 3, [16])),
    "unsigned samples": tiff(SIXTEEN, (339, 3, [1] * 3)),
    "1 bit": saved(two_colours(), "tiff"),
    "a palette for 8 bits": saved(few_colours(), "tiff"),
    "four inks": saved(inks(), "tiff"),
    "float": saved(Image.fromarray(scene(37, 23, 1).astype(np.float32)), "tiff"),
}


@pytest.mark.parametrize("kind", MISREAD)
def test_tiff_that_opencv_gets_wrong_is_known(kind):
    info = probe(MISREAD[kind])
    assert info.misread.startswith("a TIFF ")
    assert info.unread is None


@pytest.mark.parametrize("kind", UNREAD)
def test_tiff_that_nobody_reads_rightly_is_refused(kind, monkeypatch):
    assert probe(UNREAD[kind]).unread.startswith("a TIFF ")
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(
        CodecError, match="cat: expected a tiff image that a decoder here reads rightly, got a TIFF "
    ):
        decode(UNREAD[kind], name="cat")


@pytest.mark.parametrize("kind", READ_RIGHTLY)
def test_tiff_that_opencv_reads_rightly_is_left_to_it(kind):
    info = probe(READ_RIGHTLY[kind])
    assert (info.misread, info.unread) == (None, None)


@pytest.mark.parametrize(
    ("samples", "extra", "alpha"),
    [(3, [], False), (4, [], True), (4, [0], False), (4, [1], True), (4, [2], True), (1, [], False)],
)
def test_alpha_of_a_tiff_is_what_its_extra_samples_are(samples, extra, alpha):
    assert probe(tiff(scene(37, 23, samples), (338, 3, extra))).alpha is alpha


def test_pages_of_a_tiff_that_go_in_circles_are_counted_once():
    data = bytearray(saved(scene(37, 23), "tiff", **two_frames()))
    first = struct.unpack_from("<I", data, 4)[0]
    (entries,) = struct.unpack_from("<H", data, first)
    second = struct.unpack_from("<I", data, first + 2 + 12 * entries)[0]
    (entries,) = struct.unpack_from("<H", data, second)
    for back in (first, second, len(data) - 1, 0xFFFFFFFF):
        struct.pack_into("<I", data, second + 2 + 12 * entries, back)
        assert probe(bytes(data)).frames == 2


@pytest.mark.parametrize("count", [0xFFFF, 0x8000, 40])
def test_tiff_whose_directory_goes_beyond_its_end_leaves_fields_open(count):
    data = tiff(scene(37, 23))
    start = struct.unpack_from("<I", data, 4)[0]
    longer = data[:start] + struct.pack("<H", count) + data[start + 2 :]
    assert probe(longer).format == "tiff"
    with pytest.raises(CodecError):
        decode(longer)


@pytest.mark.parametrize(("tag", "value"), [(273, 1 << 20), (279, 1 << 20), (273, 0xFFFFFFFF)])
def test_tiff_whose_pixels_lie_beyond_its_end_is_damaged(tag, value):
    data = tiff(scene(37, 23), (tag, 4, [value]))
    assert probe(data).damage == "its strip or tile 0 goes beyond its end"


def test_profile_of_a_tiff_beyond_its_end_is_none_and_the_picture_stays():
    data = tiff(scene(37, 23), (34675, 1, list(b"a profile")))
    at = data.index(struct.pack("<HHI", 34675, 1, 9)) + 8
    image, info = decode(data[:at] + struct.pack("<I", len(data)) + data[at + 4 :])
    assert (info.icc_profile, info.size) == (None, (37, 23))
    np.testing.assert_array_equal(image, scene(37, 23))


def packed_in_tiles(image, damaged=None):
    """A grey TIFF of 16x16 deflated tiles."""
    high, wide = (-(-side // 16) for side in image.shape)
    full = np.zeros((16 * high, 16 * wide), np.uint8)
    full[: image.shape[0], : image.shape[1]] = image
    tiles = full.reshape(high, 16, wide, 16).swapaxes(1, 2).reshape(-1, 256)
    packed = [zlib.compress(tile.tobytes()) for tile in tiles]
    if damaged is not None:
        packed[damaged] = packed[damaged][:-4] + bytes(4)
    starts = [16 + sum(map(len, packed[:n])) for n in range(len(packed))]
    tiled = [(322, 3, [16]), (323, 3, [16]), (324, 4, starts), (325, 4, [len(tile) for tile in packed])]
    return tiff(image, (259, 3, [8]), (273, 4, []), (279, 4, []), *tiled, pack=lambda _: b"".join(packed))


DEFLATED = {
    "in one strip": lambda: tiff(scene(37, 23), (259, 3, [8]), pack=zlib.compress),
    "named as of old": lambda: tiff(scene(37, 23), (259, 3, [32946]), pack=zlib.compress),
    "in strips": lambda: saved(noise(200, 1001), "tiff", compression="tiff_adobe_deflate"),
    "with a predictor": lambda: saved(noise(90, 40), "tiff", compression="tiff_adobe_deflate", tiffinfo={317: 2}),
    "in tiles": lambda: packed_in_tiles(scene(37, 23, 1)),
    "of 16 bits": lambda: tiff(SIXTEEN, (259, 3, [8]), pack=zlib.compress),
    "not at all": lambda: saved(scene(37, 23), "tiff"),
    "but by another": lambda: saved(scene(37, 23), "tiff", compression="tiff_lzw"),
}  # fmt: skip


@pytest.mark.parametrize("how", DEFLATED)
def test_deflated_tiff_that_is_whole_is_not_called_damaged(how):
    data = DEFLATED[how]()
    assert damaged_strip(data) is None
    assert decode(data, listen=True)[1].damage is None


@pytest.mark.parametrize("how", ["in one strip", "named as of old", "in strips", "of 16 bits"])
def test_hole_in_a_deflated_tiff_is_seen(how):
    data = DEFLATED[how]()
    assert damaged_strip(data[:400] + bytes(64) + data[464:])


@pytest.mark.parametrize("tile", [0, 3, 5])
def test_wrong_checksum_of_a_tile_is_seen(tile):
    data = packed_in_tiles(scene(37, 23, 1), damaged=tile)
    assert damaged_strip(data) == f"strip or tile {tile} does not match its checksum"
    image, info = decode(data)
    assert info.damage == damaged_strip(data)
    np.testing.assert_array_equal(image, scene(37, 23, 1))


def test_bombs_in_deflated_strips_are_quick():
    # Every line's strip is the same, and far longer than a line.
    bomb = zlib.compress(bytes(1 << 27))
    strips = [(259, 3, [8]), (273, 4, [16] * 1000), (279, 4, [len(bomb)] * 1000), (278, 3, [1])]
    started = time.process_time()
    damaged_strip(tiff(np.zeros((1000, 37), np.uint8), *strips, pack=lambda _: bomb))
    assert time.process_time() - started < 3


# PNG: chunks, and profiles in the form of ImageMagick.


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks, image=None):
    """A PNG with chunks between its header and its data."""
    data = saved(scene(37, 23) if image is None else image, "png")
    return data[:33] + b"".join(chunk(*each) for each in chunks) + data[33:]


def raw_profile(block, kind=b"exif", where=b"tEXt"):
    """A text chunk with a block as lines of digits."""
    digits = block.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = f"\n{kind.decode()}\n{len(block):8}\n{lines}\n".encode()
    packed = text if where == b"tEXt" else b"\0" + zlib.compress(text)
    return where, b"Raw profile type " + kind + b"\0" + packed


@pytest.mark.parametrize("where", [b"tEXt", b"zTXt"])
@pytest.mark.parametrize("kind", [b"exif", b"APP1"])
@pytest.mark.parametrize("prefix", [b"Exif\0\0", b""])
def test_raw_profile_of_a_png_turns_it(where, kind, prefix):
    block = exif_block(6) + b"makers' notes" * 20
    data = png(raw_profile(prefix + block, kind, where))
    info = probe(data)
    assert (info.size, info.orientation, info.exif) == ((23, 37), 6, block)
    np.testing.assert_array_equal(decode(data)[0], turned(scene(37, 23), 6))


def test_raw_profile_of_a_png_is_the_one_that_is_exif():
    xmp = raw_profile(b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>", b"APP1")
    assert probe(png(xmp, raw_profile(b"Exif\0\0" + exif_block(8), b"APP1"))).orientation == 8


def test_exif_chunk_of_a_png_goes_before_a_raw_profile():
    for chunks in ([raw_profile(exif_block(8)), (b"eXIf", exif_block(6))], [(b"eXIf", exif_block(6))]):
        for order in (1, -1):
            info = probe(png(*chunks[::order], raw_profile(exif_block(3))))
            assert (info.orientation, info.exif) == (6, exif_block(6))


def test_exif_of_a_png_behind_its_data_counts():
    data = saved(scene(37, 23), "png")
    at = len(data) - 12
    assert probe(data[:at] + chunk(b"eXIf", exif_block(6)) + data[at:]).orientation == 6


@pytest.mark.parametrize("text", [b"", b"\nexif\n", b"\nexif\n 8\nxyz", b"\nexif\n 8\n494", b"\xff" * 99])
def test_damaged_raw_profile_is_none(text):
    info = probe(png((b"tEXt", b"Raw profile type exif\0" + text), (b"zTXt", b"Raw profile type exif\0\0" + text)))
    assert (info.orientation, info.exif) == (1, None)


def test_first_profile_of_a_png_counts():
    first, second = ((b"iCCP", b"name\0\0" + zlib.compress(name)) for name in (b"first", b"second"))
    assert probe(png(first, second)).icc_profile == b"first"


@pytest.mark.parametrize(
    "kept", [(b"iCCP", b"name\0\0"), (b"zTXt", b"Raw profile type exif\0\0")], ids=["iCCP", "zTXt"]
)
def test_many_bombs_in_a_png_are_quick(kept):
    kind, head = kept
    bomb = chunk(kind, head + zlib.compress(bytes(64 << 20)))
    data = saved(scene(37, 23), "png")
    started = time.process_time()
    info = probe(data[:33] + bomb * 500 + data[33:])
    assert time.process_time() - started < 3
    assert (info.icc_profile, info.exif, info.size) == (None, None, (37, 23))


@pytest.mark.parametrize("kind", [b"IDAT", b"tEXt", b"iCCP", b"acTL", b"abcd"])
@pytest.mark.parametrize("length", [0x7FFF0000, 0xFFFFFFFF, 100_000])
def test_png_chunk_that_goes_beyond_the_end_is_refused_before_decoding(kind, length, monkeypatch):
    data = saved(scene(37, 23), "png")
    lying = data[:33] + struct.pack(">I", length) + kind + data[33:]
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(CodecError, match=r"cat: expected a whole png image, got it ends \d+ bytes before a chunk"):
        decode(lying, name="cat")


def test_end_of_a_png_before_its_data_is_none():
    data = saved(scene(37, 23), "png")
    early = data[:33] + chunk(b"IEND", b"") + struct.pack(">I", 0x7FFF0000) + data[37:]
    assert probe(early).damage.startswith("it ends ")


def test_png_of_too_many_chunks_is_quickly_refused():
    data = saved(scene(37, 23), "png")
    started = time.process_time()
    assert probe(data[:33] + chunk(b"tEXt", b"") * 300_000 + data[33:]).damage == "it has too many chunks"
    assert time.process_time() - started < 5


def test_png_without_an_end_is_damaged_and_one_with_more_behind_is_not():
    data = saved(scene(37, 23), "png")
    assert probe(data[:-12]).damage == "it ends before its last chunk"
    assert probe(data[:-1]).damage == "it ends 1 bytes before a chunk does"
    assert probe(data + b"\xff\xff\xff\xffmore").damage is None


# JPEG: what stands between the segments, and scans.


def segments_between(data, stray):
    """Put bytes before the frame header of a JPEG."""
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data)
    return data[:at] + stray + data[at:]


def claiming(data, width, height):
    """Let the frame header of a JPEG claim a size."""
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data)
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


STRAY = (b"\0", b"\0" * 99, b"abc", b"\xff" * 9, b"\xff\0", b"x\xff\0y\xff\0", b"\xff\xd0", b"\xff\1", b"\0\xff")


@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize("progressive", [False, True])
def test_stray_bytes_in_a_jpeg_do_not_hide_its_size(stray, progressive, monkeypatch):
    plain = saved(scene(37, 23), "jpeg", progressive=progressive)
    data = segments_between(plain, stray)
    # The decoder passes over them, so what reads the size must.
    np.testing.assert_array_equal(decode(data)[0], decode(plain)[0])
    assert (probe(data).size, probe(data).progressive) == ((37, 23), progressive)
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(CodecError, match="at most 178956970 pixels, got 3600000000"):
        decode(claiming(data, 60000, 60000))


def test_exif_of_a_jpeg_behind_its_frame_header_counts():
    data = saved(scene(37, 23), "jpeg")
    block = b"Exif\0\0" + exif_block(6)
    at = data.index(b"\xff\xda")
    assert probe(data[:at] + b"\xff\xe1" + struct.pack(">H", 2 + len(block)) + block + data[at:]).orientation == 6


def test_jpeg_whose_components_come_one_by_one_counts_as_progressive():
    # Sequential, but its decoder holds it as a whole all the same.
    info = probe(read("one_by_one.jpg"))
    assert (info.progressive, info.channels, count_scans(read("one_by_one.jpg"))) == (True, 3, 3)
    image = decode(read("one_by_one.jpg"))[0]
    np.testing.assert_allclose(image, opened(read("one_by_one.jpg")).astype(int), rtol=0, atol=3)


def test_scans_of_a_jpeg_are_counted():
    plain, progressive = (saved(scene(37, 23), "jpeg", progressive=progressive) for progressive in (False, True))
    assert count_scans(plain) == 1
    assert count_scans(progressive) == progressive.count(b"\xff\xda") == 10
    assert count_scans(progressive + progressive) == 10
    assert count_scans(progressive[: progressive.rindex(b"\xff\xda")]) == 9


def with_scans(count, width, height):
    """A progressive JPEG with so many scans that claims a size."""
    data = saved(Image.fromarray(scene(37, 23, 1)), "jpeg", progressive=True)
    last = data.rindex(b"\xff\xda")
    more = count - count_scans(data)
    return claiming(data[:last] + data[last:-2] * (more + 1) + data[-2:], width, height)


def said_of(data, monkeypatch, **limits):
    """Return what decoding says where the decoder would refuse whatever reaches it."""
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    with pytest.raises(CodecError) as caught:
        decode(data, **limits)
    return caught.value.expected


@pytest.mark.parametrize(
    ("size", "allowed"),
    [((37, 23), 500), ((4000, 3000), 500), ((4000, 6000), 250), ((12000, 8000), 62), ((13000, 13000), 62)],
)  # fmt: skip
def test_fewer_scans_are_let_in_the_larger_a_jpeg_is(size, allowed, monkeypatch):
    assert said_of(with_scans(allowed, *size), monkeypatch) == "a whole jpeg image"
    most = f"a jpeg of at most {allowed} scans at {size[0]}x{size[1]}"
    assert said_of(with_scans(allowed + 1, *size), monkeypatch) == most


@pytest.mark.parametrize(("limit", "most"), [(20, 20), (1, 1), (16, 16)])
def test_limit_of_scans_is_the_callers(limit, most, monkeypatch):
    expected = f"a jpeg of at most {most} scans at 37x23"
    assert said_of(with_scans(21, 37, 23), monkeypatch, max_scans=limit) == expected
    assert said_of(with_scans(21, 37, 23), monkeypatch, max_scans=21) == "a whole jpeg image"


@pytest.mark.parametrize("limit", [None, 0])
def test_no_limit_of_scans(limit, monkeypatch):
    assert said_of(with_scans(4000, 13000, 13000), monkeypatch, max_scans=limit) == "a whole jpeg image"


@pytest.mark.parametrize("limit", [None, 0])
def test_no_limit_of_pixels(limit, monkeypatch):
    data = claiming(saved(scene(37, 23), "jpeg"), 60000, 60000)
    assert said_of(data, monkeypatch, max_pixels=limit) == "a whole jpeg image"
    assert said_of(data, monkeypatch) == "at most 178956970 pixels"


def test_progressive_jpeg_counts_whole_whatever_it_is_shrunk_to(monkeypatch):
    plain, progressive = (saved(scene(64, 48), "jpeg", progressive=progressive) for progressive in (False, True))
    assert decode(plain, shrink=2, max_pixels=32 * 24)[0].shape == (24, 32, 3)
    assert said_of(progressive, monkeypatch, shrink=2, max_pixels=32 * 24) == "at most 768 pixels"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"quality": 1}, {"restart_marker_rows": 1}], ids=str
)
def test_flat_jpeg_is_not_too_short(mode, options):
    assert probe(saved(Image.new(mode, (1601, 1203)), "jpeg", **options)).damage is None


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_of_less_codes_than_blocks_is_refused_before_decoding(progressive, monkeypatch):
    data = saved(scene(37, 23), "jpeg", progressive=progressive)
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(CodecError, match="cat: expected a whole jpeg image, got it is too short for its size"):
        decode(claiming(data, 4000, 3000), name="cat")


# BMP: headers of several lengths, and masks.


def bmp(bits, masks=(), header=40, height=23, compression=None):
    """A BMP of zeros, 37 wide."""
    compression = (3 if masks else 0) if compression is None else compression
    info = struct.pack("<IiiHHI", header, 37, height, 1, bits, compression) + bytes(20)
    colours = struct.pack(f"<{len(masks)}I", *masks)
    body = (info + colours).ljust(max(header, len(info + colours)), b"\0")
    pixels = bytes(abs(height) * (37 * bits // 8 + 3 & ~3))
    return b"BM" + struct.pack("<IHHI", 14 + len(body) + len(pixels), 0, 0, 14 + len(body)) + body + pixels


BGR, ALPHA = (0xFF0000, 0xFF00, 0xFF), 0xFF000000


@pytest.mark.parametrize(
    ("data", "depth", "alpha"),
    [
        (bmp(24), 8, False),
        (bmp(16), 5, False),
        (bmp(16, (0x7C00, 0x3E0, 0x1F)), 5, False),
        (bmp(16, (0xF800, 0x7E0, 0x1F)), 6, False),
        (bmp(16, (0xF800, 0x7E0, 0x1F, 0), header=108), 6, False),
        (bmp(32), 8, False),
        (bmp(32, BGR), 8, False),
        (bmp(32, (*BGR, 0), header=108), 8, False),
        (bmp(32, (*BGR, ALPHA), header=56), 8, True),
        (bmp(32, (*BGR, ALPHA), header=108), 8, True),
        (bmp(32, (*BGR, ALPHA), header=124), 8, True),
    ],
    ids=[
        "24",
        "16",
        "555",
        "565",
        "565 v4",
        "32",
        "32 masks",
        "32 v4",
        "32 alpha v3",
        "32 alpha v4",
        "32 alpha v5",
    ],
)
def test_bmp_says_its_depth_and_alpha(data, depth, alpha):
    info = probe(data)
    assert (info.size, info.bit_depth, info.alpha, info.misread) == ((37, 23), depth, alpha, None)


def test_bmp_from_the_top_down_is_as_high():
    assert probe(bmp(24, height=-23)).size == (37, 23)


def test_bmp_of_os2_says_its_size():
    assert probe(b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 37, 23, 1, 8)).size == (37, 23)


def in_runs(codes, bits=8):
    """A BMP of 6x3 in run-length codes."""
    palette = bytes(range(256)) * 4 if bits == 8 else bytes(range(64))
    info = struct.pack("<IiiHHIIiiII", 40, 6, 3, 1, bits, 1 if bits == 8 else 2, len(codes), 0, 0, 0, 0)
    at = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(codes), 0, 0, at) + info + palette + codes


LINE = b"\6\1\0\0"  # a run of 6, and the end of the line
STORED = b"\0\6abcdef\0\0"

WHOLE_RUNS = {
    "runs": in_runs(LINE * 3 + b"\0\1"),
    "no end of the last line": in_runs(LINE * 2 + b"\6\1\0\1"),
    "stored": in_runs(STORED * 3 + b"\0\1"),
    "stored, padded": in_runs(b"\0\5abcde\0\1\1\0\0" + LINE * 2 + b"\0\1"),
    "moved on": in_runs(LINE + b"\0\2\3\1\3\1\0\1"),
    "moved to the corner": in_runs(b"\0\2\0\2" + LINE + b"\0\1"),
    "half bytes": in_runs(LINE * 3 + b"\0\1", 4),
    "stored half bytes": in_runs(b"\0\6abc\0\0\0" + b"\0\4ab\2\1\0\0" + b"\0\3ab\3\1\0\0\0\1", 4),
}
DAMAGED_RUNS = {
    "a run over its line": in_runs(b"\7\1\0\0" + LINE * 2 + b"\0\1"),
    "stored over its line": in_runs(b"\0\7abcdefg\0\0\0" + LINE * 2 + b"\0\1"),
    "moved over its line": in_runs(b"\0\2\7\0\0\1"),
    "moved beyond the last line": in_runs(b"\0\2\0\4\0\1"),
    "too many lines": in_runs(LINE * 3 + b"\1\1\0\1"),
    "no end": in_runs(LINE * 3),
    "stored beyond the end": in_runs(LINE + b"\0\6ab"),
    "half bytes over their line": in_runs(b"\7\1\0\0" + LINE * 2 + b"\0\1", 4),
}


@pytest.mark.parametrize("kind", WHOLE_RUNS)
def test_bmp_of_whole_runs_is_pillows(kind):
    assert probe(WHOLE_RUNS[kind]).damage is None
    np.testing.assert_array_equal(decode(WHOLE_RUNS[kind])[0], opened(WHOLE_RUNS[kind]))


@pytest.mark.parametrize("kind", DAMAGED_RUNS)
def test_bmp_of_damaged_runs_is_refused(kind):
    with pytest.raises(
        CodecError, match=r"a whole bmp image, got (a run goes beyond|it ends before its last run)"
    ):
        decode(DAMAGED_RUNS[kind])


@pytest.mark.parametrize(
    "masks", [(0xF00, 0xF0, 0xF), (0x1F, 0x7E0, 0xF800), (0x3FF00000, 0xFFC00, 0x3FF), (0xFF, 0xFF00, 0xFF0000)]
)
def test_bmp_with_masks_that_opencv_gets_wrong_is_known(masks):
    assert probe(bmp(32 if max(masks) > 0xFFFF else 16, masks)).misread == "a BMP with unusual masks"


# Netpbm: numbers with comments between, PAM with a line for each.


NETPBM = {
    b"P1\n37 23\n": 1,
    b"P2\n37 23\n15\n": 1,
    b"P3\n37 23\n300\n": 3,
    b"P4 37 23\n": 1,
    b"P5 37\t23\r65535 ": 1,
    b"P5\n# one\n37 # two 9\n23\n#three\n1023\n": 1,
    b"P6\n37 23 100\n": 3,
    b"P7\nWIDTH 37\nHEIGHT 23\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\nWIDTH 9\n": 3,
    b"P7\n# HEIGHT 9\nHEIGHT 23\nWIDTH 37\nDEPTH 2\nMAXVAL 100\nENDHDR\n": 2,
}


@pytest.mark.parametrize("header", NETPBM)
def test_netpbm_says_its_size(header):
    info = probe(header + bytes(37 * 23))
    assert (info.format, info.size, info.channels) == ("pnm", (37, 23), NETPBM[header])


@pytest.mark.parametrize("filler", [b" ", b"#\n", b"#", b"9", b"\t\n"])
def test_netpbm_that_never_comes_to_a_number_is_quick(filler):
    started = time.process_time()
    assert probe(b"P5" + filler * 100_000 + b"x").size is None
    assert time.process_time() - started < 1


@pytest.mark.parametrize("kind", [b"PF", b"Pf"])
def test_float_map_says_its_size(kind):
    assert probe(kind + b"\n37 23\n-1.0\n").size == (37, 23)


@pytest.mark.parametrize(
    "header", [b"P5", b"P5\n37", b"P5\nx 23", b"P6\n-37 23\n255\n", b"P7\nWIDTH 37\nENDHDR\n", b"Pf\n"]
)
def test_netpbm_without_a_size_leaves_it_open(header):
    assert probe(header).size is None


# JPEG 2000: boxes before the codestream.


def jpeg2000(picture, *boxes):
    """Put boxes behind those that describe the picture."""
    data = saved(picture, "jpeg2000")
    at = data.index(b"jp2h")
    (length,) = struct.unpack_from(">I", data, at - 4)
    more = b"".join(boxes)
    return (
        data[: at - 4]
        + struct.pack(">I", length + len(more))
        + data[at : at - 4 + length]
        + more
        + data[at - 4 + length :]
    )


def with_palette():
    """A JPEG 2000 file of levels that stand for colours."""
    levels = np.arange(37 * 23, dtype=np.uint8).reshape(23, 37) % 4
    colours = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 99, 199])
    table = box(b"pclr", struct.pack(">HB3B", 4, 3, 7, 7, 7), colours)
    columns = box(b"cmap", *(struct.pack(">HBB", 0, 1, column) for column in range(3)))
    grey = jpeg2000(Image.fromarray(levels), table, columns)
    return grey.replace(b"colr\1\0\0" + struct.pack(">I", 17), b"colr\1\0\0" + struct.pack(">I", 16))


def test_palette_of_jpeg_2000_is_known():
    assert probe(with_palette()).misread == "a JPEG 2000 file with a palette"


@pytest.mark.parametrize(("space", "misread"), [(16, False), (17, False), (18, True), (12, True)])
def test_colour_space_of_jpeg_2000_is_known(space, misread):
    data = saved(scene(37, 23), "jpeg2000")
    data = data.replace(b"colr\1\0\0" + struct.pack(">I", 16), b"colr\1\0\0" + struct.pack(">I", space))
    assert (probe(data).misread is not None) == misread


def test_profile_of_jpeg_2000_is_found():
    profile = struct.pack(">I", 200).ljust(200, b"p")
    assert probe(jpeg2000(Image.fromarray(scene(37, 23)), box(b"colr", b"\2\0\0", profile))).icc_profile == profile


@pytest.mark.parametrize("sides", [(0, 23), (37, 0)])
def test_jpeg_2000_of_no_pixels_has_no_size(sides):
    data = saved(scene(37, 23), "jpeg2000")
    at = data.index(b"\xff\x51") + 6
    assert probe(data[:at] + struct.pack(">II", *sides) + data[at + 8 :]).size is None


def test_offset_of_jpeg_2000_is_not_part_of_its_size():
    data = saved(scene(37, 23), "jpeg2000", offset=(5, 3), tile_offset=(0, 0), tile_size=(64, 64))
    assert probe(data).size == decode(data)[1].size == (37, 23)


def test_jpeg_2000_says_its_depth():
    data = saved(scene(37, 23, 1).astype(np.uint16), "jpeg2000")
    assert (probe(data).bit_depth, probe(data).channels) == (16, 1)


# WebP: chunks.


def webp(exif):
    """A WebP with an Exif chunk as it is, which Pillow would strip of its prefix."""
    data = saved(scene(37, 23), "webp", lossless=True, exif=b"x" * len(exif))
    return data.replace(b"x" * len(exif), exif)


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_of_webp_is_read_with_and_without_a_prefix(prefix, orientation):
    data = webp(prefix + exif_block(orientation))
    info = probe(data)
    assert (info.orientation, info.exif) == (orientation, exif_block(orientation))
    np.testing.assert_array_equal(decode(data)[0], turned(scene(37, 23), orientation))


def test_chunks_of_webp_of_odd_lengths_are_padded():
    data = saved(scene(37, 23), "webp", lossless=True, icc_profile=b"odd", exif=exif_block(6) + b"x")
    info = probe(data)
    assert (info.icc_profile, info.exif, info.size) == (b"odd", exif_block(6) + b"x", (23, 37))


@pytest.mark.parametrize("frames", [2, 7])
def test_frames_of_webp_are_counted(frames):
    pictures = [Image.fromarray(scene(37, 23)).rotate(9 * turn) for turn in range(frames)]
    assert probe(saved(pictures[0], "webp", save_all=True, append_images=pictures[1:])).frames == frames


# Other formats are known by their signatures.


@pytest.mark.parametrize("format", ["dds", "psd", "qoi", "sgi", "tga", "fli", "flc", "exr"])
def test_other_formats_are_known_by_their_signatures(format):
    heads = {"psd": b"8BPS\0\1", "exr": b"\x76\x2f\x31\x01", "fli": b"size\x11\xaf", "flc": b"size\x12\xaf"}
    data = heads.get(format) or saved(scene(64, 64), format)
    info = probe(data + b"TRUEVISION-XFILE.\0" if format == "tga" else data)
    assert (info.format, info.size) == ("fli" if format == "flc" else format, None)


# An Exif block that goes along to a picture of another size.


JPEG_THUMBNAIL, STRIP_THUMBNAIL = (0x0201, 0x0202), (0x0111, 0x0117)


def block_of(
    order, kind, size=(4000, 3000), orientation=6, thumbnail=b"", private=b"makers' notes", tags=JPEG_THUMBNAIL
):
    """An Exif block of sizes and an orientation, whose integers are of one kind.

    Behind IFD0, of three fields and a pointer, lies the Exif directory, of a maker's note and sizes, then the
    note, then a second directory with a thumbnail.
    """
    sub = 8 + 2 + 12 * 4 + 4
    note = sub + 2 + 12 * 3 + 4
    second = note + len(private)
    shown = second + 2 + 12 * 2 + 4

    def table(entries, following=0):
        forms = {3: "HHIHxx", 4: "HHII"}
        packed = (struct.pack(order + forms[kind], tag, kind, 1, value) for tag, kind, value in entries)
        return struct.pack(f"{order}H", len(entries)) + b"".join(packed) + struct.pack(f"{order}I", following)

    sides = [(0x0100, kind, size[0]), (0x0101, kind, size[1])]
    main = [*sides, (0x0112, kind, orientation), (0x8769, 4, sub)]
    inner = table([(0x927C, 4, note), (0xA002, kind, size[0]), (0xA003, kind, size[1])])
    # A maker's note is bytes, of which the entry has the number and the place.
    inner = inner[:4] + struct.pack(f"{order}HI", 7, len(private)) + inner[10:]
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    behind = table([(tags[0], 4, shown), (tags[1], 4, len(thumbnail))]) + thumbnail if thumbnail else b""
    return head + table(main, second if thumbnail else 0) + inner + private + behind


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4], ids=["short", "long"])
def test_exif_for_another_size_says_that_size_and_upright(order, kind):
    exif = Image.Exif()
    exif.load(exif_for(block_of(order, kind), Size(640, 480)))
    assert {tag: exif[tag] for tag in (0x0100, 0x0101, 0x0112)} == {0x0100: 640, 0x0101: 480, 0x0112: 1}
    inner = exif.get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003], inner[0x927C]) == (640, 480, b"makers' notes")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4], ids=["short", "long"])
def test_exif_for_another_size_is_the_same_block_otherwise(order, kind):
    private = bytes(range(256))
    expected = block_of(order, kind, (640, 480), 1, private=private)
    assert exif_for(block_of(order, kind, private=private), Size(640, 480)) == expected


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tags", [JPEG_THUMBNAIL, STRIP_THUMBNAIL], ids=["jpeg", "strip"])
def test_thumbnail_is_cut_off_and_blanked(order, tags):
    picture = saved(scene(16, 12), "jpeg")
    block = block_of(order, 3, thumbnail=picture, tags=tags)
    mended = exif_for(block, Size(640, 480))
    assert len(mended) == len(block)
    assert picture not in mended
    assert mended.endswith(bytes(len(picture)))
    exif = Image.Exif()
    exif.load(mended)
    assert exif.get_ifd(1) == {}
    assert exif[0x0112] == 1


def test_prefix_of_an_exif_block_is_dropped():
    block = exif_block(6)
    assert exif_for(b"Exif\0\0" + block, Size(5, 4)) == exif_for(block, Size(5, 4)) == exif_block(1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_pillow_reads_the_mended_block_in_a_file(format, order):
    block = exif_for(block_of(order, 3, thumbnail=saved(scene(16, 12), "jpeg")), Size(37, 23))
    data = fastfit.encode(scene(37, 23), format, exif=block)
    with Image.open(io.BytesIO(data)) as picture:
        exif = picture.getexif()
        assert (exif[0x0112], exif.get_ifd(0x8769)[0xA002]) == (1, 37)
    assert probe(data).exif == block


@pytest.mark.parametrize("cut", [0, 1, 4, 7, 9, 11, 21, 30, 45])
def test_exif_block_cut_short_is_none(cut):
    assert exif_for(block_of("<", 3)[:cut], Size(5, 4)) is None


@pytest.mark.parametrize("block", [b"", b"Exif\0\0", b"XX*\0\x08\0\0\0\0\0", b"II*\0\xff\xff\xff\xff", bytes(99)])
def test_what_is_no_exif_block_is_none(block):
    assert exif_for(block, Size(5, 4)) is None


def test_exif_block_that_goes_in_circles_comes_to_an_end():
    # The pointer to the Exif directory, and the link to the second one, lead back to the first.
    block = bytearray(block_of("<", 3))
    struct.pack_into("<I", block, 10 + 12 * 3 + 8, 8)
    struct.pack_into("<I", block, 10 + 12 * 4, 8)
    assert exif_for(bytes(block), Size(5, 4)) is not None


@pytest.mark.parametrize("at", [8, 62])
def test_exif_block_with_a_huge_count_comes_to_an_end(at):
    block = bytearray(block_of("<", 3))
    struct.pack_into("<H", block, at, 0xFFFF)
    started = time.process_time()
    assert exif_for(bytes(block), Size(5, 4)) is None
    assert time.process_time() - started < 1


@pytest.mark.parametrize("tag", [0x011A, 0x011B])
@pytest.mark.parametrize(("kind", "number", "offset"), [(2, 1, 30), (5, 2, 30), (5, 1, 0xFFFF), (3, 1, 72)])
def test_exif_block_whose_resolution_is_no_ratio_is_none(tag, kind, number, offset):
    # Pillow does not open a JPEG that has it.
    head = struct.pack("<4sIHH", b"II*\0", 8, 1, tag)
    assert exif_for(head + struct.pack("<HIII", 5, 1, 26, 0) + bytes(8), Size(5, 4)) is not None
    assert exif_for(head + struct.pack("<HIII", kind, number, offset, 0) + bytes(8), Size(5, 4)) is None


def test_exif_block_of_many_pointers_comes_to_an_end():
    # Each leads back to the directory that it stands in.
    pointers = struct.pack("<HHII", 0x8769, 4, 1, 8) * 5000
    block = struct.pack("<4sIH", b"II*\0", 8, 5000) + pointers + bytes(4)
    started = time.process_time()
    exif_for(block, Size(5, 4))
    assert time.process_time() - started < 2


@pytest.mark.parametrize("kind", [3, 4], ids=["short", "long"])
def test_exif_for_a_size_beyond_16_bits_says_that_size(kind):
    exif = Image.Exif()
    exif.load(exif_for(block_of("<", kind), Size(70_000, 5)))
    assert (exif[0x0100], exif[0x0101], exif.get_ifd(0x8769)[0xA002]) == (70_000, 5, 70_000)


@pytest.mark.parametrize("place", [0, 4, 8, 40, 62, 125, 140])
def test_thumbnail_that_claims_to_lie_in_the_directories_blanks_nothing_of_them(place):
    block = bytearray(block_of("<", 3, thumbnail=b"thumbnail"))
    second = struct.unpack_from("<I", block, 10 + 12 * 4)[0]
    struct.pack_into("<I", block, second + 2 + 8, place)
    struct.pack_into("<I", block, second + 14 + 8, 4096)
    mended = exif_for(bytes(block), Size(640, 480))
    if mended is not None:
        exif = Image.Exif()
        exif.load(mended)
        assert (exif[0x0112], exif[0x0100], exif.get_ifd(0x8769)[0xA002]) == (1, 640, 640)
