"""A task file of the user's own, from demonstrations to the evaluation of what was trained on them."""

import json

import pytest

TASK = """
defaults: [reach]
{name}max_episode_steps: 37
rewards:
  distance: {{weight: -2.0}}
"""


def write_task(path, name):
    path.write_text(TASK.format(name=f"name: {name}\n" if name else ""))
    return str(path)


def datagen_and_train(simscale, folder, task, *train):
    data, run = str(folder / "data.h5"), str(folder / "run")
    simscale("datagen", "--env-name", task, "--n-episodes", 12, "--output", data)
    simscale(
        "train",
        "--dataset",
        data,
        "--checkpoint-dir",
        run,
        "--max-steps",
        40,
        "train.eval_episodes=4",
        *train,
    )
    return run


def evaluate(simscale, *arguments):
    result = simscale("eval", *arguments, "--n-episodes", 6, "--json", "-")
    return json.loads(result.stdout), result.stderr


def test_a_checkpoint_is_evaluated_in_the_task_it_was_trained_on(simscale, tmp_path):
    task = write_task(tmp_path / "mine.yaml", "my_reach")
    run = datagen_and_train(simscale, tmp_path, task, "--env-name", task)
    report, _ = evaluate(simscale, run)
    assert report["env"] == "my_reach"
    assert "max_episode_steps: 37" in report["task_config"]
    assert max(episode["length"] for episode in report["episodes"]) <= 37
    metrics = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    returns = [record["mean_return"] for record in metrics if record["kind"] == "eval"]
    parts = [r["distance"] + r["success"] for r in metrics if r["kind"] == "eval_reward"]
    assert returns and parts == pytest.approx(returns)
    # Its run folder is all that a resumed training needs.
    assert "done already" in simscale("train", "--resume", "--checkpoint-dir", run).stdout


def test_another_version_of_the_task_is_played_with_a_warning(simscale, tmp_path):
    task = write_task(tmp_path / "mine.yaml", "")
    run = datagen_and_train(simscale, tmp_path, task)
    own, quiet = evaluate(simscale, run)
    assert "max_episode_steps: 37" in own["task_config"]
    assert "another version" not in quiet
    packaged, warned = evaluate(simscale, run, "--env-name", "reach")
    assert "max_episode_steps: 200" in packaged["task_config"]
    assert "the policy was trained on another version of the task 'reach'" in warned
    _, quiet = evaluate(simscale, run, "--env-name", task)
    assert "another version" not in quiet


def test_overrides_change_the_checkpoints_own_task(simscale, tmp_path):
    task = write_task(tmp_path / "mine.yaml", "my_reach")
    run = datagen_and_train(simscale, tmp_path, task)
    report, _ = evaluate(simscale, run, "task.max_episode_steps=5")
    assert max(episode["length"] for episode in report["episodes"]) <= 5
