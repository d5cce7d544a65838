#!/usr/bin/env python3
"""Stable-Baselines3's PPO on the native batch: reaches its targets after half a minute on two cores.

pip install stable-baselines3
python examples/python/sb3_ppo.py [--task reach] [--steps 200000]
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from simscaleai.sb3 import SimScaleVecEnv
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

HELD_OUT = 1_000_000  # seeds that training never sees


def success_rate(model: PPO, normalizer: VecNormalize, task: str, episodes: int = 100) -> float:
    """Of the first episode of each of so many held-out seeds, with the mean actions."""
    envs = SimScaleVecEnv(task, episodes, seed=HELD_OUT)
    observations = envs.reset()
    outcome = np.full(episodes, -1)
    while (outcome < 0).any():
        actions, _ = model.predict(normalizer.normalize_obs(observations), deterministic=True)
        observations, _, dones, infos = envs.step(actions)
        for row in np.flatnonzero(dones & (outcome < 0)):
            outcome[row] = infos[row]["is_success"]
    envs.close()
    return float(outcome.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="reach", help="a packaged task's name, or a task file")
    parser.add_argument("--steps", type=int, default=200_000, help="control steps of training")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.set_num_threads(1)  # the networks are small: a second thread costs more than it does
    # No Monitor: the batch gives episodes' returns itself. The normaliser is a part of the policy.
    envs = VecNormalize(SimScaleVecEnv(options.task, 16, seed=options.seed), gamma=0.95)
    model = PPO(
        "MultiInputPolicy",
        envs,
        n_steps=32,
        batch_size=512,
        n_epochs=5,
        learning_rate=1e-3,
        gamma=0.95,
        policy_kwargs={"log_std_init": -1.0},
        seed=options.seed,
        verbose=1,
    )
    print(f"success before: {success_rate(model, envs, options.task):.2f}")
    model.learn(options.steps, log_interval=40)
    print(f"success after: {success_rate(model, envs, options.task):.2f}")


if __name__ == "__main__":
    main()
