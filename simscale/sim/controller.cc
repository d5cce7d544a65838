#include "simscale/sim/controller.h"

#include <array>

#include "simscale/common/error.h"
#include "simscale/sim/controllers.h"

namespace simscale::sim {

void ControllerConfig::Describe(config::Fields& f) {
  f.Field("type", type,
          {.help = "what an action means: end-effector deltas, joint positions or actuators' ctrl",
           .choices = {"ee_delta", "joint_position", "actuators"}});
  f.Field("ee_site", ee_site, {.help = "the end effector's site in the model"});
  f.Field("gripper", gripper, {.help = "the gripper's actuator; empty: no gripper in the action"});
  f.Field("reference", reference,
          {.help = "deltas add to the last commanded target, or to what is measured",
           .choices = {"target", "measured"}});
  f.Field("position_scale", position_scale,
          {.help = "end-effector motion a control step at action 1",
           .unit = "m",
           .min = 1e-4,
           .max = 1});
  f.Field("yaw", yaw, {.help = "adds a yaw component to the action"});
  f.Field("yaw_scale", yaw_scale,
          {.help = "turn a control step at action 1", .unit = "rad", .min = 1e-4, .max = 3.2});
  f.Field("yaw_limit", yaw_limit,
          {.help = "yaw stays within +- this", .unit = "rad", .min = 0, .max = 3.1});
  f.Field("lead_limit", lead_limit,
          {.help = "most distance from the measured to the commanded position",
           .unit = "m",
           .min = 1e-3,
           .max = 10});
  f.Field("workspace_low", workspace_low,
          {.help = "low corner of the box of commanded positions", .unit = "m", .size = 3});
  f.Field("workspace_high", workspace_high,
          {.help = "high corner of the box of commanded positions", .unit = "m", .size = 3});
  f.Field("ik_iterations", ik_iterations,
          {.help = "differential inverse kinematics steps a control step", .min = 1, .max = 100});
  f.Field("orientation_weight", orientation_weight,
          {.help = "position error that one radian of tilt counts as, in inverse kinematics",
           .unit = "m",
           .min = 1e-4,
           .max = 10});
  f.Field("ik_damping", ik_damping,
          {.help = "damping of the least squares", .min = 1e-4, .max = 1});
  f.Field("posture_gain", posture_gain,
          {.help = "share of the way to the home posture a control step, in the null space",
           .min = 0,
           .max = 1});
  f.Field("max_joint_step", max_joint_step,
          {.help = "most motion of a commanded joint a control step",
           .unit = "rad",
           .min = 1e-3,
           .max = 3.2});
  f.Field("joints", joints,
          {.help = "joint_position: joints that it drives, in the action's order; empty: those "
                   "between the world and ee_site"});
  f.Field(
      "joint_mode", joint_mode,
      {.help = "joint_position: action adds joint_scale times itself, or spans the joint's range",
       .choices = {"delta", "absolute"}});
  f.Field("joint_scale", joint_scale,
          {.help = "joint motion a control step at action 1",
           .unit = "rad or m",
           .min = 1e-5,
           .max = 3.2});
  f.Field("joint_lead_limit", joint_lead_limit,
          {.help = "most distance from a measured to its commanded joint",
           .unit = "rad or m",
           .min = 1e-4,
           .max = 10});
  f.Field("actuators", actuators,
          {.help = "actuators: which ones, in the action's order; empty: all of the model's"});
  f.Field("action_range", action_range,
          {.help = "actuators: an action of -1 .. 1 spans the actuator's ctrlrange, or the action "
                   "is the ctrl itself",
           .choices = {"normalized", "ctrlrange"}});
}

void ControllerConfig::Validate() const {
  constexpr std::array<const char*, 3> kAxes = {"x", "y", "z"};
  for (size_t i = 0; i < 3; ++i)
    if (!(workspace_low[i] <= workspace_high[i]))
      ThrowUser("workspace_low must not lie above workspace_high, got ", kAxes[i], " ",
                workspace_low[i], " > ", workspace_high[i]);
}

std::unique_ptr<Controller> MakeController(const ControllerConfig& config, const Model& model) {
  config.Validate();
  if (config.type == "ee_delta") return MakeEeDelta(config, model);
  if (config.type == "joint_position") return MakeJointPosition(config, model);
  if (config.type == "actuators") return MakeActuators(config, model);
  std::vector<std::string> known = {"ee_delta", "joint_position", "actuators"};
  throw UserError(UnknownName("controller type", config.type, known));
}

}  // namespace simscale::sim
