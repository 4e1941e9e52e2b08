import signal

import pytest
from hypothesis import settings

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
