#!/usr/bin/env python3
"""Sample efficiency on Gymnasium's MuJoCo suite: our PPO and Stable-Baselines3's, each with the presets' net,
hyperparameters and number of environments, after the same number of steps in the same environments.

The return is the mean of 100 held-out episodes of the mean action, with the last weights on both sides. Times
are of the whole training; they are to be quoted only where nothing else ran.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import measure
import ours
import sb3_side

# Of assets/presets/rl/gymnasium.yaml.
PRESET = {
    "num_envs": 8,
    "n_steps": 256,
    "minibatch_size": 64,
    "epochs": 10,
    "gamma": 0.99,
    "lr": 3e-4,
    "std_init": 1.0,
    "displacement_scale": 0,
}
EPISODES = 100


def train_ours(task: str, steps: int, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        begin = time.perf_counter()
        measure.simscale(
            *("rl", "--env-name", task, "--save-path", run, "--seed", seed),
            *(f"total_steps={steps}", "run.eval_every=0", "run.save_every=0"),
        )
        seconds = time.perf_counter() - begin
        held_out = ("--n-episodes", EPISODES, "--seed", sb3_side.HELD_OUT_SEED)
        report = measure.simscale_json("eval", f"{run}/latest", *held_out)
    return {"return": report["mean_return"], "seconds": seconds}


def train_sb3(task: str, steps: int, seed: int) -> dict[str, float]:
    model = sb3_side.ppo(sb3_side.native_envs(task, PRESET["num_envs"], seed), PRESET, seed)
    begin = time.perf_counter()
    model.learn(steps)
    seconds = time.perf_counter() - begin
    returns = sb3_side.evaluate(model, task, EPISODES)["return"]
    model.get_env().close()
    return {"return": float(returns.mean()), "seconds": seconds}


def one_task(task: str, options: argparse.Namespace) -> dict[str, Any]:
    sides = {"ours": train_ours, "sb3": train_sb3}
    results: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for seed in range(options.seeds):
        for name, train in sides.items():
            results[name].append(train(task, options.steps, seed))
        last = {name: values[-1] for name, values in results.items()}
        told = ", ".join(f"{name} {v['return']:.0f} in {v['seconds']:.0f} s" for name, v in last.items())
        print(f"{task}, seed {seed}: {told}", flush=True)
    for name, values in results.items():
        returns = [v["return"] for v in values]
        deviation = statistics.stdev(returns) if len(returns) > 1 else 0.0
        print(f"{task}, {name}: {statistics.mean(returns):.0f} +- {deviation:.0f}", flush=True)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", default=["half_cheetah_v5", "hopper_v5"])
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not ours.is_there():
        return 1
    on = measure.machine()
    results = {task: one_task(task, options) for task in options.tasks}
    measure.write_report(options.json, on, {"steps": options.steps, "episodes": EPISODES, "tasks": results})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
