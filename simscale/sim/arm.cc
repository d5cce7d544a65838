#include "simscale/sim/arm.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "simscale/common/error.h"
#include "simscale/sim/controllers.h"

namespace simscale::sim {
namespace {

using Vec3 = Arm::Vec3;
using Mat3 = Arm::Mat3;

constexpr Mat3 kIdentity = {1, 0, 0, 0, 1, 0, 0, 0, 1};

Mat3 FromQuat(const mjtNum* quat) {
  Mat3 m;
  mju_quat2Mat(m.data(), quat);
  return m;
}

Vec3 Load(const mjtNum* v) { return {v[0], v[1], v[2]}; }

Mat3 AxisAngle(const Vec3& a, double angle) {  // Rodrigues' formula
  double s = std::sin(angle), c = std::cos(angle), t = 1 - c;
  return {t * a[0] * a[0] + c,        t * a[0] * a[1] - s * a[2], t * a[0] * a[2] + s * a[1],
          t * a[0] * a[1] + s * a[2], t * a[1] * a[1] + c,        t * a[1] * a[2] - s * a[0],
          t * a[0] * a[2] - s * a[1], t * a[1] * a[2] + s * a[0], t * a[2] * a[2] + c};
}

int ActuatorOf(const mjModel* m, int joint) {
  for (int i = 0; i < m->nu; ++i)
    if (m->actuator_trntype[i] == mjTRN_JOINT && m->actuator_trnid[2 * i] == joint) return i;
  ThrowUser("the controller needs an actuator for each joint of the arm; joint '",
            mj_id2name(m, mjOBJ_JOINT, joint), "' has none");
}

}  // namespace

Mat3 Multiply(const Mat3& a, const Mat3& b) {
  Mat3 c;
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      c[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
  return c;
}

Vec3 Rotate(const Mat3& a, const Vec3& v) {
  return {a[0] * v[0] + a[1] * v[1] + a[2] * v[2], a[3] * v[0] + a[4] * v[1] + a[5] * v[2],
          a[6] * v[0] + a[7] * v[1] + a[8] * v[2]};
}

Vec3 Cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

Vec3 RotationError(const Mat3& from, const Mat3& to) {
  Mat3 transposed = {from[0], from[3], from[6], from[1], from[4],
                     from[7], from[2], from[5], from[8]};
  Mat3 r = Multiply(to, transposed);
  Vec3 v = {r[7] - r[5], r[2] - r[6], r[3] - r[1]};  // 2 sin(angle) axis
  double sine = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) / 2;
  double cosine = (r[0] + r[4] + r[8] - 1) / 2;
  double angle = std::atan2(sine, cosine);
  // Near a half turn the axis is ill-defined; any direction of turning is then as good.
  double scale = sine > 1e-9 ? angle / (2 * sine) : 0.5;
  return {scale * v[0], scale * v[1], scale * v[2]};
}

Arm::Arm(const Model& model, const std::string& site) {
  const mjModel* m = model.get();
  int id = IdFor(model, mjOBJ_SITE, site, "controller.ee_site");
  std::vector<int> bodies;  // from the world down
  for (int b = m->site_bodyid[id]; b > 0; b = m->body_parentid[b]) bodies.push_back(b);
  std::reverse(bodies.begin(), bodies.end());

  Vec3 pos{};
  Mat3 rot = kIdentity;  // since the last joint
  for (int b : bodies) {
    Vec3 step = Rotate(rot, Load(m->body_pos + 3 * static_cast<ptrdiff_t>(b)));
    for (size_t k = 0; k < 3; ++k) pos[k] += step[k];
    rot = Multiply(rot, FromQuat(m->body_quat + 4 * static_cast<ptrdiff_t>(b)));
    for (int j = m->body_jntadr[b]; j >= 0 && j < m->body_jntadr[b] + m->body_jntnum[b]; ++j) {
      const char* name = mj_id2name(m, mjOBJ_JOINT, j);
      if (m->jnt_type[j] != mjJNT_HINGE)
        ThrowUser("the controller drives arms of hinges; joint '", name != nullptr ? name : "?",
                  "' on the way to site '", site, "' is not one");
      if (num_joints_ == kMaxJoints)
        ThrowUser("the controller drives arms of at most ", kMaxJoints, " joints; site '", site,
                  "' has more above it");
      auto i = static_cast<size_t>(num_joints_++);
      links_[i] = {pos, rot, Load(m->jnt_axis + 3 * static_cast<ptrdiff_t>(j)),
                   Load(m->jnt_pos + 3 * static_cast<ptrdiff_t>(j)), m->qpos0[m->jnt_qposadr[j]]};
      bool limited = m->jnt_limited[j] != 0;
      lower_[i] = limited ? m->jnt_range[2 * j] : -2 * std::numbers::pi;
      upper_[i] = limited ? m->jnt_range[2 * j + 1] : 2 * std::numbers::pi;
      qpos_[i] = m->jnt_qposadr[j];
      ctrl_[i] = ActuatorOf(m, j);
      names_[i] = name != nullptr ? name : "";
      pos = {};
      rot = kIdentity;
    }
  }
  if (num_joints_ == 0) ThrowUser("the controller's site '", site, "' hangs on no joint");
  Vec3 step = Rotate(rot, Load(m->site_pos + 3 * static_cast<ptrdiff_t>(id)));
  for (size_t k = 0; k < 3; ++k) site_pos_[k] = pos[k] + step[k];
  site_rot_ = Multiply(rot, FromQuat(m->site_quat + 4 * static_cast<ptrdiff_t>(id)));
}

void Arm::Forward(const Joints& q, Pose& pose) const {
  Vec3 pos{};
  Mat3 rot = kIdentity;
  for (size_t i = 0; i < static_cast<size_t>(num_joints_); ++i) {
    const Link& link = links_[i];
    Vec3 step = Rotate(rot, link.pos);
    rot = Multiply(rot, link.rot);
    Vec3 to_anchor = Rotate(rot, link.anchor);
    for (size_t k = 0; k < 3; ++k) pose.anchor[i][k] = pos[k] + step[k] + to_anchor[k];
    pose.axis[i] = Rotate(rot, link.axis);
    rot = Multiply(rot, AxisAngle(link.axis, q[i] - link.reference));
    Vec3 back = Rotate(rot, link.anchor);
    for (size_t k = 0; k < 3; ++k) pos[k] = pose.anchor[i][k] - back[k];
  }
  Vec3 step = Rotate(rot, site_pos_);
  for (size_t k = 0; k < 3; ++k) pose.pos[k] = pos[k] + step[k];
  pose.rot = Multiply(rot, site_rot_);
}

void Arm::ReadQpos(const mjData* data, Joints& q) const {
  for (size_t i = 0; i < static_cast<size_t>(num_joints_); ++i) q[i] = data->qpos[qpos_[i]];
}

void Arm::WriteCtrl(const Joints& q, mjData* data) const {
  for (size_t i = 0; i < static_cast<size_t>(num_joints_); ++i) data->ctrl[ctrl_[i]] = q[i];
}

}  // namespace simscale::sim
