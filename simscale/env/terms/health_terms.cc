// "Healthy": some numbers of the state lie in their ranges. A reward while it holds, and the end of
// the episode when it does not.

#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/terms/term_lookup.h"

namespace simscale::env {
namespace {

using config::Fields;
using sim::Model;

struct RangeParams {
  std::string of = "height";
  std::string frame;
  Names joints;
  SliceParams slice;
  double low = -1e100, high = 1e100;
  void Describe(Fields& f) {
    f.Field("of", of,
            {.help = "height (m) or tilt (rad, from upright) of `frame`; position (rad, m) or "
                     "velocity of `joints`; or qpos or qvel from `first` on",
             .choices = {"height", "tilt", "position", "velocity", "qpos", "qvel"}});
    f.Field("frame", frame, {.help = "a site or body, for height and tilt"});
    f.Field("joints", joints, {.help = "names or wildcards of joints, for position and velocity"});
    slice.DescribeSlice(f);
    f.Field("low", low, {.help = "the healthy range's lower end"});
    f.Field("high", high, {.help = "the healthy range's upper end"});
  }
  void Validate() const {
    if (low > high) ThrowUser("low must be at most high (", high, "), got ", low);
  }
};

struct HealthParams {
  std::vector<RangeParams> ranges;
  bool strict = false;
  void Describe(Fields& f) {
    f.StructList("ranges", ranges, "what must hold, all of it");
    f.Field("strict", strict, {.help = "a number that equals an end of its range is outside"});
  }
};

class Health {
 public:
  Health(const HealthParams& params, const Model& model) : strict_(params.strict) {
    if (params.ranges.empty()) ThrowUser("ranges: at least one range is needed, got none");
    for (size_t i = 0; i < params.ranges.size(); ++i) {
      try {
        Add(params.ranges[i], model);
      } catch (const UserError& error) {
        throw UserError(Cat("ranges.", i, ".", error.what()));
      }
    }
  }
  bool Holds(const TermContext& context) const {
    const mjModel* m = context.model;
    const mjData* d = context.data;
    for (int i = 0; i < m->nq; ++i) {
      if (!std::isfinite(d->qpos[i])) return false;
    }
    for (int i = 0; i < m->nv; ++i) {
      if (!std::isfinite(d->qvel[i])) return false;
    }
    for (const Number& number : numbers_) {
      if (!Inside(number, d->qpos[number.address])) return false;
    }
    for (const Number& number : velocities_) {
      if (!Inside(number, d->qvel[number.address])) return false;
    }
    for (const Place& place : places_) {
      const double value = place.tilt ? Tilt(place.frame, d) : place.frame.position(d)[2];
      if (!Inside(place, value)) return false;
    }
    return true;
  }

 private:
  struct Range {
    double low, high;
  };
  struct Number : Range {
    int address;
  };
  struct Place : Range {
    Frame frame;
    bool tilt;
  };

  void Add(const RangeParams& params, const Model& model) {
    const Range range{params.low, params.high};
    if (params.of == "height" || params.of == "tilt") {
      places_.push_back({range, Frame(model, "frame", params.frame), params.of == "tilt"});
    } else if (params.of == "position" || params.of == "velocity") {
      for (int id : FindScalarJoints(model, "joints", params.joints)) {
        if (params.of == "position") {
          numbers_.push_back({range, model->jnt_qposadr[id]});
        } else {
          velocities_.push_back({range, model->jnt_dofadr[id]});
        }
      }
    } else {
      const bool positions = params.of == "qpos";
      const Slice slice = params.slice.Resolve(params.of, positions ? model->nq : model->nv);
      for (int i = 0; i < slice.count; ++i) {
        (positions ? numbers_ : velocities_).push_back({range, slice.first + i});
      }
    }
  }
  bool Inside(const Range& range, double value) const {
    return strict_ ? range.low < value && value < range.high
                   : range.low <= value && value <= range.high;
  }

  bool strict_;
  std::vector<Number> numbers_, velocities_;
  std::vector<Place> places_;
};

class Healthy : public RewardTerm {
 public:
  using Params = HealthParams;
  Healthy(const Params& params, const Model& model) : health_(params, model) {}
  double Value(const TermContext& context) const override { return health_.Holds(context) ? 1 : 0; }

 private:
  Health health_;
};

class Unhealthy : public TerminationTerm {
 public:
  using Params = HealthParams;
  Unhealthy(const Params& params, const Model& model) : health_(params, model) {}
  bool Holds(const TermContext& context) const override { return !health_.Holds(context); }

 private:
  Health health_;
};

}  // namespace

void AddHealthTerms(TermLibrary& library) {
  AddTerm<Healthy>(library.rewards, "healthy",
                   "1 while the state is finite and all of its ranges hold");
  AddTerm<Unhealthy>(library.terminations, "unhealthy",
                     "the state is not finite or out of one of its ranges");
}

}  // namespace simscale::env
