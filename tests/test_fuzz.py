"""Mutated files do no harm; and the harness that says so would see the harm it is there for."""

import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from encoded import saved, scene
from fuzzing.cases import Cases
from fuzzing.mutations import BLIND, KNOWING, edit_fields, mutate
from fuzzing.seeds import seeds

import fastfit

TESTS = Path(__file__).parent
FOUND = sorted(path for path in (TESTS / "data" / "fuzz").glob("*") if path.suffix != ".md")
MADE = [(name, data) for name, data in seeds() if not (TESTS / "data" / name).exists()]
WAYS = dict.fromkeys((*BLIND, *KNOWING))


def fuzz(*arguments, code=None):
    """Run the harness in a process of its own, which forks: pytest's has threads."""
    command = ["-c", code] if code else ["-m", "fuzzing"]
    command = [sys.executable, *command, *map(str, arguments)]
    return subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=900, check=False)


def findings(run):
    """Return what was found, by the number of its case."""
    told = (line.split(", seed 0: ") for line in run.stdout.splitlines() if line.startswith("case "))
    return {int(case.removeprefix("case ")): kind for case, kind in told}


def test_mutated_files_do_no_harm():
    run = fuzz("--cases", 800, "--seed", "a few")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", ["many", "more"])
def test_many_mutated_files_do_no_harm(seed):
    run = fuzz("--cases", 15_000, "--seed", seed)
    assert run.returncode == 0, run.stdout + run.stderr


def nested(depth=1200):
    """An AVIF in whose movie box tracks are within tracks."""
    tracks = b"".join(struct.pack(">I4s", 8 * (depth - level), b"trak") for level in range(depth))
    return struct.pack(">I8sII4s", 16, b"ftypavif", 0, 8 + len(tracks), b"moov") + tracks


def one_bomb_for_all_strips(strips=1000, megabytes=40):
    """A TIFF of 8 pixels a row, and each row inflates to millions."""
    bomb = zlib.compress(bytes(megabytes << 20))
    arrays = 8 + 2 + 8 * 12 + 4
    numbers = {256: 8, 257: strips, 258: 8, 259: 8, 262: 1, 273: arrays, 278: 1, 279: arrays + 4 * strips}
    counts = {273: strips, 279: strips}
    entries = [struct.pack("<HHII", tag, 4, counts.get(tag, 1), value) for tag, value in numbers.items()]
    places = struct.pack("<I", arrays + 8 * strips) * strips + struct.pack("<I", len(bomb)) * strips
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4) + places + bomb


def directory_of_itself(entries=5400):
    """A JPEG in whose Exif every field points to the directory that it is in."""
    pointers = struct.pack("<HHII", 0x8769, 4, 1, 8) * entries
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, entries) + pointers + bytes(4)
    return saved(scene(8, 5), "jpeg", exif=exif)


# Files that mutation hardly comes upon: each costs its reader far more than its size.
HOSTILE = {
    "blanks.pgm": b"P5" + b" " * 60 + b"x",
    "nested.avif": nested(),
    "one bomb for all strips.tif": one_bomb_for_all_strips(),
    "directory of itself.jpg": directory_of_itself(),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Judge the files that did harm, each fitted in eight ways."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, data in HOSTILE.items():
        (folder / name).write_bytes(data)
    return fuzz("--files", *[*FOUND, *(folder / name for name in HOSTILE)] * 8)


HARMFUL = [*(path.name for path in FOUND), *HOSTILE]


@pytest.mark.parametrize("place", range(len(HARMFUL)), ids=HARMFUL)
def test_files_that_once_did_harm(judged, place):
    figures = f"{'cases':20} {8 * len(HARMFUL)}\n"
    assert figures in judged.stdout, judged.stderr
    assert {kind for number, kind in findings(judged).items() if number % len(HARMFUL) == place} == set()


# What each fault is told as. The decoder, which is called twice for a case, has one in every second of them.
FAULTS = (
    ("crash, SIGABRT", "os.abort()"),
    ("crash, SIGSEGV", "ctypes.string_at(0)"),
    ("exception", "raise RuntimeError('planted')"),
    ("hang", "time.sleep(60)"),
    ("slow", "spin(0.25)"),
    ("memory", "b'x' * (100 << 20)"),
    ("memory", "raise MemoryError"),
    ("noise", "os.write(2, b'a line')"),
    ("nameless", "raise fastfit.CodecError('another name', 'expected', 'got')"),
    ("size", "return np.zeros((6, 5), np.uint8), fastfit.ImageInfo('png', fastfit.Size(6, 5))"),
    ("unsteady", "return np.full((1, 1), os.urandom(8), 'V8').view(np.uint8), fastfit.ImageInfo('png')"),
)
PLANTING = f"""
import ctypes, os, sys, time
import numpy as np
import fastfit
from fuzzing.__main__ import main

faults = {[fault for _, fault in FAULTS]}
decode = fastfit.decode

def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def planted(data, *, name, **options):
    number = int(name.removeprefix("case "))
    scope = {{**globals()}}
    exec(f"def fault():\\n    {{faults[number // 2] if number % 2 else 'pass'}}", scope)
    return scope["fault"]() or decode(data, name=name, **options)

fastfit.decode = planted
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Judge good files by a decoder with planted faults."""
    kept = tmp_path_factory.mktemp("kept")
    files = [TESTS / "data" / "rgb16.png"] * 2 * len(FAULTS)
    return fuzz("--files", *files, "--seconds", 0.4, "--memory", 64, "--keep", kept, code=PLANTING), kept


@pytest.mark.fuzz
def test_planted_faults_are_found_and_nothing_else(planted):
    expected = {2 * place + 1: kind for place, (kind, _) in enumerate(FAULTS)}
    run, _ = planted
    assert (findings(run), run.returncode) == (expected, 1)


@pytest.mark.fuzz
def test_findings_are_counted_and_kept(planted):
    run, kept = planted
    figures = dict(line.strip().rsplit(maxsplit=1) for line in run.stdout.splitlines()[-20:] if line)
    assert (figures["cases"], figures["findings"]) == (str(2 * len(FAULTS)), str(len(findings(run))))
    assert len([*kept.glob("*.bin")]) == len([*kept.glob("*.txt")]) == len(findings(run))
    assert (kept / "crash-SIGABRT-0-1.bin").read_bytes() == (TESTS / "data" / "rgb16.png").read_bytes()


def test_a_case_follows_from_its_number():
    cases, again = Cases("1"), Cases("1")
    assert [again[number][:2] for number in (3, 0, 77)] == [cases[number][:2] for number in (3, 0, 77)]
    again.seed = "2"
    assert again[3][1] != cases[3][1]


@pytest.mark.quick
@pytest.mark.parametrize(("name", "data"), MADE, ids=[name for name, _ in MADE])
def test_files_to_start_from_are_pictures(name, data):
    assert fastfit.decode(data, name=name)[0].size


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_changes_any_file_and_the_same_each_time(way):
    changed = 0
    for name, data in MADE:
        results = [way(data, random.Random(f"{name}/{turn}")) for turn in (0, 0, 1, 2)]
        assert results[0] == results[1]
        changed += len({data, *results}) > 1
    assert changed > 0.9 * len(MADE)


def test_no_way_fails_on_what_others_left():
    corpus = [("shred", b"\xff"), ("nothing but a signature", b"\x89PNG\r\n\x1a\n"), *MADE]
    rng = random.Random(0)
    for _ in range(3):
        corpus = [(name, mutate(data, rng, corpus)[0] or b"\0") for name, data in corpus]


def test_edited_chunks_have_right_checksums():
    data = dict(MADE)["png rgb"]
    edited = [edit_fields(data, random.Random(turn)) for turn in range(40)]
    heads = [one for one in edited if one[16:29] != data[16:29] and one[:16] == data[:16]]
    assert heads
    right = [int.from_bytes(one[29:33], "big") == zlib.crc32(one[12:29]) for one in heads]
    assert sum(right) > 0.5 * len(right)
