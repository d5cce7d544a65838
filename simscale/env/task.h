#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/env/agent.h"
#include "simscale/env/cameras.h"
#include "simscale/env/randomization/model_overlay.h"
#include "simscale/env/randomization/randomization.h"
#include "simscale/env/signal.h"
#include "simscale/env/task_config.h"
#include "simscale/env/term.h"
#include "simscale/sim/controller.h"

namespace simscale::env {

/// A task compiled once: model, controller and terms, const and shared by environments and threads.
class Task {
 public:
  template <class Base>
  struct Entry {
    std::string name;
    std::unique_ptr<Base> term;
    double weight = 1;      ///< rewards
    bool success = false;   ///< terminations: this one is the task's success
    int memory_offset = 0;  ///< of its memory in the environment's term memory
    Signal signal;          ///< observations and rewards
    int signal_offset = 0;  ///< of the signal's memory, likewise
    int key = 0;            ///< observations: index of the key
    int offset = 0;         ///< observations: place in the key; info: place in the info values
  };

  /// Throws UserError for unknown terms (with the nearest name), parameters or model names, and for
  /// a control rate that is no whole number of physics steps, or RK4 without stepping: mj_step.
  Task(TaskConfig config, const TermLibrary& library);

  const TaskConfig& config() const { return config_; }
  const std::string& name() const { return config_.name; }
  const sim::Model& model() const { return model_; }
  const sim::Controller& controller() const { return *controller_; }
  int frame_skip() const { return frame_skip_; }
  /// Of the nominal model, s.
  double control_dt() const { return frame_skip_ * model_->opt.timestep; }
  bool steps_like_mujoco() const { return config_.stepping == "mj_step"; }
  bool float64() const { return config_.observation_dtype == "float64"; }
  bool needs_contact_forces() const { return needs_contact_forces_; }
  int action_dim() const { return controller_->action_dim(); }
  int term_memory_size() const { return term_memory_size_; }
  /// Those of the terms, then the cameras'.
  const std::vector<ObservationSpec>& observation_specs() const { return observation_specs_; }
  const Cameras& cameras() const { return *cameras_; }
  /// Named numbers of `info` and how many each has; num_info in all.
  const std::vector<ObservationSpec>& info_specs() const { return info_specs_; }
  int num_info() const { return num_info_; }

  const std::vector<Entry<ObservationTerm>>& observations() const { return observations_; }
  const std::vector<Entry<RewardTerm>>& rewards() const { return rewards_; }
  const std::vector<Entry<TerminationTerm>>& terminations() const { return terminations_; }
  const std::vector<Entry<ResetTerm>>& resets() const { return resets_; }
  const std::vector<Entry<ObservationTerm>>& info() const { return info_; }
  const Signal& action_signal() const { return action_signal_; }
  int action_signal_offset() const { return action_signal_offset_; }

  const Randomization& randomization() const { return *randomization_; }
  /// Where randomised values go in the model; null unless randomisation changes the model.
  const ModelOverlay* overlay() const { return overlay_.get(); }

  /// The resolved task file as YAML: what is stored with datasets, checkpoints and reports.
  std::string ResolvedYaml() const;
  /// The term table that `simscale list-envs NAME` prints.
  std::string TermTable() const;

 private:
  template <class Base, class Config>
  std::vector<Entry<Base>> Build(const std::string& section,
                                 const std::vector<std::pair<std::string, Config>>& configs,
                                 const std::vector<TermType<Base>>& types);
  void CheckStepping();
  void PlaceObservations();
  int TakeMemory(int size);

  TaskConfig config_;
  sim::Model model_;
  std::unique_ptr<sim::Controller> controller_;
  int frame_skip_ = 1;
  int term_memory_size_ = 0;
  int num_info_ = 0;
  bool needs_contact_forces_ = false;
  std::vector<Entry<ObservationTerm>> observations_, info_;
  std::vector<Entry<RewardTerm>> rewards_;
  std::vector<Entry<TerminationTerm>> terminations_;
  std::vector<Entry<ResetTerm>> resets_;
  std::vector<ObservationSpec> observation_specs_, info_specs_;
  Signal action_signal_;
  int action_signal_offset_ = 0;
  std::unique_ptr<Cameras> cameras_;
  std::unique_ptr<Randomization> randomization_;
  std::unique_ptr<ModelOverlay> overlay_;
};

}  // namespace simscale::env
