import time

import cv2
import numpy as np
import pytest
import torch
from frameworks.pipelines import DATA, MEAN, PATHS, STD, TENSOR, Loading, Mapped, busy, own_threads
from pictures import picture
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, IterableDataset, default_collate

import fastfit
from fastfit import Fit, ImageError, OptionError, fit_many

pytestmark = [
    pytest.mark.frameworks,
    # From Python 3.12 on, forking a process with threads warns. Torch has some, and to fork is what is tested.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
]

SMALL = Fit("35x24")
SHAPES = [(61, 97, 3), (97, 61, 3), (45, 46, 3), (30, 200, 3), (61, 97, 4), (61, 97, 1), (61, 97)]


def images(dtype=np.uint8):
    return [picture("smooth", shape, dtype, seed) for seed, shape in enumerate(SHAPES)]


def tensor(dtype=np.uint8, shape=(61, 97, 3)):
    return torch.from_numpy(picture("smooth", shape, dtype))


def loader(items, function, **options):
    return DataLoader(Mapped(items, function), timeout=100 if options.get("num_workers") else 0, **options)


# ---------------------------------------------------------------------------------------------------------------
# DataLoader
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_workers_give_what_the_process_itself_gives(start):
    here = list(loader(PATHS, Loading(TENSOR), batch_size=3))
    assert [len(batch) for batch in here] == [3, 3, 1]
    assert all(batch.shape[1:] == (3, 24, 35) and batch.dtype == torch.float32 for batch in here)
    np.testing.assert_array_equal(torch.cat(here), np.stack([fastfit.load(path, TENSOR) for path in PATHS]))
    options = {"num_workers": 2, "multiprocessing_context": start, "persistent_workers": True}
    there = loader(PATHS, Loading(TENSOR), batch_size=3, **options)
    for _ in range(2):
        for got, wanted in zip(there, here, strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.usefixtures("alarm")
def test_workers_fit_arrays_and_pictures():
    expected = [TENSOR(image) for image in images()]
    for items in (images(), [Image.fromarray(image.squeeze()) for image in images()]):
        np.testing.assert_array_equal(torch.cat(list(loader(items, TENSOR, num_workers=2))), expected)


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("resample", ["lanczos", "linear"])
def test_workers_forked_while_threads_are_at_work_fit_as_ever(resample):
    spec = Fit("350x241", resample=resample)
    large = [picture("smooth", (611, 970, 3), seed=seed) for seed in range(3)]
    expected = [spec(image) for image in large]
    with busy(spec, large):
        for _ in range(4):
            results = list(loader(large, spec, num_workers=2, multiprocessing_context="fork"))
            np.testing.assert_array_equal(torch.cat(results), expected)


@pytest.mark.usefixtures("alarm", "three_threads")
def test_workers_forked_while_opencv_is_limited_are_not():
    threads = own_threads(None)
    assert threads == 3
    with busy(TENSOR, images()):
        for _ in range(4):
            for got in loader(
                [0, 1, 2, 3], own_threads, batch_size=4, num_workers=2, multiprocessing_context="fork"
            ):
                np.testing.assert_array_equal(got, [threads] * 4)


@pytest.mark.usefixtures("alarm")
def test_a_generator_half_taken_and_workers_do_no_harm_to_each_other():
    results = fit_many(images(), TENSOR, n_jobs=2, return_as="generator")
    first = next(results)
    workers = loader(images(), TENSOR, num_workers=2, multiprocessing_context="fork")
    expected = fit_many(images(), TENSOR)
    np.testing.assert_array_equal(torch.cat(list(workers)), expected)
    np.testing.assert_array_equal([first, *results], expected)


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("workers", [0, 1])
def test_an_iterable_data_set_fits_in_threads_of_its_worker(workers):
    class Stream(IterableDataset):
        def __iter__(self):
            return fit_many(iter(images()), TENSOR, n_jobs=2, return_as="generator")

    options = {"num_workers": workers, "multiprocessing_context": "fork" if workers else None}
    stream = DataLoader(Stream(), batch_size=3, **options)
    expected = fit_many(images(), TENSOR)
    np.testing.assert_array_equal(torch.cat(list(stream)), expected)
    np.testing.assert_array_equal(next(iter(stream)), expected[:3])


@pytest.mark.usefixtures("alarm")
def test_a_collate_function_fits_a_batch_at_once():
    def collate(batch):
        return torch.from_numpy(fit_many(batch, TENSOR, n_jobs=1))

    options = {"collate_fn": collate, "num_workers": 2, "multiprocessing_context": "fork"}
    np.testing.assert_array_equal(
        torch.cat(list(loader(images(), np.asarray, batch_size=3, **options))), fit_many(images(), TENSOR)
    )


def test_results_are_collated_as_they_are():
    batch = default_collate([(TENSOR(image), label) for label, image in enumerate(images())])
    np.testing.assert_array_equal(batch[0], fit_many(images(), TENSOR))
    assert batch[0].dtype == torch.float32


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_file_is_the_same_error_in_a_worker_as_without(workers):
    with pytest.raises(fastfit.CodecError, match=r"truncated\.jpg: expected"):
        list(loader([str(DATA / "truncated.jpg")], Loading(TENSOR), num_workers=workers))


@pytest.mark.usefixtures("alarm")
def test_a_worker_names_the_file_that_is_damaged():
    with pytest.raises(Exception, match=r"truncated\.jpg: expected"):
        list(loader([str(DATA / "truncated.jpg")], Loading(TENSOR), num_workers=1))


# ---------------------------------------------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------------------------------------------


def by_torch(fitted, mean, std):
    """Return what torchvision's to_tensor and normalize do, in their order."""
    levels = torch.from_numpy(fitted).permute(2, 0, 1).to(torch.float32).div(255)
    return levels.sub(torch.tensor(mean).view(-1, 1, 1)).div(torch.tensor(std).view(-1, 1, 1))


@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(61, 97, 3), (97, 61, 4), (61, 97)])
def test_normalised_tensors_are_what_torch_computes(shape, mode):
    image = picture("noise", shape)
    fitted = Fit("35x24", mode, channels=3, fill=(255, 9, 0))(image)
    result = Fit("35x24", mode, channels=3, fill=(255, 9, 0), layout="CHW", scale=1 / 255, mean=MEAN, std=STD)(
        image
    )
    expected = by_torch(fitted, MEAN, STD)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 * expected.abs().max().item())
    assert torch.from_numpy(result).dtype == expected.dtype


def test_they_begin_as_pillow_s_pixels():
    image = picture("smooth", (61, 97, 3))
    by_pillow = ImageOps.fit(Image.fromarray(image), (35, 24), Image.Resampling.LANCZOS)
    np.testing.assert_allclose(TENSOR(image), by_torch(np.array(by_pillow), MEAN, STD), rtol=0, atol=3e-6)


def test_half_floats_are_what_torch_rounds_to():
    image = picture("noise", (61, 97, 3))
    half = Fit("35x24", layout="CHW", dtype="float16", scale=1 / 255)(image)
    whole = Fit("35x24", layout="CHW", scale=1 / 255)(image)
    assert torch.equal(torch.from_numpy(half), torch.from_numpy(whole).half())


def test_float_tensors_are_normalised_like_eight_bits():
    levels = picture("noise", (61, 97, 3), np.float32)
    result = Fit("35x24", layout="CHW", mean=MEAN, std=STD)(torch.from_numpy(levels))
    expected = by_torch(255 * SMALL(levels), MEAN, STD)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 * expected.abs().max().item())


# ---------------------------------------------------------------------------------------------------------------
# Tensors in
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(61, 97), (61, 97, 1), (61, 97, 3), (61, 97, 4)])
def test_a_tensor_is_its_array(shape, dtype):
    given = tensor(dtype, shape)
    before = given.clone()
    np.testing.assert_array_equal(SMALL(given), SMALL(given.numpy()))
    assert torch.equal(given, before)
    assert SMALL.form(given) == SMALL.form(given.numpy())


@pytest.mark.parametrize(
    "view",
    [
        lambda given: given.permute(2, 0, 1).contiguous().permute(1, 2, 0),
        lambda given: given[3:-1:2, 1::3],
        lambda given: given.permute(1, 0, 2),
        lambda given: given[:, :1].expand(-1, 97, -1),
        lambda given: given.to(memory_format=torch.contiguous_format).as_subclass(
            type("Own", (torch.Tensor,), {})
        ),
        lambda given: given.clone().share_memory_(),
    ],
    ids=["planes", "every other", "transposed", "expanded", "a subclass", "shared memory"],
)
def test_views_of_tensors_are_read_as_they_are(view):
    given = view(tensor())
    np.testing.assert_array_equal(SMALL(given), SMALL(np.array(given.tolist(), np.uint8)))


def test_a_model_s_weights_are_fitted_once_detached():
    weights = torch.nn.Parameter(tensor(np.float32))
    with pytest.raises(ImageError, match=r"^image: .*detach"):
        SMALL(weights)
    np.testing.assert_array_equal(SMALL(weights.detach()), SMALL(tensor(np.float32)))


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (lambda: tensor(np.float32).requires_grad_(), "detach"),
        (lambda: tensor().to("meta"), "meta"),
        (lambda: tensor().to_sparse(), "to_dense"),
        (lambda: tensor(np.float32).to(torch.complex64).conj().imag, "resolve_neg"),
        (lambda: tensor().bfloat16(), "BFloat16"),
        (lambda: tensor().half(), "uint8, uint16 or float32.*float16"),
        (lambda: tensor().double(), "uint8, uint16 or float32.*float64"),
        (lambda: tensor().long(), "uint8, uint16 or float32.*int64"),
        (lambda: tensor().bool(), "uint8, uint16 or float32.*bool"),
        (lambda: tensor().permute(2, 0, 1), r"\(3, 61, 97\).*permute\(1, 2, 0\)"),
        (lambda: tensor(shape=(61, 97, 1)).permute(2, 0, 1), r"\(1, 61, 97\).*permute\(1, 2, 0\)"),
        (lambda: tensor()[None], r"\(1, 61, 97, 3\)"),
        (lambda: tensor()[:0], "at least one pixel"),
    ],
    ids=[
        "grad",
        "meta",
        "sparse",
        "negative",
        "bf16",
        "half",
        "double",
        "long",
        "bool",
        "CHW",
        "1HW",
        "batch",
        "0",
    ],
)
def test_tensors_that_are_no_images_are_errors_that_say_why(given, hint):
    for call in (SMALL, SMALL.form):
        with pytest.raises(ImageError, match=rf"^image: expected .*{hint}"):
            call(given())
    with pytest.raises(ImageError, match=rf"^images\[1\]: expected .*{hint}"):
        fit_many([tensor(), given()], SMALL)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_stack_of_tensors_is_a_batch(dtype):
    stack = torch.stack([tensor(dtype), tensor(dtype).flip(0)])
    np.testing.assert_array_equal(fit_many(stack, TENSOR), [TENSOR(stack[0]), TENSOR(stack[1])])
    np.testing.assert_array_equal(fit_many(list(stack), TENSOR), fit_many(stack, TENSOR))
    np.testing.assert_array_equal(fit_many(stack[..., 0], SMALL), fit_many(stack[..., 0].numpy(), SMALL))


def test_a_stack_of_planes_is_fitted_once_permuted():
    planes = torch.stack([tensor(), tensor().flip(0)]).permute(0, 3, 1, 2).contiguous()
    with pytest.raises(ImageError, match=r"^images\[0\]: .*permute\(1, 2, 0\)"):
        fit_many(planes, TENSOR)
    expected = [TENSOR(tensor()), TENSOR(tensor().flip(0))]
    np.testing.assert_array_equal(fit_many(planes.permute(0, 2, 3, 1), TENSOR), expected)


def test_a_stack_that_numpy_cannot_read_is_an_error_about_images():
    with pytest.raises(ImageError, match=r"^images: .*meta"):
        fit_many(torch.stack([tensor()]).to("meta"), TENSOR)


class OnlyDLPack:
    """What knows no other protocol, as arrays of young libraries."""

    def __init__(self, held):
        self._held = held

    def __dlpack__(self, **options):
        return self._held.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._held.__dlpack_device__()


def test_dlpack_alone_will_do():
    np.testing.assert_array_equal(SMALL(OnlyDLPack(tensor())), SMALL(tensor()))
    np.testing.assert_array_equal(SMALL(OnlyDLPack(tensor()[3:-1:2, 1::3])), SMALL(tensor()[3:-1:2, 1::3]))
    stack = torch.stack([tensor(), tensor().flip(0)])
    np.testing.assert_array_equal(fit_many(OnlyDLPack(stack), TENSOR), fit_many(stack, TENSOR))
    np.testing.assert_array_equal(fit_many([OnlyDLPack(each) for each in stack], TENSOR), fit_many(stack, TENSOR))


@pytest.mark.parametrize(
    "given",
    [lambda: tensor().bfloat16(), lambda: tensor(np.float32).requires_grad_(), lambda: tensor().to("meta")],
)
def test_what_dlpack_does_not_give_is_an_error(given):
    with pytest.raises(ImageError, match=r"^image: expected what NumPy can read, got a OnlyDLPack"):
        SMALL(OnlyDLPack(given()))


# ---------------------------------------------------------------------------------------------------------------
# Tensors out
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [SMALL, TENSOR], ids=["bytes", "tensor"])
def test_a_result_becomes_a_tensor_without_a_copy(spec):
    result = spec(picture("smooth", (61, 97, 3)))
    shared = torch.from_numpy(result)
    assert shared.data_ptr() == result.ctypes.data
    assert shared.is_contiguous()
    shared.zero_()
    assert not result.any()
    assert torch.from_dlpack(result).data_ptr() == result.ctypes.data


def buffers(count):
    shape = (count, 3, 24, 35)
    yield torch.full(shape, -1.0)
    yield torch.full(shape, -1.0).share_memory_()
    yield torch.full(shape, -1.0).to(memory_format=torch.channels_last)
    yield torch.full((count, 2, *shape[1:]), -1.0)[:, 1]


def test_a_batch_is_written_into_a_tensor():
    expected = fit_many(images(), TENSOR)
    for batch in buffers(len(images())):
        where, array = batch.data_ptr(), batch.numpy()
        assert fit_many(images(), TENSOR, out=array) is array
        assert batch.data_ptr() == where == array.ctypes.data
        np.testing.assert_array_equal(batch, expected)


def test_single_images_and_files_are_written_into_rows_of_a_tensor():
    expected = [TENSOR(images()[0]), fastfit.load(PATHS[0], TENSOR)]
    for batch in buffers(2):
        TENSOR(images()[0], batch[0].numpy())
        fastfit.load(PATHS[0], TENSOR, out=batch[1].numpy())
        np.testing.assert_array_equal(batch, expected)


def test_only_the_rows_that_are_meant_are_written():
    batch = torch.full((9, 3, 24, 35), -7.0)
    fit_many(images(), TENSOR, out=batch.numpy()[1:-1])
    assert (batch[[0, -1]] == -7).all()
    np.testing.assert_array_equal(batch[1:-1], fit_many(images(), TENSOR))


def test_a_tensor_itself_is_no_out():
    with pytest.raises(OptionError, match=r"^out: expected an array of float32 \(3, 24, 35\), got .*Tensor"):
        TENSOR(images()[0], torch.empty(3, 24, 35))
    with pytest.raises(OptionError, match=r"^out: expected an array .*, got .*Tensor"):
        fit_many(images(), TENSOR, out=torch.empty(7, 3, 24, 35))


def test_a_tensor_is_not_fitted_into_itself():
    given = tensor()
    with pytest.raises(OptionError, match=r"^out: .*overlap"):
        SMALL(given, given.numpy()[:24, :35])


# ---------------------------------------------------------------------------------------------------------------
# Threads
# ---------------------------------------------------------------------------------------------------------------


def soon(function, wanted):
    """Wait for threads that were told to stop, and finish their image first."""
    limit = time.monotonic() + 10
    while function() != wanted and time.monotonic() < limit:
        time.sleep(0.01)
    return function() == wanted


def test_the_host_keeps_its_threads():
    def now():
        return [torch.get_num_threads(), torch.get_num_interop_threads(), cv2.getNumThreads()]

    torch.ones(300, 300) @ torch.ones(300, 300)
    before = now()
    SMALL(images()[0])
    Fit("35x24", resample="area")(images()[0])
    fastfit.load(PATHS[0], TENSOR)
    assert now() == before
    for n_jobs in (1, 2):
        fit_many(images(), TENSOR, n_jobs=n_jobs)
        assert now() == before
        with pytest.raises(ImageError):
            fit_many([*images(), None], TENSOR, n_jobs=n_jobs)
    results = fit_many(images(), TENSOR, n_jobs=2, return_as="generator")
    next(results)
    assert torch.get_num_threads() == before[0]
    results.close()
    assert soon(now, before)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_torch_keeps_its_threads_while_images_are_fitted(n_jobs):
    seen = []

    class Watching:
        def __array__(self, dtype=None, copy=None):
            seen.append(torch.get_num_threads())
            return images()[0]

    fit_many([Watching(), Watching()], TENSOR, n_jobs=n_jobs)
    assert set(seen) == {torch.get_num_threads()}


def test_torch_s_own_choice_of_threads_holds():
    chosen = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        before = cv2.getNumThreads()
        fit_many(images(), TENSOR, n_jobs=2)
        assert torch.get_num_threads() == 1
        assert cv2.getNumThreads() == before
    finally:
        torch.set_num_threads(chosen)


def test_opencv_s_choice_of_threads_holds_in_workers():
    chosen = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        workers = loader([0, 1], own_threads, num_workers=1, multiprocessing_context="fork")
        expected = own_threads(None)
        for got in workers:
            np.testing.assert_array_equal(got[0], expected)
    finally:
        cv2.setNumThreads(chosen)


def test_processes_of_torch_s_own_pools_fit():
    with torch.multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.map(TENSOR, [tensor()]), [TENSOR(tensor())])
