"""A process that makes tensors when it is told to: MODULE:FUNCTION WIDTH HEIGHT [NUMBER…].

It reads lines of JSON and answers each with a line:

- ``load`` with a source and where to save its tensor: null, or text if it could not.
- ``go`` with a number of seconds, for which it makes the tensor again and again, at least once: the mean seconds,
  by the clock and of processor time.
- ``peak``: the most resident memory that it ever had, in bytes; null where the system does not tell.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Do it."""
    where, *numbers = sys.argv[1:]
    width, height, *more = map(int, numbers)
    module, _, name = where.partition(":")
    make = getattr(importlib.import_module(f"benchmarks.tensors.{module}"), name)
    call: Callable[[], Any] | None = None
    for line in sys.stdin:
        asked = json.loads(line)
        answer: Any = None
        if asked[0] == "load":
            call = None  # whose image need not be there beside the next one
            try:
                call = make(Path(asked[1]), (width, height), *more)
                call()
                np.save(asked[2], np.asarray(call()))
            except Exception as error:  # noqa: BLE001 - a contender's, of any kind
                answer = f"{type(error).__name__}: {error}"
        elif asked[0] == "go" and call is not None:
            answer = times(call, asked[1])
        else:
            answer = peak()
        print(json.dumps(answer), flush=True)


def times(call: Callable[[], Any], least: float) -> tuple[float, float]:
    """Return the mean seconds of a call, by the clock and of processor time."""
    calls, start, busy = 0, time.perf_counter(), time.process_time()
    while calls == 0 or time.perf_counter() - start < least:
        call()
        calls += 1
    cpu, seconds = time.process_time() - busy, time.perf_counter() - start
    return seconds / calls, cpu / calls


def peak() -> int | None:
    """Return this process's own peak: `resource.getrusage` would begin with that of the process it came from."""
    status = Path("/proc/self/status")
    lines = status.read_bytes().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(b"VmHWM:")), None)


if __name__ == "__main__":
    main()
