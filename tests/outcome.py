"""What the tests look at after a command that failed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

LOG_OR_PROGRESS = re.compile(r"\[\d\d:\d\d:\d\d\] (info|warning): |(datagen|train|eval|evaluation) \d")


def error_of(result: subprocess.CompletedProcess[str]) -> str:
    """The error: the only one and the last line. Before it stand at most logs and progress."""
    lines = result.stderr.splitlines()
    assert lines, "nothing was said"
    assert lines[-1].startswith("error: ")
    for line in lines[:-1]:
        assert LOG_OR_PROGRESS.match(line), line
    assert result.stdout == ""
    return lines[-1].removeprefix("error: ")


def snapshot(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and "tensorboard" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
