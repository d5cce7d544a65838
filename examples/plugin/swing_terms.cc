// Terms that the library does not have: an observation with a memory, a reward, and a reset.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "simscale/plugin/plugin.h"

namespace {

using simscale::ThrowUser;
using simscale::config::Fields;
using simscale::env::ObservationTerm;
using simscale::env::ResetContext;
using simscale::env::ResetTerm;
using simscale::env::RewardTerm;
using simscale::env::TermContext;
using simscale::sim::Model;

/// A hinge's or slide's address in qpos. Names are looked up here, once, and not while stepping.
int ScalarJointAddress(const Model& model, const std::string& joint) {
  const std::vector<int> ids = simscale::env::FindScalarJoints(model, "joint", {joint});
  return model->jnt_qposadr[ids.front()];
}

/// The last positions of a joint, the newest first, rad or m. Terms are const and shared by all
/// environments: what one remembers of an environment lies in that one's context.memory. A step's
/// Write may be called again (when a state is restored), so each step has its own place there.
class JointHistory : public ObservationTerm {
 public:
  struct Params {
    std::string joint;
    int steps = 4;
    void Describe(Fields& f) {
      f.Field("joint", joint, {.help = "name of a hinge or slide joint"});
      f.Field("steps", steps, {.help = "how many positions", .min = 1, .max = 1000});
    }
  };
  JointHistory(const Params& params, const Model& model)
      : address_(ScalarJointAddress(model, params.joint)), steps_(params.steps) {}

  int size() const override { return steps_; }
  int memory_size() const override { return steps_; }
  void Start(const TermContext& context) const override {
    std::ranges::fill(context.memory, context.data->qpos[address_]);
  }
  void Write(const TermContext& context, std::span<double> out) const override {
    const auto place = [&](int ago) {
      return static_cast<size_t>((context.step + steps_ - ago) % steps_);
    };
    context.memory[place(0)] = context.data->qpos[address_];
    for (int ago = 0; ago < steps_; ++ago) {
      out[static_cast<size_t>(ago)] = context.memory[place(ago)];
    }
  }

 private:
  int address_, steps_;
};

/// exp(-((E - energy) / scale)^2) of one body's kinetic and potential energy E, in (0, 1].
class EnergyNear : public RewardTerm {
 public:
  struct Params {
    std::string body;
    double energy = 0, scale = 1;
    void Describe(Fields& f) {
      f.Field("body", body, {.help = "name of a body"});
      f.Field("energy", energy, {.help = "best energy, 0 at rest at height 0", .unit = "J"});
      f.Field("scale", scale, {.help = "error that costs all but 37 %", .unit = "J", .min = 1e-6});
    }
  };
  EnergyNear(const Params& params, const Model& model)
      : body_(model.Id(mjOBJ_BODY, params.body)), energy_(params.energy), scale_(params.scale) {
    if (model->body_mass[body_] == 0) ThrowUser("body: '", params.body, "' has no mass");
  }

  double Value(const TermContext& context) const override {
    const mjModel* model = context.model;  // this environment's own, if masses are randomised
    double velocity[6];                    // rotation, then translation, in the axes of its inertia
    mj_objectVelocity(model, context.data, mjOBJ_BODY, body_, velocity, 1);
    const double mass = model->body_mass[body_];
    double energy = -mass * mju_dot3(model->opt.gravity, context.data->xipos + 3 * body_);
    energy += 0.5 * mass * mju_dot3(velocity + 3, velocity + 3);
    for (int i = 0; i < 3; ++i) {
      energy += 0.5 * model->body_inertia[3 * body_ + i] * velocity[i] * velocity[i];
    }
    const double error = (energy - energy_) / scale_;
    return std::exp(-error * error);
  }

 private:
  int body_;
  double energy_, scale_;
};

/// Sets a joint to one of the given positions, each as likely as the others.
class JointChoice : public ResetTerm {
 public:
  struct Params {
    std::string joint;
    std::vector<double> values;
    void Describe(Fields& f) {
      f.Field("joint", joint, {.help = "name of a hinge or slide joint"});
      f.Field("values", values, {.help = "positions to choose from", .unit = "rad or m"});
    }
  };
  JointChoice(const Params& params, const Model& model)
      : address_(ScalarJointAddress(model, params.joint)), values_(params.values) {
    if (values_.empty()) ThrowUser("values: at least one is needed, got none");
  }
  void Apply(ResetContext& context) const override {
    context.data->qpos[address_] = values_[context.rng.Below(values_.size())];
  }

 private:
  int address_;
  std::vector<double> values_;
};

}  // namespace

SIMSCALE_PLUGIN(library) {
  using simscale::env::AddTerm;
  AddTerm<JointHistory>(library.observations, "joint_history",
                        "a joint's last positions, the newest first, rad or m [steps]");
  AddTerm<EnergyNear>(library.rewards, "energy_near",
                      "exp(-((E - energy) / scale)^2) of a body's energy E, in (0, 1]");
  AddTerm<JointChoice>(library.resets, "joint_choice", "a joint at one of the given positions");
}
