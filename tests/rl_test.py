"""`simscale rl` as a user meets it: what lies in a run folder, what it starts from, who reads it."""

from __future__ import annotations

import json
import struct

import numpy as np
import simscaleai

SMALL = [
    "num_envs=8",
    "ppo.n_steps=32",
    "ppo.minibatch_size=64",
    "run.eval_episodes=4",
    "run.eval_every=1024",
]


def kinds(path) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        found.setdefault(record["kind"], []).append(record)
    return found


def test_a_run_folder_holds_policy_metrics_and_curves(simscale, tmp_path):
    out = simscale(
        *["rl", "--env-name", "reach", "--total-steps", 2048, "--save-path", "run", "--json", "-", *SMALL],
        *["task.rewards.distance.weight=-2"],
    )
    report = json.loads(out.stdout)
    assert report["step"] == 2048 and report["finished"]
    assert [point["step"] for point in report["evaluations"]] == [1024, 2048]
    run = tmp_path / "run"
    records = kinds(run / "metrics.jsonl")
    assert set(records) == {"train", "train_episodes", "train_reward", "eval", "eval_reward"}
    assert len(records["train"]) == 8 and {"kl", "std", "lr", "clip_fraction"} <= records["train"][0].keys()
    assert {"distance", "success"} <= records["eval_reward"][0].keys()
    assert "weight: -2" in (run / "best/config.yaml").read_text() + json.loads(
        (run / "best/manifest.json").read_text()
    ).get("task_config", "")
    png = (run / "curves.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">I", png[16:20])[0] > 1000
    assert "<svg" in (run / "curves.svg").read_text()[:300]

    # Python acts as the evaluation does.
    policy = simscaleai.load_policy(run)
    evaluated = json.loads(simscale("eval", "run", "--n-episodes", 2, "--json", "-").stdout)
    env = simscaleai.make_env("reach", rewards={"distance": {"weight": -2}})
    for episode in evaluated["episodes"]:
        policy.reset()
        observation, _ = env.reset(seed=episode["seed"] if episode["index"] == 0 else None)
        total, length, ended = 0.0, 0, False
        while not ended:
            observation, reward, terminated, truncated, _ = env.step(policy.act(observation))
            total, length, ended = total + reward, length + 1, terminated or truncated
        assert (length, total) == (episode["length"], episode["return"])


def test_it_goes_on_from_behaviour_cloning(simscale, tmp_path):
    simscale("datagen", "--env-name", "reach", "--n-episodes", 20, "--output", "reach.h5")
    simscale(
        *[
            "train",
            "--model",
            "bc_debug",
            "--dataset",
            "reach.h5",
            "--checkpoint-dir",
            "bc",
            "--max-steps",
            100,
        ],
        *[
            "policy.bc.hidden=[32,32]",
            "policy.bc.horizon=2",
            "policy.bc.n_action_steps=1",
            "train.eval_every=0",
        ],
    )
    tuned = [
        "rl",
        "--env-name",
        "reach",
        "--from",
        "bc",
        "--save-path",
        "tuned",
        "--total-steps",
        512,
        *SMALL,
    ]
    simscale(*tuned, "ppo.critic_warmup=100")
    reports = [
        json.loads(simscale("eval", name, "--n-episodes", 5, "--json", "-").stdout)["episodes"]
        for name in ("bc", "tuned")
    ]
    # Only the critic has learned so far: the same actions, to rounding, give nearly the same returns.
    for bc, ppo in zip(*reports, strict=True):
        assert bc["length"] == ppo["length"]
        np.testing.assert_allclose(bc["return"], ppo["return"], rtol=1e-3)
    refused = simscale(*tuned, "--overwrite", "policy.ppo.squash=true", exit_code=2)
    assert "a bc policy has neither a deviation nor a squashing" in refused.stderr


def test_it_learns_from_pictures(simscale, tmp_path):
    simscale(
        *[
            "rl",
            "--env-name",
            "reach",
            "--total-steps",
            512,
            "--save-path",
            "run",
            *SMALL,
            "images=[front_rgb]",
        ],
        *["task.cameras.front.width=32", "task.cameras.front.height=32", "ppo.epochs=1"],
        *["observations=[joint_pos, gripper_state]", "critic_observations=[target_pos]"],
    )
    policy = simscaleai.load_policy(tmp_path / "run")
    assert policy.image_keys == {"front_rgb": (32, 32, 3)}
    report = json.loads(simscale("eval", "run", "--n-episodes", 2, "--json", "-").stdout)
    assert len(report["episodes"]) == 2


def test_a_sweep_is_a_run_for_each_combination(simscale, tmp_path):
    out = simscale(
        *["rl", "--env-name", "reach", "--total-steps", 256, "--save-path", "s", *SMALL, "--json", "-"],
        *["--sweep", "task.rewards.distance.weight=-1,-2 ppo.gamma=0.9"],
    )
    runs = json.loads(out.stdout)["runs"]
    assert [run["settings"][0] for run in runs] == [
        "task.rewards.distance.weight=-1",
        "task.rewards.distance.weight=-2",
    ]
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [
        f"task.rewards.distance.weight={weight},ppo.gamma=0.9" for weight in (-1, -2)
    ]


def test_what_is_wrong_is_one_line(simscale):
    for arguments, message in [
        (["rl"], "rl needs a task: --env-name NAME"),
        (["rl", "--env-name", "reach", "images=[joint_pos]"], "images: 'joint_pos' is no rgb picture"),
        (["rl", "--env-name", "reach", "--from", "nowhere"], "nowhere"),
        (["rl", "--env-name", "reach", "num_envs=1", "ppo.n_steps=8"], "ppo.minibatch_size must be at most"),
        (["rl", "--env-name", "reach", "critic_observations=[target_po]"], "Did you mean 'target_pos'?"),
        (["rl", "--env-name", "reach", "task.rewards.distance.wight=1"], "wight"),
        (["train", "--model", "ppo", "--dataset", "x.h5"], "simscale rl trains it"),
    ]:
        result = simscale(*arguments, exit_code=2)
        assert message in result.stderr and result.stderr.count("\n") == 1, result.stderr
