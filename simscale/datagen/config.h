#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/tasks/experts.h"

namespace simscale::datagen {

/// What `simscale datagen` is asked for.
struct DatagenConfig {
  std::string env_name = "pick_place";
  std::vector<std::string> task;     ///< overrides of the task file, "scene.timestep=0.002"
  std::vector<std::string> cameras;  ///< of the scene, whose pictures are recorded too
  int n_episodes = 200;
  std::string output;
  std::string policy = "scripted";
  uint64_t seed = 0;
  int num_envs = 16;
  int threads = 0;  ///< 0: all cores
  bool keep_failures = false;
  int max_tries = 0;  ///< 0: 20 * n_episodes + 1000
  bool resume = false;
  bool overwrite = false;
  int compression = 0;
  tasks::ExpertConfig expert;  ///< how the scripted expert departs from its plan

  void Describe(config::Fields& f);
  void Validate() const;
};

}  // namespace simscale::datagen
