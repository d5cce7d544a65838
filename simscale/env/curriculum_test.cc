#include "simscale/env/curriculum.h"

#include <gtest/gtest.h>

#include "simscale/common/error.h"

namespace simscale::env {
namespace {

const CurriculumConfig kConfig = {
    .enabled = true, .start = 0.2, .step = 0.25, .window = 4, .promote = 0.75, .demote = 0.5};

void Play(CurriculumState& state, int successes, int failures) {
  for (int i = 0; i < successes; ++i) state.Count(kConfig, true);
  for (int i = 0; i < failures; ++i) state.Count(kConfig, false);
}

TEST(Curriculum, RisesAndFallsBySuccessOfAWindow) {
  CurriculumState state = CurriculumState::Start(kConfig, true);
  EXPECT_DOUBLE_EQ(state.level, 0.2);
  Play(state, 3, 0);
  EXPECT_DOUBLE_EQ(state.level, 0.2) << "the window is not full";
  Play(state, 0, 1);
  EXPECT_DOUBLE_EQ(state.level, 0.45) << "3 of 4 is enough";
  Play(state, 2, 2);
  EXPECT_DOUBLE_EQ(state.level, 0.45) << "between the two it stays";
  Play(state, 1, 3);
  EXPECT_DOUBLE_EQ(state.level, 0.2);
  Play(state, 0, 4);
  EXPECT_DOUBLE_EQ(state.level, 0) << "never below 0";
  Play(state, 20, 0);
  EXPECT_DOUBLE_EQ(state.level, 1) << "never above 1";
}

TEST(Curriculum, IsFixedWhereEpisodesStandByThemselves) {
  EXPECT_DOUBLE_EQ(CurriculumState::Start(kConfig, false).level, 1);
  EXPECT_DOUBLE_EQ(CurriculumState::Start({}, true).level, 1);
}

TEST(Curriculum, RefusesDemoteAbovePromote) {
  CurriculumConfig config = kConfig;
  config.demote = 0.9;
  EXPECT_THROW(config.Validate(), UserError);
}

}  // namespace
}  // namespace simscale::env
