#include "simscale/common/rng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <set>
#include <vector>

#include "simscale/common/error.h"

namespace simscale {
namespace {

using testing::ElementsAre;

constexpr int kDraws = 200'000;

TEST(Philox, KnownAnswers) {
  // Random123's kat_vectors, "philox4x32 10".
  EXPECT_THAT(Philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_THAT(Philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  EXPECT_THAT(
      Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09u, 0x94fdcceb, 0x5001e420u, 0x24126ea1u));
}

// Recorded datasets and reports depend on these; they never change.
TEST(Rng, StreamsArePinned) {
  Rng rng(7, 3, "reset");
  EXPECT_THAT((std::array{rng.Next32(), rng.Next32(), rng.Next32()}),
              ElementsAre(0xdda0a73eu, 0x74f66731u, 0xe18374e0u));
  EXPECT_EQ(Rng(7, 3, "reset").Uniform(), 0x1.d3d99cc776828p-2);
  EXPECT_EQ(Rng(7, 3, "reset").Normal(), -0x1.de67dc4584b5cp-2);
  EXPECT_EQ(Rng(7, 3, "reset").Below(1000), 456u);
  EXPECT_EQ(DeriveSeed(0, SeedUse::kDatagen), 0x1d871ad3e00c1395u);
}

TEST(Rng, IsAFunctionOfItsArguments) {
  Rng a(1, 2, "x"), b(1, 2, "x");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(a.Next32(), b.Next32());
}

TEST(Rng, EveryArgumentChangesTheStream) {
  std::set<uint64_t> first;
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  const std::vector<uint64_t> values = {0, 1, 2, uint64_t{1} << 32, kMax - 1, kMax};
  for (const uint64_t seed : values) {
    for (const uint64_t index : values) {
      for (const char* purpose : {"", "reset", "action_noise"}) {
        first.insert(Rng(seed, index, purpose).Next64());
      }
    }
  }
  EXPECT_EQ(first.size(), values.size() * values.size() * 3);
}

TEST(Rng, WordsAreTheBlocksLanes) {
  Rng whole(5, 6, "x"), halves(5, 6, "x");
  for (int i = 0; i < 10; ++i) {
    const uint64_t low = halves.Next32();
    const uint64_t high = halves.Next32();
    EXPECT_EQ(whole.Next64(), low | (high << 32));
  }
  EXPECT_EQ(whole.position(), 20u);
}

TEST(Rng, SeekGoesAnywhere) {
  std::vector<uint32_t> words;
  Rng rng(11, 12, "x");
  for (int i = 0; i < 40; ++i) words.push_back(rng.Next32());
  for (const uint64_t position : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 31u, 36u}) {
    rng.Seek(position);
    EXPECT_EQ(rng.position(), position);
    for (uint64_t i = position; i < 40; ++i) ASSERT_EQ(rng.Next32(), words[i]) << position;
  }
  Rng fresh(11, 12, "x");
  fresh.Seek(39);
  EXPECT_EQ(fresh.Next32(), words[39]);
  fresh.Seek(uint64_t{1} << 40);  // beyond 32 bits of blocks
  rng.Seek((uint64_t{1} << 40) + 1);
  fresh.Next32();
  EXPECT_EQ(fresh.Next32(), rng.Next32());
}

TEST(Rng, UniformMoments) {
  Rng rng(1, 0, "uniform");
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.Uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  // Within 5 standard errors.
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kDraws));
  for (int i = 0; i < 1000; ++i) {
    const double u = rng.Uniform(-0.3, 0.7);
    ASSERT_GE(u, -0.3);
    ASSERT_LE(u, 0.7);
  }
}

TEST(Rng, NormalMomentsAndTails) {
  Rng rng(1, 0, "normal");
  std::array<double, 5> moments{};
  int beyond_two = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.Normal();
    for (int k = 1; k <= 4; ++k) moments[static_cast<size_t>(k)] += std::pow(x, k) / kDraws;
    beyond_two += std::abs(x) > 2;
  }
  // Variances of x, x^2, x^3, x^4 are 1, 2, 15, 96; within 5 standard errors.
  EXPECT_NEAR(moments[1], 0, 5 * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(moments[2], 1, 5 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(moments[3], 0, 5 * std::sqrt(15.0 / kDraws));
  EXPECT_NEAR(moments[4], 3, 5 * std::sqrt(96.0 / kDraws));
  const double p = std::erfc(std::numbers::sqrt2);
  EXPECT_NEAR(beyond_two / double{kDraws}, p, 5 * std::sqrt(p / kDraws));
}

TEST(Rng, NormalAgreesWithTheCLibrary) {
  Rng rng(3, 0, "x"), uniforms(3, 0, "x");
  for (int i = 0; i < kDraws; ++i) {
    const double u = uniforms.Uniform(), v = uniforms.Uniform();
    const double radius = std::sqrt(-2 * std::log(1 - u));
    // The library's argument is rounded, which costs the cosine up to 2 pi * 2^-53 of its own.
    ASSERT_NEAR(rng.Normal(), radius * std::cos(2 * std::numbers::pi * v), 1.5e-15 * radius);
  }
  EXPECT_EQ(rng.position(), uniforms.position());
}

TEST(Rng, BelowIsUniform) {
  Rng rng(4, 0, "below");
  EXPECT_EQ(rng.Below(1), 0u);
  constexpr uint64_t kBins = 7;
  std::array<int, kBins> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts[rng.Below(kBins)];
  double chi2 = 0;
  for (const int count : counts) chi2 += std::pow(count - 10'000, 2) / 10'000;
  EXPECT_LT(chi2, 22.5);  // 99.9 % of the chi-square distribution with 6 degrees of freedom
  // A range for which a quarter of the words is rejected: halves still come equally often.
  constexpr uint64_t kLarge = uint64_t{3} << 62;
  int low = 0;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t value = rng.Below(kLarge);
    ASSERT_LT(value, kLarge);
    low += value < kLarge / 2;
  }
  EXPECT_NEAR(low, 5000, 250);
  EXPECT_THROW(rng.Below(0), Error);
}

// Correlation of the streams' uniforms; its standard error is 1 / sqrt(draws).
double Correlation(Rng a, Rng b) {
  double sum = 0;
  for (int i = 0; i < 50'000; ++i) sum += (a.Uniform() - 0.5) * (b.Uniform() - 0.5);
  return 12 * sum / 50'000;
}

TEST(Rng, StreamsAreIndependent) {
  constexpr double kBound = 0.0224;  // 5 standard errors
  const Rng base(0, 0, "reset");
  for (uint64_t k = 1; k <= 8; ++k) {
    EXPECT_NEAR(Correlation(base, Rng(0, k, "reset")), 0, kBound);
    EXPECT_NEAR(Correlation(base, Rng(k, 0, "reset")), 0, kBound);
  }
  EXPECT_NEAR(Correlation(base, Rng(0, 0, "action_noise")), 0, kBound);
  Rng shifted(0, 0, "reset");
  shifted.Seek(2);
  EXPECT_NEAR(Correlation(base, shifted), 0, kBound);
  // Over episodes, what matters is the first number of each.
  double sum = 0;
  for (uint64_t k = 0; k < 50'000; ++k) {
    sum += (Rng(9, k, "reset").Uniform() - 0.5) * (Rng(9, k + 1, "reset").Uniform() - 0.5);
  }
  EXPECT_NEAR(12 * sum / 50'000, 0, kBound);
}

TEST(DeriveSeed, NeverRepeats) {
  std::set<uint64_t> seeds;
  const auto uses = {SeedUse::kDatagen, SeedUse::kTraining, SeedUse::kEvaluation, SeedUse::kBench};
  for (const SeedUse use : uses) {
    for (uint64_t seed = 0; seed < 10'000; ++seed) seeds.insert(DeriveSeed(seed, use));
  }
  EXPECT_EQ(seeds.size(), 40'000u);
  EXPECT_LT(*seeds.rbegin(), uint64_t{1} << 63);
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  EXPECT_NE(DeriveSeed(kMax, SeedUse::kDatagen), DeriveSeed(kMax, SeedUse::kEvaluation));
}

}  // namespace
}  // namespace simscale
