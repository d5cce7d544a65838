"""Trained policies: checkpoints of `simscale train`, to act with."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

import numpy as np

Observation = np.ndarray | Mapping[str, np.ndarray]


def load_policy(checkpoint: str | PathLike[str], *, device: str = "auto", n_action_steps: int = 0) -> Policy:
    """A policy out of a checkpoint folder, or of a run's folder (its best checkpoint, else its latest).

    device: "auto", "cpu" or "cuda". n_action_steps: how many actions of a predicted chunk are executed
    before the network is asked again; 0: as trained. Raises ValueError, one line, for what is no checkpoint,
    a damaged one, or a device that is not there.
    """
    return Policy(checkpoint, device=device, n_action_steps=n_action_steps)


class Policy:
    """Acts for one environment or for the N of a vector, whichever the first observation comes from.

        policy = simscaleai.load_policy("runs/pick_place")
        observation, _ = env.reset(seed=0)
        policy.reset()
        action = policy.act(observation)

    It remembers each row's episode (observations of the past, the rest of a predicted chunk of actions): say
    with `reset` where a new one begins. The actions are those of `simscale eval`, bit for bit.
    Threads: one caller at a time. torch.set_num_threads(1) is best for small networks.
    """

    def __init__(
        self, checkpoint: str | PathLike[str], *, device: str = "auto", n_action_steps: int = 0
    ) -> None:
        from simscaleai import _policy

        self._native = _policy.Policy(fspath(checkpoint), device=device, n_action_steps=n_action_steps)
        #: what the checkpoint says: env_name, step, seed, success_rate, task_config, hashes, versions, ...
        self.info: dict[str, Any] = self._native.info()
        self._num_rows: int | None = None

    def __repr__(self) -> str:
        info = self.info
        return f"<{info['policy']} policy for {info['env_name']}, step {info['step']}, {info['path']}>"

    @property
    def observation_keys(self) -> dict[str, int]:
        """The state observations that it reads, with how many numbers each has."""
        return self.info["observations"]

    @property
    def image_keys(self) -> dict[str, tuple[int, int, int]]:
        """The cameras' pictures that it reads, uint8, with their shapes (height, width, 3)."""
        return self.info["images"]

    def act(self, observation: Observation) -> np.ndarray:
        """The action [A] for an observation of one environment, or [N, A] for those of a vector; float32.

        observation: what the environment gave: a dictionary whose other keys are left aside, or an array
        where the policy reads one key alone. Raises ValueError for a missing key, another size, another
        number of rows than before, and for numbers that are not finite.
        """
        states, images, single = self._arrays(observation)
        num_rows = len((states + images)[0])
        if self._num_rows not in (None, num_rows):
            raise ValueError(
                f"observation: this policy has acted for {self._num_rows} rows, got {num_rows}; call reset(),"
                " or load it once more for the other environment"
            )
        actions = self._native.act(states, images)
        self._num_rows = num_rows
        return actions[0] if single else actions

    def reset(self, rows: np.ndarray | None = None) -> None:
        """The next observation of these rows is their episode's first. rows: [N] bool; None: all.

        Autoreset in the same step: reset(terminated | truncated) after each step. In the next step: with the
        terminated | truncated of the step before.
        """
        if rows is None:
            if self._num_rows is not None:
                self._native.reset(np.arange(self._num_rows, dtype=np.int32))
            self._num_rows = None
            return
        mask = np.atleast_1d(np.asarray(rows))
        if mask.dtype != np.bool_ or mask.ndim != 1 or self._num_rows not in (None, len(mask)):
            shape = "[N]" if self._num_rows is None else f"[{self._num_rows}]"
            raise ValueError(f"rows must be {shape} bool, got {mask.dtype} of the shape {mask.shape}")
        self._native.reset(np.flatnonzero(mask).astype(np.int32))

    def _arrays(self, observation: Observation) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
        """States, images, each with a row an environment; and whether it was one environment alone."""
        shapes = {key: (size,) for key, size in self.observation_keys.items()} | self.image_keys
        if not isinstance(observation, Mapping):
            if len(shapes) != 1:
                raise ValueError(
                    f"observation must be a dictionary with {', '.join(shapes)}, got"
                    f" {type(observation).__name__}"
                )
            observation = {next(iter(shapes)): observation}
        states: list[np.ndarray] = []
        images: list[np.ndarray] = []
        dimensions = set()
        for key, shape in shapes.items():
            if key not in observation:
                raise ValueError(
                    f"observation lacks {key!r}, which this policy ({self.info['env_name']}) reads; it has"
                    f" {', '.join(observation)}"
                )
            array = np.asarray(observation[key])
            rows = array.ndim - len(shape)
            if rows not in (0, 1) or array.shape[rows:] != shape:
                sides = ", ".join(map(str, shape))
                one = f"({sides},)" if len(shape) == 1 else f"({sides})"
                raise ValueError(
                    f"observation {key!r} must have the shape {one} or (N, {sides}), got {array.shape};"
                    f" this policy was trained on {self.info['env_name']!r}"
                )
            dimensions.add(array.shape[:rows])
            if key in self.image_keys:
                if array.dtype != np.uint8:
                    raise ValueError(f"observation {key!r} is a picture and must be uint8, got {array.dtype}")
                images.append(np.ascontiguousarray(array).reshape(-1, *shape))
            else:
                states.append(np.ascontiguousarray(array, np.float32).reshape(-1, *shape))
        if len(dimensions) > 1:
            raise ValueError(f"observation: its keys differ in their number of rows, {sorted(dimensions)}")
        return states, images, not dimensions.pop()
