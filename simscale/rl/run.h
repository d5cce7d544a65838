#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "simscale/env/task.h"
#include "simscale/rl/config.h"
#include "simscale/train/run.h"

/// Reinforcement learning for those who only start it (the command line); free of torch headers.
namespace simscale::rl {

/// What a run shows of itself after each update.
struct Status {
  int64_t step = 0, total_steps = 0;  ///< of all environments together
  int64_t update = 0;
  double steps_per_second = 0;  ///< since the run (or its resumption) began
  double success = -1, mean_return = 0, mean_length = 0;  ///< of recent training episodes; -1: none
  bool evaluated = false;
  double eval_success = -1, eval_return = 0;  ///< of the latest evaluation; -1: the task has none
  double best_success = -1;
  double kl = 0, lr = 0, std = 0, explained_variance = 0;
  std::vector<std::pair<std::string, double>> time_split;    ///< shares of the time, sum 1
  std::vector<std::pair<std::string, double>> reward_terms;  ///< means over recent episodes
};

struct RlOptions {
  bool resume = false, overwrite = false;
  int64_t stop_after = 0;  ///< leave (as on Ctrl-C) once this step is done; 0: never. For tests.
  std::function<void(const Status&)> watch;  ///< in place of the line of progress
  /// The processes that learn together, each with config.num_envs environments of its own; null:
  /// this one alone. Rank 0 evaluates, writes and reports.
  std::shared_ptr<dist::Communicator> ranks = nullptr;
  std::filesystem::path profile = {};  ///< a Chrome trace of two updates goes there; empty: none
  int ranks_here = 1;                  ///< of them on this machine: they share its cores
};

/// One evaluation of a run.
struct EvalPoint {
  int64_t step = 0;
  double seconds = 0;  ///< of simulation and learning in this call until then
  train::EvalResult result;
};

struct RlResult : train::RunResult {
  bool has_success = true;  ///< false: the task knows none, and returns alone count
  double best_return = 0;
  double steps_per_second = 0;         ///< of this call, simulation and learning alone
  std::vector<EvalPoint> evaluations;  ///< of this call
  std::vector<std::pair<std::string, double>> time_seconds;  ///< where this call's time went
};

/// Trains a policy in environments of the task into the run folder config.save_path, which is that
/// of a training (train/run.h): checkpoints, metrics, curves. Exact likewise: equal settings and
/// build on one class of CPU give equal bits, interrupted or not, for any number of threads.
/// Throws UserError for bad settings and a run folder that exists.
RlResult RunRl(const RlConfig& config, std::shared_ptr<const env::Task> task,
               const RlOptions& options, const train::TrainHooks& hooks);

}  // namespace simscale::rl
