#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "simscale/policy/ppo/gaussian_policy.h"
#include "simscale/rl/critic.h"
#include "simscale/rl/losses.h"

namespace simscale::rl {

/// An MLP's forward and backward pass, written out over buffers that stay.
class DirectMlp {
 public:
  /// Whether the derivative of the activation follows from its value.
  static bool Covers(const std::string& activation);
  /// Reads `net`'s weights where they lie; they may change, but not move.
  DirectMlp(policy::Mlp& net, const std::string& activation);

  /// x [B, in] -> [B, out], which holds until the next call.
  const torch::Tensor& Forward(const torch::Tensor& x);
  /// Sets the gradients of the net's parameters, for grad [B, out] of the last output.
  void Backward(const torch::Tensor& grad);

 private:
  struct Layer {
    torch::Tensor parameter, bias_parameter;  ///< the net's own, for their grad()
    torch::Tensor weight, weight_t, bias;     ///< the same memory
    torch::Tensor weight_grad, bias_grad;     ///< [out, in], [out]
    torch::Tensor out, out_grad;              ///< [B, out]
  };
  void MultiplyByDerivative(const torch::Tensor& value, torch::Tensor* grad) const;

  enum class Activation { kRelu, kTanh, kElu };
  Activation activation_;
  torch::Tensor input_;
  std::vector<Layer> layers_;
};

/// The gradient of PPO's loss for small networks on a CPU, written out: autograd's bookkeeping
/// takes longer there than the sums. Equal to ComputePpoLosses and backward() up to rounding.
class DirectGradient {
 public:
  /// No pictures, a trunk of the critic's own, no layer norm, an activation that DirectMlp covers,
  /// and a standard deviation that is a parameter, without squashing.
  static bool Covers(const policy::GaussianPolicy& policy, const Critic& critic);
  DirectGradient(policy::GaussianPolicy& policy, Critic& critic, const PpoConfig& config);

  /// Set the gradients of the policy's and of the critic's parameters to those of share * the loss;
  /// with critic_only those of the policy stay undefined. The two may run side by side.
  void LearnPolicy(const Experience& part, double share, double entropy_coef, bool critic_only);
  void LearnCritic(const Experience& part, double share);
  /// PpoLosses::Record() of the two last calls; it holds until the next one.
  torch::Tensor Record(double entropy_coef);

 private:
  const PpoConfig config_;
  float min_log_std_, max_log_std_;
  Critic& critic_;
  torch::Tensor log_std_, log_std_grad_;  ///< [A]
  DirectMlp policy_net_, critic_net_;
  torch::Tensor mean_grad_, value_grad_;  ///< [B, A], [B, 1]
  torch::Tensor record_;                  ///< [kLossRecordSize]
};

}  // namespace simscale::rl
