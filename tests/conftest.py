import signal
from collections import Counter

import cv2
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


@pytest.fixture
def three_threads():
    """OpenCV at three threads, which is neither one nor, on most machines, the default."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    assert cv2.getNumThreads() == 3
    yield
    cv2.setNumThreads(before)


@pytest.fixture
def counted(record_property):
    """A function that counts what was compared, at which level of the kernel; the summary shows the totals."""
    return lambda level, cases=1: record_property("compared", (f"cases at level {level}", cases))


def pytest_terminal_summary(terminalreporter):
    """Print how much was compared with Pillow and the reference, at each level of the kernel."""
    totals = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name == "compared":
                totals[value[0]] += value[1]
    if totals:
        compared = ", ".join(f"{count:,} {what}" for what, count in sorted(totals.items()))
        terminalreporter.write_line(f"compared: {compared}")
