"""The tasks in examples/robots: what their README says of each, with robots that nothing else here uses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import gymnasium
import h5py
import numpy as np
import pytest
import simscaleai
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env

FOLDER = Path(__file__).resolve().parent.parent / "examples/robots"
FILES = sorted(FOLDER.glob("*.yaml"))
EACH = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_there_are_an_arm_a_hand_and_a_legged_robot():
    assert [file.stem for file in FILES] == ["arm_reach", "hand_turn", "quadruped_walk"]
    readme = (FOLDER / "README.md").read_text()
    assert all(f"]({file.name})" in readme for file in FILES)


def readme_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)


def test_the_readmes_first_lines_are_a_task(simscale, tmp_path):
    (tmp_path / "my_arm.yaml").write_text(readme_blocks("yaml")[0])
    told = simscale("doctor", "--task", "my_arm.yaml", "--episodes", 2).stdout
    assert re.search(r"joints +joint_positions +\[6\]", told)
    assert "the task works" in told


def test_the_readmes_learner_learns(monkeypatch):
    monkeypatch.chdir(FOLDER)
    names: dict = {}
    exec(readme_blocks("python")[0].replace("120_000", "2_048"), names)
    assert names["model"].num_timesteps == 2048


@EACH
@pytest.mark.parametrize("preset", ["none", "light", "full"])
def test_doctor_finds_nothing_wrong(simscale, file, preset):
    told = simscale("doctor", "--task", file, "--randomize", preset, "--episodes", 10).stdout
    assert "the task works" in told
    assert "PROBLEM" not in told


@EACH
@pytest.mark.parametrize("policy", ["zero", "random"])
@pytest.mark.parametrize("preset", ["none", "full"])
def test_simple_agents_play_it_and_seldom_succeed(simscale, file, policy, preset):
    flags = ["--policy", policy, "--env-name", file, "--randomize", preset, "--n-episodes", 12]
    report = json.loads(simscale("eval", *flags, "--json", "-").stdout)
    assert report["env"] == file.stem
    assert len(report["episodes"]) == 12
    assert all(np.isfinite(episode["return"]) for episode in report["episodes"])
    assert report["successes"] <= 3, "it asks for no skill"


@EACH
@pytest.mark.parametrize("preset", ["none", "full"])
def test_datagen_writes_what_check_and_replay_accept(simscale, tmp_path, file, preset):
    flags = ["--policy", "random", "--keep-failures", "--n-episodes", 4, "max_tries=4"]
    simscale("datagen", "--env-name", file, "--randomize", preset, *flags, "--output", "data.h5")
    assert "data.h5: ok: 4 episodes" in simscale("data", "check", "data.h5").stdout
    assert "4 of 4 episodes replay bit for bit" in simscale("data", "replay", "--verify", "data.h5").stdout
    env = simscaleai.make_env(file)
    spaces = env.observation_space
    names = spaces.spaces if isinstance(spaces, gymnasium.spaces.Dict) else {"observation": spaces}
    with h5py.File(tmp_path / "data.h5") as data:
        for demo in data["data"].values():
            assert set(demo["obs"]) == set(names)
            assert all(demo["obs"][name].shape[1:] == space.shape for name, space in names.items())
            assert demo["actions"].shape[1:] == env.action_space.shape


@EACH
def test_succeeding_pays_more_than_staying(file):
    """The best step without success, but for progress (which two metres bound), to the end of an episode."""
    bonus = float(re.search(r"success: \{term: success, weight: ([\d.]+)\}", file.read_text())[1])
    env = simscaleai.make_env(file)
    env.action_space.seed(0)
    others = {"progress", "reward_success", "success", "level", "randomization", "non_finite"}
    best = 0.0
    for seed in range(5):
        _, info = env.reset(seed=seed)
        ended = False
        while not ended:
            _, _, terminated, truncated, info = env.step(env.action_space.sample())
            ended = terminated or truncated
            best = max(best, sum(info[term] for term in info.keys() - others))
    steps = int(re.search(r"max_episode_steps: (\d+)", file.read_text())[1])
    assert bonus > best * steps


@pytest.mark.parametrize("preset", ["none", "light", "full"])
def test_a_feedback_brings_the_arm_to_every_target(preset):
    env = simscaleai.make_env(FOLDER / "arm_reach.yaml", training=False, randomize=preset)
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended:
            # to_target comes in fifths of a metre; an action of 1 is 5 cm.
            action = np.clip(observation["to_target"] / 5 / 0.05, -1, 1)
            observation, _, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        assert info["success"], f"seed {seed}"


@EACH
@pytest.mark.parametrize("preset", ["none", "full"])
def test_stable_baselines_trains_on_it(file, preset):
    check_env(simscaleai.make_env(file, randomize=preset))
    envs = make_vec_env(lambda: simscaleai.make_env(file, randomize=preset), n_envs=2, seed=0)
    by_key = isinstance(envs.observation_space, gymnasium.spaces.Dict)
    policy = "MultiInputPolicy" if by_key else "MlpPolicy"
    model = PPO(policy, envs, n_steps=64, batch_size=64, n_epochs=2, seed=0, device="cpu")
    before = [value.clone() for value in model.policy.parameters()]
    model.learn(256)
    after = list(model.policy.parameters())
    assert all(value.isfinite().all() for value in after)
    assert any(not old.equal(new) for old, new in zip(before, after, strict=True))
