#!/usr/bin/env python3
"""Checks the rules of this repository that no formatter knows.

- a source has at most 600 lines; a header starts with #pragma once, but for *-inl.h, which is
  included again for each instruction set
- no path of one person's machine is in the tree
- layers include only what lies below them (docs/architecture.md)
- every relative link and anchor in the Markdown files leads somewhere
- shell scripts parse

Prints FILE:LINE: what is wrong, and exits 1 if anything is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

MAX_LINES = 600
SOURCES = {".h", ".cc", ".cu", ".py", ".sh", ".cmake"}
# Folders that are somebody's own wherever they appear at the root of a file system.
MACHINE_PATH = re.compile(r"(?<![\w.$})/~-])/(?:home|root|Users|work|workspace)/\w")
INCLUDE = re.compile(r'^\s*#\s*include\s+"simscale/(\w+)/')
LINK = re.compile(r"(?<!`)\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")

# From the lowest layer up: what each may include, besides itself and what those may include.
LAYERS = {
    "common": (),
    "config": ("common",),
    "sim": ("config",),
    "render": ("sim",),
    "env": ("sim", "render"),
    "plugin": ("env",),
    "tasks": ("env", "plugin"),
    "data": ("config",),
    "policy": ("data", "env"),
    "datagen": ("env", "tasks", "data", "policy"),
    "eval": ("env", "tasks", "data", "policy", "render"),
    "dist": ("config",),
    "train": ("data", "policy", "eval", "dist"),
    "rl": ("env", "policy", "train"),
}


def below(layer: str) -> set[str]:
    """All layers that `layer` may include."""
    allowed = {layer}
    for direct in LAYERS[layer]:
        allowed |= below(direct)
    return allowed


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
    return [path for name in names.split("\0") if name and (path := Path(name)).is_file()]


def check_source(path: Path, lines: list[str]) -> Iterator[str]:
    if len(lines) > MAX_LINES:
        yield f"{path}:{len(lines)}: a file has at most {MAX_LINES} lines, this one {len(lines)}; split it"
    again = path.name.endswith("-inl.h")
    if path.suffix == ".h" and not again and "#pragma once" not in lines:
        yield f"{path}:1: a header starts with #pragma once"
    if path.parts[0] == "simscale" and len(path.parts) > 2 and path.parts[1] in LAYERS:
        allowed = below(path.parts[1])
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            # A test may look up as far as it likes: it is linked into nothing else.
            if match and match[1] not in allowed and not path.stem.endswith("_test"):
                yield f"{path}:{number}: layer '{path.parts[1]}' may not include '{match[1]}'"


def check_text(path: Path, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        match = MACHINE_PATH.search(line)
        if match:
            yield f"{path}:{number}: a path of one machine: '{line[match.start() :][:40].strip()}'"


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file, named the way that GitHub names them."""
    found: dict[str, int] = {}
    fenced = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        match = None if fenced else HEADING.match(line)
        if match:
            name = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", match[1]).lower()).replace(" ", "-")
            found[name] = found.get(name, -1) + 1
            if found[name]:
                found[f"{name}-{found[name]}"] = 0
    return set(found)


def check_links(path: Path, lines: list[str]) -> Iterator[str]:
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for link in LINK.findall(line):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            target = path.parent / name if name else path
            if not target.exists():
                yield f"{path}:{number}: the link leads nowhere: {link}"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{path}:{number}: {target} has no heading '{anchor}'"


def check_shell(path: Path) -> Iterator[str]:
    result = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
    if result.returncode:
        yield result.stderr.strip()


def main() -> int:
    problems: list[str] = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or a mesh
        problems += check_text(path, lines)
        if path.suffix in SOURCES:
            problems += check_source(path, lines)
        if path.suffix == ".md":
            problems += check_links(path, lines)
        if path.suffix == ".sh":
            problems += check_shell(path)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
