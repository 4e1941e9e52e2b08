"""What the README shows of other libraries works as it stands."""

import os
import re
import subprocess
import sys

import pytest
from frameworks.pipelines import ROOT

pytestmark = pytest.mark.frameworks

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^<!-- frameworks -->\n```python\n(.*?)```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    "code", EXAMPLES, ids=lambda code: " ".join(re.findall(r"^(?:import|from) (\w+)", code, re.M))
)
def test_an_example_runs_from_a_file(code, tmp_path):
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "example.py"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
