#include "simscale/train/optimizer.h"

#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

#include <utility>

#include "simscale/common/error.h"

namespace simscale::train {

policy::NamedTensors NamedParameters(const torch::nn::Module& module) {
  policy::NamedTensors parameters;
  for (const auto& item : module.named_parameters())
    if (item.value().requires_grad()) parameters.emplace_back(item.key(), item.value());
  return parameters;
}

std::vector<Leaf> LeavesOf(const policy::NamedTensors& parameters) {
  std::vector<Leaf> leaves;
  for (const auto& [name, values] : parameters)
    leaves.push_back({.name = name, .values = values, .decays = values.dim() >= 2});
  return leaves;
}

Optimizer::Optimizer(const std::vector<Leaf>& leaves, const OptimizerConfig& config)
    : config_(config) {
  SIMSCALE_CHECK(!leaves.empty());
  step_ = torch::zeros({}, torch::dtype(torch::kFloat32).device(leaves[0].values.device()));
  groups_.resize(2);
  groups_[0].decays = true;
  const bool sgd = config.name == "sgd";
  for (const Leaf& leaf : leaves) {
    const size_t g = leaf.decays ? 0 : 1;
    Group& group = groups_[g];
    const auto zeros = [&] {
      return torch::zeros_like(leaf.values, torch::MemoryFormat::Preserve).detach();
    };
    places_.push_back({g, group.params.size()});
    names_.push_back(leaf.name);
    group.params.push_back(leaf.values);
    if (!sgd || config.momentum > 0) group.first.push_back(zeros());
    if (!sgd) group.second.push_back(zeros());
  }
}

void Optimizer::Update(Group& group, const std::vector<torch::Tensor>& grads, double lr,
                       const std::optional<torch::Tensor>& divisor, const torch::Tensor& bad) {
  if (group.params.empty()) return;
  const double decay = group.decays ? config_.weight_decay : 0;
  if (config_.name == "sgd") {
    at::_fused_sgd_(group.params, grads, group.first, decay, config_.momentum, lr, /*dampening=*/0,
                    config_.nesterov, /*maximize=*/false, /*is_first_step=*/false, divisor, bad);
    return;
  }
  const std::vector<torch::Tensor> steps(group.params.size(), step_);
  const auto fused = [&](auto&& adam) {
    adam(group.params, grads, group.first, group.second, at::TensorList(), steps, lr,
         config_.betas[0], config_.betas[1], decay, config_.eps, /*amsgrad=*/false,
         /*maximize=*/false, divisor, bad);
  };
  if (config_.name == "adam")
    fused([](auto&&... args) { at::_fused_adam_(args...); });
  else
    fused([](auto&&... args) { at::_fused_adamw_(args...); });
}

Optimizer::StepResult Optimizer::Step(double lr, const torch::Tensor& loss,
                                      const StepOptions& options) {
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
  if (options.sum_over_ranks) {
    torch::Tensor square = result.grad_norm.square();
    options.sum_over_ranks(square);
    result.grad_norm = square.sqrt();
  }
  if (options.loss_scale.defined()) result.grad_norm = result.grad_norm / options.loss_scale;
  result.bad = torch::isfinite(result.grad_norm + loss.detach()).logical_not().to(torch::kFloat32);
  step_ += 1 - result.bad;
  std::optional<torch::Tensor> divisor;  // the kernels divide gradients by it
  if (config_.grad_clip > 0) divisor = (result.grad_norm / config_.grad_clip).clamp_min(1);
  if (options.loss_scale.defined())
    divisor = divisor ? *divisor * options.loss_scale : options.loss_scale;
  for (size_t g = 0; g < groups_.size(); ++g) {
    Update(groups_[g], grads[g], lr, divisor, result.bad);
    for (torch::Tensor& param : groups_[g].params) param.mutable_grad().reset();
  }
  return result;
}

std::vector<policy::NamedTensors> Optimizer::StateOfLeaves() const {
  std::vector<policy::NamedTensors> states;
  const bool sgd = config_.name == "sgd";
  for (const Place& place : places_) {
    const Group& group = groups_[place.group];
    policy::NamedTensors& state = states.emplace_back();
    if (!group.first.empty())
      state.emplace_back(sgd ? "momentum" : "exp_avg", group.first[place.index]);
    if (!group.second.empty()) state.emplace_back("exp_avg_sq", group.second[place.index]);
  }
  return states;
}

policy::NamedTensors Optimizer::State() const {
  policy::NamedTensors state = {{"step", step_}};
  const std::vector<policy::NamedTensors> leaves = StateOfLeaves();
  for (size_t i = 0; i < leaves.size(); ++i)
    for (const auto& [kind, tensor] : leaves[i]) state.emplace_back(kind + "." + names_[i], tensor);
  return state;
}

Ema::Ema(std::vector<torch::Tensor> values, std::vector<torch::Tensor> averages)
    : values_(std::move(values)), averages_(std::move(averages)) {
  SIMSCALE_CHECK(values_.size() == averages_.size());
  for (torch::Tensor& average : averages_) average.set_requires_grad(false);
}

void Ema::Update(double decay) {
  torch::NoGradGuard no_grad;
  at::_foreach_lerp_(averages_, values_, 1 - decay);
}

}  // namespace simscale::train
