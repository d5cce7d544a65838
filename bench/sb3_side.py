"""PPO of Stable-Baselines3 as the benchmarks set it up: our environments, and the nets and hyperparameters of
our presets."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

HELD_OUT_SEED = 10_000_019  # of evaluations: training never saw these


class Displacements(BaseFeaturesExtractor):
    """Our policy's inputs: the normalised observations, and asinh of the differences between positions."""

    def __init__(self, space: gymnasium.spaces.Dict, scale: float, statistics: Any) -> None:
        keys = list(space.spaces)
        positions = [k for k in keys if k.endswith("_pos") and space[k].shape == (3,)]
        pairs = [(a, b) for i, a in enumerate(positions) for b in positions[i + 1 :]]
        super().__init__(space, sum(space[k].shape[0] for k in keys) + 3 * len(pairs))
        self._keys, self._pairs, self._scale, self._statistics = keys, pairs, scale, statistics

    def _raw(self, key: str, value: torch.Tensor) -> torch.Tensor:
        rms = self._statistics().obs_rms[key]
        deviation = np.sqrt(rms.var + 1e-8).astype(np.float32)
        return value * torch.from_numpy(deviation) + torch.from_numpy(rms.mean.astype(np.float32))

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        parts = [observations[k] for k in self._keys]
        for a, b in self._pairs:
            difference = self._raw(b, observations[b]) - self._raw(a, observations[a])
            parts.append(0.5 * torch.asinh(difference / self._scale))
        return torch.cat(parts, 1)


def native_envs(task: str, num_envs: int, seed: int) -> VecEnv:
    from simscaleai.sb3 import SimScaleVecEnv

    return SimScaleVecEnv(task, num_envs, seed=seed)


def dummy_envs(task: str, num_envs: int, seed: int) -> VecEnv:
    from simscaleai import SimScaleEnv

    envs = DummyVecEnv([lambda: SimScaleEnv(task) for _ in range(num_envs)])
    envs.seed(seed)
    return envs


def linear(lr: float, left: float) -> float:
    """Our schedule: `left` of the run falls from 1 to 0."""
    return max(1e-5, lr * left)


def ppo(envs: VecEnv, settings: dict[str, Any], seed: int) -> PPO:
    """settings: n_steps, minibatch_size, epochs, gamma, lr, std_init, displacement_scale."""
    envs = VecNormalize(envs, gamma=settings["gamma"])
    policy: dict[str, Any] = {
        "net_arch": [64, 64],
        "activation_fn": torch.nn.Tanh,
        "log_std_init": float(np.log(settings["std_init"])),
        "optimizer_kwargs": {"eps": 1e-5},
    }
    if settings["displacement_scale"] > 0:
        policy["features_extractor_class"] = Displacements
        policy["features_extractor_kwargs"] = {
            "scale": settings["displacement_scale"],
            "statistics": lambda: envs,
        }
    return PPO(
        "MultiInputPolicy" if isinstance(envs.observation_space, gymnasium.spaces.Dict) else "MlpPolicy",
        envs,
        n_steps=settings["n_steps"],
        batch_size=settings["minibatch_size"],
        n_epochs=settings["epochs"],
        gamma=settings["gamma"],
        learning_rate=lambda left: linear(settings["lr"], left),
        vf_coef=0.5,
        policy_kwargs=policy,
        seed=seed,
    )


def evaluate(model: PPO, task: str, episodes: int) -> dict[str, np.ndarray]:
    """ "return" and "success" of the mean action in each of the held-out episodes."""
    envs = native_envs(task, episodes, HELD_OUT_SEED)
    normalise = model.get_vec_normalize_env()
    observations, done = envs.reset(), np.zeros(episodes, bool)
    results = {"return": np.zeros(episodes), "success": np.zeros(episodes, bool)}
    while not done.all():
        seen = normalise.normalize_obs(observations) if normalise else observations
        observations, _, ended, infos = envs.step(model.predict(seen, deterministic=True)[0])
        for row in np.flatnonzero(ended & ~done):
            results["return"][row] = infos[row]["episode"]["r"]
            results["success"][row] = infos[row]["is_success"]
        done |= ended
    envs.close()
    return results
