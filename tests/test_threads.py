"""One thread of OpenCV's, in this process and in those that it starts."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest

from fastfit.threads import cores, single_thread_for_good, single_threaded

pytestmark = pytest.mark.usefixtures("alarm")


def run_script(path, script, *arguments):
    """Run a script that prints; it has to end well, and in time, and say nothing on stderr."""
    path.write_text(script)
    # Python 3.12 and later warn of every fork where there are threads, which is what these are about.
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", str(path), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=25, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


# ---------------------------------------------------------------------------------------------------------------
# Cores
# ---------------------------------------------------------------------------------------------------------------


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5} if pid == 0 else {1}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert cores() == 3


@pytest.mark.parametrize(("count", "expected"), [(6, 6), (1, 1), (None, 1)])
def test_cores_are_those_of_the_machine_where_the_system_does_not_tell(monkeypatch, count, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert cores() == expected


# ---------------------------------------------------------------------------------------------------------------
# Limits
# ---------------------------------------------------------------------------------------------------------------


def in_a_thread(call):
    """Call in a thread that is gone afterwards."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


@pytest.mark.quick
@pytest.mark.usefixtures("three_threads")
def test_opencv_has_one_thread_within_and_what_it_had_after():
    for _ in range(2):
        with single_threaded():
            assert cv2.getNumThreads() == 1
            assert in_a_thread(cv2.getNumThreads) == 1
        assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
def test_opencv_has_one_thread_within_another_thread_and_what_it_had_after():
    def work():
        with single_threaded():
            return cv2.getNumThreads()

    for _ in range(2):
        assert in_a_thread(work) == 1
        assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
def test_blocks_may_lie_within_blocks():
    with single_threaded():
        with single_threaded():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("leaves_first", [0, 1])
def test_overlapping_blocks_of_two_threads_end_with_the_last(leaves_first):
    # Both threads live on: what one of them has set, the other has to take back.
    blocks = [single_threaded(), single_threaded()]
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        pools = (one, other)
        for pool, block in zip(pools, blocks, strict=True):
            pool.submit(block.__enter__).result()
            assert cv2.getNumThreads() == 1
        for at in (leaves_first, 1 - leaves_first):
            assert cv2.getNumThreads() == 1
            pools[at].submit(blocks[at].__exit__, None, None, None).result()
        assert cv2.getNumThreads() == 3
        with single_threaded():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
def test_a_block_may_end_in_another_thread():
    block = single_threaded()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(block.__enter__).result()
        assert cv2.getNumThreads() == 1
        block.__exit__(None, None, None)
        assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_an_error_ends_a_block(error):
    with pytest.raises(error), single_threaded():
        raise error
    assert cv2.getNumThreads() == 3


@pytest.mark.usefixtures("three_threads")
def test_what_was_set_between_blocks_is_what_comes_back():
    with single_threaded():
        pass
    cv2.setNumThreads(2)
    with single_threaded():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 2


@pytest.mark.usefixtures("three_threads")
def test_a_process_that_does_nothing_but_fit_is_limited_for_good():
    single_thread_for_good()
    assert cv2.getNumThreads() == 1
    with single_threaded():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 1


@pytest.mark.quick
@pytest.mark.usefixtures("three_threads")
def test_many_threads_may_come_and_go():
    start, wrong = threading.Barrier(6), []

    def work():
        start.wait(10)
        for _ in range(25):
            with single_threaded():
                if cv2.getNumThreads() != 1:
                    wrong.append(cv2.getNumThreads())

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work) for _ in range(6)]:
            done.result()
        assert cv2.getNumThreads() == 3
    assert wrong == []


# ---------------------------------------------------------------------------------------------------------------
# Processes
# ---------------------------------------------------------------------------------------------------------------

PROCESSES = """
import multiprocessing, sys
import cv2, numpy as np
from fastfit import Fit, fit_many

SPECS = [
    Fit("17x13", "pad", fill=(1, 2, 3), reducing_gap=2),
    Fit("19x11", channels=3, layout="CHW", dtype="float32", scale=1 / 255, mean=(0.5, 0.4, 0.3), std=0.2),
    Fit("auto:64x64/16", resample="bicubic", centering=(0.1, 0.9)),
    Fit(area=400, multiple_of=4, dtype="float16", box=(1, 2, 20.5, 22)),
]

def images():
    return [np.random.default_rng(at).integers(0, 256, (230, 311, 3), np.uint8) for at in range(5)]

def work(spec):
    rows = fit_many(images(), spec, n_jobs=2)
    alone = [spec(image) for image in images()]
    taken = list(fit_many(iter(images()), spec, n_jobs=2, return_as="generator"))
    again = cv2.GaussianBlur(images()[0], (0, 0), 3)
    return spec, [rows, np.stack(alone), np.stack(taken)], again

if __name__ == "__main__":
    cv2.setNumThreads(2)
    blurred = cv2.GaussianBlur(images()[0], (0, 0), 3)
    cv2.GaussianBlur(np.zeros((2000, 1500, 3), np.uint8), (0, 0), 3)
    expected = [fit_many(images(), spec, n_jobs=2) for spec in SPECS]
    half_taken = fit_many(images() * 5, SPECS[0], n_jobs=2, return_as="generator")
    next(half_taken)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        for spec, rows, (arrived, found, again) in zip(SPECS, expected, pool.map_async(work, SPECS).get(20)):
            assert arrived == spec and hash(arrived) == hash(spec) and repr(arrived) == repr(spec)
            for each in found:
                np.testing.assert_array_equal(each, rows, strict=True)
            np.testing.assert_array_equal(again, blurred)
    assert len(list(half_taken)) == 24
    print("done")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_a_process_that_has_worked_in_threads_fit_as_well(tmp_path, method):
    assert run_script(tmp_path / "processes.py", PROCESSES, method) == ["done"]


FORK = """
import gc, os, signal, sys, threading, time
import cv2, numpy as np
from fastfit import Fit, fit_many
from fastfit.threads import single_threaded

def work():
    found = [cv2.getNumThreads()]
    with single_threaded():
        found.append(cv2.getNumThreads())
    found.append(cv2.getNumThreads())
    images = [np.full((23, 31 + at, 3), 9 * at, np.uint8) for at in range(9)]
    rows = fit_many(images, Fit("17x13"), n_jobs=2)
    assert (rows[:, 0, 0, 0] == 9 * np.arange(9)).all()
    found.append(cv2.getNumThreads())
    return found

def forked(task=work, leave=os._exit):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        print(task(), flush=True)
        leave(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

cv2.setNumThreads(2)
"""
CHILD = [str([2, 1, 2, 2]), "0"]


def test_a_child_forked_while_another_thread_has_the_limits_begins_without_them(tmp_path):
    script = """
entered, leave = threading.Event(), threading.Event()
def hold():
    with single_threaded():
        entered.set()
        leave.wait()
thread = threading.Thread(target=hold)
thread.start()
entered.wait()
print(cv2.getNumThreads())
forked()
print(cv2.getNumThreads())
leave.set()
thread.join()
print(cv2.getNumThreads())
forked()
"""
    lines = run_script(tmp_path / "fork.py", FORK + script)
    assert lines == ["1", *CHILD, "1", "2", *CHILD]


def test_a_child_forked_within_a_block_begins_without_the_limits(tmp_path):
    script = """
with single_threaded():
    with single_threaded():
        forked()
    print(cv2.getNumThreads())
print(cv2.getNumThreads())
"""
    assert run_script(tmp_path / "fork.py", FORK + script) == [*CHILD, "1", "2"]


def test_a_child_that_leaves_the_blocks_it_was_forked_in_keeps_its_settings(tmp_path):
    script = """
signal.alarm(15)
with single_threaded(), single_threaded():
    child = os.fork()
    if child == 0:
        print(cv2.getNumThreads(), flush=True)
        cv2.setNumThreads(3)
if child == 0:
    print(*work(), flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), cv2.getNumThreads())
"""
    lines = run_script(tmp_path / "fork.py", FORK + script)
    assert lines == ["2", "3 1 3 3", "0 2"]


@pytest.mark.parametrize("end", ["os._exit", "sys.exit"])
def test_a_child_has_no_use_for_what_its_parent_has_half_taken(tmp_path, end):
    # The threads that such a generator waits for are not in the child.
    script = f"""
image = np.zeros((23, 31, 3), np.uint8)
results = fit_many([image] * 50, Fit("17x13"), n_jobs=2, return_as="generator")
next(results)
time.sleep(0.3)  # until its threads are idle: no library likes to be forked at work
def drop():
    if "{end}" == "os._exit":
        globals().pop("results")
        gc.collect()
    return work()
forked(drop, {end})
print(len(list(results)))
"""
    assert run_script(tmp_path / "fork.py", FORK + script) == [*CHILD, "49"]


def test_a_block_that_was_left_without_its_end_ends_with_it():
    cv2.setNumThreads(2)
    block = single_threaded()
    block.__enter__()
    assert cv2.getNumThreads() == 1
    del block
    assert cv2.getNumThreads() == 2
