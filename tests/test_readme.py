"""What the README shows works as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastfit

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL), ids=lambda code: code[:40])
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
    named = re.search(r"`fit\((.*?)\)`", README)
    assert named is not None
    for option in fastfit.Fit.__dataclass_fields__:
        assert option in named.group(1)
