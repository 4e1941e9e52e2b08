"""What hypothesis draws in several tests."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def extents(draw, side):
    """Draw a part of an axis: (low, high), C floats, at least a thousandth of a pixel, and often the whole."""
    if draw(st.booleans()):
        return 0.0, float(side)
    low = float(np.float32(draw(st.floats(0, side - 0.01))))
    return low, float(np.float32(draw(st.floats(low + 0.001, side))))
