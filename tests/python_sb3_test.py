"""simscaleai.sb3.SimScaleVecEnv against Stable-Baselines3's own DummyVecEnv over single environments."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from simscaleai import SimScaleEnv
from simscaleai.sb3 import SimScaleVecEnv
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecMonitor, VecNormalize

N = 5
# Ends by itself and by time, as dict and as box, with info entries.
EASY = {"max_episode_steps": 9, "terminations": {"reached": {"params": {"distance": 0.3}}}}
TASKS = [("reach", EASY), ("hopper_v5", {"max_episode_steps": 30})]


def dummy(task: str, **options) -> DummyVecEnv:
    return DummyVecEnv([lambda: Monitor(SimScaleEnv(task, **options))] * N)


def assert_equal(ours, theirs, where: str) -> None:
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            assert_equal(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_equal(a, b, f"{where}[{i}]")
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=where)


@pytest.mark.parametrize(("task", "options"), TASKS, ids=["reach", "hopper"])
def test_equals_dummy_vec_env(task, options):
    ours, theirs = SimScaleVecEnv(task, N, num_threads=2, step_infos=True, **options), dummy(task, **options)
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    assert ours.seed(3) == theirs.seed(3)
    assert_equal(ours.reset(), theirs.reset(), "reset")
    assert_equal(ours.reset_infos, theirs.reset_infos, "reset_infos")
    ends = set()
    actions = np.random.default_rng(0).uniform(-1, 1, (60, N, *ours.action_space.shape)).astype(np.float32)
    for step, action in enumerate(actions):
        observations, rewards, dones, infos = ours.step(action)
        expected = theirs.step(action)
        assert_equal([observations, rewards, dones], list(expected[:3]), f"step {step}")
        for ended, info, other in zip(dones, infos, expected[3], strict=True):
            if ended:
                assert info.pop("is_success") == info["success"]
                for episode in (info["episode"], other["episode"]):
                    episode.pop("t")
                    episode["r"] = round(episode["r"], 5)
                ends.add(info["TimeLimit.truncated"])
        assert_equal(infos, expected[3], f"infos of step {step}")
        assert_equal(ours.reset_infos, theirs.reset_infos, f"reset_infos of step {step}")
    assert ends == {True, False}


def test_infos_are_those_of_ended_episodes_unless_asked_for():
    envs = SimScaleVecEnv("reach", N, seed=1, **EASY)
    envs.reset()
    for _ in range(20):
        _, _, dones, infos = envs.step(np.zeros((N, 4), np.float32))
        for done, info in zip(dones, infos, strict=True):
            assert (info == {}) != done
            if done:
                assert {"episode", "terminal_observation", "is_success", "distance"} <= info.keys()


def test_a_seed_names_the_run():
    def first(**options):
        return SimScaleVecEnv("reach", N, **options).reset()["target_pos"]

    np.testing.assert_array_equal(first(seed=4), first(seed=4))
    assert not np.array_equal(first(seed=4), first(seed=5))
    assert not np.array_equal(first(), first())


def test_options_set_states():
    envs = SimScaleVecEnv("hopper_v5", 2)
    space = envs.observation_space
    qpos = [np.array([0.0, 1.25 + 0.01 * row, 0, 0, 0, 0]) for row in range(2)]
    envs.set_options([{"qpos": q, "qvel": np.zeros(6)} for q in qpos])
    observations = envs.reset()
    np.testing.assert_allclose(observations[:, 0], [1.25, 1.26])
    assert observations.dtype == space.dtype
    envs.set_options([{"qpos": qpos[0]}, {}])
    with pytest.raises(ValueError, match="same parts in every row"):
        envs.reset()


def test_stable_baselines_wrappers_fit_around_it():
    for wrap in (VecMonitor, VecNormalize, lambda env: VecFrameStack(env, 3)):
        with pytest.warns() if wrap is VecMonitor else nullcontext():
            envs = wrap(SimScaleVecEnv("hopper_v5", N, seed=0, max_episode_steps=10))
        envs.reset()
        for _ in range(12):
            _, _, dones, infos = envs.step(np.zeros((N, 3), np.float32))
            assert all("episode" in info for done, info in zip(dones, infos, strict=True) if done)


def test_it_renders():
    envs = SimScaleVecEnv("reach", 2, "rgb_array", width=64, height=48)
    envs.reset()
    assert [picture.shape for picture in envs.get_images()] == [(48, 64, 3)] * 2
    assert envs.render().shape[2] == 3
    assert envs.get_attr("render_mode") == ["rgb_array"] * 2


def test_algorithms_learn_on_it():
    model = PPO("MultiInputPolicy", SimScaleVecEnv("reach", 4, seed=0), n_steps=64, batch_size=64, seed=0)
    model.learn(1024)
    assert model.num_timesteps == 1024
    assert len(model.ep_info_buffer) > 0  # without a Monitor of theirs
    mean, _ = evaluate_policy(model, SimScaleVecEnv("reach", 2, seed=9), n_eval_episodes=4)
    assert np.isfinite(mean)
    SAC("MlpPolicy", SimScaleVecEnv("hopper_v5", 2, seed=0), learning_starts=50, seed=0).learn(200)


def test_misuse_is_one_clear_error():
    with pytest.raises(TypeError, match="leave autoreset_mode out"):
        SimScaleVecEnv("reach", 2, autoreset_mode="disabled")
    envs = SimScaleVecEnv("reach", 2)
    with pytest.raises(NotImplementedError, match="no Python objects"):
        envs.env_method("get_state")
    with pytest.raises(ValueError, match="leave indices out"):
        envs.set_attr("copy", False, indices=[0])
    assert not envs.has_attr("nothing_like_this")
