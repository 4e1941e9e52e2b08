"""Many images: sources, workers, a journal, sinks. Prints nothing."""

from fastfit.bulk.items import Outcome
from fastfit.bulk.pool import WorkerError
from fastfit.bulk.report import Failure, Report, Tally
from fastfit.bulk.runs import preview, retry, run
from fastfit.bulk.sinks import Folder, Npy, Shards
from fastfit.bulk.sources import Listing
from fastfit.bulk.work import Filters

__all__ = [
    "Failure",
    "Filters",
    "Folder",
    "Listing",
    "Npy",
    "Outcome",
    "Report",
    "Shards",
    "Tally",
    "WorkerError",
    "preview",
    "retry",
    "run",
]
