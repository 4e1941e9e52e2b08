"""The options of reading and writing as values."""

import copy
import io
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from functools import partial

import numpy as np
import pytest
from encoded import saved, scene
from outcomes import outcomes
from PIL import Image

from fastfit import CodecError, Fit, Input, OptionError, Output, decode, fit_bytes, fit_file
from fastfit.words import MAX_PIXELS, MAX_SCANS

# A value other than the default for every option.
OTHERS = {
    Input: {"exact": True, "on_damage": "warn", "frames": "error", "max_pixels": 99, "max_scans": 7},
    Output: {
        "format": "png",
        "quality": 80,
        "subsampling": "444",
        "progressive": True,
        "compression": 9,
        "lossless": True,
        "icc": "srgb",
        "color": "rgb",
        "metadata": "keep",
        "transparency": "flatten",
        "max_bytes": 5000,
        "min_quality": 20,
        "formats": ("png", "webp"),
    },
}
EACH = [(kind, name) for kind, options in OTHERS.items() for name in options]


def full(kind):
    return kind(**OTHERS[kind])


# Values.


@pytest.mark.parametrize("kind", OTHERS)
def test_every_option_is_tried_here(kind):
    assert [field.name for field in fields(kind)] == list(OTHERS[kind])


def test_defaults():
    assert Input() == Input(False, "error", "first", MAX_PIXELS, MAX_SCANS)
    assert Output() == Output("keep", 95, "420", False, None, False, "keep", "keep", "drop")


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_option_is_kept_and_counts(kind, name):
    value = OTHERS[kind][name]
    changed = kind(**{name: value})
    assert getattr(changed, name) == value
    assert changed != kind()
    assert replace(full(kind), **{name: getattr(kind(), name)}) != full(kind)


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_options_cannot_be_changed(kind, name):
    options = kind()
    with pytest.raises(FrozenInstanceError):
        setattr(options, name, OTHERS[kind][name])
    assert options == kind()


@pytest.mark.parametrize("kind", OTHERS)
def test_options_have_no_other_attributes(kind):
    with pytest.raises((AttributeError, TypeError)):
        kind().qualty = 3
    with pytest.raises(TypeError, match="qualty"):
        kind(qualty=3)


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("make", [lambda kind: kind(), full], ids=["default", "full"])
def test_equal_options_are_one_key(kind, make):
    assert hash(make(kind)) == hash(make(kind))
    assert {make(kind): 1}[make(kind)] == 1


@pytest.mark.parametrize("kind", OTHERS)
def test_options_travel(kind):
    for options in (kind(), full(kind)):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(options, protocol)) == options
        assert copy.copy(options) == copy.deepcopy(options) == options


# Wrong values.

WRONG = [
    *((Input, "on_damage", value) for value in ("ignore", "", None, "Error", ["error"])),
    *((Input, "frames", value) for value in ("last", "all", None, 0)),
    *((Input, "max_pixels", value) for value in (-1, 1.5, "100", 1e6, True, [1])),
    *((Input, "max_scans", value) for value in (-1, 1.5, "100", 1e6, True, [1])),
    *((Output, "format", value) for value in ("jpg", "JPEG", "gif", "", None, 1, ["png"])),
    *((Output, "quality", value) for value in (0, 101, -1, 95.0, "95", None, True)),
    *((Output, "subsampling", value) for value in ("411", "4:2:0", "", None, 0, 4.2)),
    *((Output, "compression", value) for value in (-1, 10, 6.0, "6", True)),
    *((Output, "icc", value) for value in ("sRGB", "drop", "", None, True)),
    *((Output, "color", value) for value in ("grey", "RGB", None, 3)),
    *((Output, "metadata", value) for value in ("strip", "exif", None, True)),
]
FLAGS = [(Input, "exact"), (Output, "progressive"), (Output, "lossless")]


@pytest.mark.quick
@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_wrong_value_is_an_error_that_names_the_option(kind, name, value):
    with pytest.raises(OptionError) as caught:
        kind(**{name: value})
    assert caught.value.name == name
    assert repr(value) in caught.value.got
    with pytest.raises(OptionError):
        replace(full(kind), **{name: value})


@pytest.mark.parametrize(("kind", "name"), FLAGS)
@pytest.mark.parametrize("value", ["no", "", None, 2, 0.0])
def test_flag_is_true_or_false(kind, name, value):
    with pytest.raises(OptionError) as caught:
        kind(**{name: value})
    assert caught.value.name == name


def test_integers_of_numpy_are_integers():
    assert Output(quality=np.int64(80), compression=np.uint8(9)) == Output(quality=80, compression=9)
    assert Input(max_pixels=np.int64(99), max_scans=np.uint16(7)) == Input(max_pixels=99, max_scans=7)
    assert type(Output(quality=np.int64(80)).quality) is type(Input(max_pixels=np.int64(99)).max_pixels) is int


def test_subsampling_may_be_a_number():
    assert Output(subsampling=444) == Output(subsampling="444")


@pytest.mark.parametrize("value", [(4, 3), "first", {}, Output()])
def test_what_is_no_input_is_an_error(value):
    with pytest.raises(OptionError, match="input: expected an Input"):
        fit_bytes(b"", Fit((4, 3)), input=value)


@pytest.mark.parametrize("value", [(4, 3), "png", {}, Input()])
def test_what_is_no_output_is_an_error(tmp_path, value):
    with pytest.raises(OptionError, match="output: expected an Output"):
        fit_file(tmp_path / "a.png", tmp_path / "b.png", Fit((4, 3)), value)


# Limits, and none.


def scans(count):
    """A progressive JPEG of so many scans: its last one again and again."""
    data = saved(Image.fromarray(scene(64, 48)).convert("L"), "jpeg", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (count - data.count(b"\xff\xda") + 1) + data[-2:]


@pytest.mark.parametrize("none", [0, None])
def test_0_and_none_are_no_limit(none):
    assert Input(max_pixels=none, max_scans=none) == Input(max_pixels=None, max_scans=None)
    assert Input(max_pixels=none).max_pixels is None
    free = Input(max_pixels=none, max_scans=none)
    assert decode(fit_bytes(scans(600), Fit((20, 30)), input=free))[0].shape == (30, 20)
    assert decode(scans(600), max_pixels=none, max_scans=none)[0].shape == (48, 64)


@pytest.mark.parametrize("scale", ["exact", "default"])
def test_limits_are_limits(scale):
    spec, exact = Fit((63, 47)), scale == "exact"
    fit_bytes(scans(20), spec, input=Input(exact, max_pixels=64 * 48, max_scans=20))
    with pytest.raises(CodecError, match="cat: expected at most 3071 pixels, got 3072"):
        fit_bytes(scans(20), spec, input=Input(exact, max_pixels=64 * 48 - 1), name="cat")
    with pytest.raises(CodecError, match="cat: expected a jpeg of at most 19 scans at 64x48, got 20"):
        fit_bytes(scans(20), spec, input=Input(exact, max_scans=19), name="cat")


def test_default_limit_of_scans_is_500():
    assert decode(scans(500))[0].shape == (48, 64)
    with pytest.raises(CodecError, match="at most 500 scans"):
        decode(scans(501))


@pytest.mark.parametrize(
    "format",
    ["png", "webp", "gif", "bmp", "tiff", "ppm", "avif", "jpeg2000", "tga", "qoi", "sgi", "dds"],
)
def test_limit_of_pixels_is_for_every_format(format):
    data = saved(scene(64, 48), format)
    assert decode(data, max_pixels=64 * 48)[0].shape == (48, 64, 3)
    with pytest.raises(CodecError, match="at most 3071 pixels"):
        decode(data, max_pixels=64 * 48 - 1)


@pytest.mark.parametrize("name", ["max_pixels", "max_scans"])
def test_limit_is_a_row_in_a_run(tmp_path, name):
    (tmp_path / "a.jpg").write_bytes(scans(20))
    # Unheard: the decoder finds it odd that a scan comes again.
    fit = partial(outcomes, tmp_path / "a.jpg", tmp_path / "out", Fit((20, 30)), listen=False)
    (outcome,) = fit(input=Input(exact=True, **{name: 5}))
    assert outcome.status == "failed"
    assert "at most 5 " in outcome.text
    (outcome,) = fit(input=Input(exact=True, **{name: 0}), overwrite=True)
    assert outcome.status == "fitted"


@pytest.mark.parametrize("value", [-1, 1.5, "100", True])
@pytest.mark.parametrize("name", ["max_pixels", "max_scans"])
def test_decode_refuses_wrong_limits(name, value):
    with pytest.raises(OptionError, match=name):
        decode(scans(20), **{name: value})


# What each does, where no other test looks.


def test_keep_makes_png_of_what_is_not_written():
    result = fit_bytes(saved(scene(64, 48), "gif"), Fit((20, 30)), Output(quality=3))
    with Image.open(io.BytesIO(result)) as picture:
        assert (picture.format, picture.size) == ("PNG", (20, 30))


@pytest.mark.parametrize("format", ["avif", "webp", "jpeg"])
def test_quality_reaches_every_lossy_format(format):
    data = saved(np.random.default_rng(2).integers(0, 256, (48, 64, 3), np.uint8), "png")
    sizes = [len(fit_bytes(data, Fit((64, 48)), Output(format, quality))) for quality in (10, 50, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2
