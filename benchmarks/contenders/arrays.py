"""Who makes an array of another size out of an array: (H, W, 3) in, (h, w, 3) out, 8 bits."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, TypeAlias

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

import fastfit
from benchmarks.contenders import Contender, MissingError, fastfit_version, pillow_version
from benchmarks.contenders.cold import Cold
from fastfit.types import Box, Image, Size
from fastfit.words import Mode, Resample

__all__ = [
    "BESIDE",
    "CONTENDERS",
    "FILTERS",
    "HEED_ALL",
    "OURS",
    "OURS_COLD",
    "REFERENCE",
    "REFERENCE_COLD",
    "Make",
    "Task",
    "area",
    "interpolated",
]

REFERENCE, OURS = "pillow", "fastfit"
REFERENCE_COLD, OURS_COLD = "pillow-cold", "fastfit-cold"
BESIDE = {OURS_COLD: REFERENCE_COLD}
"""Whose work is another than the reference's -> whom it is set beside."""
HEED_ALL = (REFERENCE, REFERENCE_COLD, "pillow-gap", OURS, OURS_COLD, "fastfit-gap")
"""Those that take any `Task.resample`, and crop between pixels. Others have filters of their own."""
_NAMES: tuple[Resample, ...] = ("lanczos", "bicubic", "hamming", "bilinear", "box", "mks2013", "mks2021")
FILTERS: dict[Resample, Pillow.Resampling] = {
    name: Pillow.Resampling[name.upper()] for name in _NAMES if name.upper() in Pillow.Resampling.__members__
}
"""The filters of the Pillow that is installed, by fastfit's names."""
_GAP = 2.0
"""Of Pillow's examples, and libvips's default."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done to an image."""

    size: Size
    mode: Mode = "stretch"
    resample: Resample = "lanczos"
    threads: int = 1
    """For those who are told with every call, and have a stack to share among threads."""


Make: TypeAlias = Callable[[Image, Task], Callable[[], Image]]
Resize: TypeAlias = Callable[[Image, Box, Size], Image]
"""Makes the part of an image under a box of whole pixels an image of exactly this size, any strides."""


def _pillow(image: Image, task: Task) -> Callable[[], Image]:
    size, method = task.size, FILTERS[task.resample]

    def call() -> Image:
        picture = Pillow.fromarray(image)
        if task.mode == "cover":
            return np.asarray(ImageOps.fit(picture, size, method))
        if task.mode == "pad":
            return np.asarray(ImageOps.pad(picture, size, method))
        return np.asarray(picture.resize(size, method))

    return call


def _pillow_gap(image: Image, task: Task) -> Callable[[], Image]:
    plan, method = fastfit.plan(_size(image), task.size, task.mode), FILTERS[task.resample]

    def call() -> Image:
        picture = Pillow.fromarray(image).resize(plan.inner_size, method, box=plan.crop, reducing_gap=_GAP)
        if task.mode != "pad":
            return np.asarray(picture)
        canvas = Pillow.new("RGB", task.size)
        canvas.paste(picture, (int(plan.inner.left), int(plan.inner.top)))
        return np.asarray(canvas)

    return call


def _fastfit(reducing_gap: float | None) -> Make:
    def make(image: Image, task: Task) -> Callable[[], Image]:
        spec = fastfit.Fit(task.size, task.mode, resample=task.resample, reducing_gap=reducing_gap)
        return lambda: spec(image)

    return make


def _fastfit_cold(image: Image, task: Task) -> Callable[[], Image]:
    return Cold(image, fastfit.Fit(task.size, task.mode, resample=task.resample))


def _pillow_cold(image: Image, task: Task) -> Callable[[], Image]:
    return Cold(image, lambda one: _pillow(one, task)())


def _in_whole_pixels(resize: Resize) -> Make:
    """Fit as one does with a library that only resizes: crop first, or put the result on a canvas."""

    def make(image: Image, task: Task) -> Callable[[], Image]:
        plan = fastfit.plan(_size(image), task.size, task.mode).snapped()
        left, top, right, bottom = map(int, plan.inner)
        if plan.inner_size == task.size:
            return lambda: resize(image, plan.crop, task.size)

        def call() -> Image:
            canvas = np.zeros((task.size.height, task.size.width, image.shape[2]), np.uint8)
            canvas[top:bottom, left:right] = resize(image, plan.crop, plan.inner_size)
            return canvas

        return call

    return make


def _size(image: Image) -> Size:
    return Size(image.shape[1], image.shape[0])


def _part(image: Image, box: Box) -> Image:
    """Return a view."""
    left, top, right, bottom = map(int, box)
    return image[top:bottom, left:right]


def _opencv_lanczos4(image: Image, box: Box, size: Size) -> Image:
    return cv2.resize(_part(image, box), size, interpolation=cv2.INTER_LANCZOS4)


def _opencv_area(image: Image, box: Box, size: Size) -> Image:
    return area(_part(image, box), size)


def area(image: Image, size: Size, out: Image | None = None) -> Image:
    """Resize as img2dataset does, whose defaults these two are: by area where a side shrinks."""
    shrinks = image.shape[1] > size.width or image.shape[0] > size.height
    return cv2.resize(image, size, out, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4)


def _pyvips(gap: float) -> Resize:
    def resize(image: Image, box: Box, size: Size) -> Image:
        whole = _size(image)
        picture = _module("pyvips").Image.new_from_memory(image, *whole, image.shape[2], "uchar")
        if (box.width, box.height) != whole:
            picture = picture.crop(*map(int, (box.left, box.top, box.width, box.height)))
        across, down = size.width / box.width, size.height / box.height
        resized: Image = picture.resize(across, vscale=down, kernel="lanczos3", gap=gap).numpy()
        return resized

    return resize


def _kornia(image: Image, box: Box, size: Size) -> Image:
    part = np.ascontiguousarray(_part(image, box))  # it takes no other, and copies none of these
    resized: Image = _module("kornia_rs").imgproc.resize(part, (size.height, size.width), "lanczos")
    return resized


def _torch(mode: str) -> Resize:
    def resize(image: Image, box: Box, size: Size) -> Image:
        part = _part(image, box)
        resized: Image = interpolated(part.reshape(1, *part.shape), size, mode)[0]
        return resized

    return resize


def interpolated(images: Image, size: Size, mode: str) -> Image:
    """Resize a stack (N, H, W, 3) by torch, channels last there and back.

    For 3 channels of 8 bits that lie channels last torch has vector code, which needs no planes if the strides of
    all four axes say so: those of ``image[None]`` do not, and the result would be planes.
    """
    torch = _module("torch")
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(tensors, size[::-1], mode=mode, antialias=True)
    array: Image = resized.permute(0, 2, 3, 1).numpy()
    return np.ascontiguousarray(array)  # copied only where it is not: of one row or column


def _cykooz(image: Image, box: Box, size: Size) -> Image:
    # It takes their number with every call: as many as OpenCV is kept at.
    resizer, options = _cykooz_tools(cv2.getNumThreads())
    if (box.width, box.height) != _size(image):
        options = options.copy()
        options.crop_box = _module("cykooz_resizer").CropBox(box.left, box.top, box.width, box.height)
    # By way of Pillow's images: its own, of bytes, are copied as often, and slower where they are large.
    out = Pillow.new("RGB", size)
    resizer.resize_pil(Pillow.fromarray(image), out, options)
    return np.asarray(out)


@cache
def _cykooz_tools(threads: int) -> tuple[Any, Any]:
    library = _module("cykooz_resizer")
    pool = library.ResizerThreadPool(threads) if threads > 1 else None
    lanczos = library.ResizeAlg.convolution(library.FilterType.lanczos3)
    return library.Resizer(), library.ResizeOptions(lanczos, thread_pool=pool)


def _scikit_image(image: Image, box: Box, size: Size) -> Image:
    resize = _module("skimage.transform").resize
    floats = resize(_part(image, box), size[::-1], order=3, anti_aliasing=True, preserve_range=True)
    array: Image = np.rint(floats, out=floats).astype(np.uint8)  # it clips to the range of the image
    return array


def _swscale(image: Image, box: Box, size: Size) -> Image:
    ways = _module("av.video.reformatter").Interpolation
    # With whole chroma it is both nearer and faster than without.
    way = ways.LANCZOS | ways.FULL_CHR_H_INT | ways.FULL_CHR_H_INP
    frame = _module("av").VideoFrame.from_numpy_buffer(_part(image, box), "rgb24")
    # It takes their number with every call: as many as OpenCV is kept at.
    scaled: Image = frame.reformat(*size, interpolation=way, threads=cv2.getNumThreads()).to_ndarray()
    return scaled


def _pin_pyvips(threads: int) -> None:
    pyvips = _module("pyvips")
    pyvips.concurrency_set(threads)
    pyvips.cache_set_max(0)  # no result is to come from a call before


def _pin_torch(threads: int) -> None:
    _module("torch").set_num_threads(threads)


_modules: dict[str, Any] = {}


def _module(name: str) -> Any:
    """Import a library when it is first used."""
    if name not in _modules:
        _modules[name] = importlib.import_module(name)
    return _modules[name]


def _version(module: str, package: str) -> Callable[[], str]:
    def told() -> str:
        _module(module)
        return version(package)

    return told


def _torch_lanczos_version() -> str:
    found: str = _module("torch").__version__
    if tuple(map(int, found.split(".")[:2])) < (2, 12):
        raise MissingError("torch's Lanczos came with 2.12")
    return found


def _pyvips_version() -> str:
    pyvips = _module("pyvips")
    return f"{pyvips.__version__} libvips {'.'.join(str(pyvips.version(part)) for part in range(3))}"


def _swscale_version() -> str:
    return f"PyAV {_module('av').__version__}, with its own libswscale"


def _opencv(resize: Resize, mark: str) -> Contender[Make]:
    install = 'pip install "opencv-python-headless>=4.13"'
    return Contender(_in_whole_pixels(resize), lambda: cv2.__version__, install, [mark], cv2.setNumThreads)


def _vips(gap: float, *marks: str) -> Contender[Make]:
    install = 'pip install "pyvips[binary]"'
    marks = (*marks, "enlarges by bicubic, 0.2 pixels off")
    return Contender(_in_whole_pixels(_pyvips(gap)), _pyvips_version, install, marks, _pin_pyvips)


def _pytorch(mode: str, told: Callable[[], str], *marks: str) -> Contender[Make]:
    return Contender(_in_whole_pixels(_torch(mode)), told, _INSTALL_TORCH, marks, _pin_torch)


_INSTALL_TORCH = 'pip install "torch>=2.12" --index-url https://download.pytorch.org/whl/cpu'
_PILLOW = 'pip install "pillow>=13"'
_SHRINKS_FIRST = f"whole-number shrink first, gap {_GAP:.0f}"
_NEVER_SEEN = "a size never seen before"
CONTENDERS: dict[str, Contender[Make]] = {
    REFERENCE: Contender(_pillow, pillow_version, _PILLOW),
    REFERENCE_COLD: Contender(_pillow_cold, pillow_version, _PILLOW, [_NEVER_SEEN]),
    "pillow-gap": Contender(_pillow_gap, pillow_version, _PILLOW, [_SHRINKS_FIRST]),
    OURS: Contender(_fastfit(None), fastfit_version, "pip install fastfit"),
    OURS_COLD: Contender(
        _fastfit_cold, fastfit_version, "pip install fastfit", [f"{_NEVER_SEEN}: {REFERENCE_COLD} = 1"]
    ),
    "fastfit-gap": Contender(_fastfit(_GAP), fastfit_version, "pip install fastfit", [_SHRINKS_FIRST]),
    "opencv-lanczos4": _opencv(_opencv_lanczos4, "no antialias"),
    "opencv-area": _opencv(_opencv_area, "box filter, to enlarge lanczos4"),
    "pyvips": _vips(_GAP, _SHRINKS_FIRST),
    "pyvips-nogap": _vips(0.0),
    "kornia-rs": Contender(_in_whole_pixels(_kornia), _version("kornia_rs", "kornia-rs"), "pip install kornia-rs"),
    "cykooz-resizer": Contender(
        _in_whole_pixels(_cykooz), _version("cykooz_resizer", "cykooz-resizer"), "pip install cykooz-resizer"
    ),
    "torch": _pytorch("bicubic", _version("torch", "torch"), "bicubic"),
    "torch-lanczos": _pytorch("lanczos", _torch_lanczos_version),
    "scikit-image": Contender(
        _in_whole_pixels(_scikit_image),
        _version("skimage.transform", "scikit-image"),
        "pip install scikit-image",
        ["Gaussian, cubic spline"],
    ),
    "swscale": Contender(_in_whole_pixels(_swscale), _swscale_version, "pip install av", ["by way of YUV"]),
}
