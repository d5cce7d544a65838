// Terms as task files use them: commands that one term draws and others follow, formulas.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "simscale/env/batched_env.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

std::shared_ptr<const env::Task> ReachWithMore() {
  return MakeTask(LoadTaskConfig(
      "reach",
      {"scene.userdata=2", "resets.command={term: command, params: {low: [-1, 2], high: [1, 2]}}",
       "observations.command={term: command}", "observations.last_action={term: last_action}",
       "rewards={track: {term: velocity_tracking, params: {frame: ee, components: [vx]}}, formula: "
       "{term: expression, weight: 2, params: {expression: \"c * action_0 + step\", variables: {c: "
       "{term: command}}}}}",
       "terminations={late: {term: expression, params: {expression: \"step >= 5\"}}}",
       "info={twice: {term: expression, params: {expression: \"2 * c\", variables: {c: {term: "
       "command, index: 1}}}}}"}));
}

size_t KeyOf(const env::Task& task, const std::string& name) {
  for (size_t k = 0; k < task.observation_specs().size(); ++k) {
    if (task.observation_specs()[k].name == name) return k;
  }
  ADD_FAILURE() << "no observation " << name;
  return 0;
}

TEST(TermUse, CommandsAreDrawnAnEpisodeAndFollowed) {
  const auto task = ReachWithMore();
  env::BatchedEnv batch(task, {.num_envs = 2});
  batch.Reset(3);
  const auto& command = batch.result().observations.keys[KeyOf(*task, "command")].state;
  const float first = command[0], second = command[2];
  EXPECT_NE(first, second);
  EXPECT_LE(std::abs(first), 1);
  EXPECT_EQ(command[1], 2);
  EXPECT_EQ(batch.result().info[0], 4);
  const auto dim = static_cast<size_t>(batch.action_dim());
  std::vector<double> action(2 * dim, 0.0);
  action.at(0) = 0.5;
  for (int step = 1; step <= 5; ++step) {
    const auto& result = batch.Step(std::span<const double>(action));
    EXPECT_EQ(command[0], first);  // as long as the episode lasts
    double velocity[6];
    mj_objectVelocity(batch.model(0), batch.data(0), mjOBJ_SITE,
                      mj_name2id(batch.model(0), mjOBJ_SITE, "ee"), velocity, 0);
    const double error = (velocity[3] - batch.data(0)->userdata[0]) / 0.5;
    EXPECT_NEAR(result.reward_terms[0], std::exp(-error * error), 1e-12);
    EXPECT_NEAR(result.reward_terms[1], 2 * (batch.data(0)->userdata[0] * 0.5 + step), 1e-12);
    EXPECT_EQ(result.observations.keys[KeyOf(*task, "last_action")].state[0], 0.5F);
    EXPECT_EQ(result.terminated[0], step == 5 ? 1 : 0);
  }
  batch.Reset(4);
  EXPECT_EQ(command[0], second);  // row 0 now plays the episode that row 1 played
}

TEST(TermUse, ThreadsDoNotChangeFormulas) {
  const auto task = ReachWithMore();
  std::vector<double> rewards;
  for (const int threads : {1, 4}) {
    env::BatchedEnv batch(
        task, {.num_envs = 16, .num_threads = threads, .autoreset = env::AutoresetMode::kSameStep});
    std::vector<float> action(16 * static_cast<size_t>(batch.action_dim()), 0.25F);
    for (size_t i = 0; i < action.size(); ++i) action[i] -= 0.01F * static_cast<float>(i % 40);
    std::vector<double> seen;
    for (int step = 0; step < 23; ++step) {
      const auto& result = batch.Step(std::span<const float>(action));
      seen.insert(seen.end(), result.reward.begin(), result.reward.end());
    }
    if (rewards.empty()) rewards = seen;
    EXPECT_EQ(seen, rewards);
  }
}

}  // namespace
}  // namespace simscale::tasks
