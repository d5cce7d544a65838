#!/usr/bin/env python3
"""Reading windows of a dataset with pictures: our loader beside torch's DataLoader over h5py and beside
robomimic's SequenceDataset, on the same file, in turns.

A window is 16 steps of two 84x84 cameras, a state vector and the actions: 678 kB. All sides give batches of
16 random windows; the file's pages are in the page cache before. Ours reads them by two threads, once from
the file and once from the decoded episodes in memory. robomimic's cache is filled before it is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import measure
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

WINDOW = 16
BATCH = 16
CAMERAS = ("front", "wrist")
KEYS = (*(f"{camera}_rgb" for camera in CAMERAS), "joint_pos")
ASKED = {"ours": 5.0, "ours_cached": 10.0}


class H5Windows(Dataset):
    """As robomimic reads: slices of h5py datasets, a file handle a process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: h5py.File | None = None
        with h5py.File(path) as file:
            names = sorted(file["data"], key=lambda name: int(name.split("_")[1]))
            lengths = {name: file[f"data/{name}"].attrs["num_samples"] for name in names}
        self.windows = [(name, t) for name in names for t in range(lengths[name] - WINDOW + 1)]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, i: int) -> dict[str, np.ndarray]:
        if self.file is None:
            self.file = h5py.File(self.path, "r", libver="latest")
        name, t = self.windows[i]
        demo = self.file["data"][name]
        window = {key: demo["obs"][key][t : t + WINDOW] for key in KEYS}
        return {**window, "actions": demo["actions"][t : t + WINDOW]}


def robomimic_dataset(path: Path, cached: bool) -> Dataset:
    import robomimic.utils.dataset as robomimic_data
    import robomimic.utils.obs_utils as obs_utils

    with contextlib.redirect_stdout(io.StringIO()):
        obs_utils.initialize_obs_utils_with_obs_specs(
            {"obs": {"low_dim": [KEYS[-1]], "rgb": list(KEYS[:-1])}}
        )
        return robomimic_data.SequenceDataset(
            hdf5_path=str(path),
            obs_keys=KEYS,
            dataset_keys=("actions",),
            seq_length=WINDOW,
            pad_seq_length=False,
            hdf5_cache_mode="all" if cached else None,
            hdf5_use_swmr=False,
            load_next_obs=False,
        )


class Side:
    """Windows a second of a DataLoader that goes on where it was."""

    def __init__(self, dataset: Dataset, workers: int, windows: int) -> None:
        self.loader = DataLoader(
            dataset,
            batch_size=BATCH,
            shuffle=True,
            num_workers=workers,
            persistent_workers=workers > 0,
            drop_last=True,
        )
        self.batches = max(windows // BATCH, 1)
        self.iterator: Iterator[Any] = iter(self.loader)
        next(self.iterator)

    def next_batch(self) -> None:
        try:
            next(self.iterator)
        except StopIteration:
            self.iterator = iter(self.loader)
            next(self.iterator)

    def __call__(self) -> float:
        start = time.perf_counter()
        for _ in range(self.batches):
            self.next_batch()
        return self.batches * BATCH / (time.perf_counter() - start)


class Ours:
    """Both of our figures come from one run of `simscale bench loader`."""

    def __init__(self, path: Path, windows: int) -> None:
        self.path, self.windows, self.repeat = path, windows, 0
        self.cached: list[float] = []
        self.hdf5: list[float] = []

    def __call__(self) -> float:
        self.repeat += 1
        result = measure.simscale_json(
            *["bench", "loader", self.path, f"observations=[{','.join(KEYS)}]", "--window", WINDOW],
            *[
                "--batch-size",
                BATCH,
                "--repeats",
                1,
                "--seed",
                self.repeat,
                f"batches={self.windows // BATCH}",
            ],
        )
        self.cached.append(result["ours_cached"])
        self.hdf5.append(result["reference"])
        return result["ours"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--windows", type=int, default=960, help="of each of the others in one repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    on = measure.machine()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cameras.h5"
        sizes = [f"task.cameras.{camera}.{side}=84" for camera in CAMERAS for side in ("width", "height")]
        measure.simscale(
            *["datagen", "--env-name", "pick_place", "--n-episodes", options.episodes, "--output", path],
            *["--cameras", ",".join(CAMERAS), *sizes],
        )
        path.read_bytes()  # into the page cache
        started = time.perf_counter()
        cached = robomimic_dataset(path, cached=True)
        filling = time.perf_counter() - started
        ours = Ours(path, 20 * options.windows)
        sides: dict[str, Callable[[], float]] = {
            "ours": ours,
            "h5py": Side(H5Windows(path), 0, options.windows),
            "h5py, 2 workers": Side(H5Windows(path), 2, options.windows),
            "robomimic": Side(robomimic_dataset(path, cached=False), 0, options.windows),
            "robomimic, all cached": Side(cached, 0, 4 * options.windows),
        }
        figures = measure.in_turns(sides, options.repeats)
    figures["ours_cached"] = ours.cached
    figures["HDF5 library in C, 1 thread"] = ours.hdf5
    ratios = {name: measure.ratio(figures[name], figures["h5py"]) for name in ASKED}
    print(f"windows of {WINDOW} steps, two 84x84 cameras: windows/s, median (lowest .. highest)")
    for name, values in figures.items():
        print(f"  {name}: {measure.shown(measure.spread(values))}")
    print(f"  (robomimic filled its cache in {filling:.1f} s)")
    for name, asked in ASKED.items():
        print(f"{name}: {measure.shown(ratios[name], 1)} x one h5py process (asked {asked:g})")
    report = {
        "windows_per_second": {name: measure.spread(values) for name, values in figures.items()},
        "ratio_to_h5py": ratios,
        "robomimic_cache_seconds": filling,
    }
    measure.write_report(options.json, on, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
