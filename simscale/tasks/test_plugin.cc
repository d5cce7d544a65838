// Compiled once for each TEST_PLUGIN_..., see CMakeLists.txt.

#include <stdexcept>

#include "simscale/plugin/plugin.h"

#ifdef TEST_PLUGIN_OTHER_ABI
#undef SIMSCALE_PLUGIN_ABI
#define SIMSCALE_PLUGIN_ABI "simscale 0.0.1-00000000, MuJoCo 2000000, libstdc++"
#endif

namespace {

using simscale::env::AddTerm;

/// Uses a bit of all that a plugin may: parameters, names of the model, its own memory, random
/// numbers.
class Wobble : public simscale::env::ObservationTerm {
 public:
  struct Params {
    std::string joint;
    double gain = 1;
    void Describe(simscale::config::Fields& f) {
      f.Field("joint", joint, {.help = "name of a joint"});
      f.Field("gain", gain, {.help = "factor", .min = 0, .max = 10});
    }
  };
  Wobble(const Params& params, const simscale::sim::Model& model)
      : address_(model.JointQposAddress(params.joint)), gain_(params.gain) {}
  int size() const override { return 2; }
  int memory_size() const override { return 1; }
  void Start(const simscale::env::TermContext& context) const override {
    context.memory[0] = context.rng->Uniform(1, 2);
  }
  void Write(const simscale::env::TermContext& context, std::span<double> out) const override {
    out[0] = gain_ * context.data->qpos[address_];
    out[1] = context.memory[0];
  }

 private:
  int address_;
  double gain_;
};

class Brittle : public simscale::env::RewardTerm {
 public:
  struct Params {
    int what = 0;
    void Describe(simscale::config::Fields& f) { f.Field("what", what, {.help = "to throw"}); }
  };
  Brittle(const Params& params, const simscale::sim::Model&) {
    if (params.what == 1) throw std::out_of_range("there is no such wheel");
    if (params.what == 2) simscale::ThrowUser("what must not be 2, got 2. Try 0.");
  }
  double Value(const simscale::env::TermContext& context) const override {
    if (context.step == 2) throw std::runtime_error("lost the ball");
    return 3;
  }
};

/// A randomisation term that works on the model, so that the host takes its pieces from a plugin.
class Weight : public simscale::env::RandomizationTerm {
 public:
  struct Params {
    std::string body;
    void Describe(simscale::config::Fields& f) { f.Field("body", body, {.help = "of the model"}); }
  };
  Weight(const Params& params, const simscale::sim::Model& model)
      : body_(model.Id(mjOBJ_BODY, params.body)) {}
  int elements() const override { return 1; }
  std::string element_label(int) const override { return ""; }
  double lower_bound() const override { return 0; }
  void Touch(const mjModel* model, simscale::env::ModelPieces& pieces) const override {
    pieces.Add(model->body_gravcomp + body_, 1);
  }
  void Read(const mjModel* model, const mjData*, std::span<double> values) const override {
    values[0] = model->body_gravcomp[body_];
  }
  void WriteModel(std::span<const double> values, mjModel* model) const override {
    model->body_gravcomp[body_] = values[0];
  }

 private:
  int body_;
};

}  // namespace

#ifndef TEST_PLUGIN_NO_ENTRY
SIMSCALE_PLUGIN(library) {
#if defined(TEST_PLUGIN_THROWS_TEXT)
  throw std::runtime_error("the licence\nhas run out");
#elif defined(TEST_PLUGIN_THROWS_NUMBER)
  throw 7;
#elif defined(TEST_PLUGIN_TAKEN_NAME)
  AddTerm<Wobble>(library.observations, "qpos", "taken");
#elif defined(TEST_PLUGIN_EXPRESSION_NAME)
  AddTerm<Brittle>(library.rewards, "expression", "taken, too");
#endif
  AddTerm<Wobble>(library.observations, "wobble", "a joint's position, and a number [2]");
  AddTerm<Brittle>(library.rewards, "brittle", "3, if it does not throw");
  AddTerm<Weight>(library.randomization, "weight", "what holds a body up");
}
#endif
