#!/usr/bin/env python3
"""The rasteriser's pictures beside MuJoCo's own, over random states of four tasks and two scenes.

Shares of pixels that show the same id, of depth within 1 mm where that is a geom, and the colours' mean
absolute error, with mujoco.Renderer's plainest flags and shadows off in both.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")

import measure
import mujoco
import numpy as np
import ours
from render import CAMERA, KINDS, LOOK, Reference

SCENES = Path(__file__).parent / "scenes"
CASES: dict[str, str | int] = {
    "reach": CAMERA,
    "pick_place": CAMERA,
    "ant_v5": "track",
    "humanoid_v5": "track",
}
SAME_DEPTH = 1e-3  # m
ASKED = {"ids": 0.995, "depth": 0.995, "colour": 3.0}


def task_states(name: str, count: int) -> Iterator[tuple[mujoco.MjModel, mujoco.MjData]]:
    """Where random controls lead, from the start again every ten states."""
    import simscaleai

    model = simscaleai.make_env(name).unwrapped.mujoco_model()
    data = mujoco.MjData(model)
    low, high = model.actuator_ctrlrange.T
    rng = np.random.default_rng(0)
    for i in range(count):
        if i % 10 == 0:
            mujoco.mj_resetDataKeyframe(model, data, 0) if model.nkey else mujoco.mj_resetData(model, data)
        data.ctrl[:] = rng.uniform(low, high)
        mujoco.mj_step(model, data, 20)
        mujoco.mj_forward(model, data)
        yield model, data


def scene_states(path: Path, count: int) -> Iterator[tuple[mujoco.MjModel, mujoco.MjData]]:
    """Bodies anywhere, turned anyhow; the camera on a dome, looking at the middle."""
    model = mujoco.MjModel.from_xml_path(str(path))
    rng = np.random.default_rng(0)
    if model.nhfield:
        rows, columns = int(model.hfield_nrow[0]), int(model.hfield_ncol[0])
        y, x = np.mgrid[0:rows, 0:columns] / 8.0
        model.hfield_data[:] = (0.5 + 0.25 * (np.sin(x) + np.cos(1.3 * y))).ravel()
    data = mujoco.MjData(model)
    for _ in range(count):
        for joint in range(model.njnt):
            at = model.jnt_qposadr[joint]
            data.qpos[at : at + 3] = rng.uniform((-0.8, -0.8, 0.2), (0.8, 0.8, 0.9))
            data.qpos[at + 3 : at + 7] = rng.normal(size=4)
        direction = rng.normal(size=3)
        direction[2] = 0.3 + abs(direction[2])
        look_at(data, direction / np.linalg.norm(direction) * rng.uniform(1.8, 3.0))
        mujoco.mj_forward(model, data)
        yield model, data


def look_at(data: mujoco.MjData, eye: np.ndarray) -> None:
    backwards = eye / np.linalg.norm(eye)
    right = np.cross((0, 0, 1), backwards)
    right /= np.linalg.norm(right)
    frame = np.stack([right, np.cross(backwards, right), backwards], axis=1)
    data.mocap_pos[0] = eye + np.array([0, 0, 0.3])
    mujoco.mju_mat2Quat(data.mocap_quat[0], frame.ravel())


def compare(states: Iterator[tuple[mujoco.MjModel, mujoco.MjData]], camera: Any, side: int) -> dict[str, Any]:
    from simscaleai.renderer import Renderer

    renderer = reference = None
    figures: dict[str, list[float]] = {"ids": [], "depth": [], "colour": []}
    for model, data in states:
        if renderer is None or reference is None:
            renderer = Renderer(model, side, side, **LOOK)
            reference = Reference(model, side, as_shipped=False, shadows=False, camera=camera)
        mine, theirs = renderer.render(data, camera, KINDS), reference.render(data)
        same = (mine["segmentation"] == theirs["segmentation"]).all(axis=-1)
        geom = same & (theirs["segmentation"][..., 1] == mujoco.mjtObj.mjOBJ_GEOM)
        figures["ids"].append(float(same.mean()))
        figures["depth"].append(float((np.abs(mine["depth"] - theirs["depth"])[geom] <= SAME_DEPTH).mean()))
        figures["colour"].append(float(np.abs(mine["rgb"].astype(int) - theirs["rgb"]).mean()))
    return {name: {"mean": float(np.mean(values)), "values": values} for name, values in figures.items()}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--states", type=int, default=200)
    parser.add_argument("--side", type=int, default=128, help="of the pictures, in pixels")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not ours.is_there():
        return 1
    on = measure.machine()
    cases: dict[str, tuple[Iterator[tuple[mujoco.MjModel, mujoco.MjData]], Any]] = {
        name: (task_states(name, options.states), camera) for name, camera in CASES.items()
    }
    for scene in ("textured", "hills"):
        cases[scene] = (scene_states(SCENES / f"{scene}.xml", options.states), CAMERA)
    results, falls_short = {}, False
    for name, (states, camera) in cases.items():
        result = results[name] = compare(states, camera, options.side)
        ids, depth, colour = (result[key]["mean"] for key in ASKED)
        falls_short |= ids < ASKED["ids"] or depth < ASKED["depth"] or colour > ASKED["colour"]
        print(
            f"{name}, {options.states} states: same id on {100 * ids:.3f} % of pixels (asked 99.5), depth"
            f" within 1 mm on {100 * depth:.3f} % of those (99.5), colours off by {colour:.3f} of 255 (3)"
        )
    measure.write_report(options.json, on, {"likeness": results})
    return 1 if falls_short else 0


if __name__ == "__main__":
    raise SystemExit(main())
