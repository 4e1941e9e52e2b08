import signal

import cv2
import pytest
from hypothesis import settings
from settings import in_a_thread, thread_settings
from threadpoolctl import threadpool_limits

# The same examples in every run, and no deadline: a busy machine is no reason to fail.
settings.register_profile("fastfit", deadline=None, derandomize=True, max_examples=150)
settings.load_profile("fastfit")


@pytest.fixture
def alarm():
    """Fail, rather than wait for ever, where a file blocks."""

    def expired(*_):
        raise TimeoutError("blocked for 30 seconds")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["set elsewhere", "set here"])
def two_threads(request):
    """OpenCV and BLAS at two threads, which is neither one nor, on most machines, the default."""
    before, limits = cv2.getNumThreads(), []
    cv2.setNumThreads(2)
    if request.param == "set here":
        with threadpool_limits(2, user_api="blas"):
            assert thread_settings() == (2, {2})
            yield
    else:
        in_a_thread(lambda: limits.append(threadpool_limits(2, user_api="blas")))
        assert thread_settings() == (2, {2})
        yield
        in_a_thread(limits[0].restore_original_limits)
    cv2.setNumThreads(before)
