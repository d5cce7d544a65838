#!/usr/bin/env python3
"""Training on two processes: does it learn the same, what does it need, and does it survive?

losses: 50 steps of two processes with batch B against one process with batch 2 B, for each strategy.
memory: what a rank owns (weights, averages, gradients, optimiser state: from its files), its peak
RSS, and a limit under which one process fails and two with fsdp train.
kills: SIGKILL of a random rank at random moments; the run ends with the bits of an untouched one.
success (--success): behaviour cloning on pick_place, trained under each strategy, on held-out episodes.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import measure

STRATEGIES = ("ddp", "zero2", "fsdp")
TORCHRUN = measure.ROOT / ".venv/bin/torchrun"
SMALL = [
    *["--model", "bc", "train.eval_every=0", "train.validate_every=0", "policy.bc.loss=mse"],
    *["policy.bc.trunk=transformer", "policy.bc.horizon=4", "policy.bc.n_action_steps=2"],
    *["policy.bc.transformer.layers=3", "policy.bc.transformer.width=64"],
]
# A step of each is enough to have all of the memory in use.
LARGE = [
    *["train.eval_every=0", "train.steps=3", "train.save_every=0", "train.validation_fraction=0"],
]
LIMIT_MB = 1600  # of a rank, for 100 M parameters


def command(*arguments: object) -> list[str]:
    return [str(measure.SIMSCALE), *map(str, arguments)]


def train(*arguments: object, nproc: int = 1) -> None:
    measure.simscale("train", *arguments, *(["--nproc", nproc] if nproc > 1 else []))


def losses(run: Path) -> list[float]:
    records = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [record["loss"] for record in records if record["kind"] == "train"]


def measure_losses(folder: Path, data: Path) -> dict[str, float]:
    settings = [*SMALL, "--dataset", data, "train.steps=50", "train.log_every=1"]
    train(*settings, "--batch-size", 128, "--checkpoint-dir", folder / "one")
    expected = losses(folder / "one")
    differences = {}
    for strategy in STRATEGIES:
        run = folder / strategy
        train(
            *[*settings, f"train.strategy={strategy}"],
            *["--batch-size", 64, "--checkpoint-dir", run],
            nproc=2,
        )
        differences[strategy] = max(abs(a - b) / b for a, b in zip(losses(run), expected, strict=True))
    return differences


def workers(agent: int) -> list[int]:
    """Ours among the processes that this torchrun has started."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for pid in Path(f"/proc/{agent}/task/{agent}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError):
                if Path(f"/proc/{pid}/comm").read_text().startswith("simscale"):
                    found.append(int(pid))
    return found


def peak_rss(arguments: list[str], alone: bool = False) -> float:
    """MB, of the largest worker of a training, or of the one process that it is."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        for pid in [process.pid] if alone else workers(process.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                status = Path(f"/proc/{pid}/status").read_text().splitlines()
                peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
        time.sleep(0.05)
    if process.returncode != 0:
        raise SystemExit(f"error: {' '.join(arguments)}: {process.stderr.read() if process.stderr else ''}")
    return peak / 1024


def state_mb(run: Path, rank: int | None) -> float:
    """MB of weights, averages, optimiser state and gradients (as large as the weights) that a rank owns."""
    files = list((run / "latest").glob("*.safetensors"))
    if rank is not None:
        files = [file for file in files if f".{rank}-of-" in file.name]
    weights = sum(file.stat().st_size for file in files if file.name.startswith("model")) / 2
    return (sum(file.stat().st_size for file in files) + weights) / 1e6


def measure_memory(folder: Path, data: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for strategy in STRATEGIES:
        run = folder / f"memory_{strategy}"
        settings = ["--model", "bc_transformer_33m", "--dataset", data, *LARGE, f"train.strategy={strategy}"]
        rss = peak_rss(command("train", *settings, "--batch-size", 4, "--checkpoint-dir", run, "--nproc", 2))
        whole = strategy == "ddp"
        state = max(state_mb(run, None if whole else rank) for rank in (0, 1))
        figures[strategy] = {"state_mb": state, "peak_rss_mb": rss}
    for strategy in STRATEGIES:
        figures[strategy]["state_ratio"] = figures[strategy]["state_mb"] / figures["ddp"]["state_mb"]
    return figures


def under_limit(arguments: list[str]) -> bool:
    bound = LIMIT_MB << 20
    done = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (bound, bound)),
    )
    if done.returncode != 0 and "has not enough memory" not in done.stderr:
        raise SystemExit(f"error: {' '.join(arguments)}: {done.stderr}")
    return done.returncode == 0


def measure_limit(folder: Path, data: Path) -> dict[str, bool]:
    settings = ["train", "--model", "bc_transformer_100m", "--dataset", data, *LARGE]
    two = [*settings, "--batch-size", 4, "--nproc", 2]
    return {
        "one process": under_limit(
            command(*settings, "--batch-size", 8, "--checkpoint-dir", folder / "limit_one")
        ),
        "two, fsdp": under_limit(
            command(*two, "train.strategy=fsdp", "--checkpoint-dir", folder / "limit_two")
        ),
    }


def digest(run: Path) -> dict[str, str]:
    files = [*(run / "latest").glob("*.safetensors"), run / "metrics.jsonl"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def measure_kills(folder: Path, data: Path, strategy: str, kills: int) -> dict[str, Any]:
    settings = [
        *[*SMALL, "--dataset", data, "train.steps=2000", "train.log_every=20", "train.save_every=50"],
        *["policy.bc.obs_noise=0.1", f"train.strategy={strategy}", "--batch-size", 32],
    ]
    whole, cut = folder / f"whole_{strategy}", folder / f"cut_{strategy}"
    train(*settings, "--checkpoint-dir", whole, nproc=2)
    launcher = [str(TORCHRUN), "--no-python", "--standalone", "--nproc-per-node=2", "--max-restarts=100"]
    worker = command("train", *settings, "--checkpoint-dir", cut)
    process = subprocess.Popen(
        [*launcher, *worker],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    moments, done, ranks = random.Random(1), 0, []
    while process.poll() is None and done < kills:
        time.sleep(moments.uniform(2.0, 6.0))  # a start takes about two seconds
        alive = workers(process.pid)
        if len(alive) == 2:
            victim = moments.randrange(2)
            os.kill(sorted(alive)[victim], signal.SIGKILL)
            ranks.append(victim)
            done += 1
    process.wait()
    return {
        "kills": done,
        "ranks": ranks,
        "finished": process.returncode == 0,
        "same_bits": digest(whole) == digest(cut),
    }


def measure_success(folder: Path, episodes: int) -> dict[str, Any]:
    data = folder / "pick_place.h5"
    measure.simscale("datagen", "--env-name", "pick_place", "--n-episodes", 1000, "--output", data)
    figures = {}
    sides: list[tuple[str, int, list[str]]] = [("one process", 1, ["--batch-size", "256"])]
    sides += [(s, 2, ["--batch-size", "128", f"train.strategy={s}"]) for s in STRATEGIES]
    for name, nproc, more in sides:
        run = folder / f"success_{name}"
        train(
            *["--model", "bc", "--dataset", data, "--checkpoint-dir", run, "train.eval_every=0", *more],
            nproc=nproc,
        )
        report = measure.simscale_json("eval", run, "--n-episodes", episodes, "--seed", 12345)
        figures[name] = {key: report[key] for key in ("successes", "n_episodes", "success_ci95")}
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--success", action="store_true", help="train and evaluate pick_place as well")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    on = measure.machine()
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "reach.h5"
        measure.simscale("datagen", "--env-name", "reach", "--n-episodes", 100, "--output", data)
        report["losses"] = measure_losses(folder, data)
        for strategy, difference in report["losses"].items():
            print(f"{strategy}: losses of 50 steps within {difference:.1e} of one process's (asked 1e-5)")
        report["memory"] = measure_memory(folder, data)
        for strategy, figure in report["memory"].items():
            print(
                f"{strategy}, 33 M parameters: a rank owns {figure['state_mb']:.0f} MB,"
                f" {figure['state_ratio']:.3f} of ddp's (asked 0.55); peak RSS {figure['peak_rss_mb']:.0f} MB"
            )
        report["limit"] = measure_limit(folder, data)
        for side, trains in report["limit"].items():
            print(
                f"100 M parameters, {LIMIT_MB} MB a process: {side}: {'trains' if trains else 'does not fit'}"
            )
        for strategy in ("ddp", "fsdp"):
            report[f"kills_{strategy}"] = kills = measure_kills(folder, data, strategy, options.kills)
            print(f"{strategy}: {kills}")
        if options.success:
            report["success"] = measure_success(folder, options.episodes)
            for side, figure in report["success"].items():
                print(f"pick_place, {side}: {figure}")
    measure.write_report(options.json, on, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
