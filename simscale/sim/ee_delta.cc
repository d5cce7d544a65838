#include <array>

#include "simscale/sim/controllers.h"

namespace simscale::sim {
namespace {

using Vec3 = Arm::Vec3;
using Mat3 = Arm::Mat3;
using Joints = Arm::Joints;
constexpr size_t kN = Arm::kMaxJoints;  // joints past the arm's own are zero in all arrays
constexpr size_t kM = 6;                // rows of the task: position, then weighted orientation
using Task = std::array<double, kM>;
using Jacobian = std::array<Joints, kM>;

double Dot(const Joints& a, const Joints& b) {
  double sum = 0;
  for (size_t i = 0; i < kN; ++i) sum += a[i] * b[i];
  return sum;
}

/// (J J^T + damping^2 I)^-1 by Cholesky.
class Damped {
 public:
  Damped(const Jacobian& j, double damping) {
    for (size_t r = 0; r < kM; ++r)
      for (size_t c = 0; c <= r; ++c) {
        double sum = Dot(j[r], j[c]) + (r == c ? damping * damping : 0);
        for (size_t k = 0; k < c; ++k) sum -= l_[r][k] * l_[c][k];
        l_[r][c] = r == c ? 1 / std::sqrt(sum) : sum * l_[c][c];
      }
  }
  Task Solve(Task x) const {
    for (size_t r = 0; r < kM; ++r) {
      for (size_t k = 0; k < r; ++k) x[r] -= l_[r][k] * x[k];
      x[r] *= l_[r][r];
    }
    for (size_t r = kM; r-- > 0;) {
      for (size_t k = r + 1; k < kM; ++k) x[r] -= l_[k][r] * x[k];
      x[r] *= l_[r][r];
    }
    return x;
  }

 private:
  std::array<std::array<double, kM>, kM> l_;  ///< lower factor, its diagonal inverted
};

/// v += scale * J^T x.
void AddTransposed(const Jacobian& j, const Task& x, double scale, Joints& v) {
  for (size_t r = 0; r < kM; ++r)
    for (size_t i = 0; i < kN; ++i) v[i] += scale * x[r] * j[r][i];
}

/// State: commanded position (3), commanded yaw, commanded joints.
///
/// Differential inverse kinematics by damped least squares (Nakamura and Hanafusa 1986) on position
/// and weighted orientation, with the home posture in the null space. The weight is small: where
/// the arm can't reach a place with the hand pointing down, it tilts the hand rather than miss the
/// place, and where it can, both errors go to zero whatever the weight. Each joint stays within its
/// range and max_joint_step of the last command; one that would leave is set to its bound and the
/// rest is solved again without it.
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
    ResetToStart(model.get(), home.get());
    arm_.ReadQpos(home.get(), posture_);
  }
  const std::vector<std::string>& action_names() const override { return names_; }
  int state_dim() const override { return 4 + arm_.num_joints(); }
  int scratch_dim() const override { return 0; }

  void Reset(const mjModel* /*model*/, mjData* data, std::span<double> state) const override {
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

  void Apply(const mjModel* /*model*/, mjData* data, std::span<const double> action,
             std::span<double> state, std::span<double> /*scratch*/) const override {
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

  void MoveTarget(std::span<const double> action, const Arm::Pose& measured,
                  std::span<double> state) const {
    bool finite = std::isfinite(measured.pos[0] + measured.pos[1] + measured.pos[2]);
    double distance2 = 0;
    // A component of zero holds the last command: a loaded arm would sink if each step let the
    // command follow the sag (half a centimetre a second with a 50 g cube).
    for (size_t k = 0; k < 3; ++k) {
      double delta = config_.position_scale * ClipAction(action[k]);
      double from = measured_reference_ && finite && delta != 0 ? measured.pos[k] : state[k];
      state[k] = std::clamp(from + delta, config_.workspace_low[k], config_.workspace_high[k]);
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
      double delta = config_.yaw_scale * ClipAction(action[3]);
      double from = measured_reference_ && finite && delta != 0 ? YawOf(measured.rot) : state[3];
      state[3] = std::clamp(from + delta, -config_.yaw_limit, config_.yaw_limit);
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
      Vec3 turn = RotationError(pose.rot, rotation);
      Task error;
      double size = 0;
      for (size_t k = 0; k < 3; ++k) {
        error[k] = position[k] - pose.pos[k];
        error[3 + k] = config_.orientation_weight * turn[k];
        size += std::abs(error[k]) + std::abs(error[3 + k]);
      }
      constexpr double kDone = 1e-6;  // m, in sum
      if (iteration > 0 && size < kDone) return;
      // The posture's pull disturbs the task to second order; later iterations mend that.
      Step(pose, error, iteration == 0 ? config_.posture_gain : 0, low, high, q);
    }
  }

  void Step(const Arm::Pose& pose, Task error, double posture, const Joints& low,
            const Joints& high, Joints& q) const {
    Jacobian jacobian{};
    for (size_t i = 0; i < n_; ++i) {
      Vec3 arm{};
      for (size_t k = 0; k < 3; ++k) arm[k] = pose.pos[k] - pose.anchor[i][k];
      Vec3 linear = Cross(pose.axis[i], arm);
      for (size_t k = 0; k < 3; ++k) {
        jacobian[k][i] = linear[k];
        jacobian[3 + k][i] = config_.orientation_weight * pose.axis[i][k];
      }
    }
    Joints dq{}, fixed{};  // fixed: the change of the joints that reached a bound
    std::array<bool, kN> bound{};
    for (size_t pass = 0; pass <= n_; ++pass) {
      dq = {};
      AddTransposed(jacobian, Damped(jacobian, config_.ik_damping).Solve(error), 1, dq);
      if (posture > 0) {
        Joints pull{};
        for (size_t i = 0; i < n_; ++i)
          if (!bound[i]) pull[i] = posture * (posture_[i] - q[i]);
        Task moved;
        for (size_t r = 0; r < kM; ++r) moved[r] = Dot(jacobian[r], pull);
        constexpr double kRidge = 1e-5;  // keeps the projection finite where the task loses rank
        AddTransposed(jacobian, Damped(jacobian, kRidge).Solve(moved), -1, pull);
        for (size_t i = 0; i < n_; ++i) dq[i] += pull[i];
      }
      bool changed = false;
      for (size_t i = 0; i < n_; ++i) {
        if (bound[i]) continue;
        double wanted = q[i] + dq[i], allowed = std::clamp(wanted, low[i], high[i]);
        if (wanted == allowed) continue;
        bound[i] = changed = true;
        fixed[i] = allowed - q[i];
        for (size_t r = 0; r < kM; ++r) {  // its motion is given: out of the equations
          error[r] -= jacobian[r][i] * fixed[i];
          jacobian[r][i] = 0;
        }
      }
      if (!changed) break;
    }
    for (size_t i = 0; i < n_; ++i)
      q[i] = std::clamp(q[i] + (bound[i] ? fixed[i] : dq[i]), low[i], high[i]);
  }

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
