"""The files in examples/cluster: what they would start on two machines is started here, on one."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).resolve().parent.parent / "examples/cluster"
STEPS = ["--batch-size", "8", "train.steps=20", "train.eval_every=0", "--model", "bc_debug"]

# Slurm's commands as the script uses them: two machines, each of which is this one.
SCONTROL = """#!/bin/bash
[ "$*" = "show hostnames node[0-1]" ] && printf '127.0.0.1\\n127.0.0.1\\n'
"""
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
SLURM_NODEID=0 "$@" & first=$!
SLURM_NODEID=1 "$@" & second=$!
wait $first && wait $second
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simscale_in: Callable) -> Path:
    folder = tmp_path_factory.mktemp("cluster")
    simscale_in(folder)("datagen", "--env-name", "reach", "--n-episodes", 10, "--output", "demos.h5")
    return folder


@pytest.fixture
def environment(simscale_bin: Path) -> dict[str, str]:
    """With the command and torchrun on the path, as on a cluster whose environment is active."""
    path = [str(simscale_bin.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**os.environ, "PATH": os.pathsep.join(path), "GLOO_SOCKET_IFNAME": "lo"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_the_slurm_script_trains_on_all_nodes(folder: Path, environment: dict[str, str]) -> None:
    tools = folder / "slurm"
    tools.mkdir()
    for name, text in {"scontrol": SCONTROL, "srun": SRUN}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    environment |= {
        "PATH": f"{tools}:{environment['PATH']}",
        "PORT": str(free_port()),
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": "node[0-1]",
        "SLURM_NNODES": "2",
        "SLURM_CPUS_PER_TASK": "1",
    }
    arguments = [*STEPS, "--dataset", "demos.h5", "--checkpoint-dir", "slurm_run"]
    script = ["bash", FOLDER / "train.sbatch", *arguments]
    done = subprocess.run(script, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "in 2 processes" in done.stderr
    assert last_step(folder / "slurm_run") == 20


def test_the_slurm_script_asks_for_what_it_uses() -> None:
    text = (FOLDER / "train.sbatch").read_text()
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2] for line in re.findall(r"#SBATCH.*", text)
    )
    assert options["ntasks-per-node"] == "1"
    assert options["signal"].startswith("TERM@")  # to the step, where B: would be the script alone
    assert {"requeue", "cpus-per-task", "nodes"} <= options.keys()


def test_the_kubernetes_job_trains_in_all_pods(folder: Path, environment: dict[str, str]) -> None:
    service, job = yaml.safe_load_all((FOLDER / "train.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    script = container["args"][0]
    # A pod's name in the service is <job>-<index>.<service>.
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert variables["HEAD_NODE"] == f"{job['metadata']['name']}-0.{pod['subdomain']}"
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 2
    assert "--nnodes=2" in script

    for there, here in {
        "--nproc-per-node=8": "--nproc-per-node=1",
        ":29400": f":{free_port()}",
        "/data/": f"{folder}/",
        "--model bc ": "",
    }.items():
        assert there in script
        script = script.replace(there, here)
    assert container["command"] == ["bash", "-c"]
    pods = [
        subprocess.Popen(
            ["bash", "-c", script.rstrip() + " " + " ".join(STEPS)],
            env=environment | variables | {"HEAD_NODE": "127.0.0.1", "JOB_COMPLETION_INDEX": str(index)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in (0, 1)
    ]
    for one in pods:
        _, log = one.communicate(timeout=300)
        assert one.returncode == 0, log
    assert last_step(folder / "runs/bc") == 20


def last_step(run: Path) -> int:
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"]
