"""simscaleai.load_policy: the same policy as the command's, from Python."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
import simscaleai
from gymnasium.vector import AutoresetMode


@pytest.fixture(scope="module")
def evaluated(made, simscale_in) -> dict:
    return json.loads(simscale_in(made)("eval", "run", "--n-episodes", 6, "--json", "-").stdout)


def episodes_of(report: dict) -> list[tuple]:
    return [(e["index"], e["success"], e["length"], e["return"]) for e in report["episodes"]]


def test_the_checkpoint_says_what_it_is(made, evaluated):
    policy = simscaleai.load_policy(made / "run")
    assert policy.info["env_name"] == "reach"
    assert policy.info["policy"] == "bc"
    assert policy.info["weights_hash"] == evaluated["checkpoint"]["weights_hash"]
    assert policy.info["model_hash"] == evaluated["model_hash"]
    assert policy.info["action_dim"] == 4
    assert policy.info["task_config"].startswith("name: reach")
    assert policy.info["torch_version"] == "2.13.0"
    env = simscaleai.make_env("reach")
    space = env.observation_space
    assert set(policy.observation_keys) <= set(space)
    assert all(space[key].shape == (size,) for key, size in policy.observation_keys.items())
    assert "bc policy for reach, step 200" in repr(policy)


def test_one_environment_plays_the_episodes_of_eval(made, evaluated):
    policy = simscaleai.load_policy(made / "run")
    env = simscaleai.make_env("reach")
    played = []
    seed = evaluated["episodes"][0]["seed"]
    for index in range(6):
        observation, _ = env.reset(seed=seed if index == 0 else None)
        policy.reset()
        total, length, ended = 0.0, 0, False
        while not ended:
            action = policy.act(observation)
            assert action.shape == (4,) and action.dtype == np.float32
            observation, reward, terminated, truncated, info = env.step(action)
            total, length, ended = total + reward, length + 1, terminated or truncated
        played.append((index, info["success"], length, total))
    assert played == episodes_of(evaluated)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_vector_plays_them_in_every_autoreset_mode(made, evaluated, mode):
    # Row i starts with episode i of the seed by its state, and counts its first episode alone.
    policy = simscaleai.load_policy(made / "run", n_action_steps=1)
    single = simscaleai.make_env("reach")
    states = []
    for index in range(6):
        single.reset(seed=evaluated["episodes"][0]["seed"] if index == 0 else None)
        states.append(single.get_state())
    whole = {key: np.stack([state[key] for state in states]) for key in states[0]}
    envs = simscaleai.make_vec("reach", 6, num_threads=2, autoreset_mode=mode)
    envs.reset(seed=0)
    observations, _ = envs.reset(options={"state": whole})
    policy.reset()
    length, total, result = np.zeros(6, int), np.zeros(6), [None] * 6
    ended = np.zeros(6, bool)
    for _ in range(250):
        observations, reward, terminated, truncated, info = envs.step(policy.act(observations))
        length, total = length + 1, total + reward
        before, ended = ended, terminated | truncated
        for row in np.flatnonzero(ended):
            if result[row] is None:
                told = info["final_info"] if mode == AutoresetMode.SAME_STEP else info
                result[row] = (row, bool(told["success"][row]), int(length[row]), float(total[row]))
        if mode == AutoresetMode.DISABLED and ended.any():
            fresh, _ = envs.reset(options={"reset_mask": ended})
            observations = fresh
        policy.reset(before if mode == AutoresetMode.NEXT_STEP else ended)
    assert result == episodes_of(evaluated)


def test_each_row_has_an_episode_of_its_own(made):
    # Row 1 begins anew, row 0 goes on: with a chunk of several actions only row 1 asks the network again.
    policy, other = (simscaleai.load_policy(made / "run") for _ in range(2))
    envs = simscaleai.make_vec("reach", 2, num_threads=1)
    first, _ = envs.reset(seed=5)
    second, _ = envs.reset(seed=9)
    np.testing.assert_array_equal(policy.act(first), other.act(first))
    policy.reset(np.array([False, True]))
    np.testing.assert_array_equal(policy.act(second)[0], other.act(second)[0])
    alone = simscaleai.load_policy(made / "run")
    np.testing.assert_array_equal(
        alone.act({key: value[1] for key, value in second.items()}),
        simscaleai.load_policy(made / "run").act(second)[1],
    )


def test_misuse_is_one_clear_error(made, tmp_path):
    load = simscaleai.load_policy
    with pytest.raises(ValueError, match="nothing_here"):
        load(tmp_path / "nothing_here")
    with pytest.raises(ValueError, match="device"):
        load(made / "run", device="tpu")
    with pytest.raises(ValueError, match="n_action_steps"):
        load(made / "run", n_action_steps=10_000)
    broken = shutil.copytree((made / "run" / "best").resolve(), tmp_path / "broken")
    (broken / "model.safetensors").write_bytes((broken / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        load(broken)
    policy = load(made / "run")
    observation, _ = simscaleai.make_env("reach").reset(seed=0)
    key, size = next(iter(policy.observation_keys.items()))
    with pytest.raises(ValueError, match=f"lacks '{key}'"):
        policy.act({k: v for k, v in observation.items() if k != key})
    with pytest.raises(ValueError, match=rf"'{key}' must have the shape \({size},\)"):
        policy.act({**observation, key: np.zeros(size + 1)})
    with pytest.raises(ValueError, match=f"must be finite, got nan in '{key}', row 0, component 0"):
        policy.act({**observation, key: np.full(size, np.nan)})
    with pytest.raises(ValueError, match="must be a dictionary"):
        policy.act(np.zeros(3))
    policy.act(observation)
    three = {k: np.tile(v, (3, 1)) for k, v in observation.items()}
    with pytest.raises(ValueError, match="acted for 1 rows, got 3"):
        policy.act(three)
    with pytest.raises(ValueError, match=r"rows must be \[1\] bool"):
        policy.reset(np.zeros(3, bool))
    with pytest.raises(ValueError, match="bool"):
        policy.reset(np.zeros(1))
    policy.reset()
    assert policy.act(three).shape == (3, 4)


@pytest.mark.parametrize(
    "order", ["import torch, simscaleai", "import simscaleai, torch", "import simscaleai"]
)
def test_it_shares_the_process_with_torch(made, order):
    code = f"""{order}
import sys, numpy as np
assert ("torch" in sys.modules) == {"torch" in order}
policy = simscaleai.load_policy({str(made / "run")!r})
observation = {{key: np.zeros(size) for key, size in policy.observation_keys.items()}}
print(policy.act(observation).tolist())
if {"torch" in order}:
    print(float(torch.nn.Linear(3, 3).double()(torch.zeros(3).double()).sum().backward() is None))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    policy = simscaleai.load_policy(made / "run")
    zeros = {key: np.zeros(size) for key, size in policy.observation_keys.items()}
    assert json.loads(done.stdout.splitlines()[0]) == policy.act(zeros).tolist()


def test_environments_alone_load_no_torch():
    code = "import sys, simscaleai, gymnasium; gymnasium.make('SimScale/Reach-v0').reset(seed=0);"
    code += "print('libtorch' in open('/proc/self/maps').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr


def test_a_wrapped_gymnasium_environment_plays_too(made):
    env = gymnasium.make("SimScale/Reach-v0")
    policy = simscaleai.load_policy(made / "run" / "latest")
    observation, _ = env.reset(seed=1)
    policy.reset()
    for _ in range(5):
        observation, *_ = env.step(policy.act(observation))
