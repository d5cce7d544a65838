#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "simscale/env/batched_env.h"

namespace simscale::env {

/// How one episode ended.
struct EpisodeOutcome {
  EpisodeKey key;
  int row = 0;
  bool success = false;
  bool terminated = false;
  bool truncated = false;
  bool non_finite = false;
  double episode_return = 0;
  int length = 0;
  /// [K] what each reward term gave over the episode, weighted; valid during the call.
  std::span<const double> reward_terms = {};
};

/// Looks on while episodes run. All calls come from the caller's thread.
class EpisodeObserver {
 public:
  virtual ~EpisodeObserver() = default;
  /// Row `row` has been reset to `key`.
  virtual void OnReset(const BatchedEnv& /*env*/, int /*row*/, const EpisodeKey& /*key*/) {}
  /// Before a step: observations and states are those the actions were chosen on; rows with
  /// active[r] step.
  virtual void BeforeStep(const BatchedEnv& /*env*/, const Agent& /*agent*/,
                          std::span<const float> /*action_NA*/) {}
  /// After a step.
  virtual void AfterStep(const BatchedEnv& /*env*/) {}
  virtual void OnEpisodeEnd(const BatchedEnv& /*env*/, const EpisodeOutcome& /*outcome*/) {}
  /// Return true to stop starting and stepping episodes.
  virtual bool ShouldStop() { return false; }
};

struct RunTimes {
  double seconds = 0, simulate = 0, policy = 0, observe = 0;
  int64_t env_steps = 0;
};

/// Plays episodes over the rows of `env` (autoreset disabled): next_key gives the next one to start
/// or false if there is none; a row that ends takes the next at once. Ends when all have, when the
/// observer says so, or on an interrupt once the step at hand is done.
RunTimes RunEpisodes(BatchedEnv& env, Agent& agent, EpisodeObserver& observer,
                     const std::function<bool(EpisodeKey*)>& next_key);

}  // namespace simscale::env
