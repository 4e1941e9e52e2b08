import dataclasses
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pictures import MODES
from PIL import Image

from fastfit import Box, Fit, ImageError, OptionError, Placement, Plan, Size, plan
from fastfit.words import CONVOLUTIONS, RESAMPLES

SIZES = [((4, 3), (9, 5)), ((97, 61), (40, 31)), ((61, 97), (128, 95)), ((14, 25), (9, 16)), ((7, 300), (50, 11))]

sides = st.integers(1, 2000)
sizes = st.tuples(sides, sides)
fractions = st.floats(0, 1)
coordinates = st.floats(-5000, 5000)


@st.composite
def plans(draw):
    src = draw(sizes)
    box = None
    if draw(st.booleans()):
        edges = []
        for limit in src:
            low = draw(st.floats(0, limit - 0.5))
            edges.append((low, draw(st.floats(min(low + 0.5, limit), limit))))
        (left, right), (top, bottom) = edges
        box = left, top, right, bottom
    centering = draw(st.tuples(fractions, fractions))
    return plan(src, draw(sizes), draw(st.sampled_from(MODES)), centering=centering, box=box)


def near(placement):
    """Return what a coordinate in the result may be off by: a few roundings of the largest number that occurs."""
    across, down = placement.inner.width / placement.crop.width, placement.inner.height / placement.crop.height
    return 1e-12 * (5000 + max(placement.src)) * max(across, down, 1.0) + 1e-12 * max(placement.dst)


# ---------------------------------------------------------------------------------------------------------------
# What a plan reports is what was applied
# ---------------------------------------------------------------------------------------------------------------


def dots(size, places, sigma):
    """Paint a round dot at each place, one in each channel, so that none disturbs the other."""
    x, y = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    planes = [
        np.exp(-(((y - top) / sigma[1]) ** 2) / 2)[:, None] * np.exp(-(((x - left) / sigma[0]) ** 2) / 2)
        for left, top in places
    ]
    return np.stack(planes, axis=2).astype(np.float32)


def centroids(image):
    image = image.astype(np.float64)
    totals = image.sum(axis=(0, 1))
    x = (image.sum(axis=0) * (np.arange(image.shape[1]) + 0.5)[:, None]).sum(axis=0)
    y = (image.sum(axis=1) * (np.arange(image.shape[0]) + 0.5)[:, None]).sum(axis=0)
    return np.stack([x, y], axis=1) / totals[:, None]


def found_and_reported(spec, src, sigma):
    """Return where three dots of the source are in the result, and where the plan says they are."""
    planned = spec.plan(src)
    crop = planned.crop
    places = [
        (crop.left + across * crop.width + 0.123, crop.top + down * crop.height - 0.217)
        for across, down in ((0.5, 0.5), (0.38, 0.54), (0.63, 0.45))
    ]
    scale = crop.width / planned.inner.width, crop.height / planned.inner.height
    image = dots(src, places, (sigma * scale[0], sigma * scale[1]))
    return centroids(spec(image)), planned.points(places)


def part(left, top, width, height):
    return left, top, left + width, top + height


# Scales whose phases repeat after 4 or 8 pixels, mirrored: what a filter is off by at one phase it is off by the
# other way at another, and a dot is many such periods wide. All edges are C floats.
SUBPIXEL = [
    pytest.param((601, 409), (199, 131), "stretch", part(12.125, 9.375, 547.25, 229.25), (0.5, 0.5), id="smaller"),
    pytest.param(
        (601, 409), (199, 131), "cover", part(12.125, 9.375, 448.25, 229.25), (0.25, 1), id="cover-smaller"
    ),
    pytest.param((601, 409), (199, 157), "pad", part(12.125, 9.375, 348.25, 229.25), (1, 0.8), id="pad-smaller"),
    pytest.param((211, 199), (199, 131), "stretch", part(2.25, 3.75, 149.25, 32.75), (0.5, 0.5), id="larger"),
    pytest.param((211, 199), (199, 131), "cover", part(12.25, 9.75, 149.25, 158.25), (0, 0.25), id="cover-larger"),
    pytest.param((211, 199), (199, 157), "pad", part(12.25, 9.75, 149.25, 98.25), (0.25, 0.3), id="pad-larger"),
    pytest.param((211, 199), (199, 131), "stretch", part(2.25, 3.125, 149.25, 163.75), (0.5, 0.5), id="both"),
]


@pytest.mark.parametrize("resample", CONVOLUTIONS)
@pytest.mark.parametrize(("src", "dst", "mode", "box", "centering"), SUBPIXEL)
def test_dots_are_where_the_plan_says(src, dst, mode, box, centering, resample):
    spec = Fit(dst, mode, resample, box=box, centering=centering)
    found, reported = found_and_reported(spec, src, 7)
    np.testing.assert_allclose(found, reported, rtol=0, atol=1e-6)


# At other scales a pixel lies as far aside as its weights' mean does from its centre. Over a dot's width that
# averages out, but for overtones of the phase that beat with whole pixels. They are small where the kernel is
# smooth, fall with the square of the overtone for a triangle, and for a box, whose taps jump in and out, no faster
# than it.
ASIDE = {"lanczos": 2e-5, "bicubic": 2e-5, "hamming": 5e-5, "bilinear": 5e-4, "box": 2e-2}
ASIDE |= {"mks2013": 2e-5, "mks2021": 2e-5}


@pytest.mark.parametrize("resample", CONVOLUTIONS)
@pytest.mark.parametrize("mode", ["pad", "stretch"])
@pytest.mark.parametrize(("src", "dst"), [((377, 610), (144, 377)), ((144, 233), (233, 610))])
def test_dots_are_where_the_plan_says_at_coprime_sizes(src, dst, mode, resample):
    found, reported = found_and_reported(Fit(dst, mode, resample, centering=(0.3, 0.8)), src, 8)
    np.testing.assert_allclose(found, reported, rtol=0, atol=ASIDE[resample])


@pytest.mark.parametrize("resample", CONVOLUTIONS)
@pytest.mark.parametrize(("left", "extent"), [(3000.125, 547.25), (3000.25, 149.25)])
def test_dots_are_where_the_plan_says_though_edges_are_read_as_c_floats(left, extent, resample):
    # Pillow takes boxes as C floats, so that is what has Pillow's pixels: at 3000 they are 2^-12 apart.
    spec = Fit((199, 131), "stretch", resample, box=part(left + 1e-4, 9.25, extent, 98.25))
    found, reported = found_and_reported(spec, (3601, 117), 7)
    np.testing.assert_allclose(found, reported, rtol=0, atol=1e-6)


@given(
    src=st.tuples(st.integers(1, 9999), st.integers(1, 9999)),
    dst=st.tuples(st.integers(1, 2999), st.integers(1, 2999)),
    mode=st.sampled_from(MODES),
    centering=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_spec_plans_the_c_floats_that_pillow_makes(src, dst, mode, centering):
    # Extents, too: Pillow's scale is a C float's difference of two.
    exact, applied = plan(src, dst, mode, centering=centering), Fit(dst, mode, centering=centering).plan(src)
    assert applied.inner == exact.inner
    for low, high in ((0, 2), (1, 3)):
        first, last = np.float32(exact.crop[low]), np.float32(exact.crop[high])
        assert (np.float32(applied.crop[low]), np.float32(applied.crop[high])) == (first, last)
        assert applied.crop[low] == float(first)
        np.testing.assert_allclose(applied.crop[high] - applied.crop[low], float(last - first), rtol=1e-12)


@pytest.mark.parametrize("resample", ["lanczos", "bicubic", "hamming", "bilinear"])
def test_dots_are_where_the_plan_says_with_a_reducing_gap(resample):
    spec = Fit((157, 131), "stretch", resample, box=part(8, 16, 157 * 8.5, 131 * 8.5), reducing_gap=2)
    found, reported = found_and_reported(spec, (1361, 1150), 7)
    np.testing.assert_allclose(found, reported, rtol=0, atol=1e-6)


# Edges that round to whole pixels, 7 for 4, 11 for 4 and so on.
WHOLE = [
    pytest.param((601, 409), (196, 132), "stretch", (12.3, 8.6, 551.2, 240.4), (0.5, 0.5), (11, 7), id="smaller"),
    pytest.param(
        (601, 409), (196, 132), "cover", (12.3, 9.4, 455.3, 240.4), (0.25, 0.5), (7, 7), id="cover-smaller"
    ),
    pytest.param((601, 409), (196, 157), "pad", (12.1, 9.1, 355.1, 240.1), (0.25, 0.8), (7, 7), id="pad-smaller"),
    pytest.param((211, 199), (196, 132), "stretch", (2.3, 2.6, 149.2, 36.4), (0.5, 0.5), (3, 1), id="larger"),
    pytest.param(
        (211, 199), (196, 132), "cover", (12.3, 9.6, 159.3, 168.6), (0.5, 0.25), (3, 3), id="cover-larger"
    ),
    pytest.param((211, 199), (196, 157), "pad", (12.1, 9.1, 159.1, 108.1), (0.25, 0.3), (3, 3), id="pad-larger"),
]


@pytest.mark.parametrize("resample", ["lanczos4", "cubic", "linear", "area"])
@pytest.mark.parametrize(("src", "dst", "mode", "box", "centering", "sources"), WHOLE)
def test_dots_are_where_the_plan_says_on_opencvs_whole_pixels(src, dst, mode, box, centering, sources, resample):
    spec = Fit(dst, mode, resample, box=box, centering=centering)
    planned = spec.plan(src)
    assert all(type(edge) is int for edge in planned.crop)
    extents = zip(planned.crop[2:], planned.crop[:2], planned.inner_size, strict=True)
    assert [Fraction(high - low, length).numerator for high, low, length in extents] == list(sources)
    found, reported = found_and_reported(spec, src, 7)
    np.testing.assert_allclose(found, reported, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("src", "dst", "mode", "box", "centering", "sources"), WHOLE)
def test_opencvs_nearest_is_up_to_half_a_pixel_late(src, dst, mode, box, centering, sources):
    # It takes the sample under the first corner of each pixel, not under its centre: of p samples for q pixels
    # those are (p - 1) / 2p of a pixel of the result apart, on average.
    found, reported = found_and_reported(Fit(dst, mode, "nearest", box=box, centering=centering), src, 7)
    late = [(source - 1) / (2 * source) for source in sources]
    np.testing.assert_allclose(found - reported, [late] * 3, rtol=0, atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------
# Points and boxes
# ---------------------------------------------------------------------------------------------------------------


def slow_point(placement, x, y):
    """Move one point by exact fractions."""
    crop, inner = ([Fraction(edge) for edge in box] for box in (placement.crop, placement.inner))
    return tuple(
        float(
            inner[axis]
            + (Fraction(at) - crop[axis]) * (inner[axis + 2] - inner[axis]) / (crop[axis + 2] - crop[axis])
        )
        for axis, at in enumerate((x, y))
    )


@given(plans(), st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=5))
def test_points_boxes_and_matrix_agree_with_a_slow_loop(planned, places):
    expected = [slow_point(planned, x, y) for x, y in places]
    atol = near(planned)
    np.testing.assert_allclose(planned.points(places), expected, rtol=0, atol=atol)
    np.testing.assert_allclose(
        [planned.matrix @ (x, y, 1) for x, y in places], expected, rtol=0, atol=atol, err_msg="matrix"
    )
    rows = [(*one, *other) for one, other in zip(places, places[::-1], strict=True)]
    np.testing.assert_array_equal(planned.boxes(rows)[:, :2], planned.points(places))
    np.testing.assert_array_equal(planned.boxes(rows)[:, 2:], planned.points(places[::-1]))


@given(plans(), st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=5))
def test_the_inverse_brings_points_back(planned, places):
    inverse = planned.inverse
    atol = 1e-9 * (1 + max(map(abs, np.ravel(places))))
    np.testing.assert_allclose(inverse.points(planned.points(places)), places, rtol=0, atol=atol)
    both = np.vstack([inverse.matrix, (0, 0, 1)]) @ np.vstack([planned.matrix, (0, 0, 1)])
    np.testing.assert_allclose(both @ (*places[0], 1), (*places[0], 1), rtol=0, atol=1e-6)


@given(plans())
def test_the_inverse_of_the_inverse_is_the_placement(planned):
    inverse = planned.inverse
    assert type(inverse) is Placement
    assert inverse == Placement(planned.dst, planned.src, planned.inner, planned.crop)
    assert inverse.inverse == Placement(planned.src, planned.dst, planned.crop, planned.inner)
    assert hash(inverse.inverse.inverse) == hash(inverse)
    assert pickle.loads(pickle.dumps(inverse)) == inverse


@given(plans())
def test_corners_of_the_crop_come_out_as_those_of_the_inner_box(planned):
    crop, inner = planned.crop, planned.inner
    np.testing.assert_array_equal(planned.points(crop[:2]), inner[:2])
    np.testing.assert_array_equal(planned.inverse.points(inner[:2]), crop[:2])
    np.testing.assert_array_equal(planned.boxes(crop, clip=True)[:2], inner[:2])
    # A quotient of doubles times its divisor may be a last bit from the dividend.
    np.testing.assert_array_max_ulp(planned.points(crop[2:]), np.array(inner[2:], np.float64), 2)
    np.testing.assert_array_max_ulp(planned.inverse.points(inner[2:]), np.array(crop[2:], np.float64), 2)


@pytest.mark.quick
@pytest.mark.parametrize("mode", ["pad", "stretch"])
def test_corners_on_whole_pixels_come_out_exactly(mode):
    for width in range(1, 120):
        planned = plan((width, 49), (61, 83), mode)
        np.testing.assert_array_equal(planned.boxes((0, 0, width, 49)), planned.inner, str(planned))
        np.testing.assert_array_equal(planned.inverse.boxes(planned.inner), (0, 0, width, 49), str(planned))


@pytest.mark.parametrize("factor", [2, 3, 7])
def test_whole_numbers_that_move_by_whole_numbers_stay_whole(factor):
    places = np.stack(np.meshgrid(np.arange(-5, 103), np.arange(-5, 66)), axis=-1)
    larger = plan((97, 61), (97 * factor, 61 * factor), "pad")
    np.testing.assert_array_equal(larger.points(places), places * factor)
    np.testing.assert_array_equal(larger.inverse.points(places * factor), places)


def test_known_points_of_each_mode():
    covered = plan((200, 100), (50, 50), "cover", centering=(0.25, 0.5))
    np.testing.assert_array_equal(covered.points([[25, 0], [125, 100], [0, 50]]), [[0, 0], [50, 50], [-12.5, 25]])
    padded = plan((200, 100), (50, 50), "pad", centering=(0.5, 1))
    np.testing.assert_array_equal(padded.points([[0, 0], [200, 100], [100, 50]]), [[0, 25], [50, 50], [25, 37.5]])
    stretched = plan((200, 100), (50, 50), "stretch", box=(100, 0, 150, 100))
    np.testing.assert_array_equal(
        stretched.points([[100, 0], [150, 100], [90, 1]]), [[0, 0], [50, 50], [-10, 0.5]]
    )
    np.testing.assert_array_equal(stretched.matrix, [[1, 0, -100], [0, 0.5, 0]])


@pytest.mark.parametrize("given_dtype", [np.int8, np.uint8, np.int64, np.uint64, np.float16, np.float32, ">f8"])
def test_numbers_of_any_type_become_new_float64(given_dtype):
    planned = plan((97, 61), (40, 31), "pad", centering=(1, 1))
    xy = np.array([[3, 50], [120, 7]]).astype(given_dtype)
    xyxy = xy.reshape(1, 4)
    before = xy.copy()
    for array, function in ((xy, planned.points), (xyxy, planned.boxes), (xyxy, planned.visible)):
        array.flags.writeable = False
        moved = function(array)
        assert moved.dtype == np.float64
        assert moved.dtype.isnative
        assert not np.shares_memory(moved, array)
        assert moved.flags.writeable
    np.testing.assert_array_equal(xy, before)
    np.testing.assert_array_equal(planned.points(xy), planned.points([[3, 50], [120, 7]]))


def test_float64_input_is_not_modified_where_nothing_moves():
    planned = plan((97, 61), (97, 61))
    for function, width in ((planned.points, 2), (planned.boxes, 4)):
        rows = np.full((3, width), 500.0)
        before = rows.copy()
        moved = function(rows)
        assert not np.shares_memory(moved, rows)
        moved[...] = -1
        np.testing.assert_array_equal(rows, before)
    rows = np.full((3, 4), 500.0)
    np.testing.assert_array_equal(planned.boxes(rows, clip=True), [[97, 61, 97, 61]] * 3)
    np.testing.assert_array_equal(rows, np.full((3, 4), 500.0))


def test_the_matrix_is_the_callers():
    planned = plan((97, 61), (40, 31))
    first = planned.matrix
    assert (first.shape, first.dtype) == ((2, 3), np.float64)
    before = first.copy()
    first[...] = 0
    np.testing.assert_array_equal(planned.matrix, before)


@given(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
def test_leading_dimensions_are_kept(shape):
    planned = plan((97, 61), (40, 31), "pad", centering=(0.5, 1))
    flat = np.arange(4 * math.prod(shape)).reshape(-1, 4)
    rows = flat.reshape(*shape, 4)
    np.testing.assert_array_equal(planned.boxes(rows), planned.boxes(flat).reshape(*shape, 4))
    np.testing.assert_array_equal(
        planned.boxes(rows, clip=True), planned.boxes(flat, clip=True).reshape(*shape, 4)
    )
    np.testing.assert_array_equal(planned.visible(rows), planned.visible(flat).reshape(shape))
    pairs = rows.reshape(*shape, 2, 2)
    np.testing.assert_array_equal(planned.points(pairs), planned.boxes(rows).reshape(*shape, 2, 2))
    assert planned.visible(rows).shape == shape


@pytest.mark.parametrize("none", [[], (), np.zeros((0, 4)), np.zeros((0, 4), int)], ids=repr)
def test_no_boxes_stay_no_boxes(none):
    planned = plan((97, 61), (40, 31))
    for moved in (planned.boxes(none), planned.boxes(none, clip=True)):
        assert (moved.shape, moved.dtype) == ((0, 4), np.float64)
    assert (planned.visible(none).shape, planned.visible(none).dtype) == ((0,), np.float64)


@pytest.mark.parametrize("none", [[], (), np.zeros((0, 2)), np.zeros((0, 2), int)], ids=repr)
def test_no_points_stay_no_points(none):
    moved = plan((97, 61), (40, 31)).points(none)
    assert (moved.shape, moved.dtype) == ((0, 2), np.float64)


BAD_ROWS = [
    None,
    "12",
    "1234",
    ["1", "2", "3", "4"],
    b"1234",
    5,
    np.float64(5),
    [1, 2, 3],
    [[1, 2, 3, 4, 5]],
    [[]],
    [[1, 2, 3, 4], [1, 2]],
    [None, None, None, None],
    [1, 2, 3, 4j],
    [True, False, True, True],
    np.zeros((3, 0)),
    np.zeros((4, 3)),
    np.zeros(4, object),
    np.zeros(4, "M8[s]"),
    {"left": 1},
    [10**400, 1, 2, 3],
]


@pytest.mark.parametrize("bad", BAD_ROWS, ids=repr)
def test_what_is_no_box_and_no_point_is_an_error(bad):
    planned = plan((97, 61), (40, 31))
    for function, name, width in (
        (planned.points, "xy", 2),
        (planned.boxes, "xyxy", 4),
        (planned.visible, "xyxy", 4),
    ):
        with pytest.raises(OptionError) as caught:
            function(bad)
        assert str(caught.value).startswith(f"{name}: expected numbers of shape (..., {width}), got ")


def test_boxes_are_no_points_and_points_are_no_boxes():
    planned = plan((97, 61), (40, 31))
    with pytest.raises(OptionError, match=r"^xy: expected numbers of shape \(\.\.\., 2\), got shape \(1, 4\)$"):
        planned.points([[1, 2, 3, 4]])
    with pytest.raises(OptionError, match=r"^xyxy: expected numbers of shape \(\.\.\., 4\), got shape \(2,\)$"):
        planned.boxes([1, 2])


def test_what_is_not_finite_stays_where_it_is():
    planned = plan((97, 61), (40, 31), "stretch")
    np.testing.assert_array_equal(planned.points([math.nan, math.inf]), [math.nan, math.inf])
    clipped = planned.boxes([-math.inf, math.nan, math.inf, 61], clip=True)
    np.testing.assert_array_equal(clipped, [0, math.nan, 40, 31])


# ---------------------------------------------------------------------------------------------------------------
# What of a box is left
# ---------------------------------------------------------------------------------------------------------------


def slow_share(crop, box):
    left, top, right, bottom = box
    width = max(0.0, min(right, crop.right) - max(left, crop.left))
    height = max(0.0, min(bottom, crop.bottom) - max(top, crop.top))
    return width * height / ((right - left) * (bottom - top))


@pytest.mark.parametrize("mode", MODES)
def test_boxes_are_clipped_to_the_picture_and_not_to_the_result(mode):
    planned = plan((200, 100), (50, 60), mode, centering=(0.25, 0.75))
    everything = planned.boxes([-1000, -1000, 1000, 1000], clip=True)
    np.testing.assert_array_equal(everything, planned.inner)
    left, top, right, bottom = planned.inner
    for beyond in ([-90, 0, -80, 100], [280, 0, 290, 100], [0, -70, 200, -60], [0, 160, 200, 170]):
        moved = planned.boxes(beyond, clip=True)
        assert (moved[2] - moved[0]) * (moved[3] - moved[1]) == 0, beyond
        assert left <= moved[0] <= moved[2] <= right
        assert top <= moved[1] <= moved[3] <= bottom
        assert planned.visible(beyond) == 0
    inside = planned.inverse.boxes([left + 3, top + 2, right - 4, bottom - 1])
    np.testing.assert_allclose(planned.boxes(inside, clip=True), [left + 3, top + 2, right - 4, bottom - 1])
    np.testing.assert_array_equal(planned.boxes(inside, clip=True), planned.boxes(inside))


@given(plans(), st.lists(st.tuples(*[st.floats(-100, 2100)] * 4), min_size=1, max_size=5))
def test_clipping_is_what_is_visible(planned, corners):
    ordered = [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in corners]
    moved, clipped = planned.boxes(ordered), planned.boxes(ordered, clip=True)
    (left, top), (right, bottom) = planned.inner[:2], planned.inner[2:]
    np.testing.assert_array_equal(clipped[:, 0::2], np.clip(moved[:, 0::2], left, right))
    np.testing.assert_array_equal(clipped[:, 1::2], np.clip(moved[:, 1::2], top, bottom))
    visible = planned.visible(ordered)
    np.testing.assert_allclose(visible, [slow_share(planned.crop, box) for box in ordered], rtol=1e-9, atol=1e-12)
    assert np.all((visible >= 0) & (visible <= 1))
    areas = [(rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1]) for rows in (clipped, moved)]
    np.testing.assert_allclose(areas[0] / areas[1], visible, rtol=1e-6, atol=1e-6)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((60, 10, 90, 20), 1),
        ((50, 0, 150, 100), 1),
        ((0, 0, 40, 100), 0),
        ((0, 0, 50, 100), 0),
        ((150, 0, 160, 100), 0),
        ((60, 100, 70, 120), 0),
        ((40, 0, 60, 100), 0.5),
        ((140, 90, 160, 110), 0.25),
        ((0, 0, 200, 100), 0.5),
        ((-100, -100, 300, 300), 1 / 16),
        ((60, 90, 70, 130), 0.25),
        # Without width or height: by the place.
        ((60, 10, 60, 10), 1),
        ((60, 10, 60, 20), 1),
        ((60, 10, 90, 10), 1),
        ((50, 10, 50, 20), 1),
        ((150, 100, 150, 100), 1),
        ((49, 10, 49, 20), 0),
        ((151, 10, 151, 20), 0),
        ((60, -1, 90, -1), 0),
        ((60, 101, 90, 101), 0),
        ((60, 50, 60, 150), 0.5),
        ((40, 50, 60, 50), 0.5),
        ((40, 101, 60, 101), 0),
        # Reversed, and all in or all out.
        ((90, 20, 60, 10), 1),
        ((90, 10, 60, 20), 1),
        ((40, 20, 10, 10), 0),
        ((190, 10, 160, 20), 0),
        ((60, 130, 70, 110), 0),
    ],
)
def test_visible_is_the_share_within_the_crop(box, share):
    planned = plan((200, 100), (50, 50), "cover")
    assert planned.crop == (50, 0, 150, 100)
    assert planned.visible(box) == share
    np.testing.assert_array_equal(planned.visible([box, (60, 10, 90, 20), box]), [share, 1, share])


@pytest.mark.parametrize("box", [(40, 10, 90, 20), (-10, -20, 190, 20), (60, 20, 160, 130), (160, 10, 190, 20)])
def test_a_box_whose_corners_are_exchanged_shows_as_much(box):
    planned = plan((200, 100), (50, 50), "cover")
    left, top, right, bottom = box
    for exchanged in ((right, top, left, bottom), (left, bottom, right, top), (right, bottom, left, top)):
        assert planned.visible(exchanged) == planned.visible(box)


def test_all_is_visible_where_nothing_is_cropped():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (50, 2, 2))
    rows = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    for mode in ("pad", "stretch"):
        np.testing.assert_array_equal(plan((97, 61), (40, 31), mode).visible(rows), np.ones(50))


def test_the_inverse_tells_what_of_the_result_is_picture():
    inverse = plan((200, 100), (50, 50), "pad").inverse
    np.testing.assert_array_equal(
        inverse.visible([[0, 0, 50, 50], [0, 13, 50, 38], [0, 0, 9, 12]]), [0.5, 24 / 25, 0]
    )
    np.testing.assert_array_equal(inverse.boxes([0, 0, 50, 50], clip=True), [0, 0, 200, 100])


# ---------------------------------------------------------------------------------------------------------------
# Masks
# ---------------------------------------------------------------------------------------------------------------


def shown_places(placement, axis):
    """Return, for each pixel of the result, where its centre lies in the source, exactly, or None outside."""
    low, high = (Fraction(placement.crop[at]) for at in (axis, axis + 2))
    start, stop = (Fraction(placement.inner[at]) for at in (axis, axis + 2))
    scale = (high - low) / (stop - start)
    centres = [low + (at + Fraction(1, 2) - start) * scale for at in range(placement.dst[axis])]
    return [place if low <= place < high else None for place in centres]


def sure(placement, axis):
    """Return the pixels of the result for which no rounding decides: all, where all edges are in 64ths."""
    edges = [Fraction(box[at]) for box in (placement.crop, placement.inner) for at in (axis, axis + 2)]
    low, high, start, stop = edges
    scale = (high - low) / (stop - start)
    centres = [low + (at + Fraction(1, 2) - start) * scale for at in range(placement.dst[axis])]
    exact = all((edge * 64).denominator == 1 for edge in edges)
    off = [min(abs(place - round(place)), abs(place - low), abs(place - high)) for place in centres]
    return np.array([exact or distance > Fraction(1, 10**9) for distance in off])


def slow_mask(placement, mask, fill):
    moved = np.full((*placement.dst[::-1], *mask.shape[2:]), fill, mask.dtype)
    xs, ys = shown_places(placement, 0), shown_places(placement, 1)
    for row, y in enumerate(ys):
        for column, x in enumerate(xs):
            if x is not None and y is not None:
                moved[row, column] = mask[math.floor(y), math.floor(x)]
    return moved


def labels(size, dtype=np.uint8, channels=()):
    """Return a mask of which no two neighbours are the same."""
    width, height = size
    samples = np.arange(height * width * math.prod(channels)) * 7 % 251 + 1
    return samples.reshape(height, width, *channels).astype(dtype)


def decided(placement, axis):
    """Return the result's pixels whose centres do not fall on the edge between two samples, or next to it.

    There Pillow's answer hangs on last bits: its box is of C floats, and from pixel to pixel it adds the scale.
    """
    places = shown_places(placement, axis)
    return np.array([place is None or abs(place - round(place)) > Fraction(1, 1000) for place in places])


@pytest.mark.parametrize("box", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_masks_are_pillows_nearest(mode, box):
    rng = np.random.default_rng(5)
    compared = 0
    for _ in range(60):
        src, dst = (tuple(int(side) for side in rng.integers(3, 90, 2)) for _ in range(2))
        part = (src[0] * 0.11, src[1] * 0.23, src[0] * 0.97, src[1] * 0.81) if box else None
        planned = plan(src, dst, mode, centering=tuple(rng.random(2)), box=part)
        mask = labels(src)
        picture = Image.fromarray(mask).resize(planned.inner_size, Image.Resampling.NEAREST, box=planned.crop)
        canvas = Image.new("L", dst, 9)
        canvas.paste(picture, tuple(planned.inner[:2]))
        clear = np.ix_(decided(planned, 1), decided(planned, 0))
        np.testing.assert_array_equal(planned.mask(mask, 9)[clear], np.asarray(canvas)[clear], str(planned))
        compared += np.asarray(canvas)[clear].size / (dst[0] * dst[1])
    assert compared > 50


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("src", "dst"), SIZES)
def test_masks_take_the_sample_under_the_centre(src, dst, mode):
    # Edges in 64ths, so that all fractions are exact, and centres fall on edges of samples, too.
    for box in (None, (0, 0, src[0] - 0.5, src[1] - 0.25), (0.25, 0.015625, src[0] - 1, src[1])):
        planned = plan(src, dst, mode, centering=(0.25, 0.75), box=box)
        mask = labels(src)
        certain = np.ix_(sure(planned, 1), sure(planned, 0))
        moved, expected = planned.mask(mask, 255), slow_mask(planned, mask, 255)
        np.testing.assert_array_equal(moved[certain], expected[certain], str(planned))


def test_a_centre_on_the_edge_of_two_samples_belongs_to_the_second():
    for n_in in range(1, 70):
        mask = np.arange(1, n_in + 1)[None].repeat(3, axis=0)
        for n_out in range(1, 70):
            expected = [(2 * at + 1) * n_in // (2 * n_out) + 1 for at in range(n_out)]
            moved = plan((n_in, 3), (n_out, 3), "stretch").mask(mask)
            np.testing.assert_array_equal(moved, [expected] * 3, f"{n_in} to {n_out}")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("src", "dst"), SIZES)
def test_the_inverse_brings_masks_back_and_fills_what_was_cropped(src, dst, mode):
    for box in (None, (0.5, 0, src[0] - 0.5, src[1] - 1.5)):
        planned = plan(src, dst, mode, centering=(0.25, 0.75), box=box)
        inverse, mask = planned.inverse, labels(dst)
        moved = inverse.mask(mask, 255)
        assert moved.shape == src[::-1]
        certain = np.ix_(sure(inverse, 1), sure(inverse, 0))
        np.testing.assert_array_equal(moved[certain], slow_mask(inverse, mask, 255)[certain], str(planned))
        shown = np.ix_(*([place is not None for place in shown_places(inverse, axis)] for axis in (1, 0)))
        assert moved[shown].size > 0
        assert np.all(moved[shown] != 255)


def test_a_last_bit_beyond_a_centre_does_not_lead_out_of_the_mask():
    for half in range(1, 61):
        beyond = math.nextafter(half - 0.5, 100)
        inverse = plan((61, 3), (40, 3), "stretch", box=(0, 0, beyond, 3)).inverse
        moved = inverse.mask(np.ones((3, 40), np.uint8), 2)
        np.testing.assert_array_equal(moved[0], [1] * half + [2] * (61 - half))


def test_a_crop_between_two_centres_shows_no_pixel_on_the_way_back():
    inverse = plan((61, 41), (40, 31), "stretch", box=(5.6, 3.1, 6.4, 20)).inverse
    np.testing.assert_array_equal(inverse.mask(np.ones((31, 40), np.uint8), 2), np.full((41, 61), 2))


@pytest.mark.parametrize("channels", [(), (1,), (3,), (7,)])
@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.uint16, np.int64, np.float16, np.float32, np.complex64, ">i4"]
)
def test_masks_of_any_dtype_and_channels(dtype, channels):
    mask = labels((23, 17), dtype, channels)
    before = mask.copy()
    mask.flags.writeable = False
    for planned in (plan((23, 17), (40, 31), "pad"), plan((23, 17), (40, 31)), plan((23, 17), (23, 17))):
        moved = planned.mask(mask, 1)
        assert type(moved) is np.ndarray
        assert moved.dtype == mask.dtype
        assert moved.shape == (*planned.dst[::-1], *channels)
        assert moved.flags.writeable
        assert not np.shares_memory(moved, mask)
        np.testing.assert_array_equal(moved, slow_mask(planned, mask, 1))
    np.testing.assert_array_equal(mask, before)


def test_masks_of_any_strides():
    mask = labels((46, 34), np.int64, (3,))
    planned = plan((23, 17), (40, 31), "pad")
    for view in (mask[::2, ::2], mask[:17, :23, ::-1], mask[::-2, ::-2, 0], np.asfortranarray(mask[:17, :23])):
        np.testing.assert_array_equal(planned.mask(view), planned.mask(view.copy()))


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
@pytest.mark.parametrize("mode", MODES)
def test_enlarging_by_whole_numbers_and_back_is_the_identity(mode, factor):
    mask = labels((23, 17), np.int32)
    planned = plan((23, 17), (23 * factor, 17 * factor + (4 if mode == "pad" else 0)), mode)
    moved = planned.mask(mask, -1)
    top = int(planned.inner.top)
    np.testing.assert_array_equal(
        moved[top : top + 17 * factor], mask.repeat(factor, axis=0).repeat(factor, axis=1)
    )
    np.testing.assert_array_equal(planned.inverse.mask(moved, -1), mask)


@given(plans(), st.integers(0, 2**32))
def test_labels_never_mix(planned, seed):
    planned = dataclasses.replace(
        planned,
        src=Size(*(min(side, 50) for side in planned.src)),
        crop=Box(*(edge * min(1.0, 50 / side) for edge, side in zip(planned.crop, planned.src * 2, strict=True))),
    )
    mask = np.random.default_rng(seed).choice([-7, 0, 3, 10**12], planned.src[::-1])
    moved = planned.mask(mask, 5)
    left, top, right, bottom = planned.inner
    assert set(np.unique(moved[top:bottom, left:right])) <= set(np.unique(mask))
    moved[top:bottom, left:right] = 5
    assert np.all(moved == 5)


@given(st.data(), st.sampled_from(MODES))
def test_the_mask_of_a_rectangle_is_its_box(data, mode):
    src, dst = (data.draw(st.tuples(st.integers(2, 150), st.integers(2, 150))) for _ in range(2))
    planned = plan(src, dst, mode, centering=data.draw(st.tuples(fractions, fractions)))
    left, right, top, bottom = (
        edge for side in src for edge in sorted(data.draw(st.tuples(*[st.integers(0, side)] * 2)))
    )
    mask = np.zeros(src[::-1], bool)
    mask[top:bottom, left:right] = True
    box = planned.boxes((left, top, right, bottom), clip=True)
    expected = np.zeros(dst[::-1], bool)
    # A pixel of the result is the rectangle's if its centre is within; on the very edge a last bit decides.
    clear = np.ones(dst[::-1], bool)
    centres = np.arange(dst[0]) + 0.5, np.arange(dst[1]) + 0.5
    within = [(low <= at) & (at < high) for low, high, at in zip(box[:2], box[2:], centres, strict=True)]
    expected[np.ix_(within[1], within[0])] = True
    for edges, at, axis in zip(box.reshape(2, 2).T, centres, (1, 0), strict=True):
        unsure = np.abs(edges[:, None] - at).min(axis=0) < 1e-9
        clear &= ~np.expand_dims(unsure, 1 - axis)
    np.testing.assert_array_equal(planned.mask(mask)[clear], expected[clear])


def test_the_mask_of_a_rectangle_is_its_box_for_known_numbers():
    planned = plan((400, 300), (200, 200), "pad")
    mask = np.zeros((300, 400), np.uint8)
    mask[100:200, 40:100] = 1
    moved = planned.mask(mask, 2)
    assert planned.boxes([40, 100, 100, 200]).tolist() == [20, 75, 50, 125]
    expected = np.zeros((200, 200), np.uint8)
    expected[:25] = expected[175:] = 2
    expected[75:125, 20:50] = 1
    np.testing.assert_array_equal(moved, expected)


def test_borders_are_0_by_default():
    moved = plan((4, 3), (9, 5), "pad").mask(np.ones((3, 4), np.uint8))
    np.testing.assert_array_equal(moved[0], [0, 1, 1, 1, 1, 1, 1, 1, 0])


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        (np.uint8, 255),
        (np.uint8, 255.0),
        (np.uint8, np.int64(7)),
        (np.uint8, np.array(7)),
        (np.uint8, True),
        (np.int64, -1),
        (np.int64, -(2**63)),
        (np.uint64, 2**64 - 1),
        (bool, True),
        (bool, 1),
        (np.float32, -0.5),
        (np.float32, 0.1),
        (np.float32, np.float64(0.1)),
        (np.float32, math.nan),
        (np.float32, -math.inf),
        (np.float16, np.float32(0.1)),
        (np.float64, np.float32(0.1)),
    ],
)
def test_fill_is_any_number_that_the_mask_can_hold(dtype, fill):
    moved = plan((4, 3), (9, 5), "pad").mask(np.ones((3, 4), dtype), fill)
    assert moved.dtype == dtype
    np.testing.assert_array_equal(moved[:, 0], np.full(5, fill).astype(dtype))
    np.testing.assert_array_equal(moved[:, 4], np.ones(5, dtype))


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        (np.uint8, 256),
        (np.uint8, -1),
        (np.uint8, 0.5),
        (np.uint8, math.nan),
        (np.uint8, math.inf),
        (np.uint8, 1j),
        (np.uint8, "1"),
        (np.uint8, b"1"),
        (np.uint8, None),
        (np.uint8, [1, 2]),
        (np.uint8, 2**70),
        (np.int64, 0.5),
        (np.int64, 2**63),
        (np.int64, 1e30),
        (np.int64, math.nan),
        (np.int64, -math.inf),
        (bool, 2),
        (bool, 0.5),
        (bool, math.nan),
        (np.float32, 1e40),
        (np.float32, 10**400),
        (np.float32, [1, 2]),
        (np.float32, [1]),
        (np.float32, "nan"),
        (np.float16, 1e5),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_fill_that_the_mask_cannot_hold_is_an_error(mode, dtype, fill):
    with pytest.raises(OptionError) as caught:
        plan((4, 3), (9, 5), mode).mask(np.ones((3, 4), dtype), fill)
    assert str(caught.value).startswith(f"fill: expected a number that {np.dtype(dtype)} holds, got ")


@pytest.mark.parametrize(
    "mask",
    [
        None,
        5,
        "mask",
        [[1, 2, 3, 4]] * 3,
        np.zeros((4, 3)),
        np.zeros((3, 5)),
        np.zeros((2, 4)),
        np.zeros(12),
        np.zeros((1, 3, 4)),
        np.zeros((3, 4, 1, 1)),
        Image.new("L", (3, 4)),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_a_mask_that_is_not_of_the_sources_size_is_an_error(mask):
    with pytest.raises(ImageError) as caught:
        plan((4, 3), (9, 5), "pad").mask(mask)
    assert str(caught.value).startswith("mask: expected an array of shape (3, 4) or (3, 4,")


def test_the_inverse_takes_masks_of_the_results_size():
    inverse = plan((4, 3), (9, 5), "pad").inverse
    assert inverse.mask(np.zeros((5, 9))).shape == (3, 4)
    with pytest.raises(ImageError):
        inverse.mask(np.zeros((3, 4)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("src", "dst"), [((10000, 1), (7, 5)), ((1, 10000), (7, 5)), ((1, 1), (7, 5)), ((7, 5), (1, 1))]
)
def test_extremes_keep_their_masks(src, dst, mode):
    planned = plan(src, dst, mode)
    mask = np.ones(src[::-1], np.uint8)
    moved = planned.mask(mask)
    assert moved.sum() == planned.inner_size.width * planned.inner_size.height
    assert planned.inverse.mask(moved, 3).shape == mask.shape


# ---------------------------------------------------------------------------------------------------------------
# Windows of plans
# ---------------------------------------------------------------------------------------------------------------


@st.composite
def windowed(draw):
    """Draw a plan and a part of its result that shows some of the picture."""
    planned = draw(plans())
    edges = []
    for low, high, side in zip(planned.inner[:2], planned.inner[2:], planned.dst, strict=True):
        seen = draw(st.integers(low, high - 1))
        edges.append((draw(st.integers(0, seen)), draw(st.integers(seen + 1, side))))
    (left, right), (top, bottom) = edges
    return planned, (left, top, right, bottom)


@given(windowed(), st.lists(st.tuples(*[coordinates] * 4), min_size=1, max_size=5))
def test_a_window_moves_points_and_boxes_as_the_whole_does(drawn, rows):
    planned, box = drawn
    window, corner = planned.window(box), np.array(box[:2] * 2)
    atol, points = near(planned), np.array(rows)[:, :2]
    np.testing.assert_allclose(window.points(points), planned.points(points) - corner[:2], rtol=0, atol=atol)
    np.testing.assert_allclose(window.boxes(rows), planned.boxes(rows) - corner, rtol=0, atol=atol)
    for x, y in points:
        np.testing.assert_allclose(window.matrix @ (x, y, 1), window.points((x, y)), rtol=0, atol=atol)
    back = window.inverse.points(window.points(points))
    np.testing.assert_allclose(back, points, rtol=0, atol=1e-9 * (1 + np.abs(points).max()))
    assert window.inverse.inverse == Placement(window.src, window.dst, window.crop, window.inner)


@given(windowed(), st.lists(st.tuples(*[st.floats(-100, 2100)] * 4), min_size=1, max_size=5))
def test_boxes_are_clipped_to_what_a_window_shows(drawn, corners):
    planned, box = drawn
    window = planned.window(box)
    ordered = [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in corners]
    moved, clipped = window.boxes(ordered), window.boxes(ordered, clip=True)
    left, top, right, bottom = window.shown
    np.testing.assert_array_equal(clipped[:, 0::2], np.clip(moved[:, 0::2], left, right))
    np.testing.assert_array_equal(clipped[:, 1::2], np.clip(moved[:, 1::2], top, bottom))
    areas = [(rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1]) for rows in (clipped, moved)]
    visible = window.visible(ordered)
    np.testing.assert_allclose(visible, areas[0] / areas[1], rtol=1e-6, atol=1e-6)
    assert np.all((visible >= 0) & (visible <= 1))
    whole = window.visible((0, 0, *planned.src))
    assert whole == pytest.approx(1 - window.cropped, abs=1e-9)


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((50, 0, 150, 100), 0.25),
        ((70, 20, 90, 30), 1),
        ((50, 0, 70, 20), 0),
        ((60, 20, 80, 40), 0.5),
        ((110, 60, 130, 80), 0.25),
        # Without width or height: by the place.
        ((70, 20, 70, 30), 1),
        ((69, 20, 69, 30), 0),
        ((121, 20, 121, 30), 0),
    ],
)
def test_visible_is_the_share_that_a_window_shows(box, share):
    window = plan((200, 100), (50, 50), "cover").window((10, 10, 35, 35))
    # Of the crop (50, 0, 150, 100), halved.
    assert window.visible(box) == share
    assert window.visible(box[2:] + box[:2]) == share


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("src", "dst"), SIZES)
def test_the_mask_of_a_window_is_a_slice_of_the_whole(src, dst, mode):
    rng, compared = np.random.default_rng(3), 0
    for box in (None, (0.25, 0.015625, src[0] - 1, src[1])):
        planned = plan(src, dst, mode, centering=(0.25, 0.75), box=box)
        mask = labels(src, channels=(2,))
        whole = planned.mask(mask, 255)
        for _ in range(12):
            (left, right), (top, bottom) = (sorted(rng.integers(0, side + 1, 2)) for side in dst)
            x0, y0, x1, y1 = planned.inner
            if max(left, x0) < min(right, x1) and max(top, y0) < min(bottom, y1):
                window = planned.window((left, top, right, bottom))
                np.testing.assert_array_equal(window.mask(mask, 255), whole[top:bottom, left:right])
                compared += 1
    assert compared > 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("src", "dst"), SIZES)
def test_the_inverse_of_a_window_brings_back_what_it_shows(src, dst, mode):
    for box in (None, (0.5, 0, src[0] - 0.5, src[1] - 1.5)):
        planned = plan(src, dst, mode, centering=(0.25, 0.75), box=box)
        x0, y0, x1, y1 = planned.inner
        # A corner with some border, a line, and the middle.
        for left, top, right, bottom in (
            (0, 0, (x0 + x1 + 1) // 2, (y0 + y1 + 1) // 2),
            (x0, y1 - 1, dst[0], y1),
            ((2 * x0 + x1) // 3, (2 * y0 + y1) // 3, (x0 + 2 * x1 + 2) // 3, (y0 + 2 * y1 + 2) // 3),
        ):
            window = planned.window((left, top, right, bottom))
            mask = labels(window.dst)
            surrounded = np.full(dst[::-1], 255, np.uint8)
            surrounded[top:bottom, left:right] = mask
            certain = np.ix_(*(sure(planned.inverse, axis) & sure(window.inverse, axis) for axis in (1, 0)))
            moved, expected = window.inverse.mask(mask, 255), planned.inverse.mask(surrounded, 255)
            np.testing.assert_array_equal(moved[certain], expected[certain], str(window))


def test_a_mask_of_a_window_is_of_the_whole_source():
    window = plan((97, 61), (40, 31), "pad").window((3, 9, 20, 23))
    assert window.mask(np.zeros((61, 97))).shape == (14, 17)
    assert window.inverse.mask(np.zeros((14, 17))).shape == (61, 97)
    for placement, shape in ((window, (14, 17)), (window.inverse, (61, 97)), (window.inverse, (31, 40))):
        with pytest.raises(ImageError, match=r"^mask: expected an array of shape"):
            placement.mask(np.zeros(shape))


@pytest.mark.quick
@pytest.mark.parametrize("resample", CONVOLUTIONS)
def test_dots_are_where_a_window_says(resample):
    src, dst, mode, box, centering = SUBPIXEL[0].values
    spec, sigma = Fit(dst, mode, resample, box=box, centering=centering), 7
    # As far from the edges as dots show.
    window = spec.plan(src).window((10, 8, 190, 124))
    crop = window.crop
    places = [
        (crop.left + 0.5 * crop.width + 0.123, crop.top + 0.5 * crop.height - 0.217),
        (crop.left + 0.46 * crop.width, crop.top + 0.53 * crop.height),
        (crop.left + 0.52 * crop.width, crop.top + 0.49 * crop.height),
    ]
    image = dots(src, places, (sigma * crop.width / dst[0], sigma * crop.height / dst[1]))
    np.testing.assert_allclose(centroids(spec.apply(window, image)), window.points(places), rtol=0, atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------
# Through a plan and a spec
# ---------------------------------------------------------------------------------------------------------------


def test_a_plan_is_a_placement_that_has_shares():
    planned = plan((200, 100), (50, 60), "cover")
    assert isinstance(planned, Placement)
    assert isinstance(planned, Plan)
    assert (planned.cropped, planned.padded) == (pytest.approx(1 - 250 / 600), 0)
    padded = plan((200, 100), (50, 60), "pad")
    assert (padded.cropped, padded.padded) == (0, pytest.approx(1 - 25 / 60))
    boxed = plan((200, 100), (50, 60), "stretch", box=(0, 25, 50, 75))
    assert (boxed.cropped, boxed.padded) == (pytest.approx(1 - 0.25 * 0.5), 0)


@given(plans())
def test_cropped_and_padded_are_what_is_not_shown(planned):
    src, dst = planned.src, planned.dst
    crop, inner = planned.crop, planned.inner
    assert planned.cropped == pytest.approx(1 - crop.width * crop.height / (src.width * src.height), abs=1e-12)
    assert planned.padded == pytest.approx(1 - inner.width * inner.height / (dst.width * dst.height), abs=1e-12)
    assert 0 <= planned.cropped < 1
    assert 0 <= planned.padded < 1
    whole = planned.visible((0, 0, *src))
    assert whole == pytest.approx(1 - planned.cropped, abs=1e-12)
    assert planned.inverse.visible((0, 0, *dst)) == pytest.approx(1 - planned.padded, abs=1e-12)


@pytest.mark.quick
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("resample", RESAMPLES)
def test_a_spec_moves_masks_where_it_moves_the_picture(mode, resample):
    # A white rectangle on black: the nearest sample is white where what is resampled is nearer to white.
    spec = Fit((71, 53), mode, resample, box=(2.25, 1.5, 188.75, 140.5), centering=(0.2, 0.9), fill=0)
    image = np.zeros((143, 191), np.float32)
    image[40:110, 70:140] = 1
    planned = spec.plan((191, 143))
    moved, shown = planned.mask(image > 0), spec(image) > 0.5
    differing = np.argwhere(moved != shown)
    box = planned.boxes((70, 40, 140, 110))
    # Not more than a pixel aside, which OpenCV's nearest may be.
    off = [
        min(abs(at + 0.5 - edge) for at, edge in ((x, box[0]), (x, box[2]), (y, box[1]), (y, box[3])))
        for y, x in differing
    ]
    assert max(off, default=0) < 1.0
    assert len(differing) < 2 * (53 + 71)


def test_sizes_that_follow_from_the_source_have_plans_too():
    planned = Fit(longest=50, mode="pad").plan((200, 100))
    np.testing.assert_array_equal(planned.boxes((0, 0, 200, 100)), (0, 0, 50, 25))
    assert (planned.cropped, planned.padded) == (0, 0)


def test_masks_of_other_libraries_are_taken_as_they_are():
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    palette = Image.fromarray(labels).convert("L")
    palette = Image.frombytes("P", (4, 3), palette.tobytes())
    palette.putpalette(range(255, 255 - 36, -1))
    np.testing.assert_array_equal(plan((4, 3), (8, 6)).mask(palette), np.kron(labels, np.ones((2, 2), np.uint8)))
    for mask in (None, "mask", [[1, 2]]):
        with pytest.raises(ImageError, match=r"^mask: expected an array of shape \(3, 4\)"):
            plan((4, 3), (8, 6)).mask(mask)


def test_boxes_with_a_gradient_are_an_error_of_ours():
    class Tracked:
        def __array__(self, *_, **__):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    with pytest.raises(OptionError, match="xyxy"):
        plan((4, 3), (8, 6)).boxes(Tracked())
