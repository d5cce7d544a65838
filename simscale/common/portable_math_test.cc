#include "simscale/common/portable_math.h"

#include <gtest/gtest.h>

#include <cmath>

namespace simscale {
namespace {

TEST(PortableMath, LogAndExpAgreeWithTheLibrary) {
  for (double x : {1e-300, 1e-9, 0.1, 0.5, 0.7071, 0.999, 1.0, 1.001, 2.0, 10.0, 1e6, 1e300})
    EXPECT_NEAR(PortableLog(x), std::log(x), 1e-15 * std::abs(std::log(x)) + 1e-300) << x;
  EXPECT_EQ(PortableLog(1), 0);
  for (double x = -700; x <= 700; x += 0.37)
    EXPECT_NEAR(PortableExp(x) / std::exp(x), 1, 5e-16) << x;
  EXPECT_EQ(PortableExp(0), 1);
}

TEST(PortableMath, NormalQuantileInvertsTheCumulativeFunction) {
  EXPECT_EQ(NormalQuantile(0.5), 0);
  // From tables of the normal distribution.
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 4e-15);
  EXPECT_NEAR(NormalQuantile(0.01), -2.326347874040841, 4e-15);
  EXPECT_NEAR(NormalQuantile(1e-10), -6.361340902404056, 1e-13);
  for (double p : {1e-20, 1e-12, 1e-6, 0.001, 0.07, 0.0751, 0.3, 0.5, 0.7, 0.93, 0.99, 1 - 1e-9})
    EXPECT_NEAR(0.5 * std::erfc(-NormalQuantile(p) / std::sqrt(2.0)) / p, 1, 2e-13) << p;
}

}  // namespace
}  // namespace simscale
