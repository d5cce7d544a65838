#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/sim/model.h"

namespace simscale::sim {

struct ControllerConfig {
  std::string type = "ee_delta";  ///< ee_delta or joint_position
  double position_scale = 0.05;   ///< m a control step at action 1
  bool yaw = false;               ///< adds a yaw component to the action
  double yaw_scale = 0.2;         ///< rad a control step at action 1
  // ... further fields (damping, posture gain, lead limit, workspace) are declared in Describe.
  void Describe(config::Fields& f);
  void Validate() const;
};

/// Turns an action in [-1, 1]^A into MuJoCo's ctrl, once a control step. Const and shared by all
/// environments; what it remembers of one environment lies in the caller's `state`, which is saved
/// and restored with the physics. No allocation in Reset and Apply; each thread passes a scratch.
class Controller {
 public:
  virtual ~Controller() = default;
  int action_dim() const { return static_cast<int>(action_names().size()); }
  virtual const std::vector<std::string>& action_names() const = 0;  ///< "dx", ..., "gripper"
  virtual int state_dim() const = 0;
  virtual int scratch_dim() const = 0;  ///< doubles
  /// After the physics was reset and forwarded: writes the start state and ctrl.
  virtual void Reset(mjData* data, std::span<double> state) const = 0;
  /// Before the substeps of a control step: reads data, updates state, writes data->ctrl.
  virtual void Apply(mjData* data, std::span<const float> action_A, std::span<double> state,
                     std::span<double> scratch) const = 0;
};

/// Throws UserError if the model lacks the joints, actuators or sites that the type needs.
std::unique_ptr<Controller> MakeController(const ControllerConfig& config, const Model& model);

}  // namespace simscale::sim
