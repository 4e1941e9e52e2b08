import numpy as np
import pytest

from fastfit import Box, OptionError, Size, SizeError
from fastfit.types import as_box, as_size

PAIR = 'two integers (width, height) from 1 to 16777216 or "WIDTHxHEIGHT"'


@pytest.mark.parametrize(
    "value",
    [
        Size(1280, 720),
        (1280, 720),
        [1280, 720],
        np.array([1280, 720]),
        (np.int16(1280), np.uint64(720)),
        "1280x720",
        "1280X720",
        "1280×720",
        " 1280 x 720 ",
        "01280x00720",
    ],
)
def test_as_size_reads(value):
    size = as_size(value)
    assert size == Size(1280, 720)
    assert [type(side) for side in size] == [int, int]
    assert type(size) is Size


@pytest.mark.parametrize("size", [Size(1, 1), Size(1280, 720), Size(7, 100_000)])
def test_size_survives_its_string(size):
    assert as_size(str(size)) == size


def test_size_is_written_width_first():
    assert str(Size(width=1280, height=720)) == "1280x720"


@pytest.mark.quick
@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        (),
        (5,),
        (5, 6, 7),
        (0, 5),
        (5, 0),
        (-1, 5),
        (5.0, 6),
        (np.float32(5), 6),
        (True, 5),
        (5, np.True_),
        ("5", "6"),
        (None, 6),
        np.array([5.0, 6.0]),
        np.array([[5], [6]]),
        np.array(5),
        "",
        "x",
        "5",
        "5x",
        "0x5",
        "-5x6",
        "5x6x7",
        "5.0x6",
        "5,6",
        "5*6",
        "٥x٦",
        "1000000000x1",
    ],
    ids=repr,
)
def test_as_size_refuses(value):
    with pytest.raises(SizeError, match=r"^target: expected ") as caught:
        as_size(value, "target")
    assert caught.value.name == "target"
    assert caught.value.expected == PAIR
    assert "\n" not in caught.value.got


@pytest.mark.parametrize("value", [{3, 4}, frozenset((3, 4)), {3: 0, 4: 0}, b"43"], ids=repr)
def test_as_size_refuses_what_is_no_sequence_of_numbers(value):
    # Two integers can be read from each of these, but a set has no order, and bytes are character codes.
    with pytest.raises(SizeError):
        as_size(value)


def test_as_size_says_what_was_wrong():
    with pytest.raises(SizeError) as caught:
        as_size((5, 0))
    assert str(caught.value) == f"size: expected {PAIR}, got (5, 0)"


def test_box_has_extents():
    box = Box(1.5, 2, 4, 10)
    assert (box.width, box.height) == (2.5, 8)


@pytest.mark.parametrize(
    "value",
    [(0, 0, 40, 30), (0.0, 0.0, 40.0, 30.0), [39.5, 29.5, 40, 30], np.array([1, 2, 3, 4]), Box(1, 1, 2, 2)],
)
def test_as_box_reads(value):
    box = as_box(value, Size(40, 30))
    assert box == Box(*value)
    assert [type(side) for side in box] == [float] * 4


@pytest.mark.quick
@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        (0, 0, 5),
        (0, 0, 5, 5, 5),
        (0, 0, 0, 5),
        (0, 5, 5, 5),
        (5, 0, 0, 5),
        (-0.1, 0, 5, 5),
        (0, -0.1, 5, 5),
        (0, 0, 40.1, 5),
        (0, 0, 5, 30.1),
        (0, 0, float("nan"), 5),
        (float("-inf"), 0, 5, 5),
        (None, 0, 5, 5),
        "whole",
    ],
    ids=repr,
)
def test_as_box_refuses(value):
    with pytest.raises(OptionError, match=r"^part: expected ") as caught:
        as_box(value, Size(40, 30), "part")
    assert caught.value.expected == "(left, top, right, bottom) within 40x30 and not empty"


@pytest.mark.parametrize(
    "value", ["0055", ("0", "0", "5", "5"), (0, 0, 10**400, 5)], ids=["text", "texts", "huge"]
)
def test_as_box_refuses_what_float_reads_or_chokes_on(value):
    with pytest.raises(OptionError):
        as_box(value, Size(40, 30))


def test_sides_are_at_most_what_a_c_float_counts_to():
    assert as_size((1 << 24, 1)) == Size(1 << 24, 1)
    for sides in (((1 << 24) + 1, 1), (10**400, 1)):
        with pytest.raises(SizeError, match="from 1 to 16777216"):
            as_size(sides)
