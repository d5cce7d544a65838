#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simscale/env/agent.h"
#include "simscale/policy/policy.h"

namespace simscale::policy {

/// Drives environments with a policy: keeps each row's observation history, asks the policy for a
/// chunk of actions, executes n_action_steps of it, asks again. A new episode's history is its
/// first observation, repeated.
///
/// The network always runs on `block` rows, padded with zeros: matrix products of another size may
/// round differently, and a row's actions must not depend on how many rows there are.
class PolicyRunner : public env::Agent {
 public:
  struct Options {
    int n_action_steps = 0;  ///< 0: the spec's
    int block = 0;           ///< rows a call; 0: the policy's own choice for the device
  };
  /// Puts the policy into eval mode at each call of Act. Throws UserError for n_action_steps >
  /// horizon.
  PolicyRunner(std::shared_ptr<Policy> policy, torch::Device device, Options options);
  PolicyRunner(std::shared_ptr<Policy> policy, torch::Device device)
      : PolicyRunner(std::move(policy), device, Options()) {}

  std::string name() const override { return policy_->spec().policy; }
  void Reset(int row, const env::EpisodeKey& key) override;
  void Act(const env::ObservationView& observations, std::span<const uint8_t> active,
           std::span<float> action_NA) override;

  const Policy& policy() const { return *policy_; }
  int64_t num_calls() const { return num_calls_; }  ///< of the network, blocks counted

 private:
  struct Row {
    bool fresh = true;                         ///< no observation of the episode seen yet
    int next = 0;                              ///< next action of the chunk
    std::vector<float> history;                ///< [T, S], the present observation last
    std::vector<float> chunk;                  ///< [n_action_steps, A]
    std::vector<std::vector<uint8_t>> images;  ///< of the present step; for rows that wait
  };
  void Bind(const env::ObservationView& observations);
  void Observe(const env::ObservationView& observations, int row);
  void ObserveImages(const env::ObservationView& observations, int row);
  void RunBlocks();

  std::shared_ptr<Policy> policy_;
  torch::Device device_;
  int n_action_steps_, block_, state_dim_, action_dim_;
  std::vector<Row> rows_;
  std::vector<int> waiting_;                  ///< rows that need a new chunk
  std::vector<size_t> key_of_, image_of_;     ///< places of the spec's keys in the view
  torch::Tensor staging_;                     ///< [block, T, S] on the CPU, reused
  std::vector<torch::Tensor> image_staging_;  ///< [block, H, W, 3] each
  int64_t num_calls_ = 0;
};

}  // namespace simscale::policy
