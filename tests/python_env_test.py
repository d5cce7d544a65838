"""simscaleai's single environment: Gymnasium's contract, seeds, states, errors, other processes."""

from __future__ import annotations

import copy
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
import simscaleai
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.utils.env_checker import check_env
from python_sameness import assert_same

OURS = [env_id for env_id in simscaleai.list_envs() if env_id.endswith("-v0")]
V5 = [env_id for env_id in simscaleai.list_envs() if env_id.endswith("-v5")]


def rollout(env, steps: int, seed: int = 0) -> list:
    """Everything that `steps` steps of fixed random actions give, resets included."""
    generator = np.random.default_rng(seed)
    given = [env.reset(seed=seed)]
    for _ in range(steps):
        given.append(env.step(generator.uniform(-1, 1, env.action_space.shape)))
        if given[-1][2] or given[-1][3]:
            given.append(env.reset())
    return given


@pytest.mark.parametrize("env_id", OURS)
def test_check_env_has_nothing_to_say(env_id):
    env = gymnasium.make(env_id).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)
    env.close()


@pytest.mark.parametrize("env_id", V5)
def test_check_env_says_of_v5_what_it_says_of_gymnasiums_own(env_id):
    def told(env) -> set[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            check_env(env, skip_render_check=True)
        env.close()
        return {str(warning.message) for warning in caught}

    theirs = told(gymnasium.make(env_id.removeprefix("SimScale/")).unwrapped)
    assert told(gymnasium.make(env_id).unwrapped) <= theirs
    # Such as that the observations have no bounds.
    assert all("space" in message for message in theirs)


@pytest.mark.parametrize("env_id", V5)
def test_v5_spaces_are_gymnasiums(env_id):
    ours, theirs = gymnasium.make(env_id), gymnasium.make(env_id.removeprefix("SimScale/"))
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    ours.close()
    theirs.close()


def test_names_and_ids_mean_the_same():
    by_name = simscaleai.make_env("pick_place")
    by_id = simscaleai.make_env("SimScale/PickPlace-v0")
    registered = gymnasium.make("SimScale/PickPlace-v0")
    assert registered.spec.id == "SimScale/PickPlace-v0"
    actions = np.linspace(-1, 1, 4)
    for env in (by_id, registered):
        by_name.reset(seed=3)
        env.reset(seed=3)
        assert_same(env.step(actions), by_name.step(actions))
    with pytest.raises(ValueError, match=r"unknown task 'pick_plac'.*'pick_place'"):
        simscaleai.make_env("pick_plac")


def test_spaces_and_types_of_a_dict_task():
    env = simscaleai.make_env("pick_place")
    observation, info = env.reset(seed=0)
    assert list(observation) == list(env.observation_space.spaces)
    assert {key: value.shape for key, value in observation.items()} == {
        "joint_pos": (7,),
        "joint_vel": (7,),
        "ee_pos": (3,),
        "ee_quat": (4,),
        "gripper_state": (1,),
        "object_pos": (3,),
        "object_quat": (4,),
        "target_pos": (3,),
    }
    assert all(value.dtype == np.float32 for value in observation.values())
    assert observation in env.observation_space
    assert env.action_space == gymnasium.spaces.Box(-1, 1, (4,), np.float32)
    _, reward, terminated, truncated, info = env.step(np.zeros(4, np.float32))
    assert type(reward) is float
    assert terminated is False and truncated is False
    terms = ["approach", "grasp", "lift", "place", "time", "reward_success"]
    assert reward == pytest.approx(sum(info[term] for term in terms), abs=1e-12)
    assert info["time"] == -1.0 and info["success"] is False and info["non_finite"] is False


def test_a_seed_tells_all_and_episodes_go_on_from_it():
    first, second = simscaleai.make_env("reach"), simscaleai.make_env("reach")
    assert_same(rollout(first, 450, seed=7), rollout(second, 450, seed=7))
    targets = [rollout(first, 0, seed=seed)[0][0]["target_pos"] for seed in (7, 8)]
    assert not np.array_equal(*targets)
    second.reset(seed=7)
    assert not np.array_equal(second.reset()[0]["target_pos"], targets[0]), "the next episode is another"


def test_without_a_seed_each_environment_is_its_own():
    first, second = simscaleai.make_env("reach"), simscaleai.make_env("reach")
    assert not np.array_equal(first.reset()[0]["target_pos"], second.reset()[0]["target_pos"])
    given = [simscaleai.make_env("reach", seed=5).reset()[0]["target_pos"] for _ in range(2)]
    np.testing.assert_array_equal(*given)
    np.testing.assert_array_equal(given[0], first.reset(seed=5)[0]["target_pos"])


def test_float32_and_float64_actions_and_lists():
    env = simscaleai.make_env("reach")
    results = []
    for action in (np.float32([0.5, -0.25, 1, 0]), np.array([0.5, -0.25, 1, 0]), [0.5, -0.25, 1, 0]):
        env.reset(seed=1)
        results.append(env.step(action))
    assert_same(results[1], results[0])
    assert_same(results[2], results[0])


def test_time_limit_is_a_truncation():
    env = simscaleai.make_env("reach", max_episode_steps=5)
    env.reset(seed=0)
    ends = [env.step(np.zeros(4))[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]
    with pytest.raises(ResetNeeded, match=r"call reset\(\)"):
        env.step(np.zeros(4))


def test_overrides_reach_the_task_file():
    env = simscaleai.make_env(
        "reach", scene={"timestep": 0.005}, control_rate=10, **{"rewards.success.weight": np.float64(3)}
    )
    assert env.task_spec["control_dt"] == pytest.approx(0.1)
    assert env.metadata["render_fps"] == 10
    assert "weight: 3" in env.task_spec["yaml"]
    with pytest.raises(ValueError, match=r"max_episode_step.*'max_episode_steps'"):
        simscaleai.make_env("reach", max_episode_step=5)
    with pytest.raises(ValueError, match=r"rewards\.success\.weight"):
        simscaleai.make_env("reach", rewards={"success": {"weight": "much"}})
    with pytest.raises(ValueError, match="control_rate: a task's setting is a number"):
        simscaleai.make_env("reach", control_rate=object())
    with pytest.raises(ValueError, match="control_rate"):
        simscaleai.make_env("reach", control_rate=float("nan"))


def test_a_task_file_of_ones_own(tmp_path):
    file = tmp_path / "near.yaml"
    file.write_text("defaults: [reach]\nname: near\nmax_episode_steps: 3\n")
    env = simscaleai.make_env(file)
    assert env.task_spec["name"] == "near" and env.task_spec["max_episode_steps"] == 3
    with pytest.raises(ValueError, match=r"nowhere\.yaml: "):
        simscaleai.make_env(tmp_path / "nowhere.yaml")


def test_options_set_the_state():
    env = gymnasium.make("SimScale/HalfCheetah-v5").unwrapped
    qpos, qvel = np.linspace(-0.2, 0.2, 9), np.linspace(0.3, -0.3, 9)
    observation, _ = env.reset(seed=0, options={"qpos": qpos, "qvel": qvel})
    np.testing.assert_array_equal(observation, np.concatenate([qpos[1:], qvel]))
    observation, _ = env.reset(options={"qvel": qvel})
    np.testing.assert_array_equal(observation[8:], qvel)
    assert not np.array_equal(observation[:8], qpos[1:])
    with pytest.raises(
        ValueError, match=r"options\['qpos'\] must have the shape \(9,\) or \(1, 9\), got \(8,\)"
    ):
        env.reset(options={"qpos": np.zeros(8)})
    with pytest.raises(ValueError, match="no option 'qpso'; it knows qpos, qvel, act, ctrl, state"):
        env.reset(options={"qpso": qpos})
    with pytest.raises(ValueError, match="finite"):
        env.reset(options={"qpos": np.full(9, np.nan)})


def test_a_saved_state_goes_on_with_the_same_bits():
    env, other = simscaleai.make_env("pick_place"), simscaleai.make_env("pick_place")
    rollout(env, 20, seed=4)
    saved = env.get_state()
    actions = np.random.default_rng(1).uniform(-1, 1, (30, 4))
    went_on = [env.step(action) for action in actions]
    other.reset(seed=99)
    observation, _ = other.reset(options={"state": saved})
    np.testing.assert_array_equal(other.get_state()["state"], saved["state"])
    assert observation in other.observation_space
    assert_same([other.step(action) for action in actions], went_on)
    assert_same(other.reset(), env.reset())
    with pytest.raises(ValueError, match="whole state: give no seed"):
        other.reset(seed=1, options={"state": saved})
    with pytest.raises(ValueError, match=r"has \d+ numbers.*got \(3,\)"):
        other.reset(options={"state": {**saved, "state": np.zeros(3)}})


def test_rgb_array():
    env = gymnasium.make("SimScale/PickPlace-v0", render_mode="rgb_array", width=96, height=64)
    env.reset(seed=0)
    first = env.render()
    assert first.shape == (64, 96, 3) and first.dtype == np.uint8
    assert first.std() > 10, "there is something to see"
    for _ in range(5):
        env.step(np.array([1, 1, 1, 1]))
    second = env.render()
    assert np.abs(second.astype(int) - first).max() > 30, "the arm has moved"
    with pytest.raises(ValueError, match="camera"):
        bad = simscaleai.make_env("reach", render_mode="rgb_array", camera="nowhere")
        bad.reset()
        bad.render()
    with pytest.raises(ValueError, match="render_mode must be None, 'rgb_array' or 'human', got 'ansi'"):
        simscaleai.make_env("reach", render_mode="ansi")


def test_human_without_a_display_is_one_clear_error(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(RuntimeError, match=r"needs a display.*use render_mode='rgb_array'"):
        simscaleai.make_env("reach", render_mode="human")


def test_closed_and_unstarted_environments_say_so():
    env = simscaleai.make_env("reach")
    with pytest.raises(ResetNeeded, match="none has begun"):
        env.step(np.zeros(4))
    env.close()
    env.close()
    for use in (env.reset, lambda: env.step(np.zeros(4)), env.get_state):
        with pytest.raises(ClosedEnvironmentError, match="has been closed"):
            use()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros(3), r"must have the shape \(4,\), got \(3,\)"),
        (np.zeros((1, 4)), r"must have the shape \(4,\), got \(1, 4\)"),
        (np.array([0, np.nan, 0, 0]), r"must be finite, got nan.*component 1 \(dy\)"),
    ],
)
def test_bad_actions_are_value_errors_and_move_nothing(action, message):
    env = simscaleai.make_env("reach")
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(ValueError, match=message):
        env.step(action)
    assert_same(env.get_state(), before)


def test_pickled_and_copied_environments_are_made_anew():
    env = simscaleai.make_env("reach", seed=11, max_episode_steps=7)
    expected = env.reset()
    for other in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        assert other.task_spec["max_episode_steps"] == 7
        assert_same(other.reset(), expected)
