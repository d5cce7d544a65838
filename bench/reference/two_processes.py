"""A vector environment over worker processes, each with a SyncVectorEnv of its share.

Gymnasium's AsyncVectorEnv has a process for each environment and pickles each action; with cheap steps the
pipes then cost as much as the steps. Here actions and results lie in shared memory, and a pipe carries one
byte a worker and step: what a careful user with two cores would write.
"""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import SyncVectorEnv


def _shared(dtype: str, *shape: int) -> Any:
    return mp.RawArray("b", int(np.prod(shape)) * np.dtype(dtype).itemsize), dtype, shape


def _view(shared: Any) -> np.ndarray:
    buffer, dtype, shape = shared
    return np.frombuffer(buffer, dtype).reshape(shape)


RESET, STEP, QUIT, DONE = b"r", b"s", b"q", b"d"


def _work(pipe: Connection, make: Callable[[], gymnasium.Env], rows: slice, arrays: dict[str, Any]) -> None:
    views = {name: _view(shared)[rows] for name, shared in arrays.items()}
    env = SyncVectorEnv([make] * (rows.stop - rows.start), copy=False)
    while (command := pipe.recv_bytes()) != QUIT:
        if command == RESET:
            views["observations"][:] = env.reset(seed=rows.start)[0]
            pipe.send_bytes(DONE)
            continue
        observations, reward, terminated, truncated, _ = env.step(views["actions"])
        views["observations"][:] = observations
        views["reward"][:] = reward
        views["terminated"][:] = terminated
        views["truncated"][:] = truncated
        pipe.send_bytes(DONE)


class ProcessVectorEnv:
    """Box observations and actions only."""

    def __init__(self, make: Callable[[], gymnasium.Env], num_envs: int, processes: int) -> None:
        probe = make()
        self.single_action_space = probe.action_space
        self.arrays = {
            "actions": _shared("f4", num_envs, *probe.action_space.shape),
            "observations": _shared("f4", num_envs, *probe.observation_space.shape),
            "reward": _shared("f8", num_envs),
            "terminated": _shared("?", num_envs),
            "truncated": _shared("?", num_envs),
        }
        self.views = {name: _view(shared) for name, shared in self.arrays.items()}
        self.pipes, self.workers = [], []
        context = mp.get_context("fork")
        for i in range(processes):
            rows = slice(num_envs * i // processes, num_envs * (i + 1) // processes)
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(theirs, make, rows, self.arrays), daemon=True)
            worker.start()
            self.pipes.append(ours)
            self.workers.append(worker)

    def _command(self, command: bytes) -> None:
        for pipe in self.pipes:
            pipe.send_bytes(command)
        for pipe in self.pipes:
            pipe.recv_bytes()

    def reset(self) -> tuple[np.ndarray, dict]:
        self._command(RESET)
        return self.views["observations"].copy(), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        self.views["actions"][:] = actions
        self._command(STEP)
        results = ("observations", "reward", "terminated", "truncated")
        return *(self.views[name].copy() for name in results), {}

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.send_bytes(QUIT)
        for worker in self.workers:
            worker.join()
