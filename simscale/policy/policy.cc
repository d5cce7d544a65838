#include "simscale/policy/policy.h"

#include "simscale/common/error.h"

namespace simscale::policy {

Policy::Policy(PolicySpec spec) : spec_(std::move(spec)) {
  ValidateSpec(spec_);
  obs_mean_ = register_buffer("obs_mean", torch::zeros({spec_.state_dim()}));
  obs_std_ = register_buffer("obs_std", torch::ones({spec_.state_dim()}));
}

void Policy::SetStatistics(const StateStatistics& statistics, double std_floor) {
  const auto dim = static_cast<size_t>(spec_.state_dim());
  if (statistics.mean.size() != dim || statistics.std.size() != dim)
    throw ShapeError(Cat("policy: statistics of ", statistics.mean.size(), " and ",
                         statistics.std.size(), " components for a state of ", dim));
  torch::NoGradGuard no_grad;
  // A component that never moved in the data would be blown up by 1/std at the first change.
  obs_mean_.copy_(torch::tensor(statistics.mean));
  obs_std_.copy_(torch::tensor(statistics.std).clamp_min(std_floor));
}

int64_t Policy::num_parameters() const {
  int64_t total = 0;
  for (const torch::Tensor& parameter : parameters()) total += parameter.numel();
  return total;
}

torch::Tensor Policy::Normalize(const torch::Tensor& state, double clip) const {
  return torch::sub(state, obs_mean_).div_(obs_std_).clamp_(-clip, clip);
}

}  // namespace simscale::policy
