"""Our vector environment, as a user of the Python module gets it."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode


def is_there() -> bool:
    """Says so where it is not: a benchmark then measures the other sides alone."""
    if importlib.util.find_spec("simscaleai") is not None:
        return True
    print("ours is missing: no Python module simscaleai (pip install .)", file=sys.stderr)
    return False


def make_vec(env_id: str, num_envs: int, num_threads: int, **overrides: Any) -> Any:
    """With everything at its defaults: copies of all results, a finished row's reset in the step after."""
    import simscaleai  # noqa: F401  # registers SimScale/...

    env = gymnasium.make_vec(env_id, num_envs=num_envs, num_threads=num_threads, **overrides)
    mode = env.metadata.get("autoreset_mode")
    if mode != AutoresetMode.NEXT_STEP:
        raise ValueError(f"{env_id}: the benchmarks count on next-step autoreset, got {mode}")
    return env
