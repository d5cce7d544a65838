// How an episode starts: joints, velocities, keyframes, commands. (Bodies: place_reset_terms.cc.)

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

struct NoiseParams {
  std::string distribution = "uniform";
  double scale = 0.02;
  void DescribeNoise(Fields& f, std::string_view unit) {
    f.Field("scale", scale,
            {.help = "half width of the uniform, or standard deviation of the normal distribution",
             .unit = unit,
             .min = 0});
    f.Field("distribution", distribution,
            {.help = "each number's own draw, about zero", .choices = {"uniform", "normal"}});
  }
};

class Noise {
 public:
  explicit Noise(const NoiseParams& params)
      : uniform_(params.distribution == "uniform"), scale_(params.scale) {}
  double Draw(Rng& rng) const {
    return uniform_ ? rng.Uniform(-scale_, scale_) : scale_ * rng.Normal();
  }

 private:
  bool uniform_;
  double scale_;
};

void ClampToLimits(const mjModel* model, int joint, double& q) {
  if (!model->jnt_limited[joint]) return;
  q = std::clamp(q, model->jnt_range[2 * joint], model->jnt_range[2 * joint + 1]);
}

class JointNoise : public ResetTerm {
 public:
  struct Params {
    Names joints = {"*"};
    double noise = 0.02;
    std::string distribution = "uniform";
    void Describe(Fields& f) {
      f.Field("joints", joints, {.help = "names or wildcards of hinge or slide joints"});
      f.Field("noise", noise,
              {.help = "uniform: the most offset of each from where it was; normal: the standard "
                       "deviation",
               .unit = "rad or m",
               .min = 0});
      f.Field("distribution", distribution,
              {.help = "of the offset", .choices = {"uniform", "normal"}});
    }
  };
  JointNoise(const Params& params, const Model& model)
      : joints_(FindScalarJoints(model, "joints", params.joints)),
        noise_({.distribution = params.distribution, .scale = params.noise}) {}
  void Apply(ResetContext& context) const override {
    const mjModel* model = context.model;
    for (int id : joints_) {
      double& q = context.data->qpos[model->jnt_qposadr[id]];
      q += noise_.Draw(context.rng);
      ClampToLimits(model, id, q);
    }
  }

 private:
  std::vector<int> joints_;
  Noise noise_;
};

/// Adds noise to a stretch of an array of mjData.
template <mjtNum* mjData::*array, auto mjModel::*total>
class ArrayNoise : public ResetTerm {
 public:
  struct Params : SliceParams, NoiseParams {
    void Describe(Fields& f) {
      DescribeSlice(f);
      DescribeNoise(f, "");
    }
  };
  ArrayNoise(const Params& params, const Model& model)
      : slice_(params.Resolve("the array", static_cast<int>(model.get()->*total))),
        noise_(params) {}
  void Apply(ResetContext& context) const override {
    double* numbers = context.data->*array + slice_.first;
    for (int i = 0; i < slice_.count; ++i) numbers[i] += noise_.Draw(context.rng);
  }

 private:
  Slice slice_;
  Noise noise_;
};
using QposNoise = ArrayNoise<&mjData::qpos, &mjModel::nq>;
using QvelNoise = ArrayNoise<&mjData::qvel, &mjModel::nv>;

class Keyframe : public ResetTerm {
 public:
  struct Params {
    Names names;
    void Describe(Fields& f) {
      f.Field("names", names,
              {.help = "names or wildcards of the model's keyframes; of several one is drawn"});
    }
  };
  Keyframe(const Params& params, const Model& model)
      : keys_(FindIds(model, mjOBJ_KEY, "names", params.names)) {}
  void Apply(ResetContext& context) const override {
    const mjModel* m = context.model;
    mjData* d = context.data;
    const int key = keys_[static_cast<size_t>(context.rng.Below(keys_.size()))];
    mju_copy(d->qpos, m->key_qpos + key * m->nq, m->nq);
    mju_copy(d->qvel, m->key_qvel + key * m->nv, m->nv);
    mju_copy(d->act, m->key_act + key * m->na, static_cast<int>(m->na));
    mju_copy(d->ctrl, m->key_ctrl + key * m->nu, static_cast<int>(m->nu));
    mju_copy(d->mocap_pos, m->key_mpos + 3 * key * m->nmocap, static_cast<int>(3 * m->nmocap));
    mju_copy(d->mocap_quat, m->key_mquat + 4 * key * m->nmocap, static_cast<int>(4 * m->nmocap));
  }

 private:
  std::vector<int> keys_;
};

/// One range for all of them, or one for each.
struct RangesParams {
  std::vector<double> low = {0}, high = {0};
  void DescribeRanges(Fields& f, std::string_view unit) {
    f.Field("low", low, {.help = "least value: one number for all, or one for each", .unit = unit});
    f.Field("high", high, {.help = "most value; equal to low: no draw", .unit = unit});
  }
};

class Ranges {
 public:
  Ranges(const RangesParams& params, size_t count) : low_(params.low), high_(params.high) {
    Spread("low", low_, count);
    Spread("high", high_, count);
    for (size_t i = 0; i < count; ++i) {
      if (low_[i] > high_[i]) ThrowUser("low must be at most high (", high_[i], "), got ", low_[i]);
    }
  }
  double Draw(size_t i, Rng& rng) const { return rng.Uniform(low_[i], high_[i]); }
  double low(size_t i) const { return low_[i]; }
  double high(size_t i) const { return high_[i]; }

 private:
  static void Spread(std::string_view key, std::vector<double>& values, size_t count) {
    if (values.size() == 1) values.resize(count, values[0]);
    if (values.size() != count) {
      ThrowUser(key, " must have 1 number", count == 1 ? "" : Cat(" or ", count), ", got ",
                values.size());
    }
  }
  std::vector<double> low_, high_;
};

class SetJoints : public ResetTerm {
 public:
  struct Params : RangesParams {
    Names joints;
    std::vector<double> norm;
    void Describe(Fields& f) {
      f.Field("joints", joints, {.help = "names or wildcards of hinge or slide joints"});
      DescribeRanges(f, "rad or m");
      f.Field("norm", norm,
              {.help = "[least, most] Euclidean norm: drawn again until it is within; []: any"});
    }
    void Validate() const {
      if (norm.empty()) return;
      if (norm.size() != 2) ThrowUser("norm must be [least, most], got ", norm.size(), " numbers");
      CheckOrdered("norm", norm);
    }
  };
  SetJoints(const Params& params, const Model& model)
      : joints_(FindScalarJoints(model, "joints", params.joints)),
        ranges_(params, joints_.size()),
        norm_(params.norm) {}
  void Apply(ResetContext& context) const override {
    const mjModel* m = context.model;
    // A range that leaves little room for the norm keeps the last draw rather than going on.
    for (int draw = 0; draw < 1000; ++draw) {
      double square = 0;
      for (size_t i = 0; i < joints_.size(); ++i) {
        const double q = ranges_.Draw(i, context.rng);
        context.data->qpos[m->jnt_qposadr[joints_[i]]] = q;
        square += q * q;
      }
      if (norm_.empty()) break;
      if (norm_[0] <= std::sqrt(square) && std::sqrt(square) <= norm_[1]) break;
    }
  }

 private:
  std::vector<int> joints_;
  Ranges ranges_;
  std::vector<double> norm_;
};

class JointVelocity : public ResetTerm {
 public:
  struct Params : RangesParams {
    Names joints = {"*"};
    void Describe(Fields& f) {
      f.Field("joints", joints, {.help = "names or wildcards of hinge or slide joints"});
      DescribeRanges(f, "rad/s or m/s");
    }
  };
  JointVelocity(const Params& params, const Model& model)
      : joints_(FindScalarJoints(model, "joints", params.joints)),
        ranges_(params, joints_.size()) {}
  void Apply(ResetContext& context) const override {
    for (size_t i = 0; i < joints_.size(); ++i) {
      context.data->qvel[context.model->jnt_dofadr[joints_[i]]] = ranges_.Draw(i, context.rng);
    }
  }

 private:
  std::vector<int> joints_;
  Ranges ranges_;
};

class Command : public ResetTerm {
 public:
  struct Params : RangesParams {
    int first = 0, count = 0;
    std::vector<double> initial_high;
    void Describe(Fields& f) {
      f.Field("first", first, {.help = "index of the first number", .min = 0, .max = 1e6});
      f.Field("count", count,
              {.help = "how many; 0: as many as low and high have", .min = 0, .max = 1e6});
      DescribeRanges(f, "");
      f.Field("initial_high", initial_high,
              {.help = "most value where the curriculum starts; it grows to high with the level; "
                       "[]: high"});
    }
  };
  Command(const Params& params, const Model& model)
      : first_(params.first),
        count_(params.count > 0 ? static_cast<size_t>(params.count)
                                : std::max(params.low.size(), params.high.size())),
        ranges_(params, count_),
        initial_({.low = params.low,
                  .high = params.initial_high.empty() ? params.high : params.initial_high},
                 count_) {
    const size_t needed = static_cast<size_t>(first_) + count_;
    if (needed > static_cast<size_t>(model->nuserdata)) {
      ThrowUser("count: ", needed, " commands are needed, but scene.userdata is ", model->nuserdata,
                "; raise it");
    }
  }
  void Apply(ResetContext& context) const override {
    for (size_t i = 0; i < count_; ++i) {
      const double high = initial_.high(i) + context.level * (ranges_.high(i) - initial_.high(i));
      context.data->userdata[static_cast<size_t>(first_) + i] =
          context.rng.Uniform(ranges_.low(i), high);
    }
  }

 private:
  int first_;
  size_t count_;
  Ranges ranges_, initial_;
};

}  // namespace

void AddStateResets(TermLibrary& library) {
  auto& s = library.resets;
  AddTerm<JointNoise>(s, "joint_noise", "noise on joints, kept within their limits, rad or m");
  AddTerm<QposNoise>(s, "qpos_noise",
                     "noise on qpos as it is: not kept within limits, m, rad and quaternions");
  AddTerm<QvelNoise>(s, "qvel_noise", "noise on qvel, m/s and rad/s");
  AddTerm<Keyframe>(s, "keyframe", "one of the model's keyframes: qpos, qvel, act, ctrl, mocap");
  AddTerm<SetJoints>(s, "set_joints", "joints at a value or uniformly in a range, rad or m");
  AddTerm<JointVelocity>(s, "joint_velocity",
                         "joints' velocities at a value or uniformly in a range, rad/s or m/s");
  AddTerm<Command>(s, "command",
                   "numbers for the agent to follow, uniform; kept in MuJoCo's userdata, where the "
                   "observation `command` and rewards find them");
}

}  // namespace simscale::env
