#include "simscale/eval/statistics.h"

#include <gmock/gmock.h>

#include <vector>

#include "simscale/common/error.h"

namespace simscale::eval {
namespace {

// Worked out with exact rationals; statsmodels' proportion_confint(method="wilson") gives the same.
TEST(Wilson, KnownValues) {
  const Interval half = WilsonInterval(5, 10);
  EXPECT_NEAR(half.low, 0.236593090512564, 1e-12);
  EXPECT_NEAR(half.high, 0.763406909487436, 1e-12);
  const Interval most = WilsonInterval(480, 500);
  EXPECT_NEAR(most.low, 0.939026404165149, 1e-12);
  EXPECT_NEAR(most.high, 0.973959202610223, 1e-12);
}

TEST(Wilson, TheEndsAreExact) {
  EXPECT_EQ(WilsonInterval(0, 20).low, 0.0);
  EXPECT_NEAR(WilsonInterval(0, 20).high, 0.161125158, 1e-8);
  EXPECT_EQ(WilsonInterval(1000, 1000).high, 1.0);
  EXPECT_NEAR(WilsonInterval(1000, 1000).low, 0.996173, 1e-6);
}

TEST(Wilson, NoTrialsSayNothing) {
  EXPECT_EQ(WilsonInterval(0, 0).low, 0.0);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1.0);
}

TEST(Wilson, RefusesMoreSuccessesThanTrials) {
  EXPECT_THAT([] { WilsonInterval(3, 2); },
              ::testing::ThrowsMessage<UserError>("successes must be in 0 .. trials (2), got 3"));
}

TEST(Moments, KnownValues) {
  const std::vector<double> values = {2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_DOUBLE_EQ(Mean(values), 5);
  EXPECT_DOUBLE_EQ(StdDev(values), 2);
  EXPECT_EQ(Mean({}), 0);
  EXPECT_EQ(StdDev({}), 0);
}

TEST(Quantile, IsNumpys) {
  const std::vector<double> values = {7, 1, 3, 5};
  EXPECT_DOUBLE_EQ(Quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.25), 2.5);
  EXPECT_DOUBLE_EQ(Median(values), 4);
  EXPECT_DOUBLE_EQ(Quantile(values, 1), 7);
  EXPECT_THROW(Median({}), UserError);
}

}  // namespace
}  // namespace simscale::eval
