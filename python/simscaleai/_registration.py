"""Names: what environments there are, and how Gymnasium is told of them."""

from __future__ import annotations

from typing import Any

import gymnasium

from simscaleai import _native
from simscaleai.env import SimScaleEnv
from simscaleai.vector import SimScaleVectorEnv


def list_envs() -> list[str]:
    """The Gymnasium ids of the packaged tasks, sorted by the tasks' names."""
    return [gym_id for _, gym_id in _native.tasks()]


def make_env(name: str, render_mode: str | None = None, **overrides: Any) -> SimScaleEnv:
    """One environment: a packaged task ("pick_place" or "SimScale/PickPlace-v0") or a task file.

    What SimScaleEnv does not take itself goes to the task file: `randomize="light"`,
    `max_episode_steps=100`, `scene={"timestep": 0.002}`, `**{"rewards.success.weight": 5}`.
    """
    return SimScaleEnv(name, render_mode=render_mode, **overrides)


def make_vec(name: str, num_envs: int = 1, **options: Any) -> SimScaleVectorEnv:
    """`num_envs` environments in one native batch; as gymnasium.make_vec, for task files too."""
    return SimScaleVectorEnv(name, num_envs=num_envs, **options)


def register_envs() -> None:
    """Tells Gymnasium of every packaged task. Called by `import simscaleai`."""
    for name, gym_id in _native.tasks():
        if gym_id not in gymnasium.registry:
            gymnasium.register(
                id=gym_id,
                entry_point="simscaleai.env:SimScaleEnv",
                vector_entry_point="simscaleai.vector:SimScaleVectorEnv",
                kwargs={"task": name},
            )
