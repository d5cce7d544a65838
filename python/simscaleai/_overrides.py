"""Keyword arguments as what the command line calls overrides: KEY=VALUE of the task file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

_NULLS = ("", "~", "null", "Null", "NULL")


def to_overrides(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """{"scene": {"timestep": 0.002}, "randomize": "light"} -> ["scene.timestep=0.002", "randomize=light"].

    A mapping sets the keys in it and leaves its other keys alone. None takes a key out.
    """
    overrides: list[str] = []
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            overrides += to_overrides(value, f"{path}.")
        else:
            overrides.append(f"{path}={_text(path, value)}")
    return overrides


def _text(path: str, value: Any) -> str:
    if value is None:
        return "null"
    # Text stands as it is, unless that would mean something else or lose a blank.
    if isinstance(value, str) and value.strip() == value and value not in _NULLS and value[0] not in "[{\"'":
        return value
    try:
        return json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: a task's setting is a number, text, a bool, a list or a dict of these, got {value!r}"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return str(value.__fspath__()) if hasattr(value, "__fspath__") else _refuse(value)


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is no value of a task file")
