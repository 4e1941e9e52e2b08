"""What workers run: importable by name, as processes that are not forked need it, and light to import."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import fastfit

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests" / "data"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TENSOR = fastfit.Fit("35x24", channels=3, layout="CHW", scale=1 / 255, mean=MEAN, std=STD)
NAMES = ["rgba.png", "grey.jpg", "orientation_6.jpg", "photo.jpg", "rgb16.png", "orientation_8.jpg", "srgb.webp"]
PATHS = [str(DATA / name) for name in NAMES]


@dataclass(frozen=True)
class Loading:
    """A file in, what the spec makes of it out."""

    spec: fastfit.Fit

    def __call__(self, source):
        return fastfit.load(source, self.spec)


@dataclass(frozen=True)
class Mapped:
    """A data set as torch knows it: anything with a length and items."""

    items: list
    function: object

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.function(self.items[index])


@dataclass(frozen=True)
class LoadedSample:
    """A sample of a shard in, its key and its one image out."""

    spec: fastfit.Fit

    def __call__(self, sample):
        encoded = next(sample[kind] for kind in ("jpg", "png", "webp") if kind in sample)
        return {"__key__": sample["__key__"], "pixels": fastfit.load(encoded, self.spec)}


@dataclass
class Logged:
    """A function for `Dataset.map` that leaves a line in a file for each call."""

    spec: fastfit.Fit
    log: str

    def __call__(self, batch):
        with Path(self.log).open("a") as log:
            log.write(f"{len(batch['image'])}\n")
        return {"pixels": list(fastfit.fit_many(batch["image"], self.spec).reshape(len(batch["image"]), -1))}


def own_threads(_):
    """Return the number of OpenCV's threads in this process, after a fit that needs them."""
    fastfit.fit(np.zeros((610, 970, 3), np.uint8), (350, 240), resample="area")
    return np.array([cv2.getNumThreads()])


@contextmanager
def busy(spec, images):
    """Have threads at work on images all the while: what a parent may be doing when it forks."""
    enough = threading.Event()

    def work():
        while not enough.is_set():
            fastfit.fit_many(images, spec, n_jobs=2)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
