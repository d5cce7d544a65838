#pragma once

// The controllers behind MakeController; private to sim.

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/sim/arm.h"
#include "simscale/sim/controller.h"

namespace simscale::sim {

inline double ClipAction(double a) { return std::isnan(a) ? 0.0 : std::clamp(a, -1.0, 1.0); }

/// model.Id with the configuration's field before the message.
inline int IdFor(const Model& model, mjtObj type, const std::string& name, const char* field,
                 const char* way_out = "") {
  try {
    return model.Id(type, name);
  } catch (const UserError& error) {
    ThrowUser(field, ": ", error.what(), way_out);
  }
}

/// The gripper's actuator: its place in ctrl and the controls for closed and open.
class Gripper {
 public:
  Gripper(const Model& model, const std::string& actuator) {
    if (actuator.empty()) return;
    id_ = IdFor(model, mjOBJ_ACTUATOR, actuator, "controller.gripper",
                " Say \"\" for a robot without a gripper.");
    if (!model->actuator_ctrllimited[id_])
      ThrowUser("the gripper's actuator '", actuator, "' needs a ctrlrange: closed .. open");
    closed_ = model->actuator_ctrlrange[2 * id_];
    open_ = model->actuator_ctrlrange[2 * id_ + 1];
    int key = StartKeyframe(model.get());
    home_ = key >= 0 ? model->key_ctrl[key * model->nu + id_] : open_;
  }
  bool present() const { return id_ >= 0; }
  void Reset(mjData* data) const {
    if (present()) data->ctrl[id_] = home_;
  }
  void Apply(double action, mjData* data) const {
    if (!std::isnan(action))
      data->ctrl[id_] = closed_ + (open_ - closed_) * (ClipAction(action) + 1) / 2;
  }

 private:
  int id_ = -1;
  double closed_ = 0, open_ = 0, home_ = 0;
};

std::unique_ptr<Controller> MakeEeDelta(const ControllerConfig& config, const Model& model);
std::unique_ptr<Controller> MakeJointPosition(const ControllerConfig& config, const Model& model);
std::unique_ptr<Controller> MakeActuators(const ControllerConfig& config, const Model& model);

}  // namespace simscale::sim
