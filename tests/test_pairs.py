"""Letterboxing pair by pair of sizes: what is reported as padded is what is padded."""

import numpy as np
import pytest

from fastfit import Box, Fit, Size, geometry, plan
from fastfit.words import RESAMPLES

CENTERED = (0.5, 0.5)


def assert_white_is_where_the_plan_says(spec, src):
    white = np.full(src[::-1], 255, np.uint8)
    fitted = spec(white)
    rows, columns = np.flatnonzero(fitted.any(axis=1)), np.flatnonzero(fitted.any(axis=0))
    found = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    planned = spec.plan(src)
    np.testing.assert_allclose(planned.boxes((0, 0, *src)), found, rtol=0, atol=1e-6, err_msg=str(planned))
    np.testing.assert_allclose(planned.inverse.boxes(found), (0, 0, *src), rtol=0, atol=1e-6, err_msg=str(planned))
    left, top, right, bottom = found
    assert fitted[top:bottom, left:right].all(), planned


@pytest.mark.parametrize(
    ("resample", "size", "centering"),
    [("lanczos", (64, 64), CENTERED), ("bilinear", (71, 53), (0.3, 0.77)), ("area", (64, 64), (0, 1))],
)
def test_padding_is_where_the_plan_says_for_thousands_of_sizes(resample, size, centering):
    spec = Fit(size, "pad", resample, centering=centering)
    for width, height in np.random.default_rng(1).integers(1, 200, (400, 2)).tolist():
        assert_white_is_where_the_plan_says(spec, (width, height))


@pytest.mark.parametrize("resample", RESAMPLES)
@pytest.mark.parametrize(
    ("src", "size"),
    [
        # 1280 / 3775 * 1571 is 532.68: rounded and halved, 373.5 rows are left above and below.
        ((3775, 1571), (1280, 1280)),
        ((1571, 3775), (1280, 1280)),
        ((1280, 719), (640, 640)),
        ((641, 480), (640, 640)),
        ((1921, 1081), (640, 640)),
        ((1999, 3), (640, 640)),
        ((3, 1999), (640, 640)),
    ],
)
def test_padding_is_where_the_plan_says_at_sizes_that_round(src, size, resample):
    assert_white_is_where_the_plan_says(Fit(size, "pad", resample), src)


def test_both_borders_of_an_odd_rest_are_told():
    planned = plan((3775, 1571), (1280, 1280), "pad")
    assert planned.inner == (0, 374, 1280, 907)
    np.testing.assert_array_equal(planned.points([(0, 0), (3775, 1571)]), [(0, 374), (1280, 907)])
    np.testing.assert_array_equal(planned.matrix[:, 2], (0, 374))


@pytest.mark.slow
def test_no_pair_of_sizes_is_padded_otherwise_than_reported():
    """All 3.61 million sources from 100 to 1999 pixels a side, to 640x640."""
    # Beneath the cache of `plan`, which so many would only churn.
    planned_for, dst = geometry.planned.__wrapped__, Size(640, 640)
    heights = np.arange(100, 2000)
    for width in range(100, 2000):
        corners, matrices, back, applied = (
            np.empty((len(heights), *shape)) for shape in ((4,), (2, 3), (4,), (4,))
        )
        for row, height in enumerate(heights.tolist()):
            whole = Box(0.0, 0.0, float(width), float(height))
            planned = planned_for(Size(width, height), dst, "pad", CENTERED, whole)
            # As `apply_plan` slices its canvas.
            written = [int(edge) for edge in planned.inner]
            applied[row], corners[row], matrices[row] = written, planned.boxes(whole), planned.matrix
            back[row] = planned.inverse.boxes(written)
        size = np.stack([np.full_like(heights, width), heights], axis=1)
        whole = np.hstack([np.zeros_like(size), size])
        for name, reported, expected in (
            ("corners", corners, applied),
            ("matrix, first corner", matrices[:, :, 2], applied[:, :2]),
            ("matrix, last corner", matrices[:, [0, 1], [0, 1]] * size + matrices[:, :, 2], applied[:, 2:]),
            ("inverse", back, whole),
        ):
            np.testing.assert_allclose(reported, expected, rtol=0, atol=1e-6, err_msg=f"{name}, width {width}")
        # Borders differ by one row at most, and what is between them is the picture's aspect, rounded.
        extents = applied[:, 2:] - applied[:, :2]
        assert np.abs(applied[:, :2] - (640 - applied[:, 2:])).max() <= 1
        assert np.abs(extents - size * (640 / size.max(axis=1))[:, None]).max() <= 0.5 + 1e-9
