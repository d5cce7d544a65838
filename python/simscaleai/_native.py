"""The native module, told where this interpreter's packages lie."""

from __future__ import annotations

import sys
from pathlib import Path

from simscaleai._env import (
    Env,
    ModelRenderer,
    Renderer,
    RowCopies,
    hardware_threads,
    info_keys,
    mujoco_version,
    set_wheel_dirs,
    tasks,
    version,
)

__all__ = [
    "Env",
    "ModelRenderer",
    "Renderer",
    "RowCopies",
    "hardware_threads",
    "info_keys",
    "mujoco_version",
    "tasks",
    "version",
]

# A task's `wheel:PACKAGE/robot.xml` means the packages that `import` would find.
set_wheel_dirs([p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")])
