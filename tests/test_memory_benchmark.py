"""The benchmark of memory, from its command line: what it adds up, and when it says no."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc"),
    pytest.mark.slow,
]
# Every fit has a child that takes 400 MB for a while.
HOG = """
import os, sys, time
if "fit" in sys.orig_argv and os.fork() == 0:
    taken = b"x" * 400_000_000
    time.sleep(1)
    os._exit(0)
"""


def memory(folder, *options, **environment):
    """Run the benchmark; return how it ended and what it wrote."""
    written = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "memory", "--size", "96x41", "--jobs", "1"]
    run = subprocess.run(
        [*command, "--json", str(written), *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return run, json.loads(written.read_text(encoding="utf-8")) if written.exists() else None


def test_peaks_ratio_and_bound(tmp_path):
    run, figures = memory(tmp_path, "--counts", "31", "3", "--longest", "640")
    assert run.returncode == 0, run.stdout + run.stderr
    first, last = figures["peaks"]
    assert [(peak["files"], peak["fitted"]) for peak in (first, last)] == [(3, 3), (31, 31)]
    assert all(30e6 < peak["pss"] <= peak["rss"] < 300e6 for peak in (first, last) if peak["pss"])
    assert all(peak["processes"] >= 1 for peak in (first, last))
    assert figures["ratio"] == last["rss"] / first["rss"]
    assert figures["largest"] == 640 * 480 * 3
    assert figures["bound"] == 250e6 + 4 * figures["largest"]
    assert figures["holds"]
    # At the slowest level NumPy's arrays are floats of the whole image.
    assert 0 < figures["one fit"]["beyond"] < (5e6 if figures["machine"]["kernel"] != "numpy" else 1e9)
    assert f"{figures['one fit']['beyond'] / 1e6:.2f} MB beyond its input and output" in run.stdout


def test_more_than_the_bound_in_a_child_ends_with_1(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HOG, encoding="utf-8")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    run, figures = memory(tmp_path, "--counts", "8", "--longest", "2000", PYTHONPATH=paths)
    assert run.returncode == 1, run.stdout + run.stderr
    (peak,) = figures["peaks"]
    assert (peak["fitted"], figures["holds"]) == (8, False)
    assert peak["rss"] > 400e6
    assert "does not hold" in run.stdout


def test_a_file_that_is_not_fitted_ends_with_1(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    whole = (ROOT / "samples" / "toucan.jpg").read_bytes()
    (photos / "whole.jpg").write_bytes(whole)
    (photos / "half.jpg").write_bytes(whole[: len(whole) // 2])
    run, figures = memory(tmp_path, "--counts", "2", "--photos", str(photos))
    assert run.returncode == 1, run.stdout + run.stderr
    assert (figures["peaks"][0]["fitted"], figures["holds"]) == (1, True)
    assert "half.jpg" in run.stderr
