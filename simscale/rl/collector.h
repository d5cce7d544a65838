#pragma once

#include <torch/torch.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simscale/common/stopwatch.h"
#include "simscale/env/batched_env.h"
#include "simscale/policy/ppo/gaussian_policy.h"
#include "simscale/rl/observation_stack.h"

namespace simscale::rl {

/// What T steps of N rows gave. Tensors on the CPU; T * N steps in the order of time.
struct Rollout {
  torch::Tensor state;                ///< [T, N, To, S] float32, as observed
  std::vector<torch::Tensor> images;  ///< [T, N, H, W, 3] uint8
  torch::Tensor privileged;           ///< [T, N, P]
  torch::Tensor u, mean;              ///< [T, N, A]
  torch::Tensor log_std;              ///< [T, N, A], or [A] where it is a parameter
  std::vector<double> reward;         ///< [T * N]
  std::vector<uint8_t> done;          ///< [T * N] terminated or truncated
  /// Steps that the time limit ended, t * N + row, and the true last observation of each.
  std::vector<int64_t> truncated;
  std::vector<float> truncated_state, truncated_privileged;  ///< [K, To, S], [K, P]
  std::vector<std::vector<uint8_t>> truncated_images;        ///< [K, H, W, 3] of each picture
};

/// Episodes that ended, in sums.
struct EpisodeSums {
  int64_t episodes = 0, successes = 0, non_finite = 0, total_length = 0;
  double total_return = 0;
  std::vector<double> reward_terms;  ///< [K] as the task lists them
};

/// Plays the environments with the policy's own noise. Episodes go on from one rollout to the next.
class Collector {
 public:
  Collector(std::shared_ptr<const env::Task> task, const env::BatchedEnvConfig& config,
            const policy::PolicySpec& spec, const std::vector<std::string>& privileged);

  /// Draws the noise of all steps from torch's CPU generator.
  void Collect(policy::GaussianPolicy& policy, torch::Device device, int num_steps,
               Rollout* rollout, TimeSplit* times);

  /// Of the present observation of each row: [N, To, S], [N, P], [N, H, W, 3].
  torch::Tensor state() const;
  torch::Tensor privileged() const;
  std::vector<torch::Tensor> images() const;
  int num_privileged() const { return stack_->num_privileged(); }
  env::BatchedEnv& env() { return env_; }

  /// Sums since the last call.
  EpisodeSums TakeEpisodes();

  /// Everything that the next step depends on, float64 [N, state_dim] and int64 [N, 2].
  struct State {
    torch::Tensor rows, keys;
    torch::Tensor stack;     ///< float32 [N, To, S]
    torch::Tensor episodes;  ///< float64 [N, 2 + K]: the running sums
  };
  State GetState() const;
  void SetState(const State& state);

 private:
  void Account(int row, bool ended);
  env::BatchedEnv env_;
  policy::PolicySpec spec_;
  std::unique_ptr<ObservationStack> stack_;
  size_t num_terms_;
  std::vector<double> running_;  ///< [N, 2 + K] length, return and terms of the episode so far
  EpisodeSums sums_;
};

}  // namespace simscale::rl
