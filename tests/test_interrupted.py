"""Runs that are killed, interrupted or stopped: the same command goes on, as if nothing had been."""

import contextlib
import errno
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from bulk_runs import (
    BROKEN,
    SINKS,
    begin,
    environment,
    fastfit_command,
    finish,
    last_rows,
    make_photos,
    processes,
    quick,
    quickly,
    report,
    statuses,
    tree,
    wait_until,
    words,
)
from encoded import saved, scene

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="looks at processes as Linux shows them"
)

TESTS = Path(__file__).parent


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with small photos in it; no process of ours is left in the end."""
    make_photos(tmp_path / "photos", small=15)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert wait_until(lambda: not processes(), 10), "processes are left"


@pytest.fixture
def much(here):
    """The same, with so much to do that there is time to disturb it."""
    make_photos(here / "photos", small=80, large=20)
    return here


def undisturbed(sink, *options):
    """Run a command to its end, and take its results out of the way; return them, its rows and its status."""
    status, _, err = quick(*words(sink, *options))
    assert status in (0, 1), err
    found = tree(), last_rows(), status
    shutil.rmtree("results")
    return found


def check_completes(expected, arguments, command=fastfit_command):
    """Run the same command until it ends by itself: nothing tells it from one that was never disturbed."""
    status, _, err = command(*arguments)
    assert status == expected[2], err
    assert tree() == expected[0]
    assert last_rows() == expected[1]


# Killed at every step of settling a source.


def dying(kind, first, stride, *arguments):
    """Let runs die, one at each step; return how many died, and what was wrong after going on."""
    place = {"PYTHONPATH": os.pathsep.join((environment()["PYTHONPATH"], str(TESTS)))}
    run = subprocess.run(
        [sys.executable, str(TESTS / "dying.py"), kind, str(first), str(stride), *arguments],
        env=environment(**place, OPENBLAS_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["last"] == found["status"]
    return found["steps"], found["wrong"]


VARIANTS = [
    ("folder",),
    ("folder", "--dedupe"),
    ("folder", "--flat", "--collisions", "number"),
    ("folder", "--flat", "--name", "{stem}-{width}{ext}"),
    ("shards", "--flat", "--collisions", "number"),
    ("shards", "--dedupe"),
    ("bytes",),
    ("npy",),
    ("npy", "--dedupe"),
]


@pytest.fixture
def few(tmp_path, monkeypatch):
    make_photos(tmp_path / "photos", small=7)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("variant", quickly(VARIANTS, VARIANTS[5]), ids=" ".join)
def test_dying_at_a_line(variant):
    steps, wrong = dying("line", 3 + VARIANTS.index(variant), 211, *words(*variant))
    assert wrong == []
    assert steps > 900


@pytest.mark.kills
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("variant", VARIANTS, ids=" ".join)
def test_dying_at_many_lines(variant):
    steps, wrong = dying("line", 1, 53, *words(*variant))
    assert wrong == []
    assert steps > 900


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("stride", quickly((1, 4), 4))
@pytest.mark.parametrize("sink", quickly(SINKS, "npy"))
def test_dying_in_the_middle_of_a_write(sink, stride):
    steps, wrong = dying("write", 1, stride, *words(sink))
    assert wrong == []
    assert steps >= 15


@pytest.fixture
def shard(tmp_path, monkeypatch):
    """A folder with a tar shard of samples that have companions."""
    monkeypatch.chdir(tmp_path)
    write_shard("in.tar", {f"s{number}": ("jpg", "json", "seg.png") for number in range(4)})
    return tmp_path


def write_shard(name, samples):
    with tarfile.open(name, "w") as tar:
        for number, (key, extensions) in enumerate(samples.items()):
            for extension in extensions:
                kind = {"jpg": "jpeg", "json": None}.get(extension, "png")
                data = saved(scene(60 + number, 50), kind) if kind else b'{"n": %d}' % number
                member = tarfile.TarInfo(f"{key}.{extension}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


@pytest.mark.usefixtures("shard")
@pytest.mark.parametrize("sink", quickly(("folder", "shards", "npy"), "folder"))
@pytest.mark.parametrize("kind", quickly(("line", "write"), "write"))
def test_dying_loses_no_companion(sink, kind):
    steps, wrong = dying(kind, 2, {"line": 83, "write": 1}[kind], "fit", "in.tar", "--size", "48x40", *SINKS[sink])
    assert wrong == []
    assert steps >= 12


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("sink", quickly(("folder", "shards", "npy")))
def test_dying_while_beginning_anew(sink):
    assert quick(*words(sink, size="30x30"))[0] == 1
    Path("results").rename("start")
    _, wrong = dying("line", 11, 97, *words(sink), "--overwrite")
    # It goes on, or says that it will not; but it never takes old results for new ones.
    refused = [entry for entry in wrong if entry[1][0].startswith("exit status 2")]
    assert wrong == refused
    assert len(refused) < 8


@pytest.mark.kills
@pytest.mark.usefixtures("few")
def test_beginning_anew_removes_all_shards_though_killed_at_it():
    arguments = words("shards", "--overwrite")
    assert quick(*arguments, "--shard-size", "1")[0] == 1
    assert len(list(Path("results").glob("*.tar"))) == 8
    Path(report()).unlink()
    script = "import os, sys\nremove, left = os.unlink, 3\n"
    script += "def unlink(path):\n    global left\n    left -= '.tar' in str(path)\n"
    script += "    os._exit(9) if not left else remove(path)\n"
    script += "os.unlink = unlink\nfrom fastfit.cli import main\nmain(sys.argv[1:])"
    run = subprocess.run([sys.executable, "-c", script, *arguments], env=environment(), check=False, timeout=60)
    assert run.returncode == 9
    assert fastfit_command(*arguments)[0] == 1
    assert [path.name for path in sorted(Path("results").glob("*.tar"))] == ["out-000.tar", "out-001.tar"]


# Killed from outside, at any time.


def killed(run, *, group):
    """Kill a command, or all of its processes; when it alone is killed, its workers end soon, too."""
    (os.killpg if group else os.kill)(run.pid, signal.SIGKILL)
    try:
        run.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        pytest.fail("workers outlive the command")


def is_in_main(run):
    """Return whether a command has loaded NumPy, or has ended: what comes before is the interpreter's."""
    maps = Path(f"/proc/{run.pid}/maps").read_text()
    return not maps or "numpy" in maps


def begun(arguments):
    """Begin a command, and wait until it is at work in its own code."""
    run = begin(*arguments)
    assert wait_until(lambda: is_in_main(run))
    return run


def seconds_of(arguments):
    """Return how long a command works that nobody disturbs; its results are removed."""
    run = begun(arguments)
    start = time.monotonic()
    finish(run)
    shutil.rmtree("results")
    return time.monotonic() - start


def killed_until_done(arguments, seed, most, group):
    """Kill a command and begin it again until it ends by itself; return how often, and its status."""
    moments, kills, seconds = random.Random(seed), 0, seconds_of(arguments)
    while True:
        run = begun(arguments)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.communicate(timeout=60 if kills >= most else seconds * moments.uniform(0.1, 0.9))
            return kills, run.returncode
        kills += 1
        killed(run, group=group and kills % 2)


@pytest.mark.usefixtures("much")
@pytest.mark.parametrize("sink", quickly(("folder", "shards", "npy"), "shards"))
def test_killed(sink):
    expected = undisturbed(sink)
    kills, status = killed_until_done(words(sink), 0, 2, group=True)
    assert kills
    assert status == expected[2]
    assert (tree(), last_rows()) == expected[:2]


@pytest.mark.kills
@pytest.mark.usefixtures("much")
@pytest.mark.parametrize("group", [True, False], ids=["all", "one"])
@pytest.mark.parametrize("sink", SINKS)
def test_killed_very_often(sink, group):
    expected = undisturbed(sink)
    total = seed = 0
    while total < 20:
        shutil.rmtree("results", ignore_errors=True)
        kills, status = killed_until_done(words(sink), seed, 12, group)
        total, seed = total + kills, seed + 1
        assert status == expected[2]
        assert (tree(), last_rows()) == expected[:2]


@pytest.mark.kills
@pytest.mark.usefixtures("much")
def test_workers_that_outlive_the_command_leave_nothing_behind():
    expected = undisturbed("folder")
    run = begin(*words("folder"))
    assert wait_until(lambda: any(Path("results/out").glob("*.*g")))
    killed(run, group=False)
    check_completes(expected, words("folder"))


# Interrupted and asked to end.


MESSAGE = "fastfit: interrupted; without --overwrite the same command goes on from here\n"
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


def ended(run, number, group):
    """End a command by a signal; check that it leaves nothing half-done and nobody at work; return the seconds."""
    start = time.monotonic()
    (os.killpg if group else os.kill)(run.pid, number)
    status, out, err = finish(run)
    seconds = time.monotonic() - start
    if " fitted, " in out:  # it was done before the signal came
        return None
    # Python 3.11 may take an interrupt, though it was handled, for one that was not: shells show 130 all the same.
    assert status in (STATUS[number], *((-2,) if number == signal.SIGINT else ())), err
    assert out == ""
    assert "".join(line for line in err.splitlines(True) if not line.startswith("photos/")) == MESSAGE
    assert wait_until(lambda: not processes(), 2), "workers are left"
    assert not [name for name in tree() if ".tmp" in name]
    return seconds


def check_whole(expected):
    """Check that what has its final name is what it will be; return how much that is."""
    found = {name: data for name, data in tree().items() if data and not name.endswith(".partial")}
    assert {name: expected[0][name] for name in found} == found
    return len(found)


@pytest.mark.usefixtures("much")
@pytest.mark.parametrize(
    ("number", "group"),
    quickly(
        [(number, group) for number in STATUS for group in (True, False)],
        (signal.SIGINT, True),
    ),
)
def test_interrupted(number, group):
    sink = {True: "folder", False: "shards"}[group]
    expected, whole = undisturbed(sink), seconds_of(words(sink))
    seconds = []
    for part in (0.1, 0.4, 0.7):
        run = begun(words(sink))
        time.sleep(part * whole)
        seconds.append(ended(run, number, group))
        check_whole(expected)
        if seconds[-1:] == [None]:
            shutil.rmtree("results")
    seconds = [each for each in seconds if each is not None]
    assert seconds
    assert sorted(seconds)[len(seconds) // 2] < 2
    check_completes(expected, words(sink))


@pytest.mark.usefixtures("much")
@pytest.mark.kills
@pytest.mark.parametrize("sink", ["npy", "bytes"])
def test_interrupted_in_the_middle(sink):
    expected = undisturbed(sink)
    run = begin(*words(sink))
    assert wait_until(lambda: any(path.stat().st_size > 4096 for path in Path("results").glob("*.partial")))
    ended(run, signal.SIGINT, group=True)
    check_whole(expected)
    check_completes(expected, words(sink))


@pytest.mark.usefixtures("here")
@pytest.mark.kills
@pytest.mark.parametrize("options", [(), ("--backend", "threading")], ids=["processes", "threads"])
@pytest.mark.parametrize("number", STATUS)
def test_interrupted_while_a_file_hangs(number, options):
    expected = undisturbed("folder")
    Path("sitecustomize.py").write_text(HANGS)
    place = environment()["PYTHONPATH"] + os.pathsep + str(Path.cwd())
    for _try in range(2):
        Path("hangs").unlink(missing_ok=True)
        run = begin(*words("folder", *options), PYTHONPATH=place)
        assert wait_until(Path("hangs").exists)
        time.sleep(0.3)
        seconds = ended(run, number, group=True)
        check_whole(expected)
        if seconds < 2:
            break
    assert seconds < 2
    check_completes(expected, words("folder"))


HANGS = """
import time
from fastfit.bulk.work import Work
do = Work.do
def hang(self, number, item):
    if item.source.endswith("02.jpg"):
        open("hangs", "w").close()
        time.sleep(1000)
    return do(self, number, item)
Work.do = hang
"""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("number", STATUS)
@pytest.mark.parametrize("which", quickly((1, 2), 2))
def test_interrupted_while_a_worker_is_begun(number, which):
    # The signal comes when the process is there and has not been told yet what to do; another thread takes it.
    script = "import os, signal, sys, time\nfrom joblib.externals.loky.backend import fork_exec as module\n"
    script += "begin = module.fork_exec\nleft = [int(sys.argv[1])]\ndef fork_exec(command, *others, **more):\n"
    script += "    pid = begin(command, *others, **more)\n"
    script += "    left[0] -= any('popen_loky' in word for word in command)\n"
    script += "    if left[0] == 0:\n        os.kill(os.getpid(), int(sys.argv[2]))\n        time.sleep(0.3)\n"
    script += "    return pid\nmodule.fork_exec = fork_exec\nimport threading\n"
    script += "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
    script += "from fastfit.cli import main\nsys.exit(main(sys.argv[3:]))"
    run = subprocess.run(
        [sys.executable, "-c", script, str(which), str(int(number)), *words("folder", "--jobs", "2")],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (STATUS[number], "", MESSAGE)
    assert wait_until(lambda: not processes(), 2), "workers are left"


@pytest.mark.kills
@pytest.mark.usefixtures("much")
def test_a_stopped_run_is_not_late():
    # Ctrl-Z, a meal, and fg: no image took that long.
    run = begin(*words("folder", "--timeout", "2"))
    assert wait_until(lambda: any(Path("results/out").glob("*.*g")))
    os.killpg(run.pid, signal.SIGSTOP)
    time.sleep(4)
    os.killpg(run.pid, signal.SIGCONT)
    assert finish(run)[0] == 1
    failed = {source for source, (status, _) in statuses().items() if status == "failed"}
    assert failed == {f"photos/{name}" for name in BROKEN}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("arguments", [("--help",), words("folder")])
def test_interrupted_at_once(arguments):
    # While the arguments are read: the first thing that takes time.
    script = "import argparse, os, signal\nparse = argparse.ArgumentParser.parse_args\n"
    script += (
        "def parse_args(*arguments):\n    os.kill(os.getpid(), signal.SIGINT)\n    return parse(*arguments)\n"
    )
    script += "argparse.ArgumentParser.parse_args = parse_args\nimport sys\nfrom fastfit.cli import main\n"
    script += "sys.exit(main(sys.argv[1:]))"
    run = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment(), capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (130, MESSAGE)


# No room.


@pytest.fixture
def small_disk(here):
    """A function that makes a disk at results, of 200 kB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", "results"]
    mounted = []

    def begin_disk():
        Path("results").mkdir()
        if not shutil.which("mount") or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("needs to be allowed to mount")
        mounted.append(here / "results")

    yield begin_disk
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("sink", quickly(("folder", "shards", "npy")))
def test_full_disk(small_disk, sink):
    arguments = words(sink, "--format", "png", "--jobs", "2", size="120x100")
    expected = undisturbed(sink, "--format", "png", "--size", "120x100")
    small_disk()
    status, _, err = fastfit_command(*arguments)
    assert status in (1, 2)
    assert "No space left" in err
    assert status == 2 or "the same command goes on from here" in err
    subprocess.run(["mount", "-o", "remount,size=20m", "results"], check=True)
    check_completes(expected, arguments)


def make_full(monkeypatch, part, left, number):
    """Let writes fail with an error, half done, to files that have `part` in their names, after so many."""
    names, plain, plain_open = {}, io.open, os.open

    class Full(io.FileIO):
        def write(self, data):
            nonlocal left
            left -= part in str(names.get(self.name, self.name))
            if left >= 0:
                return super().write(data)
            super().write(memoryview(data)[: len(data) // 2])
            raise OSError(number, os.strerror(number))

    def opened(file, mode="r", buffering=-1, encoding=None, *rest, **options):
        if not set("wax+") & set(mode) or part not in str(names.get(file, file)):
            return plain(file, mode, buffering, encoding, *rest, **options)
        raw = Full(file, mode.replace("b", ""))
        if not buffering:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding)

    def remembered(path, *rest, **options):
        descriptor = plain_open(path, *rest, **options)
        names[descriptor] = path
        return descriptor

    monkeypatch.setattr(os, "open", remembered)
    monkeypatch.setattr(io, "open", opened)
    monkeypatch.setattr("builtins.open", opened)


# What workers write, the journal, and what is appended to.
PLACES = [(sink, part) for sink in ("folder", "shards", "npy") for part in (".tmp", ".report.jsonl", ".partial")]
PLACES.remove(("folder", ".partial"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("number", quickly((errno.ENOSPC, errno.EFBIG, errno.EIO), errno.ENOSPC))
@pytest.mark.parametrize(("sink", "part"), PLACES)
@pytest.mark.parametrize("left", [0, 5])
def test_no_room_in_the_middle(sink, part, number, left):
    expected = undisturbed(sink)
    with pytest.MonkeyPatch.context() as patched:
        make_full(patched, part, left, number)
        status, _, err = quick(*words(sink))
    assert status in (1, 2)
    assert os.strerror(number) in err
    if number == errno.EIO and part != ".report.jsonl":  # a row for each, as of any other failure
        assert quick("retry", report())[0] == 1
        assert sum(status == "fitted" for status, _ in statuses().values()) == 16
    else:
        check_completes(expected, words(sink), quick)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("option", ["--report", "-o", "--npy", "--shards"])
def test_output_that_cannot_be(option):
    Path("file").write_bytes(b"")
    place = {"--npy": "file/out.npy", "--shards": "file/out-%d.tar"}.get(option, "file/out")
    sink = ("-o", "results/out", "--report", place) if option == "--report" else (option, place)
    status, out, err = quick("fit", "photos", "--size", "48x40", *sink)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "file" in err


# Two at once.


@pytest.mark.usefixtures("much")
@pytest.mark.parametrize("sink", quickly(("folder", "shards", "npy")))
def test_two_at_once(sink):
    expected = undisturbed(sink)
    first = begin(*words(sink))
    assert wait_until(lambda: list(Path("results").glob("*.report.jsonl")))
    for options in ((), ("--overwrite",)):
        status, out, err = fastfit_command(*words(sink, *options))
        assert first.poll() is None, "the first was done too early"
        assert (status, out) == (2, "")
        assert "no other run" in err
    assert finish(first)[0] == expected[2]
    assert (tree(), last_rows()) == expected[:2]


@pytest.mark.kills
@pytest.mark.usefixtures("much")
def test_two_at_once_into_one_folder_by_two_reports():
    # Reports of one name in different folders: neither takes the other's files in work for left-overs.
    run = begin(*words("folder", "--report", "a/run.jsonl"))
    assert wait_until(lambda: any(Path("results/out").glob("*.*g")))
    assert quick("fit", "photos/b", "-o", "results/out", "--size", "9x9", "--report", "b/run.jsonl")[0] == 1
    assert finish(run)[0] == 1
    rows = [json.loads(line) for line in Path("a/run.jsonl").read_text().splitlines()]
    assert {row["source"] for row in rows if row["status"] == "failed"} == {f"photos/{name}" for name in BROKEN}


# Too many failures, and again what failed.


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("sink", quickly(("folder", "shards", "npy"), "folder"))
def test_too_many_failures(sink):
    expected = undisturbed(sink)
    arguments = words(sink, "--max-failures", "1")
    status, _, err = quick(*arguments)
    assert status == 1
    assert "stopped: 2 of" in err
    assert "more than --max-failures" in err
    assert len(last_rows()) < 19
    check_completes(expected, arguments)


def test_too_large_a_share_of_failures(here):
    make_photos(here / "photos", small=97)
    for number in range(7):
        Path(f"photos/a{number}.jpg").write_bytes(b"<html>")
    status, _, err = quick(*words("folder", "--max-failures", "5%"))
    assert status == 1
    assert "of 100 failed" in err
    assert len(last_rows()) == 100
    # All but 18 are settled: too few for a share of what is new.
    assert quick(*words("folder", "--max-failures", "5%"))[0] == 1
    assert len(last_rows()) == 118


def mend():
    """Put good pictures in the place of the broken ones."""
    for number, name in enumerate(BROKEN):
        Path("photos", name).write_bytes(saved(scene(90 + number, 70), "png" if name.endswith("png") else "jpeg"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("sink", ["folder", "shards", "npy"])
def test_retry(sink):
    assert quick(*words(sink))[0] == 1
    before = tree()
    status, out, _ = quick("retry", report())
    assert (status, out[:29]) == (1, "0 fitted, 3 failed, 0 skipped")
    assert tree() == before
    mend()
    status, out, err = quick("retry", report())
    assert (status, out[:29], err) == (0, "3 fitted, 0 failed, 0 skipped", "")
    assert set(statuses().values()) == {("fitted", None)}
    after = tree()
    if sink == "npy":
        images = np.load("results/out.npy")
        assert images.shape == (19, 40, 48, 3)
        rows = [json.loads(line) for line in Path("results/out.jsonl").read_text().splitlines()]
        assert [row["index"] for row in rows] == list(range(19))
        assert [row["source"] for row in rows[-3:]] == [f"photos/{name}" for name in BROKEN]
        assert after["out.npy"][128 : len(before["out.npy"])] == before["out.npy"][128:]
    else:
        assert {name: after[name] for name in before} == before
        places = [f"out/{name}" for name in BROKEN] if sink == "folder" else ["out-003.tar"]
        assert sorted(after.keys() - before.keys()) == sorted(places)
    if sink == "shards":
        with tarfile.open("results/out-003.tar") as tar:
            assert tar.getnames() == list(BROKEN)
    # And the command itself finds nothing left to do.
    status, out, _ = quick(*words(sink))
    assert (status, out[:30]) == (0, "0 fitted, 0 failed, 19 skipped")
    assert tree() == after


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("sink", ["folder", "shards", "npy"])
def test_retry_where_all_had_failed(sink):
    arguments = ("fit", *(f"photos/{name}" for name in BROKEN), "--size", "48x40", *SINKS[sink])
    for _run in range(2):
        assert quick(*arguments)[0] == 1
    mend()
    assert quick("retry", report())[0] == 0
    assert set(statuses().values()) == {("fitted", None)}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [("--collisions", "number"), ("--name", "{index}-{stem}{ext}")], ids=" ".join)
@pytest.mark.parametrize("sink", ["folder", "shards"])
def test_retry_gives_the_names_of_the_run(sink, options):
    # z.jpg is broken, and b/z.jpg would have its name.
    options = ("--flat", *options)
    assert quick(*words(sink, *options))[0] == 1
    mend()
    assert quick("retry", report())[0] == 0
    names = {source: row["name"] for source, row in last_rows().items()}
    shutil.rmtree("results")
    assert quick(*words(sink, *options))[0] == 0
    assert {source: row["name"] for source, row in last_rows().items()} == names


@pytest.mark.usefixtures("here")
def test_retry_of_one_that_was_numbered():
    shutil.copy("photos/00.jpg", "photos/b/00.jpg")
    data = Path("photos/b/00.jpg").read_bytes()
    Path("photos/b/00.jpg").write_bytes(data[:500])
    options = ("--flat", "--collisions", "number")
    assert quick(*words("folder", *options))[0] == 1
    Path("photos/b/00.jpg").write_bytes(data)
    quick("retry", report())
    assert last_rows()["photos/b/00.jpg"]["name"] == "00_1.jpg"
    assert Path("results/out/00_1.jpg").exists()


# No surprises.


def change(name, width=77):
    Path("photos", name).write_bytes(saved(scene(width, 66), "png" if name.endswith("png") else "jpeg"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [(), ("--flat", "--collisions", "number"), ("--dedupe",)], ids=" ".join)
def test_changed_source_is_fitted_again(options):
    for number, name in enumerate(("b/00.jpg", "c/00.jpg")):
        change(name, 50 + number)
    arguments = words("folder", *options)
    assert quick(*arguments)[0] == 1
    before, rows = tree(), last_rows()
    change("c/00.jpg")
    os.utime("photos/01.png", ns=(1, 1))
    status, out, _ = quick(*arguments)
    assert (status, out[:8]) == (1, "2 fitted")
    after = tree()
    assert {row["name"] for row in rows.values() if "name" in row} == {
        row["name"] for row in last_rows().values() if "name" in row
    }
    name = f"out/{rows['photos/c/00.jpg']['name']}"
    assert after.pop(name) != before.pop(name)
    assert after == before
    assert quick(*arguments)[1][:8] == "0 fitted"


@pytest.mark.usefixtures("here")
def test_changed_source_is_fitted_again_though_it_was_broken_meanwhile():
    assert quick(*words("folder"))[0] == 1
    before = tree()
    Path("photos/00.jpg").write_bytes(b"<html>")
    quick(*words("folder"))
    assert statuses()["photos/00.jpg"] == ("failed", "undecodable")
    change("00.jpg")
    quick(*words("folder"))
    assert statuses()["photos/00.jpg"] == ("fitted", None)
    assert tree()["out/00.jpg"] != before["out/00.jpg"]


@pytest.mark.quick
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [(), ("--dedupe",), ("--flat", "--collisions", "number")], ids=" ".join)
def test_result_that_was_deleted_is_made_again(options):
    assert quick(*words("folder", *options))[0] == 1
    before = tree()
    for name in ("00.jpg", "01.png"):
        Path("results/out", name).unlink()
    status, out, _ = quick(*words("folder", *options))
    assert (status, out[:8]) == (1, "2 fitted")
    assert tree() == before


@pytest.mark.quick
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("sink", ["folder", "shards", "npy"])
def test_other_settings_are_refused_and_overwrite_begins_anew(sink):
    expected = undisturbed(sink)
    assert quick(*words(sink, "--mode", "pad"))[0] == 1
    before = tree()
    for options, name in (((), "mode"), (("--mode", "pad", "--quality", "30"), "quality")):
        status, out, err = quick(*words(sink, *options))
        assert (status, out) == (2, "")
        assert name in err
        assert "--overwrite" in err
        assert tree() == before
    assert quick(*words(sink, "--overwrite"))[0] == 1
    assert (tree(), last_rows()) == expected[:2]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("sink", ["shards", "npy"])
def test_what_lost_its_end_is_refused(sink):
    # After a power failure, say: what is missing would be filled with zeros.
    assert quick(*words(sink, "--max-failures", "0"))[0] == 1
    (partial,) = Path("results").glob("*.partial")
    os.truncate(partial, partial.stat().st_size - 700)
    status, _, err = quick(*words(sink))
    assert status == 2
    assert partial.name in err


@pytest.mark.usefixtures("here")
def test_rows_of_another_are_not_replaced():
    Path("results").mkdir()
    Path("results/out.jsonl").write_text("mine\n")
    assert quick(*words("npy"))[0] == 2
    assert Path("results/out.jsonl").read_text() == "mine\n"


@pytest.mark.usefixtures("shard")
def test_companions_replace_nothing():
    arguments = ("fit", "in.tar", "--size", "48x40", *SINKS["folder"])
    Path("results/out").mkdir(parents=True)
    Path("results/out/s1.json").write_text("mine\n")
    assert quick(*arguments)[0] == 0
    assert Path("results/out/s1.json").read_text() == "mine\n"
    assert statuses()["in.tar::s1.jpg"] == ("skipped", "exists")
    assert len([name for name in tree() if name.startswith("out/")]) == 10


@pytest.mark.usefixtures("shard")
@pytest.mark.parametrize("sink", ["folder", "shards"])
def test_companion_does_not_take_the_place_of_the_result(sink):
    write_shard("in.tar", {"a": ("jpg", "png"), "b": ("jpg", "json")})
    arguments = ("fit", "in.tar", "--size", "48x40", "--format", "png", *SINKS[sink])
    assert quick(*arguments)[0] == 1
    assert [status for status, _ in statuses().values()] == ["failed", "fitted"]


@pytest.mark.usefixtures("here")
def test_one_report_from_two_folders(monkeypatch):
    # A name in a report is as seen from where it was begun, whoever writes it.
    top = Path.cwd()
    shards, journal = str(top / "results/out-%d.tar"), str(top / "results/run.report.jsonl")
    options = ("--size", "48x40", "--shards", shards, "--report", journal)
    assert quick("fit", "photos/00.jpg", *options)[0] == 0
    monkeypatch.chdir("photos")
    for expected in ("2 fitted, 0 failed, 0 skipped", "0 fitted, 0 failed, 2 skipped"):
        assert quick("fit", "02.jpg", "01.png", *options)[1][:29] == expected
    monkeypatch.chdir(top)
    assert quick("fit", "photos", *options)[1][:29] == "2 fitted, 1 failed, 3 skipped"
