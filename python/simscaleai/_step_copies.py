"""The arrays that a vector's step hands out when it copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from simscaleai import _native
from simscaleai._infos import InfoLayout


class StepCopies:
    """Copies of a step's results, in arrays that are new or that nobody else holds any longer.

    A learner's loop seldom keeps more than the last step's results. Their arrays serve again once all
    references to them are gone, views and exports included, so that a step allocates nothing.
    """

    def __init__(self, layout: InfoLayout, buffers: dict[str, Any], everything: bool) -> None:
        """buffers: the native results. everything: observations, reward and ends too, not infos alone."""
        self._arguments = (layout, buffers, everything)
        # Two take turns: the caller still holds the last step's while the next one's are made.
        self._sets = [_Set(*self._arguments), _Set(*self._arguments)]
        self._turn = 0

    def take(self, stepped: np.ndarray | None) -> _Set:
        """The present results. stepped: [N] bool, which rows have taken a step, None for all."""
        self._turn ^= 1
        free = self._sets[self._turn]
        if not free.native.is_free():
            free = self._sets[self._turn] = _Set(*self._arguments)
        free.native.run(stepped)
        return free


class _Set:
    """Arrays of one step. What callers get of a dict is a copy, so that they may change it."""

    __slots__ = ("always", "infos", "native", "observations", "reward", "terminated", "truncated")

    def __init__(self, layout: InfoLayout, buffers: dict[str, Any], everything: bool) -> None:
        num_envs = len(buffers["reward"])
        self.native = native = _native.RowCopies(num_envs)

        def copy_of(source: np.ndarray) -> np.ndarray:
            target = np.empty_like(source)
            native.add(target, source)
            return target

        if everything:
            self.observations = {key: copy_of(array) for key, array in buffers["observations"].items()}
            self.reward = copy_of(buffers["reward"])
            self.terminated, self.truncated = copy_of(buffers["terminated"]), copy_of(buffers["truncated"])

        def add(key: str, source: np.ndarray, column: int, *shape: int, of_step: bool = False) -> None:
            infos = self.infos if of_step else self.always
            infos[key] = np.empty((num_envs, *shape), source.dtype)
            native.add(infos[key], source, column, stepped_only=of_step)
            infos["_" + key] = np.empty(num_envs, np.bool_)
            native.add_mask(infos["_" + key], stepped_only=of_step)

        #: what steps and resets tell, and that with what steps alone do
        self.always: dict[str, Any] = {}
        self.infos: dict[str, Any] = {}
        for name, column in layout.scalars:
            add(name, buffers["info"], column)
        for name, columns in layout.arrays:
            add(name, buffers["info"], columns.start, columns.stop - columns.start)
        if layout.randomized:
            values = buffers["randomization"]
            add("randomization", values, 0, values.shape[1])
        for column, key in enumerate(layout.rewards):
            add(key, buffers["reward_terms"], column, of_step=True)
        for key in ("success", "non_finite"):
            add(key, buffers[key], 0, of_step=True)
        self.infos = {**self.always, **self.infos}
        native.seal()
