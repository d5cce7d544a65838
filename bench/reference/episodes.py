"""What a vector environment went through, and MuJoCo's rollout playing it again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from mujoco import rollout

FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS


@dataclass
class Episode:
    """One row from a reset to the next (or to the recording's end)."""

    row: int
    qpos: np.ndarray  # at the reset
    qvel: np.ndarray
    begin: int  # its first control step
    end: int = 0  # one past its last
    first: np.ndarray | None = None  # qpos and qvel after the first control step, as far as observed
    last: np.ndarray | None = None  # and after the last


@dataclass
class Recording:
    episodes: list[Episode] = field(default_factory=list)
    control_steps: int = 0  # those that moved a row; a call that resets it did not
    resets: int = 0


class Layout:
    """Where Gymnasium's v5 observations hold qpos (without its first `hidden` numbers) and qvel."""

    def __init__(self, model: mujoco.MjModel, hidden: int) -> None:
        self.hidden = hidden
        self.nq, self.nv = model.nq, model.nv
        self.size = model.nq - hidden + model.nv

    def split(self, observation: np.ndarray, info: dict[str, Any], row: int) -> tuple[np.ndarray, np.ndarray]:
        names = ("x_position", "y_position")[: self.hidden]
        missing = [name for name in names if name not in info]
        if missing:
            raise KeyError(f"the info of a reset must hold {missing[0]}, to know the state it led to")
        qpos = np.concatenate([[info[name][row] for name in names], observation[: self.nq - self.hidden]])
        return qpos, observation[self.nq - self.hidden : self.size].copy()

    def of_state(self, state: np.ndarray) -> np.ndarray:
        """The same numbers out of MuJoCo's full physics state (time, qpos, qvel, ...)."""
        return state[1 + self.hidden : 1 + self.nq + self.nv]


def record(env: Any, actions: np.ndarray, layout: Layout, reset: dict[str, Any]) -> Recording:
    """Steps env (autoreset in the step after an episode's last) and notes each row's episodes."""
    observations, info = env.reset(**reset)
    recording = Recording()
    num_envs = len(observations)

    def begin(row: int, step: int) -> Episode:
        return Episode(row, *layout.split(observations[row], info, row), step)

    current: list[Episode | None] = [begin(row, 0) for row in range(num_envs)]
    for t, action in enumerate(actions):
        observations, _, terminated, truncated, info = env.step(action)
        done = terminated | truncated
        for row in range(num_envs):
            episode = current[row]
            if episode is None:  # this call was its reset
                current[row] = begin(row, t + 1)
                recording.resets += 1
                continue
            recording.control_steps += 1
            if t == episode.begin:
                episode.first = observations[row, : layout.size].copy()
            if done[row] or t + 1 == len(actions):
                episode.end = t + 1
                episode.last = observations[row, : layout.size].copy()
                recording.episodes.append(episode)
                current[row] = None
    return recording


class Rollout:
    """mujoco.rollout on a recording's episodes, in the form that is quickest for it.

    Episodes end at different steps, and one call takes episodes of one length. So each thread makes its own
    calls, an episode each (nthread=0; the GIL is released), and takes the longest that is left. That leaves
    no thread waiting for the others, and the states, which it has to write after each physics step, go
    into one buffer a thread. One pool with a call for each length is as quick on HalfCheetah, whose
    episodes are all of one length, and gave a third of it on Ant, where most calls held one episode.

    Resets are included, as in the environments: mj_resetData, the state, mj_forward.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        frame_skip: int,
        recording: Recording,
        actions: np.ndarray,
        threads: int,
    ) -> None:
        self.model = model
        self.frame_skip = frame_skip
        self.control_steps = recording.control_steps
        scratch = mujoco.MjData(model)
        self.work: list[tuple[Episode, tuple]] = []
        for episode in sorted(recording.episodes, key=lambda e: e.begin - e.end):
            control = np.repeat(actions[episode.begin : episode.end, episode.row], frame_skip, axis=0)
            self._reset(episode, scratch)
            state = np.empty(mujoco.mj_stateSize(model, FULL))
            mujoco.mj_getState(model, scratch, state, FULL)
            warmstart = scratch.qacc_warmstart.copy()
            arguments = (state[None], warmstart[None], control.astype(np.float64)[None])
            self.work.append((episode, arguments))
        longest = max(e.end - e.begin for e in recording.episodes) * frame_skip
        size = mujoco.mj_stateSize(model, FULL)
        self.data = [[mujoco.MjData(model)] for _ in range(threads)]
        self.states = [np.zeros((1, longest, size)) for _ in range(threads)]
        self.sensors = [np.zeros((1, longest, model.nsensordata)) for _ in range(threads)]
        self.pools = [rollout.Rollout(nthread=0) for _ in range(threads)]

    def _reset(self, episode: Episode, data: mujoco.MjData) -> None:
        mujoco.mj_resetData(self.model, data)
        data.qpos[:], data.qvel[:] = episode.qpos, episode.qvel
        mujoco.mj_forward(self.model, data)

    def _play(self, i: int, left: Iterator[tuple[Episode, tuple]], visit: Any = None) -> None:
        model, data, pool = [self.model], self.data[i], self.pools[i]
        for episode, (start, warmstart, control) in left:
            steps = control.shape[1]
            states, sensors = self.states[i][:, :steps], self.sensors[i][:, :steps]
            self._reset(episode, data[0])
            pool.rollout(
                model,
                data,
                start,
                control,
                skip_checks=True,
                nstep=steps,
                initial_warmstart=warmstart,
                state=states,
                sensordata=sensors,
                control_spec=int(mujoco.mjtState.mjSTATE_CTRL),
            )
            if visit is not None:
                visit(episode, states[0])

    def run(self) -> float:
        """Plays all episodes; control steps a second."""
        left = iter(self.work)  # a list's iterator may be shared: the GIL makes each step of it one
        others = [threading.Thread(target=self._play, args=(i, left)) for i in range(1, len(self.data))]
        begin = time.perf_counter()
        for thread in others:
            thread.start()
        self._play(0, left)
        for thread in others:
            thread.join()
        return self.control_steps / (time.perf_counter() - begin)

    def differences(self, layout: Layout) -> tuple[float, float]:
        """The largest difference in qpos and qvel from what was observed: after the first control
        step of an episode, and after the last."""
        first, last = [0.0], [0.0]

        def visit(episode: Episode, states: np.ndarray) -> None:
            after_first = layout.of_state(states[self.frame_skip - 1])
            first.append(float(np.abs(after_first - episode.first).max()))
            last.append(float(np.abs(layout.of_state(states[-1]) - episode.last).max()))

        self._play(0, iter(self.work), visit)
        return max(first), max(last)
