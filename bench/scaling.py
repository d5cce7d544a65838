#!/usr/bin/env python3
"""How time and memory of a training step grow with the processes: a model on paper, and what is measured.

The model's constants come from elsewhere than what it foretells: forward, backward and optimiser from one
process alone at the same batch; the rates of collectives from torch.distributed (Gloo) alone. It then
foretells the step of two processes under each strategy, which is measured beside it.

--table foretells more processes, of given speed and network, for the sizes of the presets.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import measure
from scale import STRATEGIES, TORCHRUN, peak_rss

SIZES = ("7m", "33m", "100m", "350m")
STEPS, SKIPPED = 10, 3
FLOAT = 4  # bytes
TINY = ["policy.bc.transformer.width=32", "policy.bc.transformer.heads=2"]
# Of each parameter: weight, gradient, two moments of AdamW, average.
STATE = 5 * FLOAT


@dataclasses.dataclass
class Network:
    """A transformer: its parameters, those of one block, and what one process needs for it."""

    parameters: float
    block: float
    forward: float = 0  # seconds a step
    backward: float = 0
    optimise: float = 0


@dataclasses.dataclass
class Link:
    """Bytes a second, of two processes, of a tensor that both get the sum of; of one whose parts they gather;
    and of one of which each gets the sum of its part."""

    all_reduce: float
    gather: float
    scatter: float

    def for_ranks(self, ranks: int) -> Link:
        """Each byte is sent 2 (n - 1) / n times for a sum that all get, half as often for the others."""
        share = (2 - 1) / 2 / ((ranks - 1) / ranks) if ranks > 1 else float("inf")
        return Link(self.all_reduce * share, self.gather * share, self.scatter * share)


def memory(network: Network, ranks: int, strategy: str) -> float:
    """Bytes of a rank's weights, gradients, optimiser state and averages at their peak; no activations."""
    if ranks == 1 or strategy == "ddp":
        return STATE * network.parameters
    own = STATE * network.parameters / ranks
    # A block's gradients as they are computed, and those of two blocks on their way, sent and received.
    gradients = FLOAT * 5 * network.block
    if strategy == "zero2":
        return own + gradients + FLOAT * network.parameters
    return own + gradients + FLOAT * 3 * network.block  # one block computes, its neighbours are gathered


def traffic_seconds(network: Network, link: Link, strategy: str) -> float:
    size = FLOAT * network.parameters
    scatter = size / link.scatter
    if strategy == "ddp":
        return size / link.all_reduce
    if strategy == "zero2":
        return scatter + size / link.gather
    return scatter + 2 * size / link.gather  # weights for the forward and for the backward pass


def seconds(network: Network, link: Link, ranks: int, strategy: str) -> tuple[float, float]:
    """A step, if traffic costs no processor time (it hides behind the computation), and if it does."""
    spread = 1 if ranks == 1 or strategy == "ddp" else ranks
    compute = network.forward + network.backward
    rest = network.optimise / spread
    if ranks == 1:
        return compute + rest, compute + rest
    traffic = traffic_seconds(network, link.for_ranks(ranks), strategy)
    hides_behind = network.backward if strategy == "ddp" else compute
    return compute + rest + max(0.0, traffic - hides_behind), compute + rest + traffic


GLOO = """
import json, sys, time, torch, torch.distributed as dist
torch.set_num_threads(1)
dist.init_process_group("gloo")
whole = torch.ones(int(sys.argv[1]) // 4)
parts = list(torch.empty_like(whole).chunk(dist.get_world_size()))
mine = torch.ones_like(parts[0])

def rate(collective):
    times = []
    for _ in range(12):
        dist.barrier()
        begin = time.perf_counter()
        collective()
        times.append(time.perf_counter() - begin)
    return whole.numel() * 4 / sorted(times[2:])[5]

received = torch.empty_like(whole)

def scatter():
    dist.all_to_all_single(received, whole)
    torch.sum(received.view(len(parts), -1), 0, out=mine)

rates = [rate(lambda: dist.all_reduce(whole)), rate(lambda: dist.all_gather(parts, mine)), rate(scatter)]
if dist.get_rank() == 0:
    print(json.dumps(rates))
"""


def measure_link(folder: Path) -> Link:
    script = folder / "gloo.py"
    script.write_text(GLOO)
    command = [str(TORCHRUN), "--standalone", "--nproc-per-node=2", str(script), str(25 << 20)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(command)}: {done.stderr}")
    return Link(*json.loads(done.stdout.splitlines()[-1]))


def arguments(size: str, data: Path, run: Path, batch: int, *more: object) -> list[str]:
    settings = [
        *["train", "--model", f"bc_transformer_{size}", "--dataset", data, "--batch-size", batch],
        *[
            "train.eval_every=0",
            "train.validate_every=0",
            "train.save_every=0",
            "train.validation_fraction=0",
        ],
        *[f"train.steps={STEPS}", "train.log_every=1", "metrics.sinks=[csv]", "--checkpoint-dir", run],
    ]
    return [str(measure.SIMSCALE), *map(str, [*settings, *more])]


def parts(run: Path) -> dict[str, float]:
    """Median seconds a step of each part, and "step" for all of it, without what a run does but once."""
    rows: dict[int, dict[str, float]] = {}
    with (run / "metrics.csv").open() as file:
        for row in csv.DictReader(file):
            if row["kind"] == "time":
                rows.setdefault(int(row["step"]), {})[row["name"]] = float(row["value"])
    kept = [rows[step] for step in sorted(rows)][SKIPPED:]
    names = ("data_ms", "forward_ms", "backward_ms", "optimise_ms")
    found = {name.removesuffix("_ms"): statistics.median(r[name] for r in kept) / 1e3 for name in names}
    found["step"] = statistics.median(sum(r[name] for name in names) for r in kept) / 1e3
    return found


def shape(size: str) -> tuple[int, float]:
    """Blocks of a preset's transformer, and parameters of each: of attention 4 w^2 + 4 w, of the MLP
    8 w^2 + 5 w, of two norms 4 w."""
    transformer = {}
    for line in (measure.ROOT / f"assets/presets/bc_transformer_{size}.yaml").read_text().splitlines():
        name, _, value = line.strip().partition(": ")
        if name in ("layers", "width"):
            transformer[name] = int(value)
    width = transformer["width"]
    return transformer["layers"], 12 * width**2 + 13 * width


def count_parameters(run: Path) -> float:
    """Of the model's tensors; its file holds the averages as well."""
    return sum(file.stat().st_size for file in (run / "latest").glob("model*.safetensors")) / 2 / FLOAT


def measure_size(size: str, folder: Path, data: Path, batch: int, link: Link, base: float) -> dict[str, Any]:
    alone = folder / f"{size}_alone"
    tries = []
    for _ in range(2):  # the quicker one counts: a first run of a large one has been slow by half
        rss = peak_rss(arguments(size, data, alone, batch, "--overwrite"), alone=True)
        tries.append(parts(alone))
    spent = min(tries, key=lambda found: found["step"])
    network = Network(
        parameters=count_parameters(alone),
        block=shape(size)[1],
        forward=spent["forward"] + spent["data"],
        backward=spent["backward"],
        optimise=spent["optimise"],
    )
    figures: dict[str, Any] = {"network": dataclasses.asdict(network), "alone": {"rss_mb": rss, **spent}}
    for strategy in STRATEGIES:
        run = folder / f"{size}_{strategy}"
        settings = arguments(size, data, run, batch, "--nproc", 2, f"train.strategy={strategy}")
        rss = peak_rss(settings)
        low, high = seconds(network, link, 2, strategy)
        figures[strategy] = {
            "rss_mb": rss,
            "model_rss_mb": base + memory(network, 2, strategy) / 1e6,
            "step": parts(run)["step"],
            "model_step": [low, high],
        }
    return figures


def show(size: str, figures: dict[str, Any]) -> None:
    network, alone = figures["network"], figures["alone"]
    print(f"{size}: {network['parameters'] / 1e6:.1f} M parameters, alone {alone['step']:.3f} s a step")
    for strategy in STRATEGIES:
        f = figures[strategy]
        low, high = f["model_step"]
        print(
            f"  {strategy:5} step {f['step']:.3f} s, model {low:.3f} to {high:.3f};"
            f" peak RSS {f['rss_mb']:.0f} MB, model {f['model_rss_mb']:.0f}"
        )


def table(teraflops: float, gigabits: float, batch: int, tokens: int) -> None:
    """For processes that compute so fast, joined by a network that is theirs alone."""
    rate = gigabits / 8 * 1e9
    print(f"a process: {teraflops:g} TFLOP/s, {gigabits:g} Gbit/s, {batch} windows of {tokens} tokens a step")
    print("size  strategy  processes  MB a process  ms a step  speed-up")
    for size in SIZES:
        layers, block = shape(size)
        flops = 2 * layers * block * batch * tokens
        network = Network(layers * block, block, flops / teraflops / 1e12, 2 * flops / teraflops / 1e12)
        # Of two, each sends half of a tensor for a gather or a scatter, and both halves for a sum.
        link = Link(rate, 2 * rate, 2 * rate)
        alone, _ = seconds(network, link, 1, "ddp")
        for strategy in STRATEGIES:
            for ranks in (2, 8, 64):
                time, _ = seconds(network, link, ranks, strategy)
                mb = memory(network, ranks, strategy) / 1e6
                print(
                    f"{size:5} {strategy:9} {ranks:9} {mb:13.0f} {1e3 * time:10.1f}"
                    f" {ranks * alone / time:9.1f}"
                )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--batch", type=int, default=16, help="windows a process and step")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", action="store_true", help="foretell, and measure nothing")
    parser.add_argument("--teraflops", type=float, default=100, help="of a process, for --table")
    parser.add_argument("--gigabits", type=float, default=100, help="of a process's network, for --table")
    parser.add_argument("--tokens", type=int, default=16, help="of a window, for --table")
    options = parser.parse_args()
    if options.table:
        table(options.teraflops, options.gigabits, options.batch, options.tokens)
        return 0
    on = measure.machine()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        data = folder / "reach.h5"
        measure.simscale("datagen", "--env-name", "reach", "--n-episodes", 50, "--output", data)
        link = measure_link(folder)
        rates = {name: f"{rate / 1e9:.2f} GB/s" for name, rate in dataclasses.asdict(link).items()}
        print("Gloo:", rates)
        base = peak_rss(
            arguments("7m", data, folder / "base", 4, "policy.bc.transformer.layers=1", *TINY),
            alone=True,
        )
        print(f"a process without a network to speak of: {base:.0f} MB")
        report: dict[str, Any] = {"link": dataclasses.asdict(link), "base_mb": base, "sizes": {}}
        for size in options.sizes:
            figures = report["sizes"][size] = measure_size(size, folder, data, options.batch, link, base)
            show(size, figures)
    measure.write_report(options.json, on, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
