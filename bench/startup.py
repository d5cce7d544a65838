#!/usr/bin/env python3
"""How long the command takes to start, beside Python's `import torch` and `import mujoco`, in turns."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import measure

COMMANDS = {
    "simscale --version": [str(measure.SIMSCALE), "--version"],
    "simscale train --help": [str(measure.SIMSCALE), "train", "--help"],
    "python -c 'import mujoco'": [sys.executable, "-c", "import mujoco"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
}
LIMIT = 0.3  # s, of simscale --version


def seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    on = measure.machine()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command in COMMANDS.values():
        seconds(command)  # brings the files into the page cache
    for _ in range(arguments.repeats):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    report = {name: measure.spread(values) for name, values in times.items()}
    print(f"start-up in seconds: median (lowest .. highest) of {arguments.repeats} starts")
    for name, figure in report.items():
        print(f"  {name:28}{measure.shown(figure, 3)}")
    measure.write_report(arguments.json, on, {"seconds": report})
    median = report["simscale --version"]["median"]
    if median > LIMIT:
        print(f"error: simscale --version takes {median:.3f} s, more than {LIMIT} s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
