"""Disks that are full or read-only: exit code 1, one line, and nothing that was there is lost."""

from __future__ import annotations

import os
import re
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from outcome import error_of, snapshot


def mounted(folder: Path, options: str) -> bool:
    """Whether a memory file system could be mounted there, which needs rights."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "simscale_test", str(folder)]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 400 kB, where this process may mount one; `ulimit -f` is tested everywhere."""
    folder = tmp_path / "disk"
    if not mounted(folder, "size=400k"):
        pytest.skip("may not mount a small disk here (needs root): tested with a file size limit only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def read_only(tmp_path) -> Iterator[Path]:
    folder = tmp_path / "read_only"
    if mounted(folder, "ro"):
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    if os.geteuid() == 0:
        pytest.skip("root writes anywhere, and may not mount a read-only disk here")
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


BIG = ["datagen", "--env-name", "reach", "--n-episodes", 60]


def test_a_full_disk_stops_data_generation(simscale, small_disk, tmp_path):
    error = error_of(simscale(*BIG, "--output", "disk/a.h5", exit_code=1))
    assert re.match(r"disk/a\.h5(\.shards/shard_\d+\.h5)?: cannot write: No space left on device", error)
    assert not (small_disk / "a.h5").exists()
    assert all(path.suffix in (".h5", ".txt") for path in (small_disk / "a.h5.shards").iterdir())
    # With room again it goes on, and ends with the same file.
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    result = simscale(*BIG, "--output", "disk/a.h5", "--resume")
    simscale(*BIG, "--output", "b.h5")
    assert (small_disk / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert "going on with" in result.stderr


def test_a_full_disk_stops_training(simscale, work, small_disk):
    train = ["train", "--model", "bc_debug", "--dataset", "reach.h5", "policy.bc.hidden=[64,64,64]"]
    error = error_of(simscale(*train, "--checkpoint-dir", "disk/run", exit_code=1))
    assert re.match(r"disk/run/step_\d+/[a-z.]+: can't write: No space left on device", error), error
    assert [path for path in (small_disk / "run").iterdir() if path.name.startswith(".")] == []
    simscale("eval", "disk/run", "--n-episodes", 1)  # the last one that fitted
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    simscale(*train, "--checkpoint-dir", "disk/run", "--resume")
    simscale(*train, "--checkpoint-dir", "whole")
    assert (small_disk / "run/latest/model.safetensors").read_bytes() == (
        work / "whole/latest/model.safetensors"
    ).read_bytes()


def test_a_full_disk_stops_a_report(simscale, work, small_disk):
    (small_disk / "fill").write_bytes(b"x" * 396 * 1024)
    eval_ = ["eval", "--policy", "scripted", "--env-name", "reach", "--n-episodes", 60]
    error = error_of(simscale(*eval_, "--json", "disk/report.json", exit_code=1))
    assert error == "disk/report.json: cannot write: No space left on device"
    error = error_of(simscale("data", "merge", "disk/all.h5", "reach.h5", exit_code=1))
    assert error.startswith("disk/all.h5: cannot write: No space left on device")
    assert [path.name for path in small_disk.iterdir()] == ["fill"]


LIMITED = {
    "datagen": ([*BIG, "--output", "a.h5"], "cannot write: File too large"),
    "merge": (["data", "merge", "all.h5", "reach.h5"], "all.h5: cannot write: File too large"),
    "train": (
        ["train", "--model", "bc_debug", "--dataset", "reach.h5", "--checkpoint-dir", "new"],
        "new/step_50/model.safetensors: can't write: File too large",
    ),
}


@pytest.mark.parametrize("name", LIMITED)
def test_files_may_not_grow(simscale, work, name):
    """ulimit -f: the stand-in for a full disk that needs no rights."""
    arguments, message = LIMITED[name]
    before = snapshot(work)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16384, resource.RLIM_INFINITY))

    error = error_of(simscale(*arguments, exit_code=1, preexec_fn=limit))
    assert message in error
    left = {key: value for key, value in snapshot(work).items() if key not in before}
    known = r"a\.h5\.shards/(settings\.txt|shard_\d+\.h5)|new/(config\.yaml|metrics\.jsonl)"
    assert [key for key in left if not re.fullmatch(known, key)] == []
    assert {key: value for key, value in snapshot(work).items() if key in before} == before


def test_a_read_only_folder(simscale, work, read_only):
    reason = "(Read-only file system|Permission denied)"
    eval_ = ["eval", "--policy", "zero", "--env-name", "reach", "--n-episodes", 1]
    for arguments, message in [
        ([*BIG, "--output", "read_only/a.h5"], f"read_only/a.h5.shards: cannot make the folder: {reason}"),
        (
            ["train", "--dataset", "reach.h5", "--checkpoint-dir", "read_only/run"],
            f"read_only/run: cannot make the folder: {reason}",
        ),
        (["data", "merge", "read_only/a.h5", "reach.h5"], f"read_only/a.h5: cannot write: {reason}"),
        ([*eval_, "--json", "read_only/r.json"], rf"--json read_only/r.json: can't write in .* \({reason}"),
    ]:
        error = error_of(simscale(*arguments, exit_code=1))
        assert re.match(message, error), error


def test_a_file_where_a_folder_is_wanted(simscale, work):
    (work / "file").write_text("")
    for arguments, code in [
        ([*BIG, "--output", "file/a.h5"], 1),
        (["train", "--dataset", "reach.h5", "--checkpoint-dir", "file/run"], 1),
        (["train", "--dataset", "reach.h5", "--checkpoint-dir", "file"], 2),
        (["data", "merge", "file/a.h5", "reach.h5"], 1),
    ]:
        assert error_of(simscale(*arguments, exit_code=code)).startswith("file")
    assert (work / "file").read_text() == ""
    (work / "papers").mkdir()
    (work / "papers/thesis.tex").write_text("mine")
    for flags in [[], ["--overwrite"], ["--resume"]]:
        arguments = ["train", "--dataset", "reach.h5", "--checkpoint-dir", "papers", *flags]
        assert "papers: holds files that are no training run" in error_of(simscale(*arguments, exit_code=2))
    assert snapshot(work / "papers") == {"thesis.tex": b"mine"}
