// What ends an episode before its time. (More: contact in contact_terms.cc, unhealthy in
// health_terms.cc.)

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

struct PairParams {
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
  using Params = PairParams;
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

class Beyond : public TerminationTerm {
 public:
  struct Params {
    std::string a, b;
    double distance = 1;
    void Describe(Fields& f) {
      f.Field("a", a, {.help = "name of a site or body"});
      f.Field("b", b, {.help = "name of the other site or body"});
      f.Field("distance", distance, {.help = "the most distance allowed", .unit = "m", .min = 0});
    }
  };
  Beyond(const Params& params, const Model& model)
      : a_(model, "a", params.a), b_(model, "b", params.b), distance_(params.distance) {}
  bool Holds(const TermContext& context) const override {
    return a_.DistanceTo(b_, context.data) > distance_;
  }

 private:
  Frame a_, b_;
  double distance_;
};

class OutOfBox : public TerminationTerm {
 public:
  struct Params {
    std::string frame;
    std::vector<double> x = {-1e3, 1e3}, y = {-1e3, 1e3}, z = {-1e3, 1e3};
    void Describe(Fields& f) {
      f.Field("frame", frame, {.help = "name of a site or body"});
      f.Field("x", x, {.help = "where it may be, the ends included", .unit = "m", .size = 2});
      f.Field("y", y, {.help = "likewise", .unit = "m", .size = 2});
      f.Field("z", z, {.help = "likewise", .unit = "m", .size = 2});
    }
    void Validate() const {
      CheckOrdered("x", x);
      CheckOrdered("y", y);
      CheckOrdered("z", z);
    }
  };
  OutOfBox(const Params& params, const Model& model)
      : frame_(model, "frame", params.frame), params_(params) {}
  bool Holds(const TermContext& context) const override {
    const double* p = frame_.position(context.data);
    auto outside = [](double value, const std::vector<double>& range) {
      return value < range[0] || value > range[1];
    };
    return outside(p[0], params_.x) || outside(p[1], params_.y) || outside(p[2], params_.z);
  }

 private:
  Frame frame_;
  Params params_;
};

class AtJointLimit : public TerminationTerm {
 public:
  struct Params {
    Names joints = {"*"};
    double margin = 0;
    void Describe(Fields& f) {
      f.Field("joints", joints, {.help = "names or wildcards of hinge or slide joints"});
      f.Field("margin", margin,
              {.help = "it holds this part of a joint's range before its limit already",
               .min = 0,
               .max = 0.5});
    }
  };
  AtJointLimit(const Params& params, const Model& model) : margin_(params.margin) {
    for (int id : FindScalarJoints(model, "joints", params.joints)) {
      if (model->jnt_limited[id]) joints_.push_back(id);
    }
    if (joints_.empty()) ThrowUser("joints: none of them has limits");
  }
  bool Holds(const TermContext& context) const override {
    const mjModel* m = context.model;
    for (int id : joints_) {
      const double low = m->jnt_range[2 * id], high = m->jnt_range[2 * id + 1];
      const double soft = margin_ * (high - low);
      const double q = context.data->qpos[m->jnt_qposadr[id]];
      if (q < low + soft || q > high - soft) return true;
    }
    return false;
  }

 private:
  std::vector<int> joints_;
  double margin_;
};

class TimeAfter : public TerminationTerm {
 public:
  struct Params {
    double seconds = 10;
    void Describe(Fields& f) {
      f.Field("seconds", seconds, {.help = "since the episode's start", .unit = "s", .min = 0});
    }
  };
  TimeAfter(const Params& params, const Model&) : seconds_(params.seconds) {}
  bool Holds(const TermContext& context) const override {
    // Sums of a control step's length are not exact: a millionth of it forgives that.
    return (context.step + 1e-6) * context.control_dt >= seconds_;
  }

 private:
  double seconds_;
};

}  // namespace

void AddTerminations(TermLibrary& library) {
  auto& t = library.terminations;
  AddTerm<Within>(t, "within_distance", "two frames are near for some control steps in a row");
  AddTerm<Beyond>(t, "beyond_distance", "two frames are too far from each other");
  AddTerm<OutOfBox>(t, "out_of_box", "a frame has left its box in the world");
  AddTerm<AtJointLimit>(t, "joint_limit",
                        "a joint is beyond its limit, or in the margin before it");
  AddTerm<TimeAfter>(t, "time_after", "some time has passed");
}

}  // namespace simscale::env
