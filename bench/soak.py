#!/usr/bin/env python3
"""Whether memory, threads and open files stay what they are: make/close cycles, then random play.

Cycles: a vector environment is made, reset, stepped a few times and closed, over and over. Soak: one of each
task lives on, randomised, with random actions and now and then a reset. After a warm-up (a fifth), resident
memory may grow by --bound MB at most, and threads and files not at all; else it ends with 1.
`--cycles 10000 --minutes 10` is what a release is held to; the default is a short look.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measure
import numpy as np
import ours

PAGE = os.sysconf("SC_PAGE_SIZE")
WARM_UP = 0.2
ENVS = ("SimScale/PickPlace-v0", "SimScale/Reach-v0", "SimScale/Ant-v5")


def resources() -> dict[str, float]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "rss_mb": int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6,
        "threads": int(status["Threads"]),
        "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
    }


def cycles(env_ids: list[str], count: int, threads: int) -> Iterator[float]:
    """Yields how much of it is done."""
    rng = np.random.default_rng(0)
    for i in range(count):
        env = ours.make_vec(env_ids[i % len(env_ids)], 2, threads)
        env.reset(seed=i)
        for _ in range(3):
            env.step(play(env, rng))
        env.close()
        del env
        if (i + 1) % 10 == 0:
            yield (i + 1) / count


def soak(env_id: str, minutes: float, threads: int) -> Iterator[float]:
    rng = np.random.default_rng(1)
    env = ours.make_vec(env_id, 16, threads, randomize="full")
    env.reset(seed=0)
    begin, looked, steps = time.monotonic(), 0.0, 0
    while (seconds := time.monotonic() - begin) < 60 * minutes:
        env.step(play(env, rng))
        steps += 1
        if rng.random() < 0.005:
            env.reset(seed=int(rng.integers(1 << 30)))
        if seconds - looked > 0.5:
            looked = seconds
            yield seconds / (60 * minutes)
    env.close()
    print(f"  {steps * 16} control steps")


def play(env: Any, rng: np.random.Generator) -> np.ndarray:
    space = env.action_space
    return rng.uniform(space.low, space.high).astype(space.dtype)


def watch(name: str, run: Iterator[float], bound_mb: float) -> dict[str, Any]:
    samples, shown = [], -1.0
    for share in run:
        gc.collect()
        now = resources()
        if share >= WARM_UP:
            samples.append(now)
        if share - shown >= 0.1:
            shown = share
            print(f"  {name} {share:4.0%}: " + ", ".join(f"{k} {v:.6g}" for k, v in now.items()), flush=True)
    if not samples:
        sys.exit(f"error: {name} was too short to be looked at: raise --cycles or --minutes")
    few = max(1, len(samples) // 10)
    # Medians of the first and last tenth: single samples jump by what malloc keeps for itself.
    growth = {
        key: statistics.median(s[key] for s in samples[-few:])
        - statistics.median(s[key] for s in samples[:few])
        for key in samples[0]
    }
    ok = growth["rss_mb"] <= bound_mb and growth["threads"] <= 0 and growth["files"] <= 0
    print(f"{name}: growth after warm-up " + ", ".join(f"{k} {v:+.3g}" for k, v in growth.items()))
    if not ok:
        print(f"error: {name} grows; at most {bound_mb} MB and no thread or file is allowed", file=sys.stderr)
    return {"growth": growth, "samples": len(samples), "last": samples[-1], "ok": ok}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--envs", default=",".join(ENVS), help="ids that the cycles take in turns, with commas"
    )
    parser.add_argument("--cycles", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bound", type=float, default=4.0, help="MB of growth allowed after the warm-up")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not ours.is_there():
        return 1
    env_ids = options.envs.split(",")
    on, report = measure.machine(), {}
    if options.cycles:
        run = cycles(env_ids, options.cycles, options.threads)
        report["cycles"] = {"count": options.cycles, **watch("cycles", run, options.bound)}
    if options.minutes:
        for env_id in env_ids:
            run = soak(env_id, options.minutes / len(env_ids), options.threads)
            report[env_id] = {"minutes": options.minutes / len(env_ids), **watch(env_id, run, options.bound)}
    measure.write_report(options.json, on, report)
    return 0 if all(part["ok"] for part in report.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
