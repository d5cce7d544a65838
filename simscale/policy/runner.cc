#include "simscale/policy/runner.h"

#include <algorithm>
#include <cstring>

#include "simscale/common/error.h"

namespace simscale::policy {
namespace {

int64_t RowSize(const env::ObservationSpec& spec) {
  int64_t size = 1;
  for (int dim : spec.shape) size *= dim;
  return size;
}

[[noreturn]] void OtherTask(const PolicySpec& spec, const std::string& what) {
  ThrowUser("checkpoint of another task: the ", spec.policy, " policy was trained on '",
            spec.env_name, "' and ", what, ". Evaluate it on '", spec.env_name,
            "', or train one for this task");
}

}  // namespace

PolicyRunner::PolicyRunner(std::shared_ptr<Policy> policy, torch::Device device, Options options)
    : policy_(std::move(policy)), device_(device) {
  const PolicySpec& spec = policy_->spec();
  n_action_steps_ = options.n_action_steps > 0 ? options.n_action_steps : spec.n_action_steps;
  if (n_action_steps_ > spec.horizon)
    ThrowUser("n_action_steps must be at most the policy's horizon (", spec.horizon, "), got ",
              n_action_steps_);
  block_ = options.block > 0 ? options.block : policy_->inference_block(device);
  state_dim_ = spec.state_dim();
  action_dim_ = spec.action_dim;
  staging_ = torch::zeros({block_, spec.n_obs_steps, state_dim_});
  for (const ImageKey& key : spec.images)
    image_staging_.push_back(torch::zeros({block_, key.height, key.width, 3}, torch::kUInt8));
}

void PolicyRunner::Reset(int row, const env::EpisodeKey& /*key*/) {
  if (row < 0) ThrowUser("policy: row must be >= 0, got ", row);
  if (static_cast<size_t>(row) >= rows_.size()) rows_.resize(static_cast<size_t>(row) + 1);
  rows_[static_cast<size_t>(row)].fresh = true;
}

void PolicyRunner::Bind(const env::ObservationView& observations) {
  const PolicySpec& spec = policy_->spec();
  key_of_.clear();
  image_of_.clear();
  const auto place = [&](const std::string& name) {
    size_t i = 0;
    while (i < observations.keys.size() && observations.keys[i].spec->name != name) ++i;
    if (i < observations.keys.size()) return i;
    std::vector<std::string> known;
    for (const auto& other : observations.keys) known.push_back(other.spec->name);
    OtherTask(spec, Cat("reads the observation '", name, "', which this environment lacks (it has ",
                        Join(known, ", "), ")"));
  };
  for (const ImageKey& key : spec.images) {
    const size_t i = place(key.name);
    const env::ObservationSpec& have = *observations.keys[i].spec;
    if (have.element != env::Element::kUint8 ||
        have.shape != std::vector<int>{key.height, key.width, 3})
      OtherTask(spec, Cat("reads pictures '", key.name, "' of ", key.width, "x", key.height,
                          "; this environment's are others"));
    image_of_.push_back(i);
  }
  for (const ObservationKey& key : spec.observations) {
    const size_t i = place(key.name);
    const env::ObservationSpec& have = *observations.keys[i].spec;
    if (have.element != env::Element::kFloat32 || RowSize(have) != key.size)
      OtherTask(spec, Cat("reads the observation '", key.name, "' with ", key.size,
                          " numbers; this environment's ",
                          have.element != env::Element::kFloat32 ? "is a picture of " : "has ",
                          RowSize(have)));
    key_of_.push_back(i);
  }
}

void PolicyRunner::Observe(const env::ObservationView& observations, int r) {
  const PolicySpec& spec = policy_->spec();
  Row& row = rows_[static_cast<size_t>(r)];
  const auto dim = static_cast<size_t>(state_dim_);
  const auto steps = static_cast<size_t>(spec.n_obs_steps);
  row.history.resize(steps * dim);
  if (!row.fresh)
    std::memmove(row.history.data(), row.history.data() + dim, (steps - 1) * dim * sizeof(float));
  float* present = row.history.data() + (steps - 1) * dim;
  for (size_t k = 0, at = 0; k < key_of_.size(); ++k) {
    const auto size = static_cast<size_t>(spec.observations[k].size);
    const float* from = observations.keys[key_of_[k]].state.data() + static_cast<size_t>(r) * size;
    std::copy_n(from, size, present + at);
    at += size;
  }
  if (row.fresh) {
    for (size_t t = 0; t + 1 < steps; ++t) std::copy_n(present, dim, row.history.data() + t * dim);
    row.fresh = false;
    row.next = n_action_steps_;
  }
}

void PolicyRunner::ObserveImages(const env::ObservationView& observations, int r) {
  Row& row = rows_[static_cast<size_t>(r)];
  row.images.resize(image_of_.size());
  for (size_t k = 0; k < image_of_.size(); ++k) {
    const auto size = static_cast<size_t>(policy_->spec().images[k].size());
    const auto picture =
        observations.keys[image_of_[k]].image.subspan(static_cast<size_t>(r) * size, size);
    row.images[k].assign(picture.begin(), picture.end());
  }
}

void PolicyRunner::RunBlocks() {
  const PolicySpec& spec = policy_->spec();
  const auto in = static_cast<size_t>(spec.n_obs_steps * state_dim_);
  const auto out = static_cast<size_t>(spec.horizon * action_dim_);
  const auto kept = static_cast<size_t>(n_action_steps_ * action_dim_);
  c10::InferenceMode inference;
  if (policy_->is_training()) policy_->eval();
  for (size_t first = 0; first < waiting_.size(); first += static_cast<size_t>(block_)) {
    const size_t count = std::min(waiting_.size() - first, static_cast<size_t>(block_));
    float* to = staging_.data_ptr<float>();
    for (size_t i = 0; i < count; ++i)
      std::copy_n(rows_[static_cast<size_t>(waiting_[first + i])].history.data(), in, to + i * in);
    std::fill(to + count * in, to + static_cast<size_t>(block_) * in, 0.0F);
    Observation input{.state = device_.is_cpu() ? staging_ : staging_.to(device_)};
    for (size_t k = 0; k < image_staging_.size(); ++k) {
      const auto size = static_cast<size_t>(spec.images[k].size());
      uint8_t* pictures = image_staging_[k].data_ptr<uint8_t>();
      for (size_t i = 0; i < count; ++i) {
        const Row& row = rows_[static_cast<size_t>(waiting_[first + i])];
        std::copy_n(row.images[k].data(), size, pictures + i * size);
      }
      std::fill(pictures + count * size, pictures + static_cast<size_t>(block_) * size, 0);
      input.images.push_back(image_staging_[k].to(device_));
    }
    const torch::Tensor chunk = policy_->Act(input).to(torch::kCPU).contiguous();
    const float* from = chunk.data_ptr<float>();
    for (size_t i = 0; i < count; ++i) {
      Row& row = rows_[static_cast<size_t>(waiting_[first + i])];
      row.chunk.assign(from + i * out, from + i * out + kept);
      row.next = 0;
    }
    ++num_calls_;
  }
}

void PolicyRunner::Act(const env::ObservationView& observations, std::span<const uint8_t> active,
                       std::span<float> action_NA) {
  const auto n = static_cast<size_t>(observations.num_rows);
  const auto dim = static_cast<size_t>(action_dim_);
  if (active.size() != n)
    throw ShapeError(Cat("policy: active must have ", n, " entries, got ", active.size()));
  if (n > 0 && action_NA.size() != n * dim)
    OtherTask(policy_->spec(), Cat("gives ", dim, " action components; this environment takes ",
                                   action_NA.size() / n));
  Bind(observations);
  if (rows_.size() < n) rows_.resize(n);
  waiting_.clear();
  for (size_t r = 0; r < n; ++r) {
    if (!active[r]) continue;
    Observe(observations, static_cast<int>(r));
    if (rows_[r].next < n_action_steps_) continue;
    ObserveImages(observations, static_cast<int>(r));
    waiting_.push_back(static_cast<int>(r));
  }
  if (!waiting_.empty()) RunBlocks();
  for (size_t r = 0; r < n; ++r) {
    if (!active[r]) continue;
    Row& row = rows_[r];
    std::copy_n(row.chunk.data() + static_cast<size_t>(row.next) * dim, dim,
                action_NA.data() + r * dim);
    ++row.next;
  }
}

}  // namespace simscale::policy
