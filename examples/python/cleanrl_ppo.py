#!/usr/bin/env python3
"""PPO in one file, as CleanRL writes it, on gymnasium.make_vec: reaches its targets after half a minute.

    python examples/python/cleanrl_ppo.py [--env SimScale/Reach-v0] [--steps 200000]

What to look at is how episodes end. The environments reset in the step that ends an episode (SAME_STEP), so
that every transition belongs to one episode; where time ran out, and no goal was met, the return goes on
with the value of the episode's true last observation, which is in infos["final_obs"].
"""

from __future__ import annotations

import argparse

import gymnasium
import numpy as np
import simscaleai  # tells Gymnasium of our ids
import torch
from gymnasium.vector import AutoresetMode
from torch import nn
from torch.distributions import Normal

NUM_ENVS, NUM_STEPS, EPOCHS, MINIBATCHES = 16, 32, 5, 1
LEARNING_RATE, GAMMA, LAMBDA, CLIP, VALUE_WEIGHT, MAX_NORM = 1e-3, 0.95, 0.95, 0.2, 0.5, 0.5
HELD_OUT = 1_000_000  # seeds that training never sees


class Normalizer:
    """Mean and variance of all that was seen. x: [N, size]."""

    def __init__(self, size: int) -> None:
        self.mean, self.var, self.count = torch.zeros(size), torch.ones(size), 1e-4

    def update(self, x: torch.Tensor) -> None:
        count, total = len(x), self.count + len(x)
        delta = x.mean(0) - self.mean
        moments = self.var * self.count + x.var(0, unbiased=False) * count
        self.var = (moments + delta**2 * self.count * count / total) / total
        self.mean = self.mean + delta * count / total
        self.count = total

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return ((x - self.mean) / torch.sqrt(self.var + 1e-8)).clamp(-10, 10)


def layer(inputs: int, outputs: int, scale: float = 2**0.5) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight, scale)
    nn.init.zeros_(linear.bias)
    return linear


class Agent(nn.Module):
    def __init__(self, observation_dim: int, action_dim: int) -> None:
        super().__init__()
        self.normalizer = Normalizer(observation_dim)
        self.actor = nn.Sequential(
            layer(observation_dim, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, action_dim, 0.01)
        )
        self.critic = nn.Sequential(
            layer(observation_dim, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, 1, 1.0)
        )
        self.log_std = nn.Parameter(torch.full((action_dim,), -1.0))

    def distribution(self, observation: torch.Tensor) -> Normal:
        return Normal(self.actor(self.normalizer(observation)), self.log_std.exp())

    def value(self, observation: torch.Tensor) -> torch.Tensor:
        return self.critic(self.normalizer(observation)).squeeze(-1)


def flat(observation: dict[str, np.ndarray] | np.ndarray) -> torch.Tensor:
    """[N, all numbers]"""
    if isinstance(observation, dict):
        observation = np.concatenate(list(observation.values()), axis=-1)
    return torch.as_tensor(observation, dtype=torch.float32)


def success_rate(agent: Agent, env_id: str, episodes: int = 100) -> float:
    """Of the first episode of each of so many held-out seeds, with the mean actions."""
    envs = gymnasium.make_vec(env_id, num_envs=episodes, autoreset_mode=AutoresetMode.SAME_STEP)
    observation, _ = envs.reset(seed=HELD_OUT)
    outcome = np.full(episodes, -1)
    while (outcome < 0).any():
        with torch.no_grad():
            action = agent.distribution(flat(observation)).mean.clamp(-1, 1).numpy()
        observation, _, terminated, truncated, infos = envs.step(action)
        first = (terminated | truncated) & (outcome < 0)
        if first.any():
            outcome[first] = infos["final_info"]["success"][first]
    envs.close()
    return float(outcome.mean())


def train(agent: Agent, envs: simscaleai.SimScaleVectorEnv, steps: int, seed: int) -> None:
    optimizer = torch.optim.Adam(agent.parameters(), lr=LEARNING_RATE, eps=1e-5)
    shape = (NUM_STEPS, NUM_ENVS)
    observations = torch.zeros(*shape, len(agent.normalizer.mean))
    actions = torch.zeros(*shape, len(agent.log_std))
    log_probs, rewards, values, next_values, ends = (torch.zeros(shape) for _ in range(5))
    gains, gain_statistics = torch.zeros(NUM_ENVS), Normalizer(1)  # discounted sums, to scale rewards by
    observation = flat(envs.reset(seed=seed)[0])
    for _ in range(steps // (NUM_STEPS * NUM_ENVS)):
        for t in range(NUM_STEPS):
            agent.normalizer.update(observation)
            with torch.no_grad():
                distribution = agent.distribution(observation)
                action = distribution.sample()
                log_probs[t] = distribution.log_prob(action).sum(-1)
                values[t] = agent.value(observation)
            observations[t], actions[t] = observation, action
            given, reward, terminated, truncated, infos = envs.step(action.clamp(-1, 1).numpy())
            observation = flat(given)
            ended = terminated | truncated
            ends[t] = torch.as_tensor(ended)
            gains = gains * GAMMA + torch.as_tensor(reward, dtype=torch.float32)
            gain_statistics.update(gains[:, None])
            rewards[t] = torch.as_tensor(reward) / torch.sqrt(gain_statistics.var + 1e-8)
            gains *= 1 - ends[t]
            with torch.no_grad():
                next_values[t] = agent.value(observation)
                for row in np.flatnonzero(ended):  # what follows there is another episode
                    last = infos["final_obs"][row]
                    last = flat({key: value[None] for key, value in last.items()})
                    next_values[t, row] = 0.0 if terminated[row] else agent.value(last)[0]
        advantages, running = torch.zeros(shape), torch.zeros(NUM_ENVS)
        for t in reversed(range(NUM_STEPS)):
            delta = rewards[t] + GAMMA * next_values[t] - values[t]
            advantages[t] = running = delta + GAMMA * LAMBDA * (1 - ends[t]) * running
        update(agent, optimizer, observations, actions, log_probs, advantages, advantages + values)


def update(
    agent: Agent,
    optimizer: torch.optim.Optimizer,
    observations: torch.Tensor,
    actions: torch.Tensor,
    log_probs: torch.Tensor,
    advantages: torch.Tensor,
    returns: torch.Tensor,
) -> None:
    data = [x.flatten(0, 1) for x in (observations, actions, log_probs, advantages, returns)]
    for _ in range(EPOCHS):
        for index in torch.randperm(len(data[0])).chunk(MINIBATCHES):
            observation, action, old, advantage, target = (x[index] for x in data)
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            ratio = (agent.distribution(observation).log_prob(action).sum(-1) - old).exp()
            policy_loss = torch.max(-advantage * ratio, -advantage * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
            value_loss = ((agent.value(observation) - target) ** 2).mean()
            optimizer.zero_grad()
            (policy_loss + VALUE_WEIGHT * value_loss).backward()
            nn.utils.clip_grad_norm_(agent.parameters(), MAX_NORM)
            optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="SimScale/Reach-v0")
    parser.add_argument("--steps", type=int, default=200_000, help="control steps of training")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_num_threads(1)  # the networks are small: a second thread costs more than it does
    envs = gymnasium.make_vec(options.env, num_envs=NUM_ENVS, autoreset_mode=AutoresetMode.SAME_STEP)
    observation, _ = envs.reset(seed=options.seed)
    agent = Agent(flat(observation).shape[1], envs.single_action_space.shape[0])
    print(f"success before: {success_rate(agent, options.env):.2f}")
    train(agent, envs, options.steps, options.seed)
    print(f"success after: {success_rate(agent, options.env):.2f}")
    envs.close()


if __name__ == "__main__":
    main()
