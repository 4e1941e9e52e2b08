"""Where crops lie that go where the eye does, and the benchmark that judges them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import saved
from pictures import picture
from PIL import Image

from fastfit.errors import OptionError
from fastfit.focus import focus
from fastfit.types import Box

ROOT = Path(__file__).parent.parent
HOWS = ("attention", "entropy")
SKIN = (0.85, 0.62, 0.48)


def scene(width, height, x, y, radius, dtype=np.float32, channels=3):
    """A disc of skin with features in it, before a soft background; floats from 0 to 1, integers of any level."""
    down, across = np.mgrid[:height, :width]
    backdrop = 0.35 + 0.1 * np.sin(across / width * 3 + down / height * 2)
    image = np.stack([backdrop * 0.8, backdrop, backdrop * 1.1], axis=2)
    inside = (across + 0.5 - x) ** 2 + (down + 0.5 - y) ** 2 < radius**2
    features = 0.75 + 0.25 * ((across // 4 + down // 4) % 2)
    image[inside] = (np.array(SKIN) * features[..., None])[inside]
    planes = {1: image.mean(2, keepdims=True), 3: image}
    planes |= {count: np.dstack([planes[count - 1], np.ones((height, width))]) for count in (2, 4)}
    unit = planes[channels]
    return unit.astype(dtype) if dtype == np.float32 else np.rint(unit * np.iinfo(dtype).max).astype(dtype)


def whole(image):
    return Box(0, 0, image.shape[1], image.shape[0])


def span(image, size, how, axis=0, part=None):
    """Return where the crop that is found begins and ends along an axis."""
    part = part or whole(image)
    begin = part[axis] + (part[axis + 2] - part[axis] - size[axis]) * focus(image, part, size, how)[axis]
    return begin, begin + size[axis]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("middle", [60, 340])
def test_a_face_is_kept_wherever_it_is(how, dtype, channels, middle):
    image = scene(403, 200, middle, 90, 34, dtype, channels)
    begin, end = span(image, (200, 200), how)
    assert begin <= middle - 30
    assert end >= middle + 30
    # The other axis has no room.
    assert focus(image, whole(image), (200, 200), how)[1] == 0.5


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("middle", [70, 530])
def test_so_it_is_in_tall_pictures(how, middle):
    image = scene(203, 601, 110, middle, 40)
    begin, end = span(image, (203, 120), how, axis=1)
    assert begin <= middle - 35
    assert end >= middle + 35
    assert focus(image, whole(image), (203, 120), how)[0] == 0.5


@pytest.mark.parametrize("how", HOWS)
def test_both_axes_are_free_at_once(how):
    image = scene(500, 401, 390, 80, 40)
    for axis, middle in enumerate((390, 80)):
        begin, end = span(image, (160, 150), how, axis)
        assert begin <= middle - 35
        assert end >= middle + 35


@pytest.mark.quick
def test_a_face_draws_more_than_a_stone_of_the_same_texture():
    image = scene(400, 160, 70, 80, 40)
    image[:, 200:] = image[:, 199::-1].mean(2, keepdims=True)
    begin, end = span(image, (160, 160), "attention")
    assert (begin + end) / 2 < 150


def test_grass_draws_less_than_what_is_in_it():
    image = scene(400, 160, 70, 80, 30)
    grass = np.random.default_rng(5).random((160, 200, 1), np.float32) * 0.3
    image[:, 200:] = grass * np.float32([0.7, 1, 0.4]) + 0.2
    begin, _ = span(image, (160, 160), "attention")
    assert begin <= 42


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("level", [0, 130, 255])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_plain_picture_is_cropped_in_the_middle(how, level, channels):
    for image in (
        np.full((60, 101, channels), level, np.uint8),
        np.full((60, 101, channels), level / 256, np.float32),
    ):
        assert focus(image, whole(image), (60, 60), how) == (0.5, 0.5)
        assert focus(image, whole(image), (33.3, 21.7), how) == (0.5, 0.5)


@pytest.mark.parametrize("how", HOWS)
def test_no_room_is_the_middle(how):
    image = scene(90, 60, 10, 10, 9)
    assert focus(image, whole(image), (90, 60), how) == (0.5, 0.5)
    # As rounding may have it.
    assert focus(image, whole(image), (90.00000001, 60), how) == (0.5, 0.5)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("kind", ["noise", "smooth", "gradient", "ties"])
@pytest.mark.parametrize("shape", [(90, 161, 3), (611, 411, 1), (97, 1301, 4)])
def test_a_mirrored_picture_is_cropped_in_the_mirror(how, kind, shape):
    image = picture(kind, shape, np.uint8, seed=3)
    faced = scene(shape[1], shape[0], shape[1] * 0.3, shape[0] * 0.4, min(shape[:2]) / 5, np.uint8, shape[2])
    image = image // 4 + faced // 4 * 3
    side = 0.4 * min(shape[:2])
    x, y = focus(image, whole(image), (side, side), how)
    np.testing.assert_allclose(focus(image[:, ::-1], whole(image), (side, side), how), (1 - x, y), atol=0.05)
    np.testing.assert_allclose(focus(image[::-1], whole(image), (side, side), how), (x, 1 - y), atol=0.05)


@pytest.mark.parametrize("how", HOWS)
def test_a_picture_that_is_its_own_mirror_is_cropped_in_the_middle(how):
    half = scene(150, 100, 50, 50, 30)
    image = np.concatenate([half, half[:, ::-1]], axis=1)
    assert focus(image, whole(image), (80, 100), how) == (0.5, 0.5)


@pytest.mark.parametrize("how", HOWS)
def test_threads_make_no_difference(how):
    image = picture("smooth", (1203, 1601, 3), np.uint8)
    before = cv2.getNumThreads()
    found = set()
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            found |= {focus(image, whole(image), (700, 800), how) for _ in range(3)}
    finally:
        cv2.setNumThreads(before)
    assert len(found) == 1


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_strides_make_no_difference_and_nothing_is_written(how, dtype):
    image = scene(601, 403, 100, 300, 60, dtype, 4)
    image.flags.writeable = False
    found = focus(image, whole(image), (200, 200), how)
    wide = np.zeros((403, 601 * 2, 7), dtype)
    wide[:, ::2, 1:5] = image
    odd = (np.asfortranarray(image), wide[:, ::2, 1:5], image[::-1].copy()[::-1], image[:, ::-1].copy()[:, ::-1])
    for same in odd:
        assert focus(same, whole(image), (200, 200), how) == found
    assert focus(image, whole(image), (200, 200), how) == found


@pytest.mark.quick
@pytest.mark.parametrize("how", HOWS)
def test_dtypes_agree(how):
    image = scene(301, 200, 80, 60, 40, np.uint8)
    found = focus(image, whole(image), (120, 200), how)
    for same in (image.astype(np.uint16) * 257, image.astype(np.float32), image.astype(np.float32) / 255):
        np.testing.assert_allclose(focus(same, whole(image), (120, 200), how), found, atol=0.05)


@pytest.mark.parametrize("how", HOWS)
def test_any_range_of_floats_is_seen(how):
    image = scene(401, 200, 60, 90, 40).astype(np.float64)
    for stretched in ((image - 0.45) / 0.22, image * 3000, image * 1e38 * 3, image * 6e38 - 3e38, image * 1e-3):
        begin, end = span(stretched.astype(np.float32), (200, 200), how)
        assert 0 <= begin <= end <= 401
        if stretched.max() > 1:
            assert begin <= 30


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_no_number_is_no_trouble(how, channels):
    image = scene(401, 200, 330, 90, 40, np.float32, channels)
    image[::7, ::5] = np.nan
    image[1::7, ::5, 0] = np.inf
    image[2::7, ::5, -1] = -np.inf
    begin, end = span(image, (200, 200), how)
    assert 0 <= begin <= end <= 401.01
    for value in (np.nan, np.inf, -np.inf):
        none = np.full_like(image, value)
        assert focus(none, whole(none), (100, 100), how) == (0.5, 0.5)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_what_is_transparent_draws_nothing(how, dtype):
    image = scene(401, 200, 60, 90, 30, dtype, 4)
    hidden = scene(401, 200, 320, 90, 60, dtype, 4)
    image[:, 200:] = hidden[:, 200:]
    image[:, 200:, 3] = 0
    begin, end = span(image, (160, 200), how)
    assert (begin + end) / 2 < 150
    image[..., 3] = 0
    assert focus(image, whole(image), (160, 200), how) == (0.5, 0.5)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("level", [0, 255])
def test_a_shape_of_one_colour_is_seen_by_its_alpha(how, level):
    image = np.full((200, 401, 2), level, np.uint8)
    image[..., 1] = scene(401, 200, 80, 90, 40, np.uint8, 1)[..., 0]
    image[..., 1] = np.where(abs(np.arange(401) - 80) < 40, image[..., 1], 0)
    begin, _ = span(image, (160, 200), how)
    assert begin <= 45


@pytest.mark.parametrize("how", HOWS)
def test_only_the_box_is_looked_at(how):
    image = scene(700, 300, 620, 150, 70)
    image[:, :400] = scene(400, 300, 160, 120, 30)
    part = Box(50.4, 20.7, 380.2, 270.1)
    begin, end = span(image, (150, part.height), how, part=part)
    assert 50.4 <= begin <= 132
    assert 188 <= end <= 380.3
    cut = image[20:271, 50:381]
    np.testing.assert_array_equal(
        focus(image, part, (150, part.height), how),
        focus(cut.copy(), Box(0.4, 0.7, 330.2, 250.1), (150, part.height), how),
    )


@pytest.mark.quick
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 2, 1), (3, 2, 4), (1, 5000, 3), (7000, 2, 2), (5, 20000, 1)])
def test_any_shape_has_a_crop(how, shape):
    image = picture("noise", shape, np.uint8)
    height, width = shape[:2]
    for size in ((width / 3, height), (width, height / 3), (width / 2.5, height / 3.5), (width * 1e-3, height)):
        x, y = focus(image, whole(image), size, how)
        assert 0 <= x <= 1
        assert 0 <= y <= 1
    assert focus(image, Box(0.2, 0.1, 0.3, 0.7), (0.05, 0.6), how) == (0.5, 0.5)


def test_other_words_are_refused():
    with pytest.raises(OptionError, match=r"^how: expected attention or entropy, got 'faces'$"):
        focus(np.zeros((4, 5, 3), np.uint8), Box(0, 0, 5, 4), (4, 4), "faces")


def benchmark(folder, *options):
    """Run the benchmark; return how it ended and what it wrote."""
    out = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "focus", "--json", str(out), *options]
    run = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    return run, json.loads(out.read_text(encoding="utf-8")) if out.exists() else None


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two pictures, one on its side, and marks of these and of one that is not there."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(scene(400, 200, 60, 90, 30, np.uint8)).save(folder / "left.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.rot90(scene(400, 200, 200, 90, 30, np.uint8))
    (folder / "turned.jpg").write_bytes(saved(turned, "jpeg", quality=95, exif=exif))
    lines = ("file,left,top,right,bottom,subject", "left.png,0.075,0.3,0.225,0.6,face")
    lines += ("turned.jpg,0.425,0.3,0.575,0.6,face", "gone.jpg,0,0,1,1,nothing")
    (folder / "marks.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_the_benchmark_tells_what_is_kept(photos, tmp_path):
    run, rows = benchmark(tmp_path, "--photos", str(photos), "--subjects", str(photos / "marks.csv"), "--verbose")
    assert run.returncode == 0, run.stderr
    assert "1 of 3 marked photographs are not in the folder: skipped" in run.stdout
    kept = {(row["photo"], row["aspect"], row["way"]): row["kept"] for row in rows}
    assert kept["left.png", "9:16", "centre"] == 0
    assert kept["left.png", "1:1", "centre"] == 0
    assert kept["left.png", "1:1", "fastfit attention"] == kept["left.png", "1:1", "the best there is"] == 1
    assert kept["turned.jpg", "1:1", "centre"] == pytest.approx(1)
    assert all(0 <= share <= 1 for share in kept.values())
    # Libvips is measured where it is installed, and named where it is not.
    assert ("libvips is left out" in run.stdout) == (("left.png", "1:1", "libvips attention") not in kept)


def test_the_benchmark_needs_a_marked_photograph(photos, tmp_path):
    run, rows = benchmark(tmp_path, "--photos", str(photos))
    assert (run.returncode != 0, rows) == (True, None)
    assert "--photos: expected photographs that subjects.csv marks, got none" in run.stderr
