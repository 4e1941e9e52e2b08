"""How cost grows along an axis."""

import math
from collections.abc import Sequence

__all__ = ["slope"]


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the exponent by which seconds grow with size: least squares of its logarithm on the size's.

    Returns
    -------
    float
        1 where twice the size takes twice the time; NaN of fewer than two sizes.

    Examples
    --------
    >>> round(slope([1, 2, 4], [3, 12, 48]), 3)
    2.0
    """
    if len(set(sizes)) < 2:
        return math.nan
    x, y = ([math.log(value) for value in values] for values in (sizes, seconds))
    middle, level = sum(x) / len(x), sum(y) / len(y)
    rise = sum((a - middle) * (b - level) for a, b in zip(x, y, strict=True))
    return rise / sum((a - middle) ** 2 for a in x)
