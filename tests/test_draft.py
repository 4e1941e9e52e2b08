"""What JPEGs are convolved with: next to Pillow's pixels, in less time; and nothing else is."""

import importlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from check import check_fit
from encoded import saved, scene
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture
from PIL import Image

from fastfit import Fit, Input, Output, fit_bytes, fit_file, load, loading, probe
from fastfit.words import RESAMPLES

DATA = Path(__file__).parent / "data"
CONVOLUTIONS, INTERPOLATIONS = RESAMPLES[:5], RESAMPLES[5:]
FILTERS = {name: getattr(Image.Resampling, name.upper()) for name in CONVOLUTIONS}
KINDS = ("noise", "smooth", "gradient", "ties", "checkerboard")
# Up, down, down by a whole number, one side each, the same.
PAIRS = [
    ((37, 23), (101, 67)),
    ((640, 427), (128, 101)),
    ((300, 150), (100, 50)),
    ((99, 47), (31, 120)),
    ((41, 29),) * 2,
]
fitting = importlib.import_module("fastfit.apply")


def draft(spec):
    """Return `spec` as a function that fits as JPEGs are."""

    def fit(image, out=None):
        return spec.apply(spec.plan((image.shape[1], image.shape[0])), image, out, draft=True)

    return fit


@pytest.fixture
def drafts(monkeypatch):
    """Whether each fit was a draft, in order."""
    asked = []

    def recorded(*args, draft, **options):
        asked.append(draft)
        return resample_into(*args, draft=draft, **options)

    resample_into = fitting.resample_into
    monkeypatch.setattr(fitting, "resample_into", recorded)
    return asked


def difference(got, expected):
    return np.abs(got.astype(np.int16) - expected.astype(np.int16))


@pytest.mark.parametrize("resample", CONVOLUTIONS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("src", "dst"), PAIRS)
def test_draft_is_next_to_pillow(src, dst, kind, channels, resample):
    # Overshoots of the checkerboard would come back as their absolute values, or as 255 - 256 = -1.
    image = picture(kind, (src[1], src[0], channels))
    expected = np.asarray(Image.fromarray(image.squeeze()).resize(dst, FILTERS[resample]))
    off = difference(draft(Fit(dst, "stretch", resample=resample))(image), expected.reshape(dst[1], dst[0], -1))
    # A level of the first pass may make two of the second, where that sharpens.
    assert off.max() <= 2
    assert np.mean(off > 1) < 1e-3
    assert np.mean(off) < 0.01


@given(
    *[st.tuples(st.integers(1, 90), st.integers(1, 90))] * 2,
    st.sampled_from(CONVOLUTIONS),
    st.sampled_from([1, 3]),
    st.sampled_from(KINDS),
)
def test_draft_is_near_for_any_sizes(src, dst, resample, channels, kind):
    image = picture(kind, (src[1], src[0], channels))
    spec = Fit(dst, resample=resample)
    assert difference(draft(spec)(image), spec(image)).max() <= 2


@pytest.mark.parametrize("shape", [(47, 61), (47, 61, 1), (47, 61, 3)])
@pytest.mark.parametrize("size", [(31, 22), (90, 101)])
@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_draft_keeps_what_every_fit_promises(shape, size, mode):
    check_fit(draft(Fit(size, mode, fill=7)), picture("noise", shape), size)


@pytest.mark.parametrize("resample", CONVOLUTIONS)
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((47, 61, 4), np.uint8), ((47, 61, 2), np.uint8), ((47, 61, 3), np.uint16), ((47, 61, 3), np.float32)],
)
def test_alpha_and_other_depths_are_never_drafts(shape, dtype, resample):
    image, spec = picture("holes", shape, dtype), Fit((30, 23), resample=resample)
    np.testing.assert_array_equal(draft(spec)(image), spec(image))


@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_interpolations_are_never_drafts(resample):
    image, spec = picture("noise", (47, 61, 3)), Fit((30, 23), resample=resample)
    np.testing.assert_array_equal(draft(spec)(image), spec(image))


def test_converted_draft_is_a_draft_converted():
    image, options = picture("noise", (400, 300, 3)), {"layout": "CHW", "scale": 1 / 255}
    expected = draft(Fit((101, 77)))(image).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(draft(Fit((101, 77), **options))(image), expected, rtol=0, atol=1e-6)


def test_draft_of_a_photograph_is_above_70_db():
    with Image.open(DATA / "photo.jpg") as opened:
        image = np.asarray(opened)
    for size in ((300, 200), (97, 133), (1280, 720)):
        spec = Fit(size)
        squared = np.mean(difference(draft(spec)(image), spec(image)).astype(np.float64) ** 2)
        assert squared < 255**2 / 10**7


@pytest.mark.parametrize(("exact", "expected"), [(False, True), (True, False)])
def test_jpegs_are_drafts_unless_exact(drafts, tmp_path, exact, expected):
    data, spec, source = (DATA / "photo.jpg").read_bytes(), Fit((300, 200)), Input(exact=exact)
    load(data, spec, input=source)
    fit_bytes(data, spec, Output("png"), input=source)
    fit_file(DATA / "photo.jpg", tmp_path / "photo.png", spec, input=source)
    assert drafts == [expected] * 3


@pytest.mark.parametrize("name", ["grey.jpg", "cmyk.jpg", "orientation_6.jpg"])
def test_every_kind_of_jpeg_is_a_draft(drafts, name):
    load(DATA / name, Fit((30, 20)))
    assert drafts == [True]


@pytest.mark.parametrize("format", ["png", "webp", "bmp", "gif", "tiff"])
def test_other_formats_are_never_drafts(drafts, format):
    load(saved(scene(64, 48), format), Fit((30, 20)))
    assert drafts == [False]


def test_arrays_are_never_drafts(drafts):
    image = Image.open(io.BytesIO(saved(scene(64, 48), "jpeg")))
    for given_ in (image, np.asarray(image)):
        Fit((30, 20))(given_)
    assert drafts == [False, False]


@pytest.mark.parametrize("marker", [0xC3, 0xC7, 0xCB, 0xCF])
def test_lossless_jpegs_are_told_apart(marker):
    data = saved(scene(64, 48), "jpeg")
    assert not probe(data).lossless
    assert not probe(saved(scene(64, 48), "jpeg", progressive=True)).lossless
    assert probe(data.replace(b"\xff\xc0", bytes((0xFF, marker)), 1)).lossless


def test_lossless_jpegs_are_never_drafts(drafts, monkeypatch):
    def lossless(*args, **options):
        image, info, *plans = decode_for(*args, **options)
        return image, replace(info, lossless=True), *plans

    decode_for = loading.decode_for
    monkeypatch.setattr(loading, "decode_for", lossless)
    load(DATA / "photo.jpg", Fit((30, 20)))
    assert drafts == [False]
