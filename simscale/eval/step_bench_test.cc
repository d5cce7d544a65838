#include "simscale/eval/step_bench.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "simscale/tasks/registry.h"

namespace simscale::eval {
namespace {

TEST(StepBench, BothSidesPlayTheSamePhysicsResetsIncluded) {
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig("reach", {"max_episode_steps=8"}));
  const StepBenchReport report =
      BenchSteps(task, {.num_envs = 5, .threads = 2, .steps = 20, .repeats = 3});
  EXPECT_TRUE(report.same_states);
  EXPECT_GE(report.resets, 10);  // each of the five ends at steps 8 and 16, or sooner
  ASSERT_EQ(report.repeats.size(), 3u);
  for (const auto& repeat : report.repeats) {
    EXPECT_GT(repeat.env, 0);
    EXPECT_GT(repeat.raw, 0);
  }
  const auto json = nlohmann::json::parse(StepBenchAsJson(report, "reach"));
  EXPECT_EQ(json["env"], "reach");
  EXPECT_EQ(json["threads"], 2);
  EXPECT_GT(json["ratio"].get<double>(), 0);
  EXPECT_LE(json["ratio_spread"][0].get<double>(), json["ratio"].get<double>());
  EXPECT_GE(json["ratio_spread"][1].get<double>(), json["ratio"].get<double>());
}

}  // namespace
}  // namespace simscale::eval
