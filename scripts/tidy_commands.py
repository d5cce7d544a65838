#!/usr/bin/env python3
"""Rewrites compile_commands.json so that clang can read what g++ was told.

Clang can't read g++'s precompiled header, so its flags go and the header that it stands for
(<torch/torch.h>) is included plainly; compiler launchers and warning flags that only g++ knows go too.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

GCC_ONLY = {"-fpch-preprocess", "-Winvalid-pch"}


def for_clang(command: str) -> list[str]:
    words = shlex.split(command)
    # Everything before the compiler is a launcher: cmake -E env NAME=VALUE ccache.
    compilers = ("c++", "g++", "clang++")
    compiler = next(i for i, word in enumerate(words) if Path(word).name.startswith(compilers))
    result = ["clang++"]
    rest = iter(words[compiler + 1 :])
    for word in rest:
        if word in GCC_ONLY:
            continue
        if word == "-include":
            header = next(rest)
            result += ["-include", "torch/torch.h" if "cmake_pch" in header else header]
            continue
        result.append(word)
    return [*result, "-Wno-unknown-warning-option"]


def main() -> int:
    source, target = map(Path, sys.argv[1:])
    entries = [
        {"directory": entry["directory"], "file": entry["file"], "arguments": for_clang(entry["command"])}
        for entry in json.loads(source.read_text())
        if "cmake_pch" not in entry["file"]
    ]
    target.write_text(json.dumps(entries, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
