"""Whether the Python reference plays pick_place as we do: recorded episodes of ours, step by step."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import measure
import mujoco
import numpy as np
from reference.panda_gym import KEYS, PandaPickPlace

STATE = mujoco.mjtState.mjSTATE_INTEGRATION
CTRL_TOLERANCE = 1e-9  # rad; the sums of inverse kinematics are taken in another order


def check(model: mujoco.MjModel, episodes: int = 10) -> dict[str, Any]:
    """Ends the benchmark where it differs. The expert's noise is so large that arms reach their limits."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episodes.h5"
        noise = ["expert.action_noise=0.25", "expert.burst_probability=0.05"]
        keep = ["--n-episodes", episodes, "--keep-failures"]
        measure.simscale("datagen", *keep, "--output", path, "--seed", 7, *noise)
        found = {"control_steps": 0, "ctrl": 0.0, "qpos": 0.0, "observations": 0.0, "reward": 0.0}
        with h5py.File(path) as file:
            for name in file:
                if name.startswith("episode_"):
                    _play(model, file[name], found)
    exact = found["qpos"] == found["observations"] == found["reward"] == 0
    if not exact or found["ctrl"] > CTRL_TOLERANCE:
        raise SystemExit(f"error: the Python reference is not the task that we simulate: {found}")
    return found


def _play(model: mujoco.MjModel, episode: h5py.Group, found: dict[str, Any]) -> None:
    env = PandaPickPlace(model)
    data, controller, other = env.data, env.controller, mujoco.MjData(model)
    states = np.vstack([episode["states"][:], episode["final_state"][:]])
    observations = {key: episode["observations"][key][:] for key in KEYS}
    actions, rewards, done = episode["actions"][:], episode["rewards"][:], False
    size = mujoco.mj_stateSize(model, STATE)

    def remember(t: int) -> None:  # the controller's memory follows the physics in our states
        memory = states[t, size:]
        controller.target = memory[:3].tolist()
        controller.set_yaw(memory[3])
        controller.command[:] = memory[4:11]

    def worst(what: str, a: Any, b: Any) -> None:
        found[what] = max(found[what], float(np.abs(np.subtract(a, b)).max()))

    mujoco.mj_setState(model, data, states[0, :size], STATE)
    mujoco.mj_step1(model, data)
    for t, action in enumerate(actions):
        remember(t)
        observed = env.observe()
        for key, where in KEYS.items():
            worst("observations", observed[where], observations[key][t])
        controller.apply(data, action.tolist())
        mujoco.mj_setState(model, other, states[t + 1, :size], STATE)
        worst("ctrl", data.ctrl, other.ctrl)
        data.ctrl[:] = other.ctrl  # so that the rest can be held to equal bits
        env.simulate()
        worst("qpos", data.qpos, other.qpos)
        reward, done = env.judge()
        worst("reward", np.float32(reward), rewards[t])
    if done != (episode.attrs["outcome"] == "success"):
        raise SystemExit(f"error: the Python reference judges {episode.name} otherwise")
    found["control_steps"] += len(actions)
