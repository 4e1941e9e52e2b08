"""Runs of the command over many files, to be disturbed: sources, and what has become of them."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from encoded import saved, scene

import fastfit
from fastfit.cli import main

ROOT = Path(fastfit.__file__).parent.parent

SINKS = {
    "folder": ("-o", "results/out"),
    "shards": ("--shards", "results/out-%03d.tar", "--shard-size", "7"),
    "bytes": ("--shards", "results/out-%03d.tar", "--shard-bytes", "60kB"),
    "npy": ("--npy", "results/out.npy"),
}
BROKEN = ("z.jpg", "b/12.png", "c/07.jpg")
MARK = "FASTFIT_TESTS_AT"
"""In the environment of a command and of all its processes: where they are at work."""


def quickly(values, *chosen):
    """Return parameters of a test: the chosen ones always, the others only where there are minutes for them."""
    return [value if value in chosen else pytest.param(*_each(value), marks=pytest.mark.kills) for value in values]


def _each(value):
    """Return the values of several parameters, which a tuple with a signal holds, or the value of one."""
    return value if isinstance(value, tuple) and isinstance(value[0], signal.Signals) else (value,)


def make_photos(folder, *, small, large=0):
    """Write pictures, one more than `small` and some large ones (1.3 MP), in three folders, and what is none."""
    pictures = [saved(scene(60 + 7 * n, 90 - 5 * n), ("jpeg", "png")[n % 2]) for n in range(6)]
    big = [saved(scene(1200 + n, 1100), "png", compress_level=1) for n in range(2)] if large else []
    each = max(1, small // max(1, large))
    for number in range(small):
        place = folder / ("", "b", "c/d")[3 * number // small]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:02}.{('jpg', 'png')[number % 2]}").write_bytes(pictures[number % 6])
        if large and number % each == 0:
            (place / f"{number:02}-large.png").write_bytes(big[number // each % 2])
    (folder / "b" / "z.jpg").write_bytes(pictures[2])
    for name, data in zip(BROKEN, (pictures[0][:700], b"<html>", b""), strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)


def words(sink, *options, size="48x40"):
    """Return the command that fits photos into one of the sinks."""
    return ("fit", "photos", "--recursive", "--size", size, *SINKS[sink], *options)


def environment(**more):
    """Return that of a command which says where it is at work."""
    return {**os.environ, "PYTHONPATH": str(ROOT), MARK: str(Path.cwd()), **more}


def begin(*arguments, **more):
    """Begin a command, in a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "fastfit", *arguments],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        # What a shell runs in the background, these tests perhaps, ignores it, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(run, timeout=120):
    """Wait for a command; return its status and what it wrote to stdout and stderr."""
    try:
        out, err = run.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        raise
    return run.returncode, out, err


def fastfit_command(*arguments, **more):
    """Run a command to its end; return its status, stdout and stderr. It never shows a traceback."""
    status, out, err = finish(begin(*arguments, **more))
    assert "Traceback" not in err, err
    return status, out, err


def quick(*arguments):
    """Run a command in this process, which saves the time to start one; return its status, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([*arguments, "--jobs", "1", "--backend", "threading"])
    return status, out.getvalue(), err.getvalue()


def tree(folder="results"):
    """Return every file under a folder, hidden ones, too, and its bytes; of the reports the names alone."""
    found = {}
    for root, folders, names in os.walk(folder):
        for name in (*names, *(f"{each}/" for each in folders)):
            path = Path(root, name)
            within = path.relative_to(folder).as_posix()
            is_data = name in names and not name.endswith(".report.jsonl")
            found[within] = path.read_bytes() if is_data else None
    return found


def report():
    """Return the name of the only report among the results."""
    (found,) = Path("results").glob("*.report.jsonl")
    return str(found)


def last_rows():
    """Return the last row of each source, without what differs from run to run; no line is torn."""
    text = Path(report()).read_text()
    assert text.endswith("\n")
    rows = map(json.loads, text.splitlines())
    return {row["source"]: {key: row[key] for key in row if key not in ("ms", "run")} for row in rows}


def statuses():
    """Return the status of each source by its last row, and the word for what went wrong."""
    return {source: (row["status"], row["error"]) for source, row in last_rows().items()}


def processes():
    """Return the processes of commands that were begun here, by their numbers."""
    mark = f"{MARK}={Path.cwd()}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                within = (entry / "environ").read_bytes().split(b"\0")
                zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:  # gone, or another's
                continue
            if mark in within and not zombie:
                found.append(int(entry.name))
    return found


def wait_until(condition, seconds=30):
    """Wait for a condition, and tell whether it came to hold."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held
