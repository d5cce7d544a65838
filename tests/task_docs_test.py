"""The task files in docs/tasks.md: whole ones are played, parts are read on top of reach."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parent.parent / "docs/tasks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_whole_files_are_tasks(simscale, tmp_path):
    whole = {re.match(r"# (\w+\.yaml)", block)[1]: block for block in BLOCKS if block.startswith("# ")}
    assert whole.keys() == {"my_reach.yaml", "balance.yaml"}
    for name, block in whole.items():
        (tmp_path / name).write_text(block)
        told = simscale("doctor", "--task", name, "--episodes", 5).stdout
        assert "the task works" in told and "PROBLEM" not in told
    table = simscale("list-envs", "balance.yaml").stdout
    assert re.search(r"pole +joint_positions +\[1\].*noise 0\.01", table)


def test_parts_go_on_top_of_a_task(simscale, tmp_path):
    parts = [block for block in BLOCKS if not block.startswith("# ")]
    assert len(parts) == 4
    for block in parts:
        (tmp_path / "mine.yaml").write_text("defaults: [reach]\nname: mine\n" + block)
        table = simscale("list-envs", "mine.yaml").stdout
        for name in re.findall(r"^  (\w+): *(?:$|\{term)", block, re.MULTILINE):
            assert f"\n  {name} " in table


def test_the_preset_changes_what_it_says(simscale):
    assert "randomization (none)" in simscale("list-envs", "reach").stdout
    assert re.search(r"mass +body_mass", simscale("list-envs", "reach", "--randomize", "full").stdout)
