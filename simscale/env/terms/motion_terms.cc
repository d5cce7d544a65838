// Terms of how fast something gets along.

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

/// A number that moves with the robot: a frame's or a centre of mass's place along an axis, the
/// position of a joint, or the nearness of a target.
struct TrackedParams {
  std::string frame, com, joint, target;
  std::vector<double> axis = {1, 0, 0};
  void Describe(Fields& f) {
    f.Field("frame", frame, {.help = "a site or body; or `com`, or `joint`"});
    f.Field("com", com,
            {.help = "a body: the centre of mass of it and all it carries; world: of everything"});
    f.Field("joint", joint, {.help = "a hinge or slide joint whose position counts, without axis"});
    f.Field("axis", axis,
            {.help = "direction in the world; its length does not matter", .size = 3});
    f.Field("target", target,
            {.help = "a site or body: the approach to it counts, in the axis's place"});
  }
};

class Tracked {
 public:
  Tracked(const TrackedParams& params, const Model& model) : axis_(UnitAxis("axis", params.axis)) {
    const int given = static_cast<int>(!params.frame.empty()) +
                      static_cast<int>(!params.com.empty()) +
                      static_cast<int>(!params.joint.empty());
    if (given != 1) ThrowUser("frame: exactly one of frame, com and joint is needed, got ", given);
    if (!params.frame.empty()) frame_ = Frame(model, "frame", params.frame);
    if (!params.com.empty()) com_ = FindIds(model, mjOBJ_BODY, "com", {params.com})[0];
    if (!params.joint.empty()) {
      qpos_ = model->jnt_qposadr[FindScalarJoints(model, "joint", {params.joint})[0]];
    }
    if (!params.target.empty()) {
      if (qpos_ >= 0) ThrowUser("target: a joint has no place to approach it; give frame or com");
      has_target_ = true;
      target_ = Frame(model, "target", params.target);
    }
  }
  double Value(const mjData* data) const {
    if (qpos_ >= 0) return data->qpos[qpos_];
    const double* place = com_ >= 0 ? data->subtree_com + 3 * com_ : frame_.position(data);
    if (has_target_) return -mju_dist3(place, target_.position(data));
    return place[0] * axis_[0] + place[1] * axis_[1] + place[2] * axis_[2];
  }

 private:
  std::vector<double> axis_;
  Frame frame_, target_;
  int com_ = -1, qpos_ = -1;
  bool has_target_ = false;
};

/// What it gained in the last control step, a second.
double Rate(const Tracked& tracked, const TermContext& context) {
  const double before = context.memory[0];
  context.memory[0] = tracked.Value(context.data);
  return (context.memory[0] - before) / context.control_dt;
}

class AverageVelocity : public ObservationTerm {
 public:
  using Params = TrackedParams;
  AverageVelocity(const Params& params, const Model& model) : tracked_(params, model) {}
  int size() const override { return 1; }
  int memory_size() const override { return 1; }
  void Start(const TermContext& context) const override {
    context.memory[0] = tracked_.Value(context.data);
  }
  void Write(const TermContext& context, std::span<double> out) const override {
    out[0] = Rate(tracked_, context);
  }

 private:
  Tracked tracked_;
};

class Progress : public RewardTerm {
 public:
  using Params = TrackedParams;
  Progress(const Params& params, const Model& model) : tracked_(params, model) {}
  int memory_size() const override { return 1; }
  void Start(const TermContext& context) const override {
    context.memory[0] = tracked_.Value(context.data);
  }
  double Value(const TermContext& context) const override { return Rate(tracked_, context); }

 private:
  Tracked tracked_;
};

struct AxesParams {
  std::string frame, axes = "world";
  void DescribeAxes(Fields& f) {
    f.Field("frame", frame, {.help = "name of a site or body"});
    f.Field("axes", axes,
            {.help = "the world's axes, or local: the frame's own", .choices = {"world", "local"}});
  }
};

class Velocity : public RewardTerm {
 public:
  struct Params : AxesParams {
    std::vector<double> axis = {1, 0, 0};
    void Describe(Fields& f) {
      DescribeAxes(f);
      f.Field("axis", axis, {.help = "direction; its length does not matter", .size = 3});
    }
  };
  Velocity(const Params& params, const Model& model)
      : frame_(model, "frame", params.frame),
        axis_(UnitAxis("axis", params.axis)),
        local_(params.axes == "local") {}
  double Value(const TermContext& context) const override {
    double velocity[6];
    FrameVelocity(frame_, context, local_, velocity);
    return mju_dot3(velocity, axis_.data());
  }

 private:
  Frame frame_;
  std::vector<double> axis_;
  bool local_;
};

class VelocityTracking : public RewardTerm {
 public:
  struct Params : AxesParams {
    std::vector<std::string> components = {"vx", "vy"};
    std::vector<double> target = {};
    int command = 0;
    double scale = 0.5;
    void Describe(Fields& f) {
      DescribeAxes(f);
      f.Field("components", components,
              {.help = "which of the velocity's, m/s (v) and rad/s (w)",
               .choices = {"vx", "vy", "vz", "wx", "wy", "wz"}});
      f.Field("target", target, {.help = "a number for each; []: take the reset term command's"});
      f.Field("command", command,
              {.help = "index of the command for the first component", .min = 0, .max = 1e6});
      f.Field("scale", scale,
              {.help = "error that costs all but 37 %", .unit = "m/s or rad/s", .min = 1e-6});
    }
  };
  VelocityTracking(const Params& params, const Model& model)
      : frame_(model, "frame", params.frame),
        target_(params.target),
        command_(params.command),
        scale_(params.scale),
        local_(params.axes == "local") {
    static const std::vector<std::string> kNames = {"vx", "vy", "vz", "wx", "wy", "wz"};
    const size_t n = params.components.size();
    if (n == 0) ThrowUser("components: at least one is needed, got none");
    for (const std::string& name : params.components) {
      components_.push_back(std::ranges::find(kNames, name) - kNames.begin());
    }
    if (!target_.empty() && target_.size() != n) {
      ThrowUser("target must have a number for each of the ", n, " components, got ",
                target_.size());
    }
    const size_t needed = static_cast<size_t>(command_) + n;
    if (target_.empty() && needed > static_cast<size_t>(model->nuserdata)) {
      ThrowUser("command: ", needed, " commands are needed, but scene.userdata is ",
                model->nuserdata, "; raise it, or give a target");
    }
  }
  double Value(const TermContext& context) const override {
    double velocity[6];
    FrameVelocity(frame_, context, local_, velocity);
    const double* target = target_.empty() ? context.data->userdata + command_ : target_.data();
    double error = 0;
    for (size_t i = 0; i < components_.size(); ++i) {
      const double e = (velocity[components_[i]] - target[i]) / scale_;
      error += e * e;
    }
    return std::exp(-error);
  }

 private:
  Frame frame_;
  std::vector<std::ptrdiff_t> components_;
  std::vector<double> target_;
  int command_;
  double scale_;
  bool local_;
};

}  // namespace

void AddMotionTerms(TermLibrary& library) {
  AddTerm<AverageVelocity>(
      library.observations, "average_velocity",
      "displacement along an axis (or approach to a target) over the last control step, m/s [1]");
  auto& r = library.rewards;
  AddTerm<Progress>(
      r, "progress",
      "displacement along an axis (or approach to a target) over the last control step, m/s");
  AddTerm<Velocity>(r, "velocity", "a frame's velocity along an axis at this moment, m/s");
  AddTerm<VelocityTracking>(r, "velocity_tracking",
                            "exp(-|v - target|^2 / scale^2) of a frame's velocity, in (0, 1]");
}

}  // namespace simscale::env
