#include "simscale/train/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"

namespace simscale::train {
namespace {

/// Fisher-Yates.
void ShuffleWith(Rng& rng, std::vector<int64_t>* values) {
  for (size_t i = values->size(); i > 1; --i) std::swap((*values)[i - 1], (*values)[rng.Below(i)]);
}

}  // namespace

ShuffledSampler::ShuffledSampler(std::vector<int64_t> items, uint64_t seed)
    : items_(std::move(items)), seed_(seed) {
  if (items_.empty()) ThrowUser("dataset: there is nothing to train on (no steps)");
  Shuffle();
}

void ShuffledSampler::Shuffle() {
  order_ = items_;
  Rng rng(seed_, static_cast<uint64_t>(epoch_), "shuffle");
  ShuffleWith(rng, &order_);
}

void ShuffledSampler::Next(std::span<int64_t> out) {
  for (size_t at = 0; at < out.size();) {
    if (offset_ == size()) {
      ++epoch_;
      offset_ = 0;
      Shuffle();
    }
    const size_t count = std::min(out.size() - at, static_cast<size_t>(size() - offset_));
    std::copy_n(order_.begin() + offset_, count, out.begin() + static_cast<std::ptrdiff_t>(at));
    at += count;
    offset_ += static_cast<int64_t>(count);
  }
}

void ShuffledSampler::Seek(int64_t epoch, int64_t offset) {
  if (epoch < 0 || offset < 0 || offset > size())
    ThrowUser("sampler: epoch ", epoch, ", offset ", offset, " lies outside of ", size(),
              " windows");
  epoch_ = epoch;
  offset_ = offset;
  Shuffle();
}

std::vector<int64_t> ValidationEpisodes(int64_t n, double fraction, uint64_t seed) {
  int64_t count = std::llround(fraction * static_cast<double>(n));
  if (fraction > 0) count = std::max<int64_t>(count, 1);
  count = std::clamp<int64_t>(count, 0, std::max<int64_t>(n - 1, 0));
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed, 0, "validation_split");
  ShuffleWith(rng, &order);
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace simscale::train
