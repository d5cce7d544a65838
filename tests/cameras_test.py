"""Cameras as observations, recorded pictures, and the renderer for models of the user's own."""

import json
import subprocess
import sys
from pathlib import Path

import gymnasium
import h5py
import mujoco
import numpy as np
import pytest
import simscaleai
from simscaleai.renderer import Renderer

SMALL = {"width": 32, "height": 24}
ALL_KINDS = ["rgb", "depth", "segmentation", "points"]


def pictures_of(num_envs, num_threads, steps=6, **settings):
    envs = simscaleai.make_vec("pick_place", num_envs=num_envs, num_threads=num_threads, **settings)
    observations, _ = envs.reset(seed=11)
    frames = [observations]
    rng = np.random.default_rng(3)
    actions = rng.uniform(-1, 1, (steps, 4, envs.single_action_space.shape[0])).astype(np.float32)
    for action in actions:
        frames.append(envs.step(action[:num_envs])[0])
    envs.close()
    return frames


def test_every_kind_has_its_space_and_fits_it():
    env = simscaleai.make_env("pick_place", cameras={"front": {**SMALL, "kinds": ALL_KINDS}})
    observation, _ = env.reset(seed=1)
    assert observation["front_rgb"].shape == (24, 32, 3) and observation["front_rgb"].dtype == np.uint8
    assert observation["front_depth"].shape == (24, 32) and observation["front_depth"].dtype == np.float32
    assert observation["front_segmentation"].shape == (24, 32, 2)
    assert observation["front_segmentation"].dtype == np.int32
    assert observation["front_points"].shape == (24 * 32, 7)
    assert env.observation_space.contains(observation)
    # Each point projects to its pixel's depth: the camera sees along its forward axis.
    seen = observation["front_segmentation"][..., 0].ravel() >= 0
    assert seen.any()
    points = observation["front_points"][seen]
    assert np.array_equal(points[:, 6], observation["front_segmentation"][..., 0].ravel()[seen])
    assert np.allclose(points[:, 3:6] * 255, observation["front_rgb"].reshape(-1, 3)[seen], atol=0.01)
    table = np.isclose(points[:, 2], 0, atol=1e-4)
    assert table.mean() > 0.1, "the table's top lies at z = 0"


def test_a_scene_camera_may_have_intrinsics():
    lens = {"name": "front", "pos": [1.55, 0, 0.78], "target": [0.36, 0, 0.26]}
    half = np.tan(np.radians(21))  # what fovy: 42 is, as a sensor of 2 m at focal length 1 / tan
    same = {**lens, "sensor_size": [2, 2], "focal_length": [1 / half, 1 / half]}
    off = {**same, "principal_point": [0.5, 0]}
    fovy, calibrated, shifted = (
        pictures_of(1, 1, 0, **{"scene.cameras": [camera]}, cameras={"front": {"width": 32, "height": 32}})[0]
        for camera in ({**lens, "fovy": 42}, same, off)
    )
    assert np.array_equal(fovy["front_rgb"], calibrated["front_rgb"])
    # A quarter of the sensor is 8 of 32 pixels.
    moved = shifted["front_rgb"][0][:, :-8].astype(int) - fovy["front_rgb"][0][:, 8:]
    assert np.abs(moved).mean() < 1 or (
        np.abs(shifted["front_rgb"][0][:, 8:].astype(int) - fovy["front_rgb"][0][:, :-8]).mean() < 1
    )


def test_pictures_do_not_depend_on_how_many_environments_or_threads():
    cameras = {"front": SMALL, "wrist": {**SMALL, "noise": 5.0, "delay": [0, 2]}}
    settings = {"cameras": cameras, "randomize": "full"}
    one = pictures_of(1, 1, **settings)
    many = pictures_of(4, 2, **settings)
    for a, b in zip(one, many, strict=True):
        for key in ("front_rgb", "wrist_rgb"):
            assert np.array_equal(a[key][0], b[key][0])
    assert not np.array_equal(many[-1]["front_rgb"][0], many[-1]["front_rgb"][1])


def test_a_camera_may_be_slow_and_late():
    plain = pictures_of(1, 1, cameras={"wrist": SMALL})
    slow = pictures_of(1, 1, cameras={"wrist": {**SMALL, "rate": 10}})  # of 20 Hz
    late = pictures_of(1, 1, cameras={"wrist": {**SMALL, "delay": [2, 2]}})
    for step, frame in enumerate(plain):
        key = "wrist_rgb"
        assert np.array_equal(slow[step][key], plain[step - step % 2][key])
        assert np.array_equal(late[step][key], plain[max(step - 2, 0)][key])
        if step > 0:
            assert not np.array_equal(frame[key], plain[step - 1][key])


def test_noise_is_as_strong_as_asked():
    clean = pictures_of(1, 1, 0, cameras={"front": SMALL})[0]["front_rgb"].astype(float)
    noisy = pictures_of(1, 1, 0, cameras={"front": {**SMALL, "noise": 8.0}})[0]["front_rgb"].astype(float)
    away_from_ends = (clean > 40) & (clean < 215)
    assert (noisy - clean)[away_from_ends].std() == pytest.approx(8, rel=0.1)
    assert abs((noisy - clean)[away_from_ends].mean()) < 1


def test_the_opengl_backend_sees_the_same():
    cameras = {"front": {**SMALL, "kinds": ["rgb", "depth", "segmentation"]}}
    ours = pictures_of(1, 1, 2, cameras=cameras)[-1]
    gl = pictures_of(1, 1, 2, cameras=cameras, rendering={"backend": "gl", "samples": 0})[-1]
    same = (ours["front_segmentation"] == gl["front_segmentation"]).all(-1)
    assert same.mean() >= 0.995
    assert (np.abs(ours["front_depth"] - gl["front_depth"])[same] < 1e-3).mean() >= 0.995
    assert np.abs(ours["front_rgb"].astype(int) - gl["front_rgb"]).mean() <= 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cameras": {"frnt": SMALL}}, "unknown camera 'frnt'. Did you mean 'front'?"),
        ({"cameras": {"front": {"width": 0}}}, "must be in 1 .. 4096"),
        ({"cameras": {"front": {"kinds": ["rbg"]}}}, "must be one of rgb, depth, segmentation, points"),
        ({"cameras": {"front": {"rate": 7}}}, "rate must be the control rate (20 Hz) or a whole part of it"),
        ({"cameras": {"front": {"delay": [3, 1]}}}, "delay must be [least, most]"),
        ({"cameras": {"front": SMALL}, "rendering": {"samples": 2}}, "samples must be 1 or 4"),
    ],
)
def test_wrong_settings_are_told_in_one_line(settings, message):
    with pytest.raises(ValueError) as error:
        simscaleai.make_env("pick_place", **settings)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_datagen_records_what_its_cameras_see(simscale, tmp_path):
    flags = ["--env-name", "reach", "--n-episodes", 3, "--cameras", "front,wrist"]
    size = ["task.cameras.front.width=40", "task.cameras.front.height=30"]
    told = simscale("datagen", *flags, "--output", "a.h5", *size, "--json", "-").stdout
    rows = ["--num-envs", 2, "--threads", 2]
    again = simscale("datagen", *flags, "--output", "b.h5", *size, *rows, "--json", "-")
    assert json.loads(told)["content_hash"] == json.loads(again.stdout)["content_hash"]
    with h5py.File(tmp_path / "a.h5") as file:
        front = file["episode_0/observations/front_rgb"]
        assert front.dtype == np.uint8 and front.shape[1:] == (30, 40, 3) and front.chunks[0] == 1
        assert file["data/demo_0/obs/wrist_rgb"].shape[1:] == (84, 84, 3)
        assert front[0].std() > 10
    simscale("data", "check", "a.h5")
    assert "bit for bit" in simscale("data", "replay", "--verify", "a.h5").stdout
    refused = simscale("datagen", *flags[:-1], "front,side", "--output", "c.h5", exit_code=2)
    assert "unknown camera 'side'" in refused.stderr


def test_a_policy_learns_from_pictures_and_is_evaluated_with_them(simscale, tmp_path):
    simscale("datagen", "--env-name", "reach", "--n-episodes", 6, "--cameras", "front", "--output", "d.h5",
             "task.cameras.front.width=32", "task.cameras.front.height=32")  # fmt: skip
    train = ["train", "--dataset", "d.h5", "--checkpoint-dir", "run", "--max-steps", 12]
    small = ["observations=[ee_pos]", "images=[front_rgb]", "train.batch_size=8", "train.eval_episodes=2"]
    simscale(*train, *small, "policy.bc.image.channels=[8, 8]", "policy.bc.image.kernels=[3, 3]",
             "policy.bc.image.strides=[2, 1]")  # fmt: skip
    first = json.loads(simscale("eval", "run", "--n-episodes", 4, "--json", "-").stdout)
    again = simscale("eval", "run", "--n-episodes", 4, "--num-envs", 3, "--threads", 2, "--json", "-")
    assert first["episodes"] == json.loads(again.stdout)["episodes"]
    other = simscale("eval", "run", "--env-name", "reach", "--n-episodes", 1, exit_code=2).stderr
    assert "reads the observation 'front_rgb', which this environment lacks" in other
    assert_python_plays_the_same(tmp_path / "run", first["episodes"])
    assert "us a call" in simscale("bench", "policy", "run", "--calls", 3).stdout
    missing = simscale(*train[:-3], "other", "--max-steps", 2, "images=[frnt_rgb]", exit_code=2).stderr
    assert "unknown picture 'frnt_rgb'. Did you mean 'front_rgb'?" in missing


def assert_python_plays_the_same(run: Path, episodes: list[dict]) -> None:
    policy = simscaleai.load_policy(run)
    assert policy.image_keys == {"front_rgb": (32, 32, 3)}
    env = simscaleai.make_env("reach", cameras={"front": {"width": 32, "height": 32}})
    for episode in episodes[:2]:
        observation, _ = env.reset(seed=episode["seed"] if episode is episodes[0] else None)
        policy.reset()
        total, length, ended = 0.0, 0, False
        while not ended:
            observation, reward, terminated, truncated, _ = env.step(policy.act(observation))
            total, length, ended = total + reward, length + 1, terminated or truncated
        assert (length, total) == (episode["length"], episode["return"])
    with pytest.raises(
        ValueError, match=r"'front_rgb' must have the shape \(32, 32, 3\) or \(N, 32, 32, 3\)"
    ):
        policy.act({**observation, "front_rgb": np.zeros((30, 32, 3), np.uint8)})
    with pytest.raises(ValueError, match="'front_rgb' is a picture and must be uint8, got float32"):
        policy.act({**observation, "front_rgb": np.zeros((32, 32, 3), np.float32)})


def test_render_draws_sheets_and_videos(simscale, tmp_path):
    flags = ["render", "reach", "--policy", "scripted", "--n-episodes", 2, "picture.backend=raster"]
    size = ["picture.width=64", "picture.height=48"]
    simscale(*flags, *size, "--out", "sheet.png", "--frames", 3)
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    simscale(*flags, *size, "--out", "grid.mp4")
    assert (tmp_path / "grid.mp4").stat().st_size > 1000
    assert "must end in .png or .mp4" in simscale(*flags, "--out", "x.gif", exit_code=2).stderr
    assert "nothing to draw" in simscale("render", "--out", "x.png", exit_code=2).stderr


MJCF = """<mujoco><worldbody><light pos="0 0 3"/><camera name="c" pos="0 -2 1" xyaxes="1 0 0 0 .5 1"/>
<geom type="plane" size="2 2 .1"/><body pos="0 0 .5"><freejoint/><geom size=".2" rgba="1 0 0 1"/></body>
</worldbody></mujoco>"""


def test_renderer_draws_any_model_as_mujoco_does():
    model = mujoco.MjModel.from_xml_string(MJCF)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = Renderer(model, 60, 80, samples=1, shadows=False)
    pictures = renderer.render(data, "c", kinds=("rgb", "depth", "segmentation"))
    assert pictures["rgb"].shape == (60, 80, 3) and pictures["depth"].shape == (60, 80)
    assert set(np.unique(pictures["segmentation"][..., 0])) == {-1, 0, 1}
    by_number = renderer.render(data, 0)["rgb"]
    assert np.array_equal(by_number, pictures["rgb"])
    out = {"rgb": np.zeros((60, 80, 3), np.uint8)}
    assert renderer.render(data, "c", out=out)["rgb"] is out["rgb"]
    assert np.array_equal(out["rgb"], by_number)
    assert not np.array_equal(renderer.render(data)["rgb"], by_number)
    with pytest.raises(ValueError, match="unknown kind of picture 'rbg'"):
        renderer.render(data, kinds=("rbg",))
    with pytest.raises(ValueError, match="camera 7: the model has 1 cameras"):
        renderer.render(data, 7)
    assert "raster" in repr(renderer)


def test_pictures_are_as_mujocos_on_random_states():
    likeness = Path(__file__).parent.parent / "bench/likeness.py"
    result = subprocess.run([sys.executable, likeness, "--states", "8"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("same id on") == 6


def test_gymnasium_checks_an_environment_with_cameras():
    from gymnasium.utils.env_checker import check_env

    env = gymnasium.make("SimScale/Reach-v0", cameras={"front": SMALL}, disable_env_checker=True)
    check_env(env.unwrapped, skip_render_check=True)
