// Task files: the packaged ones compile and step, wrong ones say where.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "simscale/common/error.h"
#include "simscale/env/batched_env.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string LoadError(const std::string& name, const std::vector<std::string>& overrides) {
  try {
    MakeTask(LoadTaskConfig(name, overrides));
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(TaskFiles, EveryPackagedTaskStepsAndResolves) {
  for (const std::string& name : TaskNames()) {
    const auto config = LoadTaskConfig(name);
    EXPECT_EQ(config.name, name);
    EXPECT_FALSE(config.description.empty());
    const auto task = MakeTask(config);
    env::BatchedEnv env(task, {.autoreset = env::AutoresetMode::kNextStep});
    const std::vector<float> zero(static_cast<size_t>(env.action_dim()));
    EXPECT_TRUE(std::isfinite(env.Step(zero).reward[0]));
    // What datasets and checkpoints carry gives the same task back.
    const auto again = MakeTask(ParseTaskConfig(task->ResolvedYaml(), "stored"));
    EXPECT_EQ(again->model().hash(), task->model().hash());
    EXPECT_EQ(again->ResolvedYaml(), task->ResolvedYaml());
    for (const auto& entry : task->rewards()) {
      EXPECT_THAT(task->TermTable(), HasSubstr(entry.name));
    }
  }
}

TEST(TaskFiles, NamesAndGymnasiumIdsMeanTheSame) {
  EXPECT_THAT(
      TaskNames(),
      ElementsAre("ant_v5", "half_cheetah_v5", "hopper_v5", "humanoid_standup_v5", "humanoid_v5",
                  "humanoid_walk", "inverted_double_pendulum_v5", "inverted_pendulum_v5",
                  "pick_place", "pusher_v5", "reach", "reacher_v5", "swimmer_v5", "walker2d_v5"));
  EXPECT_EQ(GymnasiumId("ant_v5"), "SimScale/Ant-v5");
  EXPECT_EQ(GymnasiumId("walker2d_v5"), "SimScale/Walker2d-v5");
  EXPECT_EQ(CanonicalTaskName("SimScale/InvertedDoublePendulum-v5"), "inverted_double_pendulum_v5");
  EXPECT_EQ(CanonicalTaskName("SimScale/PickPlace-v0"), "pick_place");
  EXPECT_EQ(CanonicalTaskName("reach"), "reach");
  EXPECT_EQ(CanonicalTaskName("mine/task.yaml"), "mine/task.yaml");
  try {
    CanonicalTaskName("pick_plaec");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown task 'pick_plaec'. Did you mean 'pick_place'?"));
  }
}

TEST(TaskFiles, MistakesAreNamed) {
  EXPECT_THAT(LoadError("reach", {"rewards.distance.term=distanse"}),
              HasSubstr("task reach: rewards.distance: unknown term 'distanse'. Did you mean "
                        "'distance'?"));
  EXPECT_THAT(LoadError("reach", {"rewards.distance.params.a=eee"}),
              HasSubstr("unknown site or body 'eee'. Did you mean 'ee'?"));
  EXPECT_THAT(LoadError("reach", {"rewards.distance.params.scael=1"}), HasSubstr("scael"));
  EXPECT_THAT(LoadError("reach", {"rewards.distnce={weight: -2}"}),
              HasSubstr("rewards.distnce: says no `term:`. To add one, name its type (simscale "
                        "list-envs --terms); to change one of the task's, use its name: distance, "
                        "success"));
  EXPECT_THAT(LoadError("reach", {"control_rate=30"}),
              HasSubstr("a control step must be a whole number of physics steps"));
  EXPECT_THAT(LoadError("reach", {"scene.integrator=rk4"}),
              HasSubstr("scene.integrator must be euler, implicit or implicitfast, got rk4"));
  EXPECT_THAT(LoadError("reach", {"control_rate=0"}), HasSubstr("control_rate must be in"));
  EXPECT_THAT(LoadError("pick_place", {"resets.cube.params.x=[0.6, 0.4]"}),
              HasSubstr("low <= high"));
  EXPECT_THAT(LoadError("pick_place", {"resets.cube.params.body=table"}),
              HasSubstr("neither a free body nor a marker"));
  EXPECT_THAT(LoadError("pick_place", {"resets.target.params.min_distance=3"}),
              HasSubstr("min_distance must be at most half of the range's diagonal"));
  EXPECT_THAT(LoadError("no/such.yaml", {}), HasSubstr("no/such.yaml"));
}

TEST(TaskFiles, FrameSkipFollowsRates) {
  const auto task = MakeTask(LoadTaskConfig("reach", {"scene.timestep=0.01", "control_rate=10"}));
  EXPECT_EQ(task->frame_skip(), 10);
  EXPECT_DOUBLE_EQ(task->control_dt(), 0.1);
}

}  // namespace
}  // namespace simscale::tasks
