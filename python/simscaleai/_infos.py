"""How the native result's columns become `info` dictionaries.

Always there are the task's `info:` terms, `randomization` (the row's sampled numbers, where the task
randomises anything) and `level` (where it has a curriculum). A step, not a reset, adds each reward
term's weighted value by its name, `success` and `non_finite`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simscaleai import _native


class InfoLayout:
    """Which column goes to which key. Shapes: N environments, K reward terms, I numbers of info."""

    def __init__(self, spec: dict[str, Any]) -> None:
        taken = {*_native.info_keys} | {name for name, _ in spec["info"]}
        #: [K] keys of the reward terms; one that another thing has taken is called reward_NAME
        self.rewards = tuple(f"reward_{name}" if name in taken else name for name in spec["rewards"])
        self.randomized = len(spec["randomization"]) > 0
        self.has_level = bool(spec["curriculum"])
        scalars, arrays = [], []
        column = 0
        for name, size in spec["info"]:
            if size == 1:
                scalars.append((name, column))
            else:
                arrays.append((name, slice(column, column + size)))
            column += size
        self.scalars, self.arrays = tuple(scalars), tuple(arrays)

    # --- One environment: plain floats and bools, arrays of its own ---

    def reset(self, info: np.ndarray, randomization: np.ndarray) -> dict[str, Any]:
        """info: [I], randomization: [P]."""
        values = info.tolist()
        result: dict[str, Any] = {name: values[column] for name, column in self.scalars}
        for name, columns in self.arrays:
            result[name] = info[columns].copy()
        if self.randomized:
            result["randomization"] = randomization.copy()
        return result

    def add_step(self, result: dict[str, Any], terms: np.ndarray, success: bool, non_finite: bool) -> None:
        """terms: [K]."""
        result.update(zip(self.rewards, terms.tolist(), strict=True))
        result["success"] = success
        result["non_finite"] = non_finite

    # --- N environments: each key has an array, and under "_key" which rows it holds for ---

    def vector_reset(self, info: np.ndarray, randomization: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
        """info: [N, I], randomization: [N, P], rows: [N] bool; the others' entries are zero."""
        result: dict[str, Any] = {}
        num_keys = len(self.scalars) + len(self.arrays) + self.randomized
        masks = iter(np.tile(rows, (num_keys, 1)))
        if self.scalars:
            columns = np.where(rows, info.T, 0.0)
            for name, column in self.scalars:
                result[name], result["_" + name] = columns[column], next(masks)
        for name, wanted in self.arrays:
            result[name] = np.where(rows[:, None], info[:, wanted], 0.0)
            result["_" + name] = next(masks)
        if self.randomized:
            result["randomization"] = np.where(rows[:, None], randomization, 0.0)
            result["_randomization"] = next(masks)
        return result

    def add_vector_step(
        self,
        result: dict[str, Any],
        terms: np.ndarray,
        success: np.ndarray,
        non_finite: np.ndarray,
        rows: np.ndarray,
    ) -> None:
        """terms: [N, K], the flags [N]; rows: which have taken a step."""
        keys = self.rewards
        columns = np.where(rows, terms.T, 0.0)
        masks = np.tile(rows, (len(keys) + 2, 1))
        result["success"], result["non_finite"] = success & rows, non_finite & rows
        for i, key in enumerate(keys):
            result[key], result["_" + key] = columns[i], masks[i]
        result["_success"], result["_non_finite"] = masks[-1], masks[-2]
