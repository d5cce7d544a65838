// Randomisation of how an episode starts (after the reset terms) and of what happens to it: initial
// positions and velocities, pushes, distractors.

#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/randomization/terms.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;
using Operation = Distribution::Operation;

std::string NoScalarJoint(const mjModel* m, int joint) {
  return m->jnt_type[joint] == mjJNT_HINGE || m->jnt_type[joint] == mjJNT_SLIDE
             ? ""
             : "is neither a hinge nor a slide joint";
}

class JointState : public SelectedTerm {
 public:
  using Params = JointPatterns;
  JointState(const Params& params, const Model& model)
      : SelectedTerm(Select(model, mjOBJ_JOINT, "joints", params.joints,
                            [&](int id) { return NoScalarJoint(model.get(), id); })) {}
  Target target() const override { return Target::kState; }
  std::vector<Operation> operations() const override {
    return {Operation::kAdd, Operation::kSet, Operation::kScale};
  }
};

class InitialJointPosition : public JointState {
 public:
  using JointState::JointState;
  void Read(const mjModel* m, const mjData* data, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i) values[i] = data->qpos[m->jnt_qposadr[ids()[i]]];
  }
  void WriteState(std::span<const double> values, const mjModel* m, mjData* data) const override {
    for (size_t i = 0; i < ids().size(); ++i) {
      const int id = ids()[i];
      double& q = data->qpos[m->jnt_qposadr[id]];
      q = values[i];
      if (m->jnt_limited[id]) q = std::clamp(q, m->jnt_range[2 * id], m->jnt_range[2 * id + 1]);
    }
  }
};

class InitialJointVelocity : public JointState {
 public:
  using JointState::JointState;
  void Read(const mjModel* m, const mjData* data, std::span<double> values) const override {
    for (size_t i = 0; i < ids().size(); ++i) values[i] = data->qvel[m->jnt_dofadr[ids()[i]]];
  }
  void WriteState(std::span<const double> values, const mjModel* m, mjData* data) const override {
    for (size_t i = 0; i < ids().size(); ++i) data->qvel[m->jnt_dofadr[ids()[i]]] = values[i];
  }
};

Selection Placeable(const Model& model, const std::string& key,
                    const std::vector<std::string>& names) {
  return Select(model, mjOBJ_BODY, key, names,
                [&](int id) { return PosePlace::Refusal(model.get(), id); });
}

struct PlaceAxesParams {
  std::vector<std::string> bodies;
  std::string axes = "xy";
  void Describe(Fields& f) {
    DescribePatterns(f, "bodies", bodies);
    f.Field("axes", axes, {.help = "of the world: some of x, y, z"});
  }
};

class InitialBodyPosition : public AxesTerm {
 public:
  using Params = PlaceAxesParams;
  InitialBodyPosition(const Params& params, const Model& model)
      : AxesTerm(Placeable(model, "bodies", params.bodies), "axes", params.axes, "xyz") {
    for (const int id : ids()) places_.emplace_back(model.get(), id);
  }
  Target target() const override { return Target::kState; }
  std::vector<Operation> operations() const override { return {Operation::kAdd, Operation::kSet}; }
  void Read(const mjModel*, const mjData* data, std::span<double> values) const override {
    for (size_t i = 0; i < values.size(); ++i) values[i] = Place(i).position(data)[Axis(i)];
  }
  void WriteState(std::span<const double> values, const mjModel*, mjData* data) const override {
    for (size_t i = 0; i < values.size(); ++i) Place(i).position(data)[Axis(i)] = values[i];
  }

 private:
  const PosePlace& Place(size_t value) const { return places_[value / axes().size()]; }
  int Axis(size_t value) const { return axes()[value % axes().size()]; }
  std::vector<PosePlace> places_;
};

double YawOf(const double* q) {
  return std::atan2(2 * (q[0] * q[3] + q[1] * q[2]), 1 - 2 * (q[2] * q[2] + q[3] * q[3]));
}

class InitialBodyYaw : public SelectedTerm {
 public:
  using Params = BodyPatterns;
  InitialBodyYaw(const Params& params, const Model& model)
      : SelectedTerm(Placeable(model, "bodies", params.bodies)) {
    for (const int id : ids()) places_.emplace_back(model.get(), id);
  }
  Target target() const override { return Target::kState; }
  std::vector<Operation> operations() const override { return {Operation::kAdd, Operation::kSet}; }
  void Read(const mjModel*, const mjData* data, std::span<double> values) const override {
    for (size_t i = 0; i < places_.size(); ++i) values[i] = YawOf(places_[i].quaternion(data));
  }
  void WriteState(std::span<const double> values, const mjModel*, mjData* data) const override {
    for (size_t i = 0; i < places_.size(); ++i) {
      double* q = places_[i].quaternion(data);
      const double half = (values[i] - YawOf(q)) / 2;
      const double turn[4] = {std::cos(half), 0, 0, std::sin(half)};
      mju_mulQuat(q, turn, std::array{q[0], q[1], q[2], q[3]}.data());
    }
  }

 private:
  std::vector<PosePlace> places_;
};

struct PushParams {
  std::vector<std::string> bodies;
  std::string kind = "force";
  std::string axes = "xy";
  double duration = 0.1;
  void Describe(Fields& f) {
    DescribePatterns(f, "bodies", bodies);
    f.Field("kind", kind,
            {.help = "force (N) or torque (Nm) for a while, or a sudden change of velocity (m/s)",
             .choices = {"force", "torque", "velocity"}});
    f.Field("axes", axes, {.help = "of the world: some of x, y, z"});
    f.Field("duration", duration,
            {.help = "of a force or torque", .unit = "s", .min = 0, .max = 1e4});
  }
};

class Push : public AxesTerm {
 public:
  using Params = PushParams;
  Push(const Params& params, const Model& model)
      : AxesTerm(Select(model, mjOBJ_BODY, "bodies", params.bodies,
                        [&](int id) { return Refusal(params, model.get(), id); }),
                 "axes", params.axes, "xyz"),
        velocity_(params.kind == "velocity"),
        offset_(params.kind == "torque" ? 3 : 0),
        duration_(velocity_ ? 0 : params.duration) {
    if (velocity_) {
      for (const int id : ids()) dofs_.push_back(PosePlace(model.get(), id).dof);
    }
  }
  Target target() const override { return Target::kForce; }
  std::vector<Operation> operations() const override { return {Operation::kSet}; }
  double hold_seconds() const override { return duration_; }
  void Read(const mjModel*, const mjData*, std::span<double> values) const override {
    std::ranges::fill(values, 0.0);
  }
  void ClearForces(mjData* data) const override {
    if (velocity_) return;
    for (const int id : ids()) std::fill_n(data->xfrc_applied + 6 * id + offset_, 3, 0.0);
  }
  bool AddForces(std::span<const double> samples, bool one_for_all, const mjModel*,
                 mjData* data) const override {
    const size_t components = axes().size();
    for (size_t k = 0; k < ids().size(); ++k) {
      double* to = velocity_ ? data->qvel + dofs_[k] : data->xfrc_applied + 6 * ids()[k] + offset_;
      for (size_t c = 0; c < components; ++c) {
        to[axes()[c]] += samples[one_for_all ? c : k * components + c];
      }
    }
    return velocity_;
  }

 private:
  static std::string Refusal(const Params& params, const mjModel* m, int body) {
    if (m->body_dofnum[m->body_weldid[body]] == 0) return "can't be pushed: it does not move";
    if (params.kind == "velocity" && PosePlace(m, body).dof < 0) {
      return "can't be given a velocity: it has no free joint";
    }
    return "";
  }
  bool velocity_;
  int offset_;
  double duration_;
  std::vector<int> dofs_;
};

struct DistractorParams {
  std::vector<std::string> bodies = {"distractor*"};
  std::vector<double> x = {0.3, 0.7}, y = {-0.4, 0.4};
  double z = 0.02;
  std::vector<std::string> away_from;
  double min_distance = 0.08;
  void Describe(Fields& f) {
    DescribePatterns(f, "bodies", bodies);
    f.Field("x", x, {.help = "uniform range", .unit = "m", .size = 2});
    f.Field("y", y, {.help = "uniform range", .unit = "m", .size = 2});
    f.Field("z", z, {.help = "height of their centres", .unit = "m"});
    f.Field("away_from", away_from, {.help = "free bodies or markers to keep clear of"});
    f.Field("min_distance", min_distance,
            {.help = "least horizontal distance from those and from one another",
             .unit = "m",
             .min = 0});
  }
  void Validate() const {
    for (const auto* range : {&x, &y}) {
      if ((*range)[0] > (*range)[1]) {
        ThrowUser(range == &x ? "x" : "y", " must be [low, high] with low <= high, got [",
                  (*range)[0], ", ", (*range)[1], "]");
      }
    }
  }
};

/// Values: how many are shown, then where the first, the second, ... would stand.
class Distractors : public RandomizationTerm {
 public:
  using Params = DistractorParams;
  Distractors(const Params& params, const Model& model)
      : params_(params), selection_(Placeable(model, "bodies", params.bodies)) {
    for (const int id : selection_.ids) {
      if (model->body_mocapid[id] < 0) {
        ThrowUser("bodies: '", mj_id2name(model.get(), mjOBJ_BODY, id),
                  "' must be a marker: distractors are seen, not touched");
      }
      places_.emplace_back(model.get(), id);
    }
    if (params.away_from.empty()) return;
    for (const int id : Placeable(model, "away_from", params.away_from).ids) {
      others_.emplace_back(model.get(), id);
    }
  }
  Target target() const override { return Target::kState; }
  int elements() const override { return 1 + 2 * static_cast<int>(places_.size()); }
  std::string element_label(int element) const override {
    if (element == 0) return "count";
    const auto i = static_cast<size_t>(element - 1);
    return selection_.labels[i / 2] + (i % 2 == 0 ? ".x" : ".y");
  }
  std::vector<Operation> operations() const override { return {Operation::kSet}; }
  bool integer() const override { return true; }
  std::vector<double> default_range() const override {
    return {0, static_cast<double>(places_.size())};
  }
  std::optional<DistributionConfig> own_distribution(int value) const override {
    DistributionConfig config;
    config.range = value % 2 == 1 ? params_.x : params_.y;
    config.operation = "set";
    return config;
  }
  void Read(const mjModel*, const mjData*, std::span<double> values) const override {
    std::ranges::fill(values, 0.0);
  }
  void WriteState(std::span<const double> values, const mjModel*, mjData* data) const override {
    for (const PosePlace& place : places_) Hide(place, data);
    for (size_t i = 0; i < places_.size() && static_cast<double>(i) < values[0]; ++i) {
      TryToPlace(i, values[1 + 2 * i], values[2 + 2 * i], data);
    }
  }

 private:
  // Below any floor.
  static void Hide(const PosePlace& place, mjData* data) { place.position(data)[2] = -100; }

  /// At (x, y) or, where that is too near to something, at the next of a sequence of places that
  /// fills the range evenly (Roberts's R2) from there; hidden if none of them is free.
  void TryToPlace(size_t i, double x, double y, mjData* data) const {
    constexpr int kTries = 32;
    const auto wrap = [](double v, const std::vector<double>& range) {
      const double width = range[1] - range[0];
      return width > 0 ? range[0] + std::fmod(v - range[0], width) : range[0];
    };
    double* position = places_[i].position(data);
    for (int k = 0; k < kTries; ++k) {
      position[0] = wrap(x + k * 0.7548776662466927 * (params_.x[1] - params_.x[0]), params_.x);
      position[1] = wrap(y + k * 0.5698402909980532 * (params_.y[1] - params_.y[0]), params_.y);
      if (IsFree(i, position, data)) {
        position[2] = params_.z;
        return;
      }
    }
    Hide(places_[i], data);
  }
  bool IsFree(size_t i, const double* position, const mjData* data) const {
    const auto near = [&](const PosePlace& place) {
      const double* other = place.position(data);
      return std::hypot(position[0] - other[0], position[1] - other[1]) < params_.min_distance;
    };
    for (size_t j = 0; j < i; ++j) {
      if (places_[j].position(data)[2] > -100 && near(places_[j])) return false;
    }
    return std::ranges::none_of(others_, near);
  }

  Params params_;
  Selection selection_;
  std::vector<PosePlace> places_, others_;
};

}  // namespace

void AddStateRandomization(RandomizationTypes& types) {
  AddTerm<InitialJointPosition>(types, "initial_joint_position",
                                "joint positions at the start, rad or m, kept within limits");
  AddTerm<InitialJointVelocity>(types, "initial_joint_velocity",
                                "joint velocities at the start, rad/s or m/s");
  AddTerm<InitialBodyPosition>(types, "initial_body_position",
                               "where free bodies and markers start, m");
  AddTerm<InitialBodyYaw>(types, "initial_body_yaw",
                          "how free bodies and markers are turned about the vertical, rad");
  AddTerm<Push>(types, "push", "forces, torques or kicks on bodies at intervals");
  AddTerm<Distractors>(types, "distractors",
                       "markers that stand around: how many, and where; the others are hidden");
}

}  // namespace simscale::env
