#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace simscale::train {

/// Goes through `items` in a new order each epoch. The order is a function of (seed, epoch), so
/// (epoch, offset) is all there is to save. Batches run on into the next epoch: none is short.
class ShuffledSampler {
 public:
  /// Throws UserError if there are no items.
  ShuffledSampler(std::vector<int64_t> items, uint64_t seed);

  /// Fills `out` with the next items.
  void Next(std::span<int64_t> out);

  int64_t epoch() const { return epoch_; }
  int64_t offset() const { return offset_; }
  int64_t size() const { return static_cast<int64_t>(items_.size()); }
  /// Throws UserError unless epoch >= 0 and 0 <= offset <= size.
  void Seek(int64_t epoch, int64_t offset);

 private:
  void Shuffle();
  std::vector<int64_t> items_, order_;
  uint64_t seed_;
  int64_t epoch_ = 0, offset_ = 0;
};

/// The episodes held out for validation, ascending: round(fraction * n) of them, at least one if
/// fraction > 0 and n > 1, never all. A function of (n, fraction, seed).
std::vector<int64_t> ValidationEpisodes(int64_t n, double fraction, uint64_t seed);

}  // namespace simscale::train
