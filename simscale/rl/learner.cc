#include "simscale/rl/learner.h"

#include <algorithm>
#include <utility>

#include "simscale/common/error.h"

namespace simscale::rl {
namespace {

/// What GradientStep adds to a record of losses.
enum StepRecord { kGradNorm = kLossRecordSize, kBad, kStepRecordSize };

/// Applies f to each tensor of an experience.
template <class F>
Experience Map(const Experience& from, F&& f) {
  Experience to;
  to.features = f(from.features);
  for (const torch::Tensor& image : from.images) to.images.push_back(f(image));
  if (from.privileged.defined()) to.privileged = f(from.privileged);
  to.u = f(from.u);
  to.log_prob = f(from.log_prob);
  to.value = f(from.value);
  to.advantage = f(from.advantage);
  to.returns = f(from.returns);
  return to;
}

policy::NamedTensors AllParameters(const policy::GaussianPolicy& policy, const Critic& critic) {
  policy::NamedTensors all;
  for (auto& [name, tensor] : train::NamedParameters(policy))
    all.emplace_back("policy." + name, tensor);
  for (auto& [name, tensor] : train::NamedParameters(critic))
    all.emplace_back("critic." + name, tensor);
  return all;
}

}  // namespace

PpoLearner::PpoLearner(const std::shared_ptr<policy::GaussianPolicy>& policy,
                       const std::shared_ptr<Critic>& critic, const PpoConfig& config,
                       int num_threads, torch::Device device, Average average)
    : config_(config),
      device_(device),
      average_(std::move(average)),
      pool_(device.is_cpu() ? num_threads : 1) {
  const policy::NamedTensors all = AllParameters(*policy, *critic);
  for (const auto& [name, tensor] : all) parameters_.push_back(tensor);
  optimizer_ = std::make_unique<train::Optimizer>(
      train::LeavesOf(all),
      train::OptimizerConfig{.eps = config.adam_eps, .grad_clip = config.max_grad_norm});
  // Pictures are cropped at random, from one generator: not side by side.
  const int count = device.is_cpu() && !policy->has_images() ? config.shards : 1;
  for (int s = 0; s < count; ++s) {
    Shard shard;
    if (count == 1) {
      shard.policy = policy;
      shard.critic = critic;
    } else {
      shard.policy = std::make_shared<policy::GaussianPolicy>(policy->spec(), policy->config());
      shard.critic = std::make_shared<Critic>(policy->spec(), policy->config(), config,
                                              critic->num_privileged());
      const auto share = [](const torch::nn::Module& from, torch::nn::Module& to) {
        const policy::NamedTensors source = policy::StateOf(from), target = policy::StateOf(to);
        for (size_t i = 0; i < source.size(); ++i)
          torch::Tensor(target[i].second).set_data(source[i].second.detach());
      };
      share(*policy, *shard.policy);
      share(*critic, *shard.critic);
    }
    for (const auto& [name, tensor] : AllParameters(*shard.policy, *shard.critic))
      shard.parameters.push_back(tensor);
    if (device.is_cpu() && DirectGradient::Covers(*shard.policy, *shard.critic))
      shard.direct = std::make_unique<DirectGradient>(*shard.policy, *shard.critic, config);
    shards_.push_back(std::move(shard));
  }
}

void PpoLearner::Learn(Shard& shard, const Experience& part, double share, double entropy_coef,
                       bool critic_only) {
  const torch::Tensor hidden = shard.policy->Hidden(part.features, part.images);
  const auto distribution = shard.policy->Decode(hidden);
  const torch::Tensor value =
      shard.critic->Value(part.features, hidden, part.images, part.privileged);
  const PpoLosses losses =
      ComputePpoLosses(*shard.policy, distribution, value, part, config_, entropy_coef);
  (share * (critic_only ? config_.value_coef * losses.value : losses.total)).backward();
  shard.record = losses.Record();
}

void PpoLearner::CollectGradients(Shard& shard) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor& of_shard = shard.parameters[i].mutable_grad();
    torch::Tensor& sum = parameters_[i].mutable_grad();
    if (!of_shard.defined()) continue;
    if (sum.defined())
      sum.add_(of_shard);
    else
      sum = of_shard;
    of_shard = torch::Tensor();
  }
}

void PpoLearner::AverageOverRanks(torch::Tensor* record) {
  std::vector<torch::Tensor> pieces;
  for (const torch::Tensor& parameter : parameters_)
    pieces.push_back(parameter.grad().defined() ? parameter.grad().flatten()
                                                : torch::zeros({parameter.numel()}));
  pieces.push_back(record->to(torch::kFloat32));
  const torch::Tensor all = torch::cat(pieces);
  average_(all);
  int64_t at = 0;
  for (torch::Tensor& parameter : parameters_) {
    parameter.mutable_grad() = all.narrow(0, at, parameter.numel()).view(parameter.sizes());
    at += parameter.numel();
  }
  *record = all.narrow(0, at, record->numel()).to(record->dtype());
}

torch::Tensor PpoLearner::GradientStep(const Experience& batch, double lr, double entropy_coef,
                                       bool critic_only) {
  const int64_t size = batch.u.size(0);
  const auto num_shards = static_cast<int64_t>(shards_.size());
  std::vector<Experience> parts;
  for (int64_t s = 0; s < num_shards; ++s) {
    const int64_t first = s * size / num_shards, last = (s + 1) * size / num_shards;
    parts.push_back(
        Map(batch, [&](const torch::Tensor& t) { return t.narrow(0, first, last - first); }));
  }
  // Written out, the policy and its critic learn side by side too.
  const int halves = shards_[0].direct ? 2 : 1;
  pool_.ParallelFor(static_cast<int>(num_shards) * halves, [&](int i, int) {
    Shard& shard = shards_[static_cast<size_t>(i / halves)];
    const Experience& part = parts[static_cast<size_t>(i / halves)];
    const auto rows = static_cast<double>(part.u.size(0));
    const double share = rows / static_cast<double>(size);
    if (rows == 0) return;
    if (!shard.direct)
      Learn(shard, part, share, entropy_coef, critic_only);
    else if (i % halves == 0)
      shard.direct->LearnPolicy(part, share, entropy_coef, critic_only);
    else
      shard.direct->LearnCritic(part, share);
  });
  torch::NoGradGuard no_grad;
  torch::Tensor sum;
  for (size_t s = 0; s < shards_.size(); ++s) {
    if (parts[s].u.size(0) == 0) continue;
    Shard& shard = shards_[s];
    const torch::Tensor record = shard.direct ? shard.direct->Record(entropy_coef) : shard.record;
    sum = sum.defined() ? sum + record : record;
    if (num_shards > 1) CollectGradients(shard);
  }
  if (average_) AverageOverRanks(&sum);
  const auto step = optimizer_->Step(lr, sum[kTotal]);
  return torch::cat({sum / static_cast<double>(num_shards), step.grad_norm.reshape({1}),
                     step.bad.reshape({1})})
      .to(torch::kCPU)
      .to(torch::kFloat64);
}

UpdateStatistics PpoLearner::Update(const Experience& experience, double lr, double entropy_coef,
                                    bool critic_only) {
  const int64_t size = experience.u.size(0);
  const int64_t minibatches = std::max<int64_t>(1, size / config_.minibatch_size);
  UpdateStatistics statistics;
  torch::Tensor sums = torch::zeros({kStepRecordSize}, torch::dtype(torch::kFloat64));
  bool go_on = true;
  for (int epoch = 0; epoch < config_.epochs && go_on; ++epoch) {
    // One gather an epoch; minibatches and their parts are views of it.
    const torch::Tensor order = torch::randperm(size, torch::kInt64).to(device_);
    const Experience shuffled =
        Map(experience, [&](const torch::Tensor& t) { return t.index_select(0, order); });
    for (int64_t m = 0; m < minibatches && go_on; ++m) {
      const int64_t begin = m * size / minibatches, end = (m + 1) * size / minibatches;
      Experience batch =
          Map(shuffled, [&](const torch::Tensor& t) { return t.narrow(0, begin, end - begin); });
      if (config_.normalize_advantage && end - begin > 1)
        batch.advantage =
            (batch.advantage - batch.advantage.mean()) / (batch.advantage.std() + 1e-8);
      const torch::Tensor record = GradientStep(batch, lr, entropy_coef, critic_only);
      if (record[kBad].item<double>() > 0) {
        ++statistics.num_bad;
        ++bad_in_a_row_;
        continue;
      }
      bad_in_a_row_ = 0;
      ++statistics.num_steps;
      sums += record;
      const double kl = record[kKl].item<double>();
      if (!critic_only && config_.target_kl > 0 && kl > 1.5 * config_.target_kl) go_on = false;
    }
  }
  const double count = std::max(statistics.num_steps, 1);
  const torch::Tensor means = sums / count;
  const double* mean = means.data_ptr<double>();
  statistics.policy_loss = mean[kPolicy];
  statistics.value_loss = mean[kValue];
  statistics.entropy = mean[kEntropy];
  statistics.kl = mean[kKl];
  statistics.clip_fraction = mean[kClipped];
  statistics.grad_norm = mean[kGradNorm];
  const double variance = experience.returns.var().item<double>();
  if (variance > 0)
    statistics.explained_variance =
        1 - (experience.returns - experience.value).var().item<double>() / variance;
  return statistics;
}

}  // namespace simscale::rl
