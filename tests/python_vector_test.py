"""simscaleai's vector environment against gymnasium.vector.SyncVectorEnv over the single one."""

from __future__ import annotations

import copy
import warnings

import gymnasium
import numpy as np
import pytest
import simscaleai
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.utils.performance import benchmark_vector_step
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from python_sameness import assert_same
from simscaleai import SimScaleEnv, SimScaleVectorEnv

N = 5
RANDOMIZATION = {
    "mass": {"term": "body_mass", "params": {"bodies": ["cube"]}, "range": [0.5, 2.0]},
    "damping": {"term": "joint_damping", "params": {"joints": ["joint*"]}, "range": [0.8, 1.2]},
}
CURRICULUM = {"enabled": True, "window": 1, "step": 0.5}
INFO = {"hand": {"term": "frame_position", "params": {"frame": "ee"}}}
EASY = {"max_episode_steps": 9, "terminations": {"reached": {"params": {"distance": 0.3}}}}
# Ends by itself and by time; dict and box; with info entries, with randomised numbers.
TASKS = [
    ("hopper_v5", {"max_episode_steps": 30}),
    ("reach", EASY),
    ("pick_place", {"max_episode_steps": 6, "randomization": RANDOMIZATION}),
    ("reach", {**EASY, "curriculum": CURRICULUM, "info": INFO}),
]


def sync(task: str, mode: AutoresetMode, **overrides) -> SyncVectorEnv:
    return SyncVectorEnv([lambda: SimScaleEnv(task, **overrides)] * N, autoreset_mode=mode)


def actions_for(env, steps: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (steps, *env.action_space.shape))


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(("task", "overrides"), TASKS, ids=["hopper", "reach", "randomized", "curriculum"])
def test_equals_gymnasiums_own(task, overrides, mode):
    ours = SimScaleVectorEnv(task, N, num_threads=2, autoreset_mode=mode, **overrides)
    theirs = sync(task, mode, **overrides)
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.observation_space == theirs.observation_space
    assert ours.single_action_space == theirs.single_action_space
    assert ours.action_space == theirs.action_space
    assert ours.metadata["autoreset_mode"] is mode
    assert_same(ours.reset(seed=3), theirs.reset(seed=3), "reset")
    kinds, levels = set(), set()
    for step, actions in enumerate(actions_for(ours, 80)):
        given = ours.step(actions)
        assert_same(given, theirs.step(actions), f"step {step}")
        ended = given[2] | given[3]
        levels |= set(given[4].get("level", ()))
        if given[2].any():
            kinds.add("terminated")
        if given[3].any():
            kinds.add("truncated")
        if ended.any() and not ended.all():
            kinds.add("some")
        if mode is AutoresetMode.DISABLED and ended.any():
            options = {"reset_mask": ended}
            assert_same(ours.reset(options=dict(options)), theirs.reset(options=dict(options)))
    wanted = {"pick_place": {"truncated"}, "reach": {"truncated", "terminated", "some"}}
    assert levels >= ({0.5, 1.0} if "curriculum" in overrides else set())
    assert kinds >= wanted.get(task, {"terminated", "some"})


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_masked_seeded_and_stateful_resets_equal_gymnasiums_own(mode):
    ours = SimScaleVectorEnv("hopper_v5", N, autoreset_mode=mode)
    theirs = sync("hopper_v5", mode)
    seeds = [5, 6, 1, 2, 2**62]
    assert_same(ours.reset(seed=seeds), theirs.reset(seed=seeds))
    actions = actions_for(ours, 60)
    for step in range(60):
        given = ours.step(actions[step])
        assert_same(given, theirs.step(actions[step]), f"step {step}")
        if step == 20:
            mask = np.array([True, False, True, True, False])
            options = {"reset_mask": mask, "qpos": np.linspace(1, 1.2, 6), "qvel": np.full(6, 0.1)}
            assert_same(
                ours.reset(seed=8, options=dict(options)), theirs.reset(seed=8, options=dict(options))
            )
        if step == 40:
            assert_same(ours.reset(seed=[None, 3, None, 3, 4]), theirs.reset(seed=[None, 3, None, 3, 4]))


def test_make_vec_gives_one_native_batch():
    envs = gymnasium.make_vec("SimScale/Reach-v0", num_envs=6, num_threads=2, copy=False)
    assert type(envs) is SimScaleVectorEnv
    assert (envs.num_envs, envs.num_threads, envs.copy) == (6, 2, False)
    assert envs.spec.id == "SimScale/Reach-v0"
    assert str(envs) == "SimScaleVectorEnv(SimScale/Reach-v0, num_envs=6)"
    envs.close()
    limited = gymnasium.make_vec("SimScale/Reach-v0", num_envs=2, max_episode_steps=4)
    limited.reset(seed=0)
    ends = [limited.step(np.zeros((2, 4)))[3].tolist() for _ in range(4)]
    assert ends == [[False, False]] * 3 + [[True, True]]


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_gymnasiums_vector_tools_have_nothing_to_say(mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        envs = gymnasium.make_vec("SimScale/Reach-v0", num_envs=3, autoreset_mode=mode, max_episode_steps=8)
        if mode is not AutoresetMode.SAME_STEP:
            envs = gymnasium.wrappers.vector.FlattenObservation(envs)
        envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(envs)
        benchmark_vector_step(envs, target_duration=0.2, seed=1)
        observations, _ = envs.reset(seed=1)
        assert observations in envs.observation_space
        if mode is not AutoresetMode.DISABLED:
            infos = [envs.step(np.zeros((3, 4)))[-1] for _ in range(8)]
            assert infos[-1]["episode"]["l"].tolist() == [8, 8, 8]
        envs.close()


def test_rows_do_not_depend_on_how_many_there_are_nor_on_threads():
    def run(num_envs: int, num_threads: int) -> list:
        envs = SimScaleVectorEnv("reach", num_envs, num_threads=num_threads, max_episode_steps=20)
        actions = np.random.default_rng(0).uniform(-1, 1, (50, 8, 4))[:, :num_envs]
        given = [envs.reset(seed=9)[0], *(envs.step(a)[:4] for a in actions)]
        return given

    def rows(value, count):
        if isinstance(value, dict):
            return {key: rows(array, count) for key, array in value.items()}
        if isinstance(value, (list, tuple)):
            return [rows(item, count) for item in value]
        return value[:count]

    expected = run(8, 1)
    assert_same(rows(run(8, 3), 8), rows(expected, 8))
    assert_same(rows(run(3, 2), 3), rows(expected, 3))
    assert_same(rows(run(1, 1), 1), rows(expected, 1))


def test_copies_stay_and_views_move_on():
    actions = actions_for(SimScaleVectorEnv("reach", N), 2)
    copying, viewing = (SimScaleVectorEnv("reach", N, copy=copy) for copy in (True, False))
    kept, seen = copying.reset(seed=1)[0], viewing.reset(seed=1)[0]
    before = {key: value.copy() for key, value in kept.items()}
    assert_same(seen, before)
    copied, viewed = copying.step(actions[0]), viewing.step(actions[0])
    assert_same(kept, before)
    assert not np.shares_memory(copied[0]["ee_pos"], kept["ee_pos"])
    assert_same(seen, copied[0])
    assert np.shares_memory(viewed[0]["ee_pos"], seen["ee_pos"])
    assert_same(viewed[:4], copied[:4])
    reward = viewed[1]
    viewing.step(actions[1])
    np.testing.assert_array_equal(reward, copying.step(actions[1])[1])


def test_dlpack_shares_the_native_memory():
    envs = SimScaleVectorEnv("reach", N, copy=False)
    view = envs.reset(seed=1)[0]["ee_pos"]
    tensor = torch.from_dlpack(view)
    assert tensor.shape == (N, 3) and tensor.dtype == torch.float32
    assert tensor.data_ptr() == view.ctypes.data
    before = tensor.clone()
    for actions in actions_for(envs, 3):
        observations = envs.step(torch.from_numpy(actions))[0]
    assert not torch.equal(tensor, before)
    np.testing.assert_array_equal(tensor.numpy(), observations["ee_pos"])
    envs.close()
    del envs, observations, view
    assert torch.isfinite(tensor).all(), "memory that is held lives longer than its environment"


def test_rewards_and_infos_are_what_the_terms_say():
    envs = SimScaleVectorEnv("pick_place", 3)
    _, infos = envs.reset(seed=0)
    assert infos == {}
    _, reward, _, _, infos = envs.step(np.zeros((3, 4), np.float32))
    terms = ["approach", "grasp", "lift", "place", "time", "reward_success"]
    np.testing.assert_allclose(reward, sum(infos[term] for term in terms), atol=1e-12)
    assert reward.dtype == np.float64
    np.testing.assert_array_equal(infos["time"], [-1, -1, -1])
    assert infos["success"].dtype == np.bool_ and not infos["success"].any()


def test_saved_states_go_on_with_the_same_bits():
    envs, others = (SimScaleVectorEnv("pick_place", N) for _ in range(2))
    envs.reset(seed=4)
    others.reset(seed=50)
    actions = actions_for(envs, 40)
    for action in actions[:20]:
        envs.step(action)
    saved = envs.get_state()
    expected = [envs.step(action) for action in actions[20:]]
    others.reset(options={"state": saved})
    assert_same([others.step(action) for action in actions[20:]], expected)


def test_render_gives_a_tuple_of_frames():
    envs = SimScaleVectorEnv("reach", 2, render_mode="rgb_array", width=64, height=48)
    envs.reset(seed=0)
    frames = envs.render()
    assert type(frames) is tuple and len(frames) == 2
    assert all(frame.shape == (48, 64, 3) and frame.dtype == np.uint8 for frame in frames)
    assert not np.array_equal(*frames), "each row has its own target"
    with pytest.raises(ValueError, match=r"for a window use make_env"):
        SimScaleVectorEnv("reach", 2, render_mode="human")


def test_misuse_is_one_clear_error():
    envs = SimScaleVectorEnv("reach", 2, autoreset_mode="Disabled", max_episode_steps=1)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\)"):
        envs.step(np.zeros((2, 4)))
    with pytest.raises(ResetNeeded, match="reset_mask leaves some out"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=r"must have the shape \(2, 4\), got \(4, 2\)"):
        envs.step(np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"must be finite, got nan in row 1, component 2"):
        envs.step(np.array([[0, 0, 0, 0], [0, 0, np.nan, 0]]))
    envs.step(np.zeros((2, 4)))
    with pytest.raises(ResetNeeded, match=r"environments \[0, 1\] have ended"):
        envs.step(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="seed must be a number or num_envs=2 of them, got 3"):
        envs.reset(seed=[1, 2, 3])
    with pytest.raises(TypeError, match="must be a NumPy array of bool, got list"):
        envs.reset(options={"reset_mask": [True, False]})
    with pytest.raises(ValueError, match=r"must have the shape \(2,\), got \(3,\)"):
        envs.reset(options={"reset_mask": np.ones(3, bool)})
    with pytest.raises(ValueError, match="at least one environment"):
        envs.reset(options={"reset_mask": np.zeros(2, bool)})
    with pytest.raises(ValueError, match=r"num_envs must be in 1 \.\. "):
        SimScaleVectorEnv("reach", 0)
    with pytest.raises(ValueError, match=r"num_threads must be in 1 \.\. "):
        SimScaleVectorEnv("reach", 2, num_threads=-1)
    with pytest.raises(ValueError, match="is not a valid AutoresetMode"):
        SimScaleVectorEnv("reach", 2, autoreset_mode="never")
    envs.close()
    envs.close()
    for use in (envs.reset, lambda: envs.step(np.zeros((2, 4))), envs.get_state):
        with pytest.raises(ClosedEnvironmentError, match="has been closed"):
            use()


def test_list_envs_names_every_registered_id():
    ids = simscaleai.list_envs()
    assert {"SimScale/Reach-v0", "SimScale/PickPlace-v0", "SimScale/Ant-v5"} <= set(ids)
    assert all(env_id in gymnasium.registry for env_id in ids)


HOLDS = {
    "whole": lambda results: results,
    "observation": lambda results: results[0]["ee_pos"],
    "part": lambda results: results[0]["ee_pos"][1:3],
    "info": lambda results: results[4]["distance"][2:],
    "mask": lambda results: results[4]["_success"],
    "memory": lambda results: memoryview(results[1]),
    "tensor": lambda results: torch.from_numpy(results[1]),
    "dlpack": lambda results: torch.from_dlpack(results[0]["ee_pos"]),
}


@pytest.mark.parametrize("hold", HOLDS)
def test_what_is_held_never_changes(hold):
    # Arrays serve again once nobody holds them; whatever refers to one must keep it from that.
    envs = SimScaleVectorEnv("reach", N, num_threads=2, **EASY)
    envs.reset(seed=0)
    held = []
    for actions in actions_for(envs, 12):
        kept = HOLDS[hold](envs.step(actions))
        held.append((kept, copy.deepcopy(np.asarray(kept)) if hold != "whole" else copy.deepcopy(kept)))
    for step, (kept, then) in enumerate(held):
        if hold == "whole":
            assert_same(kept, then, f"step {step}")
        else:
            np.testing.assert_array_equal(np.asarray(kept), then)


def test_a_loop_that_keeps_the_last_step_alone_makes_no_new_arrays():
    envs = SimScaleVectorEnv("reach", N, num_threads=2, **EASY)
    envs.reset(seed=0)
    seen = set()
    for actions in actions_for(envs, 20):
        observation, reward, terminated, truncated, info = envs.step(actions)
        seen.add(tuple(a.ctypes.data for a in (*observation.values(), reward, terminated, truncated)))
        if info:  # empty where every row was reset
            seen.add(tuple(a.ctypes.data for a in info.values()))
    assert len(seen) == 2 * 2
    info.clear()  # the caller's own
    assert envs.step(actions)[4].keys() >= {"success", "_success", "distance"}
