import threading
import tracemalloc

import cv2
import numpy as np
import pytest
import reference
from drawn import extents
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import KINDS, MODES, picture
from PIL import Image, ImageOps

from fastfit import Fit, Size, fit, plan, stretch
from fastfit.kernel.library import chosen
from fastfit.words import CONVOLUTIONS

INTERPOLATIONS = {
    "lanczos4": cv2.INTER_LANCZOS4,
    "cubic": cv2.INTER_CUBIC,
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "nearest": cv2.INTER_NEAREST,
}
DTYPES = (np.uint8, np.uint16, np.float32)
# L, LA, RGB, RGBA.
CHANNELS = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}
# From 97x61 or 61x97: both axes down and up, one down and one up, one left alone, whole and coprime ratios, and
# sides of a single pixel.
TARGETS = [
    (40, 30),
    (151, 101),
    (53, 89),
    (89, 53),
    (97, 30),
    (40, 61),
    (194, 122),
    (1, 50),
    (50, 1),
    (1, 1),
    (16, 9),
]


def pillow(image, size, mode, resample, **options):
    """Fit with Pillow."""
    made, method = Image.fromarray(image), Image.Resampling[resample.upper()]
    if mode == "stretch":
        return np.asarray(made.resize(size, method, **options))
    return np.asarray({"cover": ImageOps.fit, "pad": ImageOps.pad}[mode](made, size, method, **options))


def assert_pillows(pairs):
    """Compare pairs of ours and Pillow's images: equal to the last bit."""
    for got, wanted in pairs:
        np.testing.assert_array_equal(got, wanted)


def psnr(image, other, top):
    return 10 * np.log10(top**2 / np.mean((image.astype(np.float64) - other) ** 2))


# ---------------------------------------------------------------------------------------------------------------
# 8 bits: Pillow's pixels
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_8_bits_are_pillows(resample, channels, mode, kind):
    pairs = []
    for shape in ((61, 97), (97, 61)):
        image = picture(kind, shape + CHANNELS[channels])
        for size in TARGETS:
            ours = fit(image, size, mode, resample=resample)
            theirs = pillow(image, size, mode, resample)
            assert ours.shape == theirs.shape
            pairs.append((ours, theirs))
    assert_pillows(pairs)


@pytest.mark.parametrize("kind", ["noise", "smooth", "ties"])
@pytest.mark.parametrize(
    ("src", "dst"),
    [
        ((640, 480), (960, 720)),  # two phases
        ((1024, 768), (1792, 1024)),  # four and three
        ((3000, 40), (7, 5)),
        ((40, 3000), (5, 7)),
        ((1500, 1100), (299, 233)),
    ],
)
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_8_bits_are_pillows_where_weights_repeat_and_where_they_are_many(resample, src, dst, kind):
    image = picture(kind, (src[1], src[0]))
    assert_pillows([(stretch(image, dst, resample=resample), pillow(image, dst, "stretch", resample))])


@pytest.mark.parametrize(("lines", "size"), [(9001, 65), (10007, 67), (40009, 67)])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_8_bits_are_pillows_where_hundreds_of_samples_average_to_a_half(resample, lines, size):
    # Bands of 254 and 255: every weight counts, and the largest sums come next to 2^30.
    periods = np.array([3, 4, 17, 40, 68, 97, 125, 205])
    bands = np.repeat((np.arange(lines)[:, None] // periods) % 2, 16, axis=1)
    image = (254 + bands).astype(np.uint8)
    dst = (image.shape[1], size)
    assert_pillows([(stretch(image, dst, resample=resample), pillow(image, dst, "stretch", resample))])


@settings(max_examples=800)
@given(st.data(), st.sampled_from(CONVOLUTIONS), st.sampled_from(KINDS))
def test_8_bits_are_pillows_for_any_sizes_and_box(data, resample, kind):
    sides = st.integers(1, 3) | st.integers(1, 90)
    width, height, *size = (data.draw(sides, label) for label in ("width", "height", "to width", "to height"))
    (left, right), (top, bottom) = (data.draw(extents(side)) for side in (width, height))
    image, box = picture(kind, (height, width)), (left, top, right, bottom)
    ours = stretch(image, size, resample=resample, box=box)
    theirs = pillow(image, size, "stretch", resample, box=box)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("centering", [(0, 0), (1, 1), (0.3, 0.9)])
@pytest.mark.parametrize("mode", ["cover", "pad"])
def test_centering_is_pillows(mode, centering):
    image = picture("smooth", (61, 97, 3))
    pairs = [
        (fit(image, size, mode, centering=centering), pillow(image, size, mode, "lanczos", centering=centering))
        for size in TARGETS
    ]
    assert_pillows(pairs)


@pytest.mark.parametrize(
    ("channels", "fill"), [("L", 77), ("LA", (77, 12)), ("RGB", (1, 2, 255)), ("RGBA", (9, 8, 7, 6))]
)
def test_fill_is_pillows(channels, fill):
    image = picture("smooth", (61, 97) + CHANNELS[channels])
    pairs = [
        (fit(image, size, "pad", fill=fill), pillow(image, size, "pad", "lanczos", color=fill)) for size in TARGETS
    ]
    assert_pillows(pairs)


@pytest.mark.parametrize(("src", "dst"), [((60, 200), (50, 40)), ((200, 60), (150, 20)), ((60, 200), (90, 150))])
def test_the_taller_loss_comes_first_as_in_pillow(src, dst):
    # 8 bits are rounded and clipped between the passes, so their order shows.
    image = picture("checkerboard", (src[1], src[0], 3))
    across_first = pillow(pillow(image, (dst[0], src[1]), "stretch", "lanczos"), dst, "stretch", "lanczos")
    down_first = pillow(pillow(image, (src[0], dst[1]), "stretch", "lanczos"), dst, "stretch", "lanczos")
    height_lost, width_lost = src[1] - dst[1], src[0] - dst[0]
    assert np.any(across_first != down_first)
    expected = down_first if height_lost > max(0, 2 * width_lost) else across_first
    np.testing.assert_array_equal(stretch(image, dst), expected)
    np.testing.assert_array_equal(stretch(image, dst), pillow(image, dst, "stretch", "lanczos"))


def test_the_order_of_passes_is_that_of_the_whole_image_not_of_the_box():
    image = picture("checkerboard", (200, 90, 3))
    # The box alone loses far more width than height; the image, over twice as much height.
    box, dst = (0.0, 100.0, 90.0, 130.5), (30, 29)
    np.testing.assert_array_equal(stretch(image, dst, box=box), pillow(image, dst, "stretch", "lanczos", box=box))


# ---------------------------------------------------------------------------------------------------------------
# 16 bits and floats: the reference
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resample", CONVOLUTIONS)
@pytest.mark.parametrize("size", [(31, 20), (70, 90), (1, 13)])
def test_the_reference_is_pillows(resample, size):
    image = picture("noise", (47, 61), np.float32)
    box = (1.25, 0.5, 60.0, 46.75)
    theirs = pillow(image, size, "stretch", resample, box=box)
    np.testing.assert_allclose(reference.resize(image[..., None], size, resample, box)[..., 0], theirs, atol=2e-6)


def assert_sums(got, exact):
    """Compare samples with sums that are neither rounded nor clipped, of floats from 0 to 1."""
    if got.dtype == np.uint16:
        np.testing.assert_allclose(got.astype(np.float64), np.clip(exact, 0, 65535), rtol=0, atol=0.51)
    else:
        np.testing.assert_allclose(got, exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(31, 20), (70, 90), (40, 47), (1, 13), (1, 1)])
@pytest.mark.parametrize("kind", ["noise", "smooth", "checkerboard"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_16_bits_and_floats_are_the_references(resample, channels, kind, size):
    box = (1.25, 0.5, 60.0, 46.75)
    for dtype in (np.uint16, np.float32):
        image = picture(kind, (47, 61, channels), dtype)
        exact = reference.resize(image, size, resample, box)
        assert_sums(stretch(image, size, resample=resample, box=box), exact)


@pytest.mark.parametrize("size", [(31, 20), (70, 90)])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_16_bits_and_floats_with_alpha_are_the_references(resample, channels, size):
    for dtype, top in ((np.uint16, 65535), (np.float32, 1)):
        image = picture("noise", (47, 61, channels), dtype)
        # From 0.6 to 1: even where filters undershoot, the sum of alpha is far from 0.
        image[..., -1] = 0.6 * top + 0.4 * image[..., -1]
        assert_sums(stretch(image, size, resample=resample), reference.resize(image, size, resample, alpha=True))
        plain = reference.resize(image, size, resample)
        assert_sums(stretch(image, size, resample=resample, alpha=False), plain)


@pytest.mark.parametrize("kind", ["noise", "smooth", "checkerboard"])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_floats_are_pillows(resample, kind):
    image = picture(kind, (61, 97), np.float32)
    for size in TARGETS:
        got, wanted = stretch(image, size, resample=resample), pillow(image, size, "stretch", resample)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


@given(st.data(), st.sampled_from(CONVOLUTIONS), st.sampled_from(KINDS))
def test_floats_are_pillows_for_any_sizes_and_box(data, resample, kind):
    sides = st.integers(1, 3) | st.integers(1, 90)
    width, height, *size = (data.draw(sides, label) for label in ("width", "height", "to width", "to height"))
    (left, right), (top, bottom) = (data.draw(extents(side)) for side in (width, height))
    image, box = picture(kind, (height, width), np.float32), (left, top, right, bottom)
    got = stretch(image, size, resample=resample, box=box)
    wanted = pillow(image, size, "stretch", resample, box=box)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_floats_keep_their_range_whatever_it_is(factor):
    image = (picture("noise", (47, 61, 3), np.float32) - 0.5) * np.float32(factor)
    expected = reference.resize(image, (31, 20), "lanczos")
    np.testing.assert_allclose(stretch(image, (31, 20)), expected, rtol=0, atol=1e-6 * factor)


@pytest.mark.parametrize("resample", ["lanczos", "bicubic"])
def test_overshoot_is_clipped_for_integers_and_kept_for_floats(resample):
    floats = picture("checkerboard", (47, 61, 3), np.float32)
    enlarged = stretch(floats, (200, 150), resample=resample)
    assert enlarged.min() < -0.05
    assert enlarged.max() > 1.05
    for dtype in (np.uint8, np.uint16):
        integers = stretch(picture("checkerboard", (47, 61, 3), dtype), (200, 150), resample=resample)
        # A sum that wraps around would be far from the clipped one.
        expected = np.clip(enlarged, 0, 1) * float(np.iinfo(dtype).max)
        np.testing.assert_allclose(integers.astype(np.float64), expected, rtol=0, atol=0.2 * np.iinfo(dtype).max)
        assert {integers.min(), integers.max()} == {0, np.iinfo(dtype).max}


# ---------------------------------------------------------------------------------------------------------------
# reducing_gap
# ---------------------------------------------------------------------------------------------------------------

GAPS = [
    ((640, 480), (80, 60), None),  # whole factors
    ((641, 479), (61, 47), None),  # blocks at the edges are smaller
    ((640, 480), (97, 200), None),  # one axis only
    ((640, 480), (61, 47), (3.25, 7.75, 630.125, 470.875)),  # C floats: others are rounded before they are divided
    ((641, 479), (61, 47), (100, 50, 641, 479)),
    ((640, 480), (200, 20), (20.25, 100.5, 40.75, 300.5)),  # one axis shrinks, one grows
]


@pytest.mark.parametrize("gap", [1.0, 2.0, 3.0])
@pytest.mark.parametrize(("src", "dst", "box"), GAPS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("resample", ["lanczos", "bilinear", "box"])
def test_reducing_gap_is_pillows(resample, channels, src, dst, box, gap):
    pairs = []
    for kind in ("noise", "smooth", "holes"):
        image = picture(kind, (src[1], src[0], *CHANNELS[channels]))
        ours = stretch(image, dst, resample=resample, box=box, reducing_gap=gap)
        pairs.append((ours, pillow(image, dst, "stretch", resample, box=box, reducing_gap=gap)))
    assert_pillows(pairs)


@settings(max_examples=400)
@given(st.data(), st.sampled_from(CONVOLUTIONS), st.sampled_from(["noise", "ties", "holes"]))
def test_reducing_gap_is_pillows_for_any_sizes_and_box(data, resample, kind):
    sides = st.integers(1, 300)
    width, height = data.draw(sides, "width"), data.draw(sides, "height")
    size = data.draw(st.tuples(st.integers(1, max(1, width // 2)), st.integers(1, max(1, height // 2))), "size")
    edges = [(data.draw(st.floats(0, side / 3)), data.draw(st.floats(side / 2, side))) for side in (width, height)]
    box = [axis[end] for end in (0, 1) for axis in edges]
    gap, channels = data.draw(st.floats(1, 4), "gap"), data.draw(st.sampled_from(list(CHANNELS)), "channels")
    image = picture(kind, (height, width, *CHANNELS[channels]))
    ours = stretch(image, size, resample=resample, box=box, reducing_gap=gap)
    np.testing.assert_array_equal(ours, pillow(image, size, "stretch", resample, box=box, reducing_gap=gap))


@pytest.mark.parametrize("kind", ["noise", "smooth", "holes"])
@pytest.mark.parametrize("mode", ["cover", "pad"])
@pytest.mark.parametrize("channels", CHANNELS)
def test_reducing_gap_of_every_mode_is_pillows_of_its_plan(channels, mode, kind):
    # `ImageOps` has no gap. The crop of a plan is in doubles there: in C floats, its blocks would be others.
    image = picture(kind, (479, 641, *CHANNELS[channels]))
    for size in ((61, 47), (97, 40), (30, 90), (7, 5)):
        spec = Fit(size, mode, reducing_gap=2.0, centering=(0.3, 0.9), box=(3.3, 7.7, 630.1, 470.9))
        planned = spec.plan((641, 479))
        left, top, right, bottom = (int(edge) for edge in planned.inner)
        options = {"box": tuple(planned.crop), "reducing_gap": 2.0}
        expected = np.zeros((size[1], size[0], *CHANNELS[channels]), np.uint8)
        expected[top:bottom, left:right] = pillow(image, planned.inner_size, "stretch", "lanczos", **options)
        np.testing.assert_array_equal(spec(image), expected)


@pytest.mark.parametrize("counts", [range(2, 258), [258, 1000, 4096, 65_536, 1_000_003]])
def test_every_average_is_rounded_as_pillow_does(counts):
    for count in counts:
        # Rows whose sums are spread over all that there are, first of all next to the halves.
        sums = np.unique(np.linspace(0, 255 * count, max(3, 50_000 // count)).astype(np.int64))
        sums = np.unique(np.clip(np.concatenate([sums, sums // count * count + count // 2]), 0, 255 * count))
        low, more = np.divmod(sums[:, None], count)
        rows = (low + (np.arange(count) < more)).astype(np.uint8)
        # As C computes it, in unsigned integers of 32 bits.
        reciprocal = np.uint32(np.float32(1 << 32) / np.float32(count << 8))
        expected = ((sums + count // 2).astype(np.uint32) * reciprocal) >> 24
        got = stretch(rows, (1, len(rows)), resample="box", reducing_gap=1)
        np.testing.assert_array_equal(got[:, 0], expected, f"of {count}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gap", [2.0, 3.0])
@pytest.mark.parametrize(("src", "dst", "box"), GAPS)
def test_reducing_gap_is_close_to_none(src, dst, box, gap, dtype):
    image = picture("smooth", (src[1], src[0], 3), dtype)
    exact = stretch(image, dst, box=box)
    reduced = stretch(image, dst, box=box, reducing_gap=gap)
    assert np.any(reduced != exact)
    assert psnr(reduced, exact, np.iinfo(dtype).max if dtype != np.float32 else 1) > 45


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize(("src", "dst", "box"), GAPS)
@pytest.mark.parametrize("channels", [1, 3])
def test_reducing_gap_of_16_bits_and_floats_is_that_of_exact_averages(channels, src, dst, box, dtype):
    image = picture("noise", (src[1], src[0], channels), dtype)
    top = 65535 if dtype == np.uint16 else 1
    got = stretch(image, dst, box=box, reducing_gap=2.0).astype(np.float64)
    for channel in range(channels):
        # Pillow rounds no averages of floats. Half a level is at most 0.8 after two sums by Lanczos.
        floats = image[..., channel].astype(np.float32)
        exact = np.clip(pillow(floats, dst, "stretch", "lanczos", box=box, reducing_gap=2.0), 0, top)
        atol = 1.3 if dtype == np.uint16 else 1e-6
        np.testing.assert_allclose(np.clip(got[..., channel], 0, top), exact, rtol=0, atol=atol)


def test_reducing_gap_leaves_alone_what_it_cannot_reduce():
    image = picture("noise", (61, 97, 3))
    np.testing.assert_array_equal(stretch(image, (40, 30), reducing_gap=2), stretch(image, (40, 30)))


# ---------------------------------------------------------------------------------------------------------------
# OpenCV's interpolations
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_interpolations_are_opencvs(resample, dtype, channels):
    image = picture("holes", (61, 97, *channels), dtype)
    for size in TARGETS:
        left, top, right, bottom = (int(np.floor(edge + 0.5)) for edge in plan((97, 61), size).crop)
        expected = cv2.resize(image[top:bottom, left:right], size, interpolation=INTERPOLATIONS[resample])
        got = fit(image, size, resample=resample)
        np.testing.assert_array_equal(got, expected.reshape(got.shape), str(size))


@pytest.mark.parametrize("channels", [5, 12, 128])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_interpolations_of_many_channels_are_opencvs(resample, dtype, channels):
    image, how = picture("noise", (61, 97, channels), dtype), INTERPOLATIONS[resample]
    # OpenCV averages up to four channels at once.
    each = 4 if resample == "area" else channels
    for size in ((40, 30), (151, 101), (97, 30)):
        got = stretch(image, size, resample=resample)
        for at in range(0, channels, each):
            part = cv2.resize(image[..., at : at + each], size, interpolation=how)
            np.testing.assert_array_equal(got[..., at : at + each], part.reshape(size[1], size[0], -1))


@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_interpolations_take_more_channels_than_opencv(resample):
    image = picture("noise", (31, 47, 300))
    got = stretch(image, (20, 15), resample=resample)
    for first, last in ((0, 128), (128, 256), (256, 300)):
        part = stretch(image[..., first:last], (20, 15), resample=resample)
        np.testing.assert_array_equal(got[..., first:last], part)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_interpolations_are_opencvs_in_a_box(resample, dtype):
    image = picture("noise", (61, 97, 3), dtype)
    expected = cv2.resize(image[5:41, 3:80], (50, 70), interpolation=INTERPOLATIONS[resample])
    np.testing.assert_array_equal(
        stretch(image, (50, 70), resample=resample, box=(3.2, 4.5, 79.6, 41.4)), expected
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_interpolations_are_opencvs_on_a_canvas(resample, dtype):
    image = picture("noise", (61, 97, 3), dtype)
    for size in ((50, 50), (40, 90), (120, 40)):
        left, top, right, bottom = (int(edge) for edge in plan((97, 61), size, "pad").inner)
        expected = np.full((size[1], size[0], 3), 1, dtype)
        inner = (right - left, bottom - top)
        expected[top:bottom, left:right] = cv2.resize(image, inner, interpolation=INTERPOLATIONS[resample])
        np.testing.assert_array_equal(fit(image, size, "pad", resample=resample, fill=1), expected)


# ---------------------------------------------------------------------------------------------------------------
# Memory
# ---------------------------------------------------------------------------------------------------------------


compiled = pytest.mark.skipif(chosen()[0] is None, reason="NumPy has whole images in between")


def peak(call):
    """Return the bytes that `call` allocates at most, in a thread that has no working memory yet."""
    thread = threading.Thread(target=call)
    tracemalloc.start()
    thread.start()
    thread.join()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@compiled
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, 3), (np.uint8, 4), (np.uint16, 1), (np.uint16, 3), (np.float32, 3)]
)
@pytest.mark.parametrize("src", [(10000, 1), (1, 10000), (3000, 2000), (200, 211)])
def test_a_fit_takes_hardly_more_memory_than_source_and_result(src, dtype, channels, mode):
    image, out = np.zeros((src[1], src[0], channels), dtype), np.empty((720, 1280, channels), dtype)
    spec = Fit((1280, 720), mode)
    # With the passes one after the other, an image in between alone would be 5 MB and more.
    assert peak(lambda: spec(image, out)) < 1 << 20


@compiled
@pytest.mark.parametrize("gap", [None, 2.0])
def test_a_large_image_with_alpha_is_not_copied(gap):
    image, out = picture("holes", (1500, 2000, 4)), np.empty((40, 30, 4), np.uint8)
    spec = Fit((30, 40), "stretch", reducing_gap=gap)
    assert peak(lambda: spec(image, out)) < 1 << 20


# ---------------------------------------------------------------------------------------------------------------
# What is left
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dst", [(9, 11), (200, 300)])
def test_floats_overflow_without_a_warning(dst):
    image = np.where(np.arange(6) % 2 == 0, 3.4e38, -3.4e38).astype(np.float32)[:, None].repeat(6, axis=1)
    assert not np.isfinite(stretch(image, dst)).all()


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize(
    ("src", "dst"),
    [((301, 211), (97, 450)), ((97, 450), (301, 83)), ((151, 160), (302, 150)), ((301, 211), (301, 60))],
)
@pytest.mark.parametrize("gap", [None, 1.0])
def test_alpha_is_pillows_however_much_of_it_is_opaque(channels, src, dst, gap):
    image = picture("holes", (src[1], src[0], channels))
    opaque = image.copy()
    opaque[..., -1] = 255
    nearly = opaque.copy()
    nearly[-1, -1, -1] = 0
    for kind in (image, opaque, nearly):
        theirs = pillow(kind, dst, "stretch", "lanczos", reducing_gap=gap)
        assert_pillows([(stretch(kind, dst, reducing_gap=gap), theirs)])
        planes = stretch(kind, dst, reducing_gap=gap, layout="CHW")
        assert_pillows([(np.moveaxis(planes, 0, 2), theirs)])


def test_sizes_are_width_first():
    assert stretch(np.zeros((61, 97), np.uint8), Size(width=40, height=30)).shape == (30, 40)


def test_hamming_at_a_centre_on_a_pixel():
    # There Pillow's weight is 1, and beside it 0.54f + 0.46f = 1.0000000074: one unit of 22 bits.
    image = picture("noise", (480, 640))
    assert_pillows(
        [(stretch(image, (640, 224), resample="hamming"), pillow(image, (640, 224), "stretch", "hamming"))]
    )
