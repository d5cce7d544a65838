"""simscaleai among other processes and threads: fork, spawn, the interpreter's lock, what is left behind."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from python_sameness import assert_same
from simscaleai import SimScaleEnv, SimScaleVectorEnv
from stable_baselines3.common.vec_env import SubprocVecEnv

N = 5


def actions_for(env, steps: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (steps, *env.action_space.shape))


def answer_of_child(method: str, target, *arguments):
    """What target(*arguments, connection) sends from a process started by `method`."""
    context = multiprocessing.get_context(method)
    ours, childs = context.Pipe()
    child = context.Process(target=target, args=(*arguments, childs))
    child.start()
    assert ours.poll(120), f"the child did not answer (exit code {child.exitcode})"
    answer = ours.recv()
    child.join(60)
    assert child.exitcode == 0
    return answer


def _steps(env, actions, connection) -> None:
    connection.send([env.step(action) for action in actions])
    connection.close()


def _reset_and_steps(env, actions, connection) -> None:
    env.reset(seed=6)
    _steps(env, actions, connection)


@pytest.mark.parametrize("make", [SimScaleEnv, SimScaleVectorEnv])
def test_a_spawned_process_gets_an_environment_by_pickle(make):
    env = make("reach") if make is SimScaleEnv else make("reach", N, num_threads=2)
    env.reset(seed=6)
    actions = actions_for(env, 20)
    theirs = answer_of_child("spawn", _reset_and_steps, env, actions)
    assert_same([env.step(action) for action in actions], theirs)
    if make is SimScaleVectorEnv:
        assert pickle.loads(pickle.dumps(env)).num_threads == 2


@pytest.mark.parametrize("make", [SimScaleEnv, SimScaleVectorEnv])
def test_a_forked_process_goes_on_in_the_middle_of_the_episodes(make):
    """With threads of its own, while the parent goes on too."""
    env = make("reach") if make is SimScaleEnv else make("reach", N, num_threads=2)
    env.reset(seed=6)
    actions = actions_for(env, 30)
    for action in actions[:10]:
        env.step(action)
    theirs = answer_of_child("fork", _steps, env, actions[10:])
    assert_same([env.step(action) for action in actions[10:]], theirs)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_gymnasiums_and_stable_baselines_own_worker_processes(method):
    def make():
        return gymnasium.make("simscaleai:SimScale/Reach-v0")

    here = SimScaleVectorEnv("reach", 3)
    actions = actions_for(here, 15).astype(np.float32)
    expected = [here.reset(seed=1)[0], *(here.step(action)[0] for action in actions)]

    workers = SubprocVecEnv([make] * 3, start_method=method)
    workers.seed(1)
    given = [workers.reset(), *(workers.step(action)[0] for action in actions)]
    workers.close()
    assert_same([dict(observations) for observations in given], expected)

    workers = gymnasium.vector.AsyncVectorEnv([make] * 3, context=method)
    given = [workers.reset(seed=1)[0], *(workers.step(action)[0] for action in actions)]
    workers.close()
    assert_same(given, expected)


def _first_frame(envs, connection) -> None:
    try:
        connection.send(envs.render()[0].shape)
    except RuntimeError as error:
        connection.send(str(error))
    connection.close()


def _render_after_fork(drawn_before: bool) -> None:
    """The main of a process of its own, since OpenGL is used once a process."""
    envs = SimScaleVectorEnv("reach", 1, render_mode="rgb_array", width=32, height=24)
    envs.reset(seed=0)
    if drawn_before:
        envs.render()
    print(answer_of_child("fork", _first_frame, envs))


@pytest.mark.parametrize(
    ("drawn_before", "answer"), [(False, "(24, 32, 3)"), (True, "OpenGL does not survive a fork")]
)
def test_a_forked_process_draws_if_its_parent_has_not(drawn_before, answer):
    script = f"from python_processes_test import _render_after_fork; _render_after_fork({drawn_before})"
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    assert answer in result.stdout


def test_other_threads_work_while_it_steps():
    """The interpreter's lock is released: a thread counts on while one call of step runs."""
    envs = SimScaleVectorEnv("pick_place", 256, num_threads=1)
    envs.reset(seed=0)
    actions = actions_for(envs, 1)[0]
    counted, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    thread.start()
    inside = []
    for _ in range(5):
        before = counted[0]
        envs._core.native.step(actions)
        inside.append(counted[0] - before)
    stop.set()
    thread.join()
    # A call takes tens of milliseconds; had it kept the lock, the others would get in around it only.
    assert np.median(inside) > 100, inside


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def num_threads() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Threads:")).split()[1])


def test_making_and_closing_leaves_nothing_behind():
    def cycle(count: int) -> None:
        for _ in range(count):
            envs = SimScaleVectorEnv("inverted_pendulum_v5", 2, num_threads=2)
            envs.reset(seed=0)
            envs.step(np.zeros((2, 1)))
            envs.close()

    cycle(30)
    memory, threads = resident_bytes(), num_threads()
    cycle(200)
    assert resident_bytes() - memory < 4e6
    assert num_threads() == threads
