#include "simscale/rl/observation_stack.h"

#include <algorithm>

#include "simscale/common/error.h"

namespace simscale::rl {
namespace {

size_t IndexOf(const env::ObservationView& view, const std::string& name) {
  const env::ObservationView::Key* key = &view.at(name);  // throws, with the known names
  return static_cast<size_t>(key - view.keys.data());
}

}  // namespace

ObservationStack::ObservationStack(const policy::PolicySpec& spec,
                                   const std::vector<std::string>& privileged,
                                   const env::ObservationView& view)
    : steps_(spec.n_obs_steps) {
  const auto rows = static_cast<size_t>(view.num_rows);
  const auto part = [&](const std::string& name) {
    const size_t key = IndexOf(view, name);
    return Part{.key = key, .size = static_cast<size_t>(view.keys[key].spec->size())};
  };
  for (const auto& key : spec.observations) parts_.push_back(part(key.name));
  for (const std::string& name : privileged) {
    privileged_parts_.push_back(part(name));
    privileged_dim_ += static_cast<int>(privileged_parts_.back().size);
  }
  for (const auto& key : spec.images) image_of_.push_back(IndexOf(view, key.name));
  state_dim_ = spec.state_dim();
  state_.resize(rows * row_size());
  privileged_.resize(rows * static_cast<size_t>(privileged_dim_));
}

void ObservationStack::Copy(const std::vector<Part>& parts, const env::ObservationView& view,
                            int row, float* out) {
  for (const Part& part : parts) {
    const auto from = view.keys[part.key].state.subspan(static_cast<size_t>(row) * part.size);
    out = std::copy_n(from.data(), part.size, out);
  }
}

void ObservationStack::Begin(const env::ObservationView& view, int row) {
  for (int t = 0; t < steps_; ++t) Copy(parts_, view, row, StateOf(row).data() + t * state_dim_);
  Copy(privileged_parts_, view, row, PrivilegedOf(row));
}

void ObservationStack::Push(const env::ObservationView& view, int row) {
  Peek(view, row, StateOf(row), {PrivilegedOf(row), static_cast<size_t>(privileged_dim_)});
}

void ObservationStack::Peek(const env::ObservationView& view, int row, std::span<float> state,
                            std::span<float> privileged) const {
  const auto before = std::span(state_).subspan(static_cast<size_t>(row) * row_size(), row_size());
  std::copy(before.begin() + state_dim_, before.end(), state.begin());
  Copy(parts_, view, row, state.data() + (steps_ - 1) * state_dim_);
  Copy(privileged_parts_, view, row, privileged.data());
}

}  // namespace simscale::rl
