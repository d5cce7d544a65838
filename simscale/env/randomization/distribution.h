#pragma once

#include <string>
#include <vector>

#include "simscale/config/fields.h"

namespace simscale::env {

/// How a number is drawn, and what it does to the value it is drawn for.
struct DistributionConfig {
  std::string distribution = "uniform";  ///< uniform, log_uniform, normal or choice
  std::vector<double> range;             ///< [low, high]; of a normal: where it is clipped
  std::vector<double> initial_range;     ///< the range at curriculum level 0; empty: `range`
  double mean = 0, std = 0;              ///< normal only
  std::vector<double> choices;           ///< choice only, equally likely
  std::string operation;                 ///< scale, add or set; "": the term's own

  void Describe(config::Fields& f);
  void Validate() const;
};

/// A checked DistributionConfig, drawn from by quantile: draws that share u are correlated.
class Distribution {
 public:
  enum class Kind { kUniform, kLogUniform, kNormal, kChoice, kInteger };
  enum class Operation { kScale, kAdd, kSet };

  Distribution() = default;
  /// config.operation must not be empty. integer: uniform over the whole numbers of the range, both
  /// ends included. Throws UserError for what Validate refuses and for a missing range.
  explicit Distribution(const DistributionConfig& config, bool integer = false);

  /// The sample at u in [0, 1); its range lies between initial_range and range by level in [0, 1].
  double Sample(double u, double level = 1) const;
  /// The value that `sample` makes out of `value`.
  double Apply(double value, double sample) const;
  Operation operation() const { return operation_; }
  /// The least and the greatest sample at any level; infinite for a normal that is not clipped.
  double least() const { return least_; }
  double greatest() const { return greatest_; }

 private:
  Kind kind_ = Kind::kUniform;
  Operation operation_ = Operation::kScale;
  double low_ = 0, high_ = 0, initial_low_ = 0, initial_high_ = 0;
  bool clipped_ = false;
  double mean_ = 0, std_ = 0;
  double least_ = 0, greatest_ = 0;
  std::vector<double> choices_;
};

}  // namespace simscale::env
