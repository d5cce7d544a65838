#pragma once

#include <mujoco/mujoco.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace simscale::sim {

/// A compiled MuJoCo model that many environments and threads share, read only.
class Model {
 public:
  /// Takes ownership. Throws UserError if null.
  explicit Model(mjModel* model);
  const mjModel* get() const { return model_.get(); }
  const mjModel* operator->() const { return model_.get(); }
  /// SHA-256 of the model's binary form (mj_saveModel).
  const std::string& hash() const { return hash_; }

  /// Ids by name; throw UserError that names the nearest and the known names.
  int Id(mjtObj type, const std::string& name) const;
  int JointQposAddress(const std::string& joint) const;
  int JointDofAddress(const std::string& joint) const;

 private:
  std::shared_ptr<const mjModel> model_;
  std::string hash_;
};

/// One simulation's state. Moves, does not copy.
class Data {
 public:
  explicit Data(const Model& model);
  mjData* get() const { return data_.get(); }
  mjData* operator->() const { return data_.get(); }

 private:
  std::unique_ptr<mjData, void (*)(mjData*)> data_;
};

/// MuJoCo's integration state (mjSTATE_INTEGRATION: time, qpos, qvel, act, warm start, ctrl,
/// applied forces, mocap, user data, plugin state): what mj_step depends on, bit for bit.
int StateSize(const Model& model);
void GetState(const Model& model, const Data& data, std::span<double> state);
/// Sets it and runs mj_step1, so that positions, velocities and contacts derived from it are valid.
/// Stepping on gives the same bits as the original went on with.
void SetState(const Model& model, Data& data, std::span<const double> state);

/// Whether qpos, qvel and qacc are all finite and below 1e10 (MuJoCo's mjMAXVAL); the message names
/// the first bad entry and its joint.
bool IsFinite(const Model& model, const Data& data, std::string* what = nullptr);

/// MuJoCo's errors become simscale::Error thrown from the call, its warnings go to the log (once a
/// kind), and its reset on bad numbers is off. Called by Model's constructor; call it before other
/// MuJoCo calls. Idempotent.
void InstallMujocoHandlers();

}  // namespace simscale::sim
