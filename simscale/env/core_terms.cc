// The terms that any task can use. Each declares its parameters once; the term library's listing
// and the strict reading of task files follow from that.

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/frame.h"
#include "simscale/env/term.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

// --- Observations -------------------------------------------------------------------------------

struct JointListParams {
  std::vector<std::string> joints;
  void Describe(Fields& f) {
    f.Field("joints", joints, {.help = "names of hinge or slide joints, in this order"});
  }
};

std::vector<int> JointIds(const Model& model, const std::vector<std::string>& names) {
  if (names.empty()) ThrowUser("joints: at least one joint is needed, got none");
  std::vector<int> ids;
  for (const std::string& name : names) {
    const int id = model.Id(mjOBJ_JOINT, name);
    if (model->jnt_type[id] != mjJNT_HINGE && model->jnt_type[id] != mjJNT_SLIDE) {
      ThrowUser("joints: '", name, "' is neither a hinge nor a slide joint");
    }
    ids.push_back(id);
  }
  return ids;
}

/// One number of mjData a joint: `array` at the joint's place `address` of mjModel.
template <int* mjModel::*address, mjtNum* mjData::*array>
class JointValues : public ObservationTerm {
 public:
  using Params = JointListParams;
  JointValues(const Params& params, const Model& model) {
    for (int id : JointIds(model, params.joints)) address_.push_back((model.get()->*address)[id]);
  }
  int size() const override { return static_cast<int>(address_.size()); }
  void Write(const TermContext& context, std::span<float> out) const override {
    for (size_t i = 0; i < address_.size(); ++i) {
      out[i] = static_cast<float>((context.data->*array)[address_[i]]);
    }
  }

 private:
  std::vector<int> address_;
};
using JointPositions = JointValues<&mjModel::jnt_qposadr, &mjData::qpos>;
using JointVelocities = JointValues<&mjModel::jnt_dofadr, &mjData::qvel>;

/// The distance between two parallel fingers: the sum of their slide joints.
class GripperOpening : public ObservationTerm {
 public:
  using Params = JointListParams;
  GripperOpening(const Params& params, const Model& model) {
    for (int id : JointIds(model, params.joints)) address_.push_back(model->jnt_qposadr[id]);
  }
  int size() const override { return 1; }
  void Write(const TermContext& context, std::span<float> out) const override {
    double sum = 0;
    for (int address : address_) sum += context.data->qpos[address];
    out[0] = static_cast<float>(sum);
  }

 private:
  std::vector<int> address_;
};

struct FrameParams {
  std::string frame;
  void Describe(Fields& f) { f.Field("frame", frame, {.help = "name of a site or body"}); }
};

class FramePosition : public ObservationTerm {
 public:
  using Params = FrameParams;
  FramePosition(const Params& params, const Model& model) : frame_(model, "frame", params.frame) {}
  int size() const override { return 3; }
  void Write(const TermContext& context, std::span<float> out) const override {
    const double* position = frame_.position(context.data);
    std::transform(position, position + 3, out.begin(),
                   [](double x) { return static_cast<float>(x); });
  }

 private:
  Frame frame_;
};

class FrameQuaternion : public ObservationTerm {
 public:
  using Params = FrameParams;
  FrameQuaternion(const Params& params, const Model& model)
      : frame_(model, "frame", params.frame) {}
  int size() const override { return 4; }
  void Write(const TermContext& context, std::span<float> out) const override {
    const auto quat = frame_.quaternion(context.data);
    std::transform(quat.begin(), quat.end(), out.begin(),
                   [](double x) { return static_cast<float>(x); });
  }

 private:
  Frame frame_;
};

// --- Rewards ------------------------------------------------------------------------------------

struct DistanceParams {
  std::string a, b;
  double scale = 0.1;
  std::string kernel = "tanh";
  void Describe(Fields& f) {
    f.Field("a", a, {.help = "name of a site or body"});
    f.Field("b", b, {.help = "name of the other site or body"});
    f.Field("scale", scale, {.help = "distance that counts as one", .unit = "m", .min = 1e-6});
    f.Field("kernel", kernel,
            {.help = "tanh: tanh(d / scale) in [0, 1); linear: d / scale",
             .choices = {"tanh", "linear"}});
  }
};

class Distance : public RewardTerm {
 public:
  using Params = DistanceParams;
  Distance(const Params& params, const Model& model)
      : a_(model, "a", params.a),
        b_(model, "b", params.b),
        scale_(params.scale),
        tanh_(params.kernel == "tanh") {}
  double Value(const TermContext& context) const override {
    const double d = a_.DistanceTo(b_, context.data) / scale_;
    return tanh_ ? std::tanh(d) : d;
  }

 private:
  Frame a_, b_;
  double scale_;
  bool tanh_;
};

struct NoParams {
  void Describe(Fields&) {}
};

class Constant : public RewardTerm {
 public:
  using Params = NoParams;
  Constant(const Params&, const Model&) {}
  double Value(const TermContext&) const override { return 1.0; }
};

class Success : public RewardTerm {
 public:
  using Params = NoParams;
  Success(const Params&, const Model&) {}
  double Value(const TermContext& context) const override { return context.success ? 1.0 : 0.0; }
};

class ActionNorm : public RewardTerm {
 public:
  using Params = NoParams;
  ActionNorm(const Params&, const Model&) {}
  double Value(const TermContext& context) const override {
    double sum = 0;
    for (float a : context.action) sum += static_cast<double>(a) * a;
    return context.action.empty() ? 0.0 : sum / static_cast<double>(context.action.size());
  }
};

// --- Terminations -------------------------------------------------------------------------------

struct WithinParams {
  std::string a, b;
  double distance = 0.02;
  int steps = 1;
  void Describe(Fields& f) {
    f.Field("a", a, {.help = "name of a site or body"});
    f.Field("b", b, {.help = "name of the other site or body"});
    f.Field("distance", distance, {.help = "the most distance that counts", .unit = "m", .min = 0});
    f.Field("steps", steps, {.help = "control steps in a row it must hold", .min = 1, .max = 1e6});
  }
};

class Within : public TerminationTerm {
 public:
  using Params = WithinParams;
  Within(const Params& params, const Model& model)
      : a_(model, "a", params.a), b_(model, "b", params.b), params_(params) {}
  int memory_size() const override { return 1; }
  bool Holds(const TermContext& context) const override {
    double& streak = context.memory[0];
    streak = a_.DistanceTo(b_, context.data) <= params_.distance ? streak + 1 : 0;
    return streak >= params_.steps;
  }

 private:
  Frame a_, b_;
  Params params_;
};

// --- Resets -------------------------------------------------------------------------------------

struct JointNoiseParams {
  std::vector<std::string> joints;
  double noise = 0.02;
  void Describe(Fields& f) {
    f.Field("joints", joints, {.help = "names of hinge or slide joints"});
    f.Field("noise", noise,
            {.help = "uniform offset of each from the home pose, at most",
             .unit = "rad or m",
             .min = 0});
  }
};

class JointNoise : public ResetTerm {
 public:
  using Params = JointNoiseParams;
  JointNoise(const Params& params, const Model& model) : noise_(params.noise) {
    for (int id : JointIds(model, params.joints)) joints_.push_back(id);
  }
  void Apply(const mjModel* model, mjData* data, Rng& rng) const override {
    for (int id : joints_) {
      double& q = data->qpos[model->jnt_qposadr[id]];
      q += rng.Uniform(-noise_, noise_);
      if (model->jnt_limited[id]) {
        q = std::clamp(q, model->jnt_range[2 * id], model->jnt_range[2 * id + 1]);
      }
    }
  }

 private:
  std::vector<int> joints_;
  double noise_;
};

struct PlaceParams {
  std::string body;
  std::vector<double> x = {0, 0}, y = {0, 0}, z = {0, 0}, yaw = {0, 0};
  std::string away_from;
  double min_distance = 0;
  void Describe(Fields& f) {
    f.Field("body", body, {.help = "a free body or a marker"});
    f.Field("x", x, {.help = "uniform range", .unit = "m", .size = 2});
    f.Field("y", y, {.help = "uniform range", .unit = "m", .size = 2});
    f.Field("z", z, {.help = "uniform range", .unit = "m", .size = 2});
    f.Field("yaw", yaw, {.help = "uniform range about the vertical", .unit = "rad", .size = 2});
    f.Field("away_from", away_from, {.help = "a body placed before; empty for none"});
    f.Field("min_distance", min_distance,
            {.help = "least horizontal distance from it", .unit = "m", .min = 0});
  }
  void Validate() const {
    for (const auto* range : {&x, &y, &z, &yaw}) {
      if ((*range)[0] > (*range)[1]) {
        ThrowUser("a range must be [low, high] with low <= high, got [", (*range)[0], ", ",
                  (*range)[1], "]");
      }
    }
  }
};

/// Where a body's pose lies in mjData: the qpos of its free joint, or its mocap pose.
struct PoseAddress {
  int qpos = -1, mocap = -1;
  PoseAddress() = default;
  PoseAddress(const Model& model, const std::string& key, const std::string& name) {
    const int body = model.Id(mjOBJ_BODY, name);
    mocap = model->body_mocapid[body];
    const int joint = model->body_jntadr[body];
    if (mocap < 0 && joint >= 0 && model->jnt_type[joint] == mjJNT_FREE) {
      qpos = model->jnt_qposadr[joint];
    }
    if (mocap < 0 && qpos < 0) {
      ThrowUser(key, ": '", name, "' can't be placed: it is neither a free body nor a marker");
    }
  }
  double* position(mjData* data) const {
    return mocap >= 0 ? data->mocap_pos + 3 * mocap : data->qpos + qpos;
  }
  double* quaternion(mjData* data) const {
    return mocap >= 0 ? data->mocap_quat + 4 * mocap : data->qpos + qpos + 3;
  }
};

class Place : public ResetTerm {
 public:
  using Params = PlaceParams;
  Place(const Params& params, const Model& model)
      : params_(params), body_(model, "body", params.body) {
    if (!params.away_from.empty()) other_ = PoseAddress(model, "away_from", params.away_from);
    // The range must leave room, or the draw below would not end well.
    const double diagonal = std::hypot(params.x[1] - params.x[0], params.y[1] - params.y[0]);
    if (!params.away_from.empty() && params.min_distance > 0.5 * diagonal) {
      ThrowUser("min_distance must be at most half of the range's diagonal (", 0.5 * diagonal,
                " m), got ", params.min_distance);
    }
  }
  void Apply(const mjModel*, mjData* data, Rng& rng) const override {
    double* position = body_.position(data);
    // A draw succeeds with probability >= 1/4 or so; 200 draws can't all fail in practice, and the
    // last one is kept if they do.
    for (int draw = 0; draw < 200; ++draw) {
      position[0] = rng.Uniform(params_.x[0], params_.x[1]);
      position[1] = rng.Uniform(params_.y[0], params_.y[1]);
      if (params_.away_from.empty()) break;
      const double* other = other_.position(data);
      if (std::hypot(position[0] - other[0], position[1] - other[1]) >= params_.min_distance) break;
    }
    position[2] = rng.Uniform(params_.z[0], params_.z[1]);
    const double yaw = rng.Uniform(params_.yaw[0], params_.yaw[1]);
    double* quat = body_.quaternion(data);
    quat[0] = std::cos(yaw / 2);
    quat[1] = quat[2] = 0;
    quat[3] = std::sin(yaw / 2);
  }

 private:
  Params params_;
  PoseAddress body_, other_;
};

}  // namespace

TermLibrary CoreTerms() {
  TermLibrary library;
  auto& o = library.observations;
  AddTerm<JointPositions>(o, "joint_positions", "positions of joints, rad or m");
  AddTerm<JointVelocities>(o, "joint_velocities", "velocities of joints, rad/s or m/s");
  AddTerm<GripperOpening>(o, "gripper_opening", "sum of the finger joints: the opening, m [1]");
  AddTerm<FramePosition>(o, "frame_position", "world position of a site or body, m [3]");
  AddTerm<FrameQuaternion>(o, "frame_quaternion", "world orientation of a site or body, wxyz [4]");
  auto& r = library.rewards;
  AddTerm<Distance>(r, "distance", "distance of two frames through a kernel");
  AddTerm<Constant>(r, "constant", "1 every step: a cost of time when weighted below zero");
  AddTerm<Success>(r, "success", "1 on the step that succeeds");
  AddTerm<ActionNorm>(r, "action_norm", "mean square of the action, in [0, 1]");
  auto& t = library.terminations;
  AddTerm<Within>(t, "within_distance", "two frames are near for some control steps in a row");
  auto& s = library.resets;
  AddTerm<JointNoise>(s, "joint_noise", "uniform noise on the home pose");
  AddTerm<Place>(s, "place", "a free body or marker at a random place");
  return library;
}

}  // namespace simscale::env
