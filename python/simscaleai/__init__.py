"""SimScaleAI for Python: robot environments, policies and datasets on a native core.

    import simscaleai
    env = simscaleai.make_env("pick_place", render_mode="rgb_array")   # a gymnasium.Env
    envs = gymnasium.make_vec("SimScale/PickPlace-v0", num_envs=64, num_threads=8)

Gymnasium knows the ids as soon as this package is imported; "simscaleai:SimScale/PickPlace-v0" as the
id imports it, in worker processes for example. (Gymnasium 1 looks for no plugins by itself.)
"""

from __future__ import annotations

from pathlib import Path

from simscaleai import _native
from simscaleai._registration import list_envs, make_env, make_vec, register_envs
from simscaleai.dataset import Dataset
from simscaleai.env import SimScaleEnv
from simscaleai.policy import Policy, load_policy
from simscaleai.vector import SimScaleVectorEnv

__version__: str = _native.version
__all__ = [
    "Dataset",
    "Policy",
    "SimScaleEnv",
    "SimScaleVectorEnv",
    "__version__",
    "cmake_dir",
    "list_envs",
    "load_policy",
    "make_env",
    "make_vec",
]


def cmake_dir() -> str:
    """What an installed package's find_package(simscale) needs, to build plugins in C++:
    cmake -Dsimscale_DIR="$(python -c 'import simscaleai; print(simscaleai.cmake_dir())')"
    """
    folder = Path(__file__).parent / "lib/cmake/simscale"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder, as this package was not installed by `pip install .`. Run"
            " `cmake --install build/release --component development --prefix DIR` and take"
            " DIR/lib/cmake/simscale"
        )
    return str(folder)


register_envs()
