"""What training writes, read back by other people's readers: safetensors and TensorBoard."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


@pytest.fixture(scope="session")
def train_sample(simscale_bin: Path) -> Path:
    """The helper beside the command (or $SIMSCALE_TRAIN_SAMPLE) that trains a toy task."""
    default = simscale_bin.parent / "train_sample"
    return Path(os.environ.get("SIMSCALE_TRAIN_SAMPLE", default))


@pytest.fixture(scope="session")
def run_dir(train_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    subprocess.run([train_sample, folder], check=True, capture_output=True, timeout=120)
    return folder / "run"


def test_safetensors_reads_our_checkpoint(run_dir: Path) -> None:
    tensors = load_file(run_dir / "best" / "model.safetensors")
    assert tensors["net.linear_0.weight"].shape == (32, 2 * 4)
    assert tensors["net.linear_0.weight"].dtype == np.float32
    assert tensors["obs_mean"].shape == (4,)
    assert np.all(tensors["obs_std"] >= 1e-2)
    names = {name for name in tensors if not name.startswith("ema.")}
    assert {"ema." + name for name in names} == set(tensors) - names
    with safe_open(run_dir / "best" / "model.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}


def test_manifest_holds_size_and_hash_of_each_file(run_dir: Path) -> None:
    folder = (run_dir / "latest").resolve()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["step"] == 400
    assert manifest["spec"]["n_obs_steps"] == 2
    assert set(manifest["files"]) == {p.name for p in folder.iterdir()} - {"manifest.json"}
    for name, entry in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert entry == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_we_read_what_safetensors_writes(train_sample: Path, tmp_path: Path) -> None:
    tensors = {
        "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "step": np.array(7, dtype=np.int64),
        "flags": np.array([True, False]),
        "half": np.ones((2, 1, 2), dtype=np.float16),
        "none": np.zeros((0, 4), dtype=np.float64),
        "bytes": np.arange(5, dtype=np.uint8),
    }
    path = tmp_path / "theirs.safetensors"
    save_file(tensors, path, metadata={"note": "grüße"})
    output = subprocess.run([train_sample, "--tensors", path], check=True, capture_output=True, timeout=60)
    read = json.loads(output.stdout)
    assert read["metadata"] == {"note": "grüße"}
    assert set(read["tensors"]) == set(tensors)
    for name, array in tensors.items():
        assert tuple(read["tensors"][name]["shape"]) == array.shape
        assert read["tensors"][name]["sha256"] == hashlib.sha256(array.tobytes()).hexdigest()


def test_a_damaged_file_is_one_line(train_sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"\xff" * 40)
    output = subprocess.run([train_sample, "--tensors", path], capture_output=True, text=True, timeout=60)
    assert output.returncode == 1
    assert output.stderr.count("\n") == 1
    assert "not a valid safetensors file" in output.stderr


def test_tensorboard_reads_the_events_of_a_resumed_run(run_dir: Path) -> None:
    board = EventAccumulator(str(run_dir / "tensorboard"), size_guidance={"scalars": 0})
    board.Reload()
    records = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    for kind, name in (("train", "loss"), ("validation", "loss"), ("eval", "success_rate")):
        expected = [(r["step"], np.float32(r[name])) for r in records if r["kind"] == kind]
        got = [(e.step, np.float32(e.value)) for e in board.Scalars(f"{kind}/{name}")]
        assert len(expected) >= 2
        assert got == expected
    assert len(board.Scalars("time/steps_per_second")) >= 2


def test_killed_at_any_moment_a_rerun_ends_with_the_same_weights(
    run_dir: Path, train_sample: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(20):
        process = subprocess.Popen([train_sample, tmp_path], stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=rng.uniform(0.1, 0.6))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        for name in ("best", "latest"):  # whatever a link names is whole at any moment
            link = tmp_path / "run" / name
            if link.is_symlink():
                for file, entry in json.loads((link / "manifest.json").read_text())["files"].items():
                    assert hashlib.sha256((link / file).read_bytes()).hexdigest() == entry["sha256"]
    assert kills >= 1
    subprocess.run([train_sample, tmp_path], check=True, capture_output=True, timeout=120)
    for file in (
        "latest/model.safetensors",
        "latest/optimizer.safetensors",
        "best/state.json",
        "metrics.jsonl",
    ):
        assert (tmp_path / "run" / file).read_bytes() == (run_dir / file).read_bytes()
    debris = [p.name for p in (tmp_path / "run").iterdir() if ".tmp-" in p.name]
    assert debris == []
