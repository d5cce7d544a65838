#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "simscale/data/episode.h"
#include "simscale/env/episode_runner.h"

namespace simscale::datagen {

/// Writes down what happens in each row and hands over whole episodes as they end, arrays as
/// data::Episode documents them. Threads: the caller's of RunEpisodes.
class Recorder {
 public:
  Recorder(const env::BatchedEnv& env, bool with_intended);

  void OnReset(const env::BatchedEnv& env, int row);
  void BeforeStep(const env::BatchedEnv& env, const env::Agent& agent,
                  std::span<const float> action_NA);
  /// The finished episode of `outcome.row`.
  data::Episode Finish(const env::BatchedEnv& env, const env::EpisodeOutcome& outcome);
  void AfterStep(const env::BatchedEnv& env);

 private:
  struct Row {
    int64_t length = 0;
    std::vector<std::vector<std::byte>> observations;  ///< [key], T rows of it
    std::vector<float> actions, intended, rewards;
    std::vector<double> states, randomization;
  };

  std::string language_;
  std::vector<env::ObservationSpec> specs_;
  std::vector<double> action_low_, action_high_;
  size_t action_dim_, state_dim_, num_values_;
  bool with_intended_;
  std::vector<Row> rows_;
  std::vector<double> state_;
};

}  // namespace simscale::datagen
