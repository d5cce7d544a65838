"""The parts of PPO beside an implementation in NumPy that shares nothing with it: advantages by their
definition (a sum over the future), losses and their gradients by finite differences in float64."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def part(simscale_bin: Path) -> Any:
    binary = Path(os.environ.get("SIMSCALE_RL_SAMPLE", simscale_bin.parent / "rl_sample"))

    def run(name: str, **values: Any) -> dict[str, np.ndarray]:
        plain = {key: v.tolist() if isinstance(v, np.ndarray) else v for key, v in values.items()}
        text = json.dumps({"part": name, **plain})
        out = subprocess.run([binary], input=text, capture_output=True, text=True, timeout=60)
        assert out.returncode == 0, out.stderr
        return {key: np.array(value) for key, value in json.loads(out.stdout).items()}

    return run


@pytest.mark.parametrize("seed", range(5))
def test_advantages_are_the_weighted_sums_of_deltas(part: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, rows, gamma, lam = 40, 3, 0.97, 0.9
    reward = rng.normal(size=(steps, rows)).astype(np.float32)
    value = rng.normal(size=(steps + 1, rows)).astype(np.float32)
    done = rng.random((steps, rows)) < 0.1
    out = part(
        "gae",
        num_steps=steps,
        num_rows=rows,
        gamma=gamma,
        **{"lambda": lam},
        reward=reward.ravel(),
        value=value.ravel(),
        done=done.ravel().astype(int),
    )
    expected = np.zeros((steps, rows))
    for row in range(rows):
        for t in range(steps):
            weight = 1.0
            for later in range(t, steps):
                following = 0.0 if done[later, row] else float(value[later + 1, row])
                delta = float(reward[later, row]) + gamma * following - float(value[later, row])
                expected[t, row] += weight * delta
                weight *= gamma * lam
                if done[later, row]:
                    break
    np.testing.assert_allclose(out["advantage"].reshape(steps, rows), expected, atol=1e-5)
    np.testing.assert_allclose(out["returns"].reshape(steps, rows), expected + value[:-1], atol=1e-5)


def test_rewards_are_scaled_by_the_deviation_of_all_returns_so_far(part: Any) -> None:
    rng = np.random.default_rng(1)
    steps, rows, gamma = 50, 4, 0.9
    reward = rng.normal(2, 3, size=(steps, rows))
    done = rng.random((steps, rows)) < 0.2
    out = part(
        "scaler", num_rows=rows, gamma=gamma, clip=1.5, reward=reward.ravel(), done=done.ravel().astype(int)
    )
    seen: list[float] = []
    returns = np.zeros(rows)
    expected = np.zeros((steps, rows))
    for t in range(steps):
        returns = returns * gamma + reward[t]
        seen.extend(returns)
        expected[t] = np.clip(reward[t] / np.sqrt(np.var(seen) + 1e-8), -1.5, 1.5)
        returns[done[t]] = 0
    np.testing.assert_allclose(out["scaled"].reshape(steps, rows), expected, atol=1e-5)


def test_statistics_are_those_of_all_rows(part: Any) -> None:
    rng = np.random.default_rng(2)
    batches = [rng.normal(1000, 0.1, size=(n, 3)).astype(np.float32) for n in (1, 7, 200)]
    out = part("statistics", size=3, batches=[b.ravel().tolist() for b in batches])
    rows = np.concatenate(batches).astype(np.float64)
    np.testing.assert_allclose(out["mean"], rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(out["variance"], rows.var(0), rtol=1e-9)


def ppo_loss(p: dict[str, Any], mean: np.ndarray, log_std: np.ndarray, value: np.ndarray) -> float:
    z = (p["u"] - mean) / np.exp(log_std)
    log_prob = (-0.5 * z**2 - log_std - 0.5 * np.log(2 * np.pi)).sum(1)
    if p["squash"]:
        log_prob -= np.log(1 - np.tanh(p["u"]) ** 2).sum(1)
    ratio = np.exp(log_prob - p["log_prob"])
    clipped = np.clip(ratio, 1 - p["clip_range"], 1 + p["clip_range"])
    policy = -np.minimum(ratio * p["advantage"], clipped * p["advantage"]).mean()
    error = (value - p["returns"]) ** 2
    if p["value_clip"] > 0:
        near = p["old_value"] + np.clip(value - p["old_value"], -p["value_clip"], p["value_clip"])
        error = np.maximum(error, (near - p["returns"]) ** 2)
    entropy = (log_std + 0.5 * np.log(2 * np.pi * np.e)).sum()
    return policy + p["value_coef"] * error.mean() - p["entropy_coef"] * entropy


def gradient(f: Any, x: np.ndarray) -> np.ndarray:
    result = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = 1e-6
        result[i] = (f(x + step) - f(x - step)) / 2e-6
    return result


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("value_clip", [0.0, 0.3])
def test_losses_and_gradients(part: Any, squash: bool, value_clip: float) -> None:
    rng = np.random.default_rng(3)
    n, dim = 12, 2
    p = {
        "u": rng.normal(size=(n, dim)),
        "log_prob": rng.normal(-2.5, 0.7, size=n),
        "advantage": rng.normal(size=n),
        "returns": rng.normal(size=n),
        "old_value": rng.normal(size=n),
        "clip_range": 0.2,
        "value_clip": value_clip,
        "value_coef": 0.7,
        "entropy_coef": 0.03,
        "squash": squash,
    }
    mean, log_std, value = rng.normal(size=(n, dim)), np.array([-0.3, 0.2]), rng.normal(size=n)
    given = {key: v.ravel() if isinstance(v, np.ndarray) else v for key, v in p.items()}
    out = part("losses", action_dim=dim, mean=mean.ravel(), log_std=log_std, value=value, **given)
    assert out["total"] == pytest.approx(ppo_loss(p, mean, log_std, value), rel=1e-6, abs=1e-5)
    expected = {
        "mean_gradient": gradient(lambda x: ppo_loss(p, x, log_std, value), mean).ravel(),
        "log_std_gradient": gradient(lambda x: ppo_loss(p, mean, x, value), log_std),
        "value_gradient": gradient(lambda x: ppo_loss(p, mean, log_std, x), value),
    }
    for name, numbers in expected.items():
        np.testing.assert_allclose(out[name], numbers, rtol=1e-5, atol=2e-5, err_msg=name)
