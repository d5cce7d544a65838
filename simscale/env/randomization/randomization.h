#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/agent.h"
#include "simscale/env/randomization/distribution.h"
#include "simscale/env/randomization/model_overlay.h"
#include "simscale/env/term.h"
#include "simscale/sim/model.h"

namespace simscale::env {

/// One named term of a task file's `randomization:` section.
struct RandomizationTermConfig {
  std::string term;                           ///< a type of the term library
  config::Node params = config::Node::Map();  ///< read by that type
  DistributionConfig distribution;            ///< its fields stand beside `term`
  bool enabled = true;                        ///< false: as if it were not there
  std::string when = "reset";                 ///< reset or interval
  std::vector<double> interval = {1, 1};      ///< s between two draws, uniform in [low, high]
  std::string group;                          ///< terms of one group share their uniform draws
  std::string per = "each";  ///< each: every selected element its own draw; all: one for all

  void Describe(config::Fields& f);
  void Validate() const;
};

/// What a randomisation term writes, and where. Terms are built once a task, const, and shared.
///
/// A term has size() values: elements() x components(), element by element. Each is read, combined
/// with a sample by the distribution's operation and written back, so that terms on the same thing
/// compose in the task file's order.
class RandomizationTerm : public Term {
 public:
  enum class Target {
    kModel,  ///< Read and WriteModel work on a scratch model that starts as the nominal one
    kState,  ///< they work on qpos, qvel or mocap poses, after the reset terms
    kForce,  ///< the samples are forces or kicks that act for hold_seconds() after each draw
  };
  using Operation = Distribution::Operation;

  virtual Target target() const { return Target::kModel; }
  virtual int elements() const = 0;
  virtual int components() const { return 1; }
  int size() const { return elements() * components(); }
  /// Such as "joint1" and "x": they make the value's name. "" where there can be but one.
  virtual std::string element_label(int element) const = 0;
  virtual std::string component_label(int /*component*/) const { return ""; }

  /// Whether the task file names its elements, so that a term without effect is a mistake; else it
  /// is one that serves any robot.
  virtual bool named() const { return true; }

  /// The operations it knows, its default first.
  virtual std::vector<Operation> operations() const {
    return {Operation::kScale, Operation::kAdd, Operation::kSet};
  }
  /// Bounds that every written value is clamped to. A sample that could break them is refused when
  /// the task is built, unless clips(): then that is nothing to worry about.
  virtual double lower_bound() const;
  virtual double upper_bound() const;
  virtual bool clips() const { return false; }
  /// Whole numbers only (a count, a choice of a list).
  virtual bool integer() const { return false; }
  /// The range when the task file gives none; empty: it must.
  virtual std::vector<double> default_range() const { return {}; }
  /// How a value is drawn if not as the task file says for the term (then per must be each).
  virtual std::optional<DistributionConfig> own_distribution(int /*value*/) const { return {}; }

  /// kModel: the pieces of the model that WriteModel changes.
  virtual void Touch(const mjModel* /*model*/, ModelPieces& /*pieces*/) const {}
  /// kModel: what it changes has derived quantities, so that mj_setConst must run.
  virtual bool needs_set_const() const { return false; }

  /// values: [size()]. data is null for kModel.
  virtual void Read(const mjModel* model, const mjData* data, std::span<double> values) const = 0;
  virtual void WriteModel(std::span<const double> /*values*/, mjModel* /*model*/) const {}
  virtual void WriteState(std::span<const double> /*values*/, const mjModel* /*model*/,
                          mjData* /*data*/) const {}

  /// kForce: how long a draw acts; no longer than until the next one, and one step at least.
  virtual double hold_seconds() const { return 0; }
  /// kForce: zeroes the parts of xfrc_applied it writes, then adds its samples to them ([size()],
  /// or [components()] that serve all elements). AddForces returns whether it changed qvel.
  virtual void ClearForces(mjData* /*data*/) const {}
  virtual bool AddForces(std::span<const double> /*samples*/, bool /*one_for_all*/,
                         const mjModel* /*model*/, mjData* /*data*/) const {
    return false;
  }
};

/// A task's randomisation terms, compiled; const, and shared by environments and threads.
///
/// Shapes: P = num_values(), the sampled numbers of one row: what `info` and datasets show, and all
/// that a saved state needs. M = memory_size(), the schedule of interval terms.
/// What a row gets is a function of (task, key, level, step), whatever was drawn before.
class Randomization {
 public:
  Randomization() = default;  ///< nothing is randomised
  /// Throws UserError that begins with "randomization.NAME: " for an unknown term (with the nearest
  /// name), its parameters, names that are not in the model, and samples out of a term's bounds.
  Randomization(const std::vector<std::pair<std::string, RandomizationTermConfig>>& configs,
                const std::vector<TermType<RandomizationTerm>>& library, const sim::Model& model);

  bool empty() const { return entries_.empty(); }
  int num_values() const { return num_values_; }
  int memory_size() const { return memory_size_; }
  /// [P]: "cube_mass", "arm_damping[joint1]", "com[cube.x]". With scale it's the factor, with add
  /// the offset, with set the value itself.
  const std::vector<std::string>& value_names() const { return value_names_; }
  bool changes_model() const { return changes_model_; }
  bool needs_set_const() const { return needs_set_const_; }
  /// Whether SampleInterval and BeforeStep have anything to do.
  bool has_intervals() const { return has_intervals_; }
  bool has_forces() const { return has_forces_; }

  /// A row starts episode `key`. values: [P], memory: [M].
  void SampleReset(const EpisodeKey& key, double level, double control_dt, std::span<double> values,
                   std::span<double> memory) const;
  /// Before a control step; `step` is how many the episode has behind it. Returns whether values of
  /// the model have changed, so that its block must be expanded again.
  bool SampleInterval(const EpisodeKey& key, double level, int step, double control_dt,
                      std::span<double> values, std::span<double> memory) const;

  /// After the reset terms: initial positions and velocities, distractors. Does not run mj_forward.
  /// `model` is the row's. workspace: [workspace_size()], scratch.
  void ApplyToState(std::span<const double> values, const mjModel* model, mjData* data,
                    std::span<double> workspace) const;
  /// After SampleInterval: sets xfrc_applied of the bodies that may be pushed (zero when they are
  /// not), and adds velocity kicks to qvel. Returns whether qvel has changed: with `stepping:
  /// current` velocities derived from it are then out of date, and mj_step1 must run again.
  bool BeforeStep(std::span<const double> values, const mjModel* model, mjData* data) const;

  /// For ModelOverlay: writes to a model that is the nominal one.
  void ApplyToModel(std::span<const double> values, mjModel* model,
                    std::span<double> workspace) const;
  void Touch(const mjModel* model, ModelPieces& pieces) const;
  int workspace_size() const { return workspace_size_; }

  /// The rows of the term table that `simscale list-envs NAME` prints.
  struct Row {
    std::string name, term, distribution;
    int num_values;
  };
  std::vector<Row> Table() const;

 private:
  struct Entry {
    std::string name, type, purpose;
    std::unique_ptr<RandomizationTerm> term;
    std::vector<Distribution> distributions;  ///< one for all, or one a value
    bool interval = false, all = false;
    double interval_low = 0, interval_high = 0;  ///< s
    int offset = 0, count = 0;                   ///< of its samples among the values
    int memory = 0;                              ///< of its schedule; interval terms only
    std::string summary;
  };
  static Entry Build(const std::string& name, const RandomizationTermConfig& config,
                     const std::vector<TermType<RandomizationTerm>>& library,
                     const sim::Model& model);
  void Draw(const Entry& entry, const EpisodeKey& key, double level, int occurrence,
            double control_dt, int step, std::span<double> values, std::span<double> memory) const;
  /// Reads, combines and leaves the values to write in `workspace`.
  std::span<const double> Combine(const Entry& entry, std::span<const double> values,
                                  const mjModel* model, const mjData* data,
                                  std::span<double> workspace) const;

  std::vector<Entry> entries_;
  std::vector<std::string> value_names_;
  int num_values_ = 0, memory_size_ = 0, workspace_size_ = 0;
  bool changes_model_ = false, needs_set_const_ = false;
  bool has_intervals_ = false, has_forces_ = false;
};

/// The types of randomisation terms that any task can use.
std::vector<TermType<RandomizationTerm>> RandomizationTerms();

}  // namespace simscale::env
