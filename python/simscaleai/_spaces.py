"""Gymnasium's spaces of a task."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces


def action_space(spec: dict[str, Any]) -> spaces.Box:
    """Box [A] float32 between the controller's bounds."""
    action = spec["action"]
    return spaces.Box(action["low"].astype(np.float32), action["high"].astype(np.float32), dtype=np.float32)


def observation_space(spec: dict[str, Any]) -> spaces.Space:
    """A Dict of Boxes, one a key; or the one Box of a task with `observation_space: box`."""
    boxes = {key: _box(shape, np.dtype(dtype)) for key, (shape, dtype) in spec["observations"].items()}
    if spec["box"]:
        (box,) = boxes.values()
        return box
    return spaces.Dict(boxes)


def _box(shape: tuple[int, ...], dtype: np.dtype) -> spaces.Box:
    if dtype == np.uint8:
        return spaces.Box(0, 255, shape, np.uint8)
    if dtype == np.int32:  # ids: -1 is nothing
        return spaces.Box(-1, np.iinfo(np.int32).max, shape, np.int32)
    if dtype == np.float64:  # as Gymnasium's own MuJoCo environments have it
        return spaces.Box(-np.inf, np.inf, shape, np.float64)
    # A state is always finite: an episode that leaves the numbers behind ends before it is observed.
    largest = np.finfo(np.float32).max
    return spaces.Box(-largest, largest, shape, np.float32)
