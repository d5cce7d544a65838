#include "simscale/rl/losses.h"

namespace simscale::rl {

torch::Tensor PpoLosses::Record() const {
  return torch::stack({total, policy, value, entropy, kl, clipped}).detach();
}

PpoLosses ComputePpoLosses(const policy::GaussianPolicy& policy,
                           const policy::GaussianPolicy::Distribution& distribution,
                           const torch::Tensor& value, const Experience& batch,
                           const PpoConfig& config, double entropy_coef) {
  PpoLosses losses;
  const torch::Tensor log_ratio = policy.LogProb(distribution, batch.u) - batch.log_prob;
  const torch::Tensor ratio = log_ratio.exp();
  const torch::Tensor clipped = ratio.clamp(1 - config.clip_range, 1 + config.clip_range);
  losses.policy = -torch::min(ratio * batch.advantage, clipped * batch.advantage).mean();
  torch::Tensor error = (value - batch.returns).square();
  if (config.value_clip > 0) {
    const torch::Tensor near =
        batch.value + (value - batch.value).clamp(-config.value_clip, config.value_clip);
    error = torch::max(error, (near - batch.returns).square());
  }
  losses.value = error.mean();
  losses.entropy = policy::GaussianPolicy::Entropy(distribution);
  losses.total = losses.policy + config.value_coef * losses.value - entropy_coef * losses.entropy;
  torch::NoGradGuard no_grad;
  losses.kl = (ratio - 1 - log_ratio).mean();
  losses.clipped = ((ratio - 1).abs() > config.clip_range).to(torch::kFloat32).mean();
  return losses;
}

}  // namespace simscale::rl
