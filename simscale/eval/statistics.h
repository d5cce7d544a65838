#pragma once

#include <cstdint>
#include <span>

namespace simscale::eval {

struct Interval {
  double low = 0, high = 1;
};

/// 95 % of a standard normal lies within this many standard deviations.
constexpr double kZ95 = 1.959963984540054;

/// Wilson's score interval of a success rate (Wilson 1927; Brown, Cai and DasGupta 2001): honest
/// near 0 and 1 too, where the usual one has no width. No trials: [0, 1].
/// Throws UserError unless 0 <= successes <= trials.
Interval WilsonInterval(int64_t successes, int64_t trials, double z = kZ95);

/// 0 for no values. Std is of the population (divided by n), as numpy.std.
double Mean(std::span<const double> values);
double StdDev(std::span<const double> values);

/// Linear between order statistics, as numpy.quantile; q in [0, 1]. Throws UserError for no values.
double Quantile(std::span<const double> values, double q);
inline double Median(std::span<const double> values) { return Quantile(values, 0.5); }

}  // namespace simscale::eval
