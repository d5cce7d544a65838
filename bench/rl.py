#!/usr/bin/env python3
"""Reinforcement learning on reach beside Stable-Baselines3's PPO: steps a second, and wall time to success.

Steps a second (simulation and learning, without evaluations): the same net, hyperparameters and number of
environments on both sides, in turns. SB3 drives DummyVecEnv copies of our Gymnasium environment, or our
native vector environment.

Time to success: wall time of simulation and learning until an evaluation on held-out seeds succeeds in 99 of
100 episodes. SB3 gets our preset, displacement inputs included, or its own defaults.

The physical limit: the share of our wall time that bare physics on all cores (`bench env`'s raw loop) and
the update's bare matrix products would take.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
import ours
import sb3_side
import torch
from stable_baselines3 import PPO

TASK = "reach"
# Of the preset (assets/presets/rl/reach.yaml and ppo.yaml).
PRESET = {
    "num_envs": 32,
    "n_steps": 32,
    "minibatch_size": 256,
    "epochs": 8,
    "gamma": 0.9,
    "lr": 1e-3,
    "std_init": 0.5,
    "displacement_scale": 0.05,
}


def run_ours(settings: dict[str, Any], total: int, seed: int = 0, **more: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        overrides = {
            "total_steps": total,
            "num_envs": settings["num_envs"],
            "ppo.n_steps": settings["n_steps"],
            "ppo.minibatch_size": settings["minibatch_size"],
            "ppo.epochs": settings["epochs"],
            "ppo.gamma": settings["gamma"],
            "ppo.lr": settings["lr"],
            "policy.ppo.std_init": settings["std_init"],
            "policy.ppo.displacement_scale": settings["displacement_scale"],
            "run.save_every": 0,
            **more,
        }
        arguments = [f"{key}={value}" for key, value in overrides.items()]
        return measure.simscale_json(
            "rl", "--env-name", TASK, "--save-path", f"{folder}/run", "--seed", seed, *arguments
        )


def steps_per_second(num_envs: int, native: bool, options: argparse.Namespace) -> dict[str, Any]:
    settings = {**PRESET, "num_envs": num_envs, "displacement_scale": 0}
    settings["n_steps"] = PRESET["num_envs"] * PRESET["n_steps"] // num_envs

    def theirs() -> float:
        make = sb3_side.native_envs if native else sb3_side.dummy_envs
        model = sb3_side.ppo(make(TASK, num_envs, 0), settings, 0)
        begin = time.perf_counter()
        model.learn(options.steps)
        seconds = time.perf_counter() - begin
        model.get_env().close()
        return model.num_timesteps / seconds

    sides: dict[str, Callable[[], float]] = {
        "ours": lambda: run_ours(settings, options.steps, **{"run.eval_every": 0})["env_steps_per_second"],
        "sb3": theirs,
    }
    figures = measure.in_turns(sides, options.repeats)
    return {
        "num_envs": num_envs,
        "native": native,
        "steps_per_second": {key: measure.spread(values) for key, values in figures.items()},
        "ratio": measure.ratio(figures["ours"], figures["sb3"]),
    }


def time_to_success(settings: dict[str, Any] | None, seed: int, options: argparse.Namespace) -> float:
    """Seconds of SB3's simulation and learning, or infinity past the limit."""
    total = options.total if settings else options.sb3_total
    envs = sb3_side.native_envs(TASK, settings["num_envs"] if settings else 8, seed)
    model = sb3_side.ppo(envs, settings, seed) if settings else PPO("MultiInputPolicy", envs, seed=seed)
    spent, done, every = 0.0, 0, options.eval_every
    while done < total and spent < options.limit:
        begin = time.perf_counter()
        if settings:
            # One schedule over all pieces: SB3's own counts from the piece's start.
            left = done
            model.lr_schedule = lambda _, left=left: sb3_side.linear(settings["lr"], 1 - left / total)
        model.learn(every, reset_num_timesteps=done == 0)
        spent += time.perf_counter() - begin
        done = model.num_timesteps
        if sb3_side.evaluate(model, TASK, 100)["success"].mean() >= 0.99:
            return spent
    return float("inf")


def ours_to_success(seed: int, options: argparse.Namespace) -> float:
    result = run_ours(PRESET, options.total, seed, **{"run.eval_every": options.eval_every})
    for point in result["evaluations"]:
        if point["success_rate"] >= 0.99:
            return point["seconds"]
    return float("inf")


def physical_limit(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a run with the preset, and of its physics and matrix products alone."""
    result = run_ours(PRESET, options.steps, **{"run.eval_every": 0})
    seconds = sum(result["time_seconds"].values()) - result["time_seconds"].get("save", 0)
    raw = measure.simscale_json("bench", "env", "--env-name", TASK, f"num_envs={PRESET['num_envs']}")
    physics = result["step"] / raw["raw_steps_per_second"]
    updates = result["step"] / (PRESET["num_envs"] * PRESET["n_steps"])
    minibatches = PRESET["num_envs"] * PRESET["n_steps"] // PRESET["minibatch_size"]
    products = updates * PRESET["epochs"] * minibatches * bare_products(PRESET["minibatch_size"])
    return {
        "seconds": seconds,
        "physics_seconds": physics,
        "products_seconds": products,
        "share": (physics + products) / seconds,
    }


def bare_products(rows: int, features: int = 35, actions: int = 4) -> float:
    """Seconds of the matrix products of one gradient step, forward and backward, on all cores."""
    layers = [(features, 64), (64, 64), (64, actions)], [(features, 64), (64, 64), (64, 1)]
    shapes = [shape for net in layers for shape in net]
    data = [(torch.randn(rows, i), torch.randn(i, o), torch.randn(rows, o)) for i, o in shapes]
    best = float("inf")
    for _ in range(50):
        begin = time.perf_counter()
        for x, w, g in data:
            torch.mm(x, w)
            torch.mm(x.t(), g)
            torch.mm(g, w.t())
        best = min(best, time.perf_counter() - begin)
    return best


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=65536, help="of each measurement of speed")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--eval-every", type=int, default=4096)
    parser.add_argument("--total", type=int, default=200000, help="steps with the preset")
    parser.add_argument("--sb3-total", type=int, default=2000000, help="steps with SB3's defaults")
    parser.add_argument("--limit", type=float, default=240, help="seconds after which SB3 has failed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not ours.is_there():
        return 1
    on = measure.machine()
    report: dict[str, Any] = {"speed": [], "seconds_to_success": {}}
    for num_envs, native in ((8, False), (PRESET["num_envs"], True)):
        result = steps_per_second(num_envs, native, options)
        report["speed"].append(result)
        rates = {key: measure.shown(value) for key, value in result["steps_per_second"].items()}
        print(
            f"{num_envs} environments: ours {rates['ours']} steps/s, SB3 over"
            f" {'our vector environment' if native else 'DummyVecEnv'} {rates['sb3']}:"
            f" {measure.shown(result['ratio'], 2)} x (asked {2 if native else 3})",
            flush=True,
        )
    limit = report["physical_limit"] = physical_limit(options)
    print(
        f"physical limit: {limit['physics_seconds']:.2f} s of physics and {limit['products_seconds']:.2f} s"
        f" of matrix products in {limit['seconds']:.2f} s: {limit['share']:.2f} (asked 0.6)"
    )
    seconds: dict[str, list[float]] = {"ours": [], "sb3 with our preset": [], "sb3 with its defaults": []}
    for seed in range(options.seeds):
        seconds["ours"].append(ours_to_success(seed, options))
        seconds["sb3 with our preset"].append(time_to_success(PRESET, seed, options))
        seconds["sb3 with its defaults"].append(time_to_success(None, seed, options))
        print(f"seed {seed}: " + ", ".join(f"{name} {values[-1]:.1f} s" for name, values in seconds.items()))
    report["seconds_to_success"] = seconds
    measure.write_report(options.json, on, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
