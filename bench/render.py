#!/usr/bin/env python3
"""The rasteriser against MuJoCo's own renderer, and what cameras cost an environment.

Pictures: colour, depth and segmentation of pick_place's front camera, one thread on both sides, in turns on
the same states, the same meshes in both. Ours keeps what doesn't move, as it does in an environment;
`redrawn` draws all of it anew. The reference is Python's mujoco.Renderer, which takes three passes for the
three kinds, with its plainest flags (no shadows, reflections or multisampling) or as shipped.

Environments: pick_place with two cameras of 84x84 against the same without cameras, and against the same
cameras on the `gl` backend, with the same settings and as plain as it can be: on one thread, and on all
cores (llvmpipe with as many threads as it likes).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")
os.environ["LP_NUM_THREADS"] = "0"  # llvmpipe in this thread alone

import measure
import mujoco
import numpy as np
import ours

KINDS = ("rgb", "depth", "segmentation")
CAMERA = "front"
CAMERA_PAIRS = (("front", "overhead"), ("front", "wrist"))
# name, side, task settings, our look, the reference as shipped, shadows in both, asked for
FULL = ("full meshes, no levels of detail", {"scene.meshes": "full"}, {"levels_of_detail": False})
PICTURES: list[tuple[str, int, dict[str, Any], dict[str, Any], bool, bool, float]] = [
    (FULL[0], 64, FULL[1], FULL[2], False, False, 20),
    (FULL[0], 128, FULL[1], FULL[2], False, False, 15),
    ("prepared meshes", 64, {}, {}, False, False, 40),
    ("prepared meshes", 128, {}, {}, False, False, 20),
    ("prepared meshes, shadows", 64, {}, {"shadows": True, "shadow_size": 512}, False, True, 25),
    ("prepared meshes, the reference as shipped", 64, {}, {}, True, False, 100),
]
LOOK = {"samples": 1, "shadows": False}


class Reference:
    """mujoco.Renderer's three pictures."""

    def __init__(
        self, model: mujoco.MjModel, side: int, as_shipped: bool, shadows: bool, camera: int | str = CAMERA
    ) -> None:
        self._plain, self._shadows, self._camera = not as_shipped, shadows, camera
        if self._plain:
            model.vis.quality.offsamples = 0
        self._renderer = mujoco.Renderer(model, side, side)

    def _draw(self, data: mujoco.MjData) -> np.ndarray:
        self._renderer.update_scene(data, self._camera)
        if self._plain:
            flags = self._renderer.scene.flags
            flags[mujoco.mjtRndFlag.mjRND_SHADOW] = self._shadows
            flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        return self._renderer.render()

    def render(self, data: mujoco.MjData) -> dict[str, np.ndarray]:
        r = self._renderer
        pictures = {"rgb": self._draw(data)}
        r.enable_depth_rendering()
        pictures["depth"] = self._draw(data)
        r.disable_depth_rendering()
        r.enable_segmentation_rendering()
        pictures["segmentation"] = self._draw(data)
        r.disable_segmentation_rendering()
        return pictures


def states_of(model: mujoco.MjModel, count: int) -> np.ndarray:
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    rng = np.random.default_rng(0)
    states = np.tile(data.qpos, (count, 1))
    states[:, :7] += rng.normal(0, 0.1, (count, 7))
    return states


def milliseconds(
    draw: Callable[[], Any], model: mujoco.MjModel, data: mujoco.MjData, states: np.ndarray
) -> float:
    """Of one picture; placing things is left out."""
    total = 0.0
    for qpos in states:
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        start = time.perf_counter()
        draw()
        total += time.perf_counter() - start
    return total / len(states) * 1e3


def measure_picture(case: tuple[Any, ...], options: argparse.Namespace) -> dict[str, Any]:
    import simscaleai
    from simscaleai.renderer import Renderer

    name, side, settings, look, as_shipped, shadows, asked = case
    model = simscaleai.make_env("pick_place", **settings).unwrapped.mujoco_model()
    data = mujoco.MjData(model)
    states = states_of(model, options.states)
    renderer = Renderer(model, side, side, **{**LOOK, **look})
    reference = Reference(model, side, as_shipped, shadows)
    out: dict[str, np.ndarray] = renderer.render(data, CAMERA, KINDS)

    def redrawn() -> None:
        model.mat_rgba[0, 0] = 0.9 if model.mat_rgba[0, 0] != 0.9 else 0.8  # what doesn't move has changed
        renderer.render(data, CAMERA, KINDS, out)

    sides = {
        "ours": lambda: milliseconds(lambda: renderer.render(data, CAMERA, KINDS, out), model, data, states),
        "redrawn": lambda: milliseconds(redrawn, model, data, states),
        "reference": lambda: milliseconds(lambda: reference.render(data), model, data, states[:10]),
    }
    for run in sides.values():
        run()  # warms up
    figures = measure.in_turns(sides, options.repeats)
    return {
        "case": name,
        "side": side,
        "milliseconds": {key: measure.spread(values) for key, values in figures.items()},
        "ratio": measure.ratio(figures["reference"], figures["ours"]),
        "ratio_redrawn": measure.ratio(figures["reference"], figures["redrawn"]),
        "asked": asked,
    }


def measure_environment(cameras: tuple[str, str], options: argparse.Namespace) -> dict[str, Any]:
    import simscaleai

    n = options.num_envs
    two = {name: {"width": 84, "height": 84} for name in cameras}
    plainest = {"backend": "gl", "samples": 0}

    def stepper(count: int, **settings: Any) -> Callable[[], float]:
        envs = simscaleai.make_vec("pick_place", num_envs=count, num_threads=1, copy=False, **settings)
        envs.reset(seed=0)
        space = envs.single_action_space
        steps = options.steps * n // count if count == n else options.steps // 4
        actions = np.random.default_rng(0).uniform(space.low, space.high, (steps, count, *space.shape))
        actions = actions.astype(np.float32)

        def run() -> float:
            start = time.perf_counter()
            for action in actions:
                envs.step(action)
            return count * steps / (time.perf_counter() - start)

        return run

    sides = {
        "without": stepper(n),
        "cameras": stepper(n, cameras=two),
        "gl": stepper(2, cameras=two, rendering={"backend": "gl"}),
        "plainest gl": stepper(2, cameras=two, rendering=plainest),
    }
    for run in sides.values():
        run()
    figures = measure.in_turns(sides, options.repeats)
    return {
        "cameras": cameras,
        "steps_per_second": {key: measure.spread(values) for key, values in figures.items()},
        "ratio_to_without": measure.ratio(figures["cameras"], figures["without"]),
        "ratio_to_gl": measure.ratio(figures["cameras"], figures["gl"]),
        "ratio_to_plainest_gl": measure.ratio(figures["cameras"], figures["plainest gl"]),
    }


def measure_on_all_cores(cameras: tuple[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """Of the command itself, everything at its defaults."""
    sizes = [f"task.cameras.{name}.{side}=84" for name in cameras for side in ("width", "height")]
    environment = {key: value for key, value in os.environ.items() if key != "LP_NUM_THREADS"}

    def stepper(backend: str, steps: int) -> Callable[[], float]:
        settings = [f"num_envs={options.num_envs}", "repeats=1", f"steps={steps}", *sizes]
        settings.append(f"task.rendering.backend={backend}")
        command = ("bench", "env", *settings)
        return lambda: measure.simscale_json(*command, environment=environment)["env_steps_per_second"]

    sides = {"cameras": stepper("raster", 2 * options.steps), "gl": stepper("gl", options.steps // 5)}
    figures = measure.in_turns(sides, options.repeats)
    return {
        "cameras": cameras,
        "steps_per_second": {key: measure.spread(values) for key, values in figures.items()},
        "ratio_to_gl": measure.ratio(figures["cameras"], figures["gl"]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--states", type=int, default=100)
    parser.add_argument("--steps", type=int, default=200, help="of each environment in one repeat")
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not ours.is_there():
        return 1
    on = measure.machine()
    print(f"ms a picture (rgb, depth, segmentation), median (lowest .. highest) of {options.repeats} repeats")
    pictures = []
    for case in PICTURES:
        result = measure_picture(case, options)
        pictures.append(result)
        ms = result["milliseconds"]
        print(
            f"{result['case']}, {result['side']}x{result['side']}: ours {measure.shown(ms['ours'], 3)},"
            f" mujoco.Renderer {measure.shown(ms['reference'], 2)}: ratio {measure.shown(result['ratio'], 1)}"
            f" (asked {result['asked']:g}); redrawn {measure.shown(result['ratio_redrawn'], 1)}"
        )
    environments = []
    for cameras in CAMERA_PAIRS:
        result = measure_environment(cameras, options)
        environments.append(result)
        rates = {key: measure.shown(value) for key, value in result["steps_per_second"].items()}
        print(
            f"pick_place with {' and '.join(cameras)}: {rates['cameras']} steps/s,"
            f" without {rates['without']}, on gl {rates['gl']}:"
            f" {measure.shown(result['ratio_to_without'], 3)} of without (asked 0.35),"
            f" {measure.shown(result['ratio_to_gl'], 1)} x gl (asked 30),"
            f" {measure.shown(result['ratio_to_plainest_gl'], 1)} x gl without multisampling"
        )
    on_all_cores = []
    for cameras in CAMERA_PAIRS:
        result = measure_on_all_cores(cameras, options)
        on_all_cores.append(result)
        rates = {key: measure.shown(value) for key, value in result["steps_per_second"].items()}
        print(
            f"pick_place with {' and '.join(cameras)}, all cores: {rates['cameras']} steps/s,"
            f" on gl {rates['gl']}: {measure.shown(result['ratio_to_gl'], 1)} x gl (asked 30)"
        )
    report = {"pictures": pictures, "environments": environments, "environments_on_all_cores": on_all_cores}
    measure.write_report(options.json, on, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
