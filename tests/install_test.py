"""What `cmake --install` and the wheel bring: it runs from another place, without the build tree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import gymnasium
import pytest
import simscaleai

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def prefix(install_into, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    install_into(folder, "programs", "assets", "python")
    return folder


def run(*command: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": "", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_what_belongs_there_is_installed(prefix):
    assert {path.name for path in prefix.iterdir()} == {"bin", "lib", "libexec", "python", "share"}
    assert [path.name for path in (prefix / "bin").iterdir()] == ["simscale"]
    assert [path.name for path in (prefix / "libexec").iterdir()] == ["simscale-torch"]
    sources = {path.name for path in (ROOT / "python/simscaleai").glob("*.py")}
    installed = {path.name for path in (prefix / "python/simscaleai").iterdir()}
    assert sources <= installed
    assert all(re.fullmatch(r"_\w+\.cpython.*\.so|py\.typed|\w+\.pyi", name) for name in installed - sources)


def test_the_installed_programs_run_on_the_installed_files(prefix, tmp_path):
    program = prefix / "bin/simscale"
    assert run(program, "--version", cwd=tmp_path).startswith(f"simscale {PROJECT_VERSION} (MuJoCo 3.14.0)")
    assert "SimScale/PickPlace-v0" in run(program, "list-envs", cwd=tmp_path)
    assert re.search(r"\bbc\b", run(program, "list-models", cwd=tmp_path))  # with LibTorch
    flags = ["--policy", "scripted", "--env-name", "reach", "--n-episodes", 2, "--video-episodes", 1]
    told = run(
        program,
        "eval",
        *flags,
        "--video",
        "films",
        "video.picture.width=64",
        "video.picture.height=64",
        cwd=tmp_path,
    )
    assert "2 of 2 episodes succeed" in told
    assert len(list((tmp_path / "films").glob("*.mp4"))) == 1


SCRIPT = """
import gymnasium, simscaleai
print(simscaleai.__file__)
observation, _ = gymnasium.make("SimScale/PickPlace-v0").reset(seed=1)
print(sorted(observation))
"""


def test_the_installed_module_runs(prefix, tmp_path):
    told = run(sys.executable, "-c", SCRIPT, cwd=tmp_path, PYTHONPATH=str(prefix / "python")).splitlines()
    assert told[0] == str(prefix / "python/simscaleai/__init__.py")
    assert "'object_pos'" in told[1]


# --- As a wheel lays it out ---


@pytest.fixture(scope="module")
def site(prefix, install_into, tmp_path_factory) -> Path:
    """A folder as pip makes one of the wheel, which takes minutes to build: the same files, moved."""
    folder = tmp_path_factory.mktemp("environment") / "site-packages"
    folder.mkdir()
    (folder / "gymnasium").symlink_to(Path(gymnasium.__file__).parent)  # the robots of some tasks
    shutil.copytree(prefix / "python/simscaleai", folder / "simscaleai")
    for part in ("bin", "lib", "libexec", "share"):
        shutil.copytree(prefix / part, folder / "simscaleai" / part)
    install_into(folder / "simscaleai", "development")
    return folder


def test_the_launcher_becomes_the_program(site, tmp_path):
    command = [sys.executable, shutil.copy(ROOT / "python/simscale", tmp_path)]
    told = run(*command, "--version", cwd=tmp_path, PYTHONPATH=str(site))
    assert told.startswith(f"simscale {PROJECT_VERSION} ")
    checks = json.loads(run(*command, "doctor", "--json", "-", cwd=tmp_path, PYTHONPATH=str(site)))["checks"]
    found = {check["name"]: check["text"] for check in checks if check["status"] == "OK"}
    assert found["share folder"] == str(site / "simscaleai/share/simscale")
    assert found["network"].startswith("LibTorch ")
    assert found["video"] == "H.264 in MP4"


def test_its_module_finds_its_files(site, tmp_path):
    script = SCRIPT + "print(simscaleai.cmake_dir())"
    told = run(sys.executable, "-c", script, cwd=tmp_path, PYTHONPATH=str(site)).splitlines()
    assert told[0] == str(site / "simscaleai/__init__.py")
    assert "'object_pos'" in told[1]
    assert (Path(told[2]) / "simscaleConfig.cmake").is_file()


def test_a_wheel_looks_for_libraries_in_the_packages_beside_it(tmp_path):
    """Configured as scikit-build-core does; what its install scripts say is what a wheel gets."""
    flags = {"SKBUILD": 2, "SKBUILD_SCRIPTS_DIR": tmp_path / "scripts", "Python_EXECUTABLE": sys.executable}
    flags |= PROJECT["tool"]["scikit-build"]["cmake"]["define"]
    defines = [f"-D{name}={value}" for name, value in flags.items()]
    run("cmake", "-S", ROOT, "-B", tmp_path / "build", "-G", "Ninja", *defines, cwd=tmp_path)
    scripts = "".join(path.read_text() for path in (tmp_path / "build").rglob("cmake_install.cmake"))
    assert set(re.findall(r'RPATH "(\$ORIGIN.*?)"', scripts.replace("\\$", "$"))) == {
        "$ORIGIN/../../torch/lib:$ORIGIN/../../mujoco",
        "$ORIGIN/../mujoco",
        "$ORIGIN/../torch/lib:$ORIGIN/../mujoco",
    }
    assert f'DESTINATION "{tmp_path}/scripts" TYPE PROGRAM FILES "{ROOT}/python/simscale"' in scripts
    config = (tmp_path / "build/cmake/simscaleConfig.cmake").read_text()
    assert '"${_simscale_beside}/mujoco" ""' in config


def test_a_build_tree_says_that_it_has_no_cmake_files():
    with pytest.raises(FileNotFoundError, match="cmake --install build/release --component development"):
        simscaleai.cmake_dir()


# --- pyproject.toml ---

PINS = {
    line.split("==")[0].lower(): line.strip()
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if "==" in line
}
(PROJECT_VERSION,) = re.findall(
    PROJECT["tool"]["dynamic-metadata"][0]["regex"].replace("?P<value>", ""),
    (ROOT / "CMakeLists.txt").read_text(),
)


def test_the_version_comes_from_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert simscaleai.__version__ == PROJECT_VERSION


def test_the_wheel_asks_for_what_requirements_txt_pins():
    asked = [name for name in PROJECT["build-system"]["requires"] if name != "pip"]
    for requirement in asked + PROJECT["project"]["dependencies"]:
        assert requirement == PINS[requirement.split("==")[0]]
