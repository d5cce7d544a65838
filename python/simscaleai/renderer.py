"""Pictures of any MuJoCo model by the project's own rasteriser."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from simscaleai import _native
from simscaleai._overrides import to_overrides

_KINDS = {
    "rgb": (np.uint8, (3,)),
    "depth": (np.float32, ()),
    "segmentation": (np.int32, (2,)),
}


class Renderer:
    """Pictures of a mujoco.MjModel: colour, depth and segmentation out of one pass, on the CPU.

        renderer = Renderer(model, 84, 84)
        pictures = renderer.render(data, camera="front", kinds=("rgb", "depth", "segmentation"))

    The numbers mean what mujoco.Renderer's mean. One renderer serves one thread at a time.

    model: its meshes and textures are prepared here and not looked at again; colours, lights, cameras
        and sizes may change between pictures.
    backend: "raster", or "gl" for MuJoCo's own renderer through EGL or OSMesa.
    look: fields of the render configuration: samples (1, or 4 against jagged edges), shadows,
        shadow_size, skybox, fog, tendons, geom_groups, site_groups, levels_of_detail, reflections (gl).
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        height: int = 240,
        width: int = 320,
        *,
        backend: str = "raster",
        **look: Any,
    ) -> None:
        _check_version()
        self._model = model
        settings = {"height": height, "width": width, "backend": backend, **look}
        self._native = _native.ModelRenderer(model._address, to_overrides(settings))

    def render(
        self,
        data: mujoco.MjData,
        camera: int | str | mujoco.MjvCamera = -1,
        kinds: tuple[str, ...] = ("rgb",),
        out: dict[str, np.ndarray] | None = None,
    ) -> dict[str, np.ndarray]:
        """One picture of the state, of each kind that is asked for.

        data: with positions computed (mj_forward, mj_step).
        camera: a name or number of the model's; -1: MuJoCo's view of the whole model; or a free MjvCamera.
        kinds: "rgb": uint8 [height, width, 3]. "depth": float32 [height, width], metres along the optical
            axis, the far plane where there is nothing. "segmentation": int32 [height, width, 2], id and
            mjtObj type, -1 where there is nothing.
        out: arrays to fill, by kind; new ones otherwise.
        """
        size = (self._native.height, self._native.width)
        result = dict(out or {})
        for kind in kinds:
            if kind not in _KINDS:
                raise ValueError(f"unknown kind of picture {kind!r}: known are {', '.join(_KINDS)}")
            if kind not in result:
                dtype, rest = _KINDS[kind]
                result[kind] = np.empty(size + rest, dtype)
        number, free = self._camera(camera)
        arrays = [result.get(kind) for kind in _KINDS]
        self._native.render(self._model._address, data._address, number, free, *arrays)
        return result

    def _camera(self, camera: int | str | mujoco.MjvCamera) -> tuple[int, list[float]]:
        if isinstance(camera, str):
            return self._model.camera(camera).id, []
        if isinstance(camera, int) and camera >= 0:
            return camera, []
        if isinstance(camera, int):
            free = mujoco.MjvCamera()
            mujoco.mjv_defaultFreeCamera(self._model, free)
            camera = free
        if camera.type == mujoco.mjtCamera.mjCAMERA_FIXED:
            return camera.fixedcamid, []
        if camera.type != mujoco.mjtCamera.mjCAMERA_FREE:
            raise ValueError("a camera is a name, a number, or an MjvCamera of type FREE or FIXED")
        return -1, [*camera.lookat, camera.distance, camera.azimuth, camera.elevation]

    def __repr__(self) -> str:
        return f"Renderer({self._native.width}x{self._native.height}, {self._native.describe()})"


def _check_version() -> None:
    """Both sides read the same structs: they must be of one MuJoCo."""
    wanted = _native.mujoco_version
    if mujoco.__version__ != wanted:
        raise RuntimeError(
            f"this simscaleai was built for MuJoCo {wanted}, but the package mujoco is"
            f" {mujoco.__version__}. Run `pip install mujoco=={wanted}`"
        )
