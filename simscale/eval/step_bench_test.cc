#include "simscale/eval/step_bench.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "simscale/common/file.h"
#include "simscale/common/text.h"
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

TEST(StepBench, SavesWhatAnotherEngineNeedsToPlayTheSame) {
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig("reach", {"max_episode_steps=8"}));
  const fs::path dir = fs::path(testing::TempDir()) / "trajectories";
  StepBenchConfig config{.num_envs = 3, .threads = 1, .steps = 10, .repeats = 1};
  config.save_trajectories = dir.string();
  const StepBenchReport report = BenchSteps(task, config);
  const auto json = nlohmann::json::parse(ReadFile(dir / "trajectories.json"));
  EXPECT_EQ(json["frame_skip"], task->frame_skip());
  const auto& episodes = json["episodes"];
  ASSERT_EQ(static_cast<int64_t>(episodes.size()), 3 + report.resets);
  EXPECT_EQ(episodes[0]["step"], 0);
  const std::string controls = ReadFile(dir / "controls.npy");
  EXPECT_EQ(controls.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_THAT(controls, testing::HasSubstr(Cat("'shape': (3,10,", task->model()->nu, ",)")));
  const size_t header =
      10 + static_cast<uint8_t>(controls[8]) + 256U * static_cast<uint8_t>(controls[9]);
  EXPECT_EQ(header % 64, 0u);
  EXPECT_EQ(controls[header - 1], '\n');
  EXPECT_EQ(controls.size() - header,
            sizeof(double) * 3 * 10 * static_cast<size_t>(task->model()->nu));
  EXPECT_EQ(Sha256Hex(ReadFile(dir / "model.mjb")), task->model().hash());
}

}  // namespace
}  // namespace simscale::eval
