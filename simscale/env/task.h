#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/agent.h"
#include "simscale/env/term.h"
#include "simscale/sim/controller.h"
#include "simscale/sim/scene.h"

namespace simscale::env {

/// One named term of a task file.
struct TermConfig {
  std::string term;                           ///< a type of the term library
  config::Node params = config::Node::Map();  ///< read by that type
  double weight = 1.0;                        ///< rewards only
  std::string outcome = "failure";            ///< terminations only: success or failure
};
struct ObservationTermConfig : TermConfig {
  void Describe(config::Fields& f);
};
struct RewardTermConfig : TermConfig {
  void Describe(config::Fields& f);
};
struct TerminationTermConfig : TermConfig {
  void Describe(config::Fields& f);
};
struct ResetTermConfig : TermConfig {
  void Describe(config::Fields& f);
};

/// A task file, resolved.
struct TaskConfig {
  std::string name;
  std::string language;
  std::string description;
  std::string expert;  ///< whose plan acts as the scripted expert; "": there is none
  double control_rate = 20;
  int max_episode_steps = 200;
  sim::SceneConfig scene;
  sim::ControllerConfig controller;
  std::vector<std::pair<std::string, ObservationTermConfig>> observations;
  std::vector<std::pair<std::string, RewardTermConfig>> rewards;
  std::vector<std::pair<std::string, TerminationTermConfig>> terminations;
  std::vector<std::pair<std::string, ResetTermConfig>> resets;

  void Describe(config::Fields& f);
  void Validate() const;
};

/// A task compiled once: model, controller and terms, const and shared by environments and threads.
class Task {
 public:
  template <class Base>
  struct Entry {
    std::string name;
    std::unique_ptr<Base> term;
    double weight = 1;
    bool success = false;   ///< terminations: this one is the task's success
    int memory_offset = 0;  ///< of its memory in the environment's term memory
  };

  /// Throws UserError for unknown terms (with the nearest name), parameters or model names, and for
  /// a control rate that is no whole number of physics steps, or the integrator rk4.
  Task(TaskConfig config, const TermLibrary& library);

  const TaskConfig& config() const { return config_; }
  const std::string& name() const { return config_.name; }
  const sim::Model& model() const { return model_; }
  const sim::Controller& controller() const { return *controller_; }
  int frame_skip() const { return frame_skip_; }
  double control_dt() const { return 1.0 / config_.control_rate; }
  int action_dim() const { return controller_->action_dim(); }
  int term_memory_size() const { return term_memory_size_; }
  const std::vector<ObservationSpec>& observation_specs() const { return observation_specs_; }

  const std::vector<Entry<ObservationTerm>>& observations() const { return observations_; }
  const std::vector<Entry<RewardTerm>>& rewards() const { return rewards_; }
  const std::vector<Entry<TerminationTerm>>& terminations() const { return terminations_; }
  const std::vector<Entry<ResetTerm>>& resets() const { return resets_; }

  /// The resolved task file as YAML: what is stored with datasets, checkpoints and reports.
  std::string ResolvedYaml() const;
  /// The term table that `simscale list-envs NAME` prints.
  std::string TermTable() const;

 private:
  template <class Base, class Config>
  std::vector<Entry<Base>> Build(const std::string& section,
                                 const std::vector<std::pair<std::string, Config>>& configs,
                                 const std::vector<TermType<Base>>& types);

  TaskConfig config_;
  sim::Model model_;
  std::unique_ptr<sim::Controller> controller_;
  int frame_skip_ = 1;
  int term_memory_size_ = 0;
  std::vector<Entry<ObservationTerm>> observations_;
  std::vector<Entry<RewardTerm>> rewards_;
  std::vector<Entry<TerminationTerm>> terminations_;
  std::vector<Entry<ResetTerm>> resets_;
  std::vector<ObservationSpec> observation_specs_;
};

}  // namespace simscale::env
