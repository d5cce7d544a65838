#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "simscale/train/config.h"

namespace simscale::train {

/// Learning rate of step `step` (the first is 0): linear from lr / warmup_steps up to lr, then half
/// a cosine down to lr_min, reached at the last step.
inline double LearningRate(const LoopConfig& config, int64_t step) {
  if (step < config.warmup_steps)
    return config.lr * static_cast<double>(step + 1) / static_cast<double>(config.warmup_steps);
  const int64_t span = std::max<int64_t>(config.steps - 1 - config.warmup_steps, 1);
  const double share =
      std::min(1.0, static_cast<double>(step - config.warmup_steps) / static_cast<double>(span));
  return config.lr_min +
         (config.lr - config.lr_min) * 0.5 * (1 + std::cos(std::numbers::pi * share));
}

/// Decay of the averaged weights after `step` updates: short at first, so that early averages are
/// not ruled by the random initial weights.
inline double EmaDecay(double decay, int64_t step) {
  return std::min(decay, static_cast<double>(1 + step) / static_cast<double>(10 + step));
}

}  // namespace simscale::train
