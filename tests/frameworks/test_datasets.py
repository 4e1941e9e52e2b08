import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import datasets
import numpy as np
import pytest
from datasets.fingerprint import Hasher
from encoded import saved, scene
from frameworks.pipelines import MEAN, PATHS, ROOT, STD, TENSOR, Logged
from PIL import Image

import fastfit
from fastfit import Fit, ImageError, buckets, fit_many

pytestmark = [
    pytest.mark.frameworks,
    # From Python 3.12 on, forking a process with threads warns; `num_proc` forks.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
]

SMALL = Fit("35x24", channels=3)


@pytest.fixture(autouse=True)
def quiet():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def photos(paths=PATHS):
    return datasets.Dataset.from_dict({"image": paths}).cast_column("image", datasets.Image())


@pytest.fixture
def on_disk(tmp_path):
    """Return a data set whose results are cached: one that lies on disk."""
    photos().save_to_disk(tmp_path / "photos")
    return datasets.load_from_disk(tmp_path / "photos")


def as_pictures(batch, spec, n_jobs=-1):
    return {"image": [Image.fromarray(row) for row in fit_many(batch["image"], spec, n_jobs=n_jobs)]}


def as_tensors(batch):
    return {"pixels": fit_many(batch["image"], TENSOR)}


# ---------------------------------------------------------------------------------------------------------------
# Pictures
# ---------------------------------------------------------------------------------------------------------------


def odd_pictures():
    """Yield encoded images that are more than an array, and the array that a viewer shows."""
    shown = scene(97, 61)
    exif = Image.Exif()
    for orientation, turned in ((6, np.rot90(shown)), (3, shown[::-1, ::-1]), (5, shown.swapaxes(0, 1))):
        exif[0x0112] = orientation
        yield saved(np.ascontiguousarray(turned), "PNG", exif=exif), shown
    palette = Image.fromarray(shown).quantize(200)
    yield saved(palette, "PNG"), np.array(palette.convert("RGB"))
    yield saved(palette, "PNG", transparency=7), np.array(with_transparency(palette, 7).convert("RGBA"))
    yield (
        saved(Image.fromarray(shown).convert("CMYK"), "TIFF"),
        np.array(Image.fromarray(shown).convert("CMYK").convert("RGB")),
    )
    yield saved(scene(97, 61, 1), "PNG"), scene(97, 61, 1)


def with_transparency(picture, level):
    keyed = picture.copy()
    keyed.info["transparency"] = level
    return keyed


def test_palettes_inks_and_orientations_arrive_upright_and_in_colour():
    encoded, shown = zip(*odd_pictures(), strict=True)
    table = datasets.Dataset.from_dict({"image": [{"bytes": each, "path": None} for each in encoded]})
    pictures = table.cast_column("image", datasets.Image())
    expected = fit_many(shown, SMALL)
    np.testing.assert_array_equal(fit_many(pictures["image"], SMALL), expected)
    np.testing.assert_array_equal([SMALL(row["image"]) for row in pictures], expected)
    fitted = pictures.map(as_pictures, batched=True, batch_size=3, fn_kwargs={"spec": SMALL})
    np.testing.assert_array_equal([np.asarray(row["image"]) for row in fitted], expected)


def test_a_column_that_is_not_decoded_is_loaded(on_disk):
    encoded = on_disk.cast_column("image", datasets.Image(decode=False))
    sources = [row["image"]["bytes"] or row["image"]["path"] for row in encoded]
    rows = [fastfit.load(source, TENSOR) for source in sources]
    np.testing.assert_array_equal(rows, [fastfit.load(path, TENSOR) for path in PATHS])


def test_arrays_of_the_numpy_format_fit_and_tensors_of_the_torch_format_say_that_they_are_planes():
    one = photos([PATHS[3]])
    expected = SMALL(one[0]["image"])
    np.testing.assert_array_equal(SMALL(one.with_format("numpy")[0]["image"]), expected)
    planes = one.with_format("torch")[0]["image"]
    with pytest.raises(ImageError, match=r"permute\(1, 2, 0\)"):
        SMALL(planes)
    np.testing.assert_array_equal(SMALL(planes.permute(1, 2, 0)), expected)


# ---------------------------------------------------------------------------------------------------------------
# map and with_transform
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("processes", [None, 2])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_map_keeps_every_pixel(processes, n_jobs):
    options = {"batched": True, "batch_size": 2, "fn_kwargs": {"spec": SMALL, "n_jobs": n_jobs}}
    fitted = photos().map(as_pictures, num_proc=processes, **options)
    assert isinstance(fitted.features["image"], datasets.Image)
    assert fitted[0]["image"].size == (35, 24)
    for row, given in zip(fitted, photos(), strict=True):
        np.testing.assert_array_equal(row["image"], SMALL(given["image"]))


@pytest.mark.usefixtures("alarm")
def test_map_in_processes_forked_after_threads_were_at_work():
    expected = fit_many(photos()["image"], SMALL, n_jobs=2)
    results = fit_many(photos()["image"], SMALL, n_jobs=2, return_as="generator")
    next(results)
    fitted = photos().map(as_pictures, batched=True, num_proc=2, fn_kwargs={"spec": SMALL, "n_jobs": 2})
    results.close()
    np.testing.assert_array_equal([np.asarray(picture) for picture in fitted["image"]], expected)


def test_map_stores_numbers_in_a_column_of_their_shape():
    features = datasets.Features({"pixels": datasets.Array3D((3, 24, 35), "float32")})
    options = {"batched": True, "remove_columns": ["image"], "features": features}
    fitted = photos().map(as_tensors, **options).with_format("numpy")
    assert fitted[:]["pixels"].dtype == np.float32
    np.testing.assert_array_equal(fitted[:]["pixels"], fit_many(photos()["image"], TENSOR))


def test_a_transform_fits_when_rows_are_asked_for():
    fitted = photos().with_transform(as_tensors)
    expected = fit_many(photos()["image"], TENSOR)
    np.testing.assert_array_equal(fitted[:]["pixels"], expected)
    np.testing.assert_array_equal(fitted[2:5]["pixels"], expected[2:5])
    np.testing.assert_array_equal(fitted[4]["pixels"], expected[4])
    for row, wanted in zip(fitted, expected, strict=True):
        np.testing.assert_array_equal(row["pixels"], wanted)


def test_a_streamed_data_set_fits_as_it_goes():
    streamed = photos().to_iterable_dataset().map(as_tensors, batched=True, batch_size=3, remove_columns=["image"])
    np.testing.assert_array_equal([row["pixels"] for row in streamed], fit_many(photos()["image"], TENSOR))


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("processes", [None, 2])
def test_an_error_in_map_names_the_image_of_its_batch(processes):
    options = {"batched": True, "num_proc": processes, "fn_kwargs": {"spec": Fit("35x24", box=(0, 0, 200, 100))}}
    with pytest.raises(fastfit.OptionError, match=r"^images\[0\]: box: expected .* within 1") as caught:
        photos().select([1, 2]).map(as_pictures, **options)
    assert caught.value.name == "images[0]: box"


# ---------------------------------------------------------------------------------------------------------------
# The cache
# ---------------------------------------------------------------------------------------------------------------

SPECS = [
    Fit("35x24"),
    Fit("35x24", "pad"),
    Fit("35x24", resample="box"),
    Fit("35x24", fill=(1, 2, 3)),
    Fit("35x24", channels=3),
    Fit("35x24", dtype="float32"),
    Fit("35x24", layout="CHW", scale=1 / 255, mean=MEAN, std=STD),
    Fit(longest=35, multiple_of=4),
    Fit("auto:256x256/32"),
]
SAME = [
    (Fit((35, 24)), Fit("35x24")),
    (Fit("35x24", centering=(0.5, 0.5)), Fit("35x24", "cover", "lanczos")),
    (Fit("35x24", fill=[1, 2, 3]), Fit("35x24", fill=np.array([1, 2, 3], np.uint8))),
    (Fit("35x24", dtype=np.float32), Fit("35x24", dtype="float32")),
    (Fit("35x24", scale=0.5), Fit("35x24", scale=np.float32(0.5), dtype="float32")),
    (Fit("35x24", mean=0.5), Fit("35x24", mean=[0.5])),
    (Fit("auto:256x256/32"), Fit(sizes=buckets(256 * 256, 32))),
    (Fit(longest=35), Fit(longest=np.int64(35))),
    (Fit("35x24", fill=255), Fit("35x24", fill=255.0)),
    (Fit("35x24", scale=1), Fit("35x24", scale=1.0)),
    (Fit("35x24", mean=(0, 0, 0)), Fit("35x24", mean=(0.0, 0.0, 0.0))),
    (Fit("35x24", box=(0, 0, 5, 5)), Fit("35x24", box=(0.0, 0.0, 5.0, 5.0))),
    (Fit("35x24", centering=(0, 1)), Fit("35x24", centering=(0.0, 1.0))),
    (Fit("35x24", reducing_gap=2), Fit("35x24", reducing_gap=2.0)),
]


def test_the_hash_of_a_spec_is_its_own():
    assert len({Hasher.hash(spec) for spec in SPECS}) == len(SPECS)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_hash_of_a_spec_does_not_change_with_its_use(spec):
    before = Hasher.hash(spec)
    spec(scene(97, 61))
    fit_many([scene(97, 61)], spec)
    assert Hasher.hash(spec) == before
    assert Hasher.hash(Fit.from_dict(json.loads(json.dumps(spec.to_dict())))) == before


@pytest.mark.parametrize(("spec", "same"), SAME, ids=str)
def test_equal_specs_have_equal_hashes(spec, same):
    assert spec == same
    assert Hasher.hash(spec) == Hasher.hash(same)


def test_hashes_are_the_same_in_other_processes():
    options = [spec.to_dict() for spec in SPECS]
    code = """if True:
        import json, sys
        from datasets.fingerprint import Hasher
        import fastfit
        print(*(Hasher.hash(fastfit.Fit.from_dict(each)) for each in json.load(sys.stdin)))
    """
    for seed in ("0", "1"):
        command = [sys.executable, "-c", code]
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            command, input=json.dumps(options), env=env, capture_output=True, text=True, check=True
        )
        assert run.stdout.split() == [Hasher.hash(spec) for spec in SPECS]


def test_a_second_map_is_read_from_the_cache(on_disk, tmp_path):
    log = tmp_path / "log"
    first = on_disk.map(Logged(SMALL, str(log)), batched=True)
    assert log.read_text() == f"{len(PATHS)}\n"
    again = datasets.load_from_disk(tmp_path / "photos").map(
        Logged(Fit((35, 24), channels=3), str(log)), batched=True
    )
    assert log.read_text() == f"{len(PATHS)}\n"
    assert again.cache_files == first.cache_files
    np.testing.assert_array_equal(again["pixels"], first["pixels"])
    on_disk.map(Logged(Fit((35, 25), channels=3), str(log)), batched=True)
    assert log.read_text() == 2 * f"{len(PATHS)}\n"


@pytest.mark.parametrize(
    "mapped",
    [
        lambda table, spec: table.map(as_pictures, batched=True, fn_kwargs={"spec": spec}),
        lambda table, spec: table.map(partial(as_pictures, spec=spec), batched=True),
        lambda table, spec: table.map(lambda batch: as_pictures(batch, spec), batched=True),
        lambda table, spec: table.map(lambda row: {"pixels": spec(row["image"]).ravel()}),
    ],
    ids=["fn_kwargs", "partial", "closure", "one by one"],
)
def test_however_a_spec_gets_into_map_equal_ones_find_the_same_cache(mapped, on_disk):
    first, again, other = (
        mapped(on_disk, spec) for spec in (SMALL, Fit((35, 24), channels=3), Fit("35x25", channels=3))
    )
    assert first.cache_files == again.cache_files
    assert first.cache_files != other.cache_files
    assert Path(first.cache_files[0]["filename"]).exists()
