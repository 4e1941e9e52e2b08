"""Who makes tensors, of arrays and of encoded bytes."""

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

from benchmarks.contenders import Contender, MissingError, fastfit_version, pillow_version

__all__ = ["ARRAYS", "BYTES", "CONTENDERS", "EXACT", "LATER", "OPENCV", "OURS", "PILLOW", "Makers"]

ARRAYS, BYTES = "array → tensor", "bytes → tensor"
OURS, EXACT, LATER = "fastfit", "fastfit-exact", "fastfit-then-numpy"
PILLOW, OPENCV = "pillow", "opencv-area"
Makers: TypeAlias = Mapping[str, str]
"""Case -> the function of `benchmarks.tensors` that does it."""


def _installed(package: str) -> Callable[[], str]:
    """Ask without an import, which is for the contender's own process."""

    def asked() -> str:
        try:
            return version(package)
        except PackageNotFoundError as error:
            raise MissingError(package) from error

    return asked


def _both(module: str) -> Makers:
    return {ARRAYS: f"{module}:of_array", BYTES: f"{module}:of_bytes"}


def _ours(makers: Makers, *marks: str) -> Contender[Makers]:
    return Contender(makers, fastfit_version, "pip install fastfit", marks)


CONTENDERS: Mapping[str, Contender[Makers]] = {
    OURS: _ours(_both("with_fastfit"), "shrink on load"),
    EXACT: _ours({BYTES: "with_fastfit:of_bytes_exactly"}),
    LATER: _ours({ARRAYS: "with_fastfit:of_array_then_numpy"}),
    PILLOW: Contender(_both("with_pillow"), pillow_version, "pip install pillow"),
    "pillow-draft": Contender(
        {BYTES: "with_pillow:of_bytes_drafted"},
        pillow_version,
        "pip install pillow",
        ("shrink on load", "reducing_gap=2"),
    ),
    OPENCV: Contender(
        _both("with_opencv"),
        _installed("opencv-python-headless"),
        "pip install opencv-python-headless",
        ("area averages", "whole-pixel crop"),
    ),
    "torch": Contender(
        _both("with_torch"),
        _installed("torch"),
        "pip install torch --index-url https://download.pytorch.org/whl/cpu",
        ("bicubic", "whole-pixel crop", "decoder: Pillow"),
    ),
    "kornia-rs": Contender(
        _both("with_kornia"),
        _installed("kornia-rs"),
        "pip install kornia-rs",
        ("whole-pixel crop", "EXIF by Pillow"),
    ),
}
"""By name, in the order of the tables."""
