#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace simscale::datagen {

struct ReplayOptions {
  int num_envs = 16;
  int threads = 0;                ///< 0: all cores
  std::vector<std::string> task;  ///< overrides of the task that the file holds
};

/// What playing a dataset's actions again gave.
struct ReplayReport {
  int64_t episodes = 0, steps = 0;
  int64_t exact_episodes = 0;     ///< every stored state, and the final one, equal bit for bit
  int64_t exact_steps = 0;        ///< states that are equal bit for bit
  int64_t same_outcomes = 0;      ///< episodes that end as they did (success, length)
  double largest_difference = 0;  ///< of any state's entry
  std::string
      first_difference;  ///< "episode 3 (index 5), step 17, entry 4: stored 0.1, replayed 0.2"
  double seconds = 0;
  bool verified() const { return exact_episodes == episodes && same_outcomes == episodes; }
};

/// Restores each episode's first state, plays its actions, and compares every stored state. Throws
/// UserError if the file's task can't be built or its model differs from the one that made it.
ReplayReport Replay(const std::filesystem::path& path, const ReplayOptions& options);

}  // namespace simscale::datagen
