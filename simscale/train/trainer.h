#pragma once

#include <torch/torch.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "simscale/common/stopwatch.h"
#include "simscale/policy/checkpoint.h"
#include "simscale/policy/policy.h"
#include "simscale/train/learning.h"
#include "simscale/train/memory_dataset.h"
#include "simscale/train/metrics.h"
#include "simscale/train/model.h"
#include "simscale/train/picture_feed.h"
#include "simscale/train/ranks.h"
#include "simscale/train/run.h"
#include "simscale/train/run_dir.h"
#include "simscale/train/sampler.h"
#include "simscale/train/step_profiler.h"

namespace simscale::train {

/// The training loop over one policy and one dataset in memory.
///
/// After each step comes what is due at it: a record of the metrics, the validation loss, the
/// closed-loop evaluation, a checkpoint; all of the averaged (EMA) weights. Everything that the
/// next step depends on is in the checkpoint, so a resumed run continues with the same bits.
///
/// On several processes each rank learns from its part of a step's batch_size * accumulate * size()
/// windows; rank 0 alone evaluates and reports, and writes all but its peers' parts of a sharded
/// model.
class Trainer {
 public:
  /// Loads the dataset, builds or restores everything. Throws as RunTraining says.
  Trainer(const TrainConfig& config, const TrainOptions& options, const TrainHooks& hooks);

  /// Trains to the last step, or to the first one after an interrupt.
  TrainResult Run();

  const policy::Policy& policy() const { return model_->policy(); }
  const LoopState& state() const { return state_; }

 private:
  struct Due {
    bool validate = false, evaluate = false, save = false;
  };
  /// The windows of one step, of all ranks, and where the sampler stands after them.
  struct Planned {
    std::vector<int64_t> windows;
    int64_t epoch = 0, offset = 0;
  };
  void LoadDataset();
  std::vector<SampleGroup> TrainingGroups(const Sources& sources,
                                          const std::vector<int64_t>& held_out) const;
  void BuildModel();
  /// On rank 0: where the loop stood, and the generators of all ranks that the run had, one after
  /// the other.
  void ReadState(const std::filesystem::path& checkpoint, std::string* generators);
  /// All ranks take the model and what rank 0 has read.
  void Restore(const std::filesystem::path& checkpoint, std::string generators);

  void Step();
  /// The next step's. The pictures of some steps more are being read by then.
  Planned NextWindows();
  /// Where this rank's windows begin for micro-batch `micro`.
  int64_t FirstOfPart(int micro) const;
  /// This rank's part of them for micro-batch `micro`, and the part's share of the loss, in ranks.
  torch::Tensor PartOf(const torch::Tensor& windows, int micro, torch::Tensor* weight) const;
  /// Pictures and histograms, where this step shows some.
  void Show(const policy::Batch& batch);
  void Log();
  double ValidationLoss();
  Due DueNow() const;
  bool Interrupted();
  /// Rank 0 takes what all ranks summed for the next record: a checkpoint then holds it.
  void FoldSums();
  /// Does what is due at this step. Returns false if an interrupt came; then all is saved.
  bool RunDue();
  /// Records the validation loss and evaluates, on rank 0. averaged: null: no evaluation. Returns
  /// false if an interrupt cut it short.
  bool Judge(const std::shared_ptr<policy::Policy>& averaged, EvalResult* evaluation);
  bool IsBest(const EvalResult* evaluation) const;
  void Save(double success_rate, bool best, const policy::NamedTensors& generators);
  /// Each rank writes its part of the model beside the checkpoint that is to come.
  void WriteParts(const ModelTensors& tensors, policy::CheckpointContent* content);
  policy::CheckpointInfo Info(double success_rate) const;

  TrainConfig config_;
  TrainOptions options_;
  TrainHooks hooks_;
  Ranks ranks_;
  std::unique_ptr<FolderLock> lock_;  ///< of the run folder
  torch::Device device_;
  std::string dataset_hash_, model_hash_, task_config_, mujoco_version_, env_name_;
  MemoryDataset dataset_;
  std::unique_ptr<PictureFeed> pictures_;  ///< null: the policy sees none
  std::vector<int64_t> train_steps_, validation_steps_;
  std::unique_ptr<ShuffledSampler> sampler_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Metrics> metrics_;
  StepProfiler profiler_;
  LoopState state_;
  torch::Tensor
      sums_;  ///< [4] since the last record: loss, grad norm, skipped; steps skipped in a row
  std::deque<Planned> planned_;  ///< drawn ahead
  double last_loss_ = 0, last_success_ = -1;
  Stopwatch clock_;
  TimeSplit times_;
  SplitPerStep split_;
  double logged_seconds_ = 0;
};

}  // namespace simscale::train
