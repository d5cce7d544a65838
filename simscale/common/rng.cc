#include "simscale/common/rng.h"

#include <cmath>

#include "simscale/common/error.h"
#include "simscale/common/portable_math.h"

namespace simscale {
namespace {

__extension__ using Uint128 = unsigned __int128;

// SplitMix64's finaliser (Steele et al., OOPSLA 2014): a bijection, so different inputs never meet.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// FNV-1a, 64 bits.
uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

// By operations that IEEE 754 rounds exactly (see portable_math.h):
// cos(2 pi u), u in [0, 1), by Taylor's series on [0, pi/4].
double PortableCosTurn(double u) {
  constexpr double kPi = 3.14159265358979324;
  if (u > 0.5) u = 1 - u;  // exact, as all reductions here are
  const bool negate = u > 0.25;
  if (negate) u = 0.5 - u;
  const bool use_sine = u > 0.125;
  const double angle = 2 * kPi * (use_sine ? 0.25 - u : u);
  const double a2 = angle * angle;
  double sum = 0;
  if (use_sine) {
    for (int k = 16; k >= 2; k -= 2) sum = -(1 + sum) * a2 / (k * (k + 1));
    sum = angle * (1 + sum);
  } else {
    for (int k = 17; k >= 1; k -= 2) sum = -(1 + sum) * a2 / (k * (k + 1));
    sum = 1 + sum;
  }
  return negate ? -sum : sum;
}

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {High(b) ^ counter[1] ^ key[0], Low(b), High(a) ^ counter[3] ^ key[1], Low(a)};
    key[0] += 0x9E3779B9;  // Weyl sequence: the golden ratio
    key[1] += 0xBB67AE85;  // and sqrt(3) - 1
  }
  return counter;
}

uint64_t DeriveSeed(uint64_t seed, SeedUse use) {
  // Bits 60 to 62 hold the use, so different uses differ whatever the seeds; bit 63 stays 0 for
  // readers that know only signed integers. The rest is a bijection of the seeds below 2^60.
  constexpr uint64_t kMask = (uint64_t{1} << 60) - 1;
  uint64_t x = (seed ^ (seed >> 60)) & kMask;
  x = ((x + 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u) & kMask;
  x ^= x >> 29;
  x = (x * 0x94D049BB133111EBu) & kMask;
  x ^= x >> 30;
  const auto tag = static_cast<uint64_t>(use);
  SIMSCALE_CHECK(tag >= 1 && tag <= 7);
  return (tag << 60) | x;
}

Rng::Rng(uint64_t seed, uint64_t index, std::string_view purpose) {
  // The index is half of the counter as it is, so streams of one seed and purpose never overlap;
  // for one purpose the key is a bijection of the seed.
  const uint64_t key = Mix(seed ^ Mix(Hash(purpose)));
  key_ = {Low(key), High(key)};
  stream_ = {Low(index), High(index)};
}

std::array<uint32_t, 4> Rng::Block(uint64_t block) const {
  return Philox4x32({Low(block), High(block), stream_[0], stream_[1]}, key_);
}

uint32_t Rng::Next32() {
  const size_t lane = position_ % 4;
  if (lane == 0) buffer_ = Block(position_ / 4);
  ++position_;
  return buffer_[lane];
}

uint64_t Rng::Next64() {
  const uint64_t low = Next32();
  return low | (uint64_t{Next32()} << 32);
}

double Rng::Uniform() { return static_cast<double>(Next64() >> 11) * 0x1.0p-53; }

double Rng::Normal() {
  // One of Box and Muller's two numbers: keeping the other would make the state more than a
  // position.
  const double radius = std::sqrt(-2 * PortableLog(1 - Uniform()));
  return radius * PortableCosTurn(Uniform());
}

uint64_t Rng::Below(uint64_t n) {
  SIMSCALE_CHECK(n >= 1);
  // Lemire, "Fast random integer generation in an interval", 2019.
  Uint128 product = Uint128{Next64()} * n;
  if (static_cast<uint64_t>(product) < n) {
    const uint64_t threshold = (0 - n) % n;
    while (static_cast<uint64_t>(product) < threshold) product = Uint128{Next64()} * n;
  }
  return static_cast<uint64_t>(product >> 64);
}

void Rng::Seek(uint64_t position) {
  position_ = position;
  if (position_ % 4 != 0) buffer_ = Block(position_ / 4);
}

}  // namespace simscale
