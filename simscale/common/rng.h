#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace simscale {

/// One seed of a user's run gives every use its own stream; see DeriveSeed.
enum class SeedUse : uint32_t { kDatagen = 1, kTraining = 2, kEvaluation = 3, kBench = 4 };

/// A 64-bit seed for one use of the run's seed, so that e.g. evaluation episodes never are training
/// episodes. Results for different uses always differ, whatever the seeds; for one use they differ
/// for all seeds below 2^60. Always below 2^63.
uint64_t DeriveSeed(uint64_t seed, SeedUse use);

/// The bijection underneath: Philox4x32-10, as Random123 and cuRAND have it.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Counter-based random numbers (Philox4x32-10, Salmon et al., SC 2011): a pure function of
/// (seed, index, purpose) and of how many numbers were drawn. The same on every machine.
class Rng {
 public:
  /// purpose: a short constant name such as "reset" or "action_noise"; streams of different
  /// purposes are independent.
  Rng(uint64_t seed, uint64_t index, std::string_view purpose);

  uint32_t Next32();
  uint64_t Next64();
  /// Uniform in [0, 1), 53 bits.
  double Uniform();
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  /// Standard normal (Box-Muller); always draws 4 words. Same bits on every CPU.
  double Normal();
  /// Uniform in {0, ..., n - 1}; n >= 1.
  uint64_t Below(uint64_t n);

  /// The number of 32-bit words drawn so far; Seek goes there (for exact resume).
  uint64_t position() const { return position_; }
  void Seek(uint64_t position);

 private:
  std::array<uint32_t, 4> Block(uint64_t block) const;
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 2> stream_;
  std::array<uint32_t, 4> buffer_{};
  uint64_t position_ = 0;
};

}  // namespace simscale
