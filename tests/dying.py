"""Runs that die, all of them: at each line of what settles sources, or in the middle of each write.

A script: ``python dying.py line|write FIRST STRIDE COMMAND…``, in a folder with the sources. Processes are forked,
which takes no more than the run itself. Prints, as JSON, at how many steps a run died, and what differed once
another had gone on.
"""

import io
import json
import os
import shutil
import signal
import sys
import traceback
from functools import partial
from pathlib import Path

from bulk_runs import last_rows, tree

import fastfit.bulk
from fastfit.cli import main

BULK = Path(fastfit.bulk.__file__).parent
WATCHED = {
    str(path)
    for path in (*BULK.glob("sinks/*.py"), BULK / "engine.py", BULK / "admission.py", BULK / "journal.py")
}
WATCHED.add(str(BULK.parent / "disk.py"))
_open = io.open


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def at_line(number):
    """Die before the line of that number."""
    left = number

    def local(_frame, event, _argument):
        nonlocal left
        if event == "line":
            left -= 1
            if not left:
                die()
        return local

    sys.settrace(lambda frame, *_: local if frame.f_code.co_filename in WATCHED else None)


def in_write(number):
    """Die in the write of that number, when half of it is done."""
    left = number

    class Torn(io.FileIO):
        def write(self, data):
            nonlocal left
            left -= 1
            if not left:
                super().write(memoryview(data)[: len(data) // 2])
                die()
            return super().write(data)

    def opened(file, mode="r", buffering=-1, encoding=None, *arguments, **options):
        if not set("wax+") & set(mode) or options.get("opener"):
            return _open(file, mode, buffering, encoding, *arguments, **options)
        raw = Torn(file, mode.replace("b", ""))
        if not buffering:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding)

    io.open = opened
    __builtins__.open = opened


def forked(arguments, prepare=lambda: None):
    """Run the command in another process; return its exit status, or minus the signal that it died of."""
    pid = os.fork()
    if not pid:
        status = 70
        try:
            quiet = os.open(os.devnull, os.O_RDWR)
            os.dup2(quiet, 1)
            complaints = os.open("complaints", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(complaints, 2)
            os.fsync = lambda _: None  # of no use to one that is killed, and it takes most of the time
            prepare()
            status = main([*arguments, "--jobs", "1", "--backend", "threading"])
        except BaseException:  # noqa: BLE001  (it must never go on as its parent does)
            traceback.print_exc()
        finally:
            sys.settrace(None)
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def state():
    return tree(), {source: {**row, "settings": None} for source, row in last_rows().items()}


def differences(before, after):
    return sorted(
        f"{name}: {_short(before.get(name))} became {_short(after.get(name))}"
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    )


def _short(value):
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)[:200]


def tried(kind, first, stride, arguments):
    again = [word for word in arguments if word != "--overwrite"]
    start = Path("start")

    def begin_with():
        if start.exists():
            shutil.copytree(start, "results")

    begin_with()
    status = forked(arguments)
    expected, found, step = state(), [], first
    while True:
        shutil.rmtree("results")
        begin_with()
        died = forked(arguments, partial({"line": at_line, "write": in_write}[kind], step))
        if died != -signal.SIGKILL:
            break
        ended = forked(again)
        wrong = [f"exit status {ended}, {Path('complaints').read_text()}"] if ended != status else []
        if not wrong:
            now = state()
            wrong = [*differences(expected[0], now[0]), *differences(expected[1], now[1])]
        if wrong:
            found.append([step, wrong[:4]])
        step += stride
    return {"steps": step - stride, "status": status, "last": died, "wrong": found}


if __name__ == "__main__":
    kind, first, stride, *arguments = sys.argv[1:]
    sys.stdout.write(json.dumps(tried(kind, int(first), int(stride), arguments)))
