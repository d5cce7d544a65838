#!/usr/bin/env python3
"""How long one call of a BC policy takes: ours in C++ against the same net in Python, in turns.

Both take the observations as separate float32 arrays and give the clipped actions; both run on one thread.
The Python side reads the checkpoint's model.safetensors (the EMA weights, as ours does) and config.yaml.
First the two have to agree on 256 random observations to 1e-5.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import measure
import numpy as np
import torch
from safetensors.torch import load_file

TOLERANCE = 1e-5
ACTIVATIONS = {
    "relu": torch.nn.ReLU,
    "gelu": torch.nn.GELU,
    "silu": torch.nn.SiLU,
    "tanh": torch.nn.Tanh,
    "elu": torch.nn.ELU,
}


class PythonPolicy(torch.nn.Module):
    """simscale/policy/bc/bc.cc in Python, for one observation in the history."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__()
        spec = json.loads((checkpoint / "manifest.json").read_text())["spec"]
        config = bc_config(checkpoint / "config.yaml")
        if spec["policy"] != "bc" or spec["n_obs_steps"] != 1:
            raise SystemExit(f"error: {checkpoint}: needs a bc policy with n_obs_steps 1")
        weights = load_file(checkpoint / "model.safetensors")
        if "ema.obs_mean" in weights:
            weights = {k.removeprefix("ema."): v for k, v in weights.items() if k.startswith("ema.")}
        self.sizes = {key["name"]: key["size"] for key in spec["observations"]}
        self.actions = spec["action_dim"]
        self.clip = float(config["obs_clip"])
        self.scale = float(config["displacement_scale"])
        self.mean, self.std = weights["obs_mean"], weights["obs_std"]
        first, second, offset, offsets = [], [], 0, []
        for key in spec["observations"]:
            if key["size"] == 3 and key["name"].endswith("_pos"):
                offsets.append(offset)
            offset += key["size"]
        if self.scale > 0:
            for i, a in enumerate(offsets):
                for b in offsets[i + 1 :]:
                    first += range(a, a + 3)
                    second += range(b, b + 3)
        self.first, self.second = (
            torch.tensor(first, dtype=torch.long),
            torch.tensor(second, dtype=torch.long),
        )
        layers: list[torch.nn.Module] = []
        count = sum(name.startswith("net.linear_") and name.endswith(".weight") for name in weights)
        for i in range(count):
            layers.append(linear(weights, f"net.linear_{i}"))
            if i + 1 == count:
                break
            if f"net.norm_{i}.weight" in weights:
                layers.append(layer_norm(weights, f"net.norm_{i}"))
            layers.append(ACTIVATIONS[config["activation"]]())
        self.net = torch.nn.Sequential(*layers).eval()

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        x = ((state - self.mean) / self.std).clamp(-self.clip, self.clip)
        if len(self.first):
            gap = state.index_select(1, self.second) - state.index_select(1, self.first)
            x = torch.cat((x, (gap / self.scale).asinh() * 0.5), 1)
        return self.net(x)[:, : self.actions].clamp(-1, 1)

    def act(self, observations: dict[str, np.ndarray]) -> np.ndarray:
        """{name: [B, size]} -> [B, actions]."""
        state = np.concatenate([observations[key] for key in self.sizes], axis=1)
        with torch.inference_mode():
            return self(torch.from_numpy(state)).numpy()


def linear(weights: dict[str, torch.Tensor], name: str) -> torch.nn.Linear:
    weight = weights[f"{name}.weight"]
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"]})
    return layer


def layer_norm(weights: dict[str, torch.Tensor], name: str) -> torch.nn.LayerNorm:
    weight = weights[f"{name}.weight"]
    layer = torch.nn.LayerNorm(weight.shape)
    layer.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"]})
    return layer


def bc_config(path: Path) -> dict[str, str]:
    """The scalars under policy.bc of a resolved configuration, which has one field a line."""
    fields, inside = {}, False
    for line in path.read_text().splitlines():
        if line == "  bc:":
            inside = True
        elif inside and line.startswith("    "):
            name, _, value = line.strip().partition(": ")
            fields[name] = value.strip('"')
        else:
            inside = False
    return fields


def small_checkpoint(folder: Path, env_name: str) -> Path:
    """A policy of the packaged size after a few steps of training: the weights don't matter to the clock."""
    data, run = folder / "data.h5", folder / "run"
    measure.simscale("datagen", "--env-name", env_name, "--n-episodes", 10, "--output", data)
    train = ["train", "--model", "bc", "--env-name", env_name, "--dataset", data, "--checkpoint-dir", run]
    measure.simscale(*train, "--max-steps", 20, "train.warmup_steps=5", "train.eval_every=0")
    return run


def agreement(policy: PythonPolicy, checkpoint: Path, folder: Path) -> tuple[float, int]:
    """The largest difference between the actions, and how many of them were not clipped."""
    call = folder / "call.json"
    measure.simscale(
        "bench", "policy", checkpoint, "--device", "cpu", "--batch", 256, "--calls", 1, "--save-call", call
    )
    saved = json.loads(call.read_text())
    observations = {
        name: np.array(values, dtype=np.float32).reshape(saved["batch"], -1)
        for name, values in saved["observations"].items()
    }
    ours = np.array(saved["actions"], dtype=np.float32).reshape(saved["batch"], -1)
    theirs = policy.act(observations)
    return float(np.abs(ours - theirs).max()), int((np.abs(ours) < 1).sum())


def python_median(policy: PythonPolicy, calls: int) -> float:
    """Microseconds of one call, batch 1."""
    generator = np.random.default_rng(0)
    observations = {
        name: generator.standard_normal((1, size), dtype=np.float32) for name, size in policy.sizes.items()
    }
    for _ in range(200):
        policy.act(observations)
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        policy.act(observations)
        times.append(time.perf_counter() - begin)
    return 1e6 * float(np.median(times))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", type=Path, help="default: one of the packaged size is made")
    parser.add_argument("--env-name", default="pick_place", help="of the checkpoint that is made")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    on = measure.machine()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = arguments.checkpoint or small_checkpoint(folder, arguments.env_name)
        bench = ["bench", "policy", checkpoint, "--device", "cpu", "--calls", arguments.calls]
        about = measure.simscale_json(*bench)
        policy = PythonPolicy(Path(about["checkpoint"]))
        difference, unclipped = agreement(policy, checkpoint, folder)
        ours, theirs = [], []
        for _ in range(arguments.repeats):
            ours.append(measure.simscale_json(*bench)["median_us"])
            theirs.append(python_median(policy, arguments.calls))
    report = {
        "env": about["env"],
        "num_parameters": about["num_parameters"],
        "calls": arguments.calls,
        "largest_difference": difference,
        "unclipped_actions": unclipped,
        "cpp_us": measure.spread(ours),
        "python_us": measure.spread(theirs),
        "python_to_cpp": measure.spread([b / a for a, b in zip(ours, theirs, strict=True)]),
        "versions": {"torch": torch.__version__},
    }
    agree = difference <= TOLERANCE and unclipped > 0
    print(
        f"bc policy ({about['num_parameters']} parameters), batch 1, 1 thread: microseconds a call,"
        f" median of {arguments.calls}; median (lowest .. highest) of {arguments.repeats} repeats\n"
        f"  C++            {measure.shown(report['cpp_us'], 1)}\n"
        f"  Python torch   {measure.shown(report['python_us'], 1)}\n"
        f"  Python / C++   {measure.shown(report['python_to_cpp'], 2)}\n"
        f"  actions {'agree' if agree else 'DIFFER'}: by {difference:.1e} at most, {unclipped} not clipped"
    )
    measure.write_report(arguments.json, on, report)
    return 0 if agree else 1


if __name__ == "__main__":
    raise SystemExit(main())
