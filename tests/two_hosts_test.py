"""Two network namespaces as two machines: a torchrun on each, a cable that is pulled, a machine that dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import newest

TORCHRUN = Path(sys.executable).parent / "torchrun"
ADDRESSES = ("10.77.0.1", "10.77.0.2")


def ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True)


class Hosts:
    """Namespaces joined by a cable."""

    def __init__(self) -> None:
        self.names = [f"simscale{os.getpid()}{end}" for end in "ab"]
        self.started: list[subprocess.Popen] = []

    def set_up(self) -> str:
        """What went wrong, or nothing."""
        cables = [f"sim{os.getpid() % 10**6}{end}" for end in "ab"]
        steps = [("netns", "add", name) for name in self.names]
        steps.append(("link", "add", cables[0], "type", "veth", "peer", "name", cables[1]))
        for name, cable, address in zip(self.names, cables, ADDRESSES, strict=True):
            inside = ("netns", "exec", name, "ip")
            steps.append(("link", "set", cable, "netns", name, "name", "cable"))
            steps.append((*inside, "addr", "add", f"{address}/24", "dev", "cable"))
            steps.extend((*inside, "link", "set", device, "up") for device in ("lo", "cable"))
        for step in steps:
            done = ip(*step)
            if done.returncode != 0:
                return f"ip {' '.join(step)}: {done.stderr.strip()}"
        return ""

    def tear_down(self) -> None:
        for host in (0, 1):
            self.kill(host)
        for process in self.started:
            process.wait()
        for name in self.names:
            ip("netns", "delete", name)

    def plug(self, state: str) -> None:
        ip("netns", "exec", self.names[0], "ip", "link", "set", "cable", state)

    def kill(self, host: int) -> None:
        pids = ip("netns", "pids", self.names[host]).stdout.split()
        subprocess.run(["kill", "-9", *pids], capture_output=True)

    def train(self, host: int, nodes: str, folder: Path, command: list[object]) -> subprocess.Popen:
        launcher = [
            *["ip", "netns", "exec", self.names[host], TORCHRUN, "--no-python", f"--nnodes={nodes}"],
            *["--nproc-per-node=1", "--rdzv-backend=c10d", f"--rdzv-endpoint={ADDRESSES[0]}:29400"],
            *["--rdzv-id=test", f"--rdzv-conf=is_host={int(host == 0)}", "--max-restarts=3"],
            f"--local-addr={ADDRESSES[host]}",
        ]
        with (folder / f"host{host}.log").open("w") as log:
            process = subprocess.Popen(
                [str(word) for word in (*launcher, *command)],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "GLOO_SOCKET_IFNAME": "cable", "OMP_NUM_THREADS": "1"},
            )
        self.started.append(process)
        return process


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's to make")
    hosts = Hosts()
    try:
        problem = hosts.set_up()
    except FileNotFoundError:
        pytest.skip("there is no command 'ip' (package iproute2)")
    if problem:
        hosts.tear_down()
        pytest.skip(problem)
    yield hosts
    hosts.tear_down()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simscale_in: Callable) -> Path:
    folder = tmp_path_factory.mktemp("two_hosts")
    simscale_in(folder)("datagen", "--env-name", "reach", "--n-episodes", 30, "--output", "reach.h5")
    return folder


def settings(simscale_bin: Path, run: str, steps: int) -> list[object]:
    return [
        *[simscale_bin, "train", "--model", "bc", "--dataset", "reach.h5", "--checkpoint-dir", run],
        *["policy.bc.hidden=[64]", "--batch-size", 16, f"train.steps={steps}", "train.save_every=200"],
        *["train.eval_every=0", "train.validate_every=0"],
    ]


def wait_for_checkpoint(run: Path, processes: list[subprocess.Popen]) -> None:
    until = time.monotonic() + 120
    while not newest(run) and time.monotonic() < until:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.05)
    assert newest(run)


def test_a_pulled_cable_costs_time_and_nothing_else(folder: Path, simscale_bin: Path, hosts: Hosts) -> None:
    command = settings(simscale_bin, "pulled", 6000)
    processes = [hosts.train(host, "2", folder, command) for host in (0, 1)]
    wait_for_checkpoint(folder / "pulled", processes)
    hosts.plug("down")
    time.sleep(20)
    before = newest(folder / "pulled")
    assert before != "step_6000"
    hosts.plug("up")
    assert [process.wait(240) for process in processes] == [0, 0], (folder / "host0.log").read_text()
    assert newest(folder / "pulled") == "step_6000"
    log = (folder / "host0.log").read_text()
    assert "resume" not in log  # the processes went through it
    steps = [json.loads(line)["step"] for line in (folder / "pulled/metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


@pytest.mark.parametrize("farewell", [True, False])
def test_the_survivor_of_two_machines_goes_on(
    folder: Path, simscale_bin: Path, hosts: Hosts, farewell: bool
) -> None:
    """One is killed and its system closes its connections, or it loses its power and is silent."""
    run = f"survived_{farewell}"
    command = settings(simscale_bin, run, 6000)
    processes = [hosts.train(host, "1:2", folder, command) for host in (0, 1)]
    wait_for_checkpoint(folder / run, processes)
    if not farewell:
        hosts.plug("down")
    hosts.kill(1)
    assert processes[0].wait(300) == 0, (folder / "host0.log").read_text()
    log = (folder / "host0.log").read_text()
    assert "in 2 processes" in log
    assert "another process is gone or out of reach" in log
    assert "info: resume" in log
    assert newest(folder / run) == "step_6000"
