#!/usr/bin/env python3
"""Behaviour cloning in plain torch: simscaleai.Dataset behind a DataLoader, then played in the environment.

    simscale datagen --env-name reach --n-episodes 200 --output reach.h5
    python examples/python/bc_dataloader.py reach.h5

`simscale train` does this natively; this is the start for networks and losses of your own. It learns from
what the task is about: of all observations, joint velocities too, it would need more demonstrations.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import simscaleai
import torch
from gymnasium.vector import AutoresetMode
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

Policy = Callable[[dict[str, np.ndarray]], np.ndarray]
HELD_OUT = 1_000_000  # seeds that no demonstration has


def inputs(source: dict, keys: list[str]) -> torch.Tensor:
    """[B, all numbers]"""
    return torch.cat([torch.as_tensor(source[key], dtype=torch.float32) for key in keys], dim=-1)


def train(dataset: simscaleai.Dataset, keys: list[str], label: str, epochs: int) -> Policy:
    everything = inputs(dataset[np.arange(len(dataset))], keys)
    mean, std = everything.mean(0), everything.std(0) + 1e-3
    size, actions = everything.shape[1], dataset[0][label].shape[0]
    network = nn.Sequential(
        nn.Linear(size, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, actions)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    batches = BatchSampler(RandomSampler(dataset), batch_size=256, drop_last=False)
    loader = DataLoader(dataset, sampler=batches, batch_size=None)  # the dataset gathers whole batches
    for epoch in range(epochs):
        losses = []
        for batch in loader:
            prediction = network((inputs(batch, keys) - mean) / std)
            loss = nn.functional.mse_loss(prediction, batch[label])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if epoch % 10 == 0 or epoch == epochs - 1:
            print(f"epoch {epoch}: loss {np.mean(losses):.4f}")

    names = [key.removeprefix("observations/") for key in keys]

    def act(observation: dict[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            return network((inputs(observation, names) - mean) / std).clamp(-1, 1).numpy()

    return act


def success_rate(act: Policy, env_name: str, episodes: int = 100) -> float:
    """Of the first episode of each of so many held-out seeds."""
    envs = simscaleai.make_vec(env_name, episodes, autoreset_mode=AutoresetMode.SAME_STEP)
    observation, _ = envs.reset(seed=HELD_OUT)
    outcome = np.full(episodes, -1)
    while (outcome < 0).any():
        observation, _, terminated, truncated, infos = envs.step(act(observation))
        first = (terminated | truncated) & (outcome < 0)
        if first.any():
            outcome[first] = infos["final_info"]["success"][first]
    return float(outcome.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", help="a file of simscale datagen")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--keys", default="ee_pos,target_pos", help="observations to learn from")
    options = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(1)  # the network is small: a second thread costs more than it does
    names = simscaleai.Dataset(options.dataset).array_names
    observations = [f"observations/{key}" for key in options.keys.split(",")]
    # Where the demonstrator acted with noise, what it meant to do is the better label.
    label = "expert_actions" if "expert_actions" in names else "actions"
    dataset = simscaleai.Dataset(options.dataset, keys=[*observations, label])
    print(dataset)
    act = train(dataset, observations, label, options.epochs)
    print(f"success: {success_rate(act, dataset.meta['env_name']):.2f}")


if __name__ == "__main__":
    main()
