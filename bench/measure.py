"""What the benchmarks share: running the command, medians with their spread, the machine, the report."""

from __future__ import annotations

import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIMSCALE = Path(os.environ.get("SIMSCALE_BIN", ROOT / "build/release/bin/simscale"))
MOST_BUSY = 0.3  # cores, before a run whose timings may be quoted


def simscale(*arguments: object, quiet: bool = True, environment: dict[str, str] | None = None) -> str:
    """Runs the built command and returns its standard output; where it fails, the benchmark ends.

    quiet: what it says on standard error is shown only then, else at once. environment: in place of ours."""
    if not os.access(SIMSCALE, os.X_OK):
        sys.exit(f"error: no command at {SIMSCALE}: run 'make build', or set SIMSCALE_BIN")
    command = [str(SIMSCALE), *map(str, arguments)]
    stderr = subprocess.PIPE if quiet else None
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment)
    if result.returncode != 0:
        sys.stderr.write(result.stderr or "")
        sys.exit(f"error: '{' '.join(command)}' ended with status {result.returncode}")
    return result.stdout


def simscale_json(*arguments: object, environment: dict[str, str] | None = None) -> dict[str, Any]:
    return json.loads(simscale(*arguments, "--json", "-", environment=environment))


def spread(values: list[float]) -> dict[str, Any]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "values": values}


def shown(figure: dict[str, Any], digits: int = 0) -> str:
    """ "11305 (11200 .. 11402)": the median, and the lowest and highest."""
    return f"{figure['median']:.{digits}f} ({figure['min']:.{digits}f} .. {figure['max']:.{digits}f})"


def in_turns(sides: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Calls every side once a repeat; who begins takes turns, since a machine that slows down harms those
    who come later."""
    names = list(sides)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for i in range(repeats):
        first = i % len(names)
        for name in names[first:] + names[:first]:
            figures[name].append(sides[name]())
    return figures


def ratio(a: list[float], b: list[float]) -> dict[str, Any]:
    """Of the repeats' ratios, not the ratio of medians: what slows a repeat down slows both."""
    return spread([x / y for x, y in zip(a, b, strict=True)])


def _git(*arguments: str) -> str:
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else ""


def busy_cores(seconds: float = 2) -> float:
    """How many cores others keep busy. The load average also counts what ran a minute ago, such as the
    benchmark before this one."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return os.getloadavg()[0]

    def jiffies() -> tuple[int, int]:
        fields = [int(x) for x in stat.read_text().split("\n", 1)[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]  # all, and idle or waiting for a disk

    all_before, idle_before = jiffies()
    time.sleep(seconds)
    all_after, idle_after = jiffies()
    idle = (idle_after - idle_before) / max(1, all_after - all_before)
    return round((1 - idle) * (os.cpu_count() or 1), 2)


def machine() -> dict[str, Any]:
    """CPU, cores, commit, and how busy the machine was before, which spoils timings."""
    cpu = "unknown CPU"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "busy_cores_before": busy_cores(),
        "commit": commit + (" with changes" if changed else ""),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    }


def write_report(path: Path | None, on: dict[str, Any], report: dict[str, Any]) -> None:
    """Prints the machine's line, warns where others kept it busy, and writes the JSON."""
    busy = on["busy_cores_before"]
    print(f"{on['cpu']}, {on['cores']} cores, {busy} of them busy before; {on['commit']}, {on['date']}")
    if busy > MOST_BUSY:
        print("warning: the machine was busy before; these timings are not for quoting", file=sys.stderr)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"schema": 1, "machine": on, **report}, indent=1) + "\n")
