#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "simscale/env/agent.h"
#include "simscale/policy/spec.h"

namespace simscale::rl {

/// The last n_obs_steps observations of N rows, as a policy reads them; pictures of the present one
/// alone; and the numbers that only the critic reads.
class ObservationStack {
 public:
  /// Throws UserError that lists the known keys for one that the view lacks.
  ObservationStack(const policy::PolicySpec& spec, const std::vector<std::string>& privileged,
                   const env::ObservationView& view);

  /// The row's episode begins with what the view shows.
  void Begin(const env::ObservationView& view, int row);
  /// A step on.
  void Push(const env::ObservationView& view, int row);

  std::span<const float> state() const { return state_; }  ///< [N, T, S]
  std::span<float> state() { return state_; }
  std::span<const float> privileged() const { return privileged_; }  ///< [N, P]
  /// [N, H * W * 3] of each picture: where the view has it.
  std::span<const uint8_t> image(const env::ObservationView& view, size_t i) const {
    return view.keys[image_of_[i]].image;
  }
  size_t row_size() const { return static_cast<size_t>(steps_ * state_dim_); }
  int num_privileged() const { return privileged_dim_; }
  size_t num_images() const { return image_of_.size(); }

  /// What Push would leave in the row, for an observation after which the episode ends.
  void Peek(const env::ObservationView& view, int row, std::span<float> state,
            std::span<float> privileged) const;

 private:
  struct Part {
    size_t key = 0;  ///< in the view
    size_t size = 0;
  };
  static void Copy(const std::vector<Part>& parts, const env::ObservationView& view, int row,
                   float* out);
  std::span<float> StateOf(int row) {
    return std::span(state_).subspan(static_cast<size_t>(row) * row_size(), row_size());
  }
  float* PrivilegedOf(int row) { return privileged_.data() + row * privileged_dim_; }

  std::vector<Part> parts_, privileged_parts_;
  std::vector<size_t> image_of_;
  int steps_, state_dim_ = 0, privileged_dim_ = 0;
  std::vector<float> state_, privileged_;
};

}  // namespace simscale::rl
