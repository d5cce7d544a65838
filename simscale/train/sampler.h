#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace simscale::train {

/// Items that are drawn together, of one dataset.
struct SampleGroup {
  /// Lists that are read one after the other, in a new order each epoch: the steps of an episode.
  std::vector<std::vector<int64_t>> lists;
  double weight = 1;  ///< its share of the draws is weight / sum of the weights
};

struct SamplerOptions {
  uint64_t seed = 0;
  /// Lists whose items are mixed with each other, as many as are to be in memory at once; 0: all.
  int64_t shuffle_buffer = 0;
};

/// Goes through items in a new order each epoch. The order is a function of (items, options), so
/// (epoch, offset) is all there is to save. Batches run on into the next epoch: none is short.
///
/// Of several groups each goes through epochs of its own, and takes its turns so that after any
/// number of draws each has had its share to within one; an epoch is as many draws as there are
/// items.
class ShuffledSampler {
 public:
  /// Throws UserError if there are no items, or weights that are not positive.
  ShuffledSampler(std::vector<SampleGroup> groups, const SamplerOptions& options);

  /// Fills `out` with the next items.
  void Next(std::span<int64_t> out);

  int64_t epoch() const { return epoch_; }
  int64_t offset() const { return offset_; }
  int64_t size() const { return size_; }
  /// Throws UserError unless epoch >= 0 and 0 <= offset <= size.
  void Seek(int64_t epoch, int64_t offset);

 private:
  /// One group on its way.
  struct Stream {
    std::vector<std::vector<int64_t>> lists;
    double share = 0;
    int64_t size = 0;
    std::vector<int64_t> order;  ///< of epoch order_epoch
    int64_t order_epoch = 0;
    int64_t drawn = 0;  ///< in all epochs
  };
  void Shuffle(size_t group);
  /// Whose turn it is.
  size_t Turn() const;

  SamplerOptions options_;
  std::vector<Stream> streams_;
  int64_t size_ = 0;
  int64_t epoch_ = 0, offset_ = 0;
};

/// The episodes held out for validation, ascending: round(fraction * n) of them, at least one if
/// fraction > 0 and n > 1, never all. A function of (n, fraction, seed).
std::vector<int64_t> ValidationEpisodes(int64_t n, double fraction, uint64_t seed);

}  // namespace simscale::train
