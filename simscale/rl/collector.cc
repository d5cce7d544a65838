#include "simscale/rl/collector.h"

#include <algorithm>
#include <cstring>

#include "simscale/common/error.h"

namespace simscale::rl {
namespace {

torch::Tensor Copy(std::span<const float> values, at::IntArrayRef shape) {
  return torch::from_blob(const_cast<float*>(values.data()), shape, torch::kFloat32).clone();
}

}  // namespace

Collector::Collector(std::shared_ptr<const env::Task> task, const env::BatchedEnvConfig& config,
                     const policy::PolicySpec& spec, const std::vector<std::string>& privileged)
    : env_(std::move(task), config), spec_(spec), num_terms_(env_.task().rewards().size()) {
  const env::StepResult& result = env_.Reset(config.seed);
  stack_ = std::make_unique<ObservationStack>(spec, privileged, result.observations);
  for (int row = 0; row < env_.num_envs(); ++row) stack_->Begin(result.observations, row);
  running_.resize(static_cast<size_t>(env_.num_envs()) * (2 + num_terms_));
  sums_.reward_terms.resize(num_terms_);
}

torch::Tensor Collector::state() const {
  return Copy(std::as_const(*stack_).state(),
              {env_.num_envs(), spec_.n_obs_steps, spec_.state_dim()});
}

torch::Tensor Collector::privileged() const {
  return Copy(stack_->privileged(), {env_.num_envs(), stack_->num_privileged()});
}

std::vector<torch::Tensor> Collector::images() const {
  std::vector<torch::Tensor> images;
  for (size_t i = 0; i < spec_.images.size(); ++i) {
    const auto bytes = stack_->image(env_.result().observations, i);
    const policy::ImageKey& key = spec_.images[i];
    images.push_back(torch::from_blob(const_cast<uint8_t*>(bytes.data()),
                                      {env_.num_envs(), key.height, key.width, 3}, torch::kUInt8)
                         .clone());
  }
  return images;
}

void Collector::Account(int row, bool ended) {
  const env::StepResult& result = env_.result();
  const auto r = static_cast<size_t>(row);
  double* running = &running_[r * (2 + num_terms_)];
  running[0] += 1;
  running[1] += result.reward[r];
  for (size_t k = 0; k < num_terms_; ++k) running[2 + k] += result.reward_terms[r * num_terms_ + k];
  if (!ended) return;
  ++sums_.episodes;
  sums_.successes += result.success[r] ? 1 : 0;
  sums_.non_finite += result.non_finite[r] ? 1 : 0;
  sums_.total_length += static_cast<int64_t>(running[0]);
  sums_.total_return += running[1];
  for (size_t k = 0; k < num_terms_; ++k) sums_.reward_terms[k] += running[2 + k];
  std::fill_n(running, 2 + num_terms_, 0.0);
}

void Collector::Collect(policy::GaussianPolicy& policy, torch::Device device, int num_steps,
                        Rollout* rollout, TimeSplit* times) {
  RECORD_USER_SCOPE("collect");
  torch::NoGradGuard no_grad;
  const int64_t n = env_.num_envs(), steps = num_steps, dim = spec_.action_dim;
  const auto rows = static_cast<size_t>(n);
  Rollout& out = *rollout;
  if (!out.state.defined() || out.state.size(0) != steps) {
    out.state = torch::empty({steps, n, spec_.n_obs_steps, spec_.state_dim()});
    out.privileged = torch::empty({steps, n, stack_->num_privileged()});
    out.u = torch::empty({steps, n, dim});
    out.mean = torch::empty({steps, n, dim});
    out.reward.resize(static_cast<size_t>(steps) * rows);
    out.done.resize(static_cast<size_t>(steps) * rows);
    out.images.clear();
    for (const policy::ImageKey& key : spec_.images)
      out.images.push_back(torch::empty({steps, n, key.height, key.width, 3}, torch::kUInt8));
  }
  out.truncated.clear();
  out.truncated_state.clear();
  out.truncated_privileged.clear();
  out.truncated_images.assign(spec_.images.size(), {});
  const torch::Tensor noise = torch::randn({steps, n, dim});
  std::vector<torch::Tensor> log_stds;
  for (int64_t t = 0; t < steps; ++t) {
    Stopwatch watch;
    torch::Tensor state = out.state.select(0, t);
    std::memcpy(state.data_ptr<float>(), stack_->state().data(), stack_->state().size_bytes());
    if (stack_->num_privileged() > 0)
      std::memcpy(out.privileged.select(0, t).data_ptr<float>(), stack_->privileged().data(),
                  stack_->privileged().size_bytes());
    std::vector<torch::Tensor> images;
    for (size_t i = 0; i < out.images.size(); ++i) {
      const auto bytes = stack_->image(env_.result().observations, i);
      torch::Tensor image = out.images[i].select(0, t);
      std::memcpy(image.data_ptr<uint8_t>(), bytes.data(), bytes.size());
      images.push_back(image.to(device));
    }
    const auto distribution =
        policy.Decode(policy.Hidden(policy.Features(state.to(device)), images));
    torch::Tensor u = out.u.select(0, t), mean = out.mean.select(0, t);
    mean.copy_(distribution.mean);
    const torch::Tensor log_std = distribution.log_std.to(torch::kCPU);
    if (log_std.dim() > 1 || t == 0) log_stds.push_back(log_std);
    torch::addcmul_out(u, mean, noise.select(0, t), log_std.exp());
    const torch::Tensor action = policy.ToAction(u.to(device)).to(torch::kCPU).contiguous();
    times->Add("act", watch.seconds());

    watch.Restart();
    const env::StepResult& result = [&]() -> const env::StepResult& {
      RECORD_USER_SCOPE("simulate");
      return env_.Step(
          std::span<const float>(action.data_ptr<float>(), static_cast<size_t>(n * dim)));
    }();
    times->Add("simulate", watch.seconds());

    watch.Restart();
    const env::ObservationView last = env_.final_observation();
    for (int row = 0; row < env_.num_envs(); ++row) {
      const auto r = static_cast<size_t>(row), i = static_cast<size_t>(t) * rows + r;
      const bool ended = result.terminated[r] || result.truncated[r];
      out.reward[i] = result.reward[r];
      out.done[i] = ended ? 1 : 0;
      if (ended && !result.terminated[r]) {
        out.truncated.push_back(static_cast<int64_t>(i));
        const size_t at = out.truncated_state.size(), p = out.truncated_privileged.size();
        out.truncated_state.resize(at + stack_->row_size());
        out.truncated_privileged.resize(p + static_cast<size_t>(stack_->num_privileged()));
        stack_->Peek(last, row, std::span(out.truncated_state).subspan(at),
                     std::span(out.truncated_privileged).subspan(p));
        for (size_t k = 0; k < spec_.images.size(); ++k) {
          const auto size = static_cast<size_t>(spec_.images[k].size());
          const auto bytes = stack_->image(last, k).subspan(r * size, size);
          out.truncated_images[k].insert(out.truncated_images[k].end(), bytes.begin(), bytes.end());
        }
      }
      Account(row, ended);
      if (ended)
        stack_->Begin(result.observations, row);
      else
        stack_->Push(result.observations, row);
    }
    times->Add("store", watch.seconds());
  }
  out.log_std = log_stds.size() > 1 ? torch::stack(log_stds) : log_stds.at(0);
  if (log_stds.at(0).dim() > 1 && log_stds.size() == 1) out.log_std = out.log_std.unsqueeze(0);
}

EpisodeSums Collector::TakeEpisodes() {
  EpisodeSums sums = std::move(sums_);
  sums_ = EpisodeSums();
  sums_.reward_terms.resize(num_terms_);
  return sums;
}

Collector::State Collector::GetState() const {
  const int64_t n = env_.num_envs();
  State state;
  state.rows = torch::empty({n, env_.state_dim()}, torch::kFloat64);
  state.keys = torch::empty({n, 2}, torch::kInt64);
  for (int row = 0; row < env_.num_envs(); ++row) {
    env_.GetState(row, std::span(state.rows.data_ptr<double>() + row * env_.state_dim(),
                                 static_cast<size_t>(env_.state_dim())));
    state.keys[row][0] = static_cast<int64_t>(env_.key(row).seed);
    state.keys[row][1] = static_cast<int64_t>(env_.key(row).index);
  }
  state.stack = this->state();
  state.episodes = torch::tensor(running_, torch::kFloat64).view({n, -1});
  return state;
}

void Collector::SetState(const State& state) {
  for (int row = 0; row < env_.num_envs(); ++row) {
    const env::EpisodeKey key{static_cast<uint64_t>(state.keys[row][0].item<int64_t>()),
                              static_cast<uint64_t>(state.keys[row][1].item<int64_t>())};
    env_.SetState(row,
                  std::span<const double>(state.rows.data_ptr<double>() + row * env_.state_dim(),
                                          static_cast<size_t>(env_.state_dim())),
                  key);
    stack_->Begin(env_.result().observations, row);
  }
  const torch::Tensor stack = state.stack.contiguous();
  std::memcpy(stack_->state().data(), stack.data_ptr<float>(), stack_->state().size_bytes());
  const torch::Tensor episodes = state.episodes.contiguous();
  std::copy_n(episodes.data_ptr<double>(), running_.size(), running_.begin());
}

}  // namespace simscale::rl
