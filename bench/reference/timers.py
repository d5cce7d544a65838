"""MuJoCo's timers, which `import mujoco` switches on for the whole process.

MuJoCo reads a clock around every stage of a step where its callback mjcb_time is set. The Python package sets
it as it is imported, and mujoco.set_mjcb_time(None) sets it again: 8 to 16 % of a step of a small model. In
a process that imports simscaleai alone the callback is null, and EnvPool has a MuJoCo of its own. So a
benchmark that has all of them in one process takes it away for ours.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import mujoco

_LIBRARY = ctypes.CDLL(str(next(Path(mujoco.__file__).parent.glob("libmujoco.so.*"))))
_CALLBACK = ctypes.c_void_p.in_dll(_LIBRARY, "mjcb_time")


def without(run: Callable[[], float]) -> Callable[[], float]:
    """`run` with the timers off, as in a process that has not imported the Python package mujoco."""

    def untimed() -> float:
        callback = _CALLBACK.value
        _CALLBACK.value = None
        try:
            return run()
        finally:
            _CALLBACK.value = callback

    return untimed
