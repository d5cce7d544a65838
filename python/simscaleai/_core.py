"""What the single and the vector class share: the native environment, its seeds and its states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np
from gymnasium.error import ClosedEnvironmentError

from simscaleai import _native
from simscaleai._infos import InfoLayout
from simscaleai._overrides import to_overrides

#: what `reset(options=...)` knows, besides a vector's reset_mask
STATE_OPTIONS = ("qpos", "qvel", "act", "ctrl", "state")


class Core:
    """A native environment of N rows, which `close` lets go."""

    def __init__(
        self,
        task: str | PathLike[str],
        overrides: Mapping[str, Any],
        *,
        num_envs: int,
        num_threads: int | None,
        autoreset: str,
        seed: int | None,
        training: bool,
        dump_dir: str | PathLike[str] | None,
    ) -> None:
        self._native: _native.Env | None = _native.Env(
            fspath(task),
            overrides=to_overrides(overrides),
            num_envs=num_envs,
            num_threads=0 if num_threads is None else num_threads,
            autoreset=autoreset,
            curriculum=training,
            dump_dir=fspath(dump_dir) if dump_dir is not None else "",
        )
        self.spec: dict[str, Any] = self._native.spec()
        self.buffers: dict[str, Any] = self._native.buffers()
        for name in ("observations", "final_observations"):  # in the order of Gymnasium's Dict space
            self.buffers[name] = dict(sorted(self.buffers[name].items()))
        self.layout = InfoLayout(self.spec)
        self.num_envs = num_envs
        self._seeded = np.full(num_envs, False)
        self._first_seed = seed
        self._renderer: _native.Renderer | None = None

    @property
    def native(self) -> _native.Env:
        if self._native is None:
            raise ClosedEnvironmentError("this environment has been closed; make a new one")
        return self._native

    def close(self) -> None:
        self._native = self._renderer = None
        self.buffers = {}

    # --- Actions ---

    def step(self, action: Any, shape: tuple[int, ...]) -> tuple[bool, int]:
        """One control step with an action of `shape`; numbers that are not float32 become float64.
        Returns whether an episode has ended, and how many rows have taken a step."""
        if type(action) is not np.ndarray or action.dtype.char not in "fd":
            action = np.asarray(action)
            if action.dtype.char not in "fd":
                action = action.astype(np.float64)
        if action.shape != shape:
            raise ValueError(f"an action must have the shape {shape}, got {action.shape}")
        return self.native.step(action)

    # --- Resets ---

    def reset(
        self,
        rows: np.ndarray,
        seeds: Sequence[int | None],
        options: Mapping[str, Any] | None,
        generator: Any,
    ) -> None:
        """Starts an episode in each of `rows` ([K] int32). Row rows[k] with seeds[k] starts that seed's
        first episode; with None its own seed's next one, or, before it had any, a seed of `generator`."""
        native = self.native
        options = dict(options or {})
        unknown = [key for key in options if key not in STATE_OPTIONS]
        if unknown:
            raise ValueError(f"reset knows no option {unknown[0]!r}; it knows {', '.join(STATE_OPTIONS)}")
        saved = options.pop("state", None)
        key_seeds, key_indices = self._keys_for(rows, seeds, generator)
        if saved is not None:
            if options or any(seed is not None for seed in seeds):
                raise ValueError(
                    "options['state'] is a whole state: give no seed and no qpos, qvel, act or ctrl"
                )
            states, key_seeds, key_indices = self._saved_rows(saved, rows)
        parts = {name: self._state_rows(name, value, rows) for name, value in options.items()}
        native.reset(rows, key_seeds, key_indices, **parts)
        if saved is not None:
            for row, state, seed, index in zip(rows, states, key_seeds, key_indices, strict=True):
                native.set_state(int(row), state, int(seed), int(index))
        self._seeded[rows] = True

    def _keys_for(
        self, rows: np.ndarray, seeds: Sequence[int | None], generator: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        now_seeds, now_indices = self.native.keys()
        key_seeds, key_indices = now_seeds[rows], now_indices[rows] + np.uint64(1)
        for k, (row, seed) in enumerate(zip(rows, seeds, strict=True)):
            if seed is None and self._seeded[row]:
                continue
            if seed is None:
                first = self._first_seed
                seed = int(generator().integers(2**63)) if first is None else first + int(row)
            if not 0 <= seed < 2**64:
                raise ValueError(f"a seed must be in 0 .. 2**64 - 1, got {seed}")
            key_seeds[k], key_indices[k] = seed, 0
        return key_seeds, key_indices

    def _state_rows(self, name: str, value: Any, rows: np.ndarray) -> np.ndarray:
        """`value` ([n] for all rows, or [N, n]) as [K, n]."""
        size = self.spec["state_sizes"][name]
        array = np.asarray(value, np.float64)
        if array.shape == (size,):
            return np.ascontiguousarray(np.broadcast_to(array, (len(rows), size))).reshape(-1)
        if array.shape == (self.num_envs, size):
            return array[rows].reshape(-1)
        raise ValueError(
            f"options[{name!r}] must have the shape ({size},) or ({self.num_envs}, {size}), got {array.shape}"
        )

    # --- Whole states ---

    def get_state(self) -> dict[str, np.ndarray]:
        """The rows' whole states [N, S] float64, and their episodes' seeds and indices [N] uint64."""
        seeds, indices = self.native.keys()
        states = np.stack([self.native.get_state(row) for row in range(self.num_envs)])
        return {"state": states, "seed": seeds, "index": indices}

    def _saved_rows(self, saved: Any, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not isinstance(saved, Mapping) or set(saved) != {"state", "seed", "index"}:
            raise ValueError(
                "options['state'] must be what get_state() gave: a dict of state, seed and index"
            )
        size = self.spec["state_dim"]
        states = np.asarray(saved["state"], np.float64)
        if states.shape not in ((size,), (self.num_envs, size)):
            raise ValueError(
                f"a state of {self.spec['name']} has {size} numbers; options['state']['state'] must have the"
                f" shape ({size},) or ({self.num_envs}, {size}), got {states.shape}"
            )
        states = np.broadcast_to(states, (self.num_envs, size))[rows]
        keys = [
            np.broadcast_to(np.asarray(saved[k], np.uint64), self.num_envs)[rows] for k in ("seed", "index")
        ]
        return np.ascontiguousarray(states), keys[0].copy(), keys[1].copy()

    # --- Pictures ---

    def render(self, row: int, width: int, height: int, camera: str | None) -> np.ndarray:
        """[height, width, 3] uint8. OpenGL is opened with the first picture."""
        native = self.native
        if self._renderer is None:
            self._renderer = _native.Renderer(native, width, height, camera or "")
        return self._renderer.render(row)
