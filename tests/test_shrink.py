"""What the JPEG decoder shrinks for us must look like what it does not."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fastfit import CodecError, Fit, Input, Output, Size, fit_bytes, shrink
from fastfit.codec import ImageInfo
from fastfit.shrink import decode_for
from fastfit.words import CONVOLUTIONS, RESAMPLES

DATA = Path(__file__).parent / "data"
INTERPOLATIONS = RESAMPLES[len(CONVOLUTIONS) :]
UNSHRUNK = ("box", "mks2013", "mks2021")
"""Convolutions for which nothing is decoded small."""
ORIENTATIONS = range(1, 9)
REAL = ("photo.jpg", "srgb.jpg")


@pytest.fixture
def shrinks(monkeypatch):
    """By how much each decoding shrank, in order."""
    asked = []

    def recorded(data, *, shrink=1, **options):
        asked.append(shrink)
        return decode(data, shrink=shrink, **options)

    decode = shrink.decode
    monkeypatch.setattr(shrink, "decode", recorded)
    return asked


def smooth(width, height, channels=3):
    """Waves over the whole picture, none alike: aligned to within a fraction of a pixel or visibly not."""
    y, x = np.mgrid[:height, :width]
    planes = [
        127 + 60 * np.sin(x / (19 + 2 * c) + c) + 60 * np.sin(y / (17 - c) + x / 91) for c in range(channels)
    ]
    return np.rint(np.stack(planes, axis=2)).astype(np.uint8).squeeze()


def jpeg(image, orientation=1, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", exif=exif, **{"quality": 95, "subsampling": 0, **options})
    return buffer.getvalue()


def noise(width, height):
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def fitted(data, spec, exact=False):
    with Image.open(io.BytesIO(fit_bytes(data, spec, Output("png"), input=Input(exact=exact)))) as picture:
        return np.asarray(picture).astype(np.float64)


def psnr(got, expected):
    return 10 * math.log10(255**2 / max(np.mean((got - expected) ** 2), 1e-12))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("size", [(224, 224), (200, 150), (160, 120), (100, 75), (75, 100), (40, 30), (24, 17)])
@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_default_is_within_45_db_of_exact(name, size, mode):
    data = (DATA / name).read_bytes()
    assert psnr(fitted(data, Fit(size, mode)), fitted(data, Fit(size, mode), exact=True)) >= 45


@pytest.mark.quick
@pytest.mark.parametrize(
    ("size", "mode", "expected"),
    [
        ((800, 600), "cover", [1]),
        ((400, 300), "cover", [1]),
        ((200, 150), "cover", [2]),
        ((200, 150), "pad", [2]),
        ((60, 45), "pad", [4]),
        ((24, 17), "stretch", [8]),
    ],
)
def test_photo_is_shrunk_where_it_is_reduced_enough(shrinks, size, mode, expected):
    fit_bytes((DATA / "photo.jpg").read_bytes(), Fit(size, mode))
    assert shrinks == expected


@pytest.mark.quick
@pytest.mark.parametrize("resample", [name for name in CONVOLUTIONS if name not in UNSHRUNK])
def test_every_convolution_is_within_45_db(shrinks, resample):
    data = (DATA / "photo.jpg").read_bytes()
    spec = Fit((180, 120), resample=resample)
    assert psnr(fitted(data, spec), fitted(data, spec, exact=True)) >= 45
    assert shrinks == [2, 1]


@pytest.mark.parametrize("resample", UNSHRUNK)
@pytest.mark.parametrize("size", [(16, 12), (180, 120)])
def test_filters_that_show_what_was_averaged_never_shrink(shrinks, size, resample):
    # The hard edges of a box show whole blocks that the decoder averaged: 33 dB.
    fit_bytes((DATA / "photo.jpg").read_bytes(), Fit(size, resample=resample))
    assert shrinks == [1]


def test_exact_never_shrinks(shrinks):
    fit_bytes((DATA / "photo.jpg").read_bytes(), Fit((16, 12)), input=Input(exact=True))
    assert shrinks == [1]


@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_opencv_interpolations_never_shrink(shrinks, resample):
    fit_bytes((DATA / "photo.jpg").read_bytes(), Fit((16, 12), resample=resample))
    assert shrinks == [1]


@pytest.mark.parametrize("format", ["png", "webp", "bmp"])
def test_other_formats_never_shrink(shrinks, format):
    buffer = io.BytesIO()
    Image.fromarray(smooth(640, 480)).save(buffer, format)
    fit_bytes(buffer.getvalue(), Fit((16, 12)))
    assert shrinks == [1]


def test_one_side_reduced_is_not_enough(shrinks):
    fit_bytes(jpeg(smooth(640, 480)), Fit((40, 480), "stretch"))
    assert shrinks == [1]


def test_a_small_box_is_not_shrunk(shrinks):
    fit_bytes(jpeg(smooth(640, 480)), Fit((64, 48), box=(100, 100, 180, 160)))
    assert shrinks == [1]


# From a limit on that the header says nothing about, it is tried at 1/2, and judged there.
@pytest.mark.parametrize(("ratio", "decoded"), [(2.9, [1]), (3.1, [1]), (4, [2, 1]), (6, [2, 1])])
def test_rough_picture_is_decoded_at_full_scale(shrinks, ratio, decoded):
    data, spec = jpeg(noise(640, 480)), Fit((int(640 / ratio), int(480 / ratio)))
    default = fitted(data, spec)
    assert shrinks == decoded
    np.testing.assert_array_equal(default, fitted(data, spec, exact=True))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (4, 9), (9, 4), (5, 5), (3, 40), (31, 16), (50, 100)])
def test_roughness_is_the_mean_square_of_fourth_differences(size, channels):
    image = np.random.default_rng(7).integers(0, 256, (size[1], size[0], channels), np.uint8)
    starts = range(0, max(1, size[1] // 16) * 16, 16)
    middle = min(2, size[1] // 2)
    across = [np.diff(image[at + middle].astype(int), 4, axis=0) for at in starts]
    down = [np.diff(image[at : at + 5].astype(int), 4, axis=0) for at in starts]
    expected = sum(np.mean(np.square(found)) for found in (across, down) if np.size(found))
    assert shrink.roughness(image) == pytest.approx(expected)


def rough_in_few_bits():
    """A picture whose header promises less than it is: fine stripes, the same in every block."""
    return np.tile(np.uint8([[0, 0, 200, 200]]), (480, 160))[..., None].repeat(3, 2)


@pytest.mark.parametrize("ratio", [2.9, 3.3])
def test_what_looks_smooth_is_judged_all_the_same(shrinks, ratio):
    data, spec = jpeg(rough_in_few_bits(), quality=100), Fit((int(640 / ratio), int(480 / ratio)))
    default = fitted(data, spec)
    assert shrinks == [2, 1]
    np.testing.assert_array_equal(default, fitted(data, spec, exact=True))


@pytest.mark.parametrize("resample", [name for name in CONVOLUTIONS if name not in UNSHRUNK])
@pytest.mark.parametrize("ratio", [2.8, 2.9, 3.1, 3.5, 3.9, 4.5, 6.3])
@pytest.mark.parametrize("contrast", [3, 9, 16])
def test_a_prediction_never_lets_in_what_judging_would_not(shrinks, monkeypatch, contrast, ratio, resample):
    grain = np.random.default_rng(3).normal(128, contrast, (480, 640, 3)).clip(0, 255).astype(np.uint8)
    data, spec = jpeg(grain), Fit((int(640 / ratio), int(480 / ratio)), resample=resample)
    predicted = decode_for(data, spec, Input(), name="cat.jpg")[0].shape
    monkeypatch.setattr(shrink, "_looks_rough", lambda *_: False)
    judged = decode_for(data, spec, Input(), name="cat.jpg")[0].shape
    assert predicted[0] >= judged[0]
    assert judged == predicted or shrinks[0] == 1


def test_softer_filters_let_in_smoother_pictures_only():
    # Roughness 4458 at 1/2, with 1.5 left to shrink: 47 dB by Lanczos, 44.9 by triangles.
    for ratio in np.linspace(shrink._LEAST_RATIO, shrink._SAFE_RATIO, 50, endpoint=False):
        limits = {name: shrink._most_rough(ratio, name) for name in shrink._ROUGHNESS}
        assert limits["hamming"] == limits["bilinear"] < limits["lanczos"] == limits["bicubic"]
    assert shrink._ROUGHNESS.keys() == set(CONVOLUTIONS) - {*UNSHRUNK}


@pytest.mark.parametrize("bound", [-1, 1])
def test_a_limit_of_pixels_is_for_what_is_decoded(shrinks, bound):
    # A picture that looks rough is not refused for that: it is tried at 1/2, where it may pass.
    data, spec = jpeg(noise(640, 480)), Fit((220, 165))
    source = Input(max_pixels=640 * 480 + bound)
    if bound > 0:
        decode_for(data, spec, source, name="cat.jpg")
        assert shrinks == [1]
    else:
        with pytest.raises(CodecError, match="pixels"):
            decode_for(data, spec, source, name="cat.jpg")
        assert shrinks == [2, 1]


@pytest.mark.parametrize("size", [(300, 3), (3, 300), (20, 20), (9, 500)])
def test_slivers_shrink_without_trouble(shrinks, size):
    data = jpeg(smooth(*size).reshape(size[1], size[0], 3))
    spec = Fit((max(1, size[0] // 10), max(1, size[1] // 10)), "stretch")
    assert fitted(data, spec).shape == (spec.size[1], spec.size[0], 3)
    assert max(shrinks) > 1 or min(size) < 4


@pytest.mark.parametrize("size", [(1001, 667), (1000, 665)])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(("mode", "target"), [("cover", (150, 150)), ("pad", (57, 90)), ("stretch", (60, 31))])
def test_shrunk_picture_is_aligned(shrinks, size, orientation, mode, target):
    data, spec = jpeg(smooth(*size), orientation), Fit(target, mode)
    exact, default = fitted(data, spec, exact=True), fitted(data, spec)
    assert shrinks[1] > 1
    assert psnr(default, exact) >= 45
    for axis in (0, 1):
        # A pixel of the source is 0.1 to 0.2 of the result: too little to see, enough to measure.
        assert abs(_shift(default, exact, axis)) < 0.02


def _shift(got, expected, axis):
    """By how many pixels `got` lies further along an axis, by least squares on the slope of `expected`."""
    slope = np.gradient(expected, axis=axis)
    inner = np.s_[3:-3, 3:-3]
    return -np.sum(((got - expected) * slope)[inner]) / np.sum((slope**2)[inner])


def test_shift_is_measured():
    exact = smooth(150, 150).astype(np.float64)
    np.testing.assert_allclose(_shift(np.roll(exact, 1, 1), exact, 1), 1, rtol=0, atol=0.02)
    np.testing.assert_allclose(_shift(np.roll(exact, 1, 0), exact, 0), 1, rtol=0, atol=0.02)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_shrunk_box_is_aligned(shrinks, orientation):
    data, spec = jpeg(smooth(1001, 667), orientation), Fit((60, 50), box=(111.5, 13, 655.25, 600))
    exact, default = fitted(data, spec, exact=True), fitted(data, spec)
    assert shrinks[1] > 1
    assert psnr(default, exact) >= 45
    assert max(abs(_shift(default, exact, axis)) for axis in (0, 1)) < 0.02


def test_shrunk_grey_stays_grey(shrinks):
    data, spec = jpeg(smooth(1001, 667, 1), subsampling=-1), Fit((100, 70))
    exact, default = fitted(data, spec, exact=True), fitted(data, spec)
    assert shrinks[1] > 1
    assert default.shape == (70, 100)
    assert psnr(default, exact) >= 45


@pytest.mark.quick
@pytest.mark.parametrize("edge", ["left", "right"])
def test_edges_are_shrunk_without_dark_lines(shrinks, edge):
    # The decoder fills up the last block; nothing of what it fills with may come into the picture.
    image = np.full((667, 1001, 3), 255, np.uint8)
    data, spec = jpeg(image, 1 if edge == "right" else 2), Fit((36, 24), "stretch")
    np.testing.assert_allclose(fitted(data, spec), np.full((24, 36, 3), 255), rtol=0, atol=1)
    assert shrinks == [8]


@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.sampled_from(["cover", "pad", "stretch"]),
    st.sampled_from(ORIENTATIONS),
    st.sampled_from([2, 4, 8]),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_moved_plan_stays_within_the_shrunk_picture(size, target, mode, orientation, by, centering):
    planned = Fit(target, mode, centering=centering).plan(size)
    small = Size(-(-size[0] // by), -(-size[1] // by))
    moved = shrink.shrunk_plan(planned, ImageInfo("jpeg", Size(*size), orientation), small, by)
    assert (moved.src, moved.dst, moved.inner) == (small, planned.dst, planned.inner)
    assert 0 <= moved.crop.left < moved.crop.right <= small.width
    assert 0 <= moved.crop.top < moved.crop.bottom <= small.height
    np.testing.assert_allclose(moved.crop.width * by, planned.crop.width, rtol=1e-9)


def test_info_is_that_of_the_file():
    data = jpeg(smooth(1001, 667), 6)
    image, info, planned, _ = decode_for(data, Fit((70, 100)), Input(), name="cat.jpg")
    assert (info.size, info.orientation) == ((667, 1001), 6)
    assert image.shape[0] < 1001
    assert planned.src == (image.shape[1], image.shape[0])
