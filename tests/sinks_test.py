"""What a training leaves for others to look at, read back by their own packages."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SETTINGS = [
    *["--model", "bc_pixels", "--dataset", "demos.h5", "images=[front_rgb]", "policy.bc.hidden=[16]"],
    *["--batch-size", 8, "train.eval_every=0", "train.log_every=5", "metrics.sinks=[tensorboard, csv]"],
    *["train.picture_every=10", "train.histogram_every=10"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simscale_in: Callable) -> Path:
    folder = tmp_path_factory.mktemp("sinks")
    simscale = simscale_in(folder)
    sizes = ["task.cameras.front.width=32", "task.cameras.front.height=24"]
    simscale(
        *["datagen", "--env-name", "reach", "--n-episodes", 10, "--output", "demos.h5", "--cameras", "front"],
        *sizes,
    )
    simscale("train", *SETTINGS, "train.steps=20", "--checkpoint-dir", "run", "--profile", "trace.json")
    return folder


@pytest.fixture(scope="module")
def board(folder: Path) -> EventAccumulator:
    sizes = {"images": 0, "histograms": 0, "scalars": 0}
    return EventAccumulator(str(folder / "run/tensorboard"), size_guidance=sizes).Reload()


def records(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_tensorboard_shows_pictures(board: EventAccumulator) -> None:
    pictures = board.Images("pictures/front_rgb")
    assert [picture.step for picture in pictures] == [10, 20]
    assert (pictures[0].width, pictures[0].height) == (32, 24)
    pixels = np.asarray(Image.open(io.BytesIO(pictures[0].encoded_image_string)))
    assert pixels.shape == (24, 32, 3)
    assert pixels.std() > 5  # there is something on it


def test_tensorboard_shows_histograms(board: EventAccumulator, folder: Path) -> None:
    for kind in ("weights", "gradients"):
        histograms = board.Histograms(f"{kind}/net.linear_0.bias")
        assert [histogram.step for histogram in histograms] == [10, 20]
        value = histograms[-1].histogram_value
        assert value.num == sum(value.bucket) == 16
        assert value.min < value.sum / value.num < value.max
        assert value.bucket_limit[-1] == pytest.approx(value.max)


def test_tensorboard_shows_videos(folder: Path, simscale_in: Callable) -> None:
    simscale_in(folder)(
        *["train", *SETTINGS, "train.steps=10", "train.eval_every=10", "train.eval_episodes=4"],
        *["metrics.videos=2", "--checkpoint-dir", "filmed"],
    )
    board = EventAccumulator(str(folder / "filmed/tensorboard")).Reload()
    assert {tag for tag in board.Tags()["images"] if "videos" in tag} == {
        "videos/episode_0000",
        "videos/episode_0001",
    }
    (video,) = board.Images("videos/episode_0000")
    film = Image.open(io.BytesIO(video.encoded_image_string))
    assert (video.step, video.width, video.height) == (10, *film.size)
    assert film.n_frames > 20
    first = np.asarray(film.convert("RGB"), dtype=int)
    film.seek(film.n_frames - 1)
    moved = np.abs(np.asarray(film.convert("RGB"), dtype=int) - first).max(axis=2) > 30
    assert 0.002 < moved.mean() < 0.5  # the robot, not the room
    assert {path.suffix for path in (folder / "filmed/videos/step_10").iterdir()} == {".mp4", ".png"}


def test_a_film_that_cannot_be_made_costs_the_film_alone(folder: Path, simscale_in: Callable) -> None:
    done = simscale_in(folder)(
        *["train", *SETTINGS, "train.steps=10", "train.eval_every=10", "train.eval_episodes=4"],
        *["metrics.videos=1", "--checkpoint-dir", "no_film"],
        env={"SIMSCALE_VIDEO_PLUGIN": "/nonexistent.so"},
    )
    assert "no film of this evaluation" in done.stderr
    assert records(folder / "no_film")[-1]["kind"] in ("eval", "eval_reward")


def test_all_sinks_hold_the_same_numbers(board: EventAccumulator, folder: Path) -> None:
    with (folder / "run/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    told = {(int(row["step"]), row["kind"], row["name"]): float(row["value"]) for row in rows}
    scalars = {
        (event.step, *tag.split("/", 1)): event.value
        for tag in board.Tags()["scalars"]
        for event in board.Scalars(tag)
    }
    assert told.keys() == scalars.keys()
    for record in records(folder / "run"):
        for name, value in record.items():
            if name in ("step", "kind"):
                continue
            key = (record["step"], record["kind"], name)
            assert told[key] == value
            assert scalars[key] == pytest.approx(value, rel=1e-6)


def test_the_time_of_a_step_is_told(board: EventAccumulator) -> None:
    parts = {tag for tag in board.Tags()["scalars"] if tag.startswith("time/")}
    assert parts >= {f"time/{part}_ms" for part in ("data", "forward", "backward", "optimise")}
    assert all(event.value > 0 for event in board.Scalars("time/forward_ms"))


def test_a_profile_is_a_chrome_trace(folder: Path, simscale_in: Callable) -> None:
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    names = [event.get("name") for event in events]
    for part in ("data", "forward", "backward", "optimise"):
        assert names.count(part) == 10
    assert any(str(name).startswith("aten::") for name in names)
    done = simscale_in(folder)(
        "train", *SETTINGS, "--checkpoint-dir", "wrong", "--profile", "none/trace.json", exit_code=2
    )
    assert "none/trace.json: there is no folder none for the trace" in done.stderr
    assert not (folder / "wrong").exists()


def test_rl_has_a_profile_too(tmp_path: Path, simscale: Callable) -> None:
    simscale(
        *["rl", "--env-name", "reach", "--total-steps", 4096, "num_envs=8", "ppo.n_steps=64"],
        *["ppo.minibatch_size=256", "run.eval_every=0", "--profile", "trace.json", "--save-path", "run"],
    )
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    names = [event.get("name") for event in events]
    assert names.count("collect") == names.count("prepare") == names.count("learn") == 2
    assert names.count("simulate") == 2 * 64
    threads = {event["tid"] for event in events if str(event.get("name")).startswith("aten::")}
    assert len(threads) > 1  # the learner's


def test_a_sink_that_fails_never_stops_a_training(folder: Path, simscale_in: Callable) -> None:
    run = folder / "broken"
    simscale_in(folder)("train", *SETTINGS, "train.steps=10", "--checkpoint-dir", "broken")
    shutil.rmtree(run / "tensorboard")
    (run / "tensorboard").write_text("in the way")
    (run / "metrics.csv").unlink()
    (run / "metrics.csv").symlink_to("/dev/full")  # opens well, and fails at each write
    done = simscale_in(folder)("train", *SETTINGS, "train.steps=20", "--checkpoint-dir", "broken", "--resume")
    assert done.stderr.count("tensorboard is left out") == 1
    assert done.stderr.count("csv is left out") == 1
    assert records(run)[-1]["step"] == 20


def test_unknown_sinks_are_one_line(folder: Path, simscale_in: Callable) -> None:
    done = simscale_in(folder)(
        "train", *SETTINGS, "metrics.sinks=[tensorbord]", "--checkpoint-dir", "wrong", exit_code=2
    )
    assert "unknown sink 'tensorbord'. Did you mean 'tensorboard'?" in done.stderr
