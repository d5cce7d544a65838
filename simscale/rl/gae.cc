#include "simscale/rl/gae.h"

#include <vector>

#include "simscale/common/error.h"

namespace simscale::rl {

void ComputeGae(const GaeInput& input, std::span<float> advantage, std::span<float> returns) {
  const auto rows = static_cast<size_t>(input.num_rows);
  const auto steps = static_cast<size_t>(input.num_steps);
  const size_t size = rows * steps;
  if (input.reward.size() != size || input.done.size() != size ||
      input.value.size() != size + rows || advantage.size() != size || returns.size() != size)
    throw ShapeError(Cat("GAE: ", steps, " steps of ", rows, " rows, but ", input.reward.size(),
                         " rewards, ", input.done.size(), " ends, ", input.value.size(),
                         " values"));
  std::vector<double> next(rows, 0);  // A_{t+1}
  for (size_t t = steps; t-- > 0;) {
    for (size_t n = 0; n < rows; ++n) {
      const size_t i = t * rows + n;
      const double goes_on = input.done[i] ? 0 : 1;
      const double value = input.value[i];
      const double delta = input.reward[i] + input.gamma * goes_on * input.value[i + rows] - value;
      next[n] = delta + input.gamma * input.lambda * goes_on * next[n];
      advantage[i] = static_cast<float>(next[n]);
      returns[i] = static_cast<float>(next[n] + value);
    }
  }
}

}  // namespace simscale::rl
