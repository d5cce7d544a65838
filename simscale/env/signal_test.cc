#include "simscale/env/signal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "simscale/common/error.h"

namespace simscale::env {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One environment's signal.
struct Line {
  Line(const SignalConfig& config, int size, uint64_t index = 0)
      : signal(config, size, "test"), memory(static_cast<size_t>(signal.memory_size())) {
    key = {5, index};
    signal.Start(key, memory);
  }
  std::vector<double> Send(int step, std::vector<double> values) {
    signal.Process(key, step, values, memory);
    return values;
  }
  Signal signal;
  std::vector<double> memory;
  EpisodeKey key;
};

TEST(Signal, OffByDefault) {
  const Signal signal(SignalConfig{}, 3, "x");
  EXPECT_FALSE(signal.active());
  EXPECT_EQ(signal.memory_size(), 0);
}

TEST(Signal, ClipsThenScales) {
  Line line({.scale = 10, .clip = {-1, 2}}, 3);
  EXPECT_THAT(line.Send(0, {-5, 0.5, 3}), ElementsAre(-10, 5, 20));
}

TEST(Signal, DelayHandsOutWhatWasSeenSoManyStepsBefore) {
  Line line({.delay = {2, 2}}, 1);
  EXPECT_THAT(line.Send(0, {10}), ElementsAre(10));
  EXPECT_THAT(line.Send(1, {11}), ElementsAre(10));
  EXPECT_THAT(line.Send(2, {12}), ElementsAre(10));
  EXPECT_THAT(line.Send(3, {13}), ElementsAre(11));
  EXPECT_THAT(line.Send(3, {13}), ElementsAre(11)) << "the same step again";
  EXPECT_THAT(line.Send(4, {14}), ElementsAre(12));
  EXPECT_THAT(line.Send(5, {15}), ElementsAre(13));
}

TEST(Signal, DelayIsDrawnOnceAnEpisode) {
  std::set<double> delays;
  for (uint64_t index = 0; index < 60; ++index) {
    delays.insert(Line({.delay = {1, 3}}, 1, index).memory[0]);
  }
  EXPECT_THAT(delays, ElementsAre(1, 2, 3));
}

TEST(Signal, NoiseIsAFunctionOfKeyAndStep) {
  const SignalConfig config{.noise = 0.1};
  Line one(config, 2, 3), same(config, 2, 3), other(config, 2, 4);
  same.Send(1, {0, 0});  // what was asked before does not matter
  const auto at7 = one.Send(7, {0, 0});
  EXPECT_EQ(same.Send(7, {0, 0}), at7);
  EXPECT_NE(other.Send(7, {0, 0}), at7);
  EXPECT_NE(one.Send(8, {0, 0}), at7);
  EXPECT_NE(at7[0], at7[1]);
}

TEST(Signal, NoiseAndBiasHaveTheirSpread) {
  double noise = 0, bias = 0, largest = 0;
  constexpr int kDraws = 4000;
  Line noisy({.noise = 0.5}, 1);
  for (int i = 0; i < kDraws; ++i) {
    noise += std::pow(noisy.Send(i, {0})[0], 2);
    Line biased({.bias = 2, .distribution = "uniform"}, 1, static_cast<uint64_t>(i));
    const double value = biased.Send(0, {0})[0];
    EXPECT_EQ(biased.Send(1, {0})[0], value) << "the same all episode long";
    bias += value * value;
    largest = std::max(largest, std::abs(value));
  }
  EXPECT_NEAR(std::sqrt(noise / kDraws), 0.5, 0.02);
  EXPECT_NEAR(std::sqrt(bias / kDraws), 2 / std::sqrt(3.0), 0.04);
  EXPECT_LE(largest, 2);
  EXPECT_GT(largest, 1.98);
}

TEST(Signal, DropoutKeepsTheLastNumbers) {
  Line line({.dropout = 0.5}, 2);
  double last = 0;
  int lost = 0;
  for (int step = 0; step < 1000; ++step) {
    const auto got = line.Send(step, {1.0 * step, -1.0 * step});
    EXPECT_EQ(got[1], -got[0]) << "all of a step is lost, or nothing";
    if (got[0] != step) {
      ++lost;
      EXPECT_EQ(got[0], last);
    }
    last = got[0];
  }
  EXPECT_NEAR(lost, 500, 60);
  EXPECT_EQ(Line({.dropout = 1}, 1).Send(0, {4})[0], 4) << "the first can't be lost";
}

TEST(Signal, RefusesWhatMakesNoSense) {
  const auto message = [](const SignalConfig& config) -> std::string {
    try {
      config.Validate();
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message({.clip = {1, 0}}),
              HasSubstr("clip must be [low, high] with low <= high, got [1, 0]"));
  EXPECT_THAT(message({.clip = {1}}), HasSubstr("got [1]"));
  EXPECT_THAT(message({.delay = {3, 1}}), HasSubstr("delay must be [least, most]"));
}

}  // namespace
}  // namespace simscale::env
