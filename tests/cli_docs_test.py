"""docs/cli.md is what the declarations say."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_what_the_command_prints(simscale):
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    printed = simscale("docs-cli").stdout
    assert page == printed, "docs/cli.md is out of date: simscale docs-cli > docs/cli.md"


def test_every_command_of_the_help_is_in_the_page(simscale):
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    listed = simscale("--help").stdout.split("Subcommands:")[1].split("\n\n")[0]
    names = [line.split()[0] for line in listed.strip().splitlines() if not line.startswith("      ")]
    assert {"train", "eval", "datagen", "data", "doctor"} <= set(names)
    for name in names:
        assert f"## simscale {name}" in page
