#!/usr/bin/env python3
"""Control steps a second: BatchedEnv, a bare mj_step loop, and Python's mujoco.rollout, in turns.

`simscale bench env` steps the task with random actions, observations, rewards and resets included, and a
bare loop on the controls and start states that this gave. It leaves those in a folder, and mujoco.rollout
plays the very same episodes with as many threads: the states at the end have to be equal, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import measure
import mujoco
import numpy as np
from mujoco import rollout

PHYSICS = mujoco.mjtState.mjSTATE_INTEGRATION
FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS


@dataclass
class Episodes:
    """Episodes of one length, as one call of rollout takes them."""

    rows: list[int]  # the environment of each
    is_last: np.ndarray  # [B] whether its environment ends with it
    initial_state: np.ndarray  # [B, full physics]
    initial_warmstart: np.ndarray  # [B, nv]
    control: np.ndarray  # [B, physics steps, nu]
    state: np.ndarray  # [B, physics steps, full physics]: written by rollout
    sensordata: np.ndarray


class Rollout:
    def __init__(self, folder: Path, threads: int) -> None:
        about = json.loads((folder / "trajectories.json").read_text())
        self.control_steps = about["num_envs"] * about["steps"]
        self.model = mujoco.MjModel.from_binary_path(str(folder / "model.mjb"))
        self.data = [mujoco.MjData(self.model) for _ in range(threads)]
        self.pool = rollout.Rollout(nthread=threads if threads > 1 else 0)
        self.end_states = np.load(folder / "end_states.npy")
        self.calls = self._group(folder, about)

    def _group(self, folder: Path, about: dict) -> list[Episodes]:
        controls = np.load(folder / "controls.npy")
        starts = np.load(folder / "start_states.npy")
        by_length = defaultdict(list)
        episodes = about["episodes"]
        for i, episode in enumerate(episodes):
            row, begin = episode["env"], episode["step"]
            last = i + 1 == len(episodes) or episodes[i + 1]["env"] != row
            end = about["steps"] if last else episodes[i + 1]["step"]
            control = np.repeat(controls[row, begin:end], about["frame_skip"], axis=0)
            by_length[end - begin].append((row, last, *self._start(starts[i]), control))
        calls = []
        for members in by_length.values():
            rows, last, states, warmstarts, control = zip(*members, strict=True)
            steps = len(control[0])
            calls.append(
                Episodes(
                    list(rows),
                    np.array(last),
                    np.stack(states),
                    np.stack(warmstarts),
                    np.stack(control),
                    np.empty((len(rows), steps, mujoco.mj_stateSize(self.model, FULL))),
                    np.empty((len(rows), steps, self.model.nsensordata)),
                )
            )
        return calls

    def _start(self, integration_state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        data = self.data[0]
        mujoco.mj_setState(self.model, data, integration_state, PHYSICS)
        state = np.empty(mujoco.mj_stateSize(self.model, FULL))
        mujoco.mj_getState(self.model, data, state, FULL)
        return state, data.qacc_warmstart.copy()

    def run(self) -> float:
        """Plays all episodes; control steps a second."""
        begin = time.perf_counter()
        for call in self.calls:
            self.pool.rollout(
                self.model,
                self.data,
                call.initial_state,
                call.control,
                initial_warmstart=call.initial_warmstart,
                state=call.state,
                sensordata=call.sensordata,
            )
        return self.control_steps / (time.perf_counter() - begin)

    def same_states(self) -> bool:
        """Whether time, qpos and qvel of every environment end as in BatchedEnv."""
        size = 1 + self.model.nq + self.model.nv
        return all(
            np.array_equal(call.state[i, -1, :size], self.end_states[row, :size])
            for call in self.calls
            for i, row in enumerate(call.rows)
            if call.is_last[i]
        )


def measure_case(env_name: str, num_envs: int, threads: int, steps: int, repeats: int) -> dict:
    ours, raw, theirs = [], [], []
    same = True
    with tempfile.TemporaryDirectory() as folder:
        bench = ["bench", "env", "--env-name", env_name, "--num-envs", num_envs, "--threads", threads]
        bench += ["--steps", steps, "--repeats", 1, "--seed", 0]
        measure.simscale_json(*bench, "--save-trajectories", folder)
        replay = Rollout(Path(folder), threads)
        replay.run()  # warms up
        for i in range(repeats):
            # Who begins takes turns.
            if i % 2:
                theirs.append(replay.run())
            report = measure.simscale_json(*bench)
            ours.append(report["env_steps_per_second"])
            raw.append(report["raw_steps_per_second"])
            if not i % 2:
                theirs.append(replay.run())
            same = same and report["same_states"] and replay.same_states()
    return {
        "env": env_name,
        "num_envs": num_envs,
        "threads": threads,
        "steps": steps,
        "same_states": same,
        "env_steps_per_second": measure.spread(ours),
        "raw_steps_per_second": measure.spread(raw),
        "rollout_steps_per_second": measure.spread(theirs),
        "env_to_raw": measure.spread([a / b for a, b in zip(ours, raw, strict=True)]),
        "env_to_rollout": measure.spread([a / b for a, b in zip(ours, theirs, strict=True)]),
        "rollout_to_raw": measure.spread([a / b for a, b in zip(theirs, raw, strict=True)]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--env-name", default="pick_place")
    parser.add_argument("--cases", default="1x1,16x1,16x2,64x1,64x2", help="environments x threads, ...")
    parser.add_argument(
        "--steps", type=int, default=250, help="control steps of each environment in a repeat"
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    on = measure.machine()
    print(f"{arguments.env_name}: control steps/s, median (lowest .. highest) of {arguments.repeats} repeats")
    cases = []
    for case in arguments.cases.split(","):
        num_envs, threads = map(int, case.split("x"))
        # One environment alone gives too short a run to time.
        steps = arguments.steps * max(1, 16 // num_envs)
        result = measure_case(arguments.env_name, num_envs, threads, steps, arguments.repeats)
        cases.append(result)
        verdict = (
            "all three end in the same states, bit for bit" if result["same_states"] else "STATES DIFFER"
        )
        print(
            f"{num_envs} environments, {threads} threads\n"
            f"  BatchedEnv        {measure.shown(result['env_steps_per_second'])}\n"
            f"  bare mj_step      {measure.shown(result['raw_steps_per_second'])}\n"
            f"  mujoco.rollout    {measure.shown(result['rollout_steps_per_second'])}\n"
            f"  ours / bare       {measure.shown(result['env_to_raw'], 3)}\n"
            f"  ours / rollout    {measure.shown(result['env_to_rollout'], 3)}\n"
            f"  rollout / bare    {measure.shown(result['rollout_to_raw'], 3)}\n"
            f"  {verdict}",
            flush=True,
        )
    measure.write_report(arguments.json, on, {"cases": cases})
    return 0 if all(case["same_states"] for case in cases) else 1


if __name__ == "__main__":
    raise SystemExit(main())
