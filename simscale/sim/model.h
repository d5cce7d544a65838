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
  explicit Data(const Model& model) : Data(model.get()) {}
  explicit Data(const mjModel* model);
  mjData* get() const { return data_.get(); }
  mjData* operator->() const { return data_.get(); }

 private:
  std::unique_ptr<mjData, void (*)(mjData*)> data_;
};

/// MuJoCo's integration state (mjSTATE_INTEGRATION: time, qpos, qvel, act, warm start, ctrl,
/// applied forces, mocap, user data, plugin state): what mj_step depends on, bit for bit.
int StateSize(const mjModel* model);
void GetState(const mjModel* model, const mjData* data, std::span<double> state);
/// What SetState derives from the state: what mj_step1 computes (positions, velocities, contacts;
/// to go on with mj_step2), or all that mj_forward does (accelerations and sensors too; mj_step).
enum class Refresh { kStep1, kForward };
/// Sets it and derives the rest. Stepping on gives the same bits as the original went on with.
void SetState(const mjModel* model, mjData* data, std::span<const double> state,
              Refresh refresh = Refresh::kStep1);

/// Whether qpos, qvel and qacc are all finite and below 1e10 (MuJoCo's mjMAXVAL); the message names
/// the first bad entry and its joint.
bool IsFinite(const mjModel* model, const mjData* data, std::string* what = nullptr);

/// The same with the model that all environments share.
inline int StateSize(const Model& model) { return StateSize(model.get()); }
inline void GetState(const Model& model, const Data& data, std::span<double> state) {
  GetState(model.get(), data.get(), state);
}
inline void SetState(const Model& model, Data& data, std::span<const double> state,
                     Refresh refresh = Refresh::kStep1) {
  SetState(model.get(), data.get(), state, refresh);
}
inline bool IsFinite(const Model& model, const Data& data, std::string* what = nullptr) {
  return IsFinite(model.get(), data.get(), what);
}

/// The keyframe that an episode starts from: the one named "home"; -1 if the model has none, which
/// means mj_resetData's state (qpos0, no control).
int StartKeyframe(const mjModel* model);
/// mj_resetDataKeyframe to that keyframe, or mj_resetData.
void ResetToStart(const mjModel* model, mjData* data);
inline void ResetToStart(const mjModel* model, mjData* data, int keyframe) {
  if (keyframe >= 0)
    mj_resetDataKeyframe(model, data, keyframe);
  else
    mj_resetData(model, data);
}

/// MuJoCo's errors become simscale::Error thrown from the call, its warnings go to the log (once a
/// kind), and its reset on bad numbers is off. Called by Model's constructor; call it before other
/// MuJoCo calls. Idempotent.
void InstallMujocoHandlers();

/// While it lives, this thread's MuJoCo warnings are kept here and not logged. Not nested.
class CapturedWarnings {
 public:
  CapturedWarnings();
  ~CapturedWarnings();
  CapturedWarnings(const CapturedWarnings&) = delete;
  CapturedWarnings& operator=(const CapturedWarnings&) = delete;
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  std::vector<std::string> messages_;
};

}  // namespace simscale::sim
