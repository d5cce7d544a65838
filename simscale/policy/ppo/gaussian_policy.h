#pragma once

#include "simscale/policy/nets/mlp.h"
#include "simscale/policy/nets/observation_features.h"
#include "simscale/policy/policy.h"
#include "simscale/policy/ppo/config.h"

namespace simscale::policy {

/// A diagonal Gaussian over u [B, A]; the action is u clipped to [-1, 1], or tanh(u) (squash),
/// mapped to the controller's bounds.
///
/// It is taken apart for the learner (rl/): Features have no parameters and are made once a
/// rollout; Hidden ends in the last hidden layer, where a critic may join in; Decode is the head.
class GaussianPolicy : public Policy {
 public:
  struct Distribution {
    torch::Tensor mean;     ///< [B, A]
    torch::Tensor log_std;  ///< [A] or [B, A], within the bounds
  };
  GaussianPolicy(const PolicySpec& spec, const GaussianConfig& config);

  /// The negative log-likelihood of the actions, so that demonstrations can start a policy.
  Losses Loss(const Batch& batch) override;
  /// The mean's action.
  torch::Tensor Act(const Observation& observation) override;
  int inference_block(const torch::Device& device) const override;

  /// state [B, T, S] -> [B, num_features()].
  torch::Tensor Features(const torch::Tensor& state_BTS) const;
  int num_features() const { return features_.state_size(); }
  bool has_images() const { return features_.has_images(); }
  /// -> [B, hidden.back()].
  torch::Tensor Hidden(const torch::Tensor& features, const std::vector<torch::Tensor>& images);
  Distribution Decode(const torch::Tensor& hidden);

  /// Of actions as the controller takes them, [A] each: what [-1, 1] is mapped to.
  void SetActionBounds(const std::vector<double>& low, const std::vector<double>& high);
  /// u [..., A] -> actions as the controller takes them.
  torch::Tensor ToAction(const torch::Tensor& u) const;
  /// log p(action(u)) [B]; the clipping's point masses are left out, as is usual.
  torch::Tensor LogProb(const Distribution& distribution, const torch::Tensor& u) const;
  /// Of u, summed over A; mean over B: a scalar.
  static torch::Tensor Entropy(const Distribution& distribution);

  /// Orthogonal weights (Saxe et al., 2014), as PPO's are (Andrychowicz et al., 2021): gain sqrt(2)
  /// in hidden layers and 0.01 in the head, biases zero.
  void InitializeOrthogonally();
  const GaussianConfig& config() const { return config_; }
  Mlp& net() { return net_; }
  const torch::Tensor& log_std() const { return log_std_; }  ///< undefined: the network gives it

 private:
  GaussianConfig config_;
  ObservationFeatures features_;
  Mlp net_{nullptr};
  torch::Tensor log_std_;                      ///< [A] parameter, unless the network gives it
  torch::Tensor action_center_, action_half_;  ///< [A] buffers
};

/// One layer's weights: orthogonal rows or columns times `gain`; biases zero. Draws from torch's
/// generator.
void InitializeOrthogonally(Mlp& net, double hidden_gain, double head_gain);

}  // namespace simscale::policy
