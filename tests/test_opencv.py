"""What is put right about OpenCV's pixels. Pillow is the oracle, or arithmetic where it has no such image."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved, scene
from PIL import Image, ImageOps

from fastfit import CodecError, decode, probe

DATA = Path(__file__).parent / "data"


def read(name):
    return (DATA / name).read_bytes()


def opened(data, mode="RGB"):
    """Decode with Pillow, upright."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert(mode))


def encoded(image, extension, *parameters):
    """Encode with OpenCV: it writes what Pillow does not, of 16 bits and colour."""
    swap = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}.get(image.shape[2] if image.ndim == 3 else 1)
    done, data = cv2.imencode(extension, image if swap is None else cv2.cvtColor(image, swap), parameters)
    assert done
    return data.tobytes()


def sixteen(channels):
    """A picture whose samples use all 16 bits."""
    shape = (23, 37, channels) if channels > 1 else (23, 37)
    return np.random.default_rng(channels).integers(0, 65536, shape, np.uint16)


# PNG: one level of grey, or one colour, stands for transparency; grey may have alpha.


def png(depth, colour, lines, *chunks):
    """A PNG of lines of packed samples, 37 wide."""
    head = struct.pack(">IIBBBBB", 37, len(lines), depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + line for line in lines))
    written = [(b"IHDR", head), *chunks, (b"IDAT", body), (b"IEND", b"")]
    packed = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in written)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def packed(levels, depth):
    """Return lines of bytes of lines of numbers."""
    lines = []
    for line in levels:
        digits = "".join(f"{level:0{depth}b}" for level in line)
        digits += "0" * (-len(digits) % 8)
        lines.append(int(digits, 2).to_bytes(len(digits) // 8, "big"))
    return lines


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("of_top", [0, 1, 0.5], ids=["black", "white", "between"])
def test_one_transparent_level_of_a_grey_png_becomes_alpha(depth, of_top):
    top = 2**depth - 1
    level = round(top * of_top)
    levels = np.random.default_rng(depth).integers(0, top + 1, (23, 37))
    levels[3:9] = level
    data = png(depth, 0, packed(levels, depth), (b"tRNS", struct.pack(">H", level)))
    image, info = decode(data)
    scale = (65535 if depth == 16 else 255) // top
    np.testing.assert_array_equal(image[..., 0], levels * scale)
    np.testing.assert_array_equal(image[..., 1], np.where(levels == level, 0, top * scale))
    assert (image.shape[2], info.bit_depth, info.channels) == (2, depth, 1)


def test_transparent_level_beyond_the_depth_of_a_png_counts_by_its_low_bits():
    levels = np.arange(23 * 37).reshape(23, 37) % 16
    data = png(4, 0, packed(levels, 4), (b"tRNS", struct.pack(">H", 0xFFF3)))
    np.testing.assert_array_equal(decode(data)[0][..., 1], np.where(levels == 3, 0, 255))


@pytest.mark.parametrize("body", [b"", b"\1", b"\0\1\0\2\0\3"])
def test_damaged_transparency_of_a_grey_png_is_none(body):
    levels = np.arange(23 * 37).reshape(23, 37) % 256
    image = decode(png(8, 0, packed(levels, 8), (b"tRNS", body)))[0]
    np.testing.assert_array_equal(image, levels)


def test_one_transparent_colour_of_a_png_becomes_alpha():
    image = scene(37, 23)
    image[3:9] = (1, 2, 3)
    data = saved(image, "png", transparency=(1, 2, 3))
    np.testing.assert_array_equal(decode(data)[0], opened(data, "RGBA"))


@pytest.mark.parametrize("name", ["interlaced.png", "rgb16.png", "grey_alpha16.png"])
def test_real_png_of_16_bits_is_pillows_in_8(name):
    image, info = decode(read(name))
    assert (image.dtype, info.bit_depth, info.channels) == (np.uint16, 16, image.shape[2])
    mode = {2: "LA", 3: "RGB", 4: "RGBA"}[image.shape[2]]
    np.testing.assert_allclose(image // 256, opened(read(name), mode).astype(int), rtol=0, atol=1)


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_png_with_alpha_has_two_channels(depth):
    samples = np.random.default_rng(depth).integers(0, 2**depth, (23, 37, 2))
    image = decode(png(depth, 4, packed(samples.reshape(23, -1), depth)))[0]
    assert image.dtype == (np.uint16 if depth == 16 else np.uint8)
    np.testing.assert_array_equal(image, samples)


@pytest.mark.parametrize(
    "options", [{}, {"default_image": True}, {"disposal": 1}, {"blend": 1}], ids=["", "own", "disposal", "blend"]
)
def test_still_of_an_animated_png_is_its_default_image(options):
    frames = [Image.fromarray(scene(37, 23, 4)).rotate(90 * turn) for turn in range(1, 4)]
    still = scene(37, 23, 4)
    data = saved(still, "png", save_all=True, append_images=frames, **options)
    image, info = decode(data)
    np.testing.assert_array_equal(image, still)
    assert info.frames == len(frames) + ("default_image" not in options)


# BMP: pixels of 16 bits, palettes of OS/2, padding and alpha.


def bmp(bits, pixels, masks=(), header=40, palette=b"", rows=23):
    """A BMP of lines that are padded to 4 bytes already, 37 wide, the last line first."""
    compression = 3 if masks else 0
    if header == 12:
        head = struct.pack("<IHHHH", 12, 37, rows, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, 37, rows, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    head += struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(header, b"\0") + palette
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(pixels), 0, 0, 14 + len(head)) + head + pixels


def padded(lines):
    """Return the bytes of lines, each padded to 4 bytes."""
    return b"".join(line.tobytes() + bytes(-line.nbytes % 4) for line in lines)


MASKS = {"default": (), "555": (0x7C00, 0x3E0, 0x1F), "565": (0xF800, 0x7E0, 0x1F)}


@pytest.mark.parametrize("kind", MASKS)
def test_bmp_of_16_bits_is_pillows_and_reaches_white(kind):
    pixels = np.random.default_rng(3).integers(0, 65536, (23, 37), np.uint16)
    pixels[4:9] = 0xFFFF if kind == "565" else 0x7FFF
    data = bmp(16, padded(pixels.astype("<u2")), MASKS[kind])
    image = decode(data)[0]
    np.testing.assert_array_equal(image, opened(data))
    assert (image.min(), image.max()) == (0, 255)
    np.testing.assert_array_equal(image[23 - 9 : 23 - 4], np.full((5, 37, 3), 255))


@pytest.mark.parametrize("kind", MASKS)
def test_every_level_of_a_bmp_of_16_bits_is_pillows(kind):
    levels = np.arange(65536, dtype=np.uint16)[: 37 * 1771].reshape(-1, 37)
    data = bmp(16, padded(levels.astype("<u2")), MASKS[kind], rows=len(levels))
    np.testing.assert_array_equal(decode(data)[0], opened(data))


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_bmp_of_os2_has_its_colours(bits):
    entries = np.random.default_rng(bits).integers(0, 256, (2**bits, 3), np.uint8)
    levels = np.random.default_rng(9).integers(0, 2**bits, (23, 37))
    lines = [line + bytes(-len(line) % 4) for line in packed(levels, bits)]
    data = bmp(bits, b"".join(lines), header=12, palette=entries.tobytes())
    image = decode(data)[0]
    np.testing.assert_array_equal(image, entries[levels][::-1, :, ::-1])
    np.testing.assert_array_equal(image, opened(data))


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_bmp_with_a_palette_has_its_colours(bits):
    entries = np.random.default_rng(bits).integers(0, 256, (2**bits, 4), np.uint8)
    levels = np.random.default_rng(9).integers(0, 2**bits, (23, 37))
    lines = [line + bytes(-len(line) % 4) for line in packed(levels, bits)]
    data = bmp(bits, b"".join(lines), palette=entries.tobytes())
    np.testing.assert_array_equal(decode(data)[0], opened(data))


BGR, ALPHA = (0xFF0000, 0xFF00, 0xFF), 0xFF000000


@pytest.mark.parametrize(
    ("masks", "header", "mode"),
    [
        ((), 40, "RGB"),
        (BGR, 40, "RGB"),
        ((*BGR, 0), 56, "RGB"),
        ((*BGR, 0), 108, "RGB"),
        ((*BGR, ALPHA), 56, "RGBA"),
        ((*BGR, ALPHA), 108, "RGBA"),
        ((*BGR, ALPHA), 124, "RGBA"),
    ],
    ids=["plain", "masks", "v3", "v4", "v3 alpha", "v4 alpha", "v5 alpha"],
)
def test_fourth_byte_of_a_bmp_is_alpha_where_a_mask_says_so(masks, header, mode):
    pixels = np.random.default_rng(header).integers(0, 256, (23, 37, 4), np.uint8)
    image = decode(bmp(32, padded(pixels), masks, header))[0]
    order = (2, 1, 0) if mode == "RGB" else (2, 1, 0, 3)
    np.testing.assert_array_equal(image, pixels[::-1][..., order])


@pytest.mark.parametrize(
    ("masks", "header", "mode"),
    [((0xFF000000, 0xFF0000, 0xFF00), 40, "RGB"), ((0xFF, 0xFF00, 0xFF0000, ALPHA), 108, "RGBA")],
    ids=["shifted", "reversed with alpha"],
)
def test_bmp_with_its_colours_in_another_order_is_pillows(masks, header, mode):
    pixels = np.random.default_rng(7).integers(0, 256, (23, 37, 4), np.uint8)
    data = bmp(32, padded(pixels), masks, header)
    np.testing.assert_array_equal(decode(data)[0], opened(data, mode))


@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0xF00, 0xF0, 0xF)),
        (16, (0xE0, 0x1C, 0x3)),
        (32, (0x3FF00000, 0xFFC00, 0x3FF)),
        (32, (0xFF, 0xFF00, 0xFF0000)),
    ],
    ids=["444", "332", "10 bits", "reversed"],
)
def test_bmp_whose_masks_nobody_reads_is_refused(bits, masks):
    data = bmp(bits, padded(np.zeros((23, 37 * bits // 8), np.uint8)), masks)
    with pytest.raises(CodecError, match="expected a whole bmp image, got Unsupported BMP bitfields layout"):
        decode(data)


# TIFF of 16 bits, which OpenCV reads as it is stored, and alpha.


def with_field(data, tag, value, order="<"):
    """Change the value of a field of the first directory of a TIFF."""
    start = struct.unpack_from(f"{order}I", data, 4)[0]
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from(f"{order}H", data, at)[0] == tag:
            return data[: at + 8] + struct.pack(f"{order}HH", value, 0) + data[at + 12 :]
    raise AssertionError(f"no field {tag}")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_of_16_bits_is_exact(channels):
    np.testing.assert_array_equal(decode(encoded(sixteen(channels), ".tiff"))[0], sixteen(channels))


def test_white_of_a_tiff_of_16_bits_may_be_zero():
    data = with_field(encoded(sixteen(1), ".tiff"), 262, 0)
    np.testing.assert_array_equal(decode(data)[0], 65535 - sixteen(1))


@pytest.mark.parametrize("white", [0, 1])
def test_white_of_a_tiff_of_8_bits_may_be_zero(white):
    data = with_field(saved(scene(37, 23, 1), "tiff"), 262, white)
    np.testing.assert_array_equal(decode(data)[0], scene(37, 23, 1) if white else 255 - scene(37, 23, 1))
    np.testing.assert_array_equal(decode(data)[0], opened(data, "L"))


def test_white_of_a_tiff_of_1_bit_may_be_zero():
    picture = Image.fromarray(scene(37, 23, 1)).convert("1")
    for compression in (None, "group4", "group3", "packbits"):
        data = saved(picture, "tiff", compression=compression)
        np.testing.assert_array_equal(decode(data)[0], np.asarray(picture) * 255)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_fourth_sample_of_a_tiff_that_is_no_alpha_is_dropped(depth):
    image = sixteen(4).astype(depth)
    # Pillow says that the fourth sample is straight alpha, OpenCV says nothing of it.
    data = saved(image, "tiff") if depth is np.uint8 else with_extra(encoded(image, ".tiff"))
    got, info = decode(with_field(data, 338, 0))
    assert info.channels == 4
    np.testing.assert_array_equal(got, image[..., :3])


def with_extra(data):
    """Say that the fourth sample is straight alpha, in the place of the last field but the needed ones."""
    start = struct.unpack_from("<I", data, 4)[0]
    (count,) = struct.unpack_from("<H", data, start)
    body = data[start + 2 : start + 2 + 12 * count]
    fields = [body[at : at + 12] for at in range(0, len(body), 12)] + [struct.pack("<HHIHH", 338, 3, 1, 2, 0)]
    moved = sorted(fields, key=lambda field: field[:2][::-1])
    directory = struct.pack("<H", count + 1) + b"".join(moved) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


def test_straight_alpha_of_a_tiff_of_16_bits_stays():
    np.testing.assert_array_equal(decode(with_extra(encoded(sixteen(4), ".tiff")))[0], sixteen(4))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_associated_alpha_of_a_tiff_is_divided(depth):
    top = np.iinfo(depth).max
    straight = sixteen(4).astype(depth)
    straight[3:9, :, 3], straight[12:15, :, 3] = top, 0
    straight[12:15] = 0
    multiplied = straight.copy()
    multiplied[..., :3] = np.rint(straight[..., :3] * (straight[..., 3:] / top))
    data = saved(multiplied, "tiff") if depth is np.uint8 else with_extra(encoded(multiplied, ".tiff"))
    image = decode(with_field(data, 338, 1))[0]
    np.testing.assert_array_equal(image[..., 3], straight[..., 3])
    # What is left of a colour is as fine as its alpha.
    step = top / np.maximum(straight[..., 3:].astype(float), 1)
    off = np.abs(image[..., :3].astype(float) - straight[..., :3])
    assert np.all((off <= step / 2 + 1) | (straight[..., 3:] == 0))
    np.testing.assert_array_equal(image[3:9], straight[3:9])


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_least_of_alpha_divides_by_itself(depth):
    top = np.iinfo(depth).max
    image = np.zeros((1, 4, 4), depth)
    image[0, :, 3] = (0, 1, 2, top)
    image[0, 1:, :3] = [[1, 0, 1], [1, 2, 0], [top, 7, 0]]
    data = saved(image, "tiff") if depth is np.uint8 else with_extra(encoded(image, ".tiff"))
    expected = [[0, 0, 0, 0], [top, 0, top, 1], [(top + 1) // 2, top, 0, 2], [top, 7, 0, top]]
    np.testing.assert_array_equal(decode(with_field(data, 338, 1))[0][0], expected)


def test_inks_of_a_tiff_become_colours():
    picture = Image.fromarray(scene(37, 23)).convert("CMYK")
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate"):
        data = saved(picture, "tiff", compression=compression)
        image, info = decode(data)
        assert (image.shape, info.channels) == ((23, 37, 3), 4)
        np.testing.assert_allclose(image, opened(data).astype(int), rtol=0, atol=1)


@pytest.mark.quick
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_tiff_is_pillows_whatever_packs_it(mode, compression):
    picture = Image.fromarray(scene(37, 23))
    picture = picture.quantize(50) if mode == "P" else picture.convert(mode)
    data = saved(picture, "tiff", compression=compression)
    image = decode(data)[0]
    np.testing.assert_array_equal(image, opened(data, "L" if mode == "L" else "RGB"))


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("depth", [10, 12, 14])
def test_white_of_a_tiff_of_more_bits_is_white(depth, white_is_zero):
    levels = np.random.default_rng(depth).integers(0, 2**depth, (24, 40))
    levels[0, :6] = (0, 0, 0, 2**depth - 1, 2**depth - 1, 2**depth - 1)
    strip = b"".join(packed(levels, depth))
    given = {256: 40, 257: 24, 258: depth, 259: 1, 262: 0 if white_is_zero else 1, 273: 8, 277: 1, 279: len(strip)}
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in given.items())
    data = b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", len(given)) + fields + bytes(4)
    image, info = decode(data)
    assert (image.dtype, info.bit_depth) == (np.uint16, depth)
    expected = levels * 65535 / (2**depth - 1)
    np.testing.assert_allclose(image, 65535 - expected if white_is_zero else expected, rtol=0, atol=1)


# JPEG 2000: of any depth.


def shallow(depth):
    """A JPEG 2000 file of a depth that Pillow does not write, and its levels.

    Their middle is coded as 0: moved to the middle of a deeper file, they are coded the same.
    """
    deep = 8 if depth < 8 else 16
    levels = np.random.default_rng(depth).integers(0, 2**depth, (23, 37))
    levels[0, :6] = (0, 0, 0, 2**depth - 1, 2**depth - 1, 2**depth - 1)
    moved = levels - 2 ** (depth - 1) + 2 ** (deep - 1)
    data = bytearray(saved(moved.astype(np.uint8 if deep == 8 else np.uint16), "jpeg2000"))
    data[data.index(b"\xff\x51") + 40] = data[data.index(b"ihdr") + 14] = depth - 1
    return bytes(data), levels


@pytest.mark.parametrize("depth", [1, 2, 4, 7, 9, 10, 12, 15])
def test_white_of_jpeg_2000_is_white(depth):
    data, levels = shallow(depth)
    image, info = decode(data)
    assert (image.dtype, info.bit_depth) == (np.uint8 if depth < 8 else np.uint16, depth)
    top = np.iinfo(image.dtype).max
    np.testing.assert_allclose(image, levels * (top / (2**depth - 1)), rtol=0, atol=1)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "YCbCr"])
@pytest.mark.parametrize("bare", [False, True])
def test_jpeg_2000_is_pillows(mode, bare):
    data = saved(Image.fromarray(scene(37, 23)).convert(mode), "jpeg2000", no_jp2=bare)
    shown = mode if mode in ("L", "LA", "RGBA") else "RGB"
    np.testing.assert_allclose(decode(data)[0], opened(data, shown).astype(int), rtol=0, atol=1)


def test_inks_of_jpeg_2000_become_colours():
    data = saved(Image.fromarray(scene(37, 23)).convert("CMYK"), "jpeg2000")
    image, info = decode(data)
    assert info.channels == 4
    np.testing.assert_array_equal(image, opened(data))


# AVIF: grey as video has it, from 16 to 235, and more than 8 bits.


@pytest.mark.parametrize("said", [True, False], ids=["in its properties", "in its stream"])
def test_grey_of_limited_range_is_spread(said):
    levels = np.repeat(np.arange(0, 256, 17, dtype=np.uint8), 16)[None].repeat(64, 0)
    data = saved(levels, "avif", range="limited", quality=100)
    image = decode(data if said else data.replace(b"colrnclx", b"colrnone"))[0]
    assert (image.min(), image.max()) == (0, 255)
    np.testing.assert_allclose(image, levels.astype(int), rtol=0, atol=2)


def test_grey_of_full_range_is_left_as_it_is():
    levels = np.repeat(np.arange(0, 256, 17, dtype=np.uint8), 16)[None].repeat(64, 0)
    data = saved(levels, "avif", quality=100)
    for said in (data, data.replace(b"colrnclx", b"colrnone")):
        np.testing.assert_allclose(decode(said)[0], levels.astype(int), rtol=0, atol=1)


@pytest.mark.parametrize("depth", [10, 12])
@pytest.mark.parametrize("channels", [1, 3])
def test_avif_of_more_bits_is_scaled_to_16(depth, channels):
    top = 2**depth - 1
    image = scene(64, 48, channels).astype(np.uint16) * top // 255
    data = encoded(image, ".avif", cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 100)
    got, info = decode(data)
    assert (got.dtype, info.bit_depth) == (np.uint16, depth)
    np.testing.assert_allclose(got / 65535, image / top, rtol=0, atol=0.01)


def test_alpha_of_avif_of_more_bits_is_scaled_too():
    image = (scene(64, 48, 4).astype(np.uint16)) * 4
    image[:20, :, 3], image[30:, :, 3] = 0, 1023
    data = encoded(image, ".avif", cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100)
    got = decode(data)[0]
    np.testing.assert_array_equal(got[:20, :, 3], 0 * got[:20, :, 3])
    np.testing.assert_array_equal(got[30:, :, 3], 65535 + 0 * got[30:, :, 3])


@pytest.mark.parametrize("channels", [2, 4])
def test_avif_says_its_alpha_and_has_it(channels):
    # Pillow writes grey with alpha in colour.
    data = saved(scene(37, 23, channels), "avif", quality=100, subsampling="4:4:4")
    image, info = decode(data)
    assert info.channels == probe(data).channels == image.shape[2] == 4
    np.testing.assert_allclose(image, opened(data, "RGBA").astype(int), rtol=0, atol=3)


def test_grey_avif_with_alpha_has_two_channels():
    data = saved(scene(37, 23, 2), "avif", quality=100, subsampling="4:0:0")
    image, info = decode(data)
    assert info.channels == image.shape[2] == 2
    np.testing.assert_allclose(image, opened(data, "LA").astype(int), rtol=0, atol=3)


# Netpbm: the largest sample is whatever the header says.

ASCII = {b"P2": 1, b"P3": 3}
BINARY = {b"P5": 1, b"P6": 3}
MOST = (1, 2, 15, 100, 254, 255, 256, 300, 1023, 4095, 65534, 65535)


def netpbm(kind, samples, most):
    head = kind + b"\n%d %d\n%d\n" % (samples.shape[1], samples.shape[0], most)
    if kind in ASCII:
        return head + b" ".join(b"%d" % sample for sample in samples.ravel()) + b"\n"
    return head + samples.astype(">u2" if most > 255 else "u1").tobytes()


def pam(samples, most, kind=None):
    height, width, depth = (*samples.shape, 1)[:3]
    kind = kind or {1: b"GRAYSCALE", 2: b"GRAYSCALE_ALPHA", 3: b"RGB", 4: b"RGB_ALPHA"}[depth]
    head = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n"
    return head % (width, height, depth, most, kind) + samples.astype(">u2" if most > 255 else "u1").tobytes()


@pytest.mark.parametrize("most", MOST)
@pytest.mark.parametrize("kind", [*ASCII, *BINARY])
def test_white_of_netpbm_is_white(kind, most):
    shape = (7, 10, 3) if (ASCII | BINARY)[kind] == 3 else (7, 10)
    samples = np.random.default_rng(most).integers(0, most + 1, shape)
    samples.flat[:6] = (0, 0, 0, most, most, most)
    image = decode(netpbm(kind, samples, most))[0]
    top = np.iinfo(image.dtype).max
    assert (image.min(), image.max()) == (0, top)
    # OpenCV scales some of the kinds itself, and rounds down.
    np.testing.assert_allclose(image, samples * (top / most), rtol=0, atol=1)


@pytest.mark.parametrize("most", [2, 100, 255, 300, 65535])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_colours_of_pam_are_in_the_order_of_netpbm(channels, most):
    shape = (7, 10, channels) if channels > 1 else (7, 10)
    samples = np.random.default_rng(most).integers(0, most + 1, shape)
    samples.flat[-channels:] = most
    image = decode(pam(samples, most))[0]
    assert image.shape == shape
    np.testing.assert_allclose(image, samples * (np.iinfo(image.dtype).max / most), rtol=0, atol=1)


@pytest.mark.parametrize("kind", [b"P1", b"P4"])
def test_ones_of_a_bitmap_are_black(kind):
    ones = np.random.default_rng(4).integers(0, 2, (7, 10))
    rows = b"\n".join(b" ".join(b"%d" % one for one in row) for row in ones)
    data = kind + b"\n10 7\n" + (rows + b"\n" if kind == b"P1" else np.packbits(ones, axis=1).tobytes())
    np.testing.assert_array_equal(decode(data)[0], 255 * (1 - ones))


# Sun raster: with and without a map of colours.


def sun_raster(depth, lines, kind=1, colours=b""):
    """A Sun raster, 38 wide."""
    body = b"".join(lines)
    return (
        struct.pack(">8I", 0x59A66A95, 38, len(lines), depth, len(body), kind, bool(colours), len(colours))
        + colours
        + body
    )


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize(("depth", "mode"), [(1, "L"), (8, "L"), (24, "RGB")])
def test_sun_raster_without_a_map_is_pillows(depth, mode, kind):
    samples = np.random.default_rng(depth).integers(0, 256, (23, 6 if depth == 1 else 38 * depth // 8), np.uint8)
    data = sun_raster(depth, [line.tobytes() for line in samples], kind)
    np.testing.assert_array_equal(decode(data)[0], opened(data, mode))


def test_sun_raster_with_a_map_has_its_colours():
    samples, colours = np.random.default_rng(5).integers(0, 256, (2, 23, 38), np.uint8)
    data = sun_raster(8, [line.tobytes() for line in samples], colours=colours.ravel()[:768].tobytes())
    np.testing.assert_array_equal(decode(data)[0], opened(data))


# JPEG of four inks: OpenCV's own way to colours, against Pillow's.


def transformed(data, transform):
    """Change what the Adobe marker says of the colours: 0 inks, 2 luminance and chrominance besides the black."""
    at = data.index(b"Adobe") + 11
    return data[:at] + bytes([transform]) + data[at + 1 :]


def unmarked(data):
    """Remove the Adobe marker."""
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + struct.unpack_from(">H", data, at + 2)[0] :]


MARKS = {
    "inks": lambda data: transformed(data, 0),
    "luminance": lambda data: transformed(data, 2),
    "unmarked": unmarked,
}
INKS = {
    "noise": lambda: np.random.default_rng(1).integers(0, 256, (67, 90, 4), np.uint8),
    "smooth": lambda: scene(90, 67, 4),
    "colours": lambda: np.asarray(Image.fromarray(scene(90, 67)).convert("CMYK")),
    "every black": lambda: np.stack(np.mgrid[:256:3, :256:4].astype(np.uint8), axis=2)[..., (0, 0, 0, 1)],
}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("kind", INKS)
@pytest.mark.parametrize("options", [{"quality": 100, "subsampling": 0}, {}, {"progressive": True}], ids=str)
def test_jpeg_of_four_inks_is_nearly_pillows(kind, mark, options):
    picture = Image.frombytes("CMYK", INKS[kind]().shape[1::-1], np.ascontiguousarray(INKS[kind]()).tobytes())
    data = MARKS[mark](saved(picture, "jpeg", **options))
    image, info = decode(data)
    assert info.channels == 4
    np.testing.assert_allclose(image, opened(data).astype(int), rtol=0, atol=2)


@pytest.mark.parametrize("shrink", [1, 2, 4, 8])
def test_real_jpeg_of_four_inks_is_pillows_when_it_shrinks(shrink):
    image, info = decode(read("cmyk.jpg"), shrink=shrink)
    with Image.open(DATA / "cmyk.jpg") as picture:
        picture.draft("CMYK", (100 // shrink, 100 // shrink))
        expected = np.asarray(picture.convert("RGB"))
    assert info.size == (100, 100)
    np.testing.assert_allclose(image, expected.astype(int), rtol=0, atol=2)


# Every kind of samples reaches black and white.

RAMPS = {
    "png": lambda levels: saved(levels, "png"),
    "16-bit png": lambda levels: encoded(levels.astype(np.uint16) * 257, ".png"),
    "bmp": lambda levels: saved(levels, "bmp"),
    "tiff": lambda levels: saved(levels, "tiff"),
    "16-bit tiff": lambda levels: encoded(levels.astype(np.uint16) * 257, ".tiff"),
    "pgm": lambda levels: saved(levels, "ppm"),
    "gif": lambda levels: saved(levels, "gif"),
    "jpeg 2000": lambda levels: saved(levels, "jpeg2000"),
    "16-bit jpeg 2000": lambda levels: saved(levels.astype(np.uint16) * 257, "jpeg2000"),
    "sun raster": lambda levels: encoded(levels, ".sr"),
    "webp": lambda levels: saved(levels, "webp", lossless=True),
}


@pytest.mark.quick
@pytest.mark.parametrize("kind", RAMPS)
def test_every_level_comes_through(kind):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image, info = decode(RAMPS[kind](levels))
    assert info.channels == (3 if kind == "webp" else 1 if image.ndim == 2 else image.shape[2])
    image = image // 257 if image.dtype == np.uint16 else image
    np.testing.assert_array_equal(image if image.ndim == 2 else image[..., 1], levels)


@pytest.mark.parametrize("channels", [1, 3])
def test_floats_come_through(channels):
    image = scene(37, 23, channels).astype(np.float32) / 255
    np.testing.assert_array_equal(decode(encoded(image, ".tiff"))[0], image)
    np.testing.assert_array_equal(decode(encoded(image, ".pfm"))[0], image)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 2)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_smallest_pictures_come_through(size, channels):
    shape = (*size, channels) if channels > 1 else size
    image = np.random.default_rng(channels).integers(0, 256, shape, np.uint8)
    for data in (saved(image, "png"), encoded(image, ".bmp"), encoded(image.astype(np.uint16), ".tiff")):
        np.testing.assert_array_equal(decode(data)[0], image)
