"""What the README shows works as it stands."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastfit

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


# What is behind <!-- frameworks --> or <!-- services --> needs those, and is run with their tests.
EXAMPLES = re.findall(
    r"^(?<!<!-- frameworks -->\n)(?<!<!-- services -->\n)```python\n(.*?)```", README, re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code[:40])
def test_python_runs(code: str, tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_example_command_says_what_the_readme_says(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastfit", "fit", str(ROOT / "samples"), "-o", "out", "--size", "1280x720"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    shown = re.search(r"^\d+ fitted.*$", README, re.MULTILINE)
    assert shown is not None
    assert re.sub(r"[\d.]+", "N", run.stdout.strip()) == re.sub(r"[\d.]+", "N", shown.group())
    for path in (tmp_path / "out").iterdir():
        assert fastfit.probe(path.read_bytes()).size == (1280, 720)
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_option_of_fit_is_named() -> None:
    named = re.search(r"`Fit\((.*?)\)`", README, re.DOTALL)
    assert named is not None
    options = [option.name for option in dataclasses.fields(fastfit.Fit) if option.init]
    assert re.findall(r"\w+(?=[,=)]|$)", named.group(1).replace('="cover"', "")) == options
