#include "simscale/sim/controllers.h"

namespace simscale::sim {
namespace {

/// State: the commanded position of each joint.
class JointPosition final : public Controller {
 public:
  JointPosition(const ControllerConfig& config, const Model& model)
      : config_(config),
        arm_(model, config.ee_site),
        gripper_(model, config.gripper),
        measured_reference_(config.reference == "measured"),
        absolute_(config.joint_mode == "absolute") {
    for (int i = 0; i < arm_.num_joints(); ++i) names_.push_back(arm_.joint_name(i));
    if (gripper_.present()) names_.push_back("gripper");
  }
  const std::vector<std::string>& action_names() const override { return names_; }
  int state_dim() const override { return arm_.num_joints(); }
  int scratch_dim() const override { return 0; }

  void Reset(mjData* data, std::span<double> state) const override {
    Arm::Joints q{};
    arm_.ReadQpos(data, q);
    std::copy_n(q.begin(), state.size(), state.begin());
    arm_.WriteCtrl(q, data);
    gripper_.Reset(data);
  }

  void Apply(mjData* data, std::span<const float> action, std::span<double> state,
             std::span<double> /*scratch*/) const override {
    Arm::Joints measured{}, target{};
    arm_.ReadQpos(data, measured);
    auto n = static_cast<size_t>(arm_.num_joints());
    for (size_t i = 0; i < n; ++i) {
      double low = arm_.lower()[i], high = arm_.upper()[i];
      double q = measured_reference_ && std::isfinite(measured[i]) ? measured[i] : state[i];
      if (!absolute_) {
        q += config_.joint_scale * ClipAction(action[i]);
        // A joint that is held back must not gather a command that it later springs to.
        if (std::isfinite(measured[i]))
          q = std::clamp(q, measured[i] - config_.joint_lead_limit,
                         measured[i] + config_.joint_lead_limit);
      } else if (!std::isnan(action[i])) {
        q = low + (high - low) * (ClipAction(action[i]) + 1) / 2;
      }
      target[i] = state[i] = std::clamp(q, low, high);
    }
    arm_.WriteCtrl(target, data);
    if (gripper_.present()) gripper_.Apply(action[n], data);
  }

 private:
  ControllerConfig config_;
  Arm arm_;
  Gripper gripper_;
  bool measured_reference_, absolute_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Controller> MakeJointPosition(const ControllerConfig& config, const Model& model) {
  return std::make_unique<JointPosition>(config, model);
}

}  // namespace simscale::sim
