#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/env/agent.h"
#include "simscale/train/config.h"
#include "simscale/train/sink.h"

namespace simscale::dist {
class Communicator;
}

/// Training for those who only start it (the command line); free of torch headers.
namespace simscale::train {

/// The closed-loop evaluation that the loop asks for.
struct EvalRequest {
  std::string env_name;
  int n_episodes = 0;
  uint64_t seed =
      0;  ///< to be used as it is: episodes {seed, 0 .. n_episodes - 1}. Differs from the
          ///< seeds of `simscale datagen` and `simscale eval` under the same --seed.
  int64_t step = 0;
  int videos = 0;                   ///< of the first episodes
  std::filesystem::path video_dir;  ///< where they go
};

struct EvalResult {
  int n_episodes = 0;
  int successes = 0;
  double success_rate = 0;
  double ci_low = 0, ci_high = 1;  ///< Wilson, 95 %
  double mean_return = 0, mean_length = 0;
  /// What each reward term gave over an episode, weighted; in the mean.
  std::vector<std::pair<std::string, double>> mean_reward_terms = {};
  std::vector<Video> videos = {};
};

/// What the loop gets from above it.
struct TrainHooks {
  /// Runs the agent in environments; empty: no closed-loop evaluation, `best` goes by validation
  /// loss.
  std::function<EvalResult(env::Agent& agent, const EvalRequest& request)> evaluate;
};

struct TrainOptions {
  bool resume = false;     ///< go on with what lies in checkpoint_dir; nothing there: start
  bool overwrite = false;  ///< delete the run that lies in checkpoint_dir first
  /// The processes that train together, each with a part of every batch; null: this one alone. All
  /// call RunTraining with the same settings; rank 0 evaluates, writes and reports.
  std::shared_ptr<dist::Communicator> ranks = nullptr;
  std::filesystem::path profile =
      {};  ///< a Chrome trace of ten steps goes there (train/step_profiler.h); empty: none
  int64_t stop_after = 0;  ///< leave (as on Ctrl-C) once this step is done; 0: never. For tests.
};

/// The best checkpoint so far.
struct BestSoFar {
  int64_t best_step = -1;    ///< -1: none yet
  double best_success = -1;  ///< -1: no evaluation was run
  double best_ci_low = 0, best_ci_high = 1;

  /// The checkpoint of `step` is it. evaluation: nullptr if none was run.
  void Take(int64_t step, const EvalResult* evaluation) {
    best_step = step;
    if (!evaluation) return;
    best_success = evaluation->success_rate;
    best_ci_low = evaluation->ci_low;
    best_ci_high = evaluation->ci_high;
  }
};

/// What a call that learned has to say.
struct RunResult : BestSoFar {
  std::filesystem::path run_dir;
  int64_t step = 0;           ///< steps done in all
  bool finished = false;      ///< false: interrupted; what to type next has been logged
  bool already_done = false;  ///< --resume found nothing left to do
  double seconds = 0;         ///< of this call
};

struct TrainResult : RunResult {
  double validation_loss = -1;
};

/// Trains config.policy on config.dataset into the run folder config.checkpoint_dir:
/// `step_<n>/`, links `latest` and `best`, `config.yaml`, `metrics.jsonl`, `tensorboard/`.
/// Exact: equal config, dataset and build on one class of CPU give equal bits, interrupted or not.
/// Ends early on an interrupt (see common/interrupt.h) once the step at hand is done and saved.
/// Throws UserError for bad settings, a dataset that doesn't fit, a run folder that exists.
TrainResult RunTraining(const TrainConfig& config, const TrainOptions& options = {},
                        const TrainHooks& hooks = {});

}  // namespace simscale::train
