#include "simscale/tasks/gymnasium_terms.h"

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/terms/frame.h"

namespace simscale::tasks {
namespace {

using config::Fields;
using env::Frame;
using env::TermContext;
using sim::Model;

/// NumPy's pairwise sum of at most 128 numbers, its block size; `at(i)` gives number i.
template <class T, class At>
T PairwiseBlock(int first, int n, At at) {
  if (n < 8) {
    T sum = 0;
    for (int i = 0; i < n; ++i) sum += at(first + i);
    return sum;
  }
  T r[8];
  for (int k = 0; k < 8; ++k) r[k] = at(first + k);
  int i = 8;
  for (; i < n - n % 8; i += 8) {
    for (int k = 0; k < 8; ++k) r[k] += at(first + i + k);
  }
  T sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
  for (; i < n; ++i) sum += at(first + i);
  return sum;
}

template <class T, class At>
T PairwiseSum(int first, int n, At at) {
  if (n <= 128) return PairwiseBlock<T>(first, n, at);
  int half = n / 2;
  half -= half % 8;
  return PairwiseSum<T>(first, half, at) + PairwiseSum<T>(first + half, n - half, at);
}

/// Rows of one of mjData's arrays of bodies, the world's (row 0) left out.
template <mjtNum* mjData::*array, int kWidth, bool kContactForces>
class BodyRows : public env::ObservationTerm {
 public:
  struct Params {
    void Describe(Fields&) {}
  };
  BodyRows(const Params&, const Model& model) : size_((model->nbody - 1) * kWidth) {}
  bool needs_contact_forces() const override { return kContactForces; }
  int size() const override { return size_; }
  void Write(const TermContext& context, std::span<double> out) const override {
    std::copy_n(context.data->*array + kWidth, size_, out.begin());
  }

 private:
  int size_;
};
using Cinert = BodyRows<&mjData::cinert, 10, false>;
using Cvel = BodyRows<&mjData::cvel, 6, false>;
using CfrcExt = BodyRows<&mjData::cfrc_ext, 6, true>;

struct SliceParams {
  int first = 0, count = 1;
  void Describe(Fields& f) {
    f.Field("first", first, {.help = "index in qpos", .min = 0, .max = 1e6});
    f.Field("count", count, {.help = "how many", .min = 1, .max = 1e6});
  }
  void Check(const Model& model) const {
    if (first + count > model->nq) {
      ThrowUser("first: qpos has ", model->nq, " numbers, got first ", first, " and count ", count);
    }
  }
};

template <double (*function)(double)>
class QposFunction : public env::ObservationTerm {
 public:
  using Params = SliceParams;
  QposFunction(const Params& params, const Model& model) : params_(params) { params.Check(model); }
  int size() const override { return params_.count; }
  void Write(const TermContext& context, std::span<double> out) const override {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = function(context.data->qpos[params_.first + int(i)]);
  }

 private:
  Params params_;
};
double Sine(double x) { return std::sin(x); }
double Cosine(double x) { return std::cos(x); }

class QposNorm : public env::ObservationTerm {
 public:
  using Params = SliceParams;
  QposNorm(const Params& params, const Model& model) : params_(params) { params.Check(model); }
  int size() const override { return 1; }
  void Write(const TermContext& context, std::span<double> out) const override {
    double sum = 0;
    for (int i = 0; i < params_.count; ++i) {
      const double q = context.data->qpos[params_.first + i];
      sum += q * q;
    }
    out[0] = std::sqrt(sum);
  }

 private:
  Params params_;
};

class ControlCost : public env::RewardTerm {
 public:
  struct Params {
    double weight = 0.1;
    std::string of = "action";
    void Describe(Fields& f) {
      f.Field("weight", weight, {.help = "Gymnasium's; multiplied in the action's own precision"});
      f.Field("of", of,
              {.help = "the action, or data.ctrl (float64)", .choices = {"action", "ctrl"}});
    }
  };
  ControlCost(const Params& params, const Model&)
      : weight_(params.weight), action_(params.of == "action") {}
  double Value(const TermContext& context) const override {
    if (action_) return NumpyWeightedSquares(weight_, context.action, context.float32_action);
    const std::span<const double> ctrl(context.data->ctrl, static_cast<size_t>(context.model->nu));
    return NumpyWeightedSquares(weight_, ctrl, false);
  }

 private:
  double weight_;
  bool action_;
};

class ContactCost : public env::RewardTerm {
 public:
  struct Params {
    double weight = 5e-4, force_limit = 0, cost_limit = 0;
    void Describe(Fields& f) {
      f.Field("weight", weight, {.help = "Gymnasium's"});
      f.Field("force_limit", force_limit,
              {.help = "each number of cfrc_ext is clipped to +- this; 0: as it is", .min = 0});
      f.Field("cost_limit", cost_limit, {.help = "the most cost; 0: any", .min = 0});
    }
  };
  ContactCost(const Params& params, const Model&) : params_(params) {}
  bool needs_contact_forces() const override { return true; }
  double Value(const TermContext& context) const override {
    const double* force = context.data->cfrc_ext;
    const double limit = params_.force_limit;
    const double sum = PairwiseSum<double>(0, 6 * context.model->nbody, [force, limit](int i) {
      const double x = limit > 0 ? std::clamp(force[i], -limit, limit) : force[i];
      return x * x;
    });
    const double cost = params_.weight * sum;
    return params_.cost_limit > 0 ? std::min(cost, params_.cost_limit) : cost;
  }

 private:
  Params params_;
};

class RiseCost : public env::RewardTerm {
 public:
  struct Params {
    int index = 2;
    void Describe(Fields& f) {
      f.Field("index", index, {.help = "of the height in qpos", .min = 0, .max = 1e6});
    }
  };
  RiseCost(const Params& params, const Model& model) : index_(params.index) {
    if (index_ >= model->nq) ThrowUser("index: qpos has ", model->nq, " numbers, got ", index_);
  }
  double Value(const TermContext& context) const override {
    return context.data->qpos[index_] / context.model->opt.timestep;
  }

 private:
  int index_;
};

class SquaredOffset : public env::RewardTerm {
 public:
  struct Params {
    std::string frame;
    std::vector<double> target = {0, 0, 0}, weights = {1, 1, 1};
    void Describe(Fields& f) {
      f.Field("frame", frame, {.help = "name of a site or body"});
      f.Field("target", target, {.help = "in the world", .unit = "m", .size = 3});
      f.Field("weights", weights, {.help = "of the squared offset in x, y and z", .size = 3});
    }
  };
  SquaredOffset(const Params& params, const Model& model)
      : frame_(model, "frame", params.frame), params_(params) {}
  double Value(const TermContext& context) const override {
    const double* place = frame_.position(context.data);
    double sum = 0;
    for (size_t i = 0; i < 3; ++i) {
      const double offset = place[i] - params_.target[i];
      sum += params_.weights[i] * (offset * offset);
    }
    return sum;
  }

 private:
  Frame frame_;
  Params params_;
};

class SquaredSpeeds : public env::RewardTerm {
 public:
  struct Params {
    int first = 0;
    std::vector<double> weights = {1};
    void Describe(Fields& f) {
      f.Field("first", first, {.help = "index in qvel", .min = 0, .max = 1e6});
      f.Field("weights", weights, {.help = "of the squares of qvel from there on"});
    }
  };
  SquaredSpeeds(const Params& params, const Model& model) : params_(params) {
    if (params.first + static_cast<int>(params.weights.size()) > model->nv) {
      ThrowUser("first: qvel has ", model->nv, " numbers, got first ", params.first, " and ",
                params.weights.size(), " weights");
    }
  }
  double Value(const TermContext& context) const override {
    double sum = 0;
    for (size_t i = 0; i < params_.weights.size(); ++i) {
      const double v = context.data->qvel[static_cast<size_t>(params_.first) + i];
      sum += params_.weights[i] * (v * v);
    }
    return sum;
  }

 private:
  Params params_;
};

}  // namespace

double NumpyWeightedSquares(double weight, std::span<const double> values, bool float32) {
  const int n = static_cast<int>(values.size());
  if (!float32) {
    return weight *
           PairwiseSum<double>(0, n, [&](int i) { return values[size_t(i)] * values[size_t(i)]; });
  }
  const float sum = PairwiseSum<float>(0, n, [&](int i) {
    const float x = static_cast<float>(values[static_cast<size_t>(i)]);
    return x * x;
  });
  return static_cast<float>(weight) * sum;
}

void AddGymnasiumTerms(env::TermLibrary& library) {
  auto& o = library.observations;
  env::AddTerm<Cinert>(o, "cinert", "MuJoCo's cinert of all bodies but the world [10 a body]");
  env::AddTerm<Cvel>(o, "cvel",
                     "MuJoCo's cvel, rad/s and m/s, of all bodies but the world [6 a body]");
  env::AddTerm<CfrcExt>(
      o, "cfrc_ext",
      "MuJoCo's cfrc_ext, N m and N, of all bodies but the world; zeros at reset [6 a body]");
  env::AddTerm<QposFunction<Sine>>(o, "sin_qpos", "sines of positions, in [-1, 1] [count]");
  env::AddTerm<QposFunction<Cosine>>(o, "cos_qpos", "cosines of positions, in [-1, 1] [count]");
  env::AddTerm<QposNorm>(o, "qpos_norm", "Euclidean norm of positions, >= 0 [1]");
  auto& r = library.rewards;
  env::AddTerm<ControlCost>(r, "gymnasium_control_cost",
                            "weight * sum of squares, rounded as NumPy does, >= 0");
  env::AddTerm<ContactCost>(r, "gymnasium_contact_cost",
                            "weight * sum of squares of cfrc_ext, clipped, >= 0");
  env::AddTerm<RiseCost>(r, "gymnasium_rise", "a height of qpos over the physics timestep, m/s");
  env::AddTerm<SquaredOffset>(r, "squared_offset",
                              "weighted squares of a frame's offset from a point, m^2, >= 0");
  env::AddTerm<SquaredSpeeds>(r, "squared_speeds", "weighted squares of qvel, (rad/s)^2, >= 0");
}

}  // namespace simscale::tasks
