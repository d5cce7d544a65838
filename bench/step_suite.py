#!/usr/bin/env python3
"""Control steps a second on Gymnasium's MuJoCo suite: ours, EnvPool and mujoco.rollout, in turns.

All from Python, as many environments and threads each, 5 physics steps a control step, actions drawn evenly
from the action space and the same for all, resets included; a call that only resets a row (both vector
environments reset in the step after an episode's last) is no control step.

ours      gymnasium.make_vec("SimScale/<id>"): float64 observations, rewards and their parts in info, copied
EnvPool   the same id, batch_size = num_envs: float64 observations, parts in info; its own MuJoCo and its
          own random resets, so that its episodes are others, of the same distribution
rollout   mujoco.rollout, twice: on the episodes of ours, whose observations it has to end in bit for bit,
          and on EnvPool's, which MuJoCo's versions let part ways after some steps (the first control step
          is compared). No rewards, no observations; it writes the state after each physics step.
untimed_  rollout with MuJoCo's timers off, which nobody has from Python (reference/timers.py): the strictest
          measure. Ours and EnvPool run without them, as they do where nobody imports the package mujoco.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import envpool
import gymnasium
import measure
import mujoco
import numpy as np
import ours
from reference import timers
from reference.episodes import Layout, Rollout, record
from reference.stepper import Stepper

FRAME_SKIP = 5
ASSETS = Path(gymnasium.__file__).parent / "envs/mujoco/assets"


@dataclass
class Case:
    mjcf: str
    hidden: int  # how many numbers of qpos the observation leaves out
    steps: int  # of each environment in a repeat: a few seconds, and some resets


CASES = {
    "Ant-v5": Case("ant.xml", 2, 600),
    "HalfCheetah-v5": Case("half_cheetah.xml", 1, 1250),  # ends by its time limit alone: 1,000
    "Humanoid-v5": Case("humanoid.xml", 2, 600),
}


def bundled_mujoco() -> str:
    """The version of the MuJoCo that is linked into EnvPool."""
    library = Path(envpool.__file__).parent / "mujoco/mujoco_gym_envpool.so"
    versions = set(re.findall(rb"\0(3\.\d+\.\d+)\0", library.read_bytes()))
    return versions.pop().decode() if len(versions) == 1 else "unknown"


def measure_case(env_id: str, options: argparse.Namespace) -> dict[str, Any]:
    case = CASES[env_id]
    n, threads, steps = options.num_envs, options.threads, options.steps or case.steps
    model = mujoco.MjModel.from_xml_path(str(ASSETS / case.mjcf))
    layout = Layout(model, case.hidden)
    low, high = model.actuator_ctrlrange.T
    # Numbers of float32, so that every side is given the same ones.
    actions = np.random.default_rng(0).uniform(low, high, (steps, n, model.nu)).astype(np.float32)

    sides, report = {}, {"env": env_id, "num_envs": n, "threads": threads, "steps": steps}
    theirs = envpool.make(
        env_id,
        env_type="gymnasium",
        num_envs=n,
        batch_size=n,
        num_threads=threads,
        seed=0,
        thread_affinity_offset=options.affinity,
    )
    envs: dict[str, tuple[Any, dict]] = {"envpool": (theirs, {})}
    if options.ours:
        envs["ours"] = (ours.make_vec(f"SimScale/{env_id}", n, threads), {"seed": 0})
    for name, (env, reset) in envs.items():
        stepper = Stepper(env, actions, reset)
        recording = record(env, stepper.actions, layout, reset)  # warms up, too
        raw = Rollout(model, FRAME_SKIP, recording, actions, threads)
        first, last = raw.differences(layout)
        raw.run()
        report[name] = {
            "episodes": len(recording.episodes),
            "resets": recording.resets,
            "rollout_differs_first_step": first,
            "rollout_differs_last_step": last,
        }
        sides[name], sides[f"rollout_of_{name}"] = timers.without(stepper.run), raw.run
        if name == "ours":
            sides["untimed_rollout_of_ours"] = timers.without(raw.run)
    figures = measure.in_turns(sides, options.repeats)
    for env, _ in envs.values():
        env.close()
    report["steps_per_second"] = {name: measure.spread(values) for name, values in figures.items()}
    pairs = [(name, f"rollout_of_{name}") for name in envs]
    if options.ours:
        pairs += [("ours", "untimed_rollout_of_ours"), ("ours", "envpool")]
    report["ratios"] = {f"{a}/{b}": measure.ratio(figures[a], figures[b]) for a, b in pairs}
    report["same_states"] = not options.ours or report["ours"]["rollout_differs_last_step"] == 0
    return report


def show(report: dict[str, Any]) -> None:
    print(f"{report['env']}: {report['num_envs']} environments, {report['threads']} threads")
    for name, figure in report["steps_per_second"].items():
        print(f"  {name:26}{measure.shown(figure)}")
    for name, figure in report["ratios"].items():
        print(f"  {name:34}{measure.shown(figure, 3)}")
    theirs = report["envpool"]["rollout_differs_first_step"]
    print(f"  EnvPool's episodes: the first control steps differ by {theirs:.1e} at most")
    if "ours" in report:
        verdict = "end as in rollout, bit for bit" if report["same_states"] else "DIFFER FROM ROLLOUT"
        print(f"  our {report['ours']['episodes']} episodes {verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--envs", default=",".join(CASES), help="ids, with commas")
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=0, help="of each environment; 0: by the task")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--affinity", type=int, default=-1, help="EnvPool's thread_affinity_offset")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.ours = ours.is_there()

    on = measure.machine()
    versions = {"mujoco": mujoco.__version__, "envpool": envpool.__version__}
    versions["mujoco_of_envpool"] = bundled_mujoco()
    print(
        f"control steps/s, median (lowest .. highest) of {options.repeats} repeats; MuJoCo "
        f"{versions['mujoco']}, EnvPool {versions['envpool']} with MuJoCo {versions['mujoco_of_envpool']}"
    )
    cases = []
    for env_id in options.envs.split(","):
        cases.append(measure_case(env_id, options))
        show(cases[-1])
    measure.write_report(options.json, on, {"versions": versions, "cases": cases})
    return 0 if all(case["same_states"] for case in cases) else 1


if __name__ == "__main__":
    raise SystemExit(main())
