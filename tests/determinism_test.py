"""The same bits for any number of environments and threads, and again at another time."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest

# (num_envs, threads): one, some that do not divide the episodes, and more than there are episodes.
SPREADS = [(1, 1), (7, 1), (64, 1), (1, 2), (7, 2), (64, 2)]
TASKS = ["reach", "pick_place"]
EPISODES = 40


def spread(envs: int, threads: int) -> list[object]:
    return ["--num-envs", envs, "--threads", threads]


def report(result) -> dict:
    return json.loads(result.stdout)


def train(simscale, dataset: str, run: str, *arguments: object) -> None:
    simscale(
        *["train", "--model", "bc_debug", "--dataset", dataset, "--checkpoint-dir", run],
        *["train.steps=300", *arguments],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, simscale_in) -> Path:
    """reach.h5 and pick_place.h5 of seed 0, and run/, a policy trained on reach.h5."""
    folder = tmp_path_factory.mktemp("determinism")
    simscale = simscale_in(folder)
    for task in TASKS:
        simscale("datagen", "--env-name", task, "--n-episodes", EPISODES, "--output", f"{task}.h5")
    train(simscale, "reach.h5", "run")
    return folder


def content_hash(simscale, path: object) -> str:
    return report(simscale("data", "info", path, "--json", "-"))["content_hash"]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("envs,threads", SPREADS)
def test_a_dataset_is_the_same_file(simscale, folder, tmp_path, task, envs, threads):
    arguments = ["datagen", "--env-name", task, "--n-episodes", EPISODES]
    made = report(simscale(*arguments, "--output", "a.h5", "--json", "-", *spread(envs, threads)))
    assert made["episodes_kept"] == EPISODES
    assert made["content_hash"] == content_hash(simscale, folder / f"{task}.h5")
    assert (tmp_path / "a.h5").read_bytes() == (folder / f"{task}.h5").read_bytes()


def test_another_seed_is_another_dataset(simscale, folder, tmp_path):
    simscale("datagen", "--env-name", "reach", "--n-episodes", 5, "--output", "a.h5", "--seed", 1)
    with h5py.File(tmp_path / "a.h5") as a, h5py.File(folder / "reach.h5") as b:
        for i in range(5):
            left, right = a[f"episode_{i}/states"][0], b[f"episode_{i}/states"][0]
            assert left.shape == right.shape
            assert (left != right).any()


def test_demonstrations_of_a_policy_too(simscale, folder, tmp_path):
    for envs, threads in [(1, 1), (7, 2)]:
        simscale(
            *["datagen", "--env-name", "reach", "--policy", folder / "run", "--n-episodes", 12],
            *["--output", f"{envs}.h5", *spread(envs, threads)],
        )
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "7.h5").read_bytes()


def evaluate(simscale, *arguments: object) -> dict:
    return report(simscale("eval", "--n-episodes", 20, "--json", "-", *arguments))


@pytest.mark.parametrize("policy", ["scripted", "random", "checkpoint"])
def test_an_evaluation_is_the_same(simscale, folder, policy):
    chosen: list[object] = ["--policy", policy, "--env-name", "reach"]
    if policy == "checkpoint":
        chosen = [folder / "run"]
    reports = [evaluate(simscale, *chosen, *spread(*one)) for one in SPREADS]
    episodes = reports[0]["episodes"]
    assert [episode["index"] for episode in episodes] == list(range(20))
    assert len({(episode["return"], episode["length"]) for episode in episodes}) == 20
    assert (reports[0]["success_rate"] >= 0.5) == (policy != "random")  # it does something
    for other in reports[1:]:
        assert other["episodes"] == episodes
        for key in ["success_rate", "success_ci95", "mean_return", "std_return", "mean_length"]:
            assert other[key] == reports[0][key], key
    assert evaluate(simscale, *chosen, "--seed", 1)["episodes"] != episodes


def test_an_evaluation_of_pick_place_is_the_same(simscale):
    reports = [
        evaluate(simscale, "--policy", "scripted", "--env-name", "pick_place", *spread(*one))
        for one in [(1, 1), (7, 2), (64, 1)]
    ]
    assert reports[0]["success_rate"] >= 0.95
    assert reports[1]["episodes"] == reports[0]["episodes"]
    assert reports[2]["episodes"] == reports[0]["episodes"]


def test_a_longer_evaluation_begins_with_the_shorter_one(simscale):
    arguments = ["eval", "--policy", "scripted", "--env-name", "reach", "--json", "-"]
    short = report(simscale(*arguments, "--n-episodes", 5))["episodes"]
    assert report(simscale(*arguments, "--n-episodes", 9))["episodes"][:5] == short


FILES = ["model.safetensors", "optimizer.safetensors", "state.json"]


def test_equal_seeds_train_equal_weights(simscale, folder, tmp_path):
    train(simscale, folder / "reach.h5", "same")
    train(simscale, folder / "reach.h5", "other", "--seed", 1)
    for file in FILES:
        assert (tmp_path / "same/latest" / file).read_bytes() == (
            folder / "run/latest" / file
        ).read_bytes(), file
    assert (tmp_path / "same/metrics.jsonl").read_bytes() == (folder / "run/metrics.jsonl").read_bytes()
    for file in FILES[:2]:
        assert (tmp_path / "other/latest" / file).read_bytes() != (
            folder / "run/latest" / file
        ).read_bytes(), file


def test_the_dataset_counts_by_content_not_by_path(simscale, folder, tmp_path):
    simscale("data", "merge", "copy.h5", folder / "reach.h5")
    train(simscale, "copy.h5", "copy")
    for file in FILES:
        assert (tmp_path / "copy/latest" / file).read_bytes() == (folder / "run/latest" / file).read_bytes()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("envs,threads", [(1, 1), (7, 2)])
def test_every_state_replays_bit_for_bit(simscale, folder, task, envs, threads):
    file = folder / f"{task}.h5"
    replay = report(simscale("data", "replay", "--verify", file, "--json", "-", *spread(envs, threads)))
    with h5py.File(file) as data:
        assert replay["steps"] == data["data"].attrs["total"]
    assert replay["episodes"] == replay["exact_episodes"] == replay["same_outcomes"] == EPISODES
    assert replay["exact_steps"] == replay["steps"]
    assert replay["largest_difference"] == 0
    assert replay["first_difference"] == ""
    assert replay["verified"] is True


def test_replay_tells_one_changed_bit(simscale, folder, tmp_path):
    (tmp_path / "a.h5").write_bytes((folder / "reach.h5").read_bytes())
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        state = file["episode_3/states"][4]
        state[0] += 2**-40
        file["episode_3/states"][4] = state
    result = simscale("data", "replay", "--verify", "a.h5", "--json", "-", exit_code=1)
    replay = report(result)
    assert replay["verified"] is False
    assert replay["exact_episodes"] == EPISODES - 1
    assert replay["exact_steps"] == replay["steps"] - 1
    assert 0 < replay["largest_difference"] < 1e-11
    assert "episode 3" in replay["first_difference"]


def test_no_seed_evaluates_what_a_seed_trained_on(simscale, tmp_path):
    trained, evaluated = set(), set()
    for seed in range(4):
        arguments = ["--env-name", "reach", "--n-episodes", 2, "--seed", seed]
        simscale("datagen", *arguments, "--output", f"{seed}.h5")
        with h5py.File(tmp_path / f"{seed}.h5") as file:
            assert file.attrs["seed"] == seed
            trained |= {int(file[f"episode_{i}"].attrs["seed"]) for i in range(2)}
        played = report(simscale("eval", "--policy", "zero", *arguments, "--json", "-"))
        evaluated |= {episode["seed"] for episode in played["episodes"]}
    assert len(trained) == len(evaluated) == 4
    assert not trained & evaluated
