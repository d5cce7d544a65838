#include "simscale/sim/controllers.h"
#include "simscale/sim/joint_drive.h"

namespace simscale::sim {
namespace {

/// State: the commanded position of each joint.
class JointPosition final : public Controller {
 public:
  JointPosition(const ControllerConfig& config, const Model& model)
      : config_(config),
        joints_(config.joints.empty() ? FindJointDrivesTo(model, config.ee_site)
                                      : FindJointDrives(model, config.joints)),
        gripper_(model, config.gripper),
        measured_reference_(config.reference == "measured"),
        absolute_(config.joint_mode == "absolute") {
    for (const JointDrive& joint : joints_) {
      names_.push_back(joint.name);
      if (absolute_ && !std::isfinite(joint.lower + joint.upper))
        ThrowUser("controller.joint_mode absolute spans each joint's range, but joint '",
                  joint.name, "' has none and its actuator no ctrlrange. Say delta.");
    }
    if (gripper_.present()) names_.emplace_back("gripper");
  }
  const std::vector<std::string>& action_names() const override { return names_; }
  int state_dim() const override { return static_cast<int>(joints_.size()); }
  int scratch_dim() const override { return 0; }

  void Reset(const mjModel* /*model*/, mjData* data, std::span<double> state) const override {
    for (size_t i = 0; i < joints_.size(); ++i) {
      state[i] = data->qpos[joints_[i].qpos];
      data->ctrl[joints_[i].ctrl] = joints_[i].ctrl_unit * state[i];
    }
    gripper_.Reset(data);
  }

  void Apply(const mjModel* /*model*/, mjData* data, std::span<const double> action,
             std::span<double> state, std::span<double> /*scratch*/) const override {
    for (size_t i = 0; i < joints_.size(); ++i) {
      const JointDrive& joint = joints_[i];
      double measured = data->qpos[joint.qpos];
      double q = measured_reference_ && std::isfinite(measured) ? measured : state[i];
      if (!absolute_) {
        q += config_.joint_scale * ClipAction(action[i]);
        // A joint that is held back must not gather a command that it later springs to.
        if (std::isfinite(measured))
          q = std::clamp(q, measured - config_.joint_lead_limit,
                         measured + config_.joint_lead_limit);
      } else if (!std::isnan(action[i])) {
        q = joint.lower + (joint.upper - joint.lower) * (ClipAction(action[i]) + 1) / 2;
      }
      state[i] = std::clamp(q, joint.lower, joint.upper);
      data->ctrl[joint.ctrl] = joint.ctrl_unit * state[i];
    }
    if (gripper_.present()) gripper_.Apply(action[joints_.size()], data);
  }

 private:
  ControllerConfig config_;
  std::vector<JointDrive> joints_;
  Gripper gripper_;
  bool measured_reference_, absolute_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Controller> MakeJointPosition(const ControllerConfig& config, const Model& model) {
  return std::make_unique<JointPosition>(config, model);
}

}  // namespace simscale::sim
