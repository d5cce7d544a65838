#include "simscale/env/randomization/distribution.h"

#include <gtest/gtest.h>

#include <cmath>

#include "simscale/common/portable_math.h"
#include "simscale/env/randomization/randomization_test_util.h"

namespace simscale::env {
namespace {

using Operation = Distribution::Operation;

Distribution Make(DistributionConfig config, bool integer = false) {
  if (config.operation.empty()) config.operation = "set";
  return Distribution(config, integer);
}

TEST(Distribution, Quantiles) {
  const Distribution uniform = Make({.range = {2, 6}});
  EXPECT_EQ(uniform.Sample(0), 2);
  EXPECT_EQ(uniform.Sample(0.25), 3);
  EXPECT_LE(uniform.Sample(1 - 0x1p-53), 6);

  const Distribution log = Make({.distribution = "log_uniform", .range = {0.25, 4}});
  EXPECT_EQ(log.Sample(0), 0.25);
  EXPECT_NEAR(log.Sample(0.5), 1, 1e-15);
  EXPECT_NEAR(log.Sample(0.75), 2, 1e-15);

  const Distribution normal = Make({.distribution = "normal", .mean = 3, .std = 2});
  EXPECT_EQ(normal.Sample(0.5), 3);
  EXPECT_NEAR(normal.Sample(0.975), 3 + 2 * 1.959963984540054, 1e-13);
  EXPECT_TRUE(std::isfinite(normal.Sample(0)));
  EXPECT_TRUE(std::isfinite(normal.Sample(1)));

  const Distribution clipped =
      Make({.distribution = "normal", .range = {2.5, 4}, .mean = 3, .std = 2});
  EXPECT_EQ(clipped.Sample(0.01), 2.5);
  EXPECT_EQ(clipped.Sample(0.99), 4);
  EXPECT_EQ(clipped.Sample(0.5), 3);
  EXPECT_EQ(clipped.least(), 2.5);
  EXPECT_EQ(clipped.greatest(), 4);

  const Distribution choice = Make({.distribution = "choice", .choices = {7, 1, 5}});
  EXPECT_EQ(choice.Sample(0.32), 7);
  EXPECT_EQ(choice.Sample(0.34), 1);
  EXPECT_EQ(choice.Sample(0.999), 5);
  EXPECT_EQ(choice.least(), 1);

  const Distribution integer = Make({.range = {1, 3}}, true);
  EXPECT_EQ(integer.Sample(0.33), 1);
  EXPECT_EQ(integer.Sample(0.34), 2);
  EXPECT_EQ(integer.Sample(0.67), 3);
}

TEST(Distribution, MomentsOfManySamples) {
  const Distribution normal = Make({.distribution = "normal", .mean = 1, .std = 0.5});
  const Distribution log = Make({.distribution = "log_uniform", .range = {0.5, 2}});
  constexpr int kSamples = 100000;
  Rng rng(3, 0, "test");
  double sum = 0, squares = 0, log_sum = 0;
  for (int i = 0; i < kSamples; ++i) {
    const double u = rng.Uniform(), x = normal.Sample(u);
    sum += x;
    squares += (x - 1) * (x - 1);
    log_sum += log.Sample(u);
  }
  EXPECT_NEAR(sum / kSamples, 1, 0.005);
  EXPECT_NEAR(squares / kSamples, 0.25, 0.004);
  EXPECT_NEAR(log_sum / kSamples, 1.5 / std::log(4.0), 0.005);  // (b - a) / log(b / a)
}

TEST(Distribution, TheCurriculumMovesTheEnds) {
  const Distribution d = Make({.range = {0.5, 2}, .initial_range = {1, 1}});
  EXPECT_EQ(d.Sample(0, 0), 1);
  EXPECT_EQ(d.Sample(0.999, 0), 1);
  EXPECT_EQ(d.Sample(0, 0.5), 0.75);
  EXPECT_EQ(d.Sample(0.5, 0.5), 1.125);
  EXPECT_EQ(d.Sample(0, 1), 0.5);
  EXPECT_EQ(Make({.range = {0.5, 2}}).Sample(0, 0), 0.5);
  const Distribution free = Make({.distribution = "normal", .mean = 0, .std = 1});
  EXPECT_EQ(free.Sample(0.1, 0), free.Sample(0.1, 1));
}

TEST(Distribution, Operations) {
  EXPECT_EQ(Make({.range = {2, 2}, .operation = "scale"}).Apply(5, 2), 10);
  EXPECT_EQ(Make({.range = {2, 2}, .operation = "add"}).Apply(5, 2), 7);
  EXPECT_EQ(Make({.range = {2, 2}, .operation = "set"}).Apply(5, 2), 2);
  EXPECT_EQ(Make({.range = {2, 2}, .operation = "add"}).operation(), Operation::kAdd);
}

std::string Refused(const std::string& fields) {
  return MessageOf(
      [&] { RandomizeOne("{term: body_mass, params: {bodies: [cube]}, " + fields + "}"); });
}

TEST(Distribution, RefusesWhatHasNoMeaning) {
  EXPECT_EQ(Refused("range: [2, 1]"),
            "task.yaml:2:57: randomization.x.range must be [low, high] with low <= high, got "
            "[2, 1]");
  EXPECT_EQ(Refused("range: [1, 2, 3]"),
            "task.yaml:2:57: randomization.x.range must be [low, high], got 3 numbers");
  EXPECT_EQ(Refused("range: [.nan, 1]"),
            "task.yaml:2:58: randomization.x.range.0 must be finite, got .nan");
  EXPECT_EQ(Refused("distribution: log_uniform, range: [0, 1]"),
            "task.yaml:2:84: randomization.x.range of log_uniform must be above 0, got [0, 1]");
  EXPECT_EQ(Refused("distribution: normal, mean: 1"),
            "task.yaml:2:6: randomization.x.std of a normal must be above 0, got 0");
  EXPECT_EQ(Refused("distribution: normal, std: 1, operation: scale, range: [0.5, 1]"),
            "task.yaml:2:6: randomization.x.mean of a factor must be above 0, got 0. Say mean: 1.");
  EXPECT_EQ(Refused("distribution: normal, mean: 5, std: 1, range: [1, 2]"),
            "task.yaml:2:78: randomization.x.mean must be in range, [1, 2], got 5");
  EXPECT_EQ(Refused("distribution: choice"),
            "task.yaml:2:6: randomization.x.choices must have at least one number, got none");
  EXPECT_EQ(Refused("range: [1, 2], choices: [1]"),
            "task.yaml:2:74: randomization.x.choices is for distribution choice only, got "
            "distribution uniform");
  EXPECT_EQ(Refused("range: [1, 2], std: 1"),
            "task.yaml:2:70: randomization.x.std is for distribution normal only, got distribution "
            "uniform");
  EXPECT_EQ(Refused("distribution: gauss, range: [1, 2]"),
            "task.yaml:2:64: randomization.x.distribution must be one of uniform, log_uniform, "
            "normal, choice, got 'gauss'");
  EXPECT_EQ(Refused("initial_range: [1, 2]"),
            "task.yaml:2:65: randomization.x.initial_range needs range: it is what the curriculum "
            "starts from");
  EXPECT_EQ(Refused("when: interval, interval: [2, 1], range: [1, 2]"),
            "task.yaml:2:76: randomization.x.interval must be [low, high] with low <= high, got "
            "[2, 1]");
}

}  // namespace
}  // namespace simscale::env
