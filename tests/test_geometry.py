import dataclasses
import math
import pickle
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from fastfit import Box, OptionError, Plan, Size, SizeError, plan
from fastfit.words import MODES, PLACES

SIZES = [
    (1, 1),
    (1, 7),
    (13, 1),
    (16, 9),
    (97, 61),
    (61, 97),
    (224, 224),
    (640, 480),
    (641, 479),
    (1279, 721),
    (1280, 720),
    (4032, 3024),
    (10000, 1),
    (1, 10000),
]
CENTERINGS = [(0.5, 0.5), (0.0, 1.0), (1.0, 0.0), (0.3, 0.77)]

sides = st.integers(1, 2000)
sizes = st.tuples(sides, sides)
fractions = st.floats(0, 1)
centerings = st.tuples(fractions, fractions)
modes = st.sampled_from(MODES)


def pillow_cover(src, dst, centering):
    """Return the box that ImageOps.fit hands to Image.resize."""
    source = SimpleNamespace(size=src, resize=lambda size, _, box: (size, box))
    size, box = ImageOps.fit(source, dst, centering=centering)
    assert size == dst
    return box


def pillow_pad(src, dst, centering):
    """Return where ImageOps.pad leaves an all-white picture, or None where Pillow loses it."""
    source = SimpleNamespace(
        size=src, width=src[0], height=src[1], mode="1", resize=lambda size, **_: Image.new("1", size, 1)
    )
    return ImageOps.pad(source, dst, centering=centering).getbbox()


def assert_pads_as_pillow(src, dst, centering):
    planned, bounds = plan(src, dst, "pad", centering=centering), pillow_pad(src, dst, centering)
    assert planned.crop == (0, 0, *src)
    if bounds is None:
        assert min(planned.inner_size) == 1, dst
    else:
        assert planned.inner == bounds, dst


@st.composite
def boxes(draw, size):
    """Draw a box within `size`, of at least a thousandth of a pixel: `cover` divides by it."""
    edges = []
    for limit in size:
        low = draw(st.floats(0, limit - 0.001))
        edges.append((low, draw(st.floats(min(low + 0.001, limit), limit))))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


@pytest.mark.quick
@pytest.mark.parametrize("centering", CENTERINGS)
@pytest.mark.parametrize("src", SIZES)
def test_cover_reads_what_pillow_reads(src, centering):
    for dst in SIZES:
        left, top, right, bottom = pillow_cover(src, dst, centering)
        planned = plan(src, dst, "cover", centering=centering)
        # An ulp beyond the image Pillow gives no answer but an error.
        assert planned.crop == (left, top, min(right, src[0]), min(bottom, src[1])), dst
        assert planned.inner == (0, 0, *dst)


@pytest.mark.quick
@pytest.mark.parametrize("centering", CENTERINGS)
@pytest.mark.parametrize("src", SIZES)
def test_pad_writes_where_pillow_writes(src, centering):
    for dst in SIZES:
        assert_pads_as_pillow(src, dst, centering)


@pytest.mark.parametrize("src", SIZES)
def test_stretch_reads_and_writes_all(src):
    for dst in SIZES:
        assert plan(src, dst, "stretch") == Plan(Size(*src), Size(*dst), Box(0, 0, *src), Box(0, 0, *dst))


@given(sizes, sizes, centerings)
def test_cover_is_pillow_for_any_sizes(src, dst, centering):
    left, top, right, bottom = pillow_cover(src, dst, centering)
    crop = plan(src, dst, "cover", centering=centering).crop
    assert crop == (left, top, min(right, src[0]), min(bottom, src[1]))


@given(*[st.tuples(st.integers(1, 300), st.integers(1, 300))] * 2, centerings)
def test_pad_is_pillow_for_any_sizes(src, dst, centering):
    assert_pads_as_pillow(src, dst, centering)


@pytest.mark.parametrize(
    ("src", "dst", "inner"),
    [
        ((10000, 1), (1280, 720), (0, 360, 1280, 361)),
        ((1, 10000), (1280, 720), (640, 0, 641, 720)),
        ((10000, 1), (1, 10000), (0, 5000, 1, 5001)),
        ((1, 10000), (10000, 1), (5000, 0, 5001, 1)),
        ((10000, 1), (1, 1), (0, 0, 1, 1)),
    ],
)
def test_pad_keeps_a_pixel_where_pillow_keeps_none(src, dst, inner):
    planned = plan(src, dst, "pad")
    assert pillow_pad(src, dst, (0.5, 0.5)) is None
    assert tuple(planned.inner) == inner
    assert min(planned.inner_size) == 1


def test_pad_rounds_half_to_even_as_pillow_does():
    # 8·5/16 = 2.5 rows, which round to 2; then 3 rows are left, and 1.5 round to 2.
    assert plan((16, 5), (8, 5), "pad").inner == (0, 2, 8, 4)
    assert pillow_pad((16, 5), (8, 5), (0.5, 0.5)) == (0, 2, 8, 4)


def test_pad_divides_before_it_multiplies_as_pillow_does():
    # 3·55/22 is 7.5, which rounds to 8; 3/22·55 is a last bit less, and rounds to 7.
    assert plan((22, 3), (55, 60), "pad").inner_size == (55, 7)
    assert_pads_as_pillow((22, 3), (55, 60), (0.5, 0.5))


def test_cover_does_not_leave_the_box_by_a_last_bit():
    # 0.3 + (0.9 - 0.3) is above 0.9.
    box = (0.3, 0.3, 0.9, 0.9)
    assert plan((1, 1), (1, 1), "cover", box=box).crop == box


@pytest.mark.quick
@given(st.data(), sizes, sizes, modes, centerings)
def test_crop_is_within_the_box_and_inner_within_the_result(data, src, dst, mode, centering):
    box = data.draw(st.none() | boxes(src))
    planned = plan(src, dst, mode, centering=centering, box=box)
    crop, inner = planned.crop, planned.inner
    left, top, right, bottom = box or (0, 0, *src)
    assert left <= crop.left < crop.right <= right
    assert top <= crop.top < crop.bottom <= bottom
    assert 0 <= inner.left < inner.right <= dst[0]
    assert 0 <= inner.top < inner.bottom <= dst[1]
    assert all(type(edge) is int for edge in inner)
    assert planned.inner_size == (inner.width, inner.height)
    assert (planned.src, planned.dst) == (src, dst)


@given(sizes, sizes, centerings)
def test_cover_has_the_aspect_of_the_result(src, dst, centering):
    crop = plan(src, dst, "cover", centering=centering).crop
    assert math.isclose(crop.width / crop.height, dst[0] / dst[1], rel_tol=1e-9)


@given(sizes, sizes, centerings)
def test_cover_is_as_large_as_it_can_be(src, dst, centering):
    crop = plan(src, dst, "cover", centering=centering).crop
    assert math.isclose(crop.width, src[0], rel_tol=1e-12) or math.isclose(crop.height, src[1], rel_tol=1e-12)


@given(sizes, sizes, centerings)
def test_pad_touches_two_opposite_edges_and_keeps_the_aspect(src, dst, centering):
    inner = plan(src, dst, "pad", centering=centering).inner
    assert inner.width == dst[0] or inner.height == dst[1]
    # Exact: the side that is not the canvas's is within half a pixel of what the aspect asks for, or 1.
    width = Fraction(src[0], src[1]) * int(inner.height)
    height = Fraction(src[1], src[0]) * int(inner.width)
    assert min(abs(inner.width - max(width, 1)), abs(inner.height - max(height, 1))) <= Fraction(1, 2) + Fraction(
        1, 10**9
    )


@given(sizes, sizes, modes)
def test_swapping_axes_swaps_the_plan(src, dst, mode):
    planned = plan(src, dst, mode, centering=(0.25, 0.75))
    swapped = plan(src[::-1], dst[::-1], mode, centering=(0.75, 0.25))
    (left, top, right, bottom), inner = swapped.crop, swapped.inner
    assert planned.inner == (inner.top, inner.left, inner.bottom, inner.right)
    assert planned.crop == pytest.approx((top, left, bottom, right), rel=1e-9, abs=1e-9)


@given(st.data(), sizes, sizes, modes, centerings)
def test_equal_inputs_give_equal_plans(data, src, dst, mode, centering):
    box = data.draw(st.none() | boxes(src))
    one = plan(src, dst, mode, centering=centering, box=box)
    other = plan(list(src), f"{dst[0]}x{dst[1]}", mode, centering=list(centering), box=box and list(box))
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one


def test_other_inputs_give_other_plans():
    plans = {plan((97, 61), (40, 31), mode, centering=(x, x)) for mode in ("cover", "pad") for x in (0, 0.5, 1)}
    assert len(plans) == 6


@pytest.mark.parametrize("name", ["src", "dst", "crop", "inner"])
def test_a_plan_is_frozen(name):
    planned = plan((4, 3), (2, 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(planned, name, None)


@pytest.mark.quick
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dst", [(10000, 1), (1, 10000), (1, 1), (1280, 720)])
@pytest.mark.parametrize("src", [(10000, 1), (1, 10000), (1, 1)])
def test_extremes_have_a_plan_in_every_mode(src, dst, mode):
    planned = plan(src, dst, mode)
    assert planned.dst == dst
    assert min(planned.inner_size) >= 1
    assert planned.crop.width > 0
    assert planned.crop.height > 0


@pytest.mark.parametrize(
    ("mode", "crop", "inner"),
    [
        ("cover", (20.0, 15.0, 40.0, 35.0), (0, 0, 50, 50)),
        ("pad", (10.5, 15.0, 49.5, 35.0), (0, 12, 50, 38)),
        ("stretch", (10.5, 15.0, 49.5, 35.0), (0, 0, 50, 50)),
    ],
)
def test_box_takes_the_place_of_the_whole_source(mode, crop, inner):
    planned = plan((60, 40), (50, 50), mode, box=(10.5, 15, 49.5, 35))
    assert (tuple(planned.crop), tuple(planned.inner)) == (crop, inner)


@pytest.mark.parametrize("mode", MODES)
def test_the_whole_as_box_is_no_box(mode):
    assert plan((97, 61), (40, 31), mode, box=(0, 0, 97, 61)) == plan((97, 61), (40, 31), mode)


@pytest.mark.parametrize(
    ("crop", "snapped"),
    [
        ((0.0, 0.0, 10.0, 8.0), (0, 0, 10, 8)),
        ((0.4, 0.5, 9.4, 7.5), (0, 1, 9, 8)),
        ((2.5, 3.49, 3.5, 4.51), (3, 3, 4, 5)),
        ((4.1, 4.1, 4.2, 4.2), (4, 4, 5, 5)),
        ((9.7, 7.7, 9.9, 7.9), (9, 7, 10, 8)),
        ((0.0, 0.0, 0.1, 0.1), (0, 0, 1, 1)),
        ((4.6, 4.6, 4.7, 4.7), (4, 4, 5, 5)),
    ],
)
def test_snapped_rounds_to_whole_pixels_and_keeps_one(crop, snapped):
    planned = plan((10, 8), (5, 5), "stretch", box=crop).snapped()
    assert planned.crop == snapped
    assert all(type(edge) is int for edge in planned.crop)


@given(sizes, sizes, centerings)
def test_snapped_stays_within_the_source_and_shows_some_of_the_crop(src, dst, centering):
    planned = plan(src, dst, "cover", centering=centering)
    crop, snapped = planned.crop, planned.snapped().crop
    assert 0 <= snapped.left < snapped.right <= src[0]
    assert 0 <= snapped.top < snapped.bottom <= src[1]
    assert max(snapped.left, crop.left) < min(snapped.right, crop.right)
    assert max(snapped.top, crop.top) < min(snapped.bottom, crop.bottom)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"src": (0, 3)},
            SizeError,
            'src: expected two integers (width, height) from 1 to 16777216 or "WIDTHxHEIGHT", got (0, 3)',
        ),
        (
            {"dst": "4"},
            SizeError,
            "dst: expected two integers (width, height) from 1 to 16777216 or \"WIDTHxHEIGHT\", got '4'",
        ),
        ({"mode": "fit"}, OptionError, "mode: expected one of cover, pad, stretch, auto, got 'fit'"),
        ({"mode": None}, OptionError, "mode: expected one of cover, pad, stretch, auto, got None"),
        ({"centering": 0.5}, OptionError, "centering: expected two numbers (x, y) in [0, 1], got 0.5"),
        ({"centering": (0, 1.1)}, OptionError, "centering: expected two numbers (x, y) in [0, 1], got (0, 1.1)"),
        ({"centering": (-0.1, 1)}, OptionError, "centering: expected two numbers (x, y) in [0, 1], got (-0.1, 1)"),
        ({"centering": (1, 1, 1)}, OptionError, "centering: expected two numbers (x, y) in [0, 1], got (1, 1, 1)"),
        (
            {"centering": (float("nan"), 0)},
            OptionError,
            "centering: expected two numbers (x, y) in [0, 1], got (nan, 0)",
        ),
        (
            {"centering": "middle"},
            OptionError,
            f"centering: expected (x, y) or one of {', '.join(PLACES)}, got 'middle'",
        ),
        (
            {"box": (0, 0, 41, 3)},
            OptionError,
            "box: expected (left, top, right, bottom) within 40x30 and not empty, got (0, 0, 41, 3)",
        ),
        (
            {"box": (5, 0, 5, 3)},
            OptionError,
            "box: expected (left, top, right, bottom) within 40x30 and not empty, got (5, 0, 5, 3)",
        ),
    ],
)
def test_errors_say_what_was_expected(arguments, error, message):
    with pytest.raises(error) as caught:
        plan(**{"src": (40, 30), "dst": (4, 3), **arguments})
    assert type(caught.value) is error
    assert str(caught.value) == message


@pytest.mark.parametrize("centering", ["01", ("0", "1"), (10**400, 0)], ids=["text", "texts", "huge"])
def test_centering_refuses_what_float_reads_or_chokes_on(centering):
    with pytest.raises(OptionError):
        plan((40, 30), (4, 3), centering=centering)


# Modes that the picture's size decides on, places by their names.


@pytest.mark.parametrize(
    ("src", "dst", "options", "mode"),
    [
        ((4000, 3000), (1280, 720), {}, "cover"),  # a quarter, and no more
        ((4032, 3024), (1280, 720), {}, "cover"),
        ((3999, 3000), (1280, 720), {}, "pad"),
        ((3000, 4000), (1280, 720), {}, "pad"),
        ((1280, 720), (1280, 720), {"max_crop": 0}, "cover"),
        ((1281, 720), (1280, 720), {"max_crop": 0}, "pad"),
        ((10, 7), (1, 1), {"max_crop": 0.3}, "cover"),  # 0.3 is less than three tenths
        ((1000, 699), (1, 1), {"max_crop": 0.3}, "pad"),
        ((1, 10000), (1280, 720), {"max_crop": 1}, "cover"),
        ((4000, 3000), (1280, 720), {"box": (0, 0, 3000, 3000)}, "pad"),
    ],
)
def test_auto_covers_unless_too_much_is_lost(src, dst, options, mode):
    others = {name: value for name, value in options.items() if name != "max_crop"}
    assert plan(src, dst, "auto", **options) == plan(src, dst, mode, **others)


@pytest.mark.parametrize("share", [-0.1, 1.1, "a", None, True, math.nan])
def test_max_crop_is_a_share(share):
    with pytest.raises(OptionError, match="max_crop: expected a number from 0 to 1"):
        plan((4, 3), (1, 1), "auto", max_crop=share)


@pytest.mark.parametrize(
    ("place", "centering"),
    [
        ("center", (0.5, 0.5)),
        ("top", (0.5, 0)),
        ("bottom", (0.5, 1)),
        ("left", (0, 0.5)),
        ("right", (1, 0.5)),
        ("top-left", (0, 0)),
        ("top-right", (1, 0)),
        ("bottom-left", (0, 1)),
        ("bottom-right", (1, 1)),
    ],
)
def test_places_have_names(place, centering):
    assert PLACES[place] == centering
    assert len(PLACES) == 9
    for mode in MODES:
        assert plan((40, 30), (16, 9), mode, centering=place) == plan((40, 30), (16, 9), mode, centering=centering)


# Windows of plans.


@st.composite
def windows(draw, planned):
    """Draw a part of a result that shows some of the picture."""
    box = []
    for low, high, side in zip(planned.inner[:2], planned.inner[2:], planned.dst, strict=True):
        seen = draw(st.integers(low, high - 1))
        box.append((draw(st.integers(0, seen)), draw(st.integers(seen + 1, side))))
    (left, right), (top, bottom) = box
    return left, top, right, bottom


@given(st.data(), sizes, sizes, modes, centerings)
def test_a_window_moves_the_picture_and_leaves_what_is_read(data, src, dst, mode, centering):
    planned = plan(src, dst, mode, centering=centering)
    left, top, right, bottom = data.draw(windows(planned))
    window = planned.window((left, top, right, bottom))
    assert type(window) is Plan
    assert (window.src, window.crop) == (planned.src, planned.crop)
    assert window.dst == (right - left, bottom - top)
    assert type(window.dst) is Size
    x0, y0, x1, y1 = planned.inner
    assert window.inner == (x0 - left, y0 - top, x1 - left, y1 - top)
    assert window.inner_size == planned.inner_size
    shown = max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)
    assert window.shown == tuple(edge - (left, top)[at % 2] for at, edge in enumerate(shown))
    assert window.shown_of_crop == tuple(edge - (x0, y0)[at % 2] for at, edge in enumerate(shown))
    assert all(type(edge) is int for box in (window.inner, window.shown, window.shown_of_crop) for edge in box)


@given(st.data(), sizes, sizes, modes, centerings)
def test_a_window_of_a_window_is_one_of_the_whole(data, src, dst, mode, centering):
    planned = plan(src, dst, mode, centering=centering)
    left, top, *_ = first = data.draw(windows(planned))
    window = planned.window(first)
    inner = data.draw(windows(replace(planned, dst=window.dst, inner=window.shown)))
    second = tuple(edge + (left, top)[at % 2] for at, edge in enumerate(inner))
    assert window.window(inner) == planned.window(second)
    assert window.window(inner).whole == window.whole == planned


@given(st.data(), sizes, sizes, modes, centerings)
def test_shares_of_a_window_are_of_what_it_shows(data, src, dst, mode, centering):
    planned = plan(src, dst, mode, centering=centering)
    left, top, right, bottom = data.draw(windows(planned))
    window = planned.window((left, top, right, bottom))
    area = (right - left) * (bottom - top)
    x0, y0, x1, y1 = planned.inner
    seen = (min(x1, right) - max(x0, left)) * (min(y1, bottom) - max(y0, top))
    assert window.padded == pytest.approx(1 - seen / area, abs=1e-12)
    kept = seen / ((x1 - x0) * (y1 - y0)) * (1 - planned.cropped)
    assert window.cropped == pytest.approx(1 - kept, abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_a_plan_is_its_own_whole(mode):
    planned = plan((97, 61), (40, 31), mode, centering=(0.3, 0.7))
    assert planned.whole == planned
    assert planned.canvas is None
    assert (planned.shown, planned.shown_of_crop) == (planned.inner, (0, 0, *planned.inner_size))
    assert planned.window((0, 0, 40, 31)) == planned
    assert hash(planned.window((0, 0, 40, 31))) == hash(planned)


def test_a_window_knows_where_the_whole_lies():
    planned = plan((97, 61), (40, 40), "pad")
    assert planned.inner == (0, 8, 40, 33)
    window = planned.window((5, 3, 25, 39))
    assert (window.canvas, window.inner) == ((-5, -3, 35, 37), (-5, 5, 35, 30))
    # The same picture in the same place, but of another whole: a border made of the picture is another.
    assert window != replace(window, canvas=None)
    assert pickle.loads(pickle.dumps(window)) == window
    assert len({window, planned.window((5, 3, 25, 39)), planned}) == 2


@given(st.data(), sizes, sizes, modes, centerings)
def test_windows_go_with_what_is_done_to_the_crop(data, src, dst, mode, centering):
    planned = plan(src, dst, mode, centering=centering)
    box = data.draw(windows(planned))
    assert planned.window(box).snapped() == planned.snapped().window(box)
    assert planned.window(box).in_floats() == planned.in_floats().window(box)


@pytest.mark.parametrize(
    "written",
    [[3, 2, 33, 30], (3.0, 2.0, 33.0, 30.0), Box(3, 2, 33, 30), np.array([3, 2, 33, 30], np.int16)],
    ids=repr,
)
def test_a_window_may_be_written_in_many_ways(written):
    planned = plan((97, 61), (40, 31))
    window = planned.window(written)
    assert window == planned.window((3, 2, 33, 30))
    assert all(type(edge) is int for edge in (*window.inner, *window.dst))


@pytest.mark.parametrize(
    "box", [(0, 0, 41, 31), (-1, 0, 40, 31), (5, 5, 5, 9), (9, 5, 5, 9), (0, 0, 40), 5, None, (0, 0, 40, math.nan)]
)
def test_a_window_is_a_box_within_the_result(box):
    with pytest.raises(OptionError) as caught:
        plan((97, 61), (40, 31)).window(box)
    expected = "box: expected (left, top, right, bottom) within 40x31 and not empty, got "
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("box", [(0.5, 0, 40, 31), (0, 0, 39.999, 31), (0, 1e-9, 40, 31)])
def test_a_window_is_on_whole_pixels(box):
    with pytest.raises(OptionError) as caught:
        plan((97, 61), (40, 31)).window(box)
    assert str(caught.value) == f"box: expected whole pixels of the result, got {box}"


@pytest.mark.parametrize("box", [(0, 0, 40, 8), (0, 33, 40, 40), (3, 0, 4, 1)])
def test_a_window_shows_some_of_the_picture(box):
    planned = plan((97, 61), (40, 40), "pad")
    assert planned.window((0, 0, 40, 9)).shown == (0, 8, 40, 9)
    assert planned.window((0, 32, 40, 40)).shown == (0, 0, 40, 1)
    with pytest.raises(OptionError) as caught:
        planned.window(box)
    assert str(caught.value) == f"box: expected a part of the result that shows some of the picture, got {box}"
