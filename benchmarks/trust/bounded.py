"""Each file in a process of its own, within limits of time and memory, and what that came to."""

import ctypes
import math
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

import cv2

from benchmarks.trust.contenders import Contender, contender
from benchmarks.trust.outcome import Outcome, small_pictures

__all__ = ["Limits", "outcomes"]

_MAPPED = Path("/proc/self/statm")
_RSS = 1 << 20 if sys.platform == "darwin" else 1 << 10  # ru_maxrss is in bytes there, else in KiB


class Limits(NamedTuple):
    """What one file may take: seconds of CPU, twice that by the clock, and MB above what the libraries take."""

    seconds: float
    megabytes: int


def outcomes(name: str, paths: Sequence[Path], limits: Limits) -> tuple[str, list[Outcome]]:
    """Let one contender read files.

    Parameters
    ----------
    name : str
        As `contender` takes it.
    paths : sequence of Path
        Of any name.
    limits : Limits
        For each file.

    Returns
    -------
    version : str
        Of the library.
    outcomes : list of Outcome
        One for each path.

    Raises
    ------
    ModuleNotFoundError
        The library is not installed.
    SystemExit
        The process that forks has died, which no file should be able to do.
    """
    # Whoever forks must have one thread only, and what is measured uses one core. This process is past it.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    spawn = multiprocessing.get_context("spawn")
    receive, send = spawn.Pipe(duplex=False)
    server = spawn.Process(target=_serve, args=(name, paths, limits, send), daemon=True)
    server.start()
    send.close()
    try:
        version = receive.recv()
        if isinstance(version, ModuleNotFoundError):
            raise version
        return version, [receive.recv() for _ in paths]
    except EOFError:
        raise SystemExit(f"{name}: expected an answer for each file, got an end of the process") from None
    finally:
        server.join()


def _serve(name: str, paths: Sequence[Path], limits: Limits, send: Connection) -> None:
    """Load a library once, then fork for each file; send the version or why there is none, and the outcomes."""
    # Python's warnings can be caught by whoever minds: what is counted is lines that cannot.
    warnings.simplefilter("ignore")
    try:
        reader = contender(name)
    except ModuleNotFoundError as error:
        send.send(error)
        return
    cv2.setNumThreads(1)
    send.send(reader.version)
    for path in paths:
        send.send(_watched(reader, path, limits))


def _watched(reader: Contender, path: Path, limits: Limits) -> Outcome:
    """Fork for one file, wait as long as is allowed, and tell how it ended."""
    receive, send = multiprocessing.Pipe(duplex=False)
    with tempfile.TemporaryFile() as spoken, receive:
        child = os.fork()
        if child == 0:
            _answer(reader, path, limits, send, spoken)
        send.close()
        late = not receive.poll(2 * limits.seconds)
        if late:
            os.kill(child, signal.SIGKILL)
        outcome = _received(receive)
        _, status, used = os.wait4(child, 0)
        spoken.seek(0)
        lines = spoken.read().decode("utf-8", "replace").splitlines()
    if outcome and not late:
        return replace(outcome, leaked=tuple(lines))
    seconds, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / _RSS
    code = os.waitstatus_to_exitcode(status)
    if late or code == -signal.SIGXCPU:
        return Outcome("time-out", f"more than {limits.seconds:g} s", seconds=seconds, megabytes=megabytes)
    cause = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    # The last words of a crash are part of it, not leaked.
    return Outcome("crash", ": ".join([cause, *lines[-1:]]), seconds=seconds, megabytes=megabytes)


def _received(receive: Connection) -> Outcome | None:
    try:
        outcome: Outcome = receive.recv()
    except (EOFError, OSError):  # nothing, or not all of it
        return None
    return outcome


def _answer(reader: Contender, path: Path, limits: Limits, send: Connection, spoken: IO[bytes]) -> NoReturn:
    """Read the file within the limits and send what came of it; the forked process ends here."""
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(spoken.fileno(), 1)
        os.dup2(spoken.fileno(), 2)
        outcome = _outcome(reader, path, limits)
        sys.stdout.flush()
        ctypes.CDLL(None).fflush(None)  # what native code prints to a file waits in a buffer of its own
        send.send(outcome)
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


def _outcome(reader: Contender, path: Path, limits: Limits) -> Outcome:
    image, flagged, kind, detail = None, None, "refused", ""
    start = time.process_time()
    try:
        with _limited(limits):
            image, flagged = reader.read(path)
    except MemoryError as error:
        kind, detail = "memory", str(error)
    except reader.refusals as error:
        detail = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _RSS
    if image is None:
        return Outcome(kind, " ".join(detail.split())[:300], seconds=seconds, megabytes=megabytes)
    height, width = image.shape[:2]
    channels = 1 if image.ndim == 2 else image.shape[2]
    return Outcome(
        "picture",
        width=width,
        height=height,
        channels=channels,
        flagged=flagged,
        seconds=seconds,
        megabytes=megabytes,
        small=small_pictures(image),
    )


@contextmanager
def _limited(limits: Limits) -> Iterator[None]:
    """Bound the CPU time and the memory of this process meanwhile."""
    wanted = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: math.ceil(limits.seconds)}
    if _MAPPED.exists():
        mapped = int(_MAPPED.read_text().split()[0]) * resource.getpagesize()
        wanted[resource.RLIMIT_AS] = mapped + (limits.megabytes << 20)
    before = {what: resource.getrlimit(what) for what in wanted}
    for what, amount in wanted.items():
        resource.setrlimit(what, (amount, before[what][1]))
    try:
        yield
    finally:
        for what, amounts in before.items():
            resource.setrlimit(what, amounts)
