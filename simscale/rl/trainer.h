#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "simscale/common/file.h"
#include "simscale/common/stopwatch.h"
#include "simscale/rl/collector.h"
#include "simscale/rl/learner.h"
#include "simscale/rl/run.h"
#include "simscale/rl/running_statistics.h"
#include "simscale/train/learning.h"
#include "simscale/train/metrics.h"
#include "simscale/train/step_profiler.h"

namespace simscale::rl {

/// Where a run stands, beside what tensors hold: state.json of a checkpoint.
struct LoopState : train::BestSoFar {
  int64_t step = 0, update = 0;
  double lr = 0;  ///< the adaptive one
  int64_t bad_steps = 0, quarantined = 0;
  bool due_done = true;  ///< false: this step's evaluation is still to be done
  double best_return = 0;
};
std::string LoopStateToJson(const LoopState& state);
/// Throws UserError that begins with `where` for bad text.
LoopState LoopStateFromJson(const std::string& json, const std::string& where);

/// The loop: collect, learn, and what is due: metrics, evaluation, a checkpoint. Everything that
/// the next update depends on is in the checkpoint, environments included.
class Trainer {
 public:
  Trainer(const RlConfig& config, std::shared_ptr<const env::Task> task, const RlOptions& options,
          const train::TrainHooks& hooks);
  RlResult Run();
  bool is_main() const { return ranks_.is_main(); }

 private:
  void BuildModel();
  /// All ranks take what rank 0 reads.
  void Restore(const std::filesystem::path& checkpoint);
  void RestoreEnvironments(const policy::SafetensorsFile& file);
  /// What each rank's rows of a state are, of all ranks.
  torch::Tensor OfAllRanks(const torch::Tensor& rows);
  std::vector<RunningStatistics> OfAllRanks(const RunningStatistics& statistics);
  policy::NamedTensors OptimizerState();

  void Update();
  std::vector<float> Rewards();  ///< [T * N] of the rollout, scaled; truncations bootstrapped
  Experience Prepare();
  torch::Tensor Values(const torch::Tensor& state, const std::vector<torch::Tensor>& images,
                       const torch::Tensor& privileged);
  void UpdateNormalizers();
  double LearningRate() const;
  double Share() const;  ///< of the run that is done
  void Record(const UpdateStatistics& statistics, double lr);
  void CheckHealth(const UpdateStatistics& statistics) const;
  bool RunDue(int64_t before);
  bool Evaluate(train::EvalResult* result);
  EpisodeSums TakeEpisodes();    ///< of all ranks
  double SecondsOfWork() const;  ///< without evaluations and checkpoints
  bool IsBest(const train::EvalResult* evaluation) const;
  void Save(double success_rate, bool best);
  void DrawRun();  ///< curves.svg and curves.png
  bool Interrupted();

  RlConfig config_;
  std::shared_ptr<const env::Task> task_;
  bool has_success_;
  RlOptions options_;
  train::TrainHooks hooks_;
  train::Ranks ranks_;
  std::unique_ptr<FolderLock> lock_;
  torch::Device device_;
  int threads_;
  std::unique_ptr<Collector> collector_;
  std::shared_ptr<policy::GaussianPolicy> policy_;
  std::shared_ptr<Critic> critic_;
  std::unique_ptr<PpoLearner> learner_;
  RunningStatistics observation_statistics_, privileged_statistics_;
  RewardScaler reward_scaler_;
  bool fixed_normalizer_ = false;  ///< the one of the policy that the run started from
  Rollout rollout_;
  std::unique_ptr<train::Metrics> metrics_;
  train::SplitPerStep split_;
  train::StepProfiler profiler_;
  LoopState state_;
  Status status_;
  Stopwatch clock_;
  TimeSplit times_;
  std::vector<EvalPoint> evaluations_;
  double logged_seconds_ = 0;
};

}  // namespace simscale::rl
