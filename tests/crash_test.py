"""Killed at random moments, or interrupted by Ctrl-C: nothing finished is lost, and a rerun ends as
if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import random
import re
import signal
import time
from pathlib import Path

import h5py
import pytest

KILLS = 20  # of datagen, and of train
KILLS_A_RUN = 2

# Long enough (about 3 s) that most of it is work, and not the start of the process.
DATAGEN = [
    *["datagen", "--env-name", "pick_place", "--n-episodes", 120, "--seed", 5],
    *["--num-envs", 6, "--threads", 1, "--output", "a.h5"],
]
TRAIN = [
    *["train", "--model", "bc_debug", "--dataset", "../data/reach.h5", "--checkpoint-dir", "run"],
    *["--seed", 3, "train.steps=1600", "train.save_every=60", "train.eval_every=240"],
    *["policy.bc.dropout=0.1", "policy.bc.hidden=[64,64,64]", "train.batch_size=128"],
]
RL = [
    *["rl", "--env-name", "reach", "--total-steps", 24576, "--save-path", "run", "--seed", 3, "--threads", 1],
    *["num_envs=16", "ppo.n_steps=32", "ppo.minibatch_size=256", "run.save_every=1024"],
    *["run.eval_every=8192", "run.eval_episodes=10"],
]
LEARN = {"train": TRAIN, "rl": RL}


def is_temporary(name: str) -> bool:
    return re.fullmatch(r"\..+\.tmp-\d+-\d+", name) is not None


# ---- datagen -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole_dataset(tmp_path_factory, simscale_in) -> tuple[bytes, dict, float]:
    """The uninterrupted run's file, its report, and how long it took in seconds."""
    folder = tmp_path_factory.mktemp("whole_dataset")
    started = time.monotonic()
    result = simscale_in(folder)(*DATAGEN, "--json", "-")
    seconds = time.monotonic() - started
    return (folder / "a.h5").read_bytes(), json.loads(result.stdout), seconds


class Shards:
    """What a run had on disk whenever it was looked at."""

    def __init__(self, folder: Path, whole: bytes):
        self.folder = folder
        self.whole = whole
        self.bytes: dict[str, bytes] = {}  # of each shard ever seen
        self.finished: set[int] = set()

    def look(self) -> None:
        for path in self.folder.iterdir():
            known = path.name in ("a.h5", "a.h5.shards") or path.name.startswith("log_")
            assert known or is_temporary(path.name), path.name
        output = self.folder / "a.h5"
        if output.exists():
            assert output.read_bytes() == self.whole
            return
        shards = self.folder / "a.h5.shards"
        names = {path.name for path in shards.iterdir()} if shards.exists() else set()
        names = {name for name in names if not is_temporary(name)}
        assert names <= {"settings.txt"} | {name for name in names if re.fullmatch(r"shard_\d+\.h5", name)}
        finished = set()
        for name in names - {"settings.txt"}:
            content = (shards / name).read_bytes()
            assert self.bytes.setdefault(name, content) == content, f"{name} was written again"
            finished |= episodes_in(shards / name)
        assert finished >= self.finished, "finished episodes are gone"
        self.finished = finished


def episodes_in(path: Path) -> set[int]:
    """The indices of all episodes that a shard tells of, having read every array."""
    with h5py.File(path) as file:
        assert len(file.attrs["content_hash"]) == 64  # written last
        indices = {entry["index"] for entry in json.loads(file.attrs.get("dropped", "[]"))}
        for name in file["data"]:
            episode = file[f"data/{name}"]
            assert episode["states"][()].shape[0] == episode.attrs["num_samples"]
            assert episode["actions"][()].shape[0] == episode.attrs["num_samples"]
            index = int(episode.attrs["index"])
            assert index not in indices
            indices.add(index)
    return indices


def test_datagen_killed_at_any_moment_ends_with_the_same_file(start, simscale_in, whole_dataset, tmp_path):
    whole, report, seconds = whole_dataset
    rng = random.Random(1)
    kills = kept = 0
    for run in range(10 * KILLS):
        if kills >= KILLS:
            break
        folder = tmp_path / str(run)
        folder.mkdir()
        shards = Shards(folder, whole)
        left = seconds
        for _ in range(KILLS_A_RUN):
            moment = rng.uniform(0.05, 0.95) * left
            killed = start(folder, [*DATAGEN, "--resume"]).kill_after(moment)
            shards.look()
            if not killed:
                break
            kills += 1
            left = max(left - moment, 0.2)
        done = len(shards.finished)
        kept += done
        last = simscale_in(folder)(*DATAGEN, "--resume", "--json", "-")
        result = json.loads(last.stdout)
        assert (folder / "a.h5").read_bytes() == whole
        assert result["content_hash"] == report["content_hash"]
        assert result["episodes_tried"] == report["episodes_tried"]
        if not result["already_complete"]:
            # Only what was not on disk is played.
            assert result["episodes_played"] == result["episodes_tried"] - done
            assert (f"going on with {done} episodes that are done" in last.stderr) == (done > 0)
        names = {path.name for path in folder.iterdir() if not path.name.startswith("log_")}
        assert names == {"a.h5"}, "debris"
    assert kills >= KILLS
    assert kept > 0


def test_datagen_after_ctrl_c(start, simscale, whole_dataset, tmp_path):
    whole, report, _ = whole_dataset
    process = start(tmp_path, [*DATAGEN, "--json", "report.json"])
    shards = tmp_path / "a.h5.shards"
    process.wait_for(lambda: shards.exists() and any(shards.glob("shard_*.h5")))
    process.process.send_signal(signal.SIGINT)
    code, stdout, stderr = process.end()
    process.log.unlink()
    assert code == 130
    assert stdout == ""
    assert stderr.splitlines()[-1].endswith(
        "warning: interrupted: what has finished is kept. The same command with --resume goes on."
    )
    first = json.loads((tmp_path / "report.json").read_text())
    assert first["interrupted"] is True
    assert 0 < first["episodes_played"] < report["episodes_tried"]
    assert not (tmp_path / "a.h5").exists()
    # Without a word on what to do with it, it is left alone.
    refused = simscale(*DATAGEN, exit_code=2)
    assert "a.h5.shards: exists. Go on with it by --resume, replace it by --overwrite" in refused.stderr
    second = json.loads(simscale(*DATAGEN, "--resume", "--json", "-").stdout)
    assert first["episodes_played"] + second["episodes_played"] == report["episodes_tried"]
    assert (tmp_path / "a.h5").read_bytes() == whole
    # And where all is done, --resume says so.
    third = simscale(*DATAGEN, "--resume")
    assert "a.h5: complete already, 120 episodes" in third.stdout


# ---- train and rl ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory, simscale_in) -> Path:
    """A folder with data/reach.h5, beside which runs have their folders."""
    root = tmp_path_factory.mktemp("training")
    (root / "data").mkdir()
    simscale_in(root)(*["datagen", "--env-name", "reach", "--n-episodes", 60, "--output", "data/reach.h5"])
    return root


@pytest.fixture(scope="module", params=LEARN)
def whole_run(root, simscale_in, request) -> tuple[str, Path, float]:
    """The command's name, the uninterrupted run's folder and how long it took in seconds."""
    folder = root / f"whole_{request.param}"
    folder.mkdir()
    started = time.monotonic()
    simscale_in(folder)(*LEARN[request.param])
    return request.param, folder / "run", time.monotonic() - started


def same_run(a: Path, b: Path) -> None:
    for link in ("latest", "best"):
        assert (a / link).readlink() == (b / link).readlink()
        for file in ("model.safetensors", "optimizer.safetensors", "state.json", "config.yaml"):
            assert (a / link / file).read_bytes() == (b / link / file).read_bytes(), f"{link}/{file}"
    assert (a / "metrics.jsonl").read_bytes() == (b / "metrics.jsonl").read_bytes()
    assert (a / "config.yaml").read_bytes() == (b / "config.yaml").read_bytes()


def look_at_run(run: Path) -> int:
    """Checks that everything with a final name is whole; the step of `latest`, 0 if there is none."""
    if not run.exists():
        return 0
    for path in run.iterdir():
        if path.name.startswith("step_"):
            manifest = json.loads((path / "manifest.json").read_text())
            assert set(manifest["files"]) == {p.name for p in path.iterdir()} - {"manifest.json"}
            for name, entry in manifest["files"].items():
                assert hashlib.sha256((path / name).read_bytes()).hexdigest() == entry["sha256"]
        else:
            known = {
                "latest",
                "best",
                "tensorboard",
                "metrics.jsonl",
                "config.yaml",
                "curves.svg",
                "curves.png",
            }
            assert path.name in known or is_temporary(path.name), path.name
    if (run / "metrics.jsonl").exists():
        for line in (run / "metrics.jsonl").read_text().splitlines(keepends=True)[:-1]:
            json.loads(line)  # the last one may be half-written: it is a log, and mended on resuming
    for link in ("latest", "best"):
        if (run / link).is_symlink():
            assert (run / link / "manifest.json").exists(), f"{link} leads nowhere"
    if not (run / "latest").is_symlink():
        return 0
    return json.loads((run / "latest/manifest.json").read_text())["step"]


def test_learning_killed_at_any_moment_ends_with_the_same_weights(start, simscale_in, root, whole_run):
    name, whole, seconds = whole_run
    command = LEARN[name]
    rng = random.Random(2)
    kills = 0
    steps_at_kills = set()
    for run in range(10 * KILLS):
        if kills >= KILLS:
            break
        folder = root / f"{name}_{run}"
        folder.mkdir()
        left, step = seconds, 0
        for _ in range(KILLS_A_RUN):
            moment = rng.uniform(0.05, 0.95) * left
            killed = start(folder, [*command, "--resume"]).kill_after(moment)
            before, step = step, look_at_run(folder / "run")
            assert step >= before, "a finished checkpoint is gone"
            if not killed:
                break
            kills += 1
            steps_at_kills.add(step)
            left = max(left - moment, 0.5)
        last = simscale_in(folder)(*command, "--resume")
        if step > 0 and f"all {step} steps are done already" not in last.stderr:
            assert f", from step {step}\n" in last.stderr
        same_run(folder / "run", whole)
        names = {path.name for path in (folder / "run").iterdir()}
        assert not [name for name in names if is_temporary(name)], "debris"
    assert kills >= KILLS
    assert len(steps_at_kills) >= 5, "the kills fell into different parts of the runs"


def test_learning_after_ctrl_c(start, simscale_in, root, whole_run):
    name, whole, _ = whole_run
    command = LEARN[name]
    total, flag = {"train": (1600, "--checkpoint-dir"), "rl": (24576, "--save-path")}[name]
    folder = root / f"{name}_ctrl_c"
    folder.mkdir()
    run = folder / "run"
    process = start(folder, command)
    process.wait_for((run / "latest").is_symlink)
    process.process.send_signal(signal.SIGINT)
    code, stdout, stderr = process.end()
    assert code == 130
    assert stdout == ""
    told = re.search(
        rf"interrupted after step (\d+) of {total}, all is saved. Go on with: "
        rf"simscale ({name} --resume {flag} run)\n$",
        stderr,
    )
    assert told, stderr
    assert look_at_run(run) == int(told[1]) < total  # saved where it stopped, not where it would have
    simscale = simscale_in(folder)
    refused = simscale(*command, exit_code=2)
    assert "run: a run is already there. --resume goes on with it, --overwrite" in refused.stderr
    simscale(*told[2].split())  # the line it told
    same_run(run, whole)
    again = simscale(*command, "--resume")
    assert f"run: done already, {total} steps" in again.stdout


@pytest.mark.parametrize("command", [DATAGEN, TRAIN, RL], ids=["datagen", "train", "rl"])
def test_sigterm_is_like_ctrl_c(start, root, command):
    folder = root / f"term_{command[0]}"
    folder.mkdir()
    process = start(folder, command)
    made = folder / ("a.h5.shards/shard_0.h5" if command is DATAGEN else "run/latest")
    process.wait_for(made.exists)
    process.process.send_signal(signal.SIGTERM)
    code, _, stderr = process.end()
    assert code == 130
    assert "interrupted" in stderr
