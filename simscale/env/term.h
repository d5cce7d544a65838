#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "simscale/common/rng.h"
#include "simscale/config/fields.h"
#include "simscale/sim/model.h"

namespace simscale::env {

/// What a term may look at. With `stepping: current` (the default) positions, velocities and
/// contacts of `data` belong to the state of this moment; with `stepping: mj_step` what MuJoCo
/// derives from qpos and qvel belongs to the state one physics step before, as in Gymnasium.
struct TermContext {
  const mjModel* model = nullptr;  ///< the environment's own, randomised values included
  const mjData* data = nullptr;
  std::span<const double> action;           ///< [A] of this step, as executed; zeros at reset
  std::span<const double> previous_action;  ///< [A] of the step before; zeros on the first
  std::span<double> memory;     ///< the term's own numbers of this environment, zero before Start
  double control_dt = 0;        ///< s
  int step = 0;                 ///< control steps of the episode, this one included; 0 at reset
  double level = 1;             ///< the curriculum's, in [0, 1]; 1 without one
  bool success = false;         ///< for rewards: a success termination holds
  bool terminated = false;      ///< for rewards: some termination holds
  bool float32_action = false;  ///< the caller gave float32 numbers
  Rng* rng = nullptr;           ///< in Start alone: the term's own, a function of the episode's key
};

/// Terms are built once a task, const, and shared by all environments and threads.
class Term {
 public:
  virtual ~Term() = default;
  virtual int memory_size() const { return 0; }
  /// Whether it reads cfrc_ext, cfrc_int or cacc, which cost mj_rnePostConstraint once a step.
  virtual bool needs_contact_forces() const { return false; }
  /// An episode starts: its reset terms have been applied and the state is current. Terms that
  /// compare with the step before note the present values in context.memory.
  virtual void Start(const TermContext& /*context*/) const {}
};

/// Writes size() numbers of one observation key (or of info).
class ObservationTerm : public Term {
 public:
  virtual int size() const = 0;
  virtual void Write(const TermContext& context, std::span<double> out) const = 0;
};

/// One number a step, weighted in the task file. Terms say their range in their help.
class RewardTerm : public Term {
 public:
  virtual double Value(const TermContext& context) const = 0;
};

/// Whether the episode ends now.
class TerminationTerm : public Term {
 public:
  virtual bool Holds(const TermContext& context) const = 0;
};

/// What a reset term works on.
struct ResetContext {
  const mjModel* model = nullptr;    ///< the environment's own, randomised values included
  const mjModel* nominal = nullptr;  ///< the task's, as compiled
  mjData* data = nullptr;
  Rng& rng;
  double level = 1;  ///< the curriculum's, in [0, 1]
};

/// Changes the state (qpos, qvel, act, mocap) after MuJoCo's own reset, in the task file's order.
class ResetTerm : public Term {
 public:
  virtual void Apply(ResetContext& context) const = 0;
};

class RandomizationTerm;  // randomization.h

/// What a term is built for: the task's compiled model, and how many numbers an action has.
struct TermScope {
  // NOLINTNEXTLINE(google-explicit-constructor): a model alone will do for most terms
  TermScope(const sim::Model& the_model, int the_action_dim = 0)
      : model(the_model), action_dim(the_action_dim) {}
  const sim::Model& model;
  int action_dim;
};

/// A term type: its name in task files, what it does, its parameters and how it is built.
template <class T>
struct TermType {
  std::string name;
  std::string help;
  std::vector<config::FieldDoc> params;
  std::function<std::unique_ptr<T>(const config::Node& params, const TermScope& scope)> make;
};

/// The term types a task may name; an explicit list, no self-registration.
struct TermLibrary {
  std::vector<TermType<ObservationTerm>> observations;
  std::vector<TermType<RewardTerm>> rewards;
  std::vector<TermType<TerminationTerm>> terminations;
  std::vector<TermType<ResetTerm>> resets;
  std::vector<TermType<RandomizationTerm>> randomization;
};

/// Adds a term type whose constructor is T(const T::Params&, const sim::Model&), or takes a
/// TermScope in the model's place.
template <class T, class Base>
void AddTerm(std::vector<TermType<Base>>& list, std::string name, std::string help) {
  using Params = typename T::Params;
  list.push_back({std::move(name), std::move(help), config::Docs<Params>(),
                  [](const config::Node& node, const TermScope& scope) -> std::unique_ptr<Base> {
                    Params params;
                    config::Read(node, params);
                    if constexpr (std::is_constructible_v<T, const Params&, const TermScope&>) {
                      return std::make_unique<T>(params, scope);
                    } else {
                      return std::make_unique<T>(params, scope.model);
                    }
                  }});
}

/// The terms that any task can use.
TermLibrary CoreTerms();

}  // namespace simscale::env
