"""A process that makes tensors when it is told to: MODULE:FUNCTION WIDTH HEIGHT [NUMBER…].

It reads lines of JSON: ``load`` with a source and where to save its tensor, ``go`` to make it once more, ``peak``,
and answers each with a line: null, or text if it could not; seconds; the most resident memory that it ever had, in
bytes, null where the system does not tell.
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
            start = time.perf_counter()
            call()
            answer = time.perf_counter() - start
        else:
            answer = peak()
        print(json.dumps(answer), flush=True)


def peak() -> int | None:
    """Return this process's own peak: `resource.getrusage` would begin with that of the process it came from."""
    status = Path("/proc/self/status")
    lines = status.read_bytes().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(b"VmHWM:")), None)


if __name__ == "__main__":
    main()
