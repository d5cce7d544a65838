"""Datasets as other programs see them: h5py walks both layouts, robomimic's own loader reads ours.

robomimic is optional. Its loader needs only what this installs, its other dependencies (egl_probe,
torchvision, ...) are for simulators and training:
    pip install --no-deps robomimic==0.3.0 tqdm termcolor
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
EPISODES = 12
ARRAYS = ["actions", "dones", "final_state", "rewards", "states"]
OBSERVATIONS = {"ee_pos": (3,), "front": (8, 10, 3), "joint_pos": (7,)}


@pytest.fixture(scope="module")
def data_sample() -> Path:
    """The test tool data_sample, built beside the command under test."""
    command = Path(os.environ.get("SIMSCALE_BIN", ROOT / "build/release/bin/simscale"))
    binary = command.parent / "data_sample"
    if not os.access(binary, os.X_OK):
        pytest.fail(f"no data_sample at {binary}: run 'make build', or set SIMSCALE_BIN")
    return binary


@pytest.fixture(scope="module", params=[0, 4], ids=["plain", "compressed"])
def sample(request, data_sample, tmp_path_factory) -> tuple[Path, str]:
    """A file of 12 episodes, and the content hash that the writer returned."""
    path = tmp_path_factory.mktemp("data") / "sample.hdf5"
    command = [data_sample, path, str(EPISODES), str(request.param)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return path, printed.strip()


def content_hash(file: h5py.File) -> str:
    """What simscale/data/writer.h defines, written a second time."""
    digest = hashlib.sha256()
    for i in range(EPISODES):
        episode = file[f"episode_{i}"]
        digest.update(f"episode seed {episode.attrs['seed']} index {episode.attrs['index']}\n".encode())
        names = ARRAYS + [f"observations/{key}" for key in OBSERVATIONS]
        for name in sorted(names):
            array = episode[name][()]
            digest.update(f"{name} {array.dtype.name} {list(array.shape)}\n".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def test_h5py_reads_the_very_bytes(sample):
    path, printed = sample
    with h5py.File(path) as file:
        assert content_hash(file) == printed
        assert file.attrs["content_hash"] == printed


def test_both_layouts_are_hard_links_to_the_same_objects(sample):
    path, _ = sample
    with h5py.File(path) as file:
        assert sorted(file["data"]) == sorted(f"demo_{i}" for i in range(EPISODES))
        for i in range(EPISODES):
            episode, demo = file[f"episode_{i}"], file[f"data/demo_{i}"]
            length = 5 + i % 4
            assert sorted(demo) == sorted([*ARRAYS, "obs"])
            assert sorted(episode) == sorted([*ARRAYS, "observations"])
            assert sorted(demo["obs"]) == sorted(OBSERVATIONS)
            for name in ARRAYS:
                assert isinstance(demo.get(name, getlink=True), h5py.HardLink)
                assert demo[name] == episode[name]  # h5py compares the objects, not the numbers
                np.testing.assert_array_equal(demo[name][()], episode[name][()])
            assert demo["obs"] == episode["observations"]
            for key, shape in OBSERVATIONS.items():
                assert demo["obs"][key].shape == (length, *shape)
                np.testing.assert_array_equal(demo["obs"][key], episode["observations"][key])
            assert demo["actions"].shape == (length, 4)
            assert demo["actions"].dtype == np.float32
            assert demo["states"].dtype == np.float64
            assert demo["obs"]["front"].dtype == np.uint8
            assert demo["obs"]["front"].chunks == (1, 8, 10, 3)
            np.testing.assert_array_equal(demo["dones"], [0] * (length - 1) + [1])


def test_attributes_are_plain_python_kinds(sample):
    path, _ = sample
    with h5py.File(path) as file:
        for name in (
            "env_name",
            "task_config",
            "generator",
            "model_hash",
            "mujoco_version",
            "simscale_version",
            "policy",
            "env_args",
            "content_hash",
            "format",
        ):
            assert type(file.attrs[name]) is str, name
        assert file.attrs["format"] == "simscale-dataset"
        assert file.attrs["schema"] == 1
        assert file.attrs["seed"] == 7
        assert json.loads(file["data"].attrs["env_args"])["env_name"] == "SimScale/PickPlace-v0"
        assert file["data"].attrs["total"] == sum(5 + i % 4 for i in range(EPISODES))
        for i in range(EPISODES):
            for group in (file[f"episode_{i}"], file[f"data/demo_{i}"]):
                assert group.attrs["num_samples"] == 5 + i % 4
                assert group.attrs["index"] == i
                assert group.attrs["seed"] == 7
                assert isinstance(group.attrs["success"], np.bool_) and group.attrs["success"]
                assert type(group.attrs["language"]) is str
                assert group.attrs["language"] == "put the cube on the target – gently"
                assert group.attrs["outcome"] == "success"
                expected = group["rewards"][()].astype(np.float64).sum()
                assert group.attrs["return"] == pytest.approx(expected, abs=1e-12)


def test_masks_split_the_episodes(sample):
    path, _ = sample
    with h5py.File(path) as file:
        train, valid = file["mask/train"][()], file["mask/valid"][()]
        assert train.dtype.kind == valid.dtype.kind == "S"
        assert [name.decode() for name in valid] == ["demo_9"]
        assert [name.decode() for name in train] == [f"demo_{i}" for i in range(EPISODES) if i != 9]


def test_robomimic_reads_it(sample):
    pytest.importorskip("tqdm", reason="robomimic's loader needs it")
    pytest.importorskip("termcolor", reason="robomimic's loader needs it")
    dataset = pytest.importorskip("robomimic.utils.dataset")
    obs_utils = pytest.importorskip("robomimic.utils.obs_utils")
    path, _ = sample
    obs_utils.initialize_obs_utils_with_obs_specs(
        {"obs": {"low_dim": ["joint_pos", "ee_pos"], "rgb": ["front"]}}
    )
    sequences = dataset.SequenceDataset(
        hdf5_path=str(path),
        obs_keys=("joint_pos", "ee_pos", "front"),
        dataset_keys=("actions", "rewards", "dones"),
        seq_length=3,
        hdf5_cache_mode="low_dim",
        filter_by_attribute="train",
        load_next_obs=False,
    )
    first = sequences[5]  # the first step of the second episode
    last = sequences[len(sequences) - 1]  # padded by its last step
    sequences.close_and_delete_hdf5_handle()  # it reads in SWMR mode, which bars other opens
    assert len(sequences) == sum(5 + i % 4 for i in range(EPISODES) if i != 9)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(first["actions"], file["episode_1/actions"][:3])
        for key in OBSERVATIONS:
            expected = file[f"episode_1/observations/{key}"][:3]
            np.testing.assert_array_equal(first["obs"][key], expected)
        np.testing.assert_array_equal(last["dones"].ravel(), [1, 1, 1])
        np.testing.assert_array_equal(last["rewards"].ravel(), [file["episode_11/rewards"][-1]] * 3)
