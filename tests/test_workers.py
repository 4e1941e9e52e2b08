"""Workers that die, hang, or are killed: they cost the file that they were at, and no other."""

import os
import random
import re
import shutil
import signal
import threading
import time
from pathlib import Path

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

import fastfit

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes as Linux does")

UNDECODABLE = {f"photos/{name}": ("failed", "undecodable") for name in BROKEN}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with small photos in it; no process of ours is left in the end."""
    make_photos(tmp_path / "photos", small=15)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert wait_until(lambda: not processes(), 10), "processes are left"


def failures():
    """Return why sources failed, by their last rows."""
    return {source: found for source, found in statuses().items() if found[0] != "fitted"}


# A file that its worker does not survive.

DEADLY = """
import ctypes, os, signal, time
from fastfit.bulk.work import Work
do = Work.do
def deadly(self, number, item):
    name = item.source.removeprefix("photos/")
    if name == "00.jpg":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "b/06.jpg":
        ctypes.string_at(0)
    if name == "b/05.png":
        os._exit(0)
    if name == "03.png":
        time.sleep(1000)
    return do(self, number, item)
Work.do = deadly
read = Work._read
def reading(self, item):
    if item.source == "photos/02.jpg":
        raise MemoryError
    return read(self, item)
Work._read = reading
"""
DEATHS = {
    "photos/00.jpg": ("failed", "worker-crashed"),
    "photos/b/06.jpg": ("failed", "worker-crashed"),
    "photos/b/05.png": ("failed", "worker-crashed"),
    "photos/03.png": ("failed", "timeout"),
    "photos/02.jpg": ("failed", "out-of-memory"),
}


def path_with(folder, script):
    """Return PYTHONPATH for processes that run a script when they begin."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(script)
    return os.pathsep.join((environment()["PYTHONPATH"], str(folder)))


@pytest.mark.parametrize("sink", quickly(SINKS, "shards"))
def test_deadly_files_fail_and_no_others(here, sink):
    assert quick(*words(sink))[0] == 1
    undisturbed = tree()
    shutil.rmtree("results")
    place = path_with(here / "deadly", DEADLY)
    status, _, err = fastfit_command(*words(sink, "--timeout", "2", "--jobs", "2"), PYTHONPATH=place)
    assert status == 1
    assert failures() == {**UNDECODABLE, **DEATHS}
    # Not only where lines begin: workers that die write to stderr, too.
    assert set(re.findall(r"photos/[\w/.]+(?=: )", err)) == set(failures())
    assert not [name for name in tree() if ".tmp" in name or ".partial" in name]
    # The same once more is settled; and where they are no longer deadly, all of them get in.
    before = tree()
    assert fastfit_command(*words(sink), PYTHONPATH=place)[0] == 1
    assert tree() == before
    assert quick("retry", report())[1][:18] == "5 fitted, 3 failed"
    assert failures() == UNDECODABLE
    if sink == "folder":
        assert tree() == undisturbed


@pytest.mark.parametrize("listens", [False, True])
def test_hanging_thread_costs_its_file(here, listens):
    script = DEADLY.partition('    if name == "00.jpg"')[0] + DEADLY[DEADLY.index('    if name == "03.png"') :]
    if listens:  # to its decoder, which the others wait for
        script = "from fastfit.codec import heard\n" + script.replace("time.sleep", "with heard(True): time.sleep")
    start = time.monotonic()
    status, _, err = fastfit_command(
        *words("folder", "--timeout", "2", "--jobs", "2", "--backend", "threading"),
        PYTHONPATH=path_with(here / "hangs", script),
    )
    assert time.monotonic() - start < 20
    assert status == 1
    names = ("photos/03.png", "photos/02.jpg")
    assert failures() == {**UNDECODABLE, **{name: DEATHS[name] for name in names}}
    assert {line.partition(":")[0] for line in err.splitlines() if line.startswith("photos/")} == set(failures())


@pytest.mark.usefixtures("here")
def test_threads_show_every_failure():
    # Each thread listens to its decoder, for which stderr is taken away from all of them.
    for number in range(40):
        Path(f"photos/bad{number}.png").write_bytes(b"<html>")
    for number in range(3):
        make_photos(Path(f"photos/{number}"), small=12, large=6)
    status, _, err = fastfit_command(*words("folder", "--jobs", "4", "--backend", "threading"))
    assert status == 1
    assert {line.partition(":")[0] for line in err.splitlines() if line.startswith("photos/")} == set(failures())


@pytest.mark.kills
def test_all_files_deadly(here):
    # Every one is tried twice; it is never taken for workers that cannot begin.
    script = DEADLY.replace('name == "00.jpg"', "True")
    status, _, _ = fastfit_command(
        "fit",
        "photos/b",
        "-o",
        "results/out",
        "--size",
        "9x9",
        "--jobs",
        "2",
        PYTHONPATH=path_with(here / "x", script),
    )
    assert status == 1
    assert set(failures().values()) == {("failed", "worker-crashed")}
    assert len(failures()) == 7


def test_workers_that_never_begin_are_an_error(here):
    script = "import os, sys\nif 'popen_loky_posix' in ' '.join(sys.orig_argv):\n    os._exit(3)\n"
    status, out, err = fastfit_command(*words("folder", "--jobs", "2"), PYTHONPATH=path_with(here / "x", script))
    assert (status, out) == (2, "")
    assert "expected 2 workers that stay alive" in err.splitlines()[-1]


# Workers that are killed from outside.


def workers():
    """Return the numbers of worker processes, of those that have begun to work."""
    found = []
    for path in Path("results").glob("**/.*.tmp/*.pulse"):
        data = path.read_bytes()
        found.append(int.from_bytes(data[:8], "little"))
    return [number for number in found if number]


@pytest.mark.kills
@pytest.mark.parametrize("sink", quickly(("folder", "shards", "npy"), "npy"))
def test_killed_workers_cost_nothing(here, sink):
    make_photos(here / "photos", small=60, large=15)
    assert quick(*words(sink))[0] == 1
    expected = tree(), last_rows()
    shutil.rmtree("results")
    run, kills = begin(*words(sink, "--jobs", "2")), 0
    chosen = random.Random(sink)
    while run.poll() is None and kills < 6:
        if found := workers():
            try:
                os.kill(chosen.choice(found), signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
            time.sleep(chosen.uniform(0.1, 0.6))
    status, _, err = finish(run)
    assert (status, "Traceback" in err) == (1, False), err
    assert kills >= 1
    # A file whose worker was killed twice, the second time when it was alone with it, may have failed.
    crashed = [source for source, found in failures().items() if found == ("failed", "worker-crashed")]
    assert len(crashed) <= kills // 2
    assert failures().keys() - set(crashed) == UNDECODABLE.keys()
    if not crashed:
        assert (tree(), last_rows()) == expected


@pytest.mark.kills
def test_killed_workers_of_the_library(here):
    make_photos(here / "photos", small=60, large=15)
    done, kills = threading.Event(), []

    def kill():
        while not done.is_set() and len(kills) < 3:
            for number in workers()[:1]:
                try:
                    os.kill(number, signal.SIGKILL)
                    kills.append(number)
                except ProcessLookupError:
                    pass
            done.wait(0.3)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        found = fastfit.run("photos", "results/out", fastfit.Fit("48x40"), recursive=True, jobs=2)
    finally:
        done.set()
        thread.join()
    assert kills
    assert found.failed <= 3 + len(kills) // 2
    assert found.fitted + found.failed == len(last_rows())
