"""The files to start from."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from encoded import saved, scene
from PIL import Image, ImageCms

DATA = Path(__file__).parents[1] / "data"
LARGEST_SEED = 300_000
"""Larger files of a corpus are passed over: they would only make cases slow."""


def seeds(folders=()):
    """Return name and content of each file to start from: made here, in `tests/data`, and in `folders`."""
    files = [path for path in sorted(DATA.iterdir()) if path.is_file() and path.suffix != ".md"]
    for folder in folders:
        files += (path for path in sorted(Path(folder).rglob("*")) if path.is_file() and path.suffix != ".csv")
    made = {**_jpegs(), **_pngs(), **_webps(), **_tiffs(), **_others()}
    read = [(path.name, path.read_bytes()) for path in files if 0 < path.stat().st_size <= LARGEST_SEED]
    return [*made.items(), *read]


def _exif():
    exif = Image.Exif()
    exif.update({0x010F: "A maker", 0x0112: 6, 0x011A: 72.0})
    return exif


def _metadata():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return {"exif": _exif(), "icc_profile": profile[:24] + bytes(12) + profile[36:]}  # without its date


def _timeless(data):
    """Return an AVIF sequence without the times of its making: the same bytes each time."""
    whole = bytearray(data)
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = whole.find(kind)
        while at >= 0:
            length = 16 if whole[at + 4] else 8
            whole[at + 8 : at + 8 + length] = bytes(length)
            at = whole.find(kind, at + 8)
    return bytes(whole)


def _palette(width=90, height=70, colours=60):
    return Image.fromarray(scene(width, height)).quantize(colours)


def _frames(mode="RGB"):
    """A still and, as save options, what makes it an animation."""
    wide = Image.fromarray(scene(63, 41)).convert(mode)
    first, *rest = (wide.crop((shift, 0, 60 + shift, 41)) for shift in range(3))
    return first, {"save_all": True, "append_images": rest, "duration": 50}


def _by_opencv(extension, image, *parameters):
    return cv2.imencode(extension, image, parameters)[1].tobytes()


def _deep(channels):
    return scene(61, 43, channels).astype(np.uint16) * 255 + 11


def _jpegs():
    colour, grey = scene(151, 97), scene(61, 83, 1)
    made = {
        "baseline": saved(colour, "jpeg"),
        "4:4:4": saved(colour, "jpeg", subsampling=0, optimize=True),
        "4:2:2": saved(colour, "jpeg", subsampling=1),
        "progressive": saved(colour, "jpeg", progressive=True, quality=90),
        "restarts": saved(colour, "jpeg", restart_marker_blocks=3),
        "grey": saved(grey, "jpeg"),
        "progressive grey": saved(grey, "jpeg", progressive=True),
        "cmyk": saved(Image.fromarray(colour).convert("CMYK"), "jpeg"),
        "metadata": saved(colour, "jpeg", comment="a comment", **_metadata()),
        "large": saved(scene(800, 450), "jpeg"),
    }
    return {f"jpeg {name}": data for name, data in made.items()}


def _pngs():
    first, animation = _frames("RGBA")
    made = {
        "grey": saved(scene(61, 43, 1), "png"),
        "1 bit": saved(Image.fromarray(scene(61, 43, 1)).convert("1"), "png"),
        "grey alpha": saved(Image.fromarray(scene(61, 43, 4)).convert("LA"), "png"),
        "rgb": saved(scene(61, 43), "png"),
        "rgba": saved(scene(61, 43, 4), "png"),
        "palette": saved(_palette(), "png"),
        "2 bits": saved(_palette(colours=4), "png", bits=2),
        "clear colour": saved(_palette(), "png", transparency=9),
        "clear colours": saved(_palette(), "png", transparency=bytes(range(60))),
        "clear rgb": saved(scene(61, 43), "png", transparency=(9, 9, 9)),
        "grey 16": _by_opencv(".png", _deep(1)),
        "rgb 16": _by_opencv(".png", _deep(3)),
        "rgba 16": _by_opencv(".png", _deep(4)),
        "interlaced": _interlaced(scene(61, 43, 1)),
        "animated": saved(first, "png", **animation),
        "metadata": saved(scene(61, 43), "png", dpi=(72, 72), **_metadata()),
    }
    return {f"png {name}": data for name, data in made.items()}


def _interlaced(image):
    """A grey PNG in the seven passes of Adam7, which Pillow does not write."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b"".join(b"\0" + row.tobytes() for y, x, by, bx in passes for row in image[y::by, x::bx])
    head = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 8, 0, 0, 0, 1)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in chunks)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _webps():
    first, animation = _frames("RGBA")
    made = {
        "lossy": saved(scene(91, 63), "webp"),
        "lossless": saved(scene(91, 63), "webp", lossless=True),
        "alpha": saved(scene(91, 63, 4), "webp"),
        "lossless alpha": saved(scene(91, 63, 4), "webp", lossless=True),
        "animated": saved(first, "webp", **animation),
        "metadata": saved(scene(91, 63), "webp", **_metadata()),
    }
    return {f"webp {name}": data for name, data in made.items()}


def _tiffs():
    colour = scene(61, 43)
    packed = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    made = {name: saved(colour, "tiff", compression=name) for name in packed}
    first, pages = _frames()
    made |= {
        "fax": saved(Image.fromarray(colour).convert("1"), "tiff", compression="group4"),
        "grey": saved(scene(61, 43, 1), "tiff"),
        "rgba": saved(scene(61, 43, 4), "tiff", compression="tiff_lzw"),
        "palette": saved(_palette(), "tiff"),
        "cmyk": saved(Image.fromarray(colour).convert("CMYK"), "tiff"),
        "16 bits": _by_opencv(".tiff", _deep(3)),
        "grey 16": _by_opencv(".tiff", _deep(1)),
        "float": _by_opencv(".tiff", _deep(3).astype(np.float32) / 65535),
        "pages": saved(first, "tiff", **pages),
        "big": saved(colour, "tiff", big_tiff=True),
        "turned": saved(colour, "tiff", tiffinfo={274: 6}),
        "tiled": _tiled(scene(96, 64, 1)),
    }
    return {f"tiff {name}": data for name, data in made.items()}


def _tiled(image, side=32):
    """A grey TIFF in tiles, which Pillow does not write; the sides are multiples of a tile's."""
    height, width = image.shape
    tiles = [
        image[y : y + side, x : x + side].tobytes() for y in range(0, height, side) for x in range(0, width, side)
    ]
    behind, area = 8 + 2 + 11 * 12 + 4, side * side
    offsets, counts, pixels = behind, behind + 4 * len(tiles), behind + 8 * len(tiles)
    tags = (
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (277, 1),
        (284, 1),
        (322, side),
        (323, side),
    )
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags]
    entries += [struct.pack("<HHII", tag, 4, len(tiles), at) for tag, at in ((324, offsets), (325, counts))]
    arrays = [pixels + area * number for number in range(len(tiles))] + [area] * len(tiles)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(entries) + bytes(4) + struct.pack(f"<{len(arrays)}I", *arrays) + b"".join(tiles)


def _others():
    colour, grey, (first, animation) = scene(61, 43), scene(60, 41, 1), _frames()
    picture, bilevel = Image.fromarray(colour), Image.fromarray(grey).convert("1")
    floats = colour.astype(np.float32) / 255
    numbers = b" ".join(b"%d" % level for level in colour.ravel())
    return {
        "gif": saved(_palette(), "gif"),
        "gif clear": saved(_palette(), "gif", transparency=9, interlace=0),
        "gif animated": saved(first, "gif", **animation),
        "bmp": saved(colour, "bmp"),
        "bmp alpha": saved(scene(61, 43, 4), "bmp"),
        "bmp palette": saved(_palette(), "bmp"),
        "bmp 1 bit": saved(bilevel, "bmp"),
        "bmp 16": _bmp(16, 0, grey.repeat(2, 1).tobytes()),
        "bmp rle8": _bmp(8, 1, b"".join(bytes((30, row, 30, 9, 0, 0)) for row in range(41)) + b"\0\1"),
        "bmp rle4": _bmp(4, 2, b"".join(bytes((56, row, 0, 4, 18, 52, 0, 0)) for row in range(41)) + b"\0\1"),
        "pbm text": b"P1\n# made\n60 41\n" + b"\n".join(b"0 1 1 0 1 " * 12 for _ in range(41)),
        "pgm text": b"P2\n60 41\n200\n" + b" ".join(b"%d" % (level % 200) for level in grey.ravel()) + b"\n",
        "ppm text": b"P3 61 43 255\n" + numbers + b"\n",
        "pbm": saved(bilevel, "ppm"),
        "pgm": saved(grey, "ppm"),
        "ppm": saved(colour, "ppm"),
        "pgm 16": _by_opencv(".pgm", _deep(1)),
        "pgm 12": b"P5\n61 43\n4095\n" + (_deep(1) >> 4).astype(">u2").tobytes(),
        "pam": _by_opencv(".pam", colour),
        "pfm": _by_opencv(".pfm", floats),
        "hdr": _by_opencv(".hdr", floats),
        "sunraster": _by_opencv(".sr", scene(88, 70)),
        "jp2": saved(colour, "jpeg2000"),
        "jp2 lossy": saved(scene(61, 43, 4), "jpeg2000", irreversible=True, quality_layers=[20]),
        "j2k": saved(grey, "jpeg2000", no_jp2=True),
        "tga": saved(colour, "tga", compression="tga_rle") + bytes(8) + b"TRUEVISION-XFILE.\0",
        "sgi": saved(colour, "sgi"),
        "dds": saved(colour, "dds"),
        "ico": saved(colour, "ico", sizes=[(32, 32), (16, 16)]),
        "qoi": saved(colour, "qoi"),
        "avif": saved(colour, "avif", speed=10),
        "avif alpha": saved(scene(61, 43, 4), "avif", speed=10, exif=_exif()),
        "avif animated": _timeless(saved(first, "avif", speed=10, **animation)),
        "grey avif": saved(picture.convert("L"), "avif", speed=10, subsampling="4:0:0"),
    }


def _bmp(bits, compression, pixels):
    """A BMP of 60x41 of a kind that Pillow does not write."""
    colours = b"".join(bytes((level, 255 - level, 9, 0)) for level in range(1 << bits)) if bits <= 8 else b""
    header = struct.pack("<IiiHHIIiiII", 40, 60, 41, 1, bits, compression, len(pixels), 2835, 2835, 0, 0)
    return (
        struct.pack("<2sIII", b"BM", 54 + len(colours) + len(pixels), 0, 54 + len(colours))
        + header
        + colours
        + pixels
    )
