"""Training on several processes under the real torchrun: the same as one process with a larger batch, and the
same bits whoever is killed."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import kill_now_and_then
from safetensors.numpy import load_file

SETTINGS = [
    *["--model", "bc", "--dataset", "reach.h5"],
    *["train.eval_every=0", "train.validate_every=0", "policy.bc.hidden=[64,64]"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simscale_in: Callable) -> Path:
    folder = tmp_path_factory.mktemp("distributed")
    simscale_in(folder)("datagen", "--env-name", "reach", "--n-episodes", 30, "--output", "reach.h5")
    return folder


def losses(run: Path) -> list[float | None]:
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


# Not l1, whose gradient jumps where an error changes its sign: there rounding alone makes runs part.
TRANSFORMER = [
    "policy.bc.loss=mse",
    *["policy.bc.trunk=transformer", "policy.bc.horizon=4", "policy.bc.n_action_steps=2"],
    *["policy.bc.transformer.layers=3", "policy.bc.transformer.width=32", "policy.bc.transformer.heads=4"],
]


@pytest.fixture(scope="module")
def one_process(folder: Path, simscale_in: Callable) -> list[float]:
    """The losses of 50 steps of 64 windows."""
    settings = [*SETTINGS, *TRANSFORMER, "train.steps=50", "train.log_every=1", "policy.bc.obs_noise=0"]
    simscale_in(folder)("train", *settings, "--batch-size", 64, "--checkpoint-dir", "one_transformer")
    return losses(folder / "one_transformer")


@pytest.mark.parametrize(
    ("processes", "batch_size", "more"),
    [
        (2, 32, ["train.strategy=fsdp"]),
        (2, 32, ["train.strategy=zero2"]),
        (2, 16, ["train.strategy=ddp", "train.accumulate=2", "train.activation_checkpointing=true"]),
        (2, 16, ["train.strategy=fsdp", "train.accumulate=2", "train.activation_checkpointing=true"]),
        (1, 16, ["train.accumulate=4", "train.activation_checkpointing=true"]),
    ],
)
def test_strategies_learn_the_same(
    folder: Path,
    simscale_in: Callable,
    one_process: list[float],
    processes: int,
    batch_size: int,
    more: list[str],
) -> None:
    settings = [
        *SETTINGS,
        *TRANSFORMER,
        "train.steps=50",
        "train.log_every=1",
        "policy.bc.obs_noise=0",
        *more,
    ]
    many = ["--nproc", processes] if processes > 1 else []
    simscale_in(folder)(
        "train", *settings, "--batch-size", batch_size, "--checkpoint-dir", "same", "--overwrite", *many
    )
    assert losses(folder / "same") == pytest.approx(one_process, rel=1e-5)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_half_precision_learns_nearly_the_same(
    folder: Path, simscale_in: Callable, one_process: list[float], precision: str, strategy: str
) -> None:
    settings = [*SETTINGS, *TRANSFORMER, "train.steps=50", "train.log_every=1", "policy.bc.obs_noise=0"]
    name = f"{strategy}_{precision}"
    simscale_in(folder)(
        "train", *settings, f"train.precision={precision}", f"train.strategy={strategy}",
        "--batch-size", 32, "--checkpoint-dir", name, "--nproc", 2,
    )  # fmt: skip
    mine = losses(folder / name)
    skipped = mine.count(None)  # until the loss scale of fp16 has settled
    assert skipped <= (5 if precision == "fp16" else 0)
    assert mine[skipped] == pytest.approx(one_process[0], rel=0.05)
    assert mine[-1] == pytest.approx(one_process[-1], rel=0.3)
    assert mine[-1] != pytest.approx(one_process[-1], rel=1e-5)  # it is another arithmetic


def test_checkpoints_fit_any_strategy_and_number_of_processes(folder: Path, simscale_in: Callable) -> None:
    simscale = simscale_in(folder)
    stages = [(10, 2, "fsdp"), (20, 1, "fsdp"), (30, 2, "zero2"), (40, 4, "fsdp"), (50, 2, "ddp")]
    for steps, processes, strategy in stages:
        many = ["--nproc", processes] if processes > 1 else []
        simscale(
            "train", *SETTINGS, *TRANSFORMER, "train.schedule=constant", "train.log_every=1",
            "policy.bc.obs_noise=0", f"train.steps={steps}", f"train.strategy={strategy}",
            "--batch-size", 16, "--checkpoint-dir", "stages", "--resume", *many,
        )  # fmt: skip
        parts = sorted(path.name for path in (folder / "stages/latest").glob("model*"))
        if processes > 1 and strategy != "ddp":
            assert parts == [f"model.{rank}-of-{processes}.safetensors" for rank in range(processes)]
        else:
            assert parts == ["model.safetensors"]
    mine = losses(folder / "stages")
    assert len(mine) == 50
    assert max(mine[40:]) < min(mine[:5])  # it went on learning


def test_parts_are_joined(folder: Path, simscale_in: Callable) -> None:
    simscale = simscale_in(folder)
    settings = [*SETTINGS, *TRANSFORMER, "train.steps=20", "policy.bc.obs_noise=0.1"]
    for name, strategy in (("parts", "fsdp"), ("wholes", "ddp")):
        simscale(
            "train",
            *settings,
            f"train.strategy={strategy}",
            "--batch-size",
            32,
            "--checkpoint-dir",
            name,
            "--nproc",
            2,
        )
    before = json.loads(simscale("eval", "parts", "--n-episodes", 8, "--json", "-").stdout)
    simscale("checkpoint", "consolidate", "parts", "--output", "joined")
    assert len(list((folder / "parts/latest").glob("*.safetensors"))) == 4  # they are left alone
    assert json.loads(simscale("checkpoint", "consolidate", "parts", "--json", "-").stdout)["was_in_parts"]
    assert not json.loads(simscale("checkpoint", "consolidate", "parts", "--json", "-").stdout)[
        "was_in_parts"
    ]
    after = json.loads(simscale("eval", "joined", "--n-episodes", 8, "--json", "-").stdout)
    assert after["episodes"] == before["episodes"]
    tensors = {
        name: load_file(folder / name / "latest/optimizer.safetensors") for name in ("parts", "wholes")
    }
    assert tensors["parts"].keys() == tensors["wholes"].keys()  # the same checkpoint, whoever wrote it
    for name, value in tensors["wholes"].items():
        assert tensors["parts"][name].shape == value.shape, name
    # Two processes go on from the joined one as they do from the parts.
    settings[len(SETTINGS) + len(TRANSFORMER)] = "train.steps=30"
    simscale(
        "train",
        *settings,
        "train.strategy=fsdp",
        "--batch-size",
        32,
        "--checkpoint-dir",
        "parts",
        "--resume",
        "--nproc",
        2,
    )
    refused = simscale("checkpoint", "consolidate", "parts", "--output", "wholes", exit_code=2)
    assert "wholes: exists already" in refused.stderr


def test_a_rank_owns_its_part(folder: Path, simscale_in: Callable) -> None:
    simscale = simscale_in(folder)
    wide = ["policy.bc.transformer.width=128"]
    sizes = {}
    for name, strategy in (("part", "fsdp"), ("whole", "ddp")):
        simscale(
            "train", *SETTINGS, *TRANSFORMER, *wide, "train.steps=2", f"train.strategy={strategy}",
            "--batch-size", 8, "--checkpoint-dir", f"size_{name}", "--nproc", 2,
        )  # fmt: skip
        files = list((folder / f"size_{name}/latest").glob("*.safetensors"))
        sizes[name] = max(
            sum(path.stat().st_size for path in files if name == "whole" or f".{rank}-of-2." in path.name)
            for rank in (0, 1)
        )
    assert sizes["part"] <= 0.55 * sizes["whole"]


def test_fsdp_trains_what_one_process_has_no_memory_for(folder: Path, simscale_bin: Path) -> None:
    settings = [
        "--model",
        "bc_transformer_33m",
        "--dataset",
        "reach.h5",
        "train.eval_every=0",
        "train.steps=2",
    ]
    sides = {
        "alone": ["--batch-size", "4"],
        "spread": ["--batch-size", "2", "--nproc", "2", "train.strategy=fsdp"],
    }
    limit = 650 << 20
    done = {
        name: subprocess.run(
            [simscale_bin, "train", *settings, *more, "--checkpoint-dir", f"limit_{name}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        )
        for name, more in sides.items()
    }
    assert done["spread"].returncode == 0, done["spread"].stderr
    assert done["alone"].returncode == 1
    assert "rank 0 has not enough memory" in done["alone"].stderr
    assert done["alone"].stderr.count("error:") == 1
    assert not (folder / "limit_alone/latest").exists()


@pytest.mark.parametrize(
    "more", [[], [*TRANSFORMER, "train.strategy=fsdp", "train.precision=fp16"]], ids=["ddp", "fsdp_fp16"]
)
def test_killed_ranks_change_no_bit(
    folder: Path, simscale_in: Callable, start: Callable, more: list[str]
) -> None:
    # Noise on the observations: each rank draws numbers of its own.
    settings = [
        *SETTINGS,
        *more,
        "train.steps=600",
        "train.log_every=20",
        "train.save_every=40",
        "--batch-size",
        32,
    ]
    whole, cut = (f"{name}{len(more)}" for name in ("whole", "cut"))
    simscale_in(folder)("train", *settings, "--checkpoint-dir", whole, "--nproc", 2)
    running = start(folder, ["train", *settings, "--checkpoint-dir", cut, "--nproc", 2])
    kills = kill_now_and_then(running.process, folder / cut, 3)
    code, _, stderr = running.end(300)
    assert code == 0, stderr
    assert kills > 0
    assert stderr.count("another process is gone or out of reach") >= 1
    assert stderr.count("info: resume") == kills, stderr
    tensors = [path.relative_to(folder / whole) for path in (folder / whole / "latest").glob("*.safetensors")]
    assert len(tensors) == (4 if more else 2)
    for name in (*tensors, "metrics.jsonl"):
        assert (folder / cut / name).read_bytes() == (folder / whole / name).read_bytes(), name


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
