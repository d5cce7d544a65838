"""The native batch as a VecEnv of Stable-Baselines3 (`pip install stable-baselines3`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from simscaleai.vector import SimScaleVectorEnv

try:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise ImportError("simscaleai.sb3 needs Stable-Baselines3: pip install stable-baselines3") from error


class SimScaleVecEnv(VecEnv):
    """N environments in one native batch, for Stable-Baselines3's algorithms.

        from simscaleai.sb3 import SimScaleVecEnv
        model = PPO("MultiInputPolicy", SimScaleVecEnv("reach", 16, seed=0))

    It behaves as DummyVecEnv over N SimScaleEnv, each in a Monitor: an episode that ends has its return and
    length under info["episode"], its last observation under "terminal_observation", "TimeLimit.truncated",
    and "is_success". The other numbers of info (reward terms, the task's info) are there for episodes that
    end; step_infos=True gives them in every step, at the price of N dictionaries a step.

    seed: as `seed()`: row i begins with seed + i at the first reset; None: other seeds in each process.
    The other arguments are SimScaleVectorEnv's.
    """

    actions: np.ndarray

    def __init__(
        self,
        task: str | PathLike[str],
        num_envs: int = 1,
        render_mode: str | None = None,
        *,
        seed: int | None = None,
        step_infos: bool = False,
        **options: Any,
    ) -> None:
        if "autoreset_mode" in options:
            raise TypeError(
                "SimScaleVecEnv resets in the step that ends an episode: leave autoreset_mode out"
            )
        self.vector_env = SimScaleVectorEnv(
            task, num_envs, render_mode, autoreset_mode=AutoresetMode.SAME_STEP, **options
        )
        self.step_infos = step_infos
        super().__init__(
            num_envs, self.vector_env.single_observation_space, self.vector_env.single_action_space
        )
        self.seed(seed)
        self._returns, self._lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self._start = time.monotonic()

    def reset(self) -> Any:
        given = [set(options) for options in self._options]
        if any(names != given[0] for names in given):
            raise ValueError("the options of a reset must set the same parts in every row")
        options = {name: np.stack([row[name] for row in self._options]) for name in given[0]}
        observations, infos = self.vector_env.reset(seed=self._seeds, options=options)
        self.reset_infos = [_row_of(infos, row) for row in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        self._returns[:], self._lengths[:] = 0, 0
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        observations, rewards, terminated, truncated, infos = self.vector_env.step(self.actions)
        dones = terminated | truncated
        self._returns += rewards
        self._lengths += 1
        rows: list[dict[str, Any]]
        if self.step_infos:
            rows = [_row_of(infos, row) for row in range(self.num_envs)]
            for row in rows:
                row["TimeLimit.truncated"] = False
        else:
            rows = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(dones).tolist():
            self.reset_infos[row] = _row_of(infos, row)  # of the episode that has just begun
            rows[row] = self._end(infos, row, bool(truncated[row] and not terminated[row]))
        return observations, rewards.astype(np.float32), dones, rows

    def _end(self, infos: dict[str, Any], row: int, by_time: bool) -> dict[str, Any]:
        info = _row_of(infos["final_info"], row)
        info["TimeLimit.truncated"] = by_time
        info["terminal_observation"] = infos["final_obs"][row]
        info["is_success"] = info["success"]
        info["episode"] = {
            "r": round(float(self._returns[row]), 6),
            "l": int(self._lengths[row]),
            "t": round(time.monotonic() - self._start, 6),
        }
        self._returns[row], self._lengths[row] = 0, 0
        return info

    def close(self) -> None:
        self.vector_env.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        pictures = self.vector_env.render()
        return [None] * self.num_envs if pictures is None else pictures

    # --- What single environments would be asked: there are none, the batch answers for each row ---

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.vector_env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"set_attr({attr_name!r}): the rows of a batch share it; leave indices out")
        setattr(self.vector_env, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError(
            f"env_method({method_name!r}): the rows of a native batch are no Python objects; use"
            " vector_env, or DummyVecEnv over simscaleai.make_env"
        )

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """True for Monitor, whose part this class plays."""
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]


def _row_of(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """What a vector's infos hold for one row."""
    return {
        key: value[row].copy() if value.ndim > 1 else value[row].item()
        for key, value in infos.items()
        if key[0] != "_" and key not in ("final_obs", "final_info") and infos["_" + key][row]
    }
