"""Demonstrations: a dataset file as a map-style dataset, for torch's DataLoader among others."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from os import PathLike, fspath
from typing import Any

import numpy as np

from simscaleai import _data

_OBSERVATIONS = "observations/"
_CHUNKED = ("actions", "expert_actions")
_KEPT_EPISODES = 8  # with cache=False


class Dataset:
    """The steps of a dataset file, one item a step; torch's DataLoader takes it as it is.

        dataset = simscaleai.Dataset("demos.h5", n_obs_steps=2, horizon=16)
        loader = torch.utils.data.DataLoader(dataset, batch_size=256, shuffle=True, num_workers=2)

    An item is a dictionary of NumPy arrays by their names in the file: "observations/KEY", "actions", ...
    and "episode_index", "step_index". dataset[[3, 1, 2]] is a batch, gathered at once, and much quicker than
    joining items; DataLoader(dataset, sampler=BatchSampler(RandomSampler(dataset), 256, False),
    batch_size=None) asks for those.

    keys: which arrays; None: all observations and actions. Any array of the file may be named, "rewards" or
    "states" for example.
    n_obs_steps: an item's observations are the last so many, [n_obs_steps, ...], the present one last; those
    before the episode's first repeat it. None: the present one alone, without that axis.
    horizon: actions from the present one on, [horizon, A]; those past the episode's last repeat it, and are
    True in "actions_is_pad" [horizon]. None: the present one alone.
    episodes: which ones, by their place in the file; None: all.
    cache: True keeps the wanted arrays in memory from the first item on; False reads the episodes that are
    asked for, the last few of which are kept.
    Raises ValueError, one line, for what is no dataset or a damaged one, and for keys that it lacks.
    Threads may share it.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        keys: Sequence[str] | None = None,
        n_obs_steps: int | None = None,
        horizon: int | None = None,
        episodes: Iterable[int] | None = None,
        cache: bool = True,
    ) -> None:
        self.path = fspath(path)
        self.n_obs_steps, self.horizon = _count("n_obs_steps", n_obs_steps), _count("horizon", horizon)
        self.cache = cache
        self._open()
        reader = self._reader()
        #: what the file says of itself: env_name, task_config, seed, hashes, versions, ...
        self.meta: dict[str, Any] = reader.meta()
        #: names of all arrays that each episode of the file has
        self.array_names: list[str] = reader.arrays()
        self.keys = self._checked_keys(keys)
        infos = reader.episodes()
        places = range(len(infos)) if episodes is None else episodes
        #: [E] places in the file of the episodes that are used
        self.episode_places: list[int] = [_place(place, len(infos)) for place in places]
        #: [E] dictionaries: seed, index, length, success, return, language, outcome
        self.episodes: list[dict[str, Any]] = [infos[place] for place in self.episode_places]
        #: [E] one past each episode's last item
        self.episode_ends = np.cumsum([info["length"] for info in self.episodes], dtype=np.int64)
        self._begins = self.episode_ends - [info["length"] for info in self.episodes]

    def _checked_keys(self, keys: Sequence[str] | None) -> list[str]:
        if isinstance(keys, str):
            raise TypeError(f"keys must be a list of names, got the text {keys!r}")
        if keys is None:
            return [name for name in self.array_names if name.startswith(_OBSERVATIONS) or name == "actions"]
        unknown = [key for key in keys if key not in self.array_names]
        if unknown or not keys:
            what = f"holds no array {unknown[0]!r}" if unknown else "was asked for no array"
            raise ValueError(f"{self.path}: {what}; it has {', '.join(self.array_names)}")
        return list(keys)

    def __len__(self) -> int:
        return int(self.episode_ends[-1]) if len(self.episode_ends) else 0

    def __repr__(self) -> str:
        return (
            f"<Dataset {self.path}: {self.num_episodes} episodes, {len(self)} steps, {self.meta['env_name']}>"
        )

    @property
    def num_episodes(self) -> int:
        return len(self.episodes)

    @cached_property
    def stats(self) -> dict[str, Any]:
        """Of the whole file, every episode: counts, and of each array mean, std, min, max and quantiles."""
        return json.loads(self._reader().stats_json())

    def episode(self, number: int, keys: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """All steps of an episode, [T, ...] each; `keys`: of other arrays than the dataset's."""
        place = self.episode_places[_place(number, self.num_episodes)]
        return self._reader().read(place, self.keys if keys is None else self._checked_keys(keys))

    # --- Items ---

    def __getitem__(self, index: int | Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """The item of a step, or for a list of steps a batch: arrays [B, ...]."""
        if np.ndim(index) == 0:
            batch = self._batch(np.array([operator.index(index)]))  # type: ignore[arg-type]
            return {key: array[0] for key, array in batch.items()}
        return self._batch(np.asarray(index))

    def _batch(self, index: np.ndarray) -> dict[str, np.ndarray]:
        if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
            raise TypeError(f"an index must be an integer or a list of them, got {index.dtype} {index.shape}")
        steps = index.astype(np.int64)
        wrong = (steps < -len(self)) | (steps >= len(self))
        if wrong.any():
            raise IndexError(f"index {steps[wrong][0]} is out of range for {len(self)} steps")
        steps = np.where(steps < 0, steps + len(self), steps)
        episode = np.searchsorted(self.episode_ends, steps, side="right")
        batch: dict[str, np.ndarray] = {}
        for key in self.keys:
            window = self._window(key, steps, episode)
            batch[key] = self._gather(key, window, episode)
        if self.horizon is not None and any(key in _CHUNKED for key in self.keys):
            ahead = steps[:, None] + np.arange(self.horizon)
            batch["actions_is_pad"] = ahead >= self.episode_ends[episode, None]
        batch["episode_index"] = episode.astype(np.int64)
        batch["step_index"] = steps - self._begins[episode]
        return batch

    def _window(self, key: str, steps: np.ndarray, episode: np.ndarray) -> np.ndarray:
        """Which steps an item holds of an array: [B] or [B, T]."""
        if key.startswith(_OBSERVATIONS) and self.n_obs_steps is not None:
            past = steps[:, None] + np.arange(1 - self.n_obs_steps, 1)
            return np.maximum(past, self._begins[episode, None])
        if key in _CHUNKED and self.horizon is not None:
            ahead = steps[:, None] + np.arange(self.horizon)
            return np.minimum(ahead, self.episode_ends[episode, None] - 1)
        return steps

    def _gather(self, key: str, window: np.ndarray, episode: np.ndarray) -> np.ndarray:
        if self.cache:
            return self._everything[key][window]
        parts = [self._recent(int(e))[key][window[i] - self._begins[e]] for i, e in enumerate(episode)]
        return np.stack(parts) if parts else np.empty((0,))

    @cached_property
    def _everything(self) -> dict[str, np.ndarray]:
        parts = [self.episode(e) for e in range(self.num_episodes)]
        return {key: np.concatenate([part[key] for part in parts]) for key in self.keys}

    def _recent(self, number: int) -> dict[str, np.ndarray]:
        episode = self._kept.pop(number, None)
        if episode is None:
            episode = self.episode(number)
        self._kept[number] = episode  # the latest comes last
        for old in list(self._kept)[:-_KEPT_EPISODES]:
            self._kept.pop(old, None)
        return episode

    # --- Processes: each has its own open file ---

    def _open(self) -> None:
        self._native, self._process = _data.Reader(self.path), os.getpid()
        self._kept: dict[int, dict[str, np.ndarray]] = {}

    def _reader(self) -> Any:
        if self._process != os.getpid():
            self._open()
        return self._native

    def __getstate__(self) -> dict[str, Any]:
        left_out = {"_native", "_process", "_kept", "_everything"}
        return {key: value for key, value in self.__dict__.items() if key not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


def _count(name: str, value: int | None) -> int | None:
    if value is not None and operator.index(value) < 1:
        raise ValueError(f"{name} must be at least 1, or None, got {value}")
    return value


def _place(place: int, count: int) -> int:
    number = operator.index(place)
    if not -count <= number < count:
        raise IndexError(f"episode {number} is out of range for {count} episodes")
    return number % count
