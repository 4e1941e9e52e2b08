"""Bytes to pixels and back. Pillow is the oracle for both ways."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

from fastfit import CodecError, FastfitError, OptionError, Size, SizeError, decode, encode, probe
from fastfit.codec import depth
from fastfit.words import FORMATS

DATA = Path(__file__).parent / "data"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATIONS = range(1, 9)
CUTS = (10, 50, 90, 99)
BROKEN = sorted(path.name for path in DATA.iterdir() if path.name.startswith(("truncated", "corrupt")))
WHOLE = sorted(
    path.name
    for path in DATA.iterdir()
    if path.suffix in {".jpg", ".png", ".webp"} and not path.name.startswith(("truncated", "corrupt", "invented"))
)


def tagged(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def opened(data, mode="RGB"):
    """Decode with Pillow, upright."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert(mode))


def psnr(got, expected):
    error = np.mean((got.astype(np.float64) - expected) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-12))


def read(name):
    return (DATA / name).read_bytes()


# How near two decoders are: JPEG leaves rounding to them, the others nothing.
LOSSLESS = {"jpeg": {"quality": 95, "subsampling": 0}, "png": {}, "webp": {"lossless": True}}
TOLERANCE = {"jpeg": 3, "png": 0, "webp": 0}


@pytest.mark.quick
@pytest.mark.parametrize("format", LOSSLESS)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_decode_turns_upright(format, orientation):
    data = saved(scene(37, 23), format, exif=tagged(orientation), **LOSSLESS[format])
    image, info = decode(data)
    assert image.shape == ((37, 23, 3) if orientation >= 5 else (23, 37, 3))
    assert (info.size, info.orientation) == (Size(image.shape[1], image.shape[0]), orientation)
    np.testing.assert_allclose(image, opened(data).astype(int), rtol=0, atol=TOLERANCE[format])


@pytest.mark.parametrize("orientation", range(2, 9))
def test_decode_turns_real_files_upright(orientation):
    data = read(f"orientation_{orientation}.jpg")
    image, info = decode(data)
    assert info.orientation == orientation
    np.testing.assert_allclose(image, opened(data).astype(int), rtol=0, atol=3)


def test_decode_turns_grey_and_alpha_upright():
    for mode, channels in (("L", 1), ("RGBA", 4)):
        data = saved(scene(37, 23, channels), "png", exif=tagged(6))
        np.testing.assert_array_equal(decode(data)[0], opened(data, mode))


def exif_block(order, kind, value):
    """An Exif block whose only entry is the orientation."""
    entry = struct.pack(f"{order}HHIHH", 0x0112, kind, 1, value, 0) if kind == 3 else None
    entry = entry or struct.pack(f"{order}HHII", 0x0112, kind, 1, value)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, 1)
    return b"Exif\0\0" + head + entry + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [(3, 6, 6), (4, 6, 6), (3, 0, 1), (3, 9, 1), (3, 65535, 1), (4, 65542, 1)],
    ids=["short", "long", "0", "9", "65535", "long 65542"],
)
def test_orientation_in_either_byte_order_and_out_of_range(order, kind, value, expected):
    data = saved(scene(37, 23), "jpeg", exif=exif_block(order, kind, value))
    image, info = decode(data)
    assert info.orientation == expected
    assert image.shape[:2] == ((37, 23) if expected == 6 else (23, 37))


def test_first_of_two_exif_segments_counts():
    data = saved(scene(37, 23), "jpeg", exif=exif_block(">", 3, 6))
    body = exif_block(">", 3, 3)
    second = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    tables = data.index(b"\xff\xdb")
    assert decode(data[:tables] + second + data[tables:])[1].orientation == 6


@pytest.mark.parametrize("cut", [7, 10, 14, 18, 24])
def test_damaged_exif_is_no_orientation(cut):
    data = saved(scene(37, 23), "jpeg", exif=exif_block("<", 3, 6)[:cut])
    image, info = decode(data)
    assert (info.orientation, image.shape) == (1, (23, 37, 3))


def test_orientation_as_imagemagick_writes_it_in_png():
    block = exif_block("<", 3, 6)
    text = PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    data = saved(scene(37, 23), "png", pnginfo=text)
    np.testing.assert_array_equal(decode(data)[0], opened(data))


KINDS = {
    # A file, then what decoding gives (shape, dtype) and what the file holds (bit depth, channels).
    "grey jpeg": (lambda: saved(scene(37, 23, 1), "jpeg", quality=98), "L", (23, 37), np.uint8, 8, 1),
    "colour jpeg": (lambda: saved(scene(37, 23), "jpeg", quality=98), "RGB", (23, 37, 3), np.uint8, 8, 3),
    "progressive": (lambda: saved(scene(37, 23), "jpeg", progressive=True), "RGB", (23, 37, 3), np.uint8, 8, 3),
    "grey png": (lambda: saved(scene(37, 23, 1), "png"), "L", (23, 37), np.uint8, 8, 1),
    "grey alpha png": (lambda: saved(grey_alpha(), "png"), "LA", (23, 37, 2), np.uint8, 8, 2),
    "rgba png": (lambda: saved(scene(37, 23, 4), "png"), "RGBA", (23, 37, 4), np.uint8, 8, 4),
    "palette": (lambda: saved(palette(), "png"), "RGB", (23, 37, 3), np.uint8, 8, 1),
    "few colours": (lambda: saved(palette(4), "png", bits=2), "RGB", (23, 37, 3), np.uint8, 2, 1),
    "clear colour": (lambda: saved(palette(), "png", transparency=9), "RGBA", (23, 37, 4), np.uint8, 8, 1),
    "1 bit": (lambda: saved(Image.fromarray(scene(37, 23, 1)).convert("1"), "png"), "L", (23, 37), np.uint8, 1, 1),
    "rgb webp": (lambda: saved(scene(37, 23), "webp", lossless=True), "RGB", (23, 37, 3), np.uint8, 8, 3),
    "rgba webp": (lambda: saved(holey(), "webp", lossless=True), "RGBA", (23, 37, 4), np.uint8, 8, 4),
    "bmp": (lambda: saved(scene(37, 23), "bmp"), "RGB", (23, 37, 3), np.uint8, 8, 3),
    "ppm": (lambda: saved(scene(37, 23), "ppm"), "RGB", (23, 37, 3), np.uint8, 8, 3),
    "tiff": (lambda: saved(scene(37, 23), "tiff"), "RGB", (23, 37, 3), np.uint8, 8, 3),
    "grey tiff": (lambda: saved(scene(37, 23, 1), "tiff"), "L", (23, 37), np.uint8, 8, 1),
    "grey alpha tiff": (lambda: saved(grey_alpha(), "tiff"), "LA", (23, 37, 2), np.uint8, 8, 2),
}


def grey_alpha():
    grey, alpha = scene(37, 23, 2).transpose(2, 0, 1)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))


def palette(colours=64):
    return Image.fromarray(scene(37, 23)).quantize(colours)


def holey():
    """RGBA with clear and full parts; lossless WebP may change colours only under a zero alpha."""
    image = scene(37, 23, 4)
    image[:9, :, 3] = 255
    image[15:, 20:] = 0
    return image


@pytest.mark.quick
@pytest.mark.parametrize("kind", KINDS)
def test_decode_gives_what_the_file_holds(kind):
    make, mode, shape, dtype, bit_depth, channels = KINDS[kind]
    data = make()
    image, info = decode(data)
    assert (image.shape, image.dtype) == (shape, dtype)
    assert (info.bit_depth, info.channels) == (bit_depth, channels)
    tolerance = 3 if "jpeg" in kind or kind == "progressive" else 0
    np.testing.assert_allclose(image, opened(data, mode).astype(int), rtol=0, atol=tolerance)


def test_decode_keeps_16_bits():
    levels = (np.arange(37 * 23).reshape(23, 37) * 76).astype(np.uint16)
    image, info = decode(saved(levels, "png"))
    assert (image.dtype, info.bit_depth, info.channels) == (np.uint16, 16, 1)
    np.testing.assert_array_equal(image, levels)


def test_decode_keeps_16_bits_of_real_files():
    for name, channels in (("rgb16.png", 3), ("grey_alpha16.png", 2)):
        image, info = decode(read(name))
        assert (image.dtype, info.bit_depth, info.channels) == (np.uint16, 16, channels)
        # Pillow reads these with 8 bits, the upper ones.
        mode = "RGB" if channels == 3 else "LA"
        np.testing.assert_allclose(image // 256, opened(read(name), mode).astype(int), rtol=0, atol=1)


def test_decode_reads_cmyk_as_pillow_shows_it():
    image, info = decode(read("cmyk.jpg"))
    assert (image.shape[2], info.channels) == (3, 4)
    np.testing.assert_allclose(image, opened(read("cmyk.jpg")).astype(int), rtol=0, atol=2)


def test_decoded_image_is_the_callers():
    data = saved(scene(37, 23), "png")
    first = decode(data)[0]
    first[...] = 0
    np.testing.assert_array_equal(decode(data)[0], scene(37, 23))


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_decode_reads_any_buffer(kind):
    data = saved(scene(37, 23), "png")
    np.testing.assert_array_equal(decode(kind(data))[0], scene(37, 23))


def test_content_decides_whatever_the_name():
    image, info = decode(saved(scene(37, 23), "png"), name="cat.jpg")
    assert info.format == "png"
    np.testing.assert_array_equal(image, scene(37, 23))


# Formats whose samples or axes OpenCV gives otherwise than the picture is to be seen.


def test_straight_alpha_of_tiff_stays_straight():
    # OpenCV hands it over premultiplied in 8 bits: what it shows is right to a level, hidden colours are gone.
    data = saved(scene(37, 23, 4), "tiff")
    got, expected = decode(data)[0].astype(float), opened(data, "RGBA").astype(float)
    np.testing.assert_array_equal(got[..., 3], expected[..., 3])
    np.testing.assert_allclose(got[..., :3] * got[..., 3:] / 255, expected[..., :3] * got[..., 3:] / 255, atol=1)


def test_bmp_without_alpha_mask_is_opaque():
    # Four bytes for each pixel, masks for three colours: the fourth byte is padding, as Windows writes it.
    pixels = np.dstack([scene(37, 23)[..., ::-1], np.zeros((23, 37), np.uint8)])[::-1].tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, 37, 23, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    masks = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    data = b"BM" + struct.pack("<IHHI", 66 + len(pixels), 0, 0, 66) + header + masks + pixels
    image = decode(data)[0]
    np.testing.assert_array_equal(image[..., :3], opened(data))
    np.testing.assert_array_equal(image[..., 3:], 255 + 0 * image[..., 3:])


@pytest.mark.parametrize("most", [100, 255, 1023, 65535])
def test_white_is_white_whatever_the_largest_sample(most):
    samples = np.full((5, 6), most, ">u2" if most > 255 else "u1")
    image = decode(b"P5\n6 5\n%d\n" % most + samples.tobytes())[0]
    np.testing.assert_array_equal(image, np.full((5, 6), np.iinfo(image.dtype).max))


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_white_avif_is_white_whatever_its_depth(depth):
    white = np.full((16, 24, 3), (1 << depth) - 1, np.uint8 if depth == 8 else np.uint16)
    done, data = cv2.imencode(".avif", white, [cv2.IMWRITE_AVIF_DEPTH, depth])
    assert done
    image = decode(data.tobytes())[0]
    np.testing.assert_allclose(image / np.iinfo(image.dtype).max, 1, rtol=0, atol=0.005)


def test_turned_avif_is_upright():
    image = decode(read("turned.avif"))[0]
    with Image.open(DATA / "turned.avif") as picture:  # Pillow turns it while it decodes
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGBA"))
    assert image.shape == expected.shape
    np.testing.assert_allclose(image, expected.astype(int), rtol=0, atol=3)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turned_tiff_is_upright(orientation):
    data = saved(scene(37, 23), "tiff", exif=tagged(orientation))
    np.testing.assert_array_equal(decode(data)[0], opened(data))


# What a file says of itself.


@pytest.mark.quick
@pytest.mark.parametrize("name", WHOLE)
def test_probe_agrees_with_decode_and_pillow(name):
    data = read(name)
    found, (image, info) = probe(data), decode(data)
    assert found == info
    assert found.size == (image.shape[1], image.shape[0])
    with Image.open(io.BytesIO(data)) as picture:
        assert found.size == ImageOps.exif_transpose(picture).size
        # Pillow tells apart JPEGs that other pictures follow, as telephones write them.
        assert found.format == picture.format.lower().replace("mpo", "jpeg")
        assert found.icc_profile == picture.info.get("icc_profile")


def test_probe_decodes_nothing(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("a pixel was decoded"))
    assert [probe(read(name)).size for name in ("photo.jpg", "rgba.png", "srgb.webp")] == [
        (900, 601),
        (162, 150),
        (300, 225),
    ]


@pytest.mark.parametrize(("format", "enough"), [("png", 33), ("webp", 40), ("jpeg", 640)])
def test_probe_needs_only_the_header(format, enough):
    data = saved(scene(600, 401), format)
    assert len(data) > 2 * enough
    assert probe(data[:enough]).size == (600, 401)


@pytest.mark.parametrize("data", [b"", b"hello", b"<!DOCTYPE html>", bytes(100), b"RIFF", b"RIFFxxxxWAVE"])
def test_probe_knows_what_is_no_image(data):
    assert probe(data) is None


@pytest.mark.parametrize("data", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFFxxxxWEBP", b"GIF89a", b"BM"])
def test_probe_of_a_damaged_header_leaves_the_size_open(data):
    assert probe(data).size is None


def long_profile(length):
    """A profile with unused bytes at its end, its header in order: readers compare lengths."""
    return struct.pack(">I", length) + PROFILE[4:].ljust(length - 4, b"\1")


@pytest.mark.parametrize("format", LOSSLESS)
@pytest.mark.parametrize("length", [len(PROFILE), 601, 65_520, 150_000])
def test_profile_is_read(format, length):
    # JPEG holds one of over 64 kB in several segments; WebP pads one of odd length.
    profile = long_profile(length)
    data = saved(scene(37, 23), format, icc_profile=profile)
    assert decode(data)[1].icc_profile == profile


def test_damaged_profile_is_none_and_the_picture_stays():
    data = saved(scene(37, 23), "png", icc_profile=PROFILE)
    at = data.index(b"iCCP")
    (length,) = struct.unpack_from(">I", data, at - 4)
    body = b"iCCPsRGB\0\0" + bytes(length - 6)
    damaged = data[:at] + body + struct.pack(">I", zlib.crc32(body)) + data[at + 8 + length :]
    image, info = decode(damaged)
    assert info.icc_profile is None
    np.testing.assert_array_equal(image, scene(37, 23))


# The JPEG decoder's own shrinking.


@pytest.mark.quick
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_jpeg_shrinks_to_sizes_rounded_up(shrink, orientation):
    data = saved(scene(201, 131), "jpeg", quality=98, subsampling=0, exif=tagged(orientation))
    image, info = decode(data, shrink=shrink)
    with Image.open(io.BytesIO(data)) as picture:  # Pillow's reduce rounds up and averages blocks, too
        expected = np.asarray(ImageOps.exif_transpose(picture.reduce(shrink)))
    assert image.shape == expected.shape
    assert info.size == ((131, 201) if orientation >= 5 else (201, 131))
    # Only the last stored line and column differ much: the decoder repeats the picture's edge there.
    assert psnr(image, expected) > 38


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 9), (9, 7), (16, 8)])
def test_tiny_jpeg_shrinks(size):
    data = saved(np.full((size[1], size[0], 3), 99, np.uint8), "jpeg")
    image, info = decode(data, shrink=8)
    assert info.size == size
    np.testing.assert_allclose(image, np.full((-(-size[1] // 8), -(-size[0] // 8), 3), 99), rtol=0, atol=2)


def test_grey_jpeg_shrinks_to_grey():
    image = decode(read("grey.jpg"), shrink=2)[0]
    assert image.shape == (64, 64)
    with Image.open(DATA / "grey.jpg") as picture:
        assert psnr(image, np.asarray(picture.reduce(2))) > 35


@pytest.mark.parametrize("format", ["png", "webp", "bmp"])
def test_only_jpeg_shrinks(format):
    with pytest.raises(OptionError, match=f"shrink: expected 1 for {format}, got 2"):
        decode(saved(scene(37, 23), format), shrink=2)


@pytest.mark.parametrize("shrink", [0, 3, 16, -1])
def test_jpeg_shrinks_by_1_2_4_and_8_only(shrink):
    with pytest.raises(OptionError, match="shrink: expected 1, 2, 4 or 8"):
        decode(saved(scene(37, 23), "jpeg"), shrink=shrink)


# Bad input never becomes a picture.

BREAKABLE = {
    "jpeg": lambda: saved(textured(), "jpeg"),
    "grey jpeg": lambda: saved(textured()[..., 0], "jpeg"),
    "progressive jpeg": lambda: saved(textured(), "jpeg", progressive=True),
    "restarting jpeg": lambda: saved(textured(), "jpeg", restart_marker_rows=1),
    "png": lambda: saved(textured(), "png"),
    "16-bit png": lambda: saved((textured()[..., 0].astype(np.uint16) * 257), "png"),
    "palette png": lambda: saved(Image.fromarray(textured()).quantize(256), "png"),
    "webp": lambda: saved(textured(), "webp"),
    "lossless webp": lambda: saved(textured(), "webp", lossless=True),
    "webp with alpha": lambda: saved(np.dstack([textured(), textured()[..., 0]]), "webp"),
}


def textured():
    """A picture with detail everywhere, so that a cut at 99 % is a cut in its pixels."""
    noise = np.random.default_rng(5).integers(0, 64, (120, 161, 3))
    return (scene(161, 120) // 2 + noise).astype(np.uint8)


@pytest.mark.parametrize("kind", BREAKABLE)
@pytest.mark.parametrize("cut", CUTS)
def test_truncated_image_is_an_error(kind, cut):
    whole = BREAKABLE[kind]()
    # A good image first: nothing of it may come back.
    assert decode(whole)[0].shape[:2] == (120, 161)
    data = whole[: len(whole) * cut // 100]
    with pytest.raises(CodecError) as caught:
        decode(data, name="half a cat")
    assert caught.value.name == "half a cat"
    assert str(caught.value).startswith("half a cat: expected a whole ")
    assert f"{len(data)} bytes" in caught.value.got


@pytest.mark.parametrize("kind", [kind for kind in BREAKABLE if "jpeg" in kind])
@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_truncated_jpeg_is_an_error_when_it_shrinks(kind, shrink):
    whole = BREAKABLE[kind]()
    with pytest.raises(CodecError, match="whole jpeg"):
        decode(whole[: len(whole) * 9 // 10], shrink=shrink)


def test_jpeg_whose_second_half_is_zeros_has_no_grey_tail():
    data = BREAKABLE["jpeg"]()
    with pytest.raises(CodecError, match="whole jpeg"):
        decode(data[: len(data) // 2].ljust(len(data), b"\0"))


@pytest.mark.parametrize("name", BROKEN)
def test_real_broken_files_are_errors(name):
    with pytest.raises(CodecError) as caught:
        decode(read(name), name=name)
    assert caught.value.name == name
    assert caught.value.got


NO_IMAGES = {
    "empty": b"",
    "one byte": b"\xff",
    "text": b"hello, world\n",
    "html": b"<!DOCTYPE html>\n<html><title>404 Not Found</title></html>\n",
    "json": b'{"error": "not found"}',
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "large file pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n",
    "zeros": bytes(4096),
    "archive": b"PK\3\4" + bytes(60),
    "sound": b"RIFF\x24\0\0\0WAVEfmt ",
}


@pytest.mark.parametrize("kind", NO_IMAGES)
def test_what_is_no_image_is_an_error(kind):
    with pytest.raises(CodecError) as caught:
        decode(NO_IMAGES[kind], name="cat.jpg")
    assert caught.value.name == "cat.jpg"
    assert caught.value.got == "no bytes" or caught.value.got.startswith("bytes that begin with b")


SIGNATURES = (
    *(b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\0\1\0\0WEBPVP8 ", b"GIF89a", b"BM", b"II*\0", b"MM\0*"),
    *(b"\0\0\0\x1cftypavif", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51", b"\xff\x0a", b"#?RADIANCE\n"),
    *(b"P6\n", b"\x59\xa6\x6a\x95", b"\0\0\0\x1cftypheic"),
)


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("length", [0, 20, 3000])
def test_garbage_after_a_signature_is_an_error(signature, length):
    rubbish = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    with pytest.raises(CodecError) as caught:
        decode(signature + rubbish, name="cat.jpg")
    assert caught.value.name == "cat.jpg"


SEEDS = {
    "jpeg": saved(scene(24, 17), "jpeg", exif=tagged(6), icc_profile=PROFILE[:200]),
    "progressive": saved(scene(24, 17), "jpeg", progressive=True),
    "png": saved(scene(24, 17), "png", exif=tagged(6), icc_profile=PROFILE[:200]),
    "webp": saved(scene(24, 17, 4), "webp", exif=tagged(6), icc_profile=PROFILE[:200]),
    "lossless webp": saved(scene(24, 17), "webp", lossless=True),
}


@settings(max_examples=100)
@given(st.sampled_from(sorted(SEEDS)), st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=5))
def test_a_changed_header_gives_a_picture_or_our_error(kind, changes):
    data = bytearray(SEEDS[kind])
    for at, value in changes:
        data[at % len(data)] = value
    _decode_or_refuse(bytes(data))


@settings(max_examples=100)
@given(st.sampled_from(sorted(SEEDS)), st.integers(0, 800), st.integers(0, 40))
def test_a_gap_gives_a_picture_or_our_error(kind, at, length):
    _decode_or_refuse(SEEDS[kind][:at] + SEEDS[kind][at + length :])


def _decode_or_refuse(data):
    info = probe(data)
    if info and info.size and info.size.width * info.size.height > 1_000_000:
        return  # a claim that would only cost memory
    refused = None
    try:
        image, found = decode(data)
    except FastfitError as error:  # as good as a picture
        refused = error.name
    assert refused == "data" or found.size == (image.shape[1], image.shape[0])


@given(st.sampled_from(SIGNATURES), st.binary(max_size=80))
def test_probe_never_raises(signature, rest):
    for cut in range(len(signature) + 1):
        found = probe(signature[:cut] + rest)
        assert found is None or found.format


# Pixels to bytes.


def reopened(data, format):
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format.lower() == format
        picture.load()
        return picture


@pytest.mark.parametrize("format", ["jpeg", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossy_formats_come_near(format, channels):
    image = scene(161, 120, channels)
    picture = reopened(encode(image, format), format)
    assert picture.mode == ("RGB" if format == "webp" or channels == 3 else "L")
    assert psnr(np.asarray(picture.convert("RGB" if channels == 3 else "L")), image) > 38


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_quality_is_used(format):
    low, high = (encode(textured(), format, quality) for quality in (20, 90))
    assert len(low) < len(high) / 2
    assert psnr(decode(low)[0], textured()) < psnr(decode(high)[0], textured())


@pytest.mark.quick
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_is_exact(channels):
    image = scene(37, 23, channels)
    picture = reopened(encode(image, "png"), "png")
    assert picture.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    np.testing.assert_array_equal(np.asarray(picture), image)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_is_exact_with_16_bits(channels):
    shape = (23, 37, channels) if channels > 1 else (23, 37)
    image = np.random.default_rng(channels).integers(0, 65536, shape, np.uint16)
    back, info = decode(encode(image, "png"))
    assert info.bit_depth == 16
    np.testing.assert_array_equal(back, image)
    # Pillow has no mode for 16 bits and alpha or colour.
    assert reopened(encode(image, "png"), "png").mode == {1: "I;16", 2: "RGBA", 3: "RGB", 4: "RGBA"}[channels]


def test_grey_with_alpha_stays_that():
    image = scene(37, 23, 2)
    picture = reopened(encode(image, "png"), "png")
    assert picture.mode == "LA"
    np.testing.assert_array_equal(np.asarray(picture), image)


def test_webp_keeps_alpha():
    picture = reopened(encode(holey(), "webp"), "webp")
    assert picture.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(picture)[..., 3], holey()[..., 3])


def test_size_1_channel_axis_is_grey():
    picture = reopened(encode(scene(37, 23, 1)[..., None], "png"), "png")
    np.testing.assert_array_equal(np.asarray(picture), scene(37, 23, 1))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("length", [len(PROFILE), 65_520, 150_000])
def test_profile_is_embedded(format, length):
    # Lookup tables make the profiles of printers and some screens longer than a JPEG segment.
    profile = long_profile(length)
    data = encode(scene(37, 23), format, icc_profile=profile)
    assert reopened(data, format).info["icc_profile"] == profile
    assert decode(data)[1].icc_profile == profile


@pytest.mark.parametrize("format", FORMATS)
def test_no_profile_is_invented(format):
    assert "icc_profile" not in reopened(encode(scene(37, 23), format), format).info


@pytest.mark.parametrize("format", ["jpeg", "webp"])
@pytest.mark.parametrize(("level", "expected"), [(0, 0), (257 * 99, 99), (32896, 128), (65535, 255)])
def test_16_bits_are_scaled_for_formats_of_8(format, level, expected):
    picture = reopened(encode(np.full((24, 32, 3), level, np.uint16), format), format)
    # WebP's studio range loses a level or two on the way.
    np.testing.assert_allclose(np.asarray(picture), np.full((24, 32, 3), expected), rtol=0, atol=2)


def test_eight_bits_rounds():
    levels = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(depth.eight_bits(levels), np.rint(levels / 257))


@pytest.mark.parametrize(
    "view", [np.flipud, np.fliplr, lambda image: image[::2, ::3], lambda image: image[..., ::-1]]
)
def test_encode_takes_any_strides(view):
    image = view(scene(37, 23))
    image.flags.writeable = False
    np.testing.assert_array_equal(np.asarray(reopened(encode(image, "png"), "png")), image)


@pytest.mark.parametrize(
    ("image", "format"),
    [
        (np.zeros((5, 6, 4), np.uint8), "jpeg"),
        (np.zeros((5, 6, 2), np.uint8), "jpeg"),
        (np.zeros((5, 6, 3), np.float32), "png"),
        (np.zeros((5, 6, 3), np.int32), "png"),
        (np.zeros((5, 6), np.bool_), "png"),
        (np.zeros((0, 6, 3), np.uint8), "png"),
        (np.zeros((5, 6, 5), np.uint8), "png"),
    ],
    ids=["rgba jpeg", "la jpeg", "float", "int", "bool", "empty", "5 channels"],
)
def test_what_a_format_cannot_hold_is_an_error(image, format):
    with pytest.raises(CodecError, match="image: expected "):
        encode(image, format)


@pytest.mark.parametrize(("width", "format"), [(65501, "jpeg"), (16384, "webp")])
def test_size_that_a_format_cannot_have_is_an_error(width, format):
    with pytest.raises(SizeError, match=f"size: expected at most {width - 1} pixels a side for {format}"):
        encode(np.zeros((1, width, 3), np.uint8), format)


@pytest.mark.parametrize("format", ["", "JPEG", "jpg", "gif", "keep", None])
def test_unknown_format_is_an_error(format):
    with pytest.raises(OptionError, match="format: expected one of jpeg, png, webp"):
        encode(scene(37, 23), format)


@pytest.mark.parametrize("quality", [0, 101, -5, 95.0, "95", None, True])
def test_quality_out_of_range_is_an_error(quality):
    with pytest.raises(OptionError, match="quality: expected an integer from 1 to 100"):
        encode(scene(37, 23), "jpeg", quality)


# Bombs: what a header claims is judged before a pixel is decoded.


def claims(format, width, height):
    """Return a small file whose header claims a size."""
    if format == "png":
        head = struct.pack(">II5B", width, height, 8, 0, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + struct.pack(">I", 13)
            + b"IHDR"
            + head
            + struct.pack(">I", zlib.crc32(b"IHDR" + head))
        )
    if format == "jpeg":
        data = bytearray(saved(scene(37, 23), "jpeg"))
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", height, width)
        return bytes(data)
    if format == "gif":
        return b"GIF89a" + struct.pack("<HH", width, height) + bytes(20)
    if format == "bmp":
        return (
            b"BM"
            + struct.pack("<IHHI", 0, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, *[0] * 6)
        )
    return b"P5\n%d %d\n255\n" % (width, height)


@pytest.mark.parametrize("format", ["png", "jpeg", "gif", "bmp", "pnm"])
def test_more_pixels_than_allowed_are_refused_by_the_header(format, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(CodecError, match=r"cat: expected at most 178956970 pixels, got 900000000 \(30000x30000\)"):
        decode(claims(format, 30000, 30000), name="cat")


def test_limit_is_of_what_is_decoded():
    data = saved(scene(64, 48), "jpeg")
    assert decode(data, max_pixels=64 * 48)[0].shape == (48, 64, 3)
    assert decode(data, max_pixels=32 * 24, shrink=2)[0].shape == (24, 32, 3)
    assert decode(data, max_pixels=None)[0].shape == (48, 64, 3)
    with pytest.raises(CodecError, match="at most 3071 pixels"):
        decode(data, max_pixels=64 * 48 - 1)


def with_scans(count, tail=b""):
    """Repeat the last scan of a progressive JPEG: decoders go over the picture again for each."""
    with Image.open(io.BytesIO(saved(scene(64, 48), "png"))) as picture:
        buffer = io.BytesIO()
        picture.convert("L").save(buffer, "jpeg", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:] + tail


def test_scan_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(CodecError, match=r"cat: expected a jpeg of at most 500 scans at 64x48, got [0-9]{3,}"):
        decode(with_scans(600), name="cat")


def test_what_follows_the_image_are_no_scans():
    assert decode(with_scans(1, tail=b"\xff\xda\x00\x04ab" * 600))[0].shape == (48, 64)
