"""Where results go: a folder, tar shards, one NumPy file."""

import os
from collections.abc import Mapping
from typing import Any

from fastfit.bulk.sinks.folder import Folder
from fastfit.bulk.sinks.npy import Npy, one_size
from fastfit.bulk.sinks.shards import Shards
from fastfit.bulk.sinks.sink import Sink, Writer, Written
from fastfit.errors import OptionError, describe

__all__ = ["Folder", "Npy", "Shards", "Sink", "Writer", "Written", "as_sink", "from_dict", "one_size"]

_KINDS: dict[str, Any] = {"folder": Folder, "shards": Shards, "npy": Npy}


def as_sink(value: Any) -> Sink:
    """Return a sink as it is, and a path as the folder of that name.

    Raises
    ------
    OptionError
        Neither.
    """
    if isinstance(value, (Folder, Shards, Npy)):
        return value
    if isinstance(value, (str, os.PathLike)):
        return Folder(value)
    raise OptionError("sink", "a path, a Folder, Shards or an Npy", describe(value))


def from_dict(options: Mapping[str, Any]) -> Sink:
    """Return the sink that its `to_dict` described."""
    sink: Sink = _KINDS[options["kind"]](**{name: value for name, value in options.items() if name != "kind"})
    return sink
