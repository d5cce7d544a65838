"""Training on several processes under the real torchrun: the same as one process with a larger batch, and the
same bits whoever is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SETTINGS = [
    *["--model", "bc", "--dataset", "reach.h5"],
    *["train.eval_every=0", "train.validate_every=0", "policy.bc.hidden=[64,64]"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simscale_in: Callable) -> Path:
    folder = tmp_path_factory.mktemp("distributed")
    simscale_in(folder)("datagen", "--env-name", "reach", "--n-episodes", 30, "--output", "reach.h5")
    return folder


def losses(run: Path) -> list[float]:
    records = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [record["loss"] for record in records if record["kind"] == "train"]


def test_two_processes_learn_as_one_with_twice_the_batch(folder: Path, simscale_in: Callable) -> None:
    simscale = simscale_in(folder)
    settings = [*SETTINGS, "train.steps=50", "train.log_every=1", "policy.bc.obs_noise=0"]
    done = simscale("train", *settings, "--batch-size", 32, "--checkpoint-dir", "two", "--nproc", 2)
    assert "in 2 processes" in done.stderr
    assert done.stdout.count("best at step 50") == 1  # one of them reports
    simscale("train", *settings, "--batch-size", 64, "--checkpoint-dir", "one")
    assert len(losses(folder / "one")) == 50
    assert losses(folder / "two") == pytest.approx(losses(folder / "one"), rel=1e-5)


def workers(agent: int) -> list[int]:
    """The processes that this torchrun has started."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    names = {int(pid): Path(f"/proc/{pid}/comm") for pid in children}
    return [pid for pid, name in names.items() if name.exists() and name.read_text().startswith("simscale")]


def newest(run: Path) -> str:
    """The name of the last checkpoint, "" before the first."""
    latest = run / "latest"
    return latest.readlink().name if latest.is_symlink() else ""


def test_killed_ranks_change_no_bit(folder: Path, simscale_in: Callable, start: Callable) -> None:
    # Noise on the observations: each rank draws numbers of its own.
    settings = [*SETTINGS, "train.steps=600", "train.log_every=20", "train.save_every=40", "--batch-size", 32]
    simscale_in(folder)("train", *settings, "--checkpoint-dir", "whole", "--nproc", 2)
    running = start(folder, ["train", *settings, "--checkpoint-dir", "cut", "--nproc", 2])
    process = running.process
    kills, moments = 0, random.Random(0)
    while kills < 3 and process.poll() is None:
        run = folder / "cut"
        before = newest(run)
        while process.poll() is None and newest(run) == before:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.2))
        alive = workers(process.pid)
        if len(alive) == 2:
            os.kill(moments.choice(alive), signal.SIGKILL)
            kills += 1
    code, _, stderr = running.end(300)
    assert code == 0, stderr
    assert kills > 0
    assert stderr.count("another process is gone or out of reach") >= 1
    assert stderr.count("info: resume") == kills, stderr
    for name in ("latest/model.safetensors", "latest/optimizer.safetensors", "metrics.jsonl"):
        assert (folder / "cut" / name).read_bytes() == (folder / "whole" / name).read_bytes(), name


def test_goes_on_with_another_number_of_processes(folder: Path, simscale_in: Callable) -> None:
    simscale = simscale_in(folder)
    for steps, processes in ((20, 2), (40, 3), (60, 1)):
        more = ["--nproc", processes] if processes > 1 else []
        settings = [*SETTINGS, "train.log_every=1", f"train.steps={steps}", "--batch-size", 32]
        simscale("train", *settings, "--checkpoint-dir", "sizes", "--resume", *more)
    assert len(losses(folder / "sizes")) == 60


def test_a_signal_to_all_saves_at_one_step(folder: Path, simscale_in: Callable, start: Callable) -> None:
    settings = [*SETTINGS, "train.steps=100000", "train.save_every=0", "--batch-size", 32]
    running = start(folder, ["train", *settings, "--checkpoint-dir", "stopped", "--nproc", 2])
    run = folder / "stopped"
    running.wait_for(lambda: (run / "metrics.jsonl").exists() and bool(losses(run)), seconds=120)
    running.process.send_signal(signal.SIGTERM)  # as a cluster does before it takes the machine away
    running.end()
    assert (run / "latest").is_symlink()
    step = json.loads((run / "latest" / "state.json").read_text())["step"]
    assert step > 0
    settings[len(SETTINGS)] = f"train.steps={step + 10}"
    simscale_in(folder)("train", *settings, "--checkpoint-dir", "stopped", "--resume", "--nproc", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nproc", 0], "--nproc must be from 1 to"),
        (["--nproc", -1], "--nproc must be from 1 to"),
        (["--nproc", "two"], "--nproc"),
    ],
)
def test_wrong_numbers_are_one_line(
    folder: Path, simscale_in: Callable, arguments: list[object], message: str
) -> None:
    done = simscale_in(folder)("train", *SETTINGS, *arguments, "--checkpoint-dir", "wrong", exit_code=2)
    assert message in done.stderr
    assert done.stderr.count("error:") == 1
    assert not (folder / "wrong").exists()


def test_a_broken_environment_is_one_line(folder: Path, simscale_in: Callable) -> None:
    done = simscale_in(folder)(
        "train", *SETTINGS, "--checkpoint-dir", "wrong", exit_code=2, env={"RANK": "0", "WORLD_SIZE": "2"}
    )
    assert "LOCAL_RANK is not set" in done.stderr
