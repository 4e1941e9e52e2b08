"""Cases, the children that they run in, and the verdicts on them."""

import faulthandler
import os
import random
import re
import resource
import select
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import NamedTuple

from fuzzing.invariants import WrongError, check
from fuzzing.mutations import mutate
from fuzzing.seeds import seeds

PER_CHILD = 250


class Cases:
    """Mutated files, by number."""

    def __init__(self, seed, folders=()):
        self.seed, self.corpus = seed, seeds(folders)

    def __getitem__(self, number):
        """Return how a file was made, the file, and the generator that chooses how to fit it."""
        rng = random.Random(f"{self.seed}/{number}")
        name, data = rng.choice(self.corpus)
        data, steps = mutate(data, rng, self.corpus)
        return f"{name}: {', '.join(steps)}", data, rng


class Files:
    """Files as they are, by number."""

    def __init__(self, paths):
        self.seed, self.paths = 0, paths

    def __getitem__(self, number):
        path = self.paths[number]
        return path.name, path.read_bytes(), random.Random(number)


class Verdict(NamedTuple):
    """What became of a case."""

    number: int
    kind: str
    seconds: float = 0.0
    growth: int = 0
    detail: str = ""


_RECORD = struct.Struct("<?dQ")
GOOD = ("refusal", "picture")


def judge(cases, numbers, limits):
    """Yield a verdict on each case; a finding is tried again alone, since another case may have caused it."""
    at = 0
    while at < len(numbers):
        for verdict in _judge_in_child(cases, numbers[at : at + PER_CHILD], limits):
            at += 1
            yield verdict if verdict.kind in GOOD else _alone(cases, verdict, limits)


def _alone(cases, verdict, limits):
    (again,) = _judge_in_child(cases, [verdict.number], limits)
    return again if again.kind not in GOOD else verdict._replace(kind=f"{verdict.kind}, not alone")


def _judge_in_child(cases, numbers, limits):
    """Yield verdicts until all cases are done or one has brought the child down."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as noise:
        child = os.fork()
        if not child:
            _work(cases, numbers, limits, writing, noise.fileno())
        os.close(writing)
        for number in numbers:
            # By the clock four times as long, for busy machines; the child judges what it took of the processor.
            ready = select.select([reading], [], [], 4 * limits.seconds)[0]
            record = os.read(reading, _RECORD.size) if ready else b""
            if record:
                picture, seconds, growth = _RECORD.unpack(record)
                yield Verdict(number, GOOD[picture], seconds, growth)
            else:
                yield _ended(child, number, noise, hung=not ready)
                break
        else:
            os.waitpid(child, 0)
    os.close(reading)


def _ended(child, number, noise, *, hung):
    """Say why there was no verdict."""
    if hung:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    noise.seek(0)
    said = noise.read().decode("utf-8", "replace").strip()
    last = said.rpartition("\n")[2]
    if hung:
        kind = "hang"
    elif status < 0:
        kind = f"crash, {signal.Signals(-status).name}"
    elif found := re.match(r"[\w.]*WrongError: ([a-z]+):", last):
        kind = found[1]
    else:
        kind = "memory" if "MemoryError" in last else "exception"
    return Verdict(number, kind, detail=said[-4000:])


def _work(cases, numbers, limits, pipe, noise):
    """Judge cases, in a child that dies of the first that goes wrong."""
    try:
        os.dup2(noise, 2)
        faulthandler.enable(noise)
        # NumPy's "invalid value in cast" is a bug; Pillow's warnings about a file are not.
        warnings.simplefilter("error", RuntimeWarning)
        # Beyond what is judged, since decoders tell of memory they did not get as of a broken file.
        _limit_memory(4 * limits.memory)
        before = _peak()
        for number in numbers:
            os.write(pipe, _timed(cases, number, limits, before, noise))
    finally:
        error = sys.exception()
        if error is not None:
            traceback.print_exception(error)
        os._exit(error is not None)


def _timed(cases, number, limits, before, noise):
    _, data, rng = cases[number]
    started = time.process_time()
    picture = check(data, rng, limits, f"case {number}", noise)
    seconds = time.process_time() - started
    growth = max(0, _peak() - before)
    if seconds > limits.seconds:
        raise WrongError("slow", f"{seconds:.1f} s")
    if growth > limits.memory:
        raise WrongError("memory", f"{growth >> 20} MiB")
    os.ftruncate(noise, 0)
    os.lseek(noise, 0, os.SEEK_SET)
    return _RECORD.pack(picture, seconds, growth)


def _peak():
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _limit_memory(most):
    statm = Path("/proc/self/statm")
    if statm.exists():
        most += int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
