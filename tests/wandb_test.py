"""What a training sends to Weights & Biases: by its own client offline, read back with its own messages."""

from __future__ import annotations

import json
import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from processes import children
from wandb.proto.wandb_internal_pb2 import Record

SETTINGS = [
    *["--model", "bc_debug", "--dataset", "demos.h5", "--batch-size", 8, "train.log_every=5"],
    *["train.eval_every=10", "train.eval_episodes=4", "train.histogram_every=10", "train.picture_every=10"],
]
LONG = ["train", *SETTINGS, "train.eval_every=0", "train.histogram_every=0", "--use-wandb"]
BLOCK = 32768


def read_records(path: Path) -> Iterator[Record]:
    """The messages of a file of W&B's: seven bytes of header, then blocks of LevelDB's log format."""
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, message = 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:  # a header does not fit into the rest of the block
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        message += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last piece
            record = Record()
            record.ParseFromString(message)
            yield record
            message = b""


class OfflineRun:
    """What W&B would show of the run in a run folder, whose pieces lie in one file a process."""

    def __init__(self, run_dir: Path) -> None:
        self.rows: list[dict] = []
        self.artifacts: list[Record] = []
        self.config: dict = {}
        self.ids, self.exit_codes, self.files = set(), [], list(run_dir.glob("wandb/offline-run-*/*.wandb"))
        for file in sorted(self.files):
            for record in read_records(file):
                self.take(record)

    def take(self, record: Record) -> None:
        kind = record.WhichOneof("record_type")
        if kind == "run":
            self.ids.add(record.run.run_id)
            self.config.update({item.key: json.loads(item.value_json) for item in record.run.config.update})
        elif kind == "history":
            row: dict = {}
            for item in record.history.item:
                *outer, last = item.nested_key or [item.key]
                inner = row.setdefault(outer[0], {}) if outer else row
                inner[last] = json.loads(item.value_json)
            self.rows.append(row)
        elif kind == "exit":
            self.exit_codes.append(record.exit.exit_code)
        elif kind == "request" and record.request.WhichOneof("request_type") == "log_artifact":
            self.artifacts.append(record.request.log_artifact.artifact)
        elif kind == "artifact":
            self.artifacts.append(record.artifact)

    def values(self, name: str) -> list[tuple]:
        return [(row["step"], row[name]) for row in self.rows if name in row]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("wandb_home")
    names = ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")
    return {"WANDB_MODE": "offline", **{name: str(folder / name) for name in names}}


@pytest.fixture
def offline(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simscale_in: Callable) -> Path:
    folder = tmp_path_factory.mktemp("wandb_runs")
    simscale_in(folder)("datagen", "--env-name", "reach", "--n-episodes", 10, "--output", "demos.h5")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path, simscale_in: Callable, environment: dict[str, str]) -> OfflineRun:
    """Of a training that ended and was made longer."""
    for steps in (10, 20):
        done = simscale_in(folder)(
            *["train", *SETTINGS, f"train.steps={steps}", "metrics.videos=1", "--use-wandb", "--resume"],
            *["--checkpoint-dir", "run"],
            env=environment,
        )
        assert "wandb: offline run in" in done.stderr
        assert "left out" not in done.stderr
    return OfflineRun(folder / "run")


def test_all_metrics_arrive(run: OfflineRun, folder: Path) -> None:
    lines = (folder / "run/metrics.jsonl").read_text().splitlines()
    for record in map(json.loads, lines):
        for name, value in record.items():
            if name not in ("step", "kind"):
                assert (record["step"], value) in run.values(f"{record['kind']}/{name}")
    assert [step for step, _ in run.values("time/forward_ms")] == [5, 10, 15, 20]


def test_a_resumed_training_is_the_same_run(run: OfflineRun) -> None:
    assert len(run.ids) == 1
    assert len(run.files) == 2
    assert run.exit_codes == [0, 0]


def test_the_settings_are_there(run: OfflineRun, folder: Path) -> None:
    with (folder / "run/config.yaml").open() as file:
        config = yaml.safe_load(file)
    assert {name: value for name, value in run.config.items() if name in config} == config


def test_videos_and_histograms_are_media(run: OfflineRun, folder: Path) -> None:
    videos = run.values("videos/episode_0000")
    assert [step for step, _ in videos] == [10, 20]
    for step, video in videos:
        assert video["_type"] == "video-file"
        (copy,) = folder.glob(f"run/wandb/offline-run-*/files/{video['path']}")
        assert copy.read_bytes() == (folder / f"run/videos/step_{step}/episode_0000.mp4").read_bytes()
    histograms = run.values("weights/net.linear_0.bias")
    assert [step for step, _ in histograms] == [10, 20]
    assert histograms[0][1]["_type"] == "histogram"
    assert len(histograms[0][1]["bins"]) == len(histograms[0][1]["values"]) + 1


def test_the_best_checkpoint_is_an_artefact(run: OfflineRun, folder: Path) -> None:
    assert run.artifacts
    best = run.artifacts[-1]
    assert best.type == "model"
    assert set(best.aliases) == {"latest", "best", f"step_{json.loads(best.metadata)['step']}"}
    files = {entry.path: entry for entry in best.manifest.contents}
    assert files.keys() >= {"model.safetensors", "manifest.json", "config.yaml"}
    step = json.loads(best.metadata)["step"]
    model = folder / f"run/step_{step}/model.safetensors"
    assert files["model.safetensors"].size == model.stat().st_size


def test_rl_has_it_too(folder: Path, simscale_in: Callable, environment: dict[str, str]) -> None:
    simscale_in(folder)(
        *["rl", "--env-name", "reach", "--total-steps", 4096, "--use-wandb", "--save-path", "rl"],
        *["run.eval_every=4096", "run.eval_episodes=4"],
        env=environment,
    )
    run = OfflineRun(folder / "rl")
    assert run.values("train/kl")
    assert len(run.values("eval/mean_return")) == 1
    assert run.exit_codes == [0]


def test_no_login_costs_the_sink_alone(
    folder: Path, simscale_in: Callable, environment: dict[str, str]
) -> None:
    env = environment | {
        "WANDB_MODE": "online",
        "WANDB_API_KEY": "",
        "NETRC": "/nonexistent",
        "HOME": str(folder),
    }
    arguments = ["train", *SETTINGS, "train.steps=10", "--use-wandb", "--checkpoint-dir", "no_login"]
    done = simscale_in(folder)(*arguments, env=env)
    assert done.stderr.count("wandb is left out from here on: ") == 1
    assert "wandb login" in done.stderr
    assert (folder / "no_login/best").exists()


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_stuck_helper_costs_the_sink_alone(
    folder: Path, start: Callable, offline: None, signal_number: int
) -> None:
    run_dir = folder / f"signal_{signal_number}"
    arguments = [*LONG, "train.steps=3000", "metrics.wandb.finish_seconds=1", "--checkpoint-dir", run_dir]
    process = start(folder, arguments)
    process.wait_for(lambda: bool(list(run_dir.glob("wandb/offline-run-*"))))
    (helper,) = [
        pid
        for pid in children(process.process.pid)
        if "wandb_sink.py" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    os.kill(helper, signal_number)
    try:
        code, _, log = process.end()
    finally:
        if signal_number == signal.SIGSTOP:
            os.kill(helper, signal.SIGKILL)
    assert code == 0
    expected = {signal.SIGKILL: "its helper has ended", signal.SIGSTOP: "it has not ended"}
    assert f"wandb is left out from here on: {expected[signal_number]}" in " ".join(log.split())
    assert json.loads((run_dir / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 3000


def test_a_killed_training_ends_the_run(folder: Path, start: Callable, offline: None) -> None:
    run_dir = folder / "killed"
    process = start(folder, [*LONG, "train.steps=1000000", "--checkpoint-dir", run_dir])
    process.wait_for(lambda: bool(list(run_dir.glob("wandb/offline-run-*/*.wandb"))))
    process.process.kill()
    deadline = time.monotonic() + 60
    while not OfflineRun(run_dir).exit_codes:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert OfflineRun(run_dir).exit_codes == [1]


def test_a_missing_package_is_said_before_the_training(folder: Path, simscale_in: Callable) -> None:
    done = simscale_in(folder)(
        *["train", *SETTINGS, "train.steps=10", "--use-wandb", "--checkpoint-dir", "missing"],
        env={"PYTHONPATH": str(hide_wandb(folder))},
        exit_code=2,
    )
    assert "wandb needs the Python package of that name" in done.stderr
    assert "`pip install wandb`" in done.stderr
    assert not (folder / "missing").exists()


def hide_wandb(folder: Path) -> Path:
    """A folder that makes Python find no package wandb."""
    hidden = folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'wandb' else find(name, *more)\n"
    )
    return hidden
