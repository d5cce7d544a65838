#include "simscale/common/stopwatch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "simscale/common/text.h"

namespace simscale {

void TimeSplit::Add(const std::string& part, double seconds) {
  for (auto& [name, sum] : parts_) {
    if (name == part) {
      sum += seconds;
      return;
    }
  }
  parts_.emplace_back(part, seconds);
}

std::string TimeSplit::Summary(double total_seconds) const {
  double named = 0;
  for (const auto& [name, seconds] : parts_) named += seconds;
  // Parts measured by several threads can exceed the wall time; then they are shares of their sum.
  const double total = std::max(total_seconds, named);
  if (!(total > 0)) return "";
  auto shares = parts_;
  shares.emplace_back("other", total - named);

  // Largest remainders first, so that the printed whole numbers add up to 100.
  std::vector<int> percent(shares.size());
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto exact = [&](size_t i) { return 100 * shares[i].second / total; };
  int left = 100;
  for (size_t i = 0; i < shares.size(); ++i) {
    percent[i] = static_cast<int>(std::floor(exact(i)));
    left -= percent[i];
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return exact(a) - std::floor(exact(a)) > exact(b) - std::floor(exact(b));
  });
  for (size_t k = 0; k < order.size() && left > 0; ++k, --left) ++percent[order[k]];

  std::vector<std::string> pieces;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (i + 1 == shares.size() && percent[i] == 0) continue;
    pieces.push_back(Cat(shares[i].first, " ", percent[i], " %"));
  }
  return Join(pieces, ", ");
}

}  // namespace simscale
