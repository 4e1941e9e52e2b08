"""How many Python functions one fit calls: for small images they cost more than the pixels."""

import sys

import numpy as np
import pytest
from PIL import Image

from fastfit import Fit
from fastfit.resample import kernel

MOST = 40
TENSOR = {"layout": "CHW", "scale": 1 / 255, "mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2)}


def calls(fit, image):
    """Return the functions that the second fit of an image calls."""
    fit(image)
    names = []

    def note(frame, event, _):
        if event == "call":
            names.append(
                frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else frame.f_code.co_name
            )

    sys.setprofile(note)
    try:
        fit(image)
    finally:
        sys.setprofile(None)
    return names


@pytest.mark.quick
@pytest.mark.parametrize(
    ("spec", "channels"),
    [
        (Fit("32x24"), (3,)),
        (Fit("32x24"), ()),
        (Fit("32x24"), (4,)),
        (Fit("32x24", "pad", fill=7), (3,)),
        (Fit("32x24", **TENSOR), (3,)),
        (Fit("32x24", channels=3, **TENSOR), (4,)),
        (Fit("32x24", channels=1, scale=1 / 255), (3,)),
        (Fit("8x6", reducing_gap=2), (3,)),
        (Fit("32x24", resample="area", scale=1 / 255), (3,)),
    ],
    ids=repr,
)
def test_a_fit_of_an_array_makes_few_calls(spec, channels):
    if kernel() is None:
        pytest.skip("the way through NumPy is longer")
    for dtype in (np.uint8, np.float32):
        assert len(calls(spec, np.zeros((60, 80, *channels), dtype))) <= MOST


def test_a_fit_of_a_pil_image_makes_few_calls_beside_pillows():
    if kernel() is None:
        pytest.skip("the way through NumPy is longer")
    names = calls(Fit("32x24"), Image.new("RGB", (80, 60)))
    pillows = sum(name.startswith(("Image.", "Exif.", "TiffTags")) for name in names)
    assert len(names) - pillows <= MOST
