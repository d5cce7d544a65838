"""Fixtures of the tests that run the built command and import the built module from outside."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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


class Process:
    """The command, running; its output is read at its end."""

    def __init__(self, binary: Path, folder: Path, arguments: list[object]):
        self.log = folder / f"log_{time.monotonic_ns()}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(binary), *map(str, arguments)], cwd=folder, stderr=log, stdout=subprocess.PIPE, text=True
            )

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "nothing happened"
            time.sleep(0.005)

    def end(self, seconds: float = 120) -> tuple[int, str, str]:
        """Exit code (negative: the signal), standard output and standard error."""
        stdout, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, stdout, self.log.read_text()

    def kill_after(self, seconds: float) -> bool:
        """SIGKILL after this time; False if it had ended by itself."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()  # the command replaces itself by exec, so this is the one that works
        code, _, log = self.end()
        assert code in (0, -signal.SIGKILL), log
        return code != 0


@pytest.fixture
def start(simscale_bin: Path) -> Iterator[Callable[[Path, list[object]], Process]]:
    """start(folder, ["train", ...]) runs the command in a folder while the test goes on."""
    started: list[Process] = []

    def run(folder: Path, arguments: list[object]) -> Process:
        started.append(Process(simscale_bin, folder, arguments))
        return started[-1]

    yield run
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
