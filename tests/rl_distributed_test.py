"""Reinforcement learning on several processes under the real torchrun."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import kill_now_and_then
from safetensors.numpy import load_file

SETTINGS = [
    *["--env-name", "reach", "--num-envs", 4, "--threads", 1, "ppo.n_steps=16", "ppo.minibatch_size=32"],
    *["run.eval_every=0", "policy.ppo.hidden=[16]"],
]
PER_UPDATE = 2 * 4 * 16  # of two processes


def records(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rl_distributed")


def test_killed_ranks_change_no_bit(folder: Path, simscale_in: Callable, start: Callable) -> None:
    settings = [*SETTINGS, "--total-steps", 300 * PER_UPDATE, f"run.save_every={20 * PER_UPDATE}"]
    simscale_in(folder)("rl", *settings, "--save-path", "whole", "--nproc", 2)
    running = start(folder, ["rl", *settings, "--save-path", "cut", "--nproc", 2])
    kills = kill_now_and_then(running.process, folder / "cut", 2)
    code, _, stderr = running.end(300)
    assert code == 0, stderr
    assert kills > 0
    assert stderr.count("info: resume") == kills, stderr
    for name in ("latest/model.safetensors", "latest/optimizer.safetensors", "metrics.jsonl"):
        assert (folder / "cut" / name).read_bytes() == (folder / "whole" / name).read_bytes(), name


def test_each_process_plays_environments_of_its_own(folder: Path, simscale_in: Callable) -> None:
    settings = [*SETTINGS, "--total-steps", 2 * PER_UPDATE]
    simscale_in(folder)("rl", *settings, "--save-path", "own", "--nproc", 2)
    assert [record["step"] for record in records(folder / "own") if record["kind"] == "train"] == [
        PER_UPDATE,
        2 * PER_UPDATE,
    ]
    state = load_file(folder / "own/latest/optimizer.safetensors")
    assert state["env.rows"].shape[0] == state["env.keys"].shape[0] == 8
    assert len({tuple(key) for key in state["env.keys"].tolist()}) == 8
    assert state["statistics.observation"][0] == 2 * PER_UPDATE  # both saw what both observed
    assert state["statistics.reward"][0] == 2 * PER_UPDATE


def test_goes_on_with_another_number_of_processes(folder: Path, simscale_in: Callable) -> None:
    for updates, processes in ((2, 2), (4, 3), (6, 1)):
        many = ["--nproc", processes] if processes > 1 else []
        simscale_in(folder)(
            "rl", *SETTINGS, "--total-steps", updates * PER_UPDATE, "--save-path", "sizes", "--resume", *many
        )
    assert records(folder / "sizes")[-1]["step"] >= 6 * PER_UPDATE


def test_a_signal_to_all_saves_at_one_step(folder: Path, simscale_in: Callable, start: Callable) -> None:
    settings = [*SETTINGS, "--total-steps", 10**9, "run.save_every=0", "--save-path", "stopped", "--nproc", 2]
    running = start(folder, ["rl", *settings])
    run = folder / "stopped"
    running.wait_for(lambda: (run / "metrics.jsonl").exists() and bool(records(run)), seconds=120)
    running.process.send_signal(signal.SIGTERM)
    running.end()
    assert json.loads((run / "latest" / "state.json").read_text())["step"] % PER_UPDATE == 0
    assert load_file(run / "latest/optimizer.safetensors")["env.rows"].shape[0] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nproc", 0], "--nproc must be from 1 to"),
        (["--nproc", 2, "--sweep", "ppo.lr=1e-3,1e-4"], "--sweep and --nproc exclude each other"),
    ],
)
def test_wrong_arguments_are_one_line(
    folder: Path, simscale_in: Callable, arguments: list[object], message: str
) -> None:
    done = simscale_in(folder)("rl", *SETTINGS, *arguments, "--save-path", "wrong", exit_code=2)
    assert message in done.stderr
    assert done.stderr.count("error:") == 1
    assert not (folder / "wrong").exists()
