#include "simscale/env/randomization/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "simscale/common/error.h"
#include "simscale/common/portable_math.h"

namespace simscale::env {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void CheckRange(const char* name, const std::vector<double>& range, bool positive) {
  if (range.empty()) return;
  if (range.size() != 2) {
    ThrowUser(name, " must be [low, high], got ", range.size(), " numbers");
  }
  if (range[0] > range[1]) {
    ThrowUser(name, " must be [low, high] with low <= high, got [", range[0], ", ", range[1], "]");
  }
  if (!std::isfinite(range[1] - range[0])) {
    ThrowUser(name, " must not be wider than a number can be, got [", range[0], ", ", range[1],
              "]");
  }
  if (positive && range[0] <= 0) {
    ThrowUser(name, " of log_uniform must be above 0, got [", range[0], ", ", range[1], "]");
  }
}

}  // namespace

void DistributionConfig::Describe(config::Fields& f) {
  f.Field("distribution", distribution,
          {.help = "how the number is drawn",
           .choices = {"uniform", "log_uniform", "normal", "choice"}});
  f.Field("range", range, {.help = "[low, high]; a normal is clipped to it"});
  f.Field("initial_range", initial_range,
          {.help = "[low, high] where the curriculum starts; it grows to range with the level"});
  f.Field("mean", mean, {.help = "of a normal"});
  f.Field("std", std, {.help = "of a normal: its standard deviation", .min = 0});
  f.Field("choices", choices, {.help = "of choice: equally likely numbers"});
  f.Field("operation", operation,
          {.help = "what the number does to the value: scale it, add to it, or set it; empty: what "
                   "is usual for the term",
           .choices = {"", "scale", "add", "set"}});
}

void DistributionConfig::Validate() const {
  const bool log = distribution == "log_uniform";
  CheckRange("range", range, log);
  CheckRange("initial_range", initial_range, log);
  if (!initial_range.empty() && range.empty()) {
    ThrowUser("initial_range needs range: it is what the curriculum starts from");
  }
  const bool normal = distribution == "normal", choice = distribution == "choice";
  if (normal && !(std > 0)) ThrowUser("std of a normal must be above 0, got ", std);
  if (!normal && std != 0) {
    ThrowUser("std is for distribution normal only, got distribution ", distribution);
  }
  if (!normal && mean != 0) {
    ThrowUser("mean is for distribution normal only, got distribution ", distribution);
  }
  if (normal && operation == "scale" && !(mean > 0)) {
    ThrowUser("mean of a factor must be above 0, got ", mean, ". Say mean: 1.");
  }
  if (normal && !range.empty() && (mean < range[0] || mean > range[1])) {
    ThrowUser("mean must be in range, [", range[0], ", ", range[1], "], got ", mean);
  }
  if (choice && choices.empty()) ThrowUser("choices must have at least one number, got none");
  if (!choice && !choices.empty()) {
    ThrowUser("choices is for distribution choice only, got distribution ", distribution);
  }
  if (choice && !range.empty()) ThrowUser("range is not for distribution choice: leave it out");
}

Distribution::Distribution(const DistributionConfig& config, bool integer) {
  config.Validate();
  operation_ = config.operation == "scale" ? Operation::kScale
               : config.operation == "add" ? Operation::kAdd
                                           : Operation::kSet;
  const std::string& kind = config.distribution;
  if (kind == "choice") {
    kind_ = Kind::kChoice;
    choices_ = config.choices;
    least_ = std::ranges::min(choices_);
    greatest_ = std::ranges::max(choices_);
  } else {
    clipped_ = !config.range.empty();
    if (!clipped_ && kind != "normal") ThrowUser("range must be given, as [low, high]");
    low_ = clipped_ ? config.range[0] : -kInfinity;
    high_ = clipped_ ? config.range[1] : kInfinity;
    const bool grows = !config.initial_range.empty();
    initial_low_ = grows ? config.initial_range[0] : low_;
    initial_high_ = grows ? config.initial_range[1] : high_;
    kind_ = kind == "normal"        ? Kind::kNormal
            : kind == "log_uniform" ? Kind::kLogUniform
                                    : Kind::kUniform;
    mean_ = config.mean;
    std_ = config.std;
    least_ = std::min(low_, initial_low_);
    greatest_ = std::max(high_, initial_high_);
  }
  if (!integer) return;
  for (double end : kind_ == Kind::kChoice
                        ? choices_
                        : std::vector<double>{low_, high_, initial_low_, initial_high_}) {
    if (end != std::floor(end) || std::abs(end) > 1e9) {
      ThrowUser(kind_ == Kind::kChoice ? "choices" : "range", " must be whole numbers, got ", end);
    }
  }
  if (kind_ == Kind::kChoice) return;
  if (kind_ != Kind::kUniform) {
    ThrowUser("distribution must be uniform or choice for whole numbers, got ", kind);
  }
  kind_ = Kind::kInteger;
}

double Distribution::Sample(double u, double level) const {
  if (kind_ == Kind::kChoice) {
    const auto n = static_cast<double>(choices_.size());
    return choices_[static_cast<size_t>(std::min(std::floor(u * n), n - 1))];
  }
  // Exact at level 1; and an endless clip stays endless.
  const bool grown = level >= 1 || !clipped_;
  const double low = grown ? low_ : initial_low_ + level * (low_ - initial_low_);
  const double high = grown ? high_ : initial_high_ + level * (high_ - initial_high_);
  switch (kind_) {
    case Kind::kLogUniform: {
      const double log_low = PortableLog(low), log_high = PortableLog(high);
      return std::clamp(PortableExp(log_low + (log_high - log_low) * u), low, high);
    }
    case Kind::kNormal: {
      // Uniform numbers are multiples of 2^-53: 0 stands for what lies below the first.
      const double p = std::clamp(u, 0x1p-54, 1 - 0x1p-53);
      return std::clamp(mean_ + std_ * NormalQuantile(p), low, high);
    }
    case Kind::kInteger: {
      const double first = std::round(low), last = std::round(high);
      return std::min(first + std::floor(u * (last - first + 1)), last);
    }
    default:
      return std::clamp(low + (high - low) * u, low, high);
  }
}

double Distribution::Apply(double value, double sample) const {
  switch (operation_) {
    case Operation::kScale:
      return value * sample;
    case Operation::kAdd:
      return value + sample;
    default:
      return sample;
  }
}

}  // namespace simscale::env
