"""The programs of examples/python: they run as their README says, and what they train learns."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples/python"


def run(name: str, *arguments: object, cwd: Path) -> str:
    command = [sys.executable, FOLDER / name, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rate(text: str, what: str) -> float:
    return float(re.search(rf"^{what}: ([\d.]+)$", text, re.MULTILINE)[1])


def test_the_readme_names_each_of_them():
    readme = (FOLDER / "README.md").read_text()
    names = sorted(file.name for file in FOLDER.glob("*.py"))
    assert names == ["bc_dataloader.py", "cleanrl_ppo.py", "sb3_ppo.py"]
    assert all(f"({name})" in readme for name in names)


# Seen: 0.99, 0.98 and 0.99 (SB3), 1.00, 1.00 and 0.86 (one file) of 100 held-out seeds, for three seeds each.
@pytest.mark.parametrize("name", ["sb3_ppo.py", "cleanrl_ppo.py"])
def test_ppo_learns_to_reach(name, tmp_path):
    told = run(name, cwd=tmp_path)
    assert rate(told, "success before") <= 0.1
    assert rate(told, "success after") >= 0.7


def test_behaviour_cloning_learns_to_reach(simscale, tmp_path):
    simscale("datagen", "--env-name", "reach", "--n-episodes", 200, "--output", "reach.h5")
    untrained = run("bc_dataloader.py", "reach.h5", "--epochs", 0, cwd=tmp_path)
    assert rate(untrained, "success") <= 0.1
    assert rate(run("bc_dataloader.py", "reach.h5", cwd=tmp_path), "success") >= 0.9
