#include "simscale/sim/scene_start.h"

#include <algorithm>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/sim/scene_parts.h"

namespace simscale::sim {
namespace {

int QposSize(int type) { return type == mjJNT_FREE ? 7 : type == mjJNT_BALL ? 4 : 1; }
int DofSize(int type) { return type == mjJNT_FREE ? 6 : type == mjJNT_BALL ? 3 : 1; }

std::vector<double> Numbers(const mjDoubleVec* from) {
  int n = 0;
  const double* values = mjs_getDouble(from, &n);
  return {values, values + n};
}

/// Their ids in the compiled model, in its order.
std::vector<int> Ids(const std::vector<mjsElement*>& elements) {
  std::vector<int> ids;
  for (const mjsElement* element : elements) ids.push_back(mjs_getId(element));
  std::sort(ids.begin(), ids.end());
  return ids;
}

/// The next n numbers of `from`, written to `to`.
void CopyNext(const std::vector<double>& from, size_t& next, int n, mjtNum* to) {
  for (int k = 0; k < n && next < from.size(); ++k) to[k] = from[next++];
}

/// The control that holds an actuator's position at `length`, if it is one that holds positions.
double HoldingCtrl(const mjModel* model, int actuator, double length) {
  double kp = model->actuator_gainprm[static_cast<ptrdiff_t>(actuator) * mjNGAIN];
  double bias = model->actuator_biasprm[static_cast<ptrdiff_t>(actuator) * mjNBIAS + 1];
  double ctrl = kp > 0 && bias < 0 ? -bias / kp * length : 0;
  const double* range = model->actuator_ctrlrange + 2 * static_cast<ptrdiff_t>(actuator);
  return model->actuator_ctrllimited[actuator] ? std::clamp(ctrl, range[0], range[1]) : ctrl;
}

}  // namespace

SceneStart::SceneStart(mjSpec* robot, const SceneConfig& config, std::string file)
    : file_(std::move(file)) {
  const std::string wanted = config.keyframe.empty() ? "home" : config.keyframe;
  std::vector<std::string> known;
  for (mjsElement* element : Elements(robot, mjOBJ_KEY)) {
    known.emplace_back(mjs_getString(mjs_getName(element)));
    if (known.back() == wanted) TakeKeyframe(mjs_asKey(element));
  }
  if (!config.keyframe.empty() && !given_)
    ThrowUser("scene.keyframe: ", file_, " has ", UnknownName("keyframe", config.keyframe, known));
  bool fits = config.attachments.empty() && config.objects.empty() && config.markers.empty();
  keep_ = fits && wanted == "home" && config.home_qpos.empty();
  joints_ = Elements(robot, mjOBJ_JOINT);
  actuators_ = Elements(robot, mjOBJ_ACTUATOR);
}

void SceneStart::TakeKeyframe(mjsKey* key) {
  given_ = true;
  qpos_ = Numbers(key->qpos);
  qvel_ = Numbers(key->qvel);
  act_ = Numbers(key->act);
  ctrl_ = Numbers(key->ctrl);
}

void SceneStart::AddKeyframe(mjSpec* spec, const SceneConfig& config) {
  if (!config.home_qpos.empty()) {
    given_ = from_config_ = true;
    qpos_ = config.home_qpos;
    qvel_ = act_ = ctrl_ = {};
    joints_ = Elements(spec, mjOBJ_JOINT);
  }
  int nq = 0;
  for (mjsElement* element : joints_) nq += QposSize(mjs_asJoint(element)->type);
  if (from_config_ && static_cast<int>(qpos_.size()) != nq)
    ThrowUser("scene.home_qpos must have ", nq, " numbers for ", file_, ", got ", qpos_.size(),
              ". Give one a joint, or [] for the robot's own.");
  if (keep_) return;
  if (given_ && !qpos_.empty() && static_cast<int>(qpos_.size()) != nq)
    ThrowUser(file_, ": its keyframe must have ", nq, " numbers in qpos, got ", qpos_.size());
  for (mjsElement* element : Elements(spec, mjOBJ_KEY)) mjs_delete(spec, element);
  spec->nkey = 0;
  if (given_) SetName(mjs_addKey(spec)->element, "home");
}

void SceneStart::CheckRange(const mjModel* model, int joint, double q) const {
  const double* range = model->jnt_range + 2 * static_cast<ptrdiff_t>(joint);
  constexpr double kSlack = 1e-9;  // a joint may rest on its limit
  if (!model->jnt_limited[joint] || (q >= range[0] - kSlack && q <= range[1] + kSlack)) return;
  const char* name = mj_id2name(model, mjOBJ_JOINT, joint);
  ThrowUser("scene.home_qpos[", model->jnt_qposadr[joint], "] must be in the range of ",
            name != nullptr ? name : Cat("joint ", joint), ", ", range[0], " .. ", range[1],
            ", got ", q);
}

void SceneStart::CheckQuaternion(const mjModel* model, int joint, const mjtNum* qpos) {
  const int first = model->jnt_qposadr[joint] + (model->jnt_type[joint] == mjJNT_FREE ? 3 : 0);
  if (mju_norm(qpos + first, 4) > 1e-6) return;
  const char* name = mj_id2name(model, mjOBJ_JOINT, joint);
  ThrowUser("scene.home_qpos[", first, "] .. [", first + 3, "] must be a quaternion, that of ",
            name != nullptr ? name : Cat("joint ", joint), ", got [0, 0, 0, 0]. Say [1, 0, 0, 0].");
}

void SceneStart::SetQpos(mjModel* model, int key) const {
  mjtNum* qpos = model->key_qpos + static_cast<ptrdiff_t>(key) * model->nq;
  mjtNum* qvel = model->key_qvel + static_cast<ptrdiff_t>(key) * model->nv;
  size_t next_qpos = 0, next_qvel = 0;
  for (int joint : Ids(joints_)) {
    int type = model->jnt_type[joint];
    CopyNext(qpos_, next_qpos, QposSize(type), qpos + model->jnt_qposadr[joint]);
    CopyNext(qvel_, next_qvel, DofSize(type), qvel + model->jnt_dofadr[joint]);
    if (!from_config_) continue;
    if (type == mjJNT_FREE || type == mjJNT_BALL)
      CheckQuaternion(model, joint, qpos);
    else
      CheckRange(model, joint, qpos[model->jnt_qposadr[joint]]);
  }
}

void SceneStart::Fill(mjModel* model) const {
  int key = StartKeyframe(model);
  if (key < 0) return;
  mjtNum* ctrl = model->key_ctrl + static_cast<ptrdiff_t>(key) * model->nu;
  if (!keep_) SetQpos(model, key);
  if (keep_ && !ctrl_.empty()) return;
  std::unique_ptr<mjData, void (*)(mjData*)> data(mj_makeData(model), mj_deleteData);
  mj_resetDataKeyframe(model, data.get(), key);
  mj_fwdPosition(model, data.get());
  for (int i = 0; i < model->nu; ++i) ctrl[i] = HoldingCtrl(model, i, data->actuator_length[i]);
  if (keep_) return;
  mjtNum* act = model->key_act + static_cast<ptrdiff_t>(key) * model->na;
  size_t next_ctrl = 0, next_act = 0;
  for (int i : Ids(actuators_)) {
    CopyNext(ctrl_, next_ctrl, 1, ctrl + i);
    if (model->actuator_actadr[i] >= 0)
      CopyNext(act_, next_act, model->actuator_actnum[i], act + model->actuator_actadr[i]);
  }
}

}  // namespace simscale::sim
