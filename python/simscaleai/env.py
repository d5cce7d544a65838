"""One environment as a gymnasium.Env."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import EzPickle

from simscaleai import _spaces
from simscaleai._core import Core
from simscaleai._window import Window, has_display

Observation = np.ndarray | dict[str, np.ndarray]


class SimScaleEnv(gymnasium.Env[Observation, np.ndarray], EzPickle):
    """One environment of a task.

    Observations: a dict of arrays (or one array, where the task says `observation_space: box`), each of
    its Box's shape and dtype, in SI units; new arrays in every call. Actions: [A] within action_space.
    An episode ends as `terminated` (the task's own end: success, failure) or `truncated` (its time limit).

    task: a packaged task's name or Gymnasium id, or the path of a task file.
    render_mode: None, "rgb_array", or "human": a window, where there is a display.
    seed: of the first episode if reset() is given none.
    width, height, camera: of pictures; pixels, and a camera of the model.
    training: whether the task's curriculum (if it has one) follows the successes.
    dump_dir: where the last good state is dumped if a state goes non-finite.
    overrides: settings of the task file, as in make_env.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["human", "rgb_array"] if has_display() else ["rgb_array"],
        "render_fps": 20,
    }

    def __init__(
        self,
        task: str | PathLike[str],
        render_mode: str | None = None,
        *,
        seed: int | None = None,
        width: int = 480,
        height: int = 480,
        camera: str | None = None,
        training: bool = True,
        dump_dir: str | PathLike[str] | None = None,
        **overrides: Any,
    ) -> None:
        arguments = dict(width=width, height=height, camera=camera, training=training, dump_dir=dump_dir)
        EzPickle.__init__(self, task, render_mode, seed=seed, **arguments, **overrides)
        self._window = Window.open(render_mode, width, height)
        self.render_mode = render_mode
        self._picture = (width, height, camera)
        self._core = core = Core(
            task,
            overrides,
            num_envs=1,
            num_threads=1,
            autoreset="disabled",
            seed=seed,
            training=training,
            dump_dir=dump_dir,
        )
        self.task_spec: dict[str, Any] = core.spec
        self.metadata = {**type(self).metadata, "render_fps": round(1 / core.spec["control_dt"])}
        self.observation_space = _spaces.observation_space(core.spec)
        self.action_space = _spaces.action_space(core.spec)
        self._action_shape = self.action_space.shape
        self._bind()

    def _bind(self) -> None:
        """Views of row 0 of the native results, which are the same memory in every step."""
        buffers = self._core.buffers
        self._observations = [(key, array[0]) for key, array in buffers["observations"].items()]
        self._reward, self._active = buffers["reward"], buffers["active"]
        self._terminated, self._truncated = buffers["terminated"], buffers["truncated"]
        self._success, self._non_finite = buffers["success"], buffers["non_finite"]
        self._terms, self._info = buffers["reward_terms"][0], buffers["info"][0]
        self._randomization = buffers["randomization"][0]

    @property
    def randomization_names(self) -> list[str]:
        """What the numbers of info["randomization"] are."""
        return self.task_spec["randomization"]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts episode 0 of `seed`; without one, the next episode of the last seed.

        options: qpos [nq], qvel [nv], act [na], ctrl [nu] set these after the task's own reset; `state`, what
        get_state() gave, restores all there is.
        """
        self._core.native  # noqa: B018 (says so if closed)
        super().reset(seed=seed)
        self._core.reset(np.zeros(1, np.int32), [seed], options, lambda: self.np_random)
        info = self._infos()
        if self.render_mode == "human":
            self.render()
        return self._observe(), info

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One control step. action: [A], float32 or float64."""
        if self._core._native is not None and not self._active.item():
            raise ResetNeeded("this episode has ended, or none has begun: call reset() before step()")
        self._core.step(action, self._action_shape)
        info = self._infos()
        self._core.layout.add_step(info, self._terms, self._success.item(), self._non_finite.item())
        if self.render_mode == "human":
            self.render()
        return (
            self._observe(),
            self._reward.item(),
            self._terminated.item(),
            self._truncated.item(),
            info,
        )

    def _observe(self) -> Observation:
        if self._core.spec["box"]:
            return self._observations[0][1].copy()
        return {key: array.copy() for key, array in self._observations}

    def _infos(self) -> dict[str, Any]:
        core = self._core
        info = core.layout.reset(self._info, self._randomization)
        if core.layout.has_level:
            info["level"] = float(core.native.levels()[0])
        return info

    def get_state(self) -> dict[str, Any]:
        """All that the rest of the episode depends on, for reset(options={"state": ...})."""
        return {key: value[0] for key, value in self._core.get_state().items()}

    def mujoco_model(self) -> Any:
        """The task's model as a mujoco.MjModel, a copy; what an episode randomises is not in it."""
        import mujoco

        return mujoco.MjModel.from_binary_path("task.mjb", {"task.mjb": self._core.native.model()})

    def render(self) -> np.ndarray | None:
        """rgb_array: [height, width, 3] uint8. human: shows it."""
        if self.render_mode is None:
            gymnasium.logger.warn('render() needs a render mode: make_env(..., render_mode="rgb_array")')
            return None
        picture = self._core.render(0, *self._picture)
        if self._window is None:
            return picture
        self._window.show(picture, self._core.spec["control_dt"])
        return None

    def close(self) -> None:
        """Lets the simulation go. A closed environment can only be closed again."""
        if self._window is not None:
            self._window.close()
        self._core.close()
