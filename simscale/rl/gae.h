#pragma once

#include <span>

namespace simscale::rl {

/// A rollout's rewards and values. T steps of N rows, [T, N] each, row-major.
struct GaeInput {
  int num_steps = 0, num_rows = 0;
  /// Where an episode was truncated, gamma times the value of its true last observation has been
  /// added: the time limit is not the task's end.
  std::span<const float> reward;
  std::span<const float> value;  ///< [T + 1, N]: of the observation before each step, and last
  std::span<const unsigned char> done;  ///< the step ended its episode, for whatever reason
  double gamma = 0.99, lambda = 0.95;
};

/// Generalised advantage estimation (Schulman et al., 2016), from the last step backwards:
///   delta_t = r_t + gamma (1 - done_t) V_{t+1} - V_t
///   A_t     = delta_t + gamma lambda (1 - done_t) A_{t+1}
/// and the returns A_t + V_t. Both outputs [T, N]. Throws ShapeError for other sizes.
void ComputeGae(const GaeInput& input, std::span<float> advantage, std::span<float> returns);

}  // namespace simscale::rl
