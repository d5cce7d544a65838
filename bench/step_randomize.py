#!/usr/bin/env python3
"""What domain randomisation costs in steady state: our vector environment with and without it, in turns.

randomize="none" is the measure. The others draw new values at every reset and wherever a term says so, change
the row's own model, and add noise and delay to what is observed and done. Random values also make the
physics itself dearer or cheaper (more contacts, other frictions); that is part of the figure. Actions are the
same for all. Asked for: "full" at no less than 0.90 of "none".
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import measure
import numpy as np
import ours
from reference.stepper import Stepper

ENVS = ("SimScale/PickPlace-v0", "SimScale/Ant-v5")
PRESETS = ("none", "light", "full")


def measure_case(env_id: str, options: argparse.Namespace) -> dict[str, Any]:
    n, threads = options.num_envs, options.threads
    envs = {name: ours.make_vec(env_id, n, threads, randomize=name) for name in PRESETS}
    space = envs["none"].single_action_space
    actions = np.random.default_rng(0).uniform(space.low, space.high, (options.steps, n, *space.shape))
    sides = {name: Stepper(env, actions, {"seed": 0}).run for name, env in envs.items()}
    for run in sides.values():
        run()  # warms up
    figures = measure.in_turns(sides, options.repeats)
    for env in envs.values():
        env.close()
    return {
        "env": env_id,
        "num_envs": n,
        "threads": threads,
        "steps": options.steps,
        "steps_per_second": {name: measure.spread(values) for name, values in figures.items()},
        "ratios": {name: measure.ratio(figures[name], figures["none"]) for name in PRESETS if name != "none"},
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--envs", default=",".join(ENVS), help="ids, with commas")
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2000, help="of each environment: ten episodes")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not ours.is_there():
        return 1
    on = measure.machine()
    print(f"control steps/s, median (lowest .. highest) of {options.repeats} repeats")
    cases = []
    for env_id in options.envs.split(","):
        case = measure_case(env_id, options)
        cases.append(case)
        print(f"{env_id}: {case['num_envs']} environments, {case['threads']} threads")
        for name, figure in case["steps_per_second"].items():
            ratio = f"   {measure.shown(case['ratios'][name], 3)} of none" if name in case["ratios"] else ""
            print(f"  {name:8}{measure.shown(figure)}{ratio}", flush=True)
    measure.write_report(options.json, on, {"cases": cases})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
