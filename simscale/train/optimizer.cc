#include "simscale/train/optimizer.h"

#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>

#include "simscale/common/error.h"

namespace simscale::train {

policy::NamedTensors NamedParameters(const torch::nn::Module& module) {
  policy::NamedTensors parameters;
  for (const auto& item : module.named_parameters())
    if (item.value().requires_grad()) parameters.emplace_back(item.key(), item.value());
  return parameters;
}

FusedAdamW::FusedAdamW(const policy::NamedTensors& parameters, const AdamWConfig& config)
    : beta1_(config.betas[0]),
      beta2_(config.betas[1]),
      eps_(config.eps),
      grad_clip_(config.grad_clip) {
  groups_.resize(2);
  groups_[0].weight_decay = config.weight_decay;
  for (const auto& [name, param] : parameters) {
    Group& group = groups_[param.dim() >= 2 ? 0 : 1];
    group.params.push_back(param);
    group.exp_avg.push_back(torch::zeros_like(param, torch::MemoryFormat::Preserve).detach());
    group.exp_avg_sq.push_back(torch::zeros_like(param, torch::MemoryFormat::Preserve).detach());
    group.names.push_back(name);
    if (!step_.defined())
      step_ = torch::zeros({}, torch::dtype(torch::kFloat32).device(param.device()));
  }
  SIMSCALE_CHECK(step_.defined());
}

FusedAdamW::StepResult FusedAdamW::Step(double lr, const torch::Tensor& loss) {
  torch::NoGradGuard no_grad;
  std::vector<std::vector<torch::Tensor>> grads(groups_.size());
  std::vector<torch::Tensor> all;
  for (size_t g = 0; g < groups_.size(); ++g)
    for (torch::Tensor& param : groups_[g].params) {
      torch::Tensor grad = param.grad();
      if (!grad.defined()) grad = torch::zeros_like(param);
      grads[g].push_back(grad);
      all.push_back(grad);
    }
  StepResult result;
  result.grad_norm = torch::stack(at::_foreach_norm(all, 2)).norm();
  result.bad = torch::isfinite(result.grad_norm + loss.detach()).logical_not().to(torch::kFloat32);
  step_ += 1 - result.bad;
  std::optional<torch::Tensor> scale;  // the kernel divides gradients by it
  if (grad_clip_ > 0) scale = (result.grad_norm / grad_clip_).clamp_min(1);
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    if (group.params.empty()) continue;
    const std::vector<torch::Tensor> steps(group.params.size(), step_);
    at::_fused_adamw_(group.params, grads[g], group.exp_avg, group.exp_avg_sq, {}, steps, lr,
                      beta1_, beta2_, group.weight_decay, eps_, /*amsgrad=*/false,
                      /*maximize=*/false, scale, result.bad);
    for (torch::Tensor& param : group.params) param.mutable_grad().reset();
  }
  return result;
}

policy::NamedTensors FusedAdamW::State() const {
  policy::NamedTensors state = {{"step", step_}};
  for (const Group& group : groups_)
    for (size_t i = 0; i < group.params.size(); ++i) {
      state.emplace_back("exp_avg." + group.names[i], group.exp_avg[i]);
      state.emplace_back("exp_avg_sq." + group.names[i], group.exp_avg_sq[i]);
    }
  return state;
}

Ema::Ema(const torch::nn::Module& module, const torch::nn::Module& averaged)
    : params_(module.parameters()), averages_(averaged.parameters()) {
  SIMSCALE_CHECK(params_.size() == averages_.size());
  for (torch::Tensor& average : averages_) average.set_requires_grad(false);
}

void Ema::Update(double decay) {
  torch::NoGradGuard no_grad;
  at::_foreach_lerp_(averages_, params_, 1 - decay);
}

}  // namespace simscale::train
