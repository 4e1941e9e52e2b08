import inspect

import numpy as np
import pytest
from pictures import picture

from fastfit import Fit, OptionError, SizeError, cover, fit, pad, stretch

NAMED = {"cover": cover, "pad": pad, "stretch": stretch}
NORMAL = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
OPTIONS = [
    {},
    {"resample": "bicubic", "centering": (0, 1), "fill": 9},
    {"resample": "area", "box": (3, 3, 60.5, 50)},
    {"reducing_gap": 1.5, "alpha": False},
    {"multiple_of": 16},
    {"channels": 1},
    {"channels": 3, "fill": (9, 8, 7)},
    {"layout": "CHW"},
    {"dtype": "float16"},
    {"scale": 1 / 255},
    {"channels": 3, "layout": "CHW", "scale": 1 / 255, **NORMAL},
]
RULES = [
    {"sizes": ["40x31", "31x40"]},
    {"area": 1234},
    {"longest": 50},
    {"shortest": 30},
    {"longest": 50, "shortest": 43, "multiple_of": 4},
]


def assert_same(function, spec, image, *arguments, **options):
    expected = spec(image)
    got = function(image, *arguments, **options)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    out = np.zeros(*spec.form(image))
    assert function(image, *arguments, out=out, **options) is out
    np.testing.assert_array_equal(out, expected)
    assert function(image, *arguments, out=None, **options) is not got


@pytest.mark.quick
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("mode", NAMED)
def test_a_function_is_the_spec_applied(mode, options):
    image = picture("holes", (61, 97, 4))
    spec = Fit((50, 41), mode, **options)
    assert_same(NAMED[mode], spec, image, (50, 41), **options)
    assert_same(NAMED[mode], spec, image, size="50x41", **options)
    assert_same(fit, spec, image, (50, 41), mode, **options)
    assert_same(fit, spec, image, size=[50, 41], mode=mode, **options)


@pytest.mark.parametrize("options", RULES, ids=str)
@pytest.mark.parametrize("mode", NAMED)
def test_a_size_may_follow_from_the_image(mode, options):
    for shape in ((61, 97, 3), (97, 61)):
        image, spec = picture("noise", shape), Fit(mode=mode, **options)
        assert_same(NAMED[mode], spec, image, **options)
        assert_same(NAMED[mode], spec, image, None, **options)
        assert_same(fit, spec, image, mode=mode, **options)


def test_fit_covers_if_no_mode_is_given():
    image = picture("noise", (61, 97, 3))
    assert_same(fit, Fit((50, 41), "cover"), image, (50, 41))
    assert_same(fit, Fit(area=500, mode="cover"), image, area=500)


def test_the_modes_differ():
    image = picture("noise", (61, 97, 3))
    results = [function(image, (50, 41)).tobytes() for function in NAMED.values()]
    assert len(set(results)) == 3


def test_the_image_is_only_read():
    image = picture("holes", (61, 97, 4))
    before = image.copy()
    for function in (fit, *NAMED.values()):
        function(image, (50, 41), channels=3, scale=2)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", ["colour", "Size", "interpolation", "src", "_rule", "_look", "spec"])
@pytest.mark.parametrize("function", [fit, *NAMED.values()])
def test_an_unknown_option_is_a_type_error(function, name):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        function(np.zeros((5, 7), np.uint8), (4, 3), **{name: None})


@pytest.mark.parametrize("function", NAMED.values())
def test_the_mode_is_in_the_name(function):
    with pytest.raises(TypeError, match="'mode'"):
        function(np.zeros((5, 7), np.uint8), (4, 3), mode="cover")


@pytest.mark.parametrize(
    ("function", "arguments"), [(fit, ("pad", "box")), *((each, ("box",)) for each in NAMED.values())]
)
def test_options_have_names(function, arguments):
    with pytest.raises(TypeError, match="positional argument"):
        function(np.zeros((5, 7), np.uint8), (4, 3), *arguments)


@pytest.mark.parametrize("function", [fit, *NAMED.values()])
def test_errors_are_those_of_the_spec(function):
    image = np.zeros((5, 7), np.uint8)
    with pytest.raises(OptionError, match=r"^size: expected one of .* got none of them$"):
        function(image)
    with pytest.raises(OptionError, match=r"^size: expected one of .* got size and area$"):
        function(image, (4, 3), area=5)
    with pytest.raises(SizeError, match=r"^size: expected two integers"):
        function(image, 4)
    with pytest.raises(OptionError, match=r"^layout: "):
        function(image, (4, 3), layout="NCHW")
    with pytest.raises(OptionError, match=r"^out: expected an array of float32 \(1, 3, 4\), got uint8 \(3, 4\)$"):
        function(image, (4, 3), layout="CHW", scale=2, out=np.zeros((3, 4), np.uint8))


@pytest.mark.parametrize(
    ("function", "first"), [(fit, ["image", "size", "mode"]), *((f, ["image", "size"]) for f in NAMED.values())]
)
def test_every_function_takes_the_same_arguments(function, first):
    parameters = inspect.signature(function).parameters
    assert list(parameters) == [*first, "out", "options"]
    assert parameters["size"].default is parameters["out"].default is None
    assert parameters["out"].kind is inspect.Parameter.KEYWORD_ONLY
