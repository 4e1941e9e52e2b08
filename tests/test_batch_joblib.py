"""`fit_many` by joblib, under the caller's configuration; and groups of small images."""

import joblib
import numpy as np
import pytest
from pictures import picture

from fastfit import Fit, ImageError, OptionError, batch, fit_many

SPEC = Fit("32x24", channels=3, layout="CHW", scale=1 / 255)
IMAGES = [picture("noise", (20 + i, 30 + 2 * i, *channels)) for i, channels in enumerate([(), (3,), (4,)] * 4)]
EXPECTED = np.stack([SPEC(image) for image in IMAGES])
BACKENDS = ("threading", "loky")


@pytest.mark.parametrize("jobs", [None, 1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_and_lists_are_those_of_the_spec(backend, jobs):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        rows = fit_many(IMAGES, SPEC, backend="joblib", n_jobs=jobs)
        each = fit_many(iter(IMAGES), SPEC, backend="joblib", n_jobs=jobs, return_as="list")
    np.testing.assert_array_equal(rows, EXPECTED)
    np.testing.assert_array_equal(each, EXPECTED)


def test_threads_of_joblib_write_in_place_and_generate():
    out = np.empty_like(EXPECTED)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert fit_many(IMAGES, SPEC, backend="joblib", out=out) is out
        generated = list(fit_many(IMAGES, SPEC, backend="joblib", return_as="generator"))
    np.testing.assert_array_equal(out, EXPECTED)
    np.testing.assert_array_equal(generated, EXPECTED)


@pytest.mark.parametrize("options", [{"out": np.empty_like(EXPECTED)}, {"return_as": "generator"}], ids=list)
def test_processes_of_joblib_cannot_write_in_place(options):
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.raises(OptionError, match=r"^backend: expected threads, or .*, got joblib with processes"),
    ):
        fit_many(IMAGES, SPEC, backend="joblib", **options)


@pytest.mark.parametrize("way", ["array", "list"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_errors_name_the_image(backend, way):
    images = [*IMAGES[:5], np.zeros((5, 5), np.float64), *IMAGES[5:], None]
    with (
        joblib.parallel_config(backend=backend, n_jobs=2),
        pytest.raises(ImageError, match=r"^images\[5\]: expected dtype"),
    ):
        fit_many(images, SPEC, backend="joblib", return_as=way)


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_of_another_form_are_an_error(backend):
    spec = Fit("32x24")
    with (
        joblib.parallel_config(backend=backend, n_jobs=2),
        pytest.raises(ImageError, match=r"^images\[1\]: expected a result of uint8 \(24, 32\), as the first"),
    ):
        fit_many(IMAGES, spec, backend="joblib")


def test_a_generator_of_joblib_s_gives_results_before_an_error_and_may_be_left():
    images = [*IMAGES[:5], np.zeros((5, 5), np.float64), *IMAGES[5:]]
    with joblib.parallel_config(backend="threading", n_jobs=2):
        results, found = fit_many(images, SPEC, backend="joblib", return_as="generator"), []
        with pytest.raises(ImageError, match=r"^images\[5\]: "):
            found.extend(results)
        left = fit_many(IMAGES, SPEC, backend="joblib", return_as="generator")
        np.testing.assert_array_equal(next(left), EXPECTED[0])
        left.close()
    np.testing.assert_array_equal(found, EXPECTED[:5])


@pytest.mark.parametrize("jobs", [0, "2", 1.5])
def test_a_number_of_jobs_that_is_none_is_an_error(jobs):
    with pytest.raises(OptionError, match=r"^n_jobs: expected a number of threads"):
        fit_many(IMAGES, SPEC, backend="joblib", n_jobs=jobs)


def test_other_backends_are_refused():
    with pytest.raises(OptionError, match=r"^backend: expected threads or joblib, got 'dask'"):
        fit_many(IMAGES, SPEC, backend="dask")


@pytest.mark.parametrize("jobs", [1, 2])
def test_small_images_of_a_list_go_to_the_kernel_together(monkeypatch, jobs):
    sizes = []
    fit_group = batch._fit_group
    monkeypatch.setattr(batch, "_fit_group", lambda group, fit: sizes.append(len(group)) or fit_group(group, fit))
    np.testing.assert_array_equal(fit_many(IMAGES, SPEC, n_jobs=jobs), EXPECTED)
    assert sum(sizes) == len(IMAGES)
    assert max(sizes) == (1 if jobs == 1 else len(IMAGES) // (2 * jobs))  # alone, no thread waits for another
    sizes.clear()
    np.testing.assert_array_equal(fit_many(iter(IMAGES), SPEC, n_jobs=jobs), EXPECTED)
    assert set(sizes) == {1}  # an iterator is not read ahead for that


def test_large_images_go_alone_and_groups_are_bounded(monkeypatch):
    monkeypatch.setattr(batch, "_TOGETHER", 3 * IMAGES[0].size)
    same = [IMAGES[0]] * 24
    groups = [len(group) for group in batch._groups(enumerate(same), same, 2)]
    assert groups == [3] * 8
    large = [np.zeros((100, 100), np.uint8), *same[:2], np.zeros((100, 100), np.uint8)] * 3
    assert [len(group) for group in batch._groups(enumerate(large), large, 2)] == [1, 2, 1] * 3
    many = [IMAGES[0][:2, :2]] * 1000
    assert max(len(group) for group in batch._groups(enumerate(many), many, 2)) == batch._MOST_TOGETHER


def test_results_before_a_bad_image_of_the_same_group_are_there():
    images = [*IMAGES[:3], np.zeros((5, 5), np.float64), *IMAGES[3:]]
    results, found = fit_many(images, SPEC, n_jobs=1, return_as="generator"), []
    with pytest.raises(ImageError, match=r"^images\[3\]: "):
        found.extend(results)
    np.testing.assert_array_equal(found, EXPECTED[:3])
    out = np.full((len(images), *EXPECTED.shape[1:]), -1, np.float32)
    with pytest.raises(ImageError, match=r"^images\[3\]: "):
        fit_many(images, SPEC, n_jobs=1, out=out)
    np.testing.assert_array_equal(out[:3], EXPECTED[:3])
