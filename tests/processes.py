"""Looking at trainings that run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path


def children(parent: int) -> list[int]:
    """The processes that its first thread has started."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def workers(agent: int) -> list[int]:
    """The processes that this torchrun has started."""
    names = {pid: Path(f"/proc/{pid}/comm") for pid in children(agent)}
    return [pid for pid, name in names.items() if name.exists() and name.read_text().startswith("simscale")]


def newest(run: Path) -> str:
    """The name of the last checkpoint, "" before the first."""
    latest = run / "latest"
    return latest.readlink().name if latest.is_symlink() else ""


def kill_now_and_then(process: subprocess.Popen, run: Path, most: int) -> int:
    """Kills a random worker some time after a new checkpoint, `most` times; returns how often it did."""
    kills, moments = 0, random.Random(0)
    while kills < most and process.poll() is None:
        before = newest(run)
        while process.poll() is None and newest(run) == before:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.2))
        alive = workers(process.pid)
        if len(alive) == 2:
            os.kill(moments.choice(alive), signal.SIGKILL)
            kills += 1
    return kills
