import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastfit import Fit, OptionError, Size, SizeError, buckets
from fastfit.sizes import as_rule

MOST = 1 << 24
PAIR = 'two integers (width, height) from 1 to 16777216 or "WIDTHxHEIGHT"'
NO_SIZE = ["auto:1024", "auto:x", "auto:0x5", "auto:64.0x64", "auto:16777217x1", "auto:auto:64x64"]
RULES = "one of size, sizes, area, limits, and longest or shortest or both"
# Appendix I of the paper on SDXL, as (width, height), up to 2:1.
SDXL = """
    704x1408 704x1344 768x1344 768x1280 832x1216 832x1152 896x1152 896x1088 960x1088 960x1024 1024x1024
    1024x960 1088x960 1088x896 1152x896 1152x832 1216x832 1280x768 1344x768 1408x704
"""
RECOMMENDED = "1024x1024 1152x896 896x1152 1216x832 832x1216 1344x768 768x1344"

sides = st.integers(1, 3000)
# What a photograph may be, and what it may not.
sources = st.tuples(sides, sides) | st.tuples(st.integers(1, MOST), st.integers(1, MOST))
steps = st.sampled_from((None, 1, 2, 7, 8, 32, 64)) | st.integers(1, 400)


def rule(**options):
    names = ("size", "sizes", "area", "longest", "shortest", "multiple_of")
    return as_rule(*(options.get(name) for name in names))


def nearest_multiple(side, step):
    """Find the multiple nearest to an exact side by trying its neighbours; the larger one of two as near."""
    about = int(side / step) * step
    return min((m for m in (about - step, about, about + step) if m > 0), key=lambda m: (abs(m - side), -m))


def nearest_multiple_of_root(square, step):
    """Do the same for a side of which only the square is exact: the middle of two multiples is, too."""
    count = max(1, math.isqrt(int(square)) // step)
    while (Fraction(2 * count + 1, 2) * step) ** 2 <= square:
        count += 1
    while count > 1 and (Fraction(2 * count - 1, 2) * step) ** 2 > square:
        count -= 1
    return count * step


def slow_buckets(area, step, max_aspect):
    """Try every size: one that keeps the area, and would not with a side a step longer; and the largest square."""
    square = max(side for side in range(step, area // step + 1, step) if side * side <= area)
    found = [(square, square)]
    for width in range(step, area // step + 1, step):
        for height in range(step, area // width + 1, step):
            full = width * (height + step) > area or (width + step) * height > area
            if full and Fraction(max(width, height), min(width, height)) <= Fraction(
                *max_aspect.as_integer_ratio()
            ):
                found.append((width, height))
    return sorted(set(found), key=lambda size: Fraction(*size))


def slow_nearest(sizes, width, height):
    """Compare every size with every other, in words: keeps more, or as much and is larger."""
    best = None
    for w, h in sizes:
        a, b = Fraction(w, h), Fraction(width) / Fraction(height)
        kept = min(a / b, b / a)
        if best is None or kept > best[0] or (kept == best[0] and w * h > best[1]):
            best = kept, w * h, (w, h)
    return best[2]


# ---------------------------------------------------------------------------------------------------------------
# Buckets
# ---------------------------------------------------------------------------------------------------------------


def test_buckets_have_the_properties_they_are_made_for():
    found = buckets()
    assert found == buckets(area=1024 * 1024, multiple_of=64, max_aspect=2.0)
    assert all(type(size) is Size and type(side) is int for size in found for side in size)
    assert all(width % 64 == height % 64 == 0 and width * height <= 1024 * 1024 for width, height in found)
    assert all(max(size) <= 2 * min(size) for size in found)
    assert {(height, width) for width, height in found} == set(found)
    aspects = [Fraction(*size) for size in found]
    assert aspects == sorted(set(aspects))


@pytest.mark.parametrize("max_aspect", [1, 1.0, 1.25, 1.5, 2, 2.5, 3.0, 4, 8.5, Fraction(3, 2), np.float32(1.75)])
@pytest.mark.parametrize("multiple_of", [1, 3, 8, 13, 64])
def test_buckets_are_all_that_trying_every_size_finds(multiple_of, max_aspect):
    for steps in (1, 2, 5, 12, 35, 97):
        area = steps * multiple_of**2 + steps % 3
        assert buckets(area, multiple_of, max_aspect) == slow_buckets(area, multiple_of, max_aspect)


@given(st.integers(1, 2500), st.integers(1, 9), st.floats(1, 40))
def test_buckets_are_all_that_trying_every_size_finds_at_any_numbers(area, multiple_of, max_aspect):
    area = max(area, multiple_of**2)
    assert buckets(area, multiple_of, max_aspect) == slow_buckets(area, multiple_of, max_aspect)


@pytest.mark.parametrize(("area", "side"), [(1000 * 1000, 960), (1088 * 1024 - 1, 1024), (64 * 128, 64)])
@pytest.mark.parametrize("max_aspect", [1, 1.01])
def test_an_aspect_that_no_full_bucket_has_leaves_the_square(area, side, max_aspect):
    # A side of the square could be longer, and then it would be none.
    assert buckets(area, 64, max_aspect) == [(side, side)]


def test_the_default_buckets_are_those_of_sdxl_of_which_no_side_could_be_longer():
    found = {str(size) for size in buckets()}
    assert set(RECOMMENDED.split()) <= found <= set(SDXL.split())
    for text in set(SDXL.split()) - found:
        width, height = map(int, text.split("x"))
        assert max((width + 64) * height, width * (height + 64)) <= 1024 * 1024


def test_a_bucket_of_just_the_highest_aspect_is_among_them():
    missing = []
    for short in range(1, 40):
        for long in range(short, 3 * short):
            area = long * short * 8 * 8
            if Size(long * 8, short * 8) not in buckets(area, 8, long / short):
                missing.append(f"{long}:{short}")
    assert missing == []


def test_an_area_of_one_step_is_one_bucket():
    assert buckets(64 * 64, 64) == [(64, 64)]
    assert buckets(1, 1, 1) == [(1, 1)]


def test_buckets_take_integers_of_any_type():
    assert buckets(np.int64(512 * 512), np.uint8(128), np.float64(2)) == [(384, 640), (512, 512), (640, 384)]


@pytest.mark.parametrize("value", [0, -1, 1.0, 4096.0, True, np.True_, "64", None, np.float32(8), [64], 1 << 49])
@pytest.mark.parametrize(("name", "most"), [("area", MOST * MOST), ("multiple_of", MOST)])
def test_buckets_refuse_what_counts_no_pixels(name, most, value):
    with pytest.raises(OptionError) as caught:
        buckets(**{"multiple_of": 1, name: value})
    assert str(caught.value) == f"{name}: expected an integer from 1 to {most}, got {value!r}"


@pytest.mark.parametrize(
    "value",
    [0, -1, 0.999, True, "2", b"2", None, math.nan, math.inf, -math.inf, 10**400, [2], 2j, np.complex64(2)],
    ids=lambda value: repr(value)[:20],
)
def test_buckets_refuse_what_is_no_aspect(value):
    with pytest.raises(OptionError, match=r"^max_aspect: expected a finite number of at least 1, got ") as caught:
        buckets(1024, 8, value)
    assert caught.value.name == "max_aspect"


@pytest.mark.parametrize("area", [1, 63, 4095])
def test_buckets_need_an_area_for_one(area):
    with pytest.raises(OptionError) as caught:
        buckets(area, 64)
    assert str(caught.value) == f"area: expected at least 4096, one 64x64, got {area}"


@pytest.mark.parametrize("max_aspect", ["1e20", "1.7e308"])
def test_an_aspect_that_no_bucket_reaches_takes_no_time(max_aspect):
    # In a process of its own: a loop over every multiple up to such an aspect would never end.
    code = f"import fastfit; print(len(fastfit.buckets(4096 * 3, 64, {max_aspect})))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=5)
    assert int(found.stdout) == 5


@pytest.mark.parametrize("multiple_of", [MOST // 4, MOST * 2 // 3])
def test_every_bucket_is_a_size(multiple_of):
    for size in buckets(MOST * MOST, multiple_of):
        assert Fit(size).size == size


# ---------------------------------------------------------------------------------------------------------------
# The nearest of several sizes
# ---------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=12), sources)
@example([(3, 2), (6, 4), (2, 3)], (1, 1))
@example([(2, 3), (3, 2)], (7, 7))
def test_the_nearest_aspect_is_what_keeps_most(sizes, source):
    assert Fit(sizes=sizes).plan(source).dst == slow_nearest(sizes, *source)


@given(sources)
def test_the_nearest_bucket_is_what_keeps_most(source):
    sizes = buckets(512 * 768, 32, 3)
    assert Fit(sizes=sizes).plan(source).dst == slow_nearest(sizes, *source)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("sizes", "source", "expected"),
    [
        # As near, by what is kept, and not by the difference of the quotients.
        (["40x20", "20x40"], (30, 30), (40, 20)),
        (["20x40", "40x20"], (30, 30), (20, 40)),
        (["40x20", "20x50"], (1, 1), (40, 20)),
        (["20x10", "40x20", "10x5"], (4, 2), (40, 20)),
        (["20x40", "41x41", "80x40"], (1, 1), (41, 41)),
        (["20x40", "60x30"], (1, 1), (60, 30)),
        (["30x40", "30x40", "40x30"], (1, 1), (30, 40)),
        (["10x40", "20x10"], (1, 1), (20, 10)),
    ],
)
def test_of_equally_near_sizes_the_largest_then_the_first(sizes, source, expected):
    assert Fit(sizes=sizes).plan(source).dst == expected


def test_no_size_is_turned_on_its_side():
    spec = Fit("auto:1024x1024/64")
    assert spec.plan((2000, 1000)).dst == (1408, 704)
    assert spec.plan((1000, 2000)).dst == (704, 1408)
    assert spec.plan((10000, 1)).dst == (1408, 704)
    assert spec.plan((1, 10000)).dst == (704, 1408)
    assert Fit(sizes=["40x30"]).plan((1, 10000)).dst == (40, 30)


def test_the_aspect_of_a_box_is_what_counts():
    sizes = ["60x20", "20x60", "40x40"]
    assert Fit(sizes=sizes).plan((300, 100)).dst == (60, 20)
    assert Fit(sizes=sizes, box=(0, 0, 30, 90)).plan((300, 100)).dst == (20, 60)
    assert Fit(sizes=sizes, box=(10.5, 2.25, 30.5, 22.25)).plan((300, 100)).dst == (40, 40)


def test_a_size_is_snapped_before_it_is_compared():
    # 16x20 and 24x24 before, 16x16 and 32x32 after: the square that is larger.
    assert Fit(sizes=[(16, 20), (24, 24)], multiple_of=16).plan((16, 20)).dst == (32, 32)
    assert Fit(sizes=[(16, 23), (30, 30)], multiple_of=16).plan((16, 23)).dst == (32, 32)
    assert Fit(sizes=[(16, 24), (30, 30)], multiple_of=16).plan((16, 23)).dst == (16, 32)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("auto:1024x1024/64", buckets(1024 * 1024, 64)),
        ("auto:1024x1024", buckets(1024 * 1024, 64)),
        ("auto:512x768/32", buckets(512 * 768, 32)),
        ("auto:768X512/32", buckets(512 * 768, 32)),
        (" auto:641×479/7 ", buckets(641 * 479, 7)),
        ("auto:64x64", ((64, 64),)),
    ],
)
def test_auto_is_short_for_buckets(text, sizes):
    assert Fit(text) == Fit(sizes=sizes)
    assert Fit(text).sizes == tuple(sizes)
    assert Fit(text).size is None
    assert Fit(text, multiple_of=48) == Fit(sizes=sizes, multiple_of=48)


@pytest.mark.parametrize(
    "text", ["auto:", "auto:64x64/", "auto:64x64/6.4", "auto:64x64/-8", "auto:64x64/8/8", *NO_SIZE]
)
def test_a_malformed_auto_is_told_its_form(text):
    with pytest.raises(SizeError) as caught:
        Fit(text)
    assert str(caught.value) == f'size: expected "auto:WIDTHxHEIGHT/MULTIPLE", got {text!r}'


@pytest.mark.parametrize(
    ("text", "error", "name"),
    [
        ("AUTO:64x64", SizeError, "size"),
        ("auto 64x64", SizeError, "size"),
        ("auto", SizeError, "size"),
        ("auto:64x64/0", OptionError, "multiple_of"),
        ("auto:64x64/999999999", OptionError, "multiple_of"),
        ("auto:64x64/1000000000", SizeError, "size"),
        ("auto:8x8", OptionError, "area"),
    ],
)
def test_an_auto_of_wrong_numbers_is_an_error(text, error, name):
    with pytest.raises(error, match=f"^{name}: expected ") as caught:
        Fit(text)
    assert type(caught.value) is error
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("sizes", "name"),
    [
        ([], "sizes"),
        ((), "sizes"),
        ("40x30", "sizes"),
        (40, "sizes"),
        ({"40x30"}, "sizes"),
        ({"40x30": 1}, "sizes"),
        (iter(["40x30"]), "sizes"),
        ((40, 30), "sizes[0]"),
        (["40x30", "40"], "sizes[1]"),
        (["40x30", (0, 5)], "sizes[1]"),
        (["40x30", "auto:64x64"], "sizes[1]"),
        (["40x30", None], "sizes[1]"),
    ],
)
def test_sizes_are_a_list_of_sizes(sizes, name):
    with pytest.raises(SizeError) as caught:
        Fit(sizes=sizes)
    assert caught.value.name == name
    assert str(caught.value).startswith(f"{name}: expected {'a list of sizes' if name == 'sizes' else PAIR}, got ")


# ---------------------------------------------------------------------------------------------------------------
# Sizes that follow from the source's
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "source", "expected"),
    [
        ({"area": 512 * 512}, (2000, 1000), (724, 362)),
        ({"area": 512 * 512}, (1000, 2000), (362, 724)),
        ({"area": 512 * 512, "multiple_of": 64}, (2000, 1000), (704, 384)),
        ({"area": 512 * 512}, (10000, 1), (51200, 5)),
        ({"area": 1}, (10000, 1), (100, 1)),
        ({"area": 600}, (300, 200), (30, 20)),
        ({"area": 1024 * 1024}, (3, 3), (1024, 1024)),
        ({"longest": 640}, (2000, 1000), (640, 320)),
        ({"longest": 640}, (1000, 2000), (320, 640)),
        ({"longest": 640}, (10000, 1), (640, 1)),
        ({"longest": 640, "multiple_of": 64}, (2000, 900), (640, 320)),
        ({"longest": 1000, "multiple_of": 64}, (2000, 900), (1024, 448)),
        ({"shortest": 256}, (2000, 1000), (512, 256)),
        ({"shortest": 256}, (1000, 2000), (256, 512)),
        ({"shortest": 256}, (1000, 1501), (256, 384)),
        ({"shortest": 256, "multiple_of": 64}, (1000, 1600), (256, 384)),
        ({"shortest": 256, "multiple_of": 64}, (1600, 1000), (384, 256)),
        ({"shortest": 800, "longest": 1333}, (640, 480), (1067, 800)),
        ({"shortest": 800, "longest": 1333}, (640, 360), (1333, 750)),
        ({"shortest": 800, "longest": 1333}, (360, 640), (750, 1333)),
        ({"shortest": 800, "longest": 700}, (640, 480), (700, 525)),
        ({"size": (641, 479), "multiple_of": 32}, (5, 7), (640, 480)),
        ({"size": "1x1", "multiple_of": 64}, (5, 7), (64, 64)),
        ({"size": (32, 96), "multiple_of": 64}, (5, 7), (64, 128)),
        ({"size": (31, 95), "multiple_of": 64}, (5, 7), (64, 64)),
        ({"sizes": ["100x50", "50x100"], "multiple_of": 8}, (7, 5), (104, 48)),
        ({"area": 512 * 512, "box": (0, 0, 20, 40)}, (2000, 1000), (362, 724)),
        ({"longest": 30, "box": (0.5, 0.25, 10.5, 15.25)}, (2000, 1000), (20, 30)),
    ],
)
def test_a_size_that_follows_from_the_source(options, source, expected):
    spec = Fit(**options)
    assert spec.plan(source).dst == expected
    assert spec(np.zeros(source[::-1], np.uint8)).shape == expected[::-1]


@given(st.integers(1, 1 << 30), sources, steps)
@example(9, (1, 4), None)  # 1.5 and 6: halfway between whole numbers
@example(9, (4, 1), 3)
@example(2 * 2, (25, 1), 4)
@example(216225072075006, (1000, 961), None)  # 15000002.5 and a little less, of which a float knows nothing
def test_area_gives_the_multiples_nearest_to_the_exact_sides(area, source, step):
    width, height = source
    squares = Fraction(area * width, height), Fraction(area * height, width)
    expected = tuple(nearest_multiple_of_root(square, step or 1) for square in squares)
    if max(expected) <= MOST:
        assert rule(area=area, multiple_of=step).size_for(width, height) == expected
    else:
        with pytest.raises(SizeError):
            rule(area=area, multiple_of=step).size_for(width, height)


@given(
    st.integers(1, 5000), st.integers(1, 5000), st.sampled_from(("longest", "shortest", "both")), sources, steps
)
@example(5, 1, "longest", (4, 2), None)  # 5 and 2.5
def test_longest_and_shortest_give_the_multiples_nearest_to_the_exact_sides(
    longest, shortest, which, source, step
):
    options = {"longest": longest} if which == "longest" else {"shortest": shortest}
    options |= {"longest": longest} if which == "both" else {}
    scale = Fraction(shortest, min(source)) if "shortest" in options else Fraction(longest, max(source))
    if which == "both" and scale * max(source) > longest:
        scale = Fraction(longest, max(source))
    expected = tuple(nearest_multiple(side * scale, step or 1) for side in source)
    if max(expected) <= MOST:
        assert rule(**options, multiple_of=step).size_for(*source) == expected
    else:
        with pytest.raises(SizeError):
            rule(**options, multiple_of=step).size_for(*source)


def test_a_side_is_halfway_only_if_it_is_exactly():
    # Of a box: 1.5 less 1 / (2 * width), which a float does not hold, and 1.5.
    width, height = 9007199254740987, 2702159776422296
    assert Fraction(5 * height, width) == Fraction(3, 2) - Fraction(1, 2 * width)
    assert rule(longest=5).size_for(width / 2**40, height / 2**40) == (5, 1)
    assert rule(longest=5).size_for(10.0, 3.0) == (5, 2)


@given(st.integers(1, 5000), st.tuples(sides, sides))
def test_longest_and_shortest_are_met(side, source):
    by_longest, by_shortest = Fit(longest=side).plan(source).dst, Fit(shortest=side).plan(source).dst
    assert max(by_longest) == side
    assert min(by_shortest) == side
    assert by_longest[source[0] < source[1]] == side
    assert by_shortest[source[0] > source[1]] == side


@given(st.integers(1, 5000), st.integers(1, 5000), st.tuples(sides, sides))
def test_longest_is_a_cap_of_shortest(longest, shortest, source):
    found, free = Fit(longest=longest, shortest=shortest).plan(source).dst, Fit(shortest=shortest).plan(source).dst
    assert max(found) <= longest
    assert min(found) <= shortest
    assert max(found) == longest or min(found) == shortest
    if max(free) <= longest:
        assert found == free


@given(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), st.integers(1, 500), sources)
def test_a_given_size_is_snapped_whatever_the_source(size, step, source):
    expected = tuple(nearest_multiple(Fraction(side), step) for side in size)
    assert Fit(size, multiple_of=step).plan(source).dst == expected
    assert Fit(sizes=[size], multiple_of=step).plan(source).dst == expected


@given(
    st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90)), min_size=1, max_size=6),
    st.integers(1, 40),
    sources,
)
def test_several_sizes_are_snapped(sizes, step, source):
    snapped = [tuple(nearest_multiple(Fraction(side), step) for side in size) for size in sizes]
    assert Fit(sizes=sizes, multiple_of=step).plan(source).dst == slow_nearest(snapped, *source)


@pytest.mark.parametrize(
    ("options", "source", "got"),
    [
        ({"area": 1 << 48}, (2, 1), "23726566x11863283 for a source of 2x1"),
        ({"shortest": 2000}, (10000, 1), "20000000x2000 for a source of 10000x1"),
        ({"shortest": 2000}, (1, 10000), "2000x20000000 for a source of 1x10000"),
        ({"longest": MOST, "multiple_of": 6}, (2, 1), "16777218x8388606 for a source of 2x1"),
        ({"size": (5, MOST), "multiple_of": 6}, (3, 4), "6x16777218 for a source of 3x4"),
        ({"sizes": [(5, MOST)], "multiple_of": 6}, (3, 4), "6x16777218 for a source of 3x4"),
    ],
)
def test_a_side_longer_than_any_may_be_is_an_error(options, source, got):
    with pytest.raises(SizeError):
        Fit(**options).plan(source)
    with pytest.raises(SizeError) as caught:
        rule(**options).size_for(*source)
    assert str(caught.value) == f"size: expected sides up to 16777216, got {got}"


def test_the_longest_side_that_may_be_is_no_error():
    assert Fit(longest=MOST).plan((2, 1)).dst == (MOST, MOST // 2)
    assert Fit(size=(MOST, 5), multiple_of=8).plan((2, 1)).dst == (MOST, 8)


# ---------------------------------------------------------------------------------------------------------------
# Rules that are none
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "got"),
    [
        ({}, "none of them"),
        ({"multiple_of": 8}, "none of them"),
        ({"mode": "pad"}, "none of them"),
        ({"size": "40x30", "sizes": ["40x30"]}, "size and sizes"),
        ({"size": "40x30", "area": 5}, "size and area"),
        ({"size": "auto:64x64", "area": 5}, "size and area"),
        ({"size": "auto:64x64", "sizes": ["40x30"]}, "size and sizes"),
        ({"size": "40x30", "longest": 5}, "size and longest"),
        ({"sizes": ["40x30"], "shortest": 5}, "sizes and shortest"),
        ({"area": 5, "longest": 5}, "area and longest"),
        ({"area": 5, "longest": 5, "shortest": 5}, "area and longest and shortest"),
        ({"size": "40x30", "longest": 5, "shortest": 5}, "size and longest and shortest"),
        # A value that is wrong, too, is given all the same.
        ({"size": "40x30", "area": 0}, "size and area"),
        ({"size": "", "sizes": []}, "size and sizes"),
    ],
)
def test_one_rule_is_given(options, got):
    with pytest.raises(OptionError) as caught:
        Fit(**options)
    assert str(caught.value) == f"size: expected {RULES}, got {got}"
    assert caught.value.name == "size"


@pytest.mark.parametrize(
    "value", [0, -1, 1.0, 0.5, True, np.True_, "5", [5], np.float32(5), np.array([5, 6]), 1 << 49]
)
@pytest.mark.parametrize(
    ("name", "most", "others"),
    [
        ("area", MOST * MOST, {}),
        ("longest", MOST, {}),
        ("longest", MOST, {"shortest": 5}),
        ("shortest", MOST, {}),
        ("shortest", MOST, {"longest": 5}),
        ("multiple_of", MOST, {"size": "40x30"}),
        ("multiple_of", MOST, {"area": 5}),
        ("multiple_of", MOST, {"size": "auto:64x64"}),
    ],
)
def test_a_rule_counts_pixels(name, most, others, value):
    with pytest.raises(OptionError) as caught:
        Fit(**others, **{name: value})
    assert caught.value.name == name
    assert str(caught.value) == f"{name}: expected an integer from 1 to {most}, got {value!r}"


@pytest.mark.parametrize("name", ["area", "longest", "shortest"])
def test_a_rule_goes_up_to_the_most(name):
    most = MOST * MOST if name == "area" else MOST
    assert getattr(Fit(**{name: most}), name) == most
    with pytest.raises(OptionError, match=f"^{name}: expected an integer from 1 to {most}, got {most + 1}$"):
        Fit(**{name: most + 1})


def test_a_rule_is_read_into_plain_values():
    read = rule(longest=np.int16(5), shortest=np.uint64(4), multiple_of=np.int8(2))
    assert read == (None, None, None, 5, 4, 2, None)
    assert {type(value) for value in read if value is not None} == {int}
    assert rule(sizes=np.array([[4, 3], [3, 4]])).sizes == (Size(4, 3), Size(3, 4))
    assert type(rule(sizes=[[4, 3]]).sizes[0]) is Size
