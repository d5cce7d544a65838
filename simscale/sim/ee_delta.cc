#include <array>

#include "simscale/sim/controllers.h"

namespace simscale::sim {
namespace {

using Vec3 = Arm::Vec3;
using Mat3 = Arm::Mat3;
using Joints = Arm::Joints;
using Rows = std::array<Joints, 3>;  ///< a 3 x joints matrix

double Dot(const Joints& a, const Joints& b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/// x = (J J^T + damping^2 I)^-1 b by Cholesky.
Vec3 SolveDamped(const Rows& jacobian, size_t n, double damping, const Vec3& b) {
  double l00, l10, l11, l20, l21, l22, d2 = damping * damping;
  const Rows& j = jacobian;
  l00 = std::sqrt(Dot(j[0], j[0], n) + d2);
  l10 = Dot(j[1], j[0], n) / l00;
  l20 = Dot(j[2], j[0], n) / l00;
  l11 = std::sqrt(Dot(j[1], j[1], n) + d2 - l10 * l10);
  l21 = (Dot(j[2], j[1], n) - l20 * l10) / l11;
  l22 = std::sqrt(Dot(j[2], j[2], n) + d2 - l20 * l20 - l21 * l21);
  double y0 = b[0] / l00, y1 = (b[1] - l10 * y0) / l11, y2 = (b[2] - l20 * y0 - l21 * y1) / l22;
  double x2 = y2 / l22, x1 = (y1 - l21 * x2) / l11, x0 = (y0 - l10 * x1 - l20 * x2) / l00;
  return {x0, x1, x2};
}

/// dq += J^T (J J^T + damping^2 I)^-1 (e - J dq): the smallest change of dq that serves this task.
void Serve(const Rows& jacobian, size_t n, double damping, const Vec3& error, Joints& dq) {
  Vec3 rest;
  for (size_t r = 0; r < 3; ++r) rest[r] = error[r] - Dot(jacobian[r], dq, n);
  Vec3 x = SolveDamped(jacobian, n, damping, rest);
  for (size_t i = 0; i < n; ++i)
    dq[i] += jacobian[0][i] * x[0] + jacobian[1][i] * x[1] + jacobian[2][i] * x[2];
}

/// Projects the rows of `task` onto the null space of `above`: the higher task is left alone.
Rows Below(const Rows& above, size_t n, const Rows& task) {
  constexpr double kRidge = 1e-4;  // keeps the projection finite where `above` loses rank
  Rows result = task;
  for (Joints& row : result) {
    Vec3 along = {Dot(above[0], row, n), Dot(above[1], row, n), Dot(above[2], row, n)};
    Vec3 x = SolveDamped(above, n, kRidge, along);
    for (size_t i = 0; i < n; ++i)
      row[i] -= above[0][i] * x[0] + above[1][i] * x[1] + above[2][i] * x[2];
  }
  return result;
}

/// State: commanded position (3), commanded yaw, commanded joints.
///
/// Differential inverse kinematics with task priorities (Siciliano and Slotine 1991; damping after
/// Nakamura and Hanafusa 1986): position first, orientation in its null space, posture in the null
/// space of both. Each joint stays within its range and max_joint_step of the last command; one
/// that would leave is set to its bound and the rest is solved again without it.
class EeDelta final : public Controller {
 public:
  EeDelta(const ControllerConfig& config, const Model& model)
      : config_(config),
        arm_(model, config.ee_site),
        gripper_(model, config.gripper),
        measured_reference_(config.reference == "measured"),
        n_(static_cast<size_t>(arm_.num_joints())) {
    names_ = {"dx", "dy", "dz"};
    if (config.yaw) names_.emplace_back("dyaw");
    if (gripper_.present()) names_.emplace_back("gripper");
    Data home(model);
    if (model->nkey > 0) mj_resetDataKeyframe(model.get(), home.get(), 0);
    arm_.ReadQpos(home.get(), posture_);
  }
  const std::vector<std::string>& action_names() const override { return names_; }
  int state_dim() const override { return 4 + arm_.num_joints(); }
  int scratch_dim() const override { return 0; }

  void Reset(mjData* data, std::span<double> state) const override {
    Joints q{};
    arm_.ReadQpos(data, q);
    Arm::Pose pose;
    arm_.Forward(q, pose);
    for (size_t k = 0; k < 3; ++k) state[k] = pose.pos[k];
    state[3] = std::clamp(YawOf(pose.rot), -config_.yaw_limit, config_.yaw_limit);
    for (size_t i = 0; i < n_; ++i) state[4 + i] = q[i];
    arm_.WriteCtrl(q, data);
    gripper_.Reset(data);
  }

  void Apply(mjData* data, std::span<const float> action, std::span<double> state,
             std::span<double> /*scratch*/) const override {
    Joints measured{}, q{};
    arm_.ReadQpos(data, measured);
    Arm::Pose pose;
    arm_.Forward(measured, pose);
    MoveTarget(action, pose, state);
    for (size_t i = 0; i < n_; ++i) q[i] = state[4 + i];
    SolveIk({state[0], state[1], state[2]}, DownTurned(state[3]), q);
    for (size_t i = 0; i < n_; ++i) state[4 + i] = q[i];
    arm_.WriteCtrl(q, data);
    if (gripper_.present()) gripper_.Apply(action[names_.size() - 1], data);
  }

 private:
  /// The hand's orientation when it points down (its z along -z) with its x axis at this yaw.
  static Mat3 DownTurned(double yaw) {
    double c = std::cos(yaw), s = std::sin(yaw);
    return {c, s, 0, s, -c, 0, 0, 0, -1};
  }
  static double YawOf(const Mat3& rot) { return std::atan2(rot[3], rot[0]); }

  void MoveTarget(std::span<const float> action, const Arm::Pose& measured,
                  std::span<double> state) const {
    bool finite = std::isfinite(measured.pos[0] + measured.pos[1] + measured.pos[2]);
    double distance2 = 0;
    for (size_t k = 0; k < 3; ++k) {
      double from = measured_reference_ && finite ? measured.pos[k] : state[k];
      state[k] = std::clamp(from + config_.position_scale * ClipAction(action[k]),
                            config_.workspace_low[k], config_.workspace_high[k]);
      distance2 += (state[k] - measured.pos[k]) * (state[k] - measured.pos[k]);
    }
    // An arm that is held back must not gather a command that it later springs to. (False if not
    // finite.)
    if (distance2 > config_.lead_limit * config_.lead_limit) {
      double scale = config_.lead_limit / std::sqrt(distance2);
      for (size_t k = 0; k < 3; ++k)
        state[k] = measured.pos[k] + scale * (state[k] - measured.pos[k]);
    }
    if (config_.yaw) {
      double from = measured_reference_ && finite ? YawOf(measured.rot) : state[3];
      state[3] = std::clamp(from + config_.yaw_scale * ClipAction(action[3]), -config_.yaw_limit,
                            config_.yaw_limit);
    }
  }

  void SolveIk(const Vec3& position, const Mat3& rotation, Joints& q) const {
    Joints low{}, high{};
    for (size_t i = 0; i < n_; ++i) {
      low[i] = std::max(arm_.lower()[i], q[i] - config_.max_joint_step);
      high[i] = std::max(low[i], std::min(arm_.upper()[i], q[i] + config_.max_joint_step));
    }
    for (int iteration = 0; iteration < config_.ik_iterations; ++iteration) {
      Arm::Pose pose;
      arm_.Forward(q, pose);
      Vec3 ep, eo = RotationError(pose.rot, rotation);
      for (size_t k = 0; k < 3; ++k) ep[k] = position[k] - pose.pos[k];
      // The posture's pull disturbs the tasks to second order; later iterations mend that.
      double posture = iteration == 0 ? config_.posture_gain : 0;
      double error = std::abs(ep[0]) + std::abs(ep[1]) + std::abs(ep[2]) + std::abs(eo[0]) +
                     std::abs(eo[1]) + std::abs(eo[2]);
      constexpr double kDone = 1e-6;  // m and rad
      if (iteration > 0 && error < kDone) return;
      Step(pose, ep, eo, posture, low, high, q);
    }
  }

  void Step(const Arm::Pose& pose, const Vec3& ep, const Vec3& eo, double posture,
            const Joints& low, const Joints& high, Joints& q) const {
    Rows linear{}, angular{};
    for (size_t i = 0; i < n_; ++i) {
      Vec3 arm{};
      for (size_t k = 0; k < 3; ++k) arm[k] = pose.pos[k] - pose.anchor[i][k];
      Vec3 v = Cross(pose.axis[i], arm);
      for (size_t k = 0; k < 3; ++k) linear[k][i] = v[k], angular[k][i] = pose.axis[i][k];
    }
    Joints fixed{};  // the change of the joints that reached a bound
    std::array<bool, Arm::kMaxJoints> bound{};
    Joints dq{};
    for (size_t pass = 0; pass <= n_; ++pass) {
      Vec3 p = ep, o = eo;
      for (size_t i = 0; i < n_; ++i)
        if (bound[i])
          for (size_t k = 0; k < 3; ++k) {
            p[k] -= linear[k][i] * fixed[i];
            o[k] -= angular[k][i] * fixed[i];
          }
      Rows free_linear = linear, free_angular = angular;
      for (size_t i = 0; i < n_; ++i)
        if (bound[i])
          for (size_t k = 0; k < 3; ++k) free_linear[k][i] = free_angular[k][i] = 0;
      dq = Solve(free_linear, free_angular, p, o, posture, q, bound);
      bool changed = false;
      for (size_t i = 0; i < n_; ++i) {
        if (bound[i]) continue;
        double wanted = q[i] + dq[i], allowed = std::clamp(wanted, low[i], high[i]);
        if (wanted != allowed) bound[i] = changed = true, fixed[i] = allowed - q[i];
      }
      if (!changed) break;
    }
    for (size_t i = 0; i < n_; ++i)
      q[i] = std::clamp(q[i] + (bound[i] ? fixed[i] : dq[i]), low[i], high[i]);
  }

  Joints Solve(const Rows& linear, const Rows& angular, const Vec3& ep, const Vec3& eo,
               double posture, const Joints& q,
               const std::array<bool, Arm::kMaxJoints>& bound) const {
    Joints dq{};
    Rows angular_below = Below(linear, n_, angular);
    // Lowest first: each higher task then corrects what those below did to it.
    if (posture > 0) {
      for (size_t i = 0; i < n_; ++i) dq[i] = bound[i] ? 0 : posture * (posture_[i] - q[i]);
    }
    Serve(linear, n_, config_.ik_damping, ep, dq);
    // Orientation acts through its projected rows, so that the position is left as it is.
    Vec3 rest;
    for (size_t r = 0; r < 3; ++r) rest[r] = eo[r] - Dot(angular[r], dq, n_);
    Vec3 x = SolveDamped(angular_below, n_, config_.ik_damping * kAngularDamping, rest);
    for (size_t i = 0; i < n_; ++i)
      dq[i] += angular_below[0][i] * x[0] + angular_below[1][i] * x[1] + angular_below[2][i] * x[2];
    return dq;
  }

  // Where orientation and position compete (the arm nearly stretched), the orientation yields
  // early: larger damping there keeps the joints calm.
  static constexpr double kAngularDamping = 3.0;

  ControllerConfig config_;
  Arm arm_;
  Gripper gripper_;
  bool measured_reference_;
  size_t n_;
  Joints posture_{};
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Controller> MakeEeDelta(const ControllerConfig& config, const Model& model) {
  return std::make_unique<EeDelta>(config, model);
}

}  // namespace simscale::sim
