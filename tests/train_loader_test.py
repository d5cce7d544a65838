"""Where a training's windows come from: pictures read ahead by threads, mixtures of datasets, filter keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SETTINGS = [
    *["--model", "bc_pixels", "--dataset", "a.h5", "images=[front_rgb]", "policy.bc.hidden=[32]"],
    *[
        "train.eval_every=0",
        "train.log_every=1",
        "train.schedule=constant",
        "train.warmup_steps=0",
        "--batch-size",
        8,
    ],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simscale_in: Callable) -> Path:
    folder = tmp_path_factory.mktemp("loader")
    sizes = ["task.cameras.front.width=32", "task.cameras.front.height=32"]
    for name, seed in (("a", 0), ("b", 1)):
        simscale_in(folder)(
            "datagen", "--env-name", "reach", "--n-episodes", 20, "--seed", seed, "--output", f"{name}.h5",
            "--cameras", "front", *sizes,
        )  # fmt: skip
    return folder


def metrics(run: Path) -> str:
    return (run / "metrics.jsonl").read_text()


@pytest.fixture(scope="module")
def plain(folder: Path, simscale_in: Callable) -> Path:
    simscale_in(folder)("train", *SETTINGS, "train.steps=20", "--checkpoint-dir", "plain")
    return folder / "plain"


@pytest.mark.parametrize(
    "settings",
    [
        ["loader.cache_mb=0"],
        ["loader.cache_mb=0", "loader.prefetch=0"],
        ["loader.threads=3", "loader.prefetch=7"],
        ["loader.map_files=true", "loader.cache_mb=0"],
    ],
)
def test_how_pictures_are_read_changes_no_bit(
    folder: Path, simscale_in: Callable, plain: Path, settings: list[str]
) -> None:
    simscale_in(folder)(
        "train", *SETTINGS, *settings, "train.steps=20", "--checkpoint-dir", "other", "--overwrite"
    )
    assert metrics(folder / "other") == metrics(plain)
    name = "latest/model.safetensors"
    assert (folder / "other" / name).read_bytes() == (plain / name).read_bytes()


def test_resumes_where_the_network_was_not_where_the_reader_was(
    folder: Path, simscale_in: Callable, plain: Path
) -> None:
    simscale = simscale_in(folder)
    for steps in (7, 20):
        simscale("train", *SETTINGS, f"train.steps={steps}", "--checkpoint-dir", "halved", "--resume")
    train = [
        [line for line in metrics(run).splitlines() if '"train"' in line]
        for run in (folder / "halved", plain)
    ]
    assert train[0] == train[1]


def test_a_shuffle_buffer_is_another_order_that_repeats(
    folder: Path, simscale_in: Callable, plain: Path
) -> None:
    for name in ("buffer_a", "buffer_b"):
        simscale_in(folder)(
            "train", *SETTINGS, "train.steps=20", "loader.shuffle_buffer=3", "loader.cache_mb=1",
            "--checkpoint-dir", name,
        )  # fmt: skip
    assert metrics(folder / "buffer_a") == metrics(folder / "buffer_b")
    assert metrics(folder / "buffer_a") != metrics(plain)


def test_mixtures_and_filter_keys(folder: Path, simscale_in: Callable) -> None:
    simscale = simscale_in(folder)
    mixed = ["mix=[b.h5]", "mix_weights=[3, 1]", "train.steps=5"]
    done = simscale("train", *SETTINGS, *mixed, "--checkpoint-dir", "mixed")
    assert "of 40 episodes" in done.stderr
    done = simscale(
        "train", *SETTINGS, "filter_key=train", "train.steps=5", "--checkpoint-dir", "filtered", "--json", "-"
    )
    assert "of 18 episodes" in done.stderr
    again = simscale(
        "train", *SETTINGS, "filter_key=train", "train.steps=5", "--checkpoint-dir", "filtered", "--resume"
    )
    assert "all 5 steps are done already" in again.stderr
    manifest = json.loads((folder / "filtered/latest/manifest.json").read_text())
    assert len(manifest["dataset_hash"]) == 64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["mix=[none.h5]"], "none.h5: no such file"),
        (["mix=[b.h5]", "mix_weights=[1]"], "mix_weights: one for each dataset is wanted, 2, got 1"),
        (["mix=[b.h5]", "mix_weights=[1, 0]"], "dataset weights must be above 0, got 0"),
        (["filter_key=vaild"], "unknown filter key 'vaild'. Did you mean 'valid'?"),
        (["images=[side_rgb]"], "unknown picture 'side_rgb'"),
        (["loader.threads=0"], "loader.threads"),
    ],
)
def test_what_does_not_fit_is_one_line(
    folder: Path, simscale_in: Callable, settings: list[str], message: str
) -> None:
    done = simscale_in(folder)("train", *SETTINGS, *settings, "--checkpoint-dir", "wrong", exit_code=2)
    assert message in done.stderr
    assert done.stderr.count("error:") == 1
    assert not (folder / "wrong").exists()
