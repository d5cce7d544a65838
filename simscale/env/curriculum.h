#pragma once

#include <span>

#include "simscale/config/fields.h"

namespace simscale::env {

/// Changes how hard episodes are by how often they succeed: the level, in [0, 1], which
/// randomisation ranges (`initial_range` at 0, `range` at 1), resets and terms may read.
///
/// Each environment has a level of its own, which follows from its own episodes alone. So episode k
/// of an environment's seed is the same whatever the number of environments and threads. Where
/// episodes stand by themselves (datagen, eval) the level is `fixed`.
struct CurriculumConfig {
  bool enabled = false;
  double start = 0;      ///< level of the first episode
  double step = 0.1;     ///< up or down after a window
  int window = 10;       ///< episodes that are judged together
  double promote = 0.8;  ///< success rate from which the level rises
  double demote = 0.3;   ///< success rate below which it falls
  double fixed = 1;      ///< level where there is no training

  void Describe(config::Fields& f);
  void Validate() const;
};

/// One environment's place in the curriculum; three numbers, part of its state.
struct CurriculumState {
  static constexpr int kSize = 3;
  double level = 1, episodes = 0, successes = 0;

  static CurriculumState Start(const CurriculumConfig& config, bool training);
  /// An episode has ended.
  void Count(const CurriculumConfig& config, bool success);
};

}  // namespace simscale::env
