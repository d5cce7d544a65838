"""docs/cli.md and docs/task-reference.md are what the declarations say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("command", "name"), [("docs-cli", "docs/cli.md"), ("docs-tasks", "docs/task-reference.md")]
)
def test_the_page_is_what_the_command_prints(simscale, command, name):
    page = (ROOT / name).read_text(encoding="utf-8")
    printed = simscale(command).stdout
    assert page == printed, f"{name} is out of date: simscale {command} > {name}"


def test_every_term_is_in_the_reference(simscale):
    page = (ROOT / "docs/task-reference.md").read_text(encoding="utf-8")
    sections = json.loads(simscale("list-envs", "--terms", "--json", "-").stdout)
    assert sections.keys() == {"observations", "rewards", "terminations", "resets", "randomization"}
    for terms in sections.values():
        assert all(f"\n| `{term}` | " in page for term in terms)


def test_every_command_of_the_help_is_in_the_page(simscale):
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    listed = simscale("--help").stdout.split("Subcommands:")[1].split("\n\n")[0]
    names = [line.split()[0] for line in listed.strip().splitlines() if not line.startswith("      ")]
    assert {"train", "eval", "datagen", "data", "doctor"} <= set(names)
    for name in names:
        assert f"## simscale {name}" in page
