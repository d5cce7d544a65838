#include "simscale/datagen/recorder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace simscale::datagen {
namespace {

template <class T>
data::Array MakeArray(const std::string& name, data::DType dtype, const std::vector<T>& values,
                      std::vector<int64_t> shape) {
  data::Array array{name, dtype, std::move(shape), {}};
  array.bytes.resize(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

data::DType DTypeOf(env::Element element) {
  switch (element) {
    case env::Element::kUint8:
      return data::DType::kUint8;
    case env::Element::kInt32:
      return data::DType::kInt32;
    default:
      return data::DType::kFloat32;
  }
}

/// One row of a key.
std::span<const std::byte> RowBytes(const env::ObservationView::Key& key, size_t row) {
  const auto size = static_cast<size_t>(key.spec->size());
  const auto bytes = [&](auto all) { return std::as_bytes(all.subspan(row * size, size)); };
  switch (key.spec->element) {
    case env::Element::kUint8:
      return bytes(key.image);
    case env::Element::kInt32:
      return bytes(key.ids);
    default:
      return bytes(key.state);
  }
}

std::string OutcomeText(const env::EpisodeOutcome& outcome) {
  if (outcome.success) return "success";
  if (outcome.non_finite) return "non_finite";
  return outcome.terminated ? "failure" : "time_limit";
}

}  // namespace

Recorder::Recorder(const env::BatchedEnv& env, bool with_intended)
    : language_(env.task().config().language),
      specs_(env.task().observation_specs()),
      action_dim_(static_cast<size_t>(env.action_dim())),
      state_dim_(static_cast<size_t>(env.state_dim())),
      num_values_(static_cast<size_t>(env.task().randomization().num_values())),
      with_intended_(with_intended),
      rows_(static_cast<size_t>(env.num_envs())),
      state_(state_dim_) {
  for (int a = 0; a < env.action_dim(); ++a) {
    const sim::Controller& controller = env.task().controller();
    action_low_.push_back(controller.clips_action() ? controller.action_low(a) : -HUGE_VAL);
    action_high_.push_back(controller.clips_action() ? controller.action_high(a) : HUGE_VAL);
  }
}

void Recorder::OnReset(const env::BatchedEnv& env, int row) {
  Row& record = rows_[static_cast<size_t>(row)];
  record = Row{};
  record.observations.resize(specs_.size());
  const auto values =
      env.result().randomization.subspan(static_cast<size_t>(row) * num_values_, num_values_);
  record.randomization.assign(values.begin(), values.end());
}

void Recorder::BeforeStep(const env::BatchedEnv& env, const env::Agent& agent,
                          std::span<const float> action_NA) {
  const std::span<const float> intended = agent.intended_action();
  const auto& keys = env.result().observations.keys;
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (!env.active()[row]) continue;
    Row& record = rows_[row];
    ++record.length;
    for (size_t k = 0; k < keys.size(); ++k) {
      const std::span<const std::byte> bytes = RowBytes(keys[k], row);
      record.observations[k].insert(record.observations[k].end(), bytes.begin(), bytes.end());
    }
    // What the environment takes: most controllers clip to [-1, 1].
    const auto append = [&](std::span<const float> from, std::vector<float>& to) {
      for (size_t a = 0; a < action_dim_; ++a) {
        to.push_back(static_cast<float>(
            std::clamp<double>(from[row * action_dim_ + a], action_low_[a], action_high_[a])));
      }
    };
    append(action_NA, record.actions);
    if (with_intended_) append(intended, record.intended);
    env.GetState(static_cast<int>(row), state_);
    record.states.insert(record.states.end(), state_.begin(), state_.end());
  }
}

void Recorder::AfterStep(const env::BatchedEnv& env) {
  for (size_t row = 0; row < rows_.size(); ++row) {
    Row& record = rows_[row];
    if (record.rewards.size() + 1 == static_cast<size_t>(record.length)) {
      record.rewards.push_back(static_cast<float>(env.result().reward[row]));
    }
  }
}

data::Episode Recorder::Finish(const env::BatchedEnv& env, const env::EpisodeOutcome& outcome) {
  Row& record = rows_[static_cast<size_t>(outcome.row)];
  const int64_t length = record.length;
  const auto actions = static_cast<int64_t>(action_dim_);
  data::Episode episode;
  episode.seed = outcome.key.seed;
  episode.index = outcome.key.index;
  episode.success = outcome.success;
  episode.episode_return = outcome.episode_return;
  episode.language = language_;
  episode.outcome = OutcomeText(outcome);
  using data::DType;
  for (size_t k = 0; k < specs_.size(); ++k) {
    std::vector<int64_t> shape = {length};
    shape.insert(shape.end(), specs_[k].shape.begin(), specs_[k].shape.end());
    episode.arrays.push_back({"observations/" + specs_[k].name, DTypeOf(specs_[k].element),
                              std::move(shape), std::move(record.observations[k])});
  }
  episode.arrays.push_back(
      MakeArray("actions", DType::kFloat32, record.actions, {length, actions}));
  if (with_intended_) {
    episode.arrays.push_back(
        MakeArray("expert_actions", DType::kFloat32, record.intended, {length, actions}));
  }
  episode.arrays.push_back(MakeArray("rewards", DType::kFloat32, record.rewards, {length}));
  std::vector<uint8_t> dones(static_cast<size_t>(length));
  if (!dones.empty()) dones.back() = 1;
  episode.arrays.push_back(MakeArray("dones", DType::kUint8, dones, {length}));
  const auto state_dim = static_cast<int64_t>(state_dim_);
  episode.arrays.push_back(
      MakeArray("states", DType::kFloat64, record.states, {length, state_dim}));
  if (num_values_ > 0) {
    episode.arrays.push_back(MakeArray("randomization", DType::kFloat64, record.randomization,
                                       {static_cast<int64_t>(num_values_)}));
  }
  env.GetState(outcome.row, state_);
  episode.arrays.push_back(MakeArray("final_state", DType::kFloat64, state_, {state_dim}));
  std::ranges::sort(episode.arrays, {}, &data::Array::name);
  return episode;
}

}  // namespace simscale::datagen
