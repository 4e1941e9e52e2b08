"""Images of exactly the size asked for, with Pillow's pixels at ten times Pillow's speed."""

import importlib
import typing

from fastfit.version import PIXELS as PIXELS
from fastfit.version import __version__ as __version__

# Type checkers see plain imports. What runs imports a name's module when the name is first used: NumPy and OpenCV
# take ten times as long as all that asks for a version or for help.
if typing.TYPE_CHECKING:
    from fastfit.batch import fit_many
    from fastfit.bulk import (
        Failure,
        Filters,
        Folder,
        Listing,
        Npy,
        Outcome,
        Report,
        Shards,
        WorkerError,
        retry,
        run,
    )
    from fastfit.codec import ImageInfo, decode, encode, formats, probe
    from fastfit.comparison import Comparison, compare
    from fastfit.errors import CodecError, FastfitError, ImageError, KernelWarning, OptionError, SizeError
    from fastfit.files import fit_bytes, fit_file
    from fastfit.functions import cover, fit, pad, stretch
    from fastfit.geometry import Plan, plan
    from fastfit.inspection import Check, Finding, check
    from fastfit.loading import load
    from fastfit.options import Input, Output
    from fastfit.placement import Placement
    from fastfit.presets import Preset, mode_for, read_presets
    from fastfit.proof import Selftest, selftest
    from fastfit.services import Payload, payload
    from fastfit.sizes import buckets
    from fastfit.spec import Fit
    from fastfit.types import Box, Size

__all__ = [
    "PIXELS",
    "Box",
    "Check",
    "CodecError",
    "Comparison",
    "Failure",
    "FastfitError",
    "Filters",
    "Finding",
    "Fit",
    "Folder",
    "ImageError",
    "ImageInfo",
    "Input",
    "KernelWarning",
    "Listing",
    "Npy",
    "OptionError",
    "Outcome",
    "Output",
    "Payload",
    "Placement",
    "Plan",
    "Preset",
    "Report",
    "Selftest",
    "Shards",
    "Size",
    "SizeError",
    "WorkerError",
    "buckets",
    "check",
    "compare",
    "cover",
    "decode",
    "encode",
    "fit",
    "fit_bytes",
    "fit_file",
    "fit_many",
    "formats",
    "load",
    "mode_for",
    "pad",
    "payload",
    "plan",
    "probe",
    "read_presets",
    "retry",
    "run",
    "selftest",
    "stretch",
]

if not typing.TYPE_CHECKING:  # to a type checker any name would do
    _NAMES = {
        "batch": ("fit_many",),
        "bulk": (
            "Failure",
            "Filters",
            "Folder",
            "Listing",
            "Npy",
            "Outcome",
            "Report",
            "Shards",
            "WorkerError",
            "retry",
            "run",
        ),
        "codec": ("ImageInfo", "decode", "encode", "formats", "probe"),
        "comparison": ("Comparison", "compare"),
        "errors": ("CodecError", "FastfitError", "ImageError", "KernelWarning", "OptionError", "SizeError"),
        "files": ("fit_bytes", "fit_file"),
        "functions": ("cover", "fit", "pad", "stretch"),
        "geometry": ("Plan", "plan"),
        "inspection": ("Check", "Finding", "check"),
        "loading": ("load",),
        "options": ("Input", "Output"),
        "placement": ("Placement",),
        "presets": ("Preset", "mode_for", "read_presets"),
        "proof": ("Selftest", "selftest"),
        "services": ("Payload", "payload"),
        "sizes": ("buckets",),
        "spec": ("Fit",),
        "types": ("Box", "Size"),
    }
    _HOMES = {name: module for module, names in _NAMES.items() for name in names}

    def __getattr__(name):
        """Return a public name, or a module of one, the first time it is used."""
        if name in _NAMES:
            return importlib.import_module(f"fastfit.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"fastfit.{_HOMES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
