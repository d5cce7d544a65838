#include <limits>
#include <set>

#include "simscale/sim/controllers.h"

namespace simscale::sim {
namespace {

/// The actuators' own ctrl, whatever they are. No state.
class Actuators final : public Controller {
 public:
  Actuators(const ControllerConfig& config, const Model& model)
      : normalized_(config.action_range == "normalized") {
    const mjModel* m = model.get();
    if (m->nu == 0)
      ThrowUser("the controller actuators needs a model with an actuator, and this one has none");
    std::set<int> seen;
    for (const std::string& name : config.actuators) {
      ids_.push_back(IdFor(model, mjOBJ_ACTUATOR, name, "controller.actuators"));
      if (!seen.insert(ids_.back()).second)
        ThrowUser("controller.actuators names actuator '", name, "' twice");
    }
    if (ids_.empty())
      for (int i = 0; i < m->nu; ++i) ids_.push_back(i);
    for (int id : ids_) {
      names_.push_back(NameOf(m, id));
      const double* range = m->actuator_ctrlrange + 2 * static_cast<ptrdiff_t>(id);
      constexpr double kInf = std::numeric_limits<double>::infinity();
      bool limited = m->actuator_ctrllimited[id] != 0;
      if (normalized_ && !limited)
        ThrowUser("controller.action_range normalized spans each actuator's ctrlrange, but '",
                  names_.back(), "' has none. Give it one, or say ctrlrange.");
      low_.push_back(normalized_ ? -1 : limited ? range[0] : -kInf);
      high_.push_back(normalized_ ? 1 : limited ? range[1] : kInf);
    }
  }
  const std::vector<std::string>& action_names() const override { return names_; }
  double action_low(int i) const override { return low_[static_cast<size_t>(i)]; }
  double action_high(int i) const override { return high_[static_cast<size_t>(i)]; }
  bool clips_action() const override { return normalized_; }
  int state_dim() const override { return 0; }
  int scratch_dim() const override { return 0; }

  void Reset(const mjModel* /*model*/, mjData* /*data*/,
             std::span<double> /*state*/) const override {
    // The start's own ctrl stands until the first action.
  }

  void Apply(const mjModel* model, mjData* data, std::span<const double> action,
             std::span<double> /*state*/, std::span<double> /*scratch*/) const override {
    for (size_t i = 0; i < ids_.size(); ++i) {
      if (std::isnan(action[i])) continue;
      double ctrl = action[i];
      if (normalized_) {
        const double* range = model->actuator_ctrlrange + 2 * static_cast<ptrdiff_t>(ids_[i]);
        ctrl = range[0] + (range[1] - range[0]) * (ClipAction(ctrl) + 1) / 2;
      }
      data->ctrl[ids_[i]] = ctrl;
    }
  }

 private:
  /// An actuator without a name is called after the joint that it drives, as Gymnasium's files
  /// need.
  static std::string NameOf(const mjModel* m, int id) {
    if (const char* name = mj_id2name(m, mjOBJ_ACTUATOR, id)) return name;
    const char* joint = m->actuator_trntype[id] == mjTRN_JOINT
                            ? mj_id2name(m, mjOBJ_JOINT, m->actuator_trnid[2 * id])
                            : nullptr;
    return joint != nullptr ? joint : Cat("actuator", id);
  }

  bool normalized_;
  std::vector<int> ids_;
  std::vector<std::string> names_;
  std::vector<double> low_, high_;
};

}  // namespace

std::unique_ptr<Controller> MakeActuators(const ControllerConfig& config, const Model& model) {
  return std::make_unique<Actuators>(config, model);
}

}  // namespace simscale::sim
