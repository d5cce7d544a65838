"""pick_place as a plain Python Gymnasium environment: our model, controller, observations and rewards.

Written to be a fair reference, as fast as Python with NumPy and MuJoCo's bindings gets: ten physics steps
are three calls, contacts are looked at once a step, observations are written into one array, `info` stays
empty, and no wrapper of gymnasium.make is around it. reference/panda_check.py checks it against recorded
episodes of ours: equal states, observations and rewards.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from reference.panda_ik import ARM, EeDelta

# assets/tasks/pick_place.yaml
FRAME_SKIP = 10
MAX_EPISODE_STEPS = 200
CUBE_X, CUBE_Y, CUBE_Z = (0.4, 0.65), (-0.25, 0.25), 0.02
TARGET_AWAY = 0.1
JOINT_NOISE = 0.02
NEAR = 0.03
PLACED_STEPS = 5

# Where each of our observation keys lies in the array.
KEYS = {
    "joint_pos": slice(0, 7),
    "joint_vel": slice(7, 14),
    "ee_pos": slice(14, 17),
    "ee_quat": slice(17, 21),
    "gripper_state": slice(21, 22),
    "object_pos": slice(22, 25),
    "object_quat": slice(25, 29),
    "target_pos": slice(29, 32),
}
SIZE = 32


class PandaPickPlace(gymnasium.Env):
    """observation: "box" is one array of 32 numbers, the quickest; "dict" has our keys."""

    def __init__(self, model: mujoco.MjModel | Path | str, observation: str = "box") -> None:
        if not isinstance(model, mujoco.MjModel):
            model = mujoco.MjModel.from_binary_path(str(model))
        self.model = model
        self.data = mujoco.MjData(model)
        self.controller = EeDelta(model)
        box = gymnasium.spaces.Box
        self.as_dict = observation == "dict"
        if self.as_dict:
            sizes = {key: where.stop - where.start for key, where in KEYS.items()}
            self.observation_space = gymnasium.spaces.Dict(
                {key: box(-np.inf, np.inf, (size,), np.float32) for key, size in sizes.items()}
            )
        else:
            self.observation_space = box(-np.inf, np.inf, (SIZE,), np.float32)
        self.action_space = box(-1.0, 1.0, (4,), np.float32)
        self.arm_limited = [(float(low), float(high)) for low, high in model.jnt_range[:ARM]]
        self.cube_body = model.body("cube").id
        self.fingers = (model.body("left_finger").id, model.body("right_finger").id)
        self.body_of = model.geom_bodyid
        # Views of the simulation's data: MuJoCo never moves it.
        data, cube = self.data, self.cube_body
        address = int(model.joint("cube_joint").qposadr[0])
        self.cube_qpos = data.qpos[address : address + 7]
        target = model.body("target")
        self.mocap_pos = data.mocap_pos[model.body_mocapid[target.id]]
        self.mocap_quat = data.mocap_quat[model.body_mocapid[target.id]]
        self.arm_pos, self.arm_vel = data.qpos[:ARM], data.qvel[:ARM]
        self.finger_pos = data.qpos[ARM : ARM + 2]
        self.ee_pos = data.site_xpos[self.controller.site]
        self.ee_rot = data.site_xmat[self.controller.site]
        self.ee_quat = np.empty(4)
        self.cube_pos, self.cube_quat = data.xpos[cube], data.xquat[cube]
        self.target_pos = data.xpos[target.id]
        self.steps = self.streak = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        data, uniform = self.data, self.np_random.uniform
        mujoco.mj_resetDataKeyframe(self.model, data, 0)
        noise = uniform(-JOINT_NOISE, JOINT_NOISE, ARM)
        limits = np.array(self.arm_limited)
        data.qpos[:ARM] = np.clip(data.qpos[:ARM] + noise, limits[:, 0], limits[:, 1])
        x, y = uniform(*CUBE_X), uniform(*CUBE_Y)
        self.cube_qpos[:] = _lying(x, y, uniform(-math.pi, math.pi))
        for _ in range(200):
            tx, ty = uniform(*CUBE_X), uniform(*CUBE_Y)
            if math.hypot(tx - x, ty - y) >= TARGET_AWAY:
                break
        self.mocap_pos[:] = tx, ty, CUBE_Z
        self.mocap_quat[:] = 1, 0, 0, 0
        mujoco.mj_step1(self.model, data)
        self.controller.reset(data)
        self.steps = self.streak = 0
        return self.observe(), {}

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict]:
        self.controller.apply(self.data, action.tolist())
        self.simulate()
        self.steps += 1
        reward, terminated = self.judge()
        return self.observe(), reward, terminated, self.steps >= MAX_EPISODE_STEPS and not terminated, {}

    def simulate(self) -> None:
        """Ten mj_step, begun in the middle: positions and contacts are current before and after."""
        mujoco.mj_step2(self.model, self.data)
        mujoco.mj_step(self.model, self.data, FRAME_SKIP - 1)
        mujoco.mj_step1(self.model, self.data)

    def judge(self) -> tuple[float, bool]:
        """The weighted sum of the task's rewards, and whether the episode ends."""
        cube = self.cube_pos.tolist()
        to_cube = math.dist(self.ee_pos.tolist(), cube)
        to_target = math.dist(cube, self.target_pos.tolist())
        touching = self.touching_fingers()
        self.streak = self.streak + 1 if to_target <= NEAR and touching == 0 else 0
        success = self.streak >= PLACED_STEPS
        reward = -1.0 - 0.2 * math.tanh(to_cube / 0.1)
        if touching == 2:
            reward += 0.2 + 0.2 * min(max((cube[2] - 0.02) / 0.08, 0.0), 1.0)
        if touching == 2 or to_target <= NEAR:
            reward += 0.6 * (1.0 - math.tanh(to_target / 0.1))
        if success:
            reward += 20.0
        return reward, success or cube[2] < -0.1

    def touching_fingers(self) -> int:
        cube, (left, right) = self.cube_body, self.fingers
        pairs = self.body_of[self.data.contact.geom].tolist()
        touches_left = [cube, left] in pairs or [left, cube] in pairs
        touches_right = [cube, right] in pairs or [right, cube] in pairs
        return int(touches_left) + int(touches_right)

    def observe(self) -> Any:
        out = np.empty(SIZE, np.float32)
        out[0:7] = self.arm_pos
        out[7:14] = self.arm_vel
        out[14:17] = self.ee_pos
        mujoco.mju_mat2Quat(self.ee_quat, self.ee_rot)
        out[17:21] = self.ee_quat
        left, right = self.finger_pos.tolist()
        out[21] = left + right
        out[22:25] = self.cube_pos
        out[25:29] = self.cube_quat
        out[29:32] = self.target_pos
        return {key: out[where] for key, where in KEYS.items()} if self.as_dict else out


def _lying(x: float, y: float, yaw: float) -> tuple[float, ...]:
    return x, y, CUBE_Z, math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)
