// Rewards of where things are: distances, orientations, heights, and what the episode came to.

#include <algorithm>
#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

/// How a distance or an angle becomes a reward.
struct KernelParams {
  double scale = 0.1;
  std::string kernel = "tanh";
  void DescribeKernel(Fields& f, std::string_view unit) {
    f.Field("scale", scale, {.help = "what counts as one", .unit = unit, .min = 1e-6});
    f.Field("kernel", kernel,
            {.help = "of x = value / scale. tanh: tanh(x) in [0, 1); linear: x; exp: exp(-x) in "
                     "(0, 1]; gaussian: exp(-x^2) in (0, 1]",
             .choices = {"tanh", "linear", "exp", "gaussian"}});
  }
};

class Kernel {
 public:
  explicit Kernel(const KernelParams& params)
      : kind_(params.kernel == "tanh"     ? Kind::kTanh
              : params.kernel == "linear" ? Kind::kLinear
              : params.kernel == "exp"    ? Kind::kExp
                                          : Kind::kGaussian),
        scale_(params.scale) {}
  double operator()(double value) const {
    const double x = value / scale_;
    switch (kind_) {
      case Kind::kTanh:
        return std::tanh(x);
      case Kind::kExp:
        return std::exp(-x);
      case Kind::kGaussian:
        return std::exp(-x * x);
      case Kind::kLinear:
        break;
    }
    return x;
  }

 private:
  enum class Kind { kTanh, kLinear, kExp, kGaussian } kind_;
  double scale_;
};

struct PairParams : KernelParams {
  std::string a, b;
  void DescribePair(Fields& f) {
    f.Field("a", a, {.help = "name of a site or body"});
    f.Field("b", b, {.help = "name of the other site or body"});
  }
};

class Distance : public RewardTerm {
 public:
  struct Params : PairParams {
    void Describe(Fields& f) {
      DescribePair(f);
      DescribeKernel(f, "m");
    }
  };
  Distance(const Params& params, const Model& model)
      : a_(model, "a", params.a), b_(model, "b", params.b), kernel_(params) {}
  double Value(const TermContext& context) const override {
    return kernel_(a_.DistanceTo(b_, context.data));
  }

 private:
  Frame a_, b_;
  Kernel kernel_;
};

class Orientation : public RewardTerm {
 public:
  struct Params : PairParams {
    void Describe(Fields& f) {
      DescribePair(f);
      DescribeKernel(f, "rad");
    }
  };
  Orientation(const Params& params, const Model& model)
      : a_(model, "a", params.a), b_(model, "b", params.b), kernel_(params) {}
  double Value(const TermContext& context) const override {
    const auto p = a_.quaternion(context.data);
    const auto q = b_.quaternion(context.data);
    double rotation[3];
    mju_subQuat(rotation, p.data(), q.data());
    return kernel_(mju_norm3(rotation));
  }

 private:
  Frame a_, b_;
  Kernel kernel_;
};

class Height : public RewardTerm {
 public:
  struct Params {
    std::string frame;
    double low = 0, high = 1;
    void Describe(Fields& f) {
      f.Field("frame", frame, {.help = "name of a site or body"});
      f.Field("low", low, {.help = "height that counts as 0", .unit = "m"});
      f.Field("high", high, {.help = "height that counts as 1", .unit = "m"});
    }
    void Validate() const {
      if (high <= low) ThrowUser("high must be above low (", low, " m), got ", high);
    }
  };
  Height(const Params& params, const Model& model)
      : frame_(model, "frame", params.frame), params_(params) {}
  double Value(const TermContext& context) const override {
    const double z = frame_.position(context.data)[2];
    return std::clamp((z - params_.low) / (params_.high - params_.low), 0.0, 1.0);
  }

 private:
  Frame frame_;
  Params params_;
};

class Upright : public RewardTerm {
 public:
  struct Params {
    std::string frame;
    void Describe(Fields& f) { f.Field("frame", frame, {.help = "name of a site or body"}); }
  };
  Upright(const Params& params, const Model& model) : frame_(model, "frame", params.frame) {}
  double Value(const TermContext& context) const override { return CosTilt(frame_, context.data); }

 private:
  Frame frame_;
};

class Potential : public RewardTerm {
 public:
  struct Params : PairParams {
    double gamma = 0.99;
    void Describe(Fields& f) {
      DescribePair(f);
      f.Field("gamma", gamma, {.help = "the learner's discount", .min = 0, .max = 1});
      DescribeKernel(f, "m");
    }
  };
  Potential(const Params& params, const Model& model)
      : a_(model, "a", params.a), b_(model, "b", params.b), gamma_(params.gamma), kernel_(params) {
    // A potential must grow as the distance falls.
    sign_ = params.kernel == "tanh" || params.kernel == "linear" ? -1 : 1;
  }
  int memory_size() const override { return 1; }
  void Start(const TermContext& context) const override { context.memory[0] = Phi(context); }
  double Value(const TermContext& context) const override {
    const double before = context.memory[0];
    context.memory[0] = Phi(context);
    return gamma_ * context.memory[0] - before;
  }

 private:
  double Phi(const TermContext& context) const {
    return sign_ * kernel_(a_.DistanceTo(b_, context.data));
  }
  Frame a_, b_;
  double gamma_, sign_;
  Kernel kernel_;
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

class Alive : public RewardTerm {
 public:
  using Params = NoParams;
  Alive(const Params&, const Model&) {}
  double Value(const TermContext& context) const override { return context.terminated ? 0.0 : 1.0; }
};

}  // namespace

void AddDistanceRewards(TermLibrary& library) {
  auto& r = library.rewards;
  AddTerm<Distance>(r, "distance", "distance of two frames through a kernel");
  AddTerm<Orientation>(r, "orientation", "angle between two frames through a kernel");
  AddTerm<Height>(r, "height", "how far a frame has risen from low to high, in [0, 1]");
  AddTerm<Upright>(r, "upright", "cosine between a frame's z axis and the world's, in [-1, 1]");
  AddTerm<Potential>(r, "potential",
                     "shaping that keeps the best policy (Ng 1999): gamma * phi' - phi of a "
                     "distance, phi = -tanh, -linear, exp or gaussian");
  AddTerm<Constant>(r, "constant", "1 every step: a cost of time when weighted below zero");
  AddTerm<Success>(r, "success", "1 on the step that succeeds");
  AddTerm<Alive>(r, "alive", "1 on every step that does not terminate the episode");
}

}  // namespace simscale::env
