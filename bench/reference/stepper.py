"""Stepping any vector environment through given actions."""

from __future__ import annotations

import time
from typing import Any

import numpy as np


class Stepper:
    """Plays the same actions in every repeat; resets by autoreset in the step after an episode's last."""

    def __init__(self, env: Any, actions: np.ndarray, reset: dict[str, Any] | None = None) -> None:
        self.env = env
        self.reset = reset or {}
        self.actions = np.ascontiguousarray(actions, env.single_action_space.dtype)

    def run(self) -> float:
        """Control steps a second; calls that only reset a row do not count."""
        self.env.reset(**self.reset)
        step, done = self.env.step, []
        begin = time.perf_counter()
        for action in self.actions:
            _, _, terminated, truncated, _ = step(action)
            done.append(terminated | truncated)
        seconds = time.perf_counter() - begin
        resets = int(np.sum(done[:-1]))
        return (self.actions.shape[0] * self.actions.shape[1] - resets) / seconds
