#include "simscale/env/curriculum.h"

#include <algorithm>

#include "simscale/common/error.h"

namespace simscale::env {

void CurriculumConfig::Describe(config::Fields& f) {
  f.Field("enabled", enabled, {.help = "whether the level follows success while training"});
  f.Field("start", start, {.help = "level of the first episode", .min = 0, .max = 1});
  f.Field("step", step, {.help = "up or down after a window", .min = 0, .max = 1});
  f.Field("window", window, {.help = "episodes judged together", .min = 1, .max = 100000});
  f.Field("promote", promote,
          {.help = "success rate from which the level rises", .min = 0, .max = 1});
  f.Field("demote", demote, {.help = "success rate below which it falls", .min = 0, .max = 1});
  f.Field("fixed", fixed,
          {.help = "level in datagen and eval, and without a curriculum", .min = 0, .max = 1});
}

void CurriculumConfig::Validate() const {
  if (demote > promote) {
    ThrowUser("demote must be at most promote (", promote, "), got ", demote);
  }
}

CurriculumState CurriculumState::Start(const CurriculumConfig& config, bool training) {
  CurriculumState state;
  state.level = config.enabled && training ? config.start : config.fixed;
  return state;
}

void CurriculumState::Count(const CurriculumConfig& config, bool success) {
  episodes += 1;
  successes += success ? 1 : 0;
  if (episodes < config.window) return;
  const double rate = successes / episodes;
  if (rate >= config.promote) level = std::min(1.0, level + config.step);
  if (rate < config.demote) level = std::max(0.0, level - config.step);
  episodes = successes = 0;
}

}  // namespace simscale::env
