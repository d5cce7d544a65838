"""Mistakes and failures from outside: the exit code, one line that says what is wrong, nothing broken.

Exit code 2 is the user's mistake, 1 a failure of the machine. tests/cli_test.py has the mistakes in
flags and names, tests/disk_test.py full and read-only disks; an action that is not finite is in
simscale/tasks/batched_env_test.cc.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from outcome import error_of, snapshot

TRAIN = ["train", "--model", "bc_debug", "--checkpoint-dir", "run"]
# ---- settings ----------------------------------------------------------------------------------

SETTINGS = {
    "unknown key": (["train.lrr=1"], "command line: unknown key 'lrr' in train. Did you mean 'lr'?"),
    "unknown group": (["trian.lr=1"], "unknown key 'trian'. Did you mean 'train'?"),
    "text for a number": (["train.lr=fast"], "command line: train.lr must be a number, got 'fast'"),
    "fraction for a count": (["train.steps=2.5"], "train.steps must be an integer, got 2.5"),
    "number for a list": (["policy.bc.hidden=64"], "policy.bc.hidden must be a list"),
    "text for a switch": (["policy.bc.layer_norm=perhaps"], "policy.bc.layer_norm must be"),
    "not a choice": (["policy.bc.loss=l3"], "policy.bc.loss must be one of"),
    "below its range": (["train.lr=-1"], "train.lr must be in 0 .. 10, got -1"),
    "above its range": (["policy.bc.dropout=1"], "policy.bc.dropout must be in 0 .. 0.9, got 1"),
    "not finite": (["train.lr=nan"], "train.lr must be"),
    "batch of none": (["--batch-size", 0], "train.batch_size must be in 1 .. 1048576, got 0"),
    "absurd batch": (["--batch-size", 10**9], "train.batch_size must be in 1 .. 1048576, got 1000000000"),
    "more than an integer": (["--batch-size", 10**20], "train.batch_size must be"),
    "no steps": (["--max-steps", 0], "train.steps must be in 1 .. 1000000000000, got 0"),
    "layer of none": (["policy.bc.hidden=[64,0]"], "policy.bc.hidden.1 must be in 1 .. 16384, got 0"),
    "absurd layer": (["policy.bc.hidden=[1000000000]"], "policy.bc.hidden.0 must be in 1 .. 16384"),
    "absurd chunk": (["policy.bc.horizon=1000000"], "policy.bc.horizon must be in 1 .. 256"),
    "absurd history": (["policy.bc.n_obs_steps=1000000000"], "policy.bc.n_obs_steps must be in 1 .. 64"),
    "more actions than planned": (
        ["policy.bc.horizon=4", "policy.bc.n_action_steps=8"],
        "n_action_steps",
    ),
    "contradiction": (["train.lr=1e-4", "train.lr_min=1e-3"], "train.lr_min must be at most lr (0.0001)"),
    "missing device": (["--device", "cuda"], "cuda"),
    "unknown device": (["--device", "gpu"], "device must be one of"),
    "all held out": (["train.validation_fraction=1"], "train.validation_fraction must be in 0 .. 0.9"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_setting(simscale, work, name):
    arguments, message = SETTINGS[name]
    if name == "missing device" and has_cuda(simscale):
        pytest.skip("this machine has a CUDA device")
    shutil.rmtree(work / "run")
    error = error_of(simscale(*TRAIN, "--dataset", "reach.h5", *arguments, exit_code=2))
    assert message in error
    assert not (work / "run").exists()


def has_cuda(simscale) -> bool:
    return "CUDA: " in simscale("doctor", exit_code=None).stdout


def test_a_preset_fits_a_short_run(simscale, work):
    """The preset's warm-up is longer than this: no mistake."""
    simscale("train", "--dataset", "reach.h5", "--checkpoint-dir", "short", "--max-steps", 20)
    assert (work / "short/latest/model.safetensors").exists()


@pytest.mark.parametrize("command", ["datagen", "eval"])
@pytest.mark.parametrize("envs", [0, -1, 65537, 10**9, 10**30])
def test_numbers_of_environments(simscale, tmp_path, command, envs):
    arguments = {"datagen": ["--output", "a.h5"], "eval": ["--policy", "zero"]}[command]
    result = simscale(command, "--env-name", "reach", "--num-envs", envs, *arguments, exit_code=2)
    rule = "num_envs must be in 1 .. 65536, got" if envs < 2**31 else "num_envs must be"
    assert rule in error_of(result)
    assert list(tmp_path.iterdir()) == []


def test_a_config_file_names_its_place(simscale, work):
    (work / "mine.yaml").write_text("defaults: [bc]\ntrain:\n  lr: 0.001\n  batch_sise: 32\n")
    result = simscale("train", "--dataset", "reach.h5", "--config", "mine.yaml", exit_code=2)
    assert error_of(result).startswith(
        "mine.yaml:4:3: unknown key 'batch_sise' in train. Did you mean 'batch_size'?"
    )
    (work / "mine.yaml").write_text("defaults: [bc]\ntrain: {lr: 0.001\n")
    assert error_of(simscale("train", "--config", "mine.yaml", exit_code=2)).startswith("mine.yaml:")
    (work / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    assert "mine.yaml" in error_of(simscale("train", "--config", "mine.yaml", exit_code=2))


# ---- dataset files -----------------------------------------------------------------------------

READERS = {
    "info": ["data", "info"],
    "stats": ["data", "stats"],
    "replay": ["data", "replay"],
    "merge": ["data", "merge", "out.h5"],
    "train": ["train", "--checkpoint-dir", "new", "--dataset"],
}


def damage(path: Path, kind: str) -> str:
    """Breaks the dataset; returns what is to be said."""
    content = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
        return "is a damaged or truncated HDF5 file"
    if kind == "no HDF5":
        path.write_text("hello\n" * 100)
        return "is not an HDF5 file, a dataset written by 'simscale datagen' is wanted"
    if kind == "empty":
        path.write_bytes(b"")
        return "is empty, a dataset (HDF5) is wanted"
    path.unlink()
    if kind == "missing":
        return "no such file"
    if kind == "folder":
        path.mkdir()
        return "is a folder, a dataset file is wanted"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
    return "simscale"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["truncated", "no HDF5", "empty", "missing", "folder", "another HDF5"])
def test_files_that_are_no_datasets(simscale, work, reader, kind):
    message = damage(work / "reach.h5", kind)
    error = error_of(simscale(*READERS[reader], "reach.h5", exit_code=2))
    assert error.startswith("reach.h5: ")
    assert message in error
    assert not (work / "out.h5").exists()
    assert not (work / "new").exists()


@pytest.mark.parametrize("kind", ["truncated", "no HDF5"])
def test_check_tells_of_a_damaged_file(simscale, work, kind):
    message = damage(work / "reach.h5", kind)
    result = simscale("data", "check", "reach.h5", "pick_place.h5", exit_code=1)
    assert message in result.stdout
    assert "pick_place.h5: ok" in result.stdout


def test_a_numbers_of_an_episode_that_is_not_finite(simscale, work):
    with h5py.File(work / "reach.h5", "r+") as file:
        file["episode_2/observations/ee_pos"][3, 1] = np.nan
    error = error_of(simscale(*TRAIN, "--dataset", "reach.h5", "--overwrite", exit_code=2))
    assert error == "reach.h5: episode 2: 'observations/ee_pos' is not finite at step 3, component 1"


def test_a_dataset_that_lacks_what_the_policy_reads(simscale, work):
    result = simscale(
        *[*TRAIN[:3], "--checkpoint-dir", "new", "--dataset", "reach.h5"],
        "observations=[ee_pos,object_pos]",
        exit_code=2,
    )
    assert "reach.h5: unknown observation 'object_pos'" in error_of(result)
    assert "target_pos" in error_of(result)  # what there is
    assert not (work / "new").exists()


def test_a_dataset_of_another_task(simscale, work):
    arguments = ["train", "--checkpoint-dir", "new", "--dataset", "reach.h5"]
    error = error_of(simscale(*arguments, "--env-name", "pick_place", exit_code=2))
    assert error.startswith("reach.h5: was made in 'reach', but the training is for 'pick_place'.")
    error = error_of(simscale("data", "merge", "out.h5", "reach.h5", "pick_place.h5", exit_code=2))
    assert error.startswith("pick_place.h5: has another task than reach.h5 ('name: reach' there")


def test_a_resumed_training_keeps_its_dataset(simscale, work):
    before = snapshot(work / "run")
    simscale("datagen", "--env-name", "reach", "--n-episodes", 10, "--seed", 1, "--output", "other.h5")
    for dataset in ["other.h5", "pick_place.h5"]:
        for steps in [200, 400]:  # of a run that has finished, and of one that goes on
            resume = ["train", "--checkpoint-dir", "run", "--resume", f"train.steps={steps}"]
            error = error_of(simscale(*resume, "--dataset", dataset, exit_code=2))
            assert error.startswith(f"{dataset}: ")
            if dataset == "other.h5":
                assert "its content differs from what the run in run was trained on" in error
    assert snapshot(work / "run") == before


# ---- checkpoints -------------------------------------------------------------------------------


def test_a_checkpoint_of_another_task(simscale, work):
    for command in (["eval", "run"], ["datagen", "--policy", "run", "--output", "new.h5"]):
        error = error_of(simscale(*command, "--env-name", "pick_place", exit_code=2))
        assert "this policy was trained on the task 'reach', not on 'pick_place'" in error
    assert not (work / "new.h5").exists()


def test_a_task_that_lacks_what_the_policy_reads(simscale, work):
    (work / "blind.yaml").write_text(
        "defaults: [reach]\nobservations:\n  target_pos: {term: frame_quaternion, params: {frame: target}}\n"
    )
    error = error_of(simscale("eval", "run", "--env-name", "blind.yaml", exit_code=2))
    assert "target_pos" in error
    assert "3" in error and "4" in error


USERS = {
    "eval": ["eval", "run", "--n-episodes", 1],
    "resume": ["train", "--resume", "--checkpoint-dir", "run", "train.steps=400"],
    "bench": ["bench", "policy", "run"],
}
DAMAGED = "the checkpoint is damaged or half-written: "


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json", "config.yaml"])
def test_a_half_written_checkpoint(simscale, work, user, file):
    checkpoint = (work / "run/latest").resolve()
    assert checkpoint == (work / "run/best").resolve()
    whole = (checkpoint / file).read_bytes()

    (checkpoint / file).write_bytes(whole[: len(whole) // 2])
    error = error_of(simscale(*USERS[user], exit_code=2))
    assert error.startswith(f"{checkpoint}: {DAMAGED}{file} has {len(whole) // 2} bytes")
    assert f"its manifest says {len(whole)}. Use another step_<n> of the run" in error

    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    (checkpoint / file).write_bytes(changed)
    error = error_of(simscale(*USERS[user], exit_code=2))
    assert error.startswith(f"{checkpoint}: {DAMAGED}{file} differs from its SHA-256")

    (checkpoint / file).unlink()
    error = error_of(simscale(*USERS[user], exit_code=2))
    assert error.startswith(f"{checkpoint}: {DAMAGED}{file} is missing")


@pytest.mark.parametrize("user", USERS)
def test_a_checkpoint_without_its_manifest(simscale, work, user):
    checkpoint = (work / "run/latest").resolve()
    manifest = checkpoint / "manifest.json"
    manifest.write_text(manifest.read_text()[:100])
    error = error_of(simscale(*USERS[user], exit_code=2))
    assert DAMAGED + "manifest.json is not the JSON that it should be" in error
    manifest.unlink()
    assert DAMAGED + "manifest.json is missing" in error_of(simscale(*USERS[user], exit_code=2))
    shutil.rmtree(checkpoint)
    assert DAMAGED + "the link leads nowhere" in error_of(simscale(*USERS[user], exit_code=2))


def replace_model(checkpoint: Path, content: bytes) -> None:
    """Puts other bytes in the place of the model and lets the manifest tell of them."""
    (checkpoint / "model.safetensors").write_bytes(content)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    digest = hashlib.sha256(content).hexdigest()
    manifest["files"]["model.safetensors"] = {"size": len(content), "sha256": digest}
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))


def with_header(content: bytes, change) -> bytes:
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    text = json.dumps(change(header) or header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


def first_weight(header: dict) -> dict:
    return header["net.linear_0.weight"]


HEADERS = {
    "absurd size": lambda b: b"\xff" * 8 + b[8:],
    "size past the end": lambda b: struct.pack("<Q", 10**7) + b[8:],
    "no JSON": lambda b: b[:8] + b"garbage!" + b[16:],
    "shorter than a header": lambda b: b[:5],
    "empty": lambda b: b"",
    "a tensor past the end": lambda b: with_header(
        b, lambda h: first_weight(h).update(data_offsets=[0, 10**12])
    ),
    "negative shape": lambda b: with_header(b, lambda h: first_weight(h).update(shape=[-1, 64])),
    "shape and bytes disagree": lambda b: with_header(b, lambda h: first_weight(h).update(shape=[3, 3])),
    "shape that overflows": lambda b: with_header(b, lambda h: first_weight(h).update(shape=[2**40, 2**40])),
    "unknown type": lambda b: with_header(b, lambda h: first_weight(h).update(dtype="F33")),
    "not a tensor": lambda b: with_header(b, lambda h: h.update({"net.linear_0.weight": 3})),
    "a list": lambda b: with_header(b, lambda h: [1, 2]),
    "missing tensor": lambda b: with_header(b, lambda h: h.pop("net.linear_0.weight") and None),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_corrupt_safetensors_header(simscale, work, kind):
    checkpoint = (work / "run/latest").resolve()
    replace_model(checkpoint, HEADERS[kind]((checkpoint / "model.safetensors").read_bytes()))
    error = error_of(simscale("eval", "run", "--n-episodes", 1, exit_code=2))
    assert error.startswith(f"{checkpoint}/model.safetensors: ")


# ---- scenes ------------------------------------------------------------------------------------

SCENES = {
    "a part without a size": ('<geom type="sphere" size="-1"/>', "robot.xml: "),
    "an unknown element": ("<gem/>", "robot.xml: "),
    "a mesh that is not there": ('<geom type="mesh" mesh="none"/>', "robot.xml: "),
    "cut short": ("<geom", "robot.xml: not valid MJCF: XML parse error"),
}


@pytest.mark.parametrize("kind", SCENES)
def test_a_robot_that_does_not_compile(simscale, tmp_path, kind):
    body, message = SCENES[kind]
    (tmp_path / "robot.xml").write_text(
        f'<mujoco><worldbody><body name="hand">{body}</body></worldbody></mujoco>'
    )
    (tmp_path / "task.yaml").write_text(
        "defaults: [reach]\nscene: {robot: robot.xml, home_qpos: []}\ncontroller: {type: joint_position}\n"
    )
    arguments = ["eval", "--policy", "zero", "--env-name", "task.yaml", "--n-episodes", 1]
    assert message in error_of(simscale(*arguments, exit_code=2))
    (tmp_path / "robot.xml").unlink()
    assert "robot.xml: no such file" in error_of(simscale(*arguments, exit_code=2))
