"""Our ee_delta controller in NumPy: what simscale/sim/ee_delta.cc does, with MuJoCo's own kinematics.

As fast as Python gets: MuJoCo's bindings for forward kinematics, the Jacobian and the 6 x 6 systems, NumPy
for vectors of seven, plain floats for vectors of three, where NumPy's calls cost more than they compute.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

# ControllerConfig's defaults and assets/tasks/_panda.yaml.
POSITION_SCALE = 0.05
LEAD_LIMIT = 0.15
LOW, HIGH = (0.25, -0.45, 0.012), (0.75, 0.45, 0.7)
ITERATIONS = 4
ORIENTATION_WEIGHT = 0.02
DAMPING = 0.015
POSTURE_GAIN = 0.05
MAX_JOINT_STEP = 0.25
YAW_LIMIT = 1.6
RIDGE = 1e-5
DONE = 1e-6  # m, in sum
ARM = 7


class EeDelta:
    """Actions dx, dy, dz, gripper, added to the measured position. One environment's."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        self.site = model.site("ee").id
        joints = [model.joint(f"joint{i + 1}") for i in range(ARM)]
        if [int(j.qposadr[0]) for j in joints] != list(range(ARM)):
            raise ValueError("the arm's joints must come first in qpos")
        actuators = [int(model.actuator_trnid[i, 0]) for i in range(ARM)]
        if actuators != [j.id for j in joints]:
            raise ValueError("the arm's actuators must come first in ctrl")
        self.lower = np.array([j.range[0] for j in joints])
        self.upper = np.array([j.range[1] for j in joints])
        self.gripper = model.actuator("gripper").id
        self.closed, self.open = map(float, model.actuator_ctrlrange[self.gripper])
        self.home = model.key_qpos[0, :ARM].copy()
        self.home_gripper = float(model.key_ctrl[0, self.gripper])
        # Kinematics at commanded joints happen here, so that the simulation's data stays as it is.
        self.scratch = mujoco.MjData(model)
        self.q = self.scratch.qpos[:ARM]
        self.pos = self.scratch.site_xpos[self.site]
        self.rot = self.scratch.site_xmat[self.site]
        self.jac = np.zeros((6, model.nv))
        self.jac_pos, self.jac_rot = self.jac[:3], self.jac[3:]
        self.arm_jac = self.jac[:, :ARM]
        self.arm_jac_rot = self.jac[3:, :ARM]
        self.damping = DAMPING**2 * np.eye(6)
        self.ridge = RIDGE**2 * np.eye(6)  # keeps the null space's projection finite
        self.target = [0.0, 0.0, 0.0]
        self.command = np.empty(ARM)

    def reset(self, data: mujoco.MjData) -> None:
        """After the physics was reset and its positions are current."""
        self.target = data.site_xpos[self.site].tolist()
        rot = data.site_xmat[self.site]
        yaw = min(max(math.atan2(rot[3], rot[0]), -YAW_LIMIT), YAW_LIMIT)
        self.set_yaw(yaw)
        self.command[:] = data.qpos[:ARM]
        data.ctrl[:ARM] = self.command
        data.ctrl[self.gripper] = self.home_gripper

    def set_yaw(self, yaw: float) -> None:
        """The hand points down, turned by this."""
        c, s = math.cos(yaw), math.sin(yaw)
        self.goal_rot = np.array([[c, s, 0], [s, -c, 0], [0, 0, -1]])

    def apply(self, data: mujoco.MjData, action: list[float]) -> None:
        """Writes ctrl. The positions of data are current, so the measured hand is in it."""
        measured = data.site_xpos[self.site].tolist()
        self._move_target(action, measured)
        self._solve()
        data.ctrl[:ARM] = self.command
        data.ctrl[self.gripper] = self.closed + (self.open - self.closed) * (_clip(action[3]) + 1) / 2

    def _move_target(self, action: list[float], measured: list[float]) -> None:
        target = self.target
        distance2 = 0.0
        for k in range(3):
            delta = POSITION_SCALE * _clip(action[k])
            start = measured[k] if delta != 0 else target[k]
            target[k] = min(max(start + delta, LOW[k]), HIGH[k])
            distance2 += (target[k] - measured[k]) ** 2
        if distance2 > LEAD_LIMIT**2:
            scale = LEAD_LIMIT / math.sqrt(distance2)
            for k in range(3):
                target[k] = measured[k] + scale * (target[k] - measured[k])

    def _solve(self) -> None:
        command, q = self.command, self.q
        low = np.maximum(self.lower, command - MAX_JOINT_STEP)
        high = np.maximum(low, np.minimum(self.upper, command + MAX_JOINT_STEP))
        q[:] = command
        x, y, z = self.target
        for iteration in range(ITERATIONS):
            mujoco.mj_kinematics(self.model, self.scratch)
            px, py, pz = self.pos.tolist()
            tx, ty, tz = self._turn()
            w = ORIENTATION_WEIGHT
            error = [x - px, y - py, z - pz, w * tx, w * ty, w * tz]
            if iteration > 0 and sum(map(abs, error)) < DONE:
                break
            mujoco.mj_comPos(self.model, self.scratch)
            mujoco.mj_jacSite(self.model, self.scratch, self.jac_pos, self.jac_rot, self.site)
            self.arm_jac_rot *= w
            self._step(np.array(error), POSTURE_GAIN if iteration == 0 else 0.0, low, high)
        command[:] = q

    def _turn(self) -> tuple[float, float, float]:
        """The rotation vector from where the hand points to where it should."""
        r = (self.goal_rot @ self.rot.reshape(3, 3).T).tolist()
        vx, vy, vz = r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1]
        sine = math.sqrt(vx * vx + vy * vy + vz * vz) / 2
        angle = math.atan2(sine, (r[0][0] + r[1][1] + r[2][2] - 1) / 2)
        scale = angle / (2 * sine) if sine > 1e-9 else 0.5
        return scale * vx, scale * vy, scale * vz

    def _step(self, error: np.ndarray, posture: float, low: np.ndarray, high: np.ndarray) -> None:
        q, jac = self.q, self.arm_jac
        dq = self._unbounded(jac, error, posture * (self.home - q) if posture else None)
        wanted = q + dq
        allowed = np.minimum(np.maximum(wanted, low), high)
        if allowed.tolist() != wanted.tolist():
            allowed = self._bounded(jac.copy(), error, posture, low, high)
        q[:] = allowed

    def _unbounded(self, jac: np.ndarray, error: np.ndarray, pull: np.ndarray | None) -> np.ndarray:
        """Damped least squares; `pull` goes where the task leaves the joints free."""
        jj = jac @ jac.T
        forces = self._solved(jj + self.damping, error)
        if pull is None:
            return forces @ jac
        return pull + (forces - self._solved(jj + self.ridge, jac @ pull)) @ jac

    def _solved(self, matrix: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        # np.linalg.solve takes 7 us for this, these two together 1 us.
        mujoco.mju_cholFactor(matrix, 0)
        solution = np.empty(6)
        mujoco.mju_cholSolve(solution, matrix, rhs)
        return solution

    def _bounded(
        self, jac: np.ndarray, error: np.ndarray, posture: float, low: np.ndarray, high: np.ndarray
    ) -> np.ndarray:
        """The same where joints reach a bound: those are set to it, and the rest is solved again."""
        q = self.q
        bound = np.zeros(ARM, bool)
        fixed = np.zeros(ARM)
        for _ in range(ARM + 1):
            pull = np.where(bound, 0, posture * (self.home - q)) if posture else None
            dq = self._unbounded(jac, error, pull)
            wanted = q + dq
            allowed = np.minimum(np.maximum(wanted, low), high)
            new = ~bound & (wanted != allowed)
            if not new.any():
                break
            bound |= new
            fixed[new] = (allowed - q)[new]
            error = error - jac[:, new] @ fixed[new]
            jac[:, new] = 0
        return np.minimum(np.maximum(q + np.where(bound, fixed, dq), low), high)


def _clip(x: float) -> float:
    return min(max(x, -1.0), 1.0)
