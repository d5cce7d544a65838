"""The command line from outside: help, messages for mistakes, exit codes, reports."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest

COMMANDS = [
    ["datagen"],
    ["train"],
    ["eval"],
    ["data"],
    ["data", "info"],
    ["data", "stats"],
    ["data", "check"],
    ["data", "replay"],
    ["data", "merge"],
    ["list-envs"],
    ["list-models"],
    ["bench"],
    ["bench", "env"],
    ["bench", "policy"],
    ["doctor"],
    ["completion"],
]


def test_version_starts_fast(simscale):
    assert simscale("--version").stdout.startswith("simscale 0.1.0 (MuJoCo 3.")
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        simscale("--version")
        seconds.append(time.perf_counter() - started)
    assert min(seconds) <= 0.3


def test_no_command_prints_the_help(simscale):
    result = simscale()
    assert "datagen" in result.stdout
    assert "train" in result.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(simscale, command):
    result = simscale(*command, "--help")
    assert "--help" in result.stdout
    assert result.stderr == ""


def test_help_tells_defaults_units_and_ranges(simscale):
    text = simscale("datagen", "--help").stdout
    assert "successful episodes to keep" in text
    assert "default 200" in text
    assert "expert.action_noise" in text
    text = simscale("train", "--help").stdout
    assert "train.lr" in text
    assert "policy.bc.dropout" in text
    assert "0 .. 0.9" in text


MISTAKES = {
    "unknown command": (["trian"], "unknown command 'trian'. Did you mean 'train'?"),
    "unknown subcommand": (["data", "inf"], "unknown command 'inf'. Did you mean 'info'?"),
    "unknown flag": (
        ["eval", "--n-episode", 3],
        "unknown flag '--n-episode' of simscale eval. Did you mean '--n-episodes'?",
    ),
    "unknown flag of the root": (["--verison"], "unknown flag '--verison' of simscale."),
    "flag without its value": (["eval", "--seed"], "--seed"),
    "unknown task": (
        ["eval", "--policy", "random", "--env-name", "pick_plcae"],
        "unknown task 'pick_plcae'. Did you mean 'pick_place'?",
    ),
    "unknown policy": (
        ["eval", "--policy", "scriptd", "--env-name", "reach"],
        "unknown policy 'scriptd'. Did you mean 'scripted'?",
    ),
    "no such checkpoint": (["eval", "runs/none"], "runs/none: no such checkpoint"),
    "no policy": (["eval", "--env-name", "reach"], "nothing to evaluate"),
    "no task": (["eval", "--policy", "random"], "--policy random needs a task"),
    "a policy twice": (
        ["eval", "runs/a", "--policy", "random", "--env-name", "reach"],
        "both a checkpoint (runs/a) and --policy random are given",
    ),
    "two checkpoints": (["eval", "runs/a", "runs/b"], "unexpected argument 'runs/b'"),
    "zero envs": (
        ["eval", "--policy", "zero", "--env-name", "reach", "--num-envs", 0],
        "num_envs must be in 1 .. 65536, got 0",
    ),
    "absurd envs": (
        ["eval", "--policy", "zero", "--env-name", "reach", "--num-envs", 10**9],
        "num_envs must be in 1 .. 65536, got 1000000000",
    ),
    "not a number": (
        ["eval", "--policy", "zero", "--env-name", "reach", "--n-episodes", "many"],
        "n_episodes must be",
    ),
    "negative seed": (["eval", "--policy", "zero", "--env-name", "reach", "--seed", -1], "seed must be"),
    "unknown setting": (
        ["eval", "--policy", "zero", "--env-name", "reach", "n_episode=3"],
        "unknown key 'n_episode'. Did you mean 'n_episodes'?",
    ),
    "unknown setting of the task": (
        ["eval", "--policy", "zero", "--env-name", "reach", "task.control_rat=20"],
        "unknown key 'control_rat'. Did you mean 'control_rate'?",
    ),
    "missing config file": (
        ["eval", "--policy", "zero", "--env-name", "reach", "--config", "none.yaml"],
        "none.yaml",
    ),
    "unknown randomisation": (
        ["eval", "--policy", "zero", "--env-name", "reach", "--randomize", "lite"],
        "unknown randomisation 'lite'. Known: full, light, none.",
    ),
    "cameras": (
        ["datagen", "--cameras", "frnt", "--output", "x.h5"],
        "unknown camera 'frnt'. Did you mean 'front'?",
    ),
    "processes": (["train", "--nproc", 2], "train needs a dataset"),
    "window": (["eval", "--policy", "zero", "--env-name", "reach", "--render"], "--render is not in"),
    "no output": (["datagen", "--env-name", "reach"], "datagen needs an output: --output FILE"),
    "resume and overwrite": (
        ["datagen", "--env-name", "reach", "--output", "a.h5", "--resume", "--overwrite"],
        "resume and overwrite exclude each other",
    ),
    "no dataset": (["train"], "train needs a dataset: --dataset FILE"),
    "missing dataset": (["train", "--dataset", "none.h5"], "none.h5"),
    "unknown model": (["train", "--model", "bd", "--dataset", "x.h5"], "unknown model 'bd'"),
    "unknown model to list": (["list-models", "bd"], "unknown model 'bd'. Did you mean 'bc'?"),
    "missing file": (["data", "info", "none.h5"], "none.h5"),
    "nothing to merge": (["data", "merge", "out.h5"], "data merge needs"),
    "no checkpoint to measure": (["bench", "policy"], "bench policy needs a checkpoint"),
    "unknown shell": (["completion", "bsh"], "unknown shell 'bsh'. Did you mean 'bash'?"),
    "report into a folder": (
        ["eval", "--policy", "zero", "--env-name", "reach", "--json", "."],
        "--json .: is a folder",
    ),
    "unknown camera": (
        [
            "eval",
            *["--policy", "zero", "--env-name", "reach", "--n-episodes", 1],
            *["--video", "v", "video.camera=frnt"],
        ],
        "unknown camera 'frnt'. Did you mean 'front'?",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(simscale, name):
    arguments, message = MISTAKES[name]
    result = simscale(*arguments, exit_code=2)
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert result.stdout == ""


def test_a_message_names_file_line_and_column(simscale, tmp_path):
    (tmp_path / "eval.yaml").write_text("policy: zero\nenv_name: reach\nn_episodes: -3\n")
    result = simscale("eval", "--config", "eval.yaml", exit_code=2)
    assert "eval.yaml:3:13: n_episodes must be" in result.stderr


def evaluate(simscale, *arguments, **options):
    result = simscale("eval", "--env-name", "reach", *arguments, "--json", "-", **options)
    return json.loads(result.stdout)


def test_eval_reports_and_does_not_depend_on_envs_and_threads(simscale):
    report = evaluate(simscale, "--policy", "scripted", "--n-episodes", 6, "--seed", 4)
    assert report["schema"] == 1
    assert report["env"] == "reach"
    assert report["policy"] == "scripted"
    assert report["successes"] == 6
    assert report["success_rate"] == 1.0
    assert report["success_ci95"][0] == pytest.approx(0.6096657, abs=1e-6)
    assert [episode["index"] for episode in report["episodes"]] == list(range(6))
    returns = [episode["return"] for episode in report["episodes"]]
    assert report["mean_return"] == pytest.approx(sum(returns) / 6, abs=1e-12)
    assert report["mean_reward_terms"].keys() >= {"success"}
    assert sum(report["mean_reward_terms"].values()) == pytest.approx(report["mean_return"], abs=1e-9)
    for envs, threads in [(1, 1), (4, 2)]:
        other = evaluate(
            simscale,
            *["--policy", "expert", "--n-episodes", 6, "--seed", 4],
            *["--num-envs", envs, "--threads", threads],
        )
        assert other["episodes"] == report["episodes"]


def test_settings_files_and_gymnasium_names(simscale, tmp_path):
    (tmp_path / "eval.yaml").write_text("policy: random\nn_episodes: 2\nseed: 9\n")
    result = simscale(
        "eval",
        *["--env-name", "SimScale/Reach-v0", "--config", "eval.yaml", "--n-episodes", 3],
        *["task.max_episode_steps=7", "--json", "out/report.json"],
    )
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["n_episodes"] == 3
    assert report["seed"] == 9
    assert report["env"] == "reach"
    assert report["mean_length"] <= 7
    assert "episodes succeed" in result.stdout


def test_eval_writes_videos(simscale, tmp_path):
    simscale(
        "eval",
        *["--env-name", "reach", "--policy", "scripted", "--n-episodes", 3, "--video", "film"],
        *["--video-episodes", 2, "task.max_episode_steps=5"],
        *["video.picture.width=64", "video.picture.height=48", "video.picture.shadows=false"],
    )
    names = sorted(path.name for path in (tmp_path / "film").iterdir())
    assert names == ["episode_0000.mp4", "episode_0001.mp4"]
    probe = subprocess.run(
        [
            *["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "json"],
            *["-show_entries", "stream=width,height,codec_name,nb_read_frames"],
            str(tmp_path / "film/episode_0000.mp4"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    stream = json.loads(probe.stdout)["streams"][0]
    assert (stream["width"], stream["height"], stream["codec_name"]) == (64, 48, "h264")
    assert 22 <= int(stream["nb_read_frames"]) <= 26  # the start, 1 to 5 steps, and a second's hold


def test_videos_leave_the_figures_alone(simscale):
    plain = evaluate(simscale, "--policy", "random", "--n-episodes", 2, "task.max_episode_steps=5")
    filmed = evaluate(
        simscale,
        *["--policy", "random", "--n-episodes", 2, "task.max_episode_steps=5", "--video", "v"],
        *["video.picture.width=32", "video.picture.height=32"],
    )
    assert filmed["episodes"] == plain["episodes"]


def test_a_failure_of_the_machine_is_exit_code_1(simscale, tmp_path):
    (tmp_path / "file").write_text("")
    result = simscale(
        *["eval", "--policy", "zero", "--env-name", "reach", "--n-episodes", 1],
        *["--json", "file/report.json"],
        exit_code=1,
    )
    assert len(result.stderr.splitlines()) == 1
    assert "file" in result.stderr


def test_ctrl_c_ends_eval_with_what_is_done(simscale_bin, tmp_path):
    process = subprocess.Popen(
        [
            *[str(simscale_bin), "eval", "--env-name", "reach", "--policy", "random"],
            *["--n-episodes", "100000", "--num-envs", "4", "--threads", "1", "--json", "report.json"],
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)
    process.send_signal(2)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: the figures are of the first" in stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["interrupted"] is True
    assert report["n_episodes"] == len(report["episodes"]) < 100000


def test_list_envs(simscale):
    names = [entry["name"] for entry in json.loads(simscale("list-envs", "--json", "-").stdout)]
    assert {"pick_place", "reach"} <= set(names)
    one = json.loads(simscale("list-envs", "SimScale/PickPlace-v0", "--json", "-").stdout)
    assert one["observations"]["joint_pos"] == [7]
    assert one["actions"][-1] == "gripper"
    assert one["control_rate"] == 20


def test_list_models(simscale):
    assert "bc" in simscale("list-models").stdout
    one = json.loads(simscale("list-models", "bc", "--json", "-").stdout)
    assert one["settings"]["policy.bc.dropout"]["default"] == "0.0"


def test_bench_env_measures_the_same_physics(simscale):
    report = json.loads(
        simscale(
            "bench",
            *["env", "--env-name", "reach", "--num-envs", 2, "--threads", 1, "--json", "-"],
            *["--steps", 20, "--repeats", 3, "task.max_episode_steps=8"],
        ).stdout
    )
    assert report["same_states"] is True
    assert report["resets"] >= 4
    assert report["ratio_spread"][0] <= report["ratio"] <= report["ratio_spread"][1]
    assert report["env_steps_per_second"] > 0
    assert report["raw_steps_per_second"] > 0


def test_doctor_is_content(simscale):
    result = simscale("doctor", "--json", "-", exit_code=None)
    report = json.loads(result.stdout)
    failed = [check for check in report["checks"] if check["status"] == "FAIL"]
    assert failed == []
    assert result.returncode == 0
    assert "OK" in result.stderr


def test_doctor_tells_what_is_missing(simscale, tmp_path):
    (tmp_path / "share").mkdir()
    result = simscale("doctor", exit_code=1, env={"SIMSCALE_SHARE_DIR": str(tmp_path / "share")})
    assert "FAIL  share folder" in result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_parse(simscale, tmp_path, shell):
    script = simscale("completion", shell).stdout
    for word in ["datagen", "num-envs", "scripted", "pick_place", "train.lr="]:
        assert word in script
    if any(os.access(f"{folder}/{shell}", os.X_OK) for folder in os.environ["PATH"].split(":")):
        (tmp_path / "script").write_text(script)
        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)


def complete(simscale, tmp_path, words):
    """What bash offers for the last word."""
    (tmp_path / "completion.bash").write_text(simscale("completion", "bash").stdout)
    array = " ".join(f"'{word}'" for word in words)
    result = subprocess.run(
        ["bash", "--norc", "-c", f"""
compopt() {{ :; }}
. ./completion.bash
COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}
_simscale
printf '%s\\n' "${{COMPREPLY[@]}}" """],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )  # fmt: skip
    return result.stdout.split()


def test_bash_completes(simscale, tmp_path):
    assert complete(simscale, tmp_path, ["simscale", "da"]) == ["datagen", "data"]
    assert complete(simscale, tmp_path, ["simscale", "data", "re"]) == ["replay"]
    assert complete(simscale, tmp_path, ["simscale", "eval", "--n-"]) == ["--n-episodes"]
    assert complete(simscale, tmp_path, ["simscale", "eval", "--env-name", "pi"]) == ["pick_place"]
    assert complete(simscale, tmp_path, ["simscale", "datagen", "--policy", "scr"]) == ["scripted"]
    assert complete(simscale, tmp_path, ["simscale", "train", "train.lr"]) == ["train.lr=", "train.lr_min="]


@pytest.fixture
def small_run(simscale):
    """A dataset and a policy trained on it for a moment, in the test's folder."""
    simscale("datagen", "--env-name", "reach", "--n-episodes", 20, "--output", "reach.h5")
    simscale(*SMALL_TRAINING)


SMALL_TRAINING = [
    *["train", "--dataset", "reach.h5", "--checkpoint-dir", "run", "--max-steps", 60],
    *["--batch-size", 32, "train.warmup_steps=10", "train.eval_every=30", "train.eval_episodes=8"],
]


def test_from_demonstrations_to_a_policy(simscale, small_run, tmp_path):
    info = json.loads(simscale("data", "info", "reach.h5", "--json", "-").stdout)
    assert (info["env"], info["episodes"], info["successes"]) == ("reach", 20, 20)
    assert "20 episodes" in simscale("data", "stats", "reach.h5").stdout
    assert simscale("data", "check", "reach.h5").stdout.startswith("reach.h5: ok: 20 episodes")
    replay = json.loads(simscale("data", "replay", "--verify", "reach.h5", "--json", "-").stdout)
    assert replay["verified"] is True
    assert replay["exact_steps"] == replay["steps"] == info["steps"]

    # The task comes from the checkpoint, and neither environments nor threads change a bit.
    one = json.loads(simscale("eval", "run", "--n-episodes", 8, "--num-envs", 1, "--json", "-").stdout)
    many = json.loads(simscale("eval", "run/best", "--n-episodes", 8, "--json", "-").stdout)
    assert one["env"] == "reach"
    assert one["policy"] == "bc"
    assert one["episodes"] == many["episodes"]
    assert one["checkpoint"]["weights_hash"] == many["checkpoint"]["weights_hash"]

    policy = json.loads(
        simscale(
            *["bench", "policy", "run", "--calls", 50, "--json", "-"],
            *["--batch", 2, "--save-call", "call.json"],
        ).stdout
    )
    call = json.loads((tmp_path / "call.json").read_text())
    assert call["batch"] == 2
    assert len(call["observations"]["ee_pos"]) == 2 * 3
    assert len(call["actions"]) == 2 * 4
    assert 0 < policy["p10_us"] <= policy["median_us"] <= policy["p90_us"]

    result = simscale("eval", "run", "--env-name", "pick_place", exit_code=2)
    assert "this policy was trained on the task 'reach', not on 'pick_place'" in result.stderr
    result = simscale(*SMALL_TRAINING, exit_code=2)
    assert "--resume" in result.stderr
    assert "--overwrite" in result.stderr
    simscale(*SMALL_TRAINING, "--resume")


def test_merge_keeps_every_episode(simscale):
    for seed in [1, 2]:
        simscale(
            *["datagen", "--env-name", "reach", "--n-episodes", 3],
            *["--seed", seed, "--output", f"{seed}.h5"],
        )
    simscale("data", "merge", "all.h5", "1.h5", "2.h5")
    assert json.loads(simscale("data", "info", "all.h5", "--json", "-").stdout)["episodes"] == 6
    result = simscale("data", "merge", "all.h5", "1.h5", exit_code=2)
    assert "all.h5: exists. Replace it by --overwrite" in result.stderr
    result = simscale("datagen", "--env-name", "reach", "--output", "1.h5", exit_code=2)
    assert "1.h5: exists. Go on with it by --resume" in result.stderr
    simscale("data", "merge", "--overwrite", "all.h5", "1.h5")
    assert json.loads(simscale("data", "info", "all.h5", "--json", "-").stdout)["episodes"] == 3
