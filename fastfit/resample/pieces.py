"""A band in pieces: so many output lines at a time that their floats stay in the cache."""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from fastfit.resample.band import Band, Run

__all__ = ["Piece", "pieces"]


class Piece(NamedTuple):
    """Some of a band's lines."""

    band: Band
    """That makes them."""
    lines: slice
    """Which lines they are of the output."""
    inputs: slice
    """Which input lines they are made of, relative to the whole band's `start`."""


# They keep their band alive, which the cache of bands may have let go of.
@lru_cache(maxsize=16)
def pieces(whole: Band, lines: int) -> tuple[Piece, ...]:
    """Cut a band that has runs, between groups of blocks, into pieces of `lines` or more, but for the last."""
    if lines >= whole.n_out:
        return (Piece(whole, slice(0, whole.n_out), slice(0, whole.stop - whole.start)),)
    cuts = [0]
    for run in whole.runs:
        for end in range(run.out_start + run.together, run.out_stop + 1, run.together):
            if end - cuts[-1] >= lines or end == whole.n_out:
                cuts.append(end)
    return tuple(_piece(whole, begin, end) for begin, end in pairwise(cuts))


def _piece(whole: Band, begin: int, end: int) -> Piece:
    cut = [_part(run, begin, end) for run in whole.runs if run.out_start < end and begin < run.out_stop]
    low = min(*(run.in_start for run in cut), int(whole.first[begin]))
    high = max(*(run.in_stop for run in cut), int(whole.first[end - 1]) + whole.taps.shape[1])
    band = Band(
        whole.start + low,
        whole.start + high,
        end - begin,
        tuple(replace(run, out_start=run.out_start - begin, in_start=run.in_start - low) for run in cut),
        whole.dtype,
        whole.first[begin:end] - low,
        whole.taps[begin:end],
        whole.error,
    )
    return Piece(band, slice(begin, end), slice(low, high))


def _part(run: Run, begin: int, end: int) -> Run:
    """Return the groups of a run that make the output lines from `begin` to `end`, which do not cut groups."""
    first = max(begin - run.out_start, 0) // run.together
    weights = run.weights[first : (end - run.out_start) // run.together]
    return replace(
        run,
        out_start=run.out_start + first * run.together,
        in_start=run.in_start + first * run.hop,
        weights=weights,
    )
