#!/usr/bin/env python3
"""The success rates that the docs quote, from nothing: about one minute on two quiet cores.

For each task: the scripted expert over 1,000 episodes; 500 demonstrations; behaviour cloning with nothing
but the defaults; its evaluation over 500 episodes that training never saw. Demonstrations and training that
the folder already holds are gone on with.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import measure

TASKS = ["reach", "pick_place"]
# Least success rates, in percent.
REQUIRED = {
    ("reach", "scripted"): 100,
    ("pick_place", "scripted"): 99,
    ("reach", "bc"): 99,
    ("pick_place", "bc"): 95,
}


def timed(seconds: dict[str, float], name: str, *command: object) -> None:
    print("   ", "simscale", *command, file=sys.stderr, flush=True)
    begin = time.perf_counter()
    measure.simscale(*command, quiet=False)
    seconds[name] = round(time.perf_counter() - begin, 1)


def summary(path: Path) -> dict:
    report = json.loads(path.read_text())
    return {key: report[key] for key in ("env", "n_episodes", "successes", "success_rate", "success_ci95")}


def one_task(env: str, folder: Path, demonstrations: int, episodes: int, expert_episodes: int) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    data, run = folder / "demonstrations.h5", folder / "bc"
    expert, learned = folder / "scripted.json", folder / "bc.json"
    seconds: dict[str, float] = {}
    name = ["--env-name", env]
    timed(
        seconds,
        "scripted",
        "eval",
        "--policy",
        "scripted",
        *name,
        "--n-episodes",
        expert_episodes,
        "--json",
        expert,
    )
    timed(seconds, "datagen", "datagen", *name, "--n-episodes", demonstrations, "--output", data, "--resume")
    train = ["train", "--model", "bc", *name, "--dataset", data, "--checkpoint-dir", run, "--resume"]
    timed(seconds, "train", *train)
    timed(seconds, "eval", "eval", run, *name, "--n-episodes", episodes, "--json", learned)
    return {
        "scripted": summary(expert),
        "bc": {**summary(learned), "demonstrations": demonstrations},
        "seconds": seconds,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/bench/success"))
    parser.add_argument("--envs", default=",".join(TASKS))
    parser.add_argument("--demonstrations", type=int, default=500)
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--expert-episodes", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    on = measure.machine()
    tasks = {
        env: one_task(
            env,
            arguments.folder / env,
            arguments.demonstrations,
            arguments.episodes,
            arguments.expert_episodes,
        )
        for env in arguments.envs.split(",")
    }
    short = []
    print(f"{'task':12}{'policy':10}{'success':>14}{'95 % interval':>18}")
    for env, result in tasks.items():
        for policy in ("scripted", "bc"):
            figures = result[policy]
            low, high = (100 * bound for bound in figures["success_ci95"])
            successes = f"{figures['successes']}/{figures['n_episodes']}"
            print(f"{env:12}{policy:10}{successes:>14}{f'{low:.1f} - {high:.1f} %':>18}")
            required = REQUIRED.get((env, policy), 0)
            if 100 * figures["success_rate"] < required:
                short.append(f"{env} by {policy}: less than {required} %")
        print(f"{'':12}{', '.join(f'{name} {value:.0f} s' for name, value in result['seconds'].items())}")
    measure.write_report(arguments.json, on, {"tasks": tasks})
    for line in short:
        print(f"error: {line}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    raise SystemExit(main())
