#include "simscale/tasks/experts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simscale/common/error.h"
#include "simscale/env/episode_runner.h"
#include "simscale/env/simple_agents.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

using ::testing::HasSubstr;

class Count : public env::EpisodeObserver {
 public:
  void OnEpisodeEnd(const env::BatchedEnv&, const env::EpisodeOutcome& outcome) override {
    ++episodes;
    successes += outcome.success;
  }
  int episodes = 0, successes = 0;
};

Count Play(const std::shared_ptr<const env::Task>& task, env::Agent& agent, uint64_t seed,
           uint64_t n) {
  env::BatchedEnv env(task, {.num_envs = 8, .num_threads = 2});
  Count count;
  uint64_t next = 0;
  env::RunEpisodes(env, agent, count, [&](env::EpisodeKey* key) {
    *key = {seed, next};
    return next++ < n;
  });
  return count;
}

TEST(Experts, SucceedOnEveryPackagedTask) {
  for (const std::string name : {"pick_place", "reach"}) {
    const auto task = MakeTask(LoadTaskConfig(name));
    const auto expert = MakeExpert(*task, 8);
    EXPECT_TRUE(expert->intended_action().empty());
    const Count count = Play(task, *expert, 100, 40);
    EXPECT_EQ(count.episodes, 40);
    EXPECT_EQ(count.successes, 40) << name;
  }
}

TEST(Experts, RecoverFromTheirOwnNoise) {
  const auto task = MakeTask(LoadTaskConfig("pick_place"));
  const auto expert = MakeExpert(*task, 8, DefaultDatagenNoise("pick_place"));
  EXPECT_EQ(expert->intended_action().size(), 8U * 4U);
  const Count count = Play(task, *expert, 200, 40);
  EXPECT_GE(count.successes, 38);
}

TEST(Experts, DoingNothingFails) {
  const auto task = MakeTask(LoadTaskConfig("pick_place"));
  const auto zero = env::MakeZeroAgent(task->action_dim());
  EXPECT_EQ(Play(task, *zero, 0, 8).successes, 0);
  const auto random = env::MakeRandomAgent(8, task->controller());
  EXPECT_EQ(Play(task, *random, 0, 8).successes, 0);
}

TEST(Experts, SayWhatTheyNeed) {
  auto config = LoadTaskConfig("pick_place");
  config.name = "stack";  // a task that builds on another keeps its expert
  EXPECT_EQ(MakeExpert(*MakeTask(config), 1)->name(), "scripted");
  const auto message = [&config](const std::string& expert) -> std::string {
    config.expert = expert;
    try {
      MakeExpert(*MakeTask(config), 1);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message(""), HasSubstr("task 'stack' has no scripted expert. Name one that can do it "
                                     "in the task file (expert: pick_place or expert: reach)"));
  EXPECT_THAT(message("pick_plac"),
              HasSubstr("unknown expert 'pick_plac'. Did you mean 'pick_place'?"));
  config = LoadTaskConfig("pick_place", {"controller.gripper=''"});
  try {
    MakeExpert(*MakeTask(config), 1);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("needs a gripper in the action (controller.gripper)"));
  }
  ExpertConfig slow;
  slow.min_speed = 0.9;
  slow.max_speed = 0.5;
  EXPECT_THROW(slow.Validate(), UserError);
}

}  // namespace
}  // namespace simscale::tasks
