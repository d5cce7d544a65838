#pragma once

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "simscale/policy/ppo/gaussian_policy.h"
#include "simscale/rl/config.h"

namespace simscale::rl {

/// The value function V of the policy's features and of privileged numbers that it alone sees
/// (asymmetric critic, Pinto et al., 2018): an MLP of its own, with encoders of its own, or one
/// layer on the policy's last hidden one. Not part of the policy: who acts needs it not.
class Critic : public torch::nn::Module {
 public:
  Critic(const policy::PolicySpec& spec, const policy::GaussianConfig& policy,
         const PpoConfig& config, int num_privileged);

  /// features [B, F], images and hidden as GaussianPolicy's, privileged [B, P] raw -> [B].
  /// hidden is read only if shares_trunk().
  torch::Tensor Value(const torch::Tensor& features, const torch::Tensor& hidden,
                      const std::vector<torch::Tensor>& images, const torch::Tensor& privileged);
  /// What the network reads: x [B, F] and the normalised privileged numbers -> [B, F + P].
  torch::Tensor WithPrivileged(const torch::Tensor& x, const torch::Tensor& privileged) const;
  policy::Mlp& net() { return net_; }
  bool shares_trunk() const { return shares_trunk_; }
  int num_privileged() const { return num_privileged_; }
  void SetPrivilegedStatistics(const policy::StateStatistics& statistics, double std_floor);
  void InitializeOrthogonally();

 private:
  bool shares_trunk_;
  int num_privileged_;
  double clip_;
  std::unique_ptr<policy::ObservationFeatures>
      encoders_;  ///< null unless it has pictures of its own
  policy::Mlp net_{nullptr};
  torch::Tensor mean_, std_;  ///< [P] buffers of the privileged numbers
};

}  // namespace simscale::rl
