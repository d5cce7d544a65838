#include "simscale/train/model.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <limits>
#include <utility>

namespace simscale::train {
namespace {

constexpr int kOwnPages = 4 << 20;  // bytes

OptimizerConfig OptimizerConfigOf(const LoopConfig& config) {
  return {.name = config.optimizer,
          .betas = {config.betas[0], config.betas[1]},
          .eps = config.eps,
          .momentum = config.momentum,
          .nesterov = config.nesterov,
          .weight_decay = config.weight_decay,
          .grad_clip = config.grad_clip};
}

}  // namespace

Model::Model(const TrainConfig& config, std::shared_ptr<policy::Policy> policy, Ranks* ranks,
             torch::Device device)
    : ranks_(ranks),
      device_(device),
      precision_(SetPrecision(config.train.precision, device)),
      policy_(std::move(policy)),
      optimizer_config_(OptimizerConfigOf(config.train)) {
  if (precision_.scales_loss) scaler_.emplace(device);
}

void Model::SetOptimizer(const std::vector<Leaf>& leaves, std::vector<torch::Tensor> averages) {
  optimizer_ = std::make_unique<Optimizer>(leaves, optimizer_config_);
  std::vector<torch::Tensor> values;
  for (const Leaf& leaf : leaves) values.push_back(leaf.values);
  ema_ = std::make_unique<Ema>(std::move(values), std::move(averages));
}

policy::NamedTensors Model::ScalerState() const {
  return scaler_ ? scaler_->State() : policy::NamedTensors();
}

void Model::RunBackward(const torch::Tensor& loss) const {
  torch::Tensor seed = scaler_ ? scaler_->scale().clone() : torch::ones_like(loss);
  if (ranks_->size() > 1)
    seed = torch::where(torch::isfinite(loss.detach()), seed,
                        seed * std::numeric_limits<double>::quiet_NaN());
  loss.backward(seed.to(loss.dtype()));
}

Optimizer::StepResult Model::Step(double lr, const torch::Tensor& loss, double ema_decay) {
  const Optimizer::StepResult result =
      optimizer_->Step(lr, loss, {.loss_scale = LossScale(), .sum_over_ranks = sum_norms_});
  if (scaler_) scaler_->Update(result.bad);
  ema_->Update(ema_decay);
  return result;
}

std::unique_ptr<Model> MakeModel(
    const TrainConfig& config, const std::function<std::shared_ptr<policy::Policy>()>& make_policy,
    Ranks* ranks, torch::Device device) {
  if (config.train.strategy == "ddp" || ranks->size() == 1)
    return MakeReplicatedModel(config, make_policy(), ranks, device);
#ifdef __GLIBC__
  // Blocks that come and go would leave holes in the heap, up to twice what is in use: they get
  // pages of their own, which go back at once.
  ::mallopt(M_MMAP_THRESHOLD, kOwnPages);
#endif
  return MakeShardedModel(config, make_policy(), ranks, device);
}

}  // namespace simscale::train
