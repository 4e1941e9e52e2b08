"""Which version this is, and which pixels it makes: its own module, so that any part can tell."""

__version__ = "0.1.0"

PIXELS = "pillow-13"
"""The contract that the pixels of this version keep.

Two versions, machines or runs of the same contract give equal pixels for equal sources and equal options. While
the contract has this name, none of these change:

- ``uint8``: the results of the convolutions (``lanczos``, ``bicubic``, ``hamming``, ``bilinear``, ``box``,
  ``mks2013``, ``mks2021``), with alpha, `reducing_gap`, sub-pixel crops and windows, are Pillow 13's, bit for bit.
- ``uint16``: exact sums, rounded once at the end.
- Plans: which part of a source goes to which part of a result.
- Tensors of these: ``(x·scale - mean) / std``, computed in float64, then rounded to the result's dtype.

They hold at every level of the kernel, for any number of threads and workers. `fastfit.selftest` tests them.

The contract does not cover:

- The last bits of ``float32`` results: they are within 1e-6 of the range of Pillow's mode ``F``.
- OpenCV's interpolations (``lanczos4``, ``cubic``, ``linear``, ``area``, ``nearest``) and `fill` ``"blur"``.
- Where ``attention`` and ``entropy`` put a crop.
- What decoders make of a file, which depends on their version; so do the bytes that encoders write.

Journals hold the contract as ``pixels`` in their first row. Shards hold it as the group of their members.
"""
