"""Tables and plots in the README files are those of the results that they name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = """# A page

<!-- results: arrays -->
<!-- /results -->
<!-- results: arrays-cells -->
as it was
<!-- /results -->

<!-- results: scaling -->
<!-- /results -->
<!-- results: files -->
<!-- /results -->
<!-- results: machine -->
<!-- /results -->
The end.
"""
EQUAL = {"exact_size": True, "largest": 0.0, "identical": 1.0, "psnr": "inf", "ssim": 1.0, "aliasing": 0.5}


def row(case, contender, seconds, **facts):
    return {
        "case": case,
        "contender": contender,
        "seconds": seconds,
        "correctness": EQUAL,
        "marks": ["shrink on load"] if contender == "other" else [],
        "memory": 123_400_000,
        "facts": facts,
    }


def result(benchmark, rows, notes=()):
    return {
        "benchmark": benchmark,
        "title": "many sizes",
        "reference": "pillow",
        "options": {},
        "machine": {"cpu": "Abacus", "processors": "2", "commit": "c0ffee"},
        "versions": {"pillow": "13", "fastfit": "1"},
        "missing": {},
        "load": [0.5, 1.25],
        "notes": list(notes),
        "faults": [],
        "rows": rows,
    }


def results():
    arrays = [
        row(f"{source} to {target}", name, [second * times, second * times])
        for source, second in (("500x375", 1.0), ("40x30", 0.5))
        for target in ("20x10", "7x5")
        for name, times in (("pillow", 3.0), ("fastfit", 1.0), ("other", 6.0))
    ]
    files = [
        row("24 files", name, [second], **{"images/s": 24 / second})
        for name, second in (("pillow", 6.0), ("fastfit", 2.0))
    ]
    scaling = [
        row(f"source {x} MP", name, [x * second], x=x, slope=1.0, **{"floor %": 100 * 0.1 / second})
        for x in (1, 10)
        for name, second in (("floor", 0.1), ("pillow", 3.0), ("fastfit", 1.0))
    ]
    notes = ["source: x is megapixels of the source, to 20x10"]
    return [result("arrays", arrays), result("files", files), result("scaling", scaling, notes)]


def publish(*options):
    command = [sys.executable, "-m", "benchmarks", "publish", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def written(root, results):
    file = root / "results.json"
    file.write_text(json.dumps({"format": 1, "results": results}), encoding="utf-8")
    return file


@pytest.fixture
def root(tmp_path):
    (tmp_path / "README.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_what_is_published_here_matches_its_results():
    run = publish("--check")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
def test_blocks_are_written_and_nothing_else_is(root):
    run = publish(written(root, results()), "--root", root)
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    text = (root / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# A page\n\n<!-- results: arrays of results.json -->\n\n| ")
    assert text.endswith("\n<!-- /results -->\nThe end.\n")
    head = "speed (Pillow = 1) | least to greatest | least PSNR, dB | aliasing, worst | differs from Pillow by"
    for line in (
        f"|  | {head} |",
        "| pillow | 1.00× |  | equal | 0.5 |  |",
        "| fastfit | 3.00× | 3.00 to 3.00 | equal | 0.5 |  |",
        "| other | 0.50× | 0.50 to 0.50 | equal | 0.5 | shrink on load |",
        "| from | to 20×10 | to 7×5 |",
        "| 500×375 | 3.00× | 3.00× |",
        "| fastfit | 3.00× | 12.0 | 123 | equal |",
        "| axis | x | floor | pillow | fastfit | floor, of fastfit's time |",
        "| source | megapixels of the source, to 20x10 | 1.00 | 1.00 | 1.00 | 10.0 to 10.0 % |",
        "Measured on Abacus: processors 2.",
    ):
        assert line in text.splitlines()
    assert "as it was" not in text
    assert publish("--check", "--root", root).returncode == 0
    assert publish("--root", root).returncode == 0
    assert (root / "README.md").read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_a_mean_tells_of_how_many_cells_it_is_if_not_of_all(root):
    figures = results()
    figures[0]["rows"].pop()
    assert publish(written(root, figures), "--root", root).returncode == 0
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    assert any(
        line.startswith("|  | speed (Pillow = 1) | least to greatest | cells measured | least PSNR")
        for line in lines
    )
    assert "| fastfit | 3.00× | 3.00 to 3.00 |  | equal | 0.5 |  |" in lines
    assert "| other | 0.50× | 0.50 to 0.50 | 3 of 4 | equal | 0.5 | shrink on load |" in lines


@pytest.mark.slow
def test_speeds_by_processor_time_are_told_where_they_differ(root):
    figures = results()
    for each in figures[0]["rows"]:
        busy = {"pillow": 0.5, "fastfit": 0.5, "other": 0.25}[each["contender"]]
        each["cpu"] = [busy * second for second in each["seconds"]]
    assert publish(written(root, figures), "--root", root).returncode == 0
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    assert "| fastfit | 3.00× | 3.00 to 3.00 | equal | 0.5 |  |" in lines
    assert "| other | 0.50× (CPU 1.00×) | 0.50 to 0.50 | equal | 0.5 | shrink on load |" in lines


@pytest.mark.slow
def test_a_row_is_set_beside_whom_it_names(root):
    figures = results()
    for each in figures[0]["rows"]:
        if each["contender"] == "fastfit":
            each["beside"] = "other"
    assert publish(written(root, figures), "--root", root).returncode == 0
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    assert "| fastfit | 6.00× | 6.00 to 6.00 | equal | 0.5 |  |" in lines


@pytest.mark.slow
def test_stacks_have_tables_of_their_own(root):
    names = ("loader", "loader-threads", "loader-pictures")
    blocks = (f"<!-- results: {name} -->\n<!-- /results -->\n" for name in names)
    (root / "README.md").write_text("".join(blocks), encoding="utf-8")
    cases = {
        "array → tensor": {"pillow": 4.0, "fastfit": 1.0},
        "threads, 32 of 500x375": {"fastfit-one-thread": 2.0, "fastfit-threads": 1.0, "pillow": 3.0},
        "PIL → array, 8 of 500x375": {"fastfit": 1.0, "fastfit-many": 1.5, "pillow": 6.0},
    }
    rows = [row(case, name, [seconds]) for case, each in cases.items() for name, seconds in each.items()]
    assert publish(written(root, [result("loader", rows)]), "--root", root).returncode == 0
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    for line in (
        "| speed (Pillow = 1) | array → tensor | least PSNR, dB |",
        "| fastfit | 4.00× | equal |",
        "| speed (Pillow = 1) | fastfit, one thread | fastfit, threads | threads against one |",
        "| 32 of 500×375 | 1.50× | 3.00× | 2.00× |",
        "| speed (Pillow = 1) | `Fit()` on each | `fit_many` |",
        "| 8 of 500×375 | 6.00× | 4.00× |",
    ):
        assert line in lines


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["page", "results"])
def test_a_figure_that_changes_is_found(root, changed):
    figures = results()
    publish(written(root, figures), "--root", root)
    if changed == "page":
        page = root / "README.md"
        page.write_text(page.read_text(encoding="utf-8").replace("| fastfit | 3.00×", "| fastfit | 3.10×", 1))
    else:
        figures[0]["rows"][1]["seconds"] = [0.9, 0.9]
        written(root, figures)
    run = publish("--check", "--root", root)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "README.md: arrays: not what results.json makes" in run.stdout
    assert "files" not in run.stdout


@pytest.mark.slow
def test_what_a_file_does_not_have_stays_as_another_made_it(root):
    figures = results()
    publish(written(root, figures), "--root", root)
    other = root / "other.json"
    other.write_text(json.dumps({"format": 1, "results": figures[1:2]}), encoding="utf-8")
    assert publish(other, "--root", root).returncode == 0
    text = (root / "README.md").read_text(encoding="utf-8")
    assert "<!-- results: files of other.json -->" in text
    assert "<!-- results: arrays of results.json -->" in text
    assert publish("--check", "--root", root).returncode == 0


@pytest.mark.slow
def test_blocks_without_results_are_problems(root):
    run = publish("--check", "--root", root)
    assert run.returncode == 1
    assert "README.md: arrays: no results in a file, for none is told" in run.stdout
    run = publish(written(root, results()[1:]), "--root", root)
    assert (run.returncode, run.stdout) == (
        1,
        "README.md: arrays: no results in results.json\nREADME.md: arrays-cells: no results in results.json\n",
    )


@pytest.mark.slow
def test_an_axis_of_one_point_has_no_slope(root):
    figures = results()
    figures[2]["rows"] = [
        row("cores 1", name, [second], x=1, slope=None, **{"floor %": 100 * 0.1 / second})
        for name, second in (("floor", 0.1), ("pillow", 3.0), ("fastfit", 1.0))
    ]
    figures[2]["notes"] = ["cores: x is threads"]
    run = publish(written(root, figures), "--root", root)
    assert (run.returncode, run.stderr) == (0, "")
    assert "| cores | threads | 10.0 to 10.0 % |" in (root / "README.md").read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!-- results: arrays -->\n", "expected <!-- /results --> after each"),
        ("<!-- results: nobody -->\n<!-- /results -->\n", "results: expected arrays, "),
    ],
)
def test_what_cannot_be_read_says_why(root, text, said):
    (root / "README.md").write_text(text, encoding="utf-8")
    run = publish(written(root, results()), "--root", root)
    assert run.returncode == 1
    assert said in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_plots_are_drawn_and_known_by_their_results(root):
    pytest.importorskip("matplotlib")
    (root / "benchmarks").mkdir()
    page = root / "benchmarks" / "README.md"
    blocks = (f"<!-- results: {name}-plot -->\n<!-- /results -->\n" for name in ("arrays", "scaling"))
    page.write_text("".join(blocks), encoding="utf-8")
    figures = results()
    assert publish(written(root, figures), "--root", root).returncode == 0
    assert "(../docs/plots/arrays.png)" in page.read_text(encoding="utf-8")
    drawn = {path.name: path.read_bytes() for path in (root / "docs" / "plots").iterdir()}
    assert sorted(drawn) == ["arrays.png", "arrays.svg", "scaling.png", "scaling.svg"]
    publish("--root", root)
    assert {path.name: path.read_bytes() for path in (root / "docs" / "plots").iterdir()} == drawn
    assert publish("--check", "--root", root).returncode == 0
    figures[0]["rows"][1]["seconds"] = [0.9, 0.9]
    written(root, figures)
    assert "docs/plots/arrays.svg: of other results" in publish("--check", "--root", root).stdout
    for each in figures[2]["rows"]:
        each["facts"] |= {"x": 1, "slope": None}
    assert publish(written(root, figures), "--root", root).returncode == 0
