#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/agent.h"
#include "simscale/env/episode_runner.h"
#include "simscale/env/task.h"
#include "simscale/eval/statistics.h"

namespace simscale::eval {

/// How many episodes are played, and which.
struct EvalConfig {
  int n_episodes = 100;
  uint64_t seed = 0;
  int num_envs = 16;
  int threads = 0;  ///< 0: all cores

  void Describe(config::Fields& f);
};

/// One episode's result; `key` tells its random numbers.
struct EpisodeResult {
  env::EpisodeKey key;
  bool success = false;
  bool non_finite = false;  ///< ended because its state went non-finite
  double episode_return = 0;
  int length = 0;                         ///< control steps
  std::vector<double> reward_terms = {};  ///< [K] what each gave over the episode, weighted
  bool operator==(const EpisodeResult&) const = default;
};

/// What an evaluation found. All but the times is a function of (task, agent, seed, n_episodes).
struct EvalReport {
  std::string env, policy;
  uint64_t seed = 0;  ///< the one that was asked for; episodes carry the derived one
  bool interrupted = false;
  std::vector<EpisodeResult> episodes;  ///< sorted by index: 0, 1, 2, ...
  int64_t successes = 0;
  double success_rate = 0;
  Interval success_ci95;
  double mean_return = 0, std_return = 0, mean_length = 0;
  /// What each reward term gave over an episode, weighted; in the mean.
  std::vector<std::pair<std::string, double>> mean_reward_terms;
  env::RunTimes times;
  std::string task_config;  ///< resolved task, YAML
  std::string model_hash;   ///< SHA-256 of the compiled MuJoCo model
  std::string checkpoint;   ///< folder of a trained policy; empty for others, as is the next
  std::string weights_hash;
  int64_t checkpoint_step = 0;
  std::vector<std::pair<std::string, std::string>> versions;

  double env_steps_per_second() const;
};

/// Threads that `threads` of a config means (0: all cores), at most one a row.
int ResolveThreads(int threads, int num_envs);

/// Rows that Evaluate uses, for agents that are made for a number of rows.
int NumRows(const EvalConfig& config);

/// Plays episodes 0 .. n_episodes - 1 of the evaluation's own seed (DeriveSeed(seed, kEvaluation))
/// with `agent`, which acts for NumRows(config) rows. Results do not depend on num_envs and
/// threads. After an interrupt the report has the episodes 0 .. k - 1 that came before the first
/// unfinished one, so that short episodes don't weigh more. `watcher` may look on (videos); null:
/// nobody. label: of the progress line; "": none.
EvalReport Evaluate(std::shared_ptr<const env::Task> task, env::Agent& agent,
                    const EvalConfig& config, env::EpisodeObserver* watcher = nullptr,
                    const std::string& label = "eval");

/// The same on episodes {seed, 0 .. n_episodes - 1} with the seed as it is.
EvalReport EvaluateWithSeed(std::shared_ptr<const env::Task> task, env::Agent& agent,
                            uint64_t episode_seed, const EvalConfig& config,
                            env::EpisodeObserver* watcher = nullptr,
                            const std::string& label = "eval");

/// The report as JSON (schema 1; docs/cli.md), ended by a newline.
std::string ReportAsJson(const EvalReport& report);
/// A few lines for people.
std::string ReportAsText(const EvalReport& report);

}  // namespace simscale::eval
