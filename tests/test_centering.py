"""Where the crop lies, if the picture decides: the same in every way to fit it."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from encoded import saved
from PIL import Image

from fastfit import Fit, Input, OptionError, Output, decode, fit_bytes, fit_many, load, payload, run
from fastfit.cli import main

WAYS = ["attention", "entropy"]


def lopsided(width, height, channels=3):
    """A grey picture with all that is to be seen near its right edge."""
    image = np.full((height, width, channels), 128, np.uint8)
    image[..., 3:] = 255
    noise = np.random.default_rng(0).integers(0, 256, (height // 16, width // 40, 3), np.uint8)
    block = noise.repeat(8, 0).repeat(8, 1)
    top = (height - block.shape[0]) // 2
    image[top : top + block.shape[0], -block.shape[1] :, :3] = block
    return image


@pytest.mark.quick
@pytest.mark.parametrize("way", WAYS)
def test_the_crop_goes_where_something_is(way):
    image = lopsided(800, 200)
    spec = Fit("100x100", centering=way)
    planned = spec.plan((800, 200), image)
    assert planned.crop.right > 780
    np.testing.assert_array_equal(spec(image), spec.apply(planned, image))
    assert spec.form(image)[0] == (100, 100, 3)


@pytest.mark.parametrize("way", WAYS)
def test_a_plan_needs_the_picture(way):
    spec = Fit("100x100", centering=way)
    with pytest.raises(OptionError, match=r"centering: expected an image to look at, as in plan\(src, image\)"):
        spec.plan((800, 200))
    outline = spec.outline((800, 200))
    assert outline == Fit("100x100").plan((800, 200))
    assert outline.cropped == pytest.approx(spec.plan((800, 200), lopsided(800, 200)).cropped)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["pad", "stretch"])
def test_without_a_crop_it_is_the_middle(way, mode):
    image = lopsided(800, 200)
    np.testing.assert_array_equal(Fit("90x100", mode, centering=way)(image), Fit("90x100", mode)(image))


def test_auto_looks_only_where_it_crops():
    image = lopsided(800, 200)
    assert Fit("90x100", "auto", centering="attention").plan((800, 200), image).padded > 0
    planned = Fit("90x100", "auto", centering="attention", max_crop=0.9).plan((800, 200), image)
    assert planned.crop.right > 780


@pytest.mark.parametrize("way", WAYS)
def test_only_the_part_that_is_used_is_looked_at(way):
    image = lopsided(800, 200)
    image[80:120, 100:140] = np.random.default_rng(1).integers(0, 256, (5, 5, 3)).repeat(8, 0).repeat(8, 1)
    for options in ({"box": (0, 0, 600, 200)}, {"crop_bounds": (0, 0, 0.75, 1)}):
        crop = Fit("100x100", centering=way, **options).plan((800, 200), image).crop
        assert crop.left < 100, options
        assert crop.right <= 600


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_fit_is_the_same(way, tmp_path):
    image = lopsided(800, 200)
    spec = Fit("100x100", centering=way)
    expected = spec(image)
    np.testing.assert_array_equal(fit_many([image], spec)[0], expected)
    np.testing.assert_array_equal(spec(Image.fromarray(image)), expected)
    data = saved(image, "png")
    np.testing.assert_array_equal(load(data, spec), expected)
    np.testing.assert_array_equal(decode(fit_bytes(data, spec, Output("png")))[0], expected)
    np.testing.assert_array_equal(decode(payload(data, "100x100", format="png", centering=way).data)[0], expected)
    (tmp_path / "a.png").write_bytes(data)
    report = run(tmp_path / "a.png", tmp_path / "out", spec, jobs=1, backend="threading")
    np.testing.assert_array_equal(decode((tmp_path / "out" / "a.png").read_bytes())[0], expected)
    row = json.loads(Path(report.path).read_text().splitlines()[-1])
    assert row["plan"]["crop"] == list(spec.plan((800, 200), image).crop)


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_that_its_decoder_shrinks_is_cropped_alike(way):
    data = saved(lopsided(3200, 800), "jpeg", quality=95)
    spec = Fit("100x100", centering=way)
    quick, exact = load(data, spec), load(data, spec, input=Input(exact=True))
    assert np.abs(quick.astype(int) - exact).mean() < 12


def test_a_picture_on_its_side_is_looked_at_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(np.rot90(lopsided(800, 200)), "png", exif=exif.tobytes())
    spec = Fit("100x100", centering="attention")
    np.testing.assert_array_equal(load(data, spec), spec(lopsided(800, 200)))


@pytest.mark.quick
@pytest.mark.parametrize("shape", [(200, 800), (200, 800, 1), (200, 800, 2), (200, 800, 4)])
@pytest.mark.parametrize("way", WAYS)
def test_images_of_every_kind(way, shape):
    image = lopsided(800, 200, 4)
    image = image[..., 0].reshape(200, 800, *shape[2:3]) if shape[2:] in ((), (1,)) else image[..., -shape[2] :]
    assert Fit("100x100", centering=way).plan((800, 200), image).crop.right > 780


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("size", "options", "shape"),
    [
        ("10000x1", {}, (10000, 1, 3)),
        ("1x10000", {}, (1, 10000, 3)),
        ("9x7", {"crop_bounds": (0.5, 0, 0.500000000001, 1)}, (300, 400, 3)),
        ("9x7", {"box": (5, 5, 5.1, 9)}, (300, 400, 3)),
        ("3x5", {}, (1, 1, 3)),
    ],
)
def test_less_than_a_pixel_is_nothing_to_look_at(way, size, options, shape):
    image = np.full(shape, 9, np.uint8)
    image[0, 0] = 200
    spec = Fit(size, centering=way, **options)
    np.testing.assert_array_equal(spec(image), Fit(size, **options)(image))


def test_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = lopsided(800, 200)
    Path("a.png").write_bytes(saved(image, "png"))
    assert main(["fit", "a.png", "-o", "out", "--size", "100x100", "--centering", "attention"]) == 0
    with Image.open(io.BytesIO(Path("out/a.png").read_bytes())) as found:
        np.testing.assert_array_equal(np.asarray(found), Fit("100x100", centering="attention")(image))
