#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <vector>

#include "simscale/common/thread_pool.h"
#include "simscale/rl/direct_gradient.h"
#include "simscale/rl/losses.h"
#include "simscale/train/optimizer.h"

namespace simscale::rl {

/// What one update did, in means over its gradient steps.
struct UpdateStatistics {
  double policy_loss = 0, value_loss = 0, entropy = 0, kl = 0, clip_fraction = 0, grad_norm = 0;
  double explained_variance = 0;  ///< 1 - Var(returns - values) / Var(returns)
  int num_steps = 0;              ///< gradient steps that were made
  int num_bad = 0;                ///< and those that were not: loss or gradient not finite
};

/// Improves a policy and its critic from experience.
///
/// On a CPU each minibatch is cut into shards, whose gradients are computed side by side by copies
/// of the networks that share their weights, and added in order: small networks keep all cores busy
/// that way, and the sums don't depend on how many there are.
class PpoLearner {
 public:
  /// Replaces a tensor by its mean over the processes that learn together.
  using Average = std::function<void(torch::Tensor)>;

  /// average: empty for a process alone.
  PpoLearner(const std::shared_ptr<policy::GaussianPolicy>& policy,
             const std::shared_ptr<Critic>& critic, const PpoConfig& config, int num_threads,
             torch::Device device, Average average = {});

  /// critic_only: the policy stays as it is. Draws the order of the steps from torch's CPU
  /// generator. Ends early past target_kl.
  UpdateStatistics Update(const Experience& experience, double lr, double entropy_coef,
                          bool critic_only);

  train::Optimizer& optimizer() { return *optimizer_; }
  int64_t bad_in_a_row() const { return bad_in_a_row_; }

 private:
  struct Shard {
    std::shared_ptr<policy::GaussianPolicy> policy;
    std::shared_ptr<Critic> critic;
    std::vector<torch::Tensor> parameters;   ///< in the optimiser's order
    std::unique_ptr<DirectGradient> direct;  ///< null: by autograd
    torch::Tensor record;                    ///< its part's, by autograd
  };
  void Learn(Shard& shard, const Experience& part, double share, double entropy_coef,
             bool critic_only);
  /// Moves a shard's gradients into the parameters' own.
  void CollectGradients(Shard& shard);
  /// Gradients and the record, over the processes: one message a step.
  void AverageOverRanks(torch::Tensor* record);
  /// One step of the optimiser. Returns float64 on the CPU: means by LossRecord, then the
  /// gradient's norm, and 1 if the step was not made.
  torch::Tensor GradientStep(const Experience& batch, double lr, double entropy_coef,
                             bool critic_only);

  PpoConfig config_;
  torch::Device device_;
  Average average_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<train::Optimizer> optimizer_;
  std::vector<Shard> shards_;
  ThreadPool pool_;
  int64_t bad_in_a_row_ = 0;
};

}  // namespace simscale::rl
