#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/sim/model.h"

namespace simscale::sim {

struct ControllerConfig {
  std::string type = "ee_delta";    ///< ee_delta, joint_position or actuators
  std::string ee_site = "ee";       ///< the end effector's site
  std::string gripper = "gripper";  ///< the gripper's actuator; "": none, and no action for it
  /// What deltas add to. "measured": the measured position, so that the motion is a function of
  /// what can be observed, and stays calm under a proportional feedback of gain up to 1 (a
  /// component of exactly zero holds the last command). "target": the last command, which is
  /// followed to the end; a feedback on measured positions must then know its own commands (naive
  /// ones oscillate from a gain of 0.4 on: the arm lags its command by 60 ms).
  std::string reference = "measured";

  // ee_delta
  double position_scale = 0.05;  ///< m a control step at action 1
  bool yaw = false;              ///< adds a yaw component to the action
  double yaw_scale = 0.2;        ///< rad a control step at action 1
  double yaw_limit = 1.6;        ///< rad, either way from the hand's x axis along the world's
  double lead_limit = 0.15;      ///< m, of the commanded position before the measured one
  std::vector<double> workspace_low = {0.25, -0.45, 0.012};  ///< m, of the commanded position
  std::vector<double> workspace_high = {0.75, 0.45, 0.7};
  int ik_iterations = 4;
  double orientation_weight = 0.02;  ///< m of position error that one rad of tilt counts as
  double ik_damping = 0.015;         ///< lambda of damped least squares
  double posture_gain = 0.05;  ///< share of the way to the home posture, in the null space, a step
  double max_joint_step = 0.25;  ///< rad a control step, of each commanded joint

  // joint_position
  std::vector<std::string>
      joints;  ///< which, in this order; empty: those between world and ee_site
  std::string joint_mode =
      "delta";               ///< delta: action times joint_scale; absolute: over the joint's range
  double joint_scale = 0.1;  ///< rad or m a control step at action 1
  double joint_lead_limit = 0.3;  ///< rad or m, of the commanded joint before the measured one

  // actuators
  std::vector<std::string> actuators;       ///< which, in this order; empty: all of the model's
  std::string action_range = "normalized";  ///< normalized: -1 .. 1 spans ctrlrange; or ctrlrange

  void Describe(config::Fields& f);
  void Validate() const;
};

/// Turns an action into MuJoCo's ctrl, once a control step. Const and shared by all environments;
/// what it remembers of one environment lies in the caller's `state`, which is saved and restored
/// with the physics. Reads of the data qpos alone, so that a restored state goes on with the same
/// bits. No allocation in Reset and Apply; each thread passes a scratch. The model that they get is
/// the environment's own, which may differ from the one that the controller was made for in numbers
/// (domain randomisation), never in what exists; kinematics and ranges are the latter's.
///
/// ee_delta: dx, dy, dz [, dyaw] [, gripper]. The commanded position moves by position_scale times
/// the action and stays within the workspace box and lead_limit of the measured position; the hand
/// points down, as far as the arm reaches (position goes before orientation), turned by the
/// commanded yaw. joint_position: one component a joint (hinge or slide), named after it
/// [, gripper]. The gripper's component is absolute: -1 closed (the low end of its actuator's
/// range), 1 open. actuators: one component an actuator, named after it; its ctrl, or -1 .. 1 for
/// its ctrlrange. Components out of their range are clipped unless the component is the ctrl itself
/// (MuJoCo then clamps the force, not the number); one that is not a number commands no change.
class Controller {
 public:
  virtual ~Controller() = default;
  int action_dim() const { return static_cast<int>(action_names().size()); }
  virtual const std::vector<std::string>& action_names() const = 0;  ///< "dx", ..., "gripper"
  /// The range of component i. Beyond it an action is clipped, if clips_action().
  virtual double action_low(int /*i*/) const { return -1; }
  virtual double action_high(int /*i*/) const { return 1; }
  virtual bool clips_action() const { return true; }
  virtual int state_dim() const = 0;
  virtual int scratch_dim() const = 0;  ///< doubles
  /// After the physics was reset and forwarded: writes the start state and ctrl.
  virtual void Reset(const mjModel* model, mjData* data, std::span<double> state) const = 0;
  /// Before the substeps of a control step: reads data, updates state, writes data->ctrl.
  virtual void Apply(const mjModel* model, mjData* data, std::span<const double> action_A,
                     std::span<double> state, std::span<double> scratch) const = 0;
};

/// Throws UserError if the model lacks the joints, actuators or sites that the type needs, or if
/// they don't suit it (a motor where a position actuator is wanted, an actuator without a range).
std::unique_ptr<Controller> MakeController(const ControllerConfig& config, const Model& model);

}  // namespace simscale::sim
