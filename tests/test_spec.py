import copy
import dataclasses
import json
import math
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture
from PIL import Image

from fastfit import Box, Fit, ImageError, OptionError, Size, SizeError, buckets, plan
from fastfit.spec import Options
from fastfit.words import CONVOLUTIONS, MODES, RESAMPLES

INTERPOLATIONS = RESAMPLES[len(CONVOLUTIONS) :]
NAMES = [field.name for field in dataclasses.fields(Fit) if not field.name.startswith("_")]
DTYPES = ("uint8", "float16", "float32")


def fit(**options):
    """Build a spec; what is not about sizes has some size."""
    ruled = options.keys() & {"size", "sizes", "area", "longest", "shortest"}
    return Fit(**options) if ruled else Fit("40x30", **options)


def evaluated(spec):
    return eval(repr(spec), {"Fit": Fit})


def through_json(spec):
    return Fit.from_dict(json.loads(json.dumps(spec.to_dict())))


WAYS_BACK = {
    **{f"pickle {number}": number for number in range(pickle.HIGHEST_PROTOCOL + 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "replace": dataclasses.replace,
    "repr": evaluated,
    "json": through_json,
    "dict": lambda spec: Fit.from_dict(spec.to_dict()),
    "keywords": lambda spec: Fit(**spec.to_dict()),
}


def back(way, spec):
    return WAYS_BACK[way](spec) if callable(WAYS_BACK[way]) else pickle.loads(pickle.dumps(spec, WAYS_BACK[way]))


# ---------------------------------------------------------------------------------------------------------------
# A spec of any options
# ---------------------------------------------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = (
    finite | st.integers(-(10**9), 10**9) | st.floats(-9, 9, width=32).map(np.float32) | finite.map(np.float64)
)
divisors = numbers.filter(bool)
pixels = st.integers(1, 5000) | st.integers(1, 5000).map(np.int32)
pairs = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
sizes = (
    pairs
    | pairs.map(list)
    | pairs.map(np.array)
    | pairs.map("{0[0]}x{0[1]}".format)
    | pairs.map(lambda p: Size(*p))
)
rules = st.one_of(
    st.fixed_dictionaries({"size": sizes}),
    st.fixed_dictionaries({"size": st.sampled_from(("auto:64x48/8", "auto:512x768/32", "auto:1024x1024"))}),
    st.fixed_dictionaries(
        {"sizes": st.lists(sizes, min_size=1, max_size=4) | st.lists(pairs, min_size=1).map(tuple)}
    ),
    st.fixed_dictionaries({"area": pixels}),
    st.fixed_dictionaries({"longest": pixels}, optional={"shortest": pixels}),
    st.fixed_dictionaries({"shortest": pixels}),
)
corners = st.tuples(st.floats(0, 999), st.integers(0, 999), st.integers(1000, 10**9), st.floats(1000, 1e30))
boxes = corners | corners.map(lambda box: tuple(np.float64(edge) for edge in box))
shares = st.floats(0, 1) | st.sampled_from((0, 1))


def lists_of(elements, *counts):
    lists = st.one_of(*(st.lists(elements, min_size=count, max_size=count) for count in counts))
    return lists | lists.map(tuple) | lists.map(np.array)


@st.composite
def options(draw):
    """Draw options that go together, each in one of the ways to write it."""
    channels = draw(st.sampled_from((None, 1, 3, 4)))
    counts = (1, channels) if channels else (1, 2, 3, 4)
    resample = draw(st.sampled_from(RESAMPLES))
    gaps = (
        st.none()
        if resample in INTERPOLATIONS
        else st.none() | st.floats(1, 100) | st.sampled_from((2, np.int8(3)))
    )
    others = st.fixed_dictionaries(
        {},
        optional={
            "mode": st.sampled_from(MODES),
            "resample": st.just(resample),
            "centering": st.tuples(shares, shares) | st.lists(shares, min_size=2, max_size=2),
            "fill": numbers | lists_of(numbers, 1, 2, 3, 4),
            "box": boxes | boxes.map(list) | boxes.map(np.array) | boxes.map(lambda box: Box(*box)) | st.none(),
            "alpha": st.booleans() | st.booleans().map(np.bool_),
            "multiple_of": pixels,
            "layout": st.sampled_from(("HWC", "CHW")),
            "dtype": st.sampled_from(
                (None, *DTYPES, np.uint8, np.float16, np.float32, np.dtype("float32"), np.dtype("float16"))
            ),
            "scale": st.none() | numbers,
            "mean": st.none() | numbers | lists_of(numbers, *counts),
            "std": st.none() | divisors | lists_of(divisors, *counts),
        },
    )
    gap = {"reducing_gap": draw(gaps), "resample": resample} if draw(st.booleans()) else {}
    return {**draw(rules), **draw(others), **gap, "channels": channels}


def is_plain(value):
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


@given(options())
def test_a_spec_comes_back_equal_every_way(written):
    spec = Fit(**written)
    for way in WAYS_BACK:
        again = back(way, spec)
        assert type(again) is Fit, way
        assert again == spec, way
        assert hash(again) == hash(spec), way
        assert repr(again) == repr(spec), way
        # What is not compared must be there as well.
        assert (again._rule, again._look) == (spec._rule, spec._look), way


@given(options())
def test_a_spec_holds_plain_values(written):
    spec = Fit(**written)
    assert all(is_plain(getattr(spec, name)) for name in NAMES)
    assert list(spec.to_dict()) == NAMES
    assert json.loads(json.dumps(spec.to_dict())) == spec.to_dict()


@given(options())
def test_options_left_out_have_their_defaults(written):
    spec = Fit(**written)
    defaults = {field.name: field.default for field in dataclasses.fields(Fit) if field.init}
    options = spec.to_dict()
    assert Fit.from_dict({name: value for name, value in options.items() if value != defaults[name]}) == spec
    assert Fit(**{**defaults, **written}) == spec


@pytest.mark.quick
@pytest.mark.parametrize("way", WAYS_BACK)
def test_a_spec_that_came_back_works(way):
    image = picture("holes", (61, 97, 4))
    spec = Fit(
        sizes=["40x30", "30x40", "50x30"],
        resample="bicubic",
        channels=3,
        layout="CHW",
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        fill=(255, 128, 0),
        box=(1.5, 2, 96, 60.25),
    )
    again = back(way, spec)
    np.testing.assert_array_equal(again(image), spec(image))
    assert again.plan((97, 61)) == spec.plan((97, 61))
    assert again.form(image) == spec.form(image) == ((3, 30, 50), np.float32)


# ---------------------------------------------------------------------------------------------------------------
# Equal specs
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        [
            {"size": (40, 30)},
            {"size": "40x30"},
            {"size": [40, 30]},
            {"size": np.array([40, 30])},
            {"size": " 40X30 "},
        ],
        [{"sizes": ["40x30", (7, 5)]}, {"sizes": ((40, 30), [7, 5])}, {"sizes": np.array([[40, 30], [7, 5]])}],
        [{"sizes": buckets(64 * 48, 8)}, {"size": "auto:64x48/8"}, {"size": "auto:48x64/8"}],
        [{"area": 4096}, {"area": np.uint16(4096)}, {"area": np.array(4096)}],
        [{"longest": 40, "shortest": 30}, {"longest": np.int8(40), "shortest": np.int64(30)}],
        [{"shortest": 40, "multiple_of": 8}, {"shortest": 40, "multiple_of": np.uint8(8)}],
        [{}, {"mode": "cover"}, {"mode": np.str_("cover")}],
        [{"resample": "box"}, {"resample": np.str_("box")}],
        [{"layout": "CHW"}, {"layout": np.str_("CHW")}],
        [
            {},
            {"alpha": True},
            {"alpha": np.True_},
            {"box": None},
            {"dtype": None},
            {"channels": None},
            {"mean": None},
        ],
        [{"channels": 3}, {"channels": np.int64(3)}, {"channels": np.uint8(3)}],
        [{"dtype": each} for each in ("float32", np.float32, np.dtype("f4"), np.single, np.str_("float32"))],
        [{"dtype": each} for each in ("float16", np.float16, np.dtype("float16"), np.half)],
        [{"dtype": each} for each in ("uint8", np.uint8, np.dtype(np.uint8), np.ubyte)],
        [{"scale": 0.5}, {"scale": np.float32(0.5)}, {"scale": np.array(0.5)}, {"scale": 0.5, "dtype": "float32"}],
        [{"scale": 2}, {"scale": 2.0}, {"scale": np.int8(2)}, {"scale": np.array(2)}, {"scale": Fraction(2)}],
        [
            {"reducing_gap": 2},
            {"reducing_gap": 2.0},
            {"reducing_gap": np.float16(2)},
            {"reducing_gap": np.array(2)},
        ],
        [{"mean": each} for each in (0.5, [0.5], (0.5,), np.float32(0.5), np.array(0.5), np.array([0.5]))],
        [{"std": each} for each in (2, 2.0, [2], np.uint8(2), np.array(2.0), [np.float64(2)])],
        [{"mean": each} for each in ([1, 0.5, 2], (1.0, 0.5, 2.0), np.array([1, 0.5, 2], np.float32))],
        [{"std": each} for each in ([1, 2, 3], range(1, 4), (np.int8(1), np.float32(2), np.array(3)))],
        [{"fill": each} for each in ([1, 2, 3], range(1, 4), (np.int8(1), np.float32(2), np.array(3)))],
        [{"fill": each} for each in (0.5, np.float16(0.5), np.array(0.5), [0.5], (0.5,), np.array([0.5]))],
        [{"box": each} for each in ((0, 1, 5, 5.5), [0, 1, 5, 5.5], Box(0, 1, 5, 5.5), np.array([0, 1, 5, 5.5]))],
        [{"box": each} for each in ((0, 1, 5, 5.5), (np.int8(0), np.float32(1), np.array(5), Fraction(11, 2)))],
        [{"centering": each} for each in ((0, 0.5), [0.0, 0.5], np.array([0, 0.5]), (np.int8(0), Fraction(1, 2)))],
    ],
    ids=lambda written: "-".join(written[0]) or "defaults",
)
def test_equal_specs_are_equal_however_they_were_written(written):
    specs = [fit(**each) for each in written]
    assert set(specs) == {specs[0]}
    assert {repr(spec) for spec in specs} == {repr(evaluated(spec)) for spec in specs}
    for spec in specs:
        assert spec == specs[0]
        assert spec.to_dict() == specs[0].to_dict()
        assert all(is_plain(getattr(spec, name)) for name in NAMES)


DIFFERENT = [
    {"size": "40x30"},
    {"size": "30x40"},
    {"size": "40x30", "multiple_of": 8},
    {"sizes": ["40x30"]},
    {"sizes": ["40x30", "30x40"]},
    {"sizes": ["30x40", "40x30"]},
    {"area": 40},
    {"longest": 40},
    {"shortest": 40},
    {"longest": 40, "shortest": 40},
    *({"size": "40x30", "mode": mode} for mode in MODES[1:]),
    *({"size": "40x30", "resample": resample} for resample in RESAMPLES[1:]),
    *({"size": "40x30", "centering": centering} for centering in ((0, 1), (1, 0))),
    *({"size": "40x30", "fill": fill} for fill in (1, (1, 2), (2, 1))),
    {"size": "40x30", "box": (0, 0, 9, 9)},
    {"size": "40x30", "crop_bounds": (0, 0, 0.5, 0.5)},
    {"size": "40x30", "max_crop": 0.5},
    {"limits": {"min_side": 40}},
    {"limits": {"max_side": 40}},
    *({"size": "40x30", "fill": fill} for fill in ("edge", "reflect", "blur")),
    *({"size": "40x30", "centering": centering} for centering in ("attention", "entropy")),
    {"size": "40x30", "reducing_gap": 2},
    {"size": "40x30", "alpha": False},
    *({"size": "40x30", "channels": channels} for channels in (1, 3, 4)),
    {"size": "40x30", "layout": "CHW"},
    *({"size": "40x30", "dtype": dtype} for dtype in DTYPES),
    *({"size": "40x30", "scale": scale} for scale in (0.5, 1)),
    *({"size": "40x30", "mean": mean} for mean in (0, (0, 1), (1, 0))),
    *({"size": "40x30", "std": std} for std in (1, (1, 2), (2, 1))),
]


def test_every_option_makes_a_difference():
    specs = [Fit(**written) for written in DIFFERENT]
    for at, spec in enumerate(specs):
        assert [spec == other for other in specs] == [at == other for other in range(len(specs))]
    assert len(set(specs)) == len({repr(spec) for spec in specs}) == len(specs)
    assert {name for written in DIFFERENT for name in written} == set(NAMES)


def test_a_spec_equals_nothing_but_specs():
    spec = Fit("40x30")
    assert spec != repr(spec)
    assert spec != spec.to_dict()
    assert spec != (40, 30)


def test_a_spec_takes_no_attribute_and_loses_none():
    spec = Fit("40x30")
    for name in [*NAMES, "_rule", "_look"]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(spec, name)
    # Python 3.11 and 3.12 confuse the two where a frozen class has slots.
    with pytest.raises((AttributeError, TypeError)):
        spec.other = 1
    assert not hasattr(spec, "__dict__")


def test_what_was_given_may_change_afterwards():
    size, fill, mean, sizes = np.array([40, 30]), [1, 2, 3], np.array([1.0, 2, 3]), [[40, 30], [30, 40]]
    one, other = Fit(size, fill=fill, mean=mean), Fit(sizes=sizes)
    before = repr(one), repr(other)
    size[:] = mean[:] = fill[0] = sizes[0][0] = 9
    sizes.append([9, 9])
    assert (repr(one), repr(other)) == before


def test_to_dict_is_the_callers():
    spec = Fit(sizes=["40x30"], mean=(1, 2, 3))
    options = spec.to_dict()
    options["sizes"][0][0] = options["mean"][0] = 9
    assert spec == Fit(sizes=["40x30"], mean=(1, 2, 3))


# ---------------------------------------------------------------------------------------------------------------
# Representations
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (Fit("40x30"), "Fit(size=(40, 30))"),
        (Fit(size=Size(40, 30), mode="cover", fill=0.0, alpha=True), "Fit(size=(40, 30))"),
        (Fit("40x30", "pad", "box"), "Fit(size=(40, 30), mode='pad', resample='box')"),
        (Fit(sizes=["40x30", "3x4"], alpha=False), "Fit(alpha=False, sizes=((40, 30), (3, 4)))"),
        (Fit("auto:16x16/8"), "Fit(sizes=((16, 16),))"),
        (Fit(longest=9, shortest=5, multiple_of=2), "Fit(longest=9, shortest=5, multiple_of=2)"),
        (Fit(area=9, scale=2), "Fit(area=9, dtype='float32', scale=2)"),
        (Fit(area=9, mean=0.5, std=[1, 2]), "Fit(area=9, dtype='float32', mean=(0.5,), std=(1, 2))"),
        (Fit(area=9, dtype=np.float16, layout="CHW"), "Fit(area=9, layout='CHW', dtype='float16')"),
        (Fit(area=9, box=Box(0, 0, 5, 5)), "Fit(box=(0, 0, 5, 5), area=9)"),
    ],
    ids=str,
)
def test_repr_shows_what_is_not_the_default(spec, text):
    assert repr(spec) == str(spec) == text
    assert evaluated(spec) == spec


def test_to_dict_has_every_option():
    assert Fit("40x30", "pad", fill=(1, 2, 3), dtype=np.float16).to_dict() == {
        "size": [40, 30],
        "mode": "pad",
        "resample": "lanczos",
        "centering": [0.5, 0.5],
        "fill": [1, 2, 3],
        "box": None,
        "crop_bounds": None,
        "max_crop": 0.25,
        "reducing_gap": None,
        "alpha": True,
        "sizes": None,
        "area": None,
        "longest": None,
        "shortest": None,
        "multiple_of": None,
        "limits": None,
        "channels": None,
        "layout": "HWC",
        "dtype": "float16",
        "scale": None,
        "mean": None,
        "std": None,
    }
    assert Fit(sizes=["40x30", "3x4"]).to_dict()["sizes"] == [[40, 30], [3, 4]]


@pytest.mark.parametrize("name", ["colour", "Size", "", "_rule", "_look", "__class__", "out", 5, None])
def test_from_dict_refuses_other_names(name):
    with pytest.raises(OptionError) as caught:
        Fit.from_dict({"size": "40x30", name: None})
    assert str(caught.value) == f"options: expected names among {', '.join(NAMES)}, got {name!r}"


def test_from_dict_checks_as_the_class_does():
    assert Fit.from_dict({"size": "40x30"}) == Fit("40x30")
    assert Fit.from_dict({"area": 5, "mode": "pad"}) == Fit(area=5, mode="pad")
    with pytest.raises(OptionError, match=r"^size: expected one of .* got none of them$"):
        Fit.from_dict({})
    with pytest.raises(SizeError, match=r"^size: expected two integers"):
        Fit.from_dict({"size": [40]})
    with pytest.raises(OptionError, match=r"^std: expected numbers other than 0"):
        Fit.from_dict({"size": [40, 30], "std": [0]})


def test_from_dict_makes_what_it_is_called_on():
    class Mine(Fit):
        pass

    made = Mine.from_dict(Fit("40x30", "pad").to_dict())
    assert type(made) is Mine
    assert made.to_dict() == Fit("40x30", "pad").to_dict()


def test_replace_checks_and_computes_anew():
    spec = Fit("40x30", scale=0.5)
    assert dataclasses.replace(spec, size="30x40").plan((97, 61)).dst == (30, 40)
    assert dataclasses.replace(spec, size=None, longest=50) == Fit(longest=50, scale=0.5)
    assert dataclasses.replace(spec, layout="CHW").form(np.zeros((5, 7), np.uint8)) == ((1, 30, 40), np.float32)
    with pytest.raises(OptionError, match=r"^std: "):
        dataclasses.replace(spec, std=0)
    with pytest.raises(OptionError, match=r"got size and area$"):
        dataclasses.replace(spec, area=5)


def test_the_typed_options_are_those_of_the_spec():
    types = {field.name: field.type for field in dataclasses.fields(Fit)}
    assert list(Options.__annotations__) == [name for name in NAMES if name not in ("size", "mode")]
    assert {name: types[name] for name in Options.__annotations__} == Options.__annotations__
    assert Options.__required_keys__ == frozenset()


# ---------------------------------------------------------------------------------------------------------------
# Bad options
# ---------------------------------------------------------------------------------------------------------------

NAN, INF = math.nan, math.inf
NO_NUMBER = [
    "1",
    b"1",
    True,
    np.False_,
    NAN,
    INF,
    -INF,
    1j,
    10**400,
    [1],
    (),
    {1},
    np.array([1.0]),
    np.complex64(1),
    object,
]
NO_NUMBERS = [
    "1",
    b"1",
    NAN,
    INF,
    1j,
    10**400,
    [],
    (),
    {1, 2},
    {1: 2},
    [NAN],
    [1, INF, 1],
    ["1"],
    [None],
    [1, "1", 1],
]
NO_NUMBERS += [
    True,
    np.True_,
    [1, True, 1],
    bytearray(b"123"),
    {1: 2, 3: 4, 5: 6},
    [[1, 2, 3]],
    np.ones((3, 1)),
    np.ones((3, 1, 1)),
    np.array("1"),
    iter([1.0]),
    Decimal("nan"),
    object,
]
BAD = {
    "mode": ["fit", "PAD", "", b"pad", 0, True, None, ["pad"], np.array(["pad", "cover"])],
    "resample": [
        "LANCZOS",
        "",
        b"box",
        0,
        1,
        None,
        ["box"],
        {"box"},
        np.array(["box", "area"]),
        Image.Resampling.BOX,
    ],
    "alpha": [0, 1, "True", None, [], np.array([True, False]), np.int8(1)],
    "channels": [0, 2, 5, -1, 3.0, True, "3", "RGB", [3], (3,), NAN, np.float32(3), np.array([1, 3])],
    "layout": [
        "hwc",
        "chw",
        "NCHW",
        "",
        None,
        0,
        b"HWC",
        ["HWC"],
        ("H", "W", "C"),
        {"HWC"},
        np.array(["HWC", "CHW"]),
    ],
    "dtype": [
        "",
        "float64",
        np.float64,
        float,
        int,
        bool,
        "uint16",
        np.uint16,
        "int8",
        "i4",
        "O",
        "S",
        "U5",
        "M8",
    ],
    "scale": [*NO_NUMBER, [1 / 255] * 3, (1,)],
    "reducing_gap": [*NO_NUMBER, 0, 0.999, -2, (2, 2)],
    "mean": NO_NUMBERS,
    "std": [
        *NO_NUMBERS,
        0,
        0.0,
        -0.0,
        [0],
        [1, 0, 1],
        np.zeros(3),
        np.float32(0),
        np.int8(0),
        np.array(0.0),
    ],
    "fill": NO_NUMBERS,
    "box": [
        *NO_NUMBERS,
        5,
        [1] * 3,
        [1] * 5,
        (5, 0, 5, 9),
        (0, 9, 5, 9),
        (5, 0, 0, 9),
        (-0.1, 0, 5, 9),
        (0, -1, 5, 9),
    ],
    "centering": [
        "01",
        0.5,
        (),
        (0.5,),
        (0, 0, 0),
        (NAN, 0),
        (0, INF),
        (-0.001, 0),
        (0, 1.001),
        ("0", "1"),
        (1j, 0),
        (True, 0),
        {0, 1},
        b"\x00\x01",
    ],
}
BAD["dtype"] += [
    [("a", "f4"), ("a", "f4")],
    ">f4",
    np.dtype(">f4"),
    "a",
    "f4,",
    np.dtype("2f4"),
    5,
    0.5,
    True,
    [],
    {},
    object(),
    ["f4"],
    [("a", "f4")],
    "f4,f4",
    "f4,(",
    "3f4",
    "float32 ",
    "FLOAT32",
]


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD.items() for value in values],
    ids=lambda value: repr(value).split("\n")[0].split(" at 0x")[0][:30],
)
def test_a_bad_option_is_named_when_the_spec_is_built(name, value):
    with pytest.raises(OptionError) as caught:
        fit(**{name: value})
    assert type(caught.value) is OptionError
    assert caught.value.name == name
    message = str(caught.value)
    assert message.startswith(f"{name}: expected ")
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "chw"}, "layout: expected one of HWC, CHW, got 'chw'"),
        ({"dtype": "float64"}, "dtype: expected one of uint8, float16, float32, got 'float64'"),
        ({"dtype": np.int8}, "dtype: expected one of uint8, float16, float32, got 'int8'"),
        ({"channels": 2}, "channels: expected None or one of 1, 3, 4, got 2"),
        ({"mean": [1, 2], "channels": 3}, "mean: expected 1 or 3 numbers, got [1, 2]"),
        ({"std": [1, 2, 3], "channels": 4}, "std: expected 1 or 4 numbers, got [1, 2, 3]"),
        ({"std": (1, 0, 1)}, "std: expected numbers other than 0, got (1, 0, 1)"),
        ({"std": ()}, "std: expected one or more finite numbers, got ()"),
        (
            {"fill": "white"},
            "fill: expected #rgb, #rrggbb, #rrggbbaa, numbers, or one of edge, reflect, blur, got 'white'",
        ),
        ({"box": [1, 2, 3]}, "box: expected 4 finite numbers, got [1, 2, 3]"),
        ({"reducing_gap": 0.5}, "reducing_gap: expected a number of at least 1, got 0.5"),
        ({"reducing_gap": 2, "resample": "area"}, "reducing_gap: expected None with OpenCV's 'area', got 2"),
        ({"alpha": 1}, "alpha: expected True or False, got 1"),
        ({"centering": (0, 2)}, "centering: expected two numbers (x, y) in [0, 1], got (0, 2)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_option_is_told_what_it_should_be(options, message):
    with pytest.raises(OptionError) as caught:
        fit(**options)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["scale", "reducing_gap"])
@pytest.mark.parametrize("value", ["1", math.nan, [2]], ids=repr)
def test_one_bad_number_is_shown_as_it_was_given(name, value):
    with pytest.raises(OptionError) as caught:
        fit(**{name: value})
    assert caught.value.got == repr(value)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", ["mean", "std"])
def test_levels_are_one_or_one_for_each_channel(name, channels):
    for count in range(1, 6):
        written = {"channels": channels, name: [2] * count}
        if count in (1, channels):
            assert getattr(fit(**written), name) == (2,) * count
        else:
            with pytest.raises(OptionError, match=f"^{name}: expected 1 or {channels} numbers, got "):
                fit(**written)


@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_a_reducing_gap_is_none_of_opencvs(resample):
    with pytest.raises(OptionError, match=f"^reducing_gap: expected None with OpenCV's '{resample}', got 1.5$"):
        fit(resample=resample, reducing_gap=1.5)
    assert fit(resample=resample, reducing_gap=None) == fit(resample=resample)


@pytest.mark.parametrize(
    "number", [Fraction(1, 3), Decimal("0.1"), np.float16(0.1), np.longdouble(0.1), np.array(0.1), 10**30]
)
@pytest.mark.parametrize("name", ["scale", "mean", "std", "fill", "box"])
def test_numbers_of_any_type_are_stored_as_plain_ones(name, number):
    written = {"scale": [number], "box": [(0, 0, number, number)]}.get(name, [number, [number] * 3])
    for values in written:
        spec = fit(**{name: values})
        assert spec == evaluated(spec) == through_json(spec)
        assert hash(spec) == hash(through_json(spec))
        stored = np.ravel(np.array(getattr(spec, name), object))
        assert {type(each) for each in stored} <= {int, float}
        assert float(stored[-1]) == float(number)


@pytest.mark.parametrize("scale", [Fraction(1, 255), Decimal("0.00390625"), np.array(1 / 255)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_scale_of_any_type_scales(scale, dtype):
    image = picture("smooth", (5, 7, 3), dtype)
    expected = (image * np.float64(scale)).astype(np.float32)
    np.testing.assert_allclose(Fit("7x5", scale=scale)(image), expected, rtol=2e-6)


# ---------------------------------------------------------------------------------------------------------------
# What an option says of others
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"scale": 2}, {"mean": 0}, {"std": 1}, {"scale": 1, "mean": 0, "std": 1}])
def test_a_result_that_is_computed_is_float32(options):
    assert fit(**options).dtype == "float32"
    assert fit(**options, dtype=None).dtype == "float32"
    assert fit(**options, dtype="uint8").dtype == "uint8"
    assert fit(**options, dtype="float16").dtype == "float16"


@pytest.mark.parametrize("options", [{}, {"channels": 3}, {"layout": "CHW"}, {"fill": 0.5}, {"reducing_gap": 2.0}])
def test_a_result_that_is_not_computed_has_the_images_dtype(options):
    assert fit(**options).dtype is None


def test_positions_are_size_mode_resample():
    assert Fit("40x30", "pad", "box") == Fit(size="40x30", mode="pad", resample="box")


@pytest.mark.parametrize("name", ["out", "_rule", "_look", "colour"])
def test_the_class_takes_no_other_names(name):
    with pytest.raises(TypeError, match=name):
        Fit("40x30", **{name: None})


# ---------------------------------------------------------------------------------------------------------------
# Plan and form
# ---------------------------------------------------------------------------------------------------------------

RULES = [
    {"size": "40x30"},
    {"size": "41x29", "multiple_of": 8},
    {"sizes": ["40x30", "30x40", "20x50"]},
    {"size": "auto:48x64/8"},
    {"area": 1200},
    {"longest": 50},
    {"shortest": 30, "longest": 43},
    {"shortest": 30, "multiple_of": 7},
]


@pytest.mark.parametrize("shape", [(61, 97, 3), (97, 61), (5, 150, 1)])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_plan_is_what_is_applied(rule, shape):
    image = picture("noise", shape)
    source = Size(shape[1], shape[0])
    for mode in MODES:
        for resample in ("lanczos", "box", "linear", "nearest"):
            for box in (None, (0.25, 1, source.width - 1.5, source.height)):
                spec = Fit(**rule, mode=mode, resample=resample, box=box, centering=(0.3, 0.8), fill=7)
                planned, result = spec.plan(source), spec(image)
                assert planned.src == source
                assert result.shape[:2] == planned.dst[::-1]
                left, top, right, bottom = (int(edge) for edge in planned.inner)
                expected = np.full_like(result, 7)
                inner = Fit(planned.inner_size, "stretch", resample, box=planned.crop)
                expected[top:bottom, left:right] = inner(image)
                np.testing.assert_array_equal(result, expected)
                np.testing.assert_array_equal(spec.apply(planned, image), result)


@pytest.mark.quick
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_plan_is_that_of_its_size(rule):
    for source in ((97, 61), (61, 97), (150, 5), (3, 3)):
        for mode in MODES:
            spec = Fit(**rule, mode=mode, centering=(0, 0.9), box=(1, 0.5, 3, 3))
            planned = spec.plan(source)
            exact = plan(source, planned.dst, mode, centering=(0, 0.9), box=(1, 0.5, 3, 3))
            assert planned == exact.in_floats()
            assert planned.dst == Fit(**rule).plan((200, 250)).dst


@pytest.mark.parametrize("src", ["97x61", (97, 61), [97, 61], np.array([97, 61])], ids=str)
def test_a_plan_takes_a_size_however_written(src):
    assert Fit(longest=50).plan(src).dst == (50, 31)


@pytest.mark.parametrize("src", [None, "97", (97, 0), (97.0, 61), (97, 61, 3)])
def test_a_plan_needs_a_size(src):
    with pytest.raises(SizeError, match=r"^src: expected two integers"):
        Fit(longest=50).plan(src)


@pytest.mark.parametrize("rule", [{"size": "40x30"}, {"area": 500}, {"sizes": ["40x30"]}])
@pytest.mark.parametrize("box", [(0, 0, 98, 61), (0, 0, 97.001, 61), (0, 60, 97, 62), (98, 0, 99, 9)])
def test_a_box_beyond_the_source_is_an_error_of_plan_form_and_call(box, rule):
    spec, image = Fit(**rule, box=box), np.zeros((61, 97), np.uint8)
    for call in (lambda: spec.plan((97, 61)), lambda: spec.form(image), lambda: spec(image)):
        with pytest.raises(OptionError, match=r"^box: expected \(left, top, right, bottom\) within 97x61"):
            call()


IMAGES = [
    picture("holes", (5, 7, *channels), dtype)
    for channels in ((), (1,), (2,), (3,), (4,))
    for dtype in (np.uint8, np.uint16, np.float32)
]


@pytest.mark.parametrize("dtype", [None, *DTYPES])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_form_tells_the_shape_and_dtype(layout, channels, dtype):
    for image in IMAGES:
        for options in ({"size": "4x3"}, {"longest": 4, "scale": 0.5}):
            spec = Fit(**options, layout=layout, channels=channels, dtype=dtype)
            if image.dtype == np.uint16 and spec.dtype in ("uint8", "float16") and spec.scale is None:
                for call in (spec.form, spec):
                    with pytest.raises(OptionError, match=r"^scale: expected a number"):
                        call(image)
                continue
            count = channels or (image.shape[2] if image.ndim == 3 else 1)
            shape = (count, 3, 4) if layout == "CHW" else (3, 4, count)
            if layout == "HWC" and image.ndim == 2 and channels is None:
                shape = (3, 4)
            result = spec(image)
            assert spec.form(image) == (result.shape, result.dtype)
            assert result.shape == shape
            assert result.dtype == (spec.dtype or image.dtype)
            out = np.empty(*spec.form(image))
            assert spec(image, out) is out
            np.testing.assert_array_equal(out, result)


@pytest.mark.quick
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_form_follows_the_rule(rule):
    for shape in ((61, 97, 3), (97, 61), (150, 5, 4)):
        image = picture("smooth", shape)
        for mode in MODES:
            for box in (None, (1, 0.5, 3.5, 33)):
                spec = Fit(**rule, mode=mode, box=box)
                result = spec(image)
                assert spec.form(image) == (result.shape, result.dtype)


def test_form_reads_what_a_call_reads():
    image = Image.fromarray(picture("smooth", (61, 97, 3)))
    image.getexif()[0x0112] = 6
    spec = Fit(longest=50, layout="CHW", dtype="float16")
    assert spec.form(image) == ((3, 50, 31), np.float16)
    assert spec(image).shape == (3, 50, 31)


@pytest.mark.parametrize(
    "image", [None, [[1, 2]], np.zeros((4, 4)), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8)]
)
def test_form_refuses_what_a_call_refuses(image):
    for call in (Fit("4x3").form, Fit("4x3")):
        with pytest.raises(ImageError, match=r"^image: expected "):
            call(image)


@pytest.mark.parametrize("options", [{"mean": (1, 2)}, {"std": (1, 2)}, {"std": (1, 2), "mean": 5}])
def test_levels_that_do_not_go_with_the_image_are_errors_of_form_and_call(options):
    image = np.zeros((5, 7, 3), np.uint8)
    for call in (Fit("4x3", **options).form, Fit("4x3", **options)):
        with pytest.raises(
            OptionError, match=r"^(mean|std): expected 1 or 3 values for this image, got \(1, 2\)$"
        ):
            call(image)
    assert Fit("4x3", **options).form(image[..., :2]) == ((3, 4, 2), np.float32)


def test_a_plan_for_another_source_is_refused():
    spec = Fit("16x16")
    for source in ((4000, 3000), (30, 41), (41, 29)):
        with pytest.raises(OptionError, match=r"^planned: expected a plan for a source of 41x30"):
            spec.apply(spec.plan(source), np.zeros((30, 41, 3), np.uint8))


@pytest.mark.parametrize("count", [2, 5, 12])
@pytest.mark.parametrize("name", ["mean", "std", "fill"])
def test_levels_for_any_number_of_channels_are_compared_with_the_images(name, count):
    spec = Fit("16x16", "pad", **{name: range(1, count + 1)})
    assert getattr(spec, name) == tuple(range(1, count + 1))
    assert spec == evaluated(spec) == through_json(spec)
    assert spec(np.zeros((30, 41, count), np.uint8)).shape == (16, 16, count)
    for other in (1, 3, count + 1):
        with pytest.raises(OptionError, match=f"^{name}: expected "):
            spec(np.zeros((30, 41, other), np.uint8))
