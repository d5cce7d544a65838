"""SimScale/<Name>-v5 is Gymnasium's <Name>-v5: from equal states and actions, 1,000 steps of equal numbers.

Whenever an episode ends, Gymnasium draws a new state and both sides go on from it. Actions leave the action
space by a fifth, which Gymnasium lets pass; they are float32 as the action space says, or float64, as many
users give them. NumPy then rounds the control costs to another precision.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import simscaleai

NAMES = (
    "Ant",
    "HalfCheetah",
    "Hopper",
    "Humanoid",
    "HumanoidStandup",
    "InvertedDoublePendulum",
    "InvertedPendulum",
    "Pusher",
    "Reacher",
    "Swimmer",
    "Walker2d",
)
STEPS = 1000
TOLERANCE = 1e-9

# What our info holds beside Gymnasium's: every task's, and the constant that Gymnasium adds namelessly.
OURS = {"success", "non_finite"}
OURS_IN = {"HumanoidStandup": {"reward_constant"}}
# Average velocities are of a step, so that Gymnasium's reset has none.
OF_STEPS = {"x_velocity", "y_velocity"}


def expect_equal(what: str, ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE, err_msg=what)


def expect_equal_info(where: str, ours: dict[str, Any], theirs: dict[str, Any], more: set[str]) -> None:
    assert set(ours) - set(theirs) == more, where
    assert set(theirs) <= set(ours), where
    for key, value in theirs.items():
        assert np.shape(ours[key]) == np.shape(value), f"{where}: {key}"
        expect_equal(f"{where}: {key}", ours[key], value)


class Pair:
    """Ours and Gymnasium's, in step."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ours = simscaleai.make_env(f"SimScale/{name}-v5")
        self.theirs = gymnasium.make(f"{name}-v5").unwrapped
        self.max_steps = gymnasium.spec(f"{name}-v5").max_episode_steps
        self.episodes = 0

    def reset(self) -> None:
        """Both to the state that Gymnasium draws."""
        observation, info = self.theirs.reset(seed=self.episodes)
        data = self.theirs.data
        ours, our_info = self.ours.reset(options={"qpos": data.qpos.copy(), "qvel": data.qvel.copy()})
        self.episodes += 1
        self.step_of_episode = 0
        expect_equal("observation at reset", ours, observation)
        # InvertedPendulum and others give no info at all at reset; where there is some, it is ours too.
        expect_equal_info("reset", ours=our_info, theirs=info, more=set(our_info) & OF_STEPS)

    def step(self, action: np.ndarray) -> None:
        observation, reward, terminated, truncated, info = self.ours.step(action)
        their = self.theirs.step(action)
        self.step_of_episode += 1
        where = f"step {self.step_of_episode} of episode {self.episodes}"
        expect_equal(f"{where}: observation", observation, their[0])
        expect_equal(f"{where}: reward", reward, their[1])
        assert terminated == their[2], where
        assert truncated == (self.step_of_episode >= self.max_steps and not terminated), where
        expect_equal_info(where, info, their[4], OURS | OURS_IN.get(self.name, set()))
        if terminated or truncated:
            self.reset()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_a_thousand_steps_are_gymnasiums(name: str, dtype: type) -> None:
    pair = Pair(name)
    rng = np.random.default_rng(1)
    space = pair.theirs.action_space
    assert pair.ours.action_space == space
    assert pair.ours.observation_space.shape == pair.theirs.observation_space.shape
    assert pair.ours.observation_space.dtype == pair.theirs.observation_space.dtype
    pair.reset()
    for _ in range(STEPS):
        pair.step(rng.uniform(1.2 * space.low, 1.2 * space.high).astype(dtype))


@pytest.mark.parametrize("name", NAMES)
def test_episodes_start_as_gymnasiums(name: str) -> None:
    """Means and deviations of the first observation over 400 episodes; the random numbers are our own."""
    ours = simscaleai.make_env(f"SimScale/{name}-v5")
    theirs = gymnasium.make(f"{name}-v5").unwrapped
    a, b = (np.array([env.reset(seed=seed)[0] for seed in range(400)]) for env in (ours, theirs))
    assert len(np.unique(a, axis=0)) == len(a)
    scale = b.std(axis=0)
    drawn = scale > 1e-8
    # Five standard errors of 400 draws.
    assert np.abs((a.mean(axis=0) - b.mean(axis=0))[drawn] / scale[drawn]).max() < 0.35
    assert np.abs(a.std(axis=0)[drawn] / scale[drawn] - 1).max() < 0.25
    np.testing.assert_allclose(a[:, ~drawn], b[:, ~drawn], rtol=0, atol=1e-8)
