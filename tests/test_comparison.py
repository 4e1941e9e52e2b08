"""One picture in every mode on one sheet."""

import re
from pathlib import Path

import numpy as np
import pytest
from encoded import saved, scene

from fastfit import CodecError, Fit, SizeError, compare, decode
from fastfit.cli import main

DATA = Path(__file__).parent / "data"


def by_label(found):
    return {variant.label: variant for variant in found.variants}


@pytest.mark.quick
def test_every_mode_fill_and_centering_is_there():
    found = compare(scene(90, 160), "160x90")
    labels = {label.split(" = ")[0] for label in by_label(found)}
    assert {"cover", "cover, top", "cover, bottom", "pad", "pad, #ffffff", "stretch"} <= labels
    assert {"pad, edge", "pad, reflect", "pad, blur"} <= labels
    assert found.image.dtype == np.uint8
    assert found.image.shape[2] == 3
    wide = {label.split(" = ")[0] for label in by_label(compare(scene(160, 90), "90x160"))}
    assert {"cover, left", "cover, right"} <= wide


def test_centering_by_content_is_there_where_it_differs():
    image = np.full((90, 300, 3), 128, np.uint8)
    image[20:70, 220:270] = np.random.default_rng(0).integers(0, 256, (50, 50, 3))
    labels = set(by_label(compare(image, "90x90")))
    assert {"cover, attention", "cover, right = attention"} & labels
    level = set(by_label(compare(np.full((90, 300, 3), 128, np.uint8), "90x90")))
    assert "cover = attention = entropy" in level


def test_captions_say_what_it_costs():
    found = {label.split(" = ")[0]: each for label, each in by_label(compare(scene(400, 400), "160x90")).items()}
    assert found["cover"].cost == "43.8% cropped"
    assert found["pad"].cost == "43.8% padded"
    assert found["stretch"].cost == "stretched 1.78:1"
    assert found["pad, blur"].spec == Fit("160x90", "pad", fill="blur")
    same = compare(scene(320, 180), "160x90")
    assert [(variant.label, variant.cost) for variant in same.variants] == [("cover", "all of it, undistorted")]


@pytest.mark.parametrize("size", ["1280x720", "720x1280", "40x30", "sora-2", "5000x10"])
def test_pictures_are_on_the_sheet(size):
    # Red left, blue right: the first tile is the source, and both colours are where they belong.
    image = np.zeros((300, 400, 3), np.uint8)
    image[:, :200, 0] = image[:, 200:, 2] = 255
    sheet = compare(image, size).image
    assert (sheet == (255, 0, 0)).all(2).any()
    assert (sheet == (0, 0, 255)).all(2).any()
    assert (sheet[:16] == 255).all()
    assert max(sheet.shape) < 4000


@pytest.mark.parametrize(
    "name", ["photo.jpg", "rgba.png", "rgb16.png", "grey_alpha16.png", "grey.jpg", "cmyk.jpg"]
)
def test_files_of_every_kind(name):
    found = compare(DATA / name, "160x90")
    assert found._repr_png_().startswith(b"\x89PNG")
    np.testing.assert_array_equal(decode(found._repr_png_())[0], found.image)


def test_options_are_common_to_all():
    found = compare(scene(400, 400), "160x90", crop_bounds=(0, 0, 1, 0.5625))
    assert {variant.cost for variant in found.variants} == {"43.8% cropped"}


def test_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a.jpg").write_bytes(saved(scene(400, 400), "jpeg"))
    for name in ("sheet.png", "sheet.jpg"):
        assert main(["compare", "a.jpg", "--size", "160x90", "-o", name]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"cover.*: 43\.8% cropped", lines[0])
        assert lines[-1] == name
    image, info = decode(Path("sheet.png").read_bytes())
    np.testing.assert_array_equal(image, compare("a.jpg", "160x90").image)
    assert main(["compare", "a.jpg", "--size", "160x90", "-o", "sheet.gif"]) == 2
    assert "-o: expected an extension among .jpg" in capsys.readouterr().err
    assert main(["compare", "nothing.jpg", "--size", "160x90", "-o", "sheet.png"]) == 2
    assert info.format == "png"


def test_places_are_those_along_which_the_part_is_cropped():
    found = compare(scene(500, 300), "100x90", crop_bounds=(0.4, 0, 0.6, 1))
    assert {"cover, top", "cover, bottom"} <= {label.split(" = ")[0] for label in by_label(found)}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("given", [1, 3, 4])
def test_channels_may_be_asked_for(channels, given):
    assert compare(scene(50, 30, given), "90x60", channels=channels).variants


def test_the_sheet_does_not_replace_the_photo(tmp_path, capsys):
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(scene(40, 30), "jpeg"))
    before = path.read_bytes()
    assert main(["compare", str(path), "--size", "16x9", "-o", str(tmp_path / "." / "a.jpg")]) == 2
    assert "-o: expected a name apart from the photo's" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_damage_is_an_error_for_the_command(capsys, tmp_path):
    words = ["compare", str(DATA / "invented_middle.jpg"), "--size", "16x9", "-o", str(tmp_path / "s.png")]
    assert main(words) == 2
    assert "invented_middle.jpg: expected an undamaged jpeg image" in capsys.readouterr().err


def test_errors():
    with pytest.raises(SizeError):
        compare(scene(9, 9), "nothing")
    with pytest.raises(CodecError):
        compare(b"", "9x9")
