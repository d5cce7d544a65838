"""examples/plugin: built from an installation by find_package(simscale), and used from everywhere."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
import subprocess
import tempfile
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest
import simscaleai

ROOT = Path(__file__).resolve().parent.parent


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def prefix(install_into, tmp_path_factory) -> Path:
    """An installation of what plugins are built with."""
    folder = tmp_path_factory.mktemp("installed")
    install_into(folder, "development")
    return folder


def configure(folder: Path, prefix: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return run("cmake", "-B", "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", *flags, cwd=folder)


@pytest.fixture(scope="module")
def example(prefix, tmp_path_factory) -> Path:
    """A copy of the example's folder, built there."""
    folder = tmp_path_factory.mktemp("example") / "plugin"
    shutil.copytree(ROOT / "examples/plugin", folder, ignore=shutil.ignore_patterns("build"))
    for done in (configure(folder, prefix), run("cmake", "--build", "build", cwd=folder)):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def task(example) -> str:
    return str(example / "swing_up.yaml")


@pytest.fixture(scope="module")
def library(example) -> str:
    return str(example / "build/libswing_terms.so")


# --- The command ---


def test_the_task_lists_its_terms_and_works(simscale, task):
    told = simscale("list-envs", task).stdout
    assert 'joint_history    joint_history             [4]  {"joint":"hinge","steps":4}' in told
    told = simscale("doctor", "--task", task, "--episodes", 10).stdout
    assert "the task works" in told
    assert "PROBLEM" not in told


def test_terms_of_plugins_are_listed_with_ours(simscale, library):
    told = simscale("list-envs", "--terms", "--plugin", library).stdout
    assert "  energy_near: exp(-((E - energy) / scale)^2) of a body's energy E, in (0, 1]" in told
    assert "      scale = 1.0 [J]: error that costs all but 37 %" in told
    assert "energy_near" not in simscale("list-envs", "--terms").stdout


def test_bench_steps_as_a_bare_loop_does(simscale, task):
    flags = ["--num-envs", 2, "--threads", 1, "--steps", 200, "--repeats", 1]
    report = json.loads(simscale("bench", "env", "--env-name", task, *flags, "--json", "-").stdout)
    assert report["same_states"]


def test_a_dataset_names_its_plugin_and_runs_it_when_told_to(simscale, example, tmp_path):
    folder = tmp_path / "moving"
    shutil.copytree(example, folder)
    flags = ["--policy", "random", "--keep-failures", "--n-episodes", 3, "max_tries=3", "--output", "data.h5"]
    simscale("datagen", "--env-name", folder / "swing_up.yaml", *flags)
    library = folder / "build/libswing_terms.so"
    asked = simscale("data", "replay", "--verify", "data.h5", exit_code=2).stderr
    assert f"data.h5: plugins: the task takes terms out of {library}, which would run" in asked
    assert asked.endswith(f"If you trust it, say --plugin {library}\n")
    replay = simscale("data", "replay", "--verify", "data.h5", "--plugin", library)
    assert "3 of 3 episodes replay" in replay.stdout

    moved = library.rename(tmp_path / "moved.so")
    lost = simscale("data", "replay", "--verify", "data.h5", "--plugin", library, exit_code=2).stderr
    assert f"error: task swing_up: plugins: {library}: no such file." in lost
    replay = simscale("data", "replay", "--verify", "data.h5", "--plugin", moved)
    assert "3 of 3 episodes replay" in replay.stdout
    assert "warning" not in replay.stderr
    with moved.open("ab") as file:
        file.write(b"another build")
    other = simscale("data", "replay", "--verify", "data.h5", "--plugin", moved)
    assert "moved.so differs from what the task was stored with" in other.stderr


def test_training_and_evaluation_take_it_when_told_to(simscale, task, library):
    flags = ["--policy", "random", "--keep-failures", "--n-episodes", 4, "max_tries=4", "--output", "data.h5"]
    simscale("datagen", "--env-name", task, *flags)
    train = ["train", "--model", "bc_debug", "--dataset", "data.h5", "--max-steps", 20]
    assert "--plugin" in simscale(*train, "--checkpoint-dir", "run", exit_code=2).stderr
    assert not (simscale("data", "info", "data.h5").stderr)  # what looks at the file alone runs nothing
    simscale(*train, "--checkpoint-dir", "run", "--plugin", library)
    resume = ["train", "--resume", "--checkpoint-dir", "run"]
    assert "--plugin" in simscale(*resume, exit_code=2).stderr
    assert "done already" in simscale(*resume, "--plugin", library).stdout
    assert "--plugin" in simscale("eval", "run", "--n-episodes", 2, exit_code=2).stderr
    flags = ["--n-episodes", 2, "--json", "-"]
    for how in (["--plugin", library], ["--env-name", task]):
        report = json.loads(simscale("eval", "run", *flags, *how).stdout)
        assert report["env"] == "swing_up"
        assert [episode["length"] for episode in report["episodes"]] == [250, 250]


# --- Python ---


def test_its_numbers_are_what_they_should_be(task):
    env = simscaleai.make_env(task)
    starts = set()
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        angle = np.arctan2(observation["across"], observation["direction"])[0]
        starts.add(round(float(angle), 4))
        np.testing.assert_allclose(observation["joint_history"], [angle] * 4, atol=1e-6)
    assert starts == {-0.5, 0.5}

    path = [observation["joint_history"][0]]
    for _ in range(9):
        observation, *_ = env.step(env.action_space.sample())
        path.append(np.arctan2(observation["across"], observation["direction"])[0])
        expected = [*reversed(path[-4:]), *[path[0]] * max(0, 4 - len(path))]
        np.testing.assert_allclose(observation["joint_history"], expected, atol=1e-6)


def test_the_rewards_are_those_of_mujocos_energy(task, example):
    env = simscaleai.make_env(task)
    model = mujoco.MjModel.from_xml_path(str(example / "pendulum.xml"))
    model.opt.enableflags |= mujoco.mjtEnableBit.mjENBL_ENERGY
    data = mujoco.MjData(model)
    size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION)
    env.reset(seed=1, options={"qpos": [2.5], "qvel": [1.0]})
    for _ in range(20):
        *_, info = env.step(env.action_space.sample())
        mujoco.mj_setState(model, data, env.get_state()["state"][:size], mujoco.mjtState.mjSTATE_INTEGRATION)
        mujoco.mj_forward(model, data)
        reward = np.exp(-(((data.energy.sum() - 9.81) / 2) ** 2))
        assert info["energy"] == pytest.approx(reward, rel=1e-9)


def test_a_packaged_task_takes_its_terms(library):
    reward = {"term": "energy_near", "params": {"body": "hand", "scale": 100}}
    env = gymnasium.make("SimScale/Reach-v0", plugins=[library], rewards={"energy": reward})
    env.reset(seed=0)
    *_, info = env.step(np.zeros(env.action_space.shape, np.float32))
    assert 0 < info["energy"] < 1
    assert env.unwrapped.task_spec["yaml"].count(library) == 1


def first_observation(pickled: bytes) -> np.ndarray:
    return pickle.loads(pickled).reset(seed=3)[0]["joint_history"]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_it_goes_to_other_processes(example, library, start, tmp_path, monkeypatch):
    shutil.copy(example / "swing_up.yaml", tmp_path)
    shutil.copy(example / "pendulum.xml", tmp_path)  # without build/
    env = simscaleai.make_env(tmp_path / "swing_up.yaml", plugins=[Path(library)])
    with multiprocessing.get_context(start).Pool(1) as pool:
        other = pool.apply(first_observation, (pickle.dumps(env),))
    np.testing.assert_array_equal(other, env.reset(seed=3)[0]["joint_history"])
    vector = simscaleai.make_vec(tmp_path / "swing_up.yaml", num_envs=3, plugins=[library])
    np.testing.assert_array_equal(vector.reset(seed=3)[0]["joint_history"][0], other)


# --- What goes wrong ---

OLD = """
#include "simscale/plugin/plugin.h"
#undef SIMSCALE_PLUGIN_ABI
#define SIMSCALE_PLUGIN_ABI "simscale 0.0.9, MuJoCo 2000000, libstdc++"
SIMSCALE_PLUGIN(library) { library = {}; }
"""


def test_a_plugin_of_another_version_is_refused(simscale, prefix, tmp_path, task):
    (tmp_path / "old.cc").write_text(OLD)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(old CXX)\nfind_package(simscale REQUIRED)\n"
        "simscale_add_plugin(old SOURCES old.cc)\n"
    )
    assert configure(tmp_path, prefix).returncode == 0
    assert run("cmake", "--build", "build", cwd=tmp_path).returncode == 0
    error = simscale("list-envs", task, "--plugin", "build/libold.so", exit_code=2).stderr
    library = tmp_path / "build/libold.so"
    assert f"error: task swing_up: plugins: {library}: was built for another version: it must be" in error
    assert "got one for 'simscale 0.0.9, MuJoCo 2000000, libstdc++'. Build it again" in error
    assert error.count("\n") == 1
    with pytest.raises(ValueError, match="was built for another version"):
        simscaleai.make_env(task, plugins=[library])


def test_other_files_are_refused(simscale, task, library, tmp_path):
    (tmp_path / "text.so").write_text("no library")
    for plugin, message in [
        ("none.so", f"plugins: {tmp_path}/none.so: no such file. Give the shared library"),
        ("text.so", f"plugins: {tmp_path}/text.so: can't be loaded as a shared library"),
        (mujoco.__path__[0] + f"/libmujoco.so.{mujoco.__version__}", "is a shared library but no plugin"),
    ]:
        for command in (
            ["list-envs", task],
            ["doctor", "--task", task],
            ["eval", "--policy", "zero", "--env-name", task],
        ):
            error = simscale(*command, "--plugin", plugin, exit_code=2).stderr
            assert error.startswith("error: task swing_up: plugins: ")
            assert message in error
            assert error.count("\n") == 1
    twice = simscale("list-envs", task, "--plugin", library, "--plugin", library, exit_code=2).stderr
    assert "adds the observation term 'joint_history', but there is one of that name already" in twice
    with pytest.raises(ValueError, match="no such file"):
        simscaleai.make_env(task, plugins=["none.so"])
    with pytest.raises(ValueError, match=r"plugins must be a list of texts, got 'none\.so'"):
        simscaleai.make_env(task, plugins="none.so")


def test_a_plugin_without_a_task_is_a_mistake(simscale, library):
    for command, wanted in [("list-envs", "a task's NAME"), ("doctor", "--task FILE or --dump FILE")]:
        error = simscale(command, "--plugin", library, exit_code=2).stderr
        assert error.startswith(f"error: --randomize and --plugin go with {wanted}")


def test_its_terms_tell_what_is_wrong_with_their_parameters(simscale, task):
    def error(override: str) -> str:
        return simscale("eval", "--policy", "zero", "--env-name", task, override, exit_code=2).stderr

    assert "rewards.energy: unknown body of the model 'pol'. Did you mean 'pole'?" in error(
        "task.rewards.energy.params.body=pol"
    )
    assert "steps must be in 1 .. 1000, got 0" in error("task.observations.joint_history.params.steps=0")
    assert "resets.start: values: at least one is needed, got none" in error(
        "task.resets.start.params.values=[]"
    )


def test_find_package_says_what_is_missing(prefix, tmp_path):
    def stderr(cmake: str, *flags: str) -> str:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        (folder / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.22)\nproject(p CXX)\n{cmake}\n"
        )
        done = configure(folder, prefix, *flags)
        assert done.returncode != 0
        return " ".join(done.stderr.split())

    assert 'compatible with requested version "9.1"' in stderr("find_package(simscale 9.1 REQUIRED)")
    assert "no MuJoCo (include/mujoco/mujoco.h and libmujoco.so) in /no/such." in stderr(
        "find_package(simscale REQUIRED)", "-DSIMSCALE_MUJOCO_DIR=/no/such"
    )
    other = tmp_path / "other"
    (other / "include/mujoco").mkdir(parents=True)
    (other / "include/mujoco/mujoco.h").write_text("#define mjVERSION_HEADER 2003007\n")
    (other / "libmujoco.so.2.3.7").touch()
    assert f"{other} has 2003007. Pass -DSIMSCALE_MUJOCO_DIR" in stderr(
        "find_package(simscale REQUIRED)", f"-DSIMSCALE_MUJOCO_DIR={other}"
    )
    assert "simscale_add_plugin(p ...) needs SOURCES" in stderr(
        "find_package(simscale REQUIRED)\nsimscale_add_plugin(p)"
    )
