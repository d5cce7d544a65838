"""N environments in one native batch as a gymnasium.vector.VectorEnv."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import EzPickle
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from simscaleai import _spaces
from simscaleai._core import Core
from simscaleai._step_copies import StepCopies

Observation = np.ndarray | dict[str, np.ndarray]
_MODES = {
    AutoresetMode.NEXT_STEP: "next_step",
    AutoresetMode.SAME_STEP: "same_step",
    AutoresetMode.DISABLED: "disabled",
}


class SimScaleVectorEnv(VectorEnv[Observation, np.ndarray, np.ndarray], EzPickle):
    """N environments of a task, stepped together on `num_threads` threads, without Python's lock.

    What it gives equals gymnasium.vector.SyncVectorEnv over N SimScaleEnv, in each of the three autoreset
    modes: observations [N, ...], reward [N] float64, terminated and truncated [N] bool, and infos with an
    array a key and under "_key" which rows it holds for.

    copy: True gives arrays that stay as they are for as long as you hold them. False gives views of the
    native memory (observations, reward, terminated and truncated): nothing is copied, and they hold until
    the next step or reset. Either kind goes to other libraries by DLPack without a copy, e.g.
    torch.from_dlpack(observation).
    num_threads: None takes as many as there are cores for this process, at most num_envs.
    The other arguments are SimScaleEnv's.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(
        self,
        task: str | PathLike[str],
        num_envs: int = 1,
        render_mode: str | None = None,
        *,
        num_threads: int | None = None,
        copy: bool = True,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        seed: int | None = None,
        width: int = 480,
        height: int = 480,
        camera: str | None = None,
        training: bool = True,
        dump_dir: str | PathLike[str] | None = None,
        **overrides: Any,
    ) -> None:
        mode = AutoresetMode(autoreset_mode)
        arguments = dict(width=width, height=height, camera=camera, training=training, dump_dir=dump_dir)
        EzPickle.__init__(
            self,
            task,
            num_envs,
            render_mode,
            num_threads=num_threads,
            copy=copy,
            autoreset_mode=mode,
            seed=seed,
            **arguments,
            **overrides,
        )
        if render_mode not in (None, "rgb_array"):
            raise ValueError(
                f"render_mode of a vector must be None or 'rgb_array', got {render_mode!r};"
                " for a window use make_env(..., render_mode='human')"
            )
        self.render_mode, self._picture = render_mode, (width, height, camera)
        self.copy, self.autoreset_mode = copy, mode
        self._core = core = Core(
            task,
            overrides,
            num_envs=num_envs,
            num_threads=num_threads,
            autoreset=_MODES[mode],
            seed=seed,
            training=training,
            dump_dir=dump_dir,
        )
        self.num_envs, self.num_threads = num_envs, core.spec["num_threads"]
        self.task_spec: dict[str, Any] = core.spec
        self.metadata = {
            **type(self).metadata,
            "render_fps": round(1 / core.spec["control_dt"]),
            "autoreset_mode": mode,
        }
        self.single_observation_space = _spaces.observation_space(core.spec)
        self.single_action_space = _spaces.action_space(core.spec)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._action_shape = self.action_space.shape
        self._is_dict = not core.spec["box"]
        self._started = False
        self._any_ended = False
        self._bind()

    def _bind(self) -> None:
        buffers = self._core.buffers
        self._observations = buffers["observations"]
        self._final_observations = buffers["final_observations"]
        self._reward = buffers["reward"]
        self._terminated, self._truncated = buffers["terminated"], buffers["truncated"]
        self._success, self._non_finite = buffers["success"], buffers["non_finite"]
        self._terms, self._info = buffers["reward_terms"], buffers["info"]
        self._randomization = buffers["randomization"]
        #: [N] rows whose episode ended in the last step, and those that took one in it
        self._ended, self._stepped = buffers["ended"], buffers["stepped"]
        self._copies = StepCopies(self._core.layout, buffers, everything=self.copy)

    @property
    def randomization_names(self) -> list[str]:
        """What the columns of infos["randomization"] are."""
        return self.task_spec["randomization"]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts an episode in every row, or in those of options["reset_mask"] ([N] bool).

        seed: row i gets seed + i, or its own of a list; rows without one go on with their last seed's next
        episode. options: as SimScaleEnv.reset, each for all rows or one a row: qpos [nq] or [N, nq], ...
        """
        self._core.native  # noqa: B018 (says so if closed)
        options = dict(options or {})
        mask = self._reset_mask(options.pop("reset_mask", None))
        if not self._started and not mask.all():
            raise ResetNeeded("the first reset must start every environment, but reset_mask leaves some out")
        if isinstance(seed, (int, np.integer)):
            super().reset(seed=int(seed))
            seeds: list[int | None] = [int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = [None] * self.num_envs if seed is None else list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed must be a number or num_envs={self.num_envs} of them, got {len(seeds)}")
        rows = np.flatnonzero(mask).astype(np.int32)
        self._core.reset(rows, [seeds[row] for row in rows], options, lambda: self.np_random)
        self._started = True
        self._any_ended = bool(self._ended.any())
        return self._observe(), self._always(self._info, self._randomization, mask)

    def _reset_mask(self, mask: Any) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            kind = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
            raise TypeError(f"options['reset_mask'] must be a NumPy array of bool, got {kind}")
        if mask.shape != (self.num_envs,):
            raise ValueError(
                f"options['reset_mask'] must have the shape ({self.num_envs},), got {mask.shape}"
            )
        if not mask.any():
            raise ValueError("options['reset_mask'] must name at least one environment, got none")
        return mask

    def step(
        self, actions: np.ndarray
    ) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One control step of every row. actions: [N, A], float32 or float64."""
        self._core.native  # noqa: B018 (says so if closed)
        if not self._started:
            raise ResetNeeded("call reset() before step()")
        if self._any_ended and self.autoreset_mode == AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"the episodes of environments {np.flatnonzero(self._ended).tolist()} have ended:"
                " reset them with reset(options={'reset_mask': ...}) before the next step"
            )
        self._any_ended, num_stepped = self._core.step(actions, self._action_shape)
        stepped = None if num_stepped == self.num_envs else self._stepped
        results = self._copies.take(stepped)
        infos = self._infos(results, num_stepped)
        if not self.copy:
            return self._observe(), self._reward, self._terminated, self._truncated, infos
        observations = results.observations
        observations = observations.copy() if self._is_dict else next(iter(observations.values()))
        return observations, results.reward, results.terminated, results.truncated, infos

    def _observe(self) -> Observation:
        if not self._is_dict:
            (array,) = self._observations.values()
            return array.copy() if self.copy else array
        if self.copy:
            return {key: array.copy() for key, array in self._observations.items()}
        return dict(self._observations)

    def _infos(self, results: Any, num_stepped: int) -> dict[str, Any]:
        infos: dict[str, Any] = (results.infos if num_stepped > 0 else results.always).copy()
        self._add_level(infos, np.True_)
        if self._any_ended and self.autoreset_mode == AutoresetMode.SAME_STEP:
            infos.update(self._final(self._ended))
        return infos

    def _always(self, info: np.ndarray, randomization: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
        infos = self._core.layout.vector_reset(info, randomization, rows)
        self._add_level(infos, rows)
        return infos

    def _add_level(self, infos: dict[str, Any], rows: np.ndarray | np.bool_) -> None:
        if self._core.layout.has_level:
            infos["level"] = np.where(rows, self._core.native.levels(), 0.0)
            infos["_level"] = np.full(self.num_envs, rows)

    def _final(self, ended: np.ndarray) -> dict[str, Any]:
        """What the rows that have just been reset gave last."""
        buffers, layout = self._core.buffers, self._core.layout
        final_obs = np.full(self.num_envs, None, object)
        for row in np.flatnonzero(ended):
            arrays = {key: array[row].copy() for key, array in self._final_observations.items()}
            final_obs[row] = arrays if self._is_dict else next(iter(arrays.values()))
        final_info = self._always(buffers["final_info"], buffers["final_randomization"], ended)
        layout.add_vector_step(final_info, self._terms, self._success, self._non_finite, ended)
        return {
            "final_obs": final_obs,
            "_final_obs": ended.copy(),
            "final_info": final_info,
            "_final_info": ended.copy(),
        }

    def get_state(self) -> dict[str, np.ndarray]:
        """All that the episodes' rests depend on, for reset(options={"state": ...})."""
        return self._core.get_state()

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture a row, [height, width, 3] uint8."""
        if self.render_mode is None:
            gymnasium.logger.warn('render() needs a render mode: make_vec(..., render_mode="rgb_array")')
            return None
        return tuple(self._core.render(row, *self._picture) for row in range(self.num_envs))

    def close_extras(self, **_: Any) -> None:
        """Lets the simulations go. Views that copy=False gave stay readable while somebody holds them."""
        self._core.close()
        del self._copies
        for name in ("_observations", "_final_observations"):
            setattr(self, name, {})
