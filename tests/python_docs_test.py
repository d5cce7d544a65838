"""docs/python.md: every block runs, in order, in one interpreter."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_every_block_of_python_md_runs(work):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.DOTALL)
    assert len(blocks) == 11
    (work / "blocks.py").write_text("\n".join(blocks))
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:simscaleai", "blocks.py"],
        cwd=work,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "'SimScale/Ant-v5'" in done.stdout
    assert "torch.Size([64, 8, 4])" in done.stdout
    assert "'actions': (8, 4)" in done.stdout and "'observations/ee_pos': (2, 3)" in done.stdout
    assert "(64,) True" in done.stdout
