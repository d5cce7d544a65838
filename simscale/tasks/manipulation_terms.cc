#include "simscale/tasks/manipulation_terms.h"

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

/// Which of the gripper's fingers touch the object, from the contacts of the moment.
class GripContacts {
 public:
  GripContacts(const Model& model, const std::string& object,
               const std::vector<std::string>& fingers)
      : object_(model.Id(mjOBJ_BODY, object)) {
    if (fingers.size() != 2) ThrowUser("fingers must name 2 bodies, got ", fingers.size());
    for (size_t i = 0; i < 2; ++i) finger_[i] = model.Id(mjOBJ_BODY, fingers[i]);
  }
  /// 0, 1 or 2.
  int Count(const TermContext& context) const {
    bool touches[2] = {false, false};
    for (int i = 0; i < context.data->ncon; ++i) {
      const mjContact& contact = context.data->contact[i];
      if (contact.geom[0] < 0 || contact.geom[1] < 0) continue;
      const int a = context.model->geom_bodyid[contact.geom[0]];
      const int b = context.model->geom_bodyid[contact.geom[1]];
      for (int f = 0; f < 2; ++f) {
        if ((a == object_ && b == finger_[f]) || (b == object_ && a == finger_[f])) {
          touches[f] = true;
        }
      }
    }
    return static_cast<int>(touches[0]) + static_cast<int>(touches[1]);
  }

 private:
  int object_;
  int finger_[2];
};

struct GripParams {
  std::string object;
  std::vector<std::string> fingers = {"left_finger", "right_finger"};
  void DescribeGrip(Fields& f) {
    f.Field("object", object, {.help = "the object's body"});
    f.Field("fingers", fingers, {.help = "bodies of the two fingers", .size = 2});
  }
  void Describe(Fields& f) { DescribeGrip(f); }
};

class Grasped : public env::RewardTerm {
 public:
  using Params = GripParams;
  Grasped(const Params& params, const Model& model)
      : contacts_(model, params.object, params.fingers) {}
  double Value(const TermContext& context) const override {
    return contacts_.Count(context) == 2 ? 1.0 : 0.0;
  }

 private:
  GripContacts contacts_;
};

struct LiftedParams : GripParams {
  double rest_height = 0.02;
  double height = 0.08;
  void Describe(Fields& f) {
    DescribeGrip(f);
    f.Field("rest_height", rest_height,
            {.help = "height of the object's centre at rest", .unit = "m"});
    f.Field("height", height, {.help = "lift that counts as one", .unit = "m", .min = 1e-4});
  }
};

class Lifted : public env::RewardTerm {
 public:
  using Params = LiftedParams;
  Lifted(const Params& params, const Model& model)
      : contacts_(model, params.object, params.fingers),
        object_(model, "object", params.object),
        params_(params) {}
  double Value(const TermContext& context) const override {
    if (contacts_.Count(context) < 2) return 0.0;
    const double z = object_.position(context.data)[2] - params_.rest_height;
    return std::clamp(z / params_.height, 0.0, 1.0);
  }

 private:
  GripContacts contacts_;
  Frame object_;
  Params params_;
};

struct CarriedParams : GripParams {
  std::string target;
  double scale = 0.1;
  double distance = 0.03;
  void Describe(Fields& f) {
    DescribeGrip(f);
    f.Field("target", target, {.help = "the target's body"});
    f.Field("scale", scale, {.help = "distance that counts as one", .unit = "m", .min = 1e-6});
    f.Field("distance", distance,
            {.help = "within this the object needs not be held", .unit = "m", .min = 0});
  }
};

class Carried : public env::RewardTerm {
 public:
  using Params = CarriedParams;
  Carried(const Params& params, const Model& model)
      : contacts_(model, params.object, params.fingers),
        object_(model, "object", params.object),
        target_(model, "target", params.target),
        params_(params) {}
  double Value(const TermContext& context) const override {
    const double d = object_.DistanceTo(target_, context.data);
    if (d > params_.distance && contacts_.Count(context) < 2) return 0.0;
    return 1.0 - std::tanh(d / params_.scale);
  }

 private:
  GripContacts contacts_;
  Frame object_, target_;
  Params params_;
};

struct PlacedParams : GripParams {
  std::string target;
  double distance = 0.03;
  int steps = 5;
  void Describe(Fields& f) {
    DescribeGrip(f);
    f.Field("target", target, {.help = "the target's body"});
    f.Field("distance", distance,
            {.help = "the most distance from the target's centre", .unit = "m", .min = 0});
    f.Field("steps", steps, {.help = "control steps in a row it must hold", .min = 1, .max = 1e6});
  }
};

class Placed : public env::TerminationTerm {
 public:
  using Params = PlacedParams;
  Placed(const Params& params, const Model& model)
      : contacts_(model, params.object, params.fingers),
        object_(model, "object", params.object),
        target_(model, "target", params.target),
        params_(params) {}
  int memory_size() const override { return 1; }
  bool Holds(const TermContext& context) const override {
    const bool placed = object_.DistanceTo(target_, context.data) <= params_.distance &&
                        contacts_.Count(context) == 0;
    double& streak = context.memory[0];
    streak = placed ? streak + 1 : 0;
    return streak >= params_.steps;
  }

 private:
  GripContacts contacts_;
  Frame object_, target_;
  Params params_;
};

struct FellParams {
  std::string object;
  double height = -0.1;
  void Describe(Fields& f) {
    f.Field("object", object, {.help = "the object's body"});
    f.Field("height", height, {.help = "below this it has fallen off the table", .unit = "m"});
  }
};

class Fell : public env::TerminationTerm {
 public:
  using Params = FellParams;
  Fell(const Params& params, const Model& model)
      : object_(model, "object", params.object), height_(params.height) {}
  bool Holds(const TermContext& context) const override {
    return object_.position(context.data)[2] < height_;
  }

 private:
  Frame object_;
  double height_;
};

}  // namespace

void AddManipulationTerms(env::TermLibrary& library) {
  env::AddTerm<Grasped>(library.rewards, "grasped", "1 while both fingers touch the object");
  env::AddTerm<Lifted>(library.rewards, "lifted", "height of the held object, in [0, 1]");
  env::AddTerm<Carried>(library.rewards, "carried",
                        "nearness of the held (or arrived) object to its target, in [0, 1]");
  env::AddTerm<Placed>(library.terminations, "placed",
                       "the object rests released at its target for some control steps in a row");
  env::AddTerm<Fell>(library.terminations, "fell", "the object fell off the table");
}

}  // namespace simscale::tasks
