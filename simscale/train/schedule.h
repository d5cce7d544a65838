#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "simscale/train/config.h"

namespace simscale::train {

/// Steps of the warm-up: what was asked for, or a tenth of a run that is no longer than that. (A
/// preset's warm-up suits its own length; a short trial of it is to see the rate fall as well.)
inline int64_t WarmupSteps(const LoopConfig& config) {
  return config.warmup_steps < config.steps ? config.warmup_steps : config.steps / 10;
}

/// Learning rate of step `step` (the first is 0): linear from lr / warm-up up to lr, then as
/// config.schedule says; cosine and linear reach lr_min at the last step.
inline double LearningRate(const LoopConfig& config, int64_t step) {
  const int64_t warmup = WarmupSteps(config);
  if (step < warmup) return config.lr * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (config.schedule == "constant") return config.lr;
  if (config.schedule == "step") {
    const int64_t falls = (step - warmup) / config.step_every;
    return std::max(config.lr * std::pow(config.step_factor, static_cast<double>(falls)),
                    config.lr_min);
  }
  const int64_t span = std::max<int64_t>(config.steps - 1 - warmup, 1);
  const double share =
      std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(span));
  const double left =
      config.schedule == "linear" ? 1 - share : 0.5 * (1 + std::cos(std::numbers::pi * share));
  return config.lr_min + (config.lr - config.lr_min) * left;
}

/// Decay of the averaged weights after `step` updates: short at first, so that early averages are
/// not ruled by the random initial weights.
inline double EmaDecay(double decay, int64_t step) {
  return std::min(decay, static_cast<double>(1 + step) / static_cast<double>(10 + step));
}

}  // namespace simscale::train
