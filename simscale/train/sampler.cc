#include "simscale/train/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"

namespace simscale::train {
namespace {

constexpr int64_t kMostDraws = 100'000'000'000;

/// Fisher-Yates.
template <class T>
void ShuffleWith(Rng& rng, std::span<T> values) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.Below(i)]);
}

}  // namespace

ShuffledSampler::ShuffledSampler(std::vector<SampleGroup> groups, const SamplerOptions& options)
    : options_(options) {
  double weights = 0;
  for (const SampleGroup& group : groups) {
    if (!(group.weight > 0) || !std::isfinite(group.weight))
      ThrowUser("dataset weights must be above 0, got ", group.weight);
    weights += group.weight;
  }
  for (SampleGroup& group : groups) {
    Stream stream{.lists = std::move(group.lists), .share = group.weight / weights};
    for (const auto& list : stream.lists) stream.size += std::ssize(list);
    if (stream.size == 0) ThrowUser("dataset: there is nothing to train on (no steps)");
    size_ += stream.size;
    streams_.push_back(std::move(stream));
  }
  if (size_ == 0) ThrowUser("dataset: there is nothing to train on (no steps)");
  for (size_t g = 0; g < streams_.size(); ++g) Shuffle(g);
}

void ShuffledSampler::Shuffle(size_t group) {
  Stream& stream = streams_[group];
  stream.order_epoch = stream.drawn / stream.size;
  stream.order.clear();
  stream.order.reserve(static_cast<size_t>(stream.size));
  // Of one group alone: the names by which runs of earlier versions drew.
  Rng rng(group == 0 ? options_.seed : DeriveSeed(options_.seed + group, SeedUse::kTraining),
          static_cast<uint64_t>(stream.order_epoch), "shuffle");
  std::vector<size_t> turns(stream.lists.size());
  std::iota(turns.begin(), turns.end(), size_t{0});
  const bool all = options_.shuffle_buffer <= 0;
  if (!all) ShuffleWith(rng, std::span(turns));
  const size_t together = all ? turns.size() : static_cast<size_t>(options_.shuffle_buffer);
  for (size_t begin = 0; begin < turns.size(); begin += together) {
    const auto at = static_cast<std::ptrdiff_t>(stream.order.size());
    for (size_t i = begin; i < std::min(begin + together, turns.size()); ++i) {
      const auto& list = stream.lists[turns[i]];
      stream.order.insert(stream.order.end(), list.begin(), list.end());
    }
    ShuffleWith(rng, std::span(stream.order.begin() + at, stream.order.end()));
  }
}

size_t ShuffledSampler::Turn() const {
  const double drawn =
      static_cast<double>(epoch_) * static_cast<double>(size_) + static_cast<double>(offset_) + 1;
  size_t turn = 0;
  double most = -1e300;
  for (size_t g = 0; g < streams_.size(); ++g) {
    const double lacks = streams_[g].share * drawn - static_cast<double>(streams_[g].drawn);
    if (lacks > most) {
      most = lacks;
      turn = g;
    }
  }
  return turn;
}

void ShuffledSampler::Next(std::span<int64_t> out) {
  for (int64_t& item : out) {
    if (offset_ == size_) {
      ++epoch_;
      offset_ = 0;
    }
    const size_t group = streams_.size() == 1 ? 0 : Turn();
    Stream& stream = streams_[group];
    if (stream.drawn / stream.size != stream.order_epoch) Shuffle(group);
    item = stream.order[static_cast<size_t>(stream.drawn % stream.size)];
    ++stream.drawn;
    ++offset_;
  }
}

void ShuffledSampler::Seek(int64_t epoch, int64_t offset) {
  if (epoch < 0 || offset < 0 || offset > size_)
    ThrowUser("sampler: epoch ", epoch, ", offset ", offset, " lies outside of ", size_,
              " windows");
  if (epoch > kMostDraws / size_ - 1)
    ThrowUser("sampler: epoch ", epoch, " of ", size_, " windows is past any training");
  for (Stream& stream : streams_) stream.drawn = 0;
  epoch_ = offset_ = 0;
  if (streams_.size() == 1) {
    streams_[0].drawn = epoch * size_ + offset;
  } else {
    // The turns again, without the items: their number is all that counts.
    for (int64_t left = epoch * size_ + offset; left > 0; --left) {
      if (offset_ == size_) {
        ++epoch_;
        offset_ = 0;
      }
      ++streams_[Turn()].drawn;
      ++offset_;
    }
  }
  epoch_ = epoch;
  offset_ = offset;
  for (size_t g = 0; g < streams_.size(); ++g) Shuffle(g);
}

std::vector<int64_t> ValidationEpisodes(int64_t n, double fraction, uint64_t seed) {
  int64_t count = std::llround(fraction * static_cast<double>(n));
  if (fraction > 0) count = std::max<int64_t>(count, 1);
  count = std::clamp<int64_t>(count, 0, std::max<int64_t>(n - 1, 0));
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed, 0, "validation_split");
  ShuffleWith(rng, std::span(order));
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace simscale::train
