"""simscaleai.Dataset against h5py's reading of the same file, alone and behind torch's DataLoader."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
import torch
from simscaleai import Dataset
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

CACHES = pytest.mark.parametrize("cache", [True, False])


@pytest.fixture(scope="module")
def path(made):
    return made / "reach.h5"


@pytest.fixture(scope="module")
def content(path) -> list[dict[str, np.ndarray]]:
    """Each episode's arrays, by h5py."""
    with h5py.File(path) as file:
        groups = [file[f"data/demo_{i}"] for i in range(len(file["data"]))]
        names = ["actions", "rewards", *(f"obs/{key}" for key in groups[0]["obs"])]
        return [
            {name.replace("obs/", "observations/"): group[name][()] for name in names} for group in groups
        ]


@CACHES
def test_items_are_the_steps_of_the_file(path, content, cache):
    dataset = Dataset(path, cache=cache)
    lengths = [len(episode["actions"]) for episode in content]
    assert len(dataset) == sum(lengths) and dataset.num_episodes == 10
    np.testing.assert_array_equal(dataset.episode_ends, np.cumsum(lengths))
    i = 0
    for number, episode in enumerate(content):
        for step in range(lengths[number]):
            item = dataset[i]
            keys = {name for name in episode if name != "rewards"}
            assert item.keys() == keys | {"episode_index", "step_index"}
            assert (item["episode_index"], item["step_index"]) == (number, step)
            for key in keys:
                assert item[key].dtype == np.float32
                np.testing.assert_array_equal(item[key], episode[key][step])
            i += 1
    np.testing.assert_array_equal(dataset[-1]["actions"], content[-1]["actions"][-1])


@CACHES
def test_windows_repeat_an_episodes_ends(path, content, cache):
    dataset = Dataset(path, n_obs_steps=3, horizon=4, keys=["observations/ee_pos", "actions"], cache=cache)
    begin = 0
    for number, episode in enumerate(content):
        last = len(episode["actions"]) - 1
        for step in [0, 1, 2, last - 3, last - 1, last]:
            item = dataset[begin + step]
            past = np.clip([step - 2, step - 1, step], 0, None)
            ahead = np.array([step, step + 1, step + 2, step + 3])
            np.testing.assert_array_equal(item["observations/ee_pos"], episode["observations/ee_pos"][past])
            np.testing.assert_array_equal(item["actions"], episode["actions"][np.minimum(ahead, last)])
            np.testing.assert_array_equal(item["actions_is_pad"], ahead > last)
            assert item["episode_index"] == number
        begin += last + 1


@CACHES
def test_a_list_of_steps_is_a_batch(path, cache):
    dataset = Dataset(path, n_obs_steps=2, horizon=5, cache=cache)
    wanted = [7, 0, 7, len(dataset) - 1, -2]
    for batch in (dataset[wanted], dataset[np.array(wanted)]):
        for key, array in batch.items():
            np.testing.assert_array_equal(array, np.stack([dataset[i][key] for i in wanted]))


def test_episodes_are_chosen_by_their_place(path, content):
    some = Dataset(path, episodes=[4, -1], keys=["rewards"])
    assert len(some) == len(content[4]["rewards"]) + len(content[9]["rewards"])
    np.testing.assert_array_equal(some[0]["rewards"], content[4]["rewards"][0])
    np.testing.assert_array_equal(some.episode(1)["rewards"], content[9]["rewards"])
    np.testing.assert_array_equal(some.episode(0, ["actions"])["actions"], content[4]["actions"])
    assert some.episodes[0]["length"] == len(content[4]["rewards"])
    assert some.episodes[0]["outcome"] == "success" and some.episodes[0]["success"] is True
    assert some.episodes[1]["language"] == "move the gripper to the target"


def test_it_says_where_it_comes_from(path, content):
    dataset = Dataset(path)
    assert dataset.meta["env_name"] == "reach" and dataset.meta["policy"] == "scripted"
    assert dataset.meta["mujoco_version"] == "3.14.0"
    with h5py.File(path) as file:
        assert dataset.meta["content_hash"] == file.attrs["content_hash"]
    every = np.concatenate([episode["actions"] for episode in content]).astype(np.float64)
    actions = dataset.stats["arrays"]["actions"]
    np.testing.assert_allclose(actions["mean"], every.mean(0), rtol=1e-9)
    np.testing.assert_allclose(actions["max"], every.max(0), rtol=1e-9)


@CACHES
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_dataloaders_workers_give_every_step_once(path, cache, start):
    dataset = Dataset(path, n_obs_steps=2, horizon=3, cache=cache)
    dataset[0]  # the file is in use as the workers start
    loader = DataLoader(dataset, batch_size=16, shuffle=True, num_workers=2, multiprocessing_context=start)
    seen = []
    for batch in loader:
        assert batch["actions"].dtype == torch.float32 and batch["actions"].shape[1:] == (3, 4)
        assert batch["actions_is_pad"].dtype == torch.bool
        begins = torch.tensor([0, *dataset.episode_ends[:-1]])
        places = begins[batch["episode_index"]] + batch["step_index"]
        seen += places.tolist()
        np.testing.assert_array_equal(batch["actions"], dataset[places.tolist()]["actions"])
    assert sorted(seen) == list(range(len(dataset)))


def test_dataloader_takes_whole_batches(path):
    dataset = Dataset(path)
    batches = DataLoader(dataset, sampler=BatchSampler(RandomSampler(dataset), 32, False), batch_size=None)
    sizes = [len(batch["actions"]) for batch in batches]
    assert sum(sizes) == len(dataset) and set(sizes[:-1]) == {32}
    assert isinstance(next(iter(batches))["observations/ee_pos"], torch.Tensor)


def test_a_pickle_holds_no_data(path):
    dataset = Dataset(path)
    dataset[0]
    pickled = pickle.dumps(dataset)
    assert len(pickled) < 20_000 + 200 * len(dataset.episodes)
    np.testing.assert_array_equal(pickle.loads(pickled)[5]["actions"], dataset[5]["actions"])


def test_a_forked_child_reads_by_itself(path):
    dataset = Dataset(path, cache=False)
    wanted = [dataset[i]["actions"] for i in (0, len(dataset) - 1)]
    child = os.fork()
    if child == 0:
        got = [dataset[i]["actions"] for i in (0, len(dataset) - 1)]
        os._exit(0 if all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True)) else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(dataset[3]["actions"], Dataset(path)[3]["actions"])


@CACHES
def test_threads_may_share_it(path, cache):
    dataset, wanted = Dataset(path, cache=cache), Dataset(path)
    with ThreadPoolExecutor(8) as pool:
        steps = [*range(len(wanted))] * 3
        for i, item in zip(steps, pool.map(dataset.__getitem__, steps), strict=True):
            np.testing.assert_array_equal(item["actions"], wanted[i]["actions"])


def test_misuse_is_one_clear_error(path, made, tmp_path):
    dataset = Dataset(path)
    size = len(dataset)
    with pytest.raises(IndexError, match=f"index {size} is out of range for {size} steps"):
        dataset[size]
    with pytest.raises(IndexError, match="is out of range"):
        dataset[[0, -size - 1]]
    with pytest.raises(TypeError):
        dataset[1.5]
    with pytest.raises(TypeError, match="integer"):
        dataset[[0.5]]
    with pytest.raises(IndexError, match="episode 10 is out of range for 10 episodes"):
        Dataset(path, episodes=[10])
    with pytest.raises(ValueError, match="holds no array 'actoins'; it has actions"):
        Dataset(path, keys=["actoins"])
    with pytest.raises(TypeError, match="list of names"):
        Dataset(path, keys="actions")
    with pytest.raises(ValueError, match="horizon must be at least 1"):
        Dataset(path, horizon=0)
    for name, bytes_ in [("text.h5", b"no dataset"), ("half.h5", path.read_bytes()[:50_000])]:
        (tmp_path / name).write_bytes(bytes_)
        with pytest.raises(ValueError, match=name) as caught:
            Dataset(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises((ValueError, OSError), match=r"missing\.h5"):
        Dataset(tmp_path / "missing.h5")
    with pytest.raises((ValueError, OSError), match="run"):
        Dataset(made / "run")
    assert len(Dataset(path, episodes=[])) == 0
