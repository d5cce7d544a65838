#include "simscale/eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "simscale/common/error.h"

namespace simscale::eval {

Interval WilsonInterval(int64_t successes, int64_t trials, double z) {
  if (successes < 0 || successes > trials) {
    ThrowUser("successes must be in 0 .. trials (", trials, "), got ", successes);
  }
  if (trials == 0) return {0, 1};
  const double n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double scale = 1 / (1 + z * z / n);
  const double centre = (p + z * z / (2 * n)) * scale;
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) * scale;
  // The ends are 0 and 1 exactly there; rounding must not say otherwise.
  return {successes == 0 ? 0.0 : centre - half, successes == trials ? 1.0 : centre + half};
}

double Mean(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double StdDev(std::span<const double> values) {
  if (values.empty()) return 0;
  const double mean = Mean(values);
  double sum = 0;
  for (double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

double Quantile(std::span<const double> values, double q) {
  if (values.empty()) ThrowUser("a quantile needs at least one value");
  if (!(q >= 0 && q <= 1)) ThrowUser("a quantile must be in 0 .. 1, got ", q);
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double place = q * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace simscale::eval
