#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "simscale/common/rng.h"
#include "simscale/config/fields.h"
#include "simscale/sim/model.h"

namespace simscale::env {

/// What a term may look at. Positions, velocities and contacts of `data` are current.
struct TermContext {
  const mjModel* model = nullptr;
  const mjData* data = nullptr;
  std::span<const float> action;  ///< [A] of this step, clipped to [-1, 1]; zeros at reset
  std::span<double> memory;       ///< the term's own numbers of this environment, zero at reset
  bool success = false;           ///< for rewards: a success termination holds
};

/// Terms are built once a task, const, and shared by all environments and threads.
class Term {
 public:
  virtual ~Term() = default;
  virtual int memory_size() const { return 0; }
};

/// Writes size() floats of one observation key.
class ObservationTerm : public Term {
 public:
  virtual int size() const = 0;
  virtual void Write(const TermContext& context, std::span<float> out) const = 0;
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

/// Changes the state (qpos, qvel, mocap) after MuJoCo's own reset, in the task file's order.
class ResetTerm : public Term {
 public:
  virtual void Apply(const mjModel* model, mjData* data, Rng& rng) const = 0;
};

/// A term type: its name in task files, what it does, its parameters and how it is built.
template <class T>
struct TermType {
  std::string name;
  std::string help;
  std::vector<config::FieldDoc> params;
  std::function<std::unique_ptr<T>(const config::Node& params, const sim::Model& model)> make;
};

/// The term types a task may name; an explicit list, no self-registration.
struct TermLibrary {
  std::vector<TermType<ObservationTerm>> observations;
  std::vector<TermType<RewardTerm>> rewards;
  std::vector<TermType<TerminationTerm>> terminations;
  std::vector<TermType<ResetTerm>> resets;
};

/// Adds a term type whose constructor is T(const T::Params&, const sim::Model&).
template <class T, class Base>
void AddTerm(std::vector<TermType<Base>>& list, std::string name, std::string help) {
  using Params = typename T::Params;
  list.push_back({std::move(name), std::move(help), config::Docs<Params>(),
                  [](const config::Node& node, const sim::Model& model) -> std::unique_ptr<Base> {
                    Params params;
                    config::Read(node, params);
                    return std::make_unique<T>(params, model);
                  }});
}

/// The terms that any task can use.
TermLibrary CoreTerms();

}  // namespace simscale::env
