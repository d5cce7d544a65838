#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/cameras.h"
#include "simscale/env/curriculum.h"
#include "simscale/env/randomization/randomization.h"
#include "simscale/env/signal.h"
#include "simscale/sim/controller.h"
#include "simscale/sim/scene.h"

namespace simscale::env {

/// What Python's `info` tells of every task; no name for an info term.
inline constexpr std::array<std::string_view, 7> kInfoKeys = {
    "success", "non_finite", "randomization", "level", "final_obs", "final_info", "episode"};

/// One named term of a task file.
struct TermConfig {
  std::string term;                           ///< a type of the term library
  config::Node params = config::Node::Map();  ///< read by that type
  void Describe(config::Fields& f);
};
struct ObservationTermConfig : TermConfig {
  std::string key;  ///< of the observation that it is part of; "": the term's own name
  SignalConfig signal;
  void Describe(config::Fields& f);
  void Validate() const;
};
struct InfoTermConfig : TermConfig {};
struct RewardTermConfig : TermConfig {
  double weight = 1.0;
  SignalConfig signal;
  void Describe(config::Fields& f);
  void Validate() const { signal.Validate(); }
};
struct TerminationTermConfig : TermConfig {
  std::string outcome = "failure";  ///< success or failure
  void Describe(config::Fields& f);
};
struct ResetTermConfig : TermConfig {};

/// A task file, resolved.
struct TaskConfig {
  std::string name;
  std::string language;
  std::string description;
  std::string expert;  ///< whose plan acts as the scripted expert; "": there is none
  double control_rate = 20;
  int frame_skip = 0;  ///< physics steps a control step; 0: as many as control_rate says
  int max_episode_steps = 200;
  /// "current": a physics step is mj_step2, then mj_step1, so that terms see positions, velocities
  /// and contacts of the present state. "mj_step": MuJoCo's own; what it derives from qpos and qvel
  /// is then one physics step old, as in Gymnasium. RK4 needs it.
  std::string stepping = "current";
  std::string observation_dtype = "float32";
  std::string observation_space = "dict";  ///< box: of one key alone
  std::vector<std::string> plugins;        ///< shared libraries with terms of their own
  /// Of the plugins' files when the task was stored; filled in by tasks::MakeTask.
  std::vector<std::string> plugin_sha256;
  sim::SceneConfig scene;
  sim::ControllerConfig controller;
  SignalConfig action;  ///< from the agent to the controller
  std::vector<std::pair<std::string, ObservationTermConfig>> observations;
  Cameras::Configs cameras;    ///< whose pictures are observations, after the others
  CameraLookConfig rendering;  ///< how those are drawn
  std::vector<std::pair<std::string, RewardTermConfig>> rewards;
  std::vector<std::pair<std::string, TerminationTermConfig>> terminations;
  std::vector<std::pair<std::string, ResetTermConfig>> resets;
  std::vector<std::pair<std::string, InfoTermConfig>> info;
  std::string randomize = "none";  ///< the preset that was merged into this task
  std::vector<std::pair<std::string, RandomizationTermConfig>> randomization;
  config::Node presets = config::Node::Map();  ///< name -> partial task, merged over it by name
  CurriculumConfig curriculum;

  void Describe(config::Fields& f);
  void Validate() const;
};

}  // namespace simscale::env
