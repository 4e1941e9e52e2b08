import importlib
import pkgutil
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
from fastfit.resample import convolve, forget
from fastfit.resample.alpha import unpremultiply
from fastfit.resample.averages import _rounded as rounded_average
from fastfit.resample.band import band
from fastfit.resample.interpolate import reduce

CONVOLUTIONS = ("lanczos", "bicubic", "hamming", "bilinear", "box")
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


@pytest.fixture(scope="module", params=[None, 0], ids=["small", "never small"])
def most_products(request):
    """Let a test run twice: most images of the tests are small enough for the way of small ones."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param is not None:
            patch.setattr("fastfit.resample.small._MOST_ADDED", request.param)
        yield


both_ways = pytest.mark.usefixtures("most_products")


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


def premultiplied(image):
    """Return colours as they show: those under little alpha are next to arbitrary."""
    if image.ndim == 2 or image.shape[2] % 2:
        return image.astype(np.float64)
    return image * np.concatenate(
        [image[..., -1:] / 255] * (image.shape[2] - 1) + [np.ones_like(image[..., -1:])], 2
    )


def psnr(image, other, top):
    return 10 * np.log10(top**2 / np.mean((image.astype(np.float64) - other) ** 2))


# ---------------------------------------------------------------------------------------------------------------
# 8 bits: Pillow's pixels
# ---------------------------------------------------------------------------------------------------------------


@both_ways
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


@both_ways
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


@both_ways
@pytest.mark.parametrize(("lines", "size"), [(9001, 65), (10007, 67), (40009, 67)])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_8_bits_are_pillows_where_hundreds_of_samples_average_to_a_half(resample, lines, size):
    # Bands of 254 and 255: float32 sums of as many nearly equal terms all err to the same side.
    periods = np.array([3, 4, 17, 40, 68, 97, 125, 205])
    bands = np.repeat((np.arange(lines)[:, None] // periods) % 2, 16, axis=1)
    image = (254 + bands).astype(np.uint8)
    dst = (image.shape[1], size)
    assert_pillows([(stretch(image, dst, resample=resample), pillow(image, dst, "stretch", resample))])


@both_ways
@settings(max_examples=400)
@given(st.data(), st.sampled_from(CONVOLUTIONS), st.sampled_from(KINDS))
def test_8_bits_are_pillows_for_any_sizes_and_box(data, resample, kind):
    sides = st.integers(1, 3) | st.integers(1, 90)
    width, height, *size = (data.draw(sides, label) for label in ("width", "height", "to width", "to height"))
    (left, right), (top, bottom) = (data.draw(extents(side)) for side in (width, height))
    image, box = picture(kind, (height, width)), (left, top, right, bottom)
    ours = stretch(image, size, resample=resample, box=box)
    theirs = pillow(image, size, "stretch", resample, box=box)
    np.testing.assert_array_equal(ours, theirs)


@both_ways
@pytest.mark.parametrize("centering", [(0, 0), (1, 1), (0.3, 0.9)])
@pytest.mark.parametrize("mode", ["cover", "pad"])
def test_centering_is_pillows(mode, centering):
    image = picture("smooth", (61, 97, 3))
    pairs = [
        (fit(image, size, mode, centering=centering), pillow(image, size, mode, "lanczos", centering=centering))
        for size in TARGETS
    ]
    assert_pillows(pairs)


@both_ways
@pytest.mark.parametrize(
    ("channels", "fill"), [("L", 77), ("LA", (77, 12)), ("RGB", (1, 2, 255)), ("RGBA", (9, 8, 7, 6))]
)
def test_fill_is_pillows(channels, fill):
    image = picture("smooth", (61, 97) + CHANNELS[channels])
    pairs = [
        (fit(image, size, "pad", fill=fill), pillow(image, size, "pad", "lanczos", color=fill)) for size in TARGETS
    ]
    assert_pillows(pairs)


@both_ways
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


@both_ways
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


@both_ways
@pytest.mark.parametrize("size", [(31, 20), (70, 90), (40, 47), (1, 13), (1, 1)])
@pytest.mark.parametrize("kind", ["noise", "smooth", "checkerboard"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_16_bits_and_floats_are_the_references(resample, channels, kind, size):
    box = (1.25, 0.5, 60.0, 46.75)
    for dtype, tolerance in ((np.uint16, 1), (np.float32, 1e-3)):
        image = picture(kind, (47, 61, channels), dtype)
        expected = reference.as_dtype(reference.resize(image, size, resample, box), dtype)
        got = stretch(image, size, resample=resample, box=box)
        np.testing.assert_allclose(got.astype(np.float64), expected, rtol=0, atol=tolerance)


@both_ways
@pytest.mark.parametrize("size", [(31, 20), (70, 90)])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_16_bits_and_floats_with_alpha_are_the_references(resample, channels, size):
    for dtype, top, tolerance in ((np.uint16, 65535, 1), (np.float32, 1, 1e-3)):
        image = picture("noise", (47, 61, channels), dtype)
        # From 0.6 to 1: even where filters undershoot, the sum of alpha is far from 0.
        image[..., -1] = 0.6 * top + 0.4 * image[..., -1]
        expected = reference.as_dtype(reference.resize(image, size, resample, alpha=True), dtype)
        got = stretch(image, size, resample=resample)
        np.testing.assert_allclose(got.astype(np.float64), expected, rtol=0, atol=tolerance)
        plain = reference.as_dtype(reference.resize(image, size, resample), dtype)
        got = stretch(image, size, resample=resample, alpha=False)
        np.testing.assert_allclose(got.astype(np.float64), plain, rtol=0, atol=tolerance)


@both_ways
def test_floats_are_pillows():
    image = picture("noise", (61, 97), np.float32)
    for size in TARGETS:
        np.testing.assert_allclose(
            stretch(image, size), pillow(image, size, "stretch", "lanczos"), rtol=0, atol=1e-5
        )


@both_ways
@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_floats_keep_their_range_whatever_it_is(factor):
    image = (picture("noise", (47, 61, 3), np.float32) - 0.5) * np.float32(factor)
    expected = reference.resize(image, (31, 20), "lanczos")
    np.testing.assert_allclose(stretch(image, (31, 20)), expected, rtol=0, atol=1e-5 * factor)


@both_ways
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


@both_ways
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


def reduced(image, factor):
    """Reduce with Pillow; four channels as they are, none of them alpha."""
    height, width, channels = image.shape
    mode = {1: "L", 2: "La", 3: "RGB", 4: "RGBX"}[channels]
    if mode == "La":  # of which arrays are made, and images are not
        return np.dstack([reduced(image[..., channel : channel + 1], factor) for channel in range(2)])
    made = Image.frombuffer(mode, (width, height), image.tobytes(), "raw", mode, 0, 1)
    return np.asarray(made.reduce(factor)).reshape(-(-height // factor[1]), -(-width // factor[0]), channels)


@given(st.data(), *[st.integers(1, 300)] * 2, st.integers(1, 4), st.sampled_from(["noise", "ties"]))
def test_averages_are_pillows(data, width, height, channels, kind):
    factor = data.draw(st.tuples(st.integers(1, width + 2), st.integers(1, height + 2)))
    image = picture(kind, (height, width, channels))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fastfit.resample.averages._SAMPLES", data.draw(st.sampled_from([1, 1000, 100_000])))
        np.testing.assert_array_equal(reduce(image, factor), reduced(image, factor))


@pytest.mark.parametrize("counts", [range(1, 258), [258, 1000, 4096, 65_536, 1_000_003, (1 << 24) - 1]])
def test_every_sum_is_rounded_as_pillow_does(counts):
    for count in counts:
        _assert_sums_are_rounded_as_pillow_does(count)


def _assert_sums_are_rounded_as_pillow_does(count):
    sums = np.unique(np.linspace(0, 255 * count, min(255 * count + 1, 100_000)).astype(np.uint64))
    # As C computes it, in unsigned integers of 32 bits.
    reciprocal = np.uint32(np.float32(1 << 32) / np.float32(count << 8))
    expected = ((sums + count // 2).astype(np.uint32) * reciprocal) >> 24
    given = sums.astype(np.uint16 if count <= 257 else np.float64)
    np.testing.assert_array_equal(rounded_average(given[None], count)[0], expected, f"of {count}")


def test_blocks_that_pillow_has_no_reciprocal_for_are_averaged():
    image = np.full((4200, 4100, 1), 201, np.uint8)
    image[::3] = 77
    assert reduce(image, (4100, 4200)).tolist() == [[[160]]]


@pytest.mark.parametrize("factor", [(1, 2), (2, 1), (2, 2), (3, 5), (40, 30)])
def test_averages_of_any_strides(factor):
    image = picture("noise", (3, 97, 122))
    for view in (np.moveaxis(image, 0, 2), np.moveaxis(image, 0, 2)[::-1, 1::2], image.transpose(2, 1, 0)):
        np.testing.assert_array_equal(reduce(view, factor), reduced(view, factor))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gap", [2.0, 3.0])
@pytest.mark.parametrize(("src", "dst", "box"), GAPS)
def test_reducing_gap_is_close_to_none(src, dst, box, gap, dtype):
    image = picture("smooth", (src[1], src[0], 3), dtype)
    exact = stretch(image, dst, box=box)
    reduced = stretch(image, dst, box=box, reducing_gap=gap)
    assert np.any(reduced != exact)
    assert psnr(reduced, exact, np.iinfo(dtype).max if dtype != np.float32 else 1) > 45


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


def middles(call):
    """Return the number of samples of each intermediate image that `call` asks for."""
    asked = []

    def spy(name, shape, dtype):
        if name == "middle":
            asked.append(np.prod(shape))
        return scratch(name, shape, dtype)

    scratch = convolve.__globals__["scratch"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(convolve.__globals__, "scratch", spy)
        call()
    return asked


def peak(call):
    """Return the bytes that `call` allocates at most, in a thread that has no working memory yet."""
    thread = threading.Thread(target=call)
    tracemalloc.start()
    thread.start()
    thread.join()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("src", [(10000, 1), (1, 10000)])
def test_extremes_take_no_more_memory_than_source_and_result(src, mode):
    image = picture("noise", (src[1], src[0], 3))
    spec = Fit((1280, 720), mode)
    largest = max(image.size, 1280 * 720 * 3)
    assert all(samples <= largest for samples in middles(lambda: spec(image)))
    # In the wrong order the intermediate alone would be 21 MB or more; the floats of a strip stay under 6 MiB, and
    # copies of its samples under as much.
    assert peak(lambda: spec(image)) < image.nbytes + 2 * 1280 * 720 * 3 + (12 << 20)


@given(*[st.tuples(st.integers(1, 120), st.integers(1, 120))] * 2)
def test_no_intermediate_is_larger_than_source_and_result(src, dst):
    image = np.zeros((src[1], src[0]), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fastfit.resample.small._MOST_ADDED", 0)
        asked = middles(lambda: stretch(image, dst))
    assert len(asked) == (src[0] != dst[0] and src[1] != dst[1])
    assert all(samples <= max(src[0] * src[1], dst[0] * dst[1]) for samples in asked)


# ---------------------------------------------------------------------------------------------------------------
# Strips
# ---------------------------------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("dst", [(9, 11), (200, 300)])
def test_floats_overflow_without_a_warning(dst):
    image = np.where(np.arange(6) % 2 == 0, 3.4e38, -3.4e38).astype(np.float32)[:, None].repeat(6, axis=1)
    assert not np.isfinite(stretch(image, dst)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("src", "dst"), [((301, 211), (97, 450)), ((97, 450), (301, 83)), ((151, 160), (302, 150))]
)
@pytest.mark.parametrize("most_bytes", [1 << 13, 1 << 16, 1 << 19])
def test_what_is_in_work_at_once_changes_nothing(monkeypatch, dtype, channels, src, dst, most_bytes):
    image = picture("noise", (src[1], src[0], channels), dtype)
    expected = stretch(image, dst)
    module = importlib.import_module("fastfit.resample.convolve")
    monkeypatch.setattr(module, "_ALONE", module._Strip(most_bytes, 1024))
    got = stretch(image, dst)
    # Of what is not 8 bits, the order of additions decides on the last bit; and little alpha, divided by, makes
    # much of it.
    if dtype == np.float32 and channels == 4:
        np.testing.assert_allclose(got[..., 3], expected[..., 3], rtol=0, atol=1e-6)
        got, expected = got[..., :3] * got[..., 3:], expected[..., :3] * expected[..., 3:]
    tolerance = {np.uint8: 0, np.uint16: 1, np.float32: 1e-6}[dtype]
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


def test_alpha_is_divided_by_as_in_pillow():
    colour, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    pairs = np.dstack([colour, colour // 2, 255 - colour, alpha])
    expected = np.asarray(
        Image.frombuffer("RGBa", (256, 256), pairs.tobytes(), "raw", "RGBa", 0, 1).convert("RGBA")
    )
    unpremultiply(pairs)
    np.testing.assert_array_equal(pairs, expected)


@both_ways
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize(
    ("src", "dst"),
    [((301, 211), (97, 450)), ((97, 450), (301, 83)), ((151, 160), (302, 150)), ((301, 211), (301, 60))],
)
@pytest.mark.parametrize("gap", [None, 1.0])
@pytest.mark.parametrize("most", [1 << 13, 1 << 16])
def test_alpha_in_strips_is_pillows(monkeypatch, channels, src, dst, gap, most):
    module = importlib.import_module("fastfit.resample.convolve")
    monkeypatch.setattr(module, "_ALONE", module._Strip(most, 1024))
    monkeypatch.setattr("fastfit.resample._STRIP", most)
    monkeypatch.setattr("fastfit.resample.alpha._LOOKED_AT", most // 16)
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


def test_a_large_image_with_alpha_is_not_copied():
    image = picture("holes", (1500, 2000, 4))
    assert peak(lambda: stretch(image, (30, 40))) < image.nbytes


def test_sizes_are_width_first():
    assert stretch(np.zeros((61, 97), np.uint8), Size(width=40, height=30)).shape == (30, 40)


@both_ways
def test_hamming_at_a_centre_on_a_pixel():
    # There Pillow's weight is 1, and beside it 0.54f + 0.46f = 1.0000000074: one unit of 22 bits.
    image = picture("noise", (480, 640))
    assert_pillows(
        [(stretch(image, (640, 224), resample="hamming"), pillow(image, (640, 224), "stretch", "hamming"))]
    )


def test_what_is_kept_between_images_can_be_forgotten():
    """No cache of weights is left out, and the next image has its own computed."""
    folder = importlib.import_module("fastfit.resample").__path__
    modules = [importlib.import_module(f"fastfit.resample.{each.name}") for each in pkgutil.iter_modules(folder)]
    caches = {each for module in modules for each in vars(module).values() if hasattr(each, "cache_clear")}
    image = picture("noise", (61, 97, 3))
    before = stretch(image, (40, 30))
    assert band in caches
    forget()
    assert {each.__name__: each.cache_info().currsize for each in caches} == {each.__name__: 0 for each in caches}
    assert stretch(image, (40, 30)).tolist() == before.tolist()
    assert band.cache_info().misses == 2
