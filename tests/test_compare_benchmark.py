"""The comparison of two files of results, from its command line: what it calls a change, and what noise."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
# Five rounds a hundredth or so apart.
NOISE = (1.0, 1.01, 0.99, 1.02, 0.98)
CORRECT = {"exact_size": True, "largest": 2.0, "identical": 0.999, "psnr": 60.0, "ssim": 1.0, "aliasing": None}


def row(contender, times=1.0, seconds=NOISE, memory=None, facts=None, case="one", **correctness):
    return {
        "case": case,
        "contender": contender,
        "seconds": [times * second for second in seconds],
        "correctness": {**CORRECT, **correctness} if correctness else None,
        "marks": [],
        "memory": memory,
        "facts": facts or {},
    }


def result(*rows, benchmark="arrays", **changed):
    return {
        "benchmark": benchmark,
        "title": "many sizes",
        "reference": "pillow",
        "options": {"mode": "stretch"},
        "machine": {"cpu": "Abacus", "numpy": "2.4", "commit": "c0ffee"},
        "versions": {"pillow": "13"},
        "missing": {},
        "load": [0.0, 0.0],
        "notes": [],
        "faults": [],
        "rows": [row("pillow", 3.0), *rows],
        **changed,
    }


@pytest.fixture
def compare(tmp_path):
    """Write two lists of results, and compare them."""

    def compared(old, new):
        for name, results in (("old", old), ("new", new)):
            text = json.dumps({"format": 1, "results": results})
            (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks", "compare", tmp_path / "old.json", tmp_path / "new.json"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    return compared


def side_by_side(pairs):
    """Return an old and a new result, with a case of fastfit for each pair."""
    results = []
    for side in (0, 1):
        rows = [row("fastfit", case=f"case {number}", **pair[side]) for number, pair in enumerate(pairs)]
        results.append(result(*rows, *(row("pillow", 3.0, case=each["case"]) for each in rows)))
    return results


def test_what_is_no_change_or_better(compare):
    old, new = side_by_side(
        [
            ({}, {}),
            ({}, {"times": 1.02}),  # two percent
            ({}, {"times": 1.2, "seconds": (0.7, 1.4, 0.8, 1, 1.3)}),  # too noisy
            ({"memory": 100_000_000}, {"memory": 104_000_000}),
            ({"facts": {"instructions": 1e6}}, {"facts": {"instructions": 1.001e6}}),
            ({"psnr": "inf"}, {"psnr": "inf"}),
            ({}, {"times": 0.8}),
            ({"psnr": 60.0}, {"psnr": "inf"}),
        ]
    )
    run = compare([old], [new])
    assert (run.returncode, run.stderr) == (0, "")
    assert "better  case 6  fastfit: speed 3 -> 3.75 (+25.0%, noise" in run.stdout
    assert "better  case 7  fastfit: PSNR 60 -> inf" in run.stdout
    assert run.stdout.endswith("\n2 changes\n")
    assert "nothing changed by more than noise" in compare([old], [old]).stdout


WORSE = [
    ({}, {"times": 1.2, "seconds": NOISE[::-1]}, "speed 3 -> 2.5 (-16.7%, noise"),
    ({"memory": 100_000_000}, {"memory": 110_000_000}, "peak RSS 100 -> 110 MB (+10.0%)"),
    (
        {"facts": {"instructions": 1e6}},
        {"facts": {"instructions": 1.1e6}},
        "instructions 1e+06 -> 1.1e+06 (+10.0%)",
    ),
    ({"psnr": 60.0}, {"psnr": 59.0}, "PSNR 60 -> 59"),
    ({"psnr": "inf"}, {"psnr": 70.0}, "PSNR inf -> 70"),
    ({"identical": 0.999}, {"identical": 0.99}, "share equal 0.999 -> 0.99"),
    ({"exact_size": True}, {"exact_size": False, "psnr": None}, "another size"),
]


def test_what_is_worse(compare):
    run = compare(*([each] for each in side_by_side(WORSE)))
    assert (run.returncode, run.stderr) == (1, "")
    for number, (_, _, said) in enumerate(WORSE):
        assert f"worse   case {number}  fastfit: {said}" in run.stdout
    assert run.stdout.endswith(f"\n{len(WORSE)} changes\n")


def test_what_others_lose_is_told_and_no_failure(compare):
    run = compare([result(row("other"))], [result(row("other", 2.0))])
    assert run.returncode == 0
    assert "worse   one  other: speed 3 -> 1.5" in run.stdout


def test_a_machine_that_is_slower_altogether_is_no_change(compare):
    slow = result(row("fastfit", 5.0))
    slow["rows"][0] = row("pillow", 15.0)
    run = compare([result(row("fastfit"))], [slow | {"machine": {"cpu": "Slide rule", "numpy": "2.5"}}])
    assert run.returncode == 0
    assert "nothing changed" in run.stdout
    assert "warning, another machine: cpu Abacus -> Slide rule" in run.stdout
    assert "warning, other software: numpy 2.4 -> 2.5" in run.stdout


def test_few_rounds_must_be_apart(compare):
    rounds = {"seconds": (1.0, 1.0, 1.3)}
    old, new = result(row("fastfit", **rounds)), result(row("fastfit", 1.1, **rounds))
    for each in (old, new):
        each["rows"][0] = row("pillow", 3.0, (1.0, 1.0, 1.0))
    assert "nothing changed" in compare([old], [new]).stdout
    new["rows"][1] = row("fastfit", 1.5, **rounds)
    assert compare([old], [new]).returncode == 1


@pytest.mark.parametrize("rounds", [3, 5, 7, 11])
def test_three_of_a_thousand_rows_that_are_as_they_were_are_found(compare, rounds):
    chance = random.Random(rounds)

    def noisy(times=1.0, sigma=0.05, rows=1000):
        def seconds():
            return [chance.lognormvariate(0, sigma) for _ in range(rounds)]

        return [row("fastfit", times, seconds(), case=f"case {number}") for number in range(rows)]

    def even(rows):
        calm = [row("pillow", 3.0, [1.0] * rounds, case=each["case"]) for each in rows]
        return [result(rows=[*calm, *rows])]

    run = compare(even(noisy()), even(noisy()))
    assert sum(line.startswith("  ") for line in run.stdout.splitlines()) <= 6, run.stdout
    if rounds > 4:
        run = compare(even(noisy(sigma=0.02, rows=100)), even(noisy(1.25, 0.02, 100)))
        assert run.stdout.count("  worse ") >= 97


def test_one_round_tells_nothing(compare):
    old, new = result(row("fastfit", 1.0, [1.0])), result(row("fastfit", 2.0, [1.0]))
    for each in (old, new):
        each["rows"][0] = row("pillow", 3.0, [1.0])
    run = compare([old], [new])
    assert (run.returncode, "nothing changed" in run.stdout) == (0, True)


def test_what_cannot_be_compared_is_told(compare):
    old = [result(row("fastfit"), row("gone")), result(benchmark="files"), result(benchmark="batch")]
    new = [result(row("fastfit"), row("new")), result(benchmark="files", options={"mode": "pad"})]
    run = compare(old, new)
    assert run.returncode == 0
    assert "files: cannot be compared: mode stretch -> pad" in run.stdout
    assert "batch: only in " in run.stdout
    assert "only in the old one: one gone" in run.stdout
    assert "only in the new one: one new" in run.stdout


def test_nothing_in_common_ends_with_2(compare):
    assert compare([result()], [result(options={})]).returncode == 2
    assert compare([result()], [result(benchmark="files")]).returncode == 2


def test_what_is_no_result_says_so(compare, tmp_path):
    compare([], [])
    (tmp_path / "new.json").write_text("[]", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks", "compare", tmp_path / "old.json", tmp_path / "new.json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "expected results of format 1" in run.stderr
