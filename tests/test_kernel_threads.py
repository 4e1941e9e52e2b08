"""The kernel is safe in threads, after a fork, and in spawned processes."""

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from kernels import KERNELS, assert_bits, by_pillow, case, fitted, samples

from fastfit import fit, stretch
from fastfit.kept import forget
from fastfit.resample import kernel as chosen_kernel

# They need different amounts of working memory, which a thread keeps between fits.
CASES = [
    case((300, 200), (97, 61)),
    case((40, 400), (31, 29), "bicubic"),
    case((37, 29), (280, 199), "mks2021"),
    case((2000, 300), (900, 7)),
    case((9, 5), (4, 3), "box"),
    case((61, 97), (40, 30), box=(0.5, 1.25, 60.5, 90)),
]


def drawn(done):
    return samples(np.random.default_rng(7), (done.source.height, done.source.width, 3))


def digest():
    """Fit all cases, at all levels and by `stretch`; return a digest of the results."""
    total = hashlib.sha256()
    for done in CASES:
        for level in KERNELS:
            total.update(fitted(level, drawn(done), done))
        total.update(stretch(drawn(done), done.target))
    return total.hexdigest()


@pytest.mark.quick
def test_eight_threads_at_once(counted):
    images = [drawn(done) for done in CASES]
    expected = [by_pillow(image, done) for image, done in zip(images, CASES, strict=True)]
    start = threading.Barrier(8)

    def run(number):
        start.wait()
        for turn in range(2):
            for step in range(len(CASES)):
                at = (number * 5 + turn + step) % len(CASES)
                for level in KERNELS:
                    assert_bits(fitted(level, images[at], CASES[at]), expected[at], f"{level}: {CASES[at]}")
                    counted(level)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(run, range(8)))
    finally:
        sys.setswitchinterval(interval)


def test_one_job_in_eight_threads():
    done = CASES[0]
    images = [np.roll(drawn(done), shift, axis=1) for shift in range(8)]
    for kernel in KERNELS.values():
        job = kernel.job(done.source.width, done.passes, np.dtype(np.uint8), np.dtype(np.uint8), 3, None)
        results = [np.zeros((61, 97, 3), np.uint8) for _ in images]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(job, images * 20, results * 20))
        for image, result in zip(images, results, strict=True):
            assert_bits(result, by_pillow(image, done))


def test_weights_are_computed_and_forgotten_by_threads_at_once():
    done = case((97, 61), (40, 30))
    image, stop = drawn(done), threading.Event()
    expected = by_pillow(image, done)

    def forget_again_and_again():
        while not stop.is_set():
            forget()

    with ThreadPoolExecutor(8) as pool:
        forgetting = pool.submit(forget_again_and_again)
        fits = [pool.submit(stretch, image, done.target) for _ in range(400)]
        try:
            for each in fits:
                assert_bits(each.result(), expected)
        finally:
            stop.set()
        forgetting.result()


@pytest.mark.quick
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_fits_after_its_parent_has():
    expected, (reader, writer) = digest(), os.pipe()
    with ThreadPoolExecutor(4) as pool:  # each thread has its own working memory
        assert list(pool.map(lambda _: digest(), range(4))) == [expected] * 4
        child = os.fork()
        if child == 0:
            found = "an error"
            try:
                found = digest()
            finally:
                os.write(writer, found.encode())
                os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == expected
    assert os.waitpid(child, 0)[1] == 0
    assert digest() == expected


def test_spawned_processes_fit():
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        assert pool.starmap(digest, [()] * 4) == [digest()] * 4


def test_a_child_does_not_wait_for_a_lock_that_a_thread_of_its_parent_held():
    native = chosen_kernel()
    if native is None:
        pytest.skip("no compiled kernel keeps weights")
    with native.weights.kept.lock:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            fit(np.zeros((11, 13), np.uint8), (7, 5))
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
