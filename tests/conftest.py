"""Fixtures of the tests that run the built command and import the built module from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The module of this tree, here and in the processes that tests start, whatever .venv has.
PYTHON_MODULES = str(ROOT / "build/release/python")
sys.path.insert(0, PYTHON_MODULES)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [PYTHON_MODULES, os.environ.get("PYTHONPATH")]))

Simscale = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def simscale_bin() -> Path:
    """The command under test: $SIMSCALE_BIN, which `make test` sets, or the release build."""
    binary = Path(os.environ.get("SIMSCALE_BIN", ROOT / "build/release/bin/simscale"))
    if not os.access(binary, os.X_OK):
        pytest.fail(f"no command at {binary}: run 'make build', or set SIMSCALE_BIN")
    return binary


@pytest.fixture
def simscale(simscale_bin: Path, tmp_path: Path) -> Simscale:
    """Runs the command in the test's own folder: simscale("datagen", "--n-episodes", 3).

    Returns the CompletedProcess with text in stdout and stderr. `exit_code` is the status to expect;
    None takes any. `timeout` is in seconds; `env` adds to the environment; `cwd` replaces the folder;
    what else is given goes to subprocess.run.
    """
    return runner(simscale_bin, tmp_path)


@pytest.fixture(scope="session")
def simscale_in(simscale_bin: Path) -> Callable[[Path], Simscale]:
    """simscale_in(folder) is `simscale` for a folder that several tests share."""
    return lambda folder: runner(simscale_bin, folder)


@pytest.fixture(scope="session")
def install_into(simscale_bin: Path) -> Callable[..., None]:
    """install_into(prefix, "programs", "assets") is `cmake --install` of these components of the build."""

    def install(prefix: Path, *components: str) -> None:
        for component in components:
            command = ["cmake", "--install", simscale_bin.parent.parent, "--component", component]
            done = subprocess.run([*command, "--prefix", prefix], capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr

    return install


def runner(binary: Path, folder: Path) -> Simscale:
    def run(
        *arguments: object,
        exit_code: int | None = 0,
        timeout: float = 300,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
        **options: object,
    ) -> subprocess.CompletedProcess[str]:
        command = [str(binary), *map(str, arguments)]
        result = subprocess.run(
            command,
            cwd=cwd or folder,
            env={**os.environ, **(env or {})},
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            **options,
        )
        if exit_code is not None and result.returncode != exit_code:
            pytest.fail(
                f"{' '.join(command)}\nended with {result.returncode}, expected {exit_code}\n"
                f"--- stdout\n{result.stdout}\n--- stderr\n{result.stderr}",
                pytrace=False,
            )
        return result

    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory, simscale_in) -> Path:
    """A folder with reach.h5, pick_place.h5, and run/, trained on the first of them."""
    folder = tmp_path_factory.mktemp("made")
    simscale = simscale_in(folder)
    for task in ["reach", "pick_place"]:
        simscale("datagen", "--env-name", task, "--n-episodes", 10, "--output", f"{task}.h5")
    simscale("train", "--model", "bc_debug", "--dataset", "reach.h5", "--checkpoint-dir", "run")
    return folder


@pytest.fixture
def work(made, tmp_path) -> Path:
    """A copy of `made` for this test, which is the command's folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, symlinks=True)
    return tmp_path
