#include "simscale/eval/evaluator.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "simscale/common/error.h"
#include "simscale/common/rng.h"
#include "simscale/env/simple_agents.h"
#include "simscale/tasks/experts.h"
#include "simscale/tasks/registry.h"

namespace simscale::eval {
namespace {

std::shared_ptr<const env::Task> Reach() {
  static const auto task = tasks::MakeTask(tasks::LoadTaskConfig("reach"));
  return task;
}

EvalReport EvaluateExpert(const EvalConfig& config) {
  const auto expert = tasks::MakeExpert(*Reach(), NumRows(config));
  return Evaluate(Reach(), *expert, config, nullptr, "");
}

TEST(Evaluate, TheExpertSucceedsAndTheReportAddsUp) {
  const EvalReport report =
      EvaluateExpert({.n_episodes = 7, .seed = 3, .num_envs = 4, .threads = 2});
  ASSERT_EQ(report.episodes.size(), 7u);
  EXPECT_EQ(report.successes, 7);
  EXPECT_EQ(report.success_rate, 1.0);
  EXPECT_EQ(report.success_ci95.low, WilsonInterval(7, 7).low);
  EXPECT_FALSE(report.interrupted);
  double sum = 0, steps = 0;
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(report.episodes[i].key.index, i);
    EXPECT_EQ(report.episodes[i].key.seed, DeriveSeed(3, SeedUse::kEvaluation));
    EXPECT_GT(report.episodes[i].length, 0);
    sum += report.episodes[i].episode_return;
    steps += report.episodes[i].length;
  }
  EXPECT_NEAR(report.mean_return, sum / 7, 1e-12);
  EXPECT_NEAR(report.mean_length, steps / 7, 1e-12);
  EXPECT_EQ(report.times.env_steps, static_cast<int64_t>(steps));
}

TEST(Evaluate, DoesNotDependOnEnvsAndThreads) {
  const auto one = EvaluateExpert({.n_episodes = 9, .seed = 1, .num_envs = 1, .threads = 1});
  const auto seven = EvaluateExpert({.n_episodes = 9, .seed = 1, .num_envs = 7, .threads = 2});
  const auto many = EvaluateExpert({.n_episodes = 9, .seed = 1, .num_envs = 64, .threads = 3});
  EXPECT_EQ(one.episodes, seven.episodes);
  EXPECT_EQ(one.episodes, many.episodes);
  const auto other = EvaluateExpert({.n_episodes = 9, .seed = 2, .num_envs = 7, .threads = 2});
  EXPECT_NE(one.episodes[0].episode_return, other.episodes[0].episode_return);
}

TEST(Evaluate, AFailingAgentIsCountedToTheTimeLimit) {
  const auto agent = env::MakeZeroAgent(Reach()->action_dim());
  const EvalReport report =
      Evaluate(Reach(), *agent, {.n_episodes = 3, .num_envs = 3, .threads = 1}, nullptr, "");
  EXPECT_EQ(report.successes, 0);
  EXPECT_EQ(report.mean_length, Reach()->config().max_episode_steps);
}

/// Asks for the end once two episodes have ended.
class Impatient : public env::EpisodeObserver {
 public:
  void OnEpisodeEnd(const env::BatchedEnv&, const env::EpisodeOutcome&) override { ++ended_; }
  bool ShouldStop() override { return ended_ >= 2; }

 private:
  int ended_ = 0;
};

TEST(Evaluate, StoppedEarlyItReportsTheEpisodesBeforeTheFirstUnfinished) {
  const EvalConfig config{.n_episodes = 20, .seed = 1, .num_envs = 4, .threads = 1};
  const auto expert = tasks::MakeExpert(*Reach(), NumRows(config));
  Impatient impatient;
  const EvalReport report = Evaluate(Reach(), *expert, config, &impatient, "");
  EXPECT_TRUE(report.interrupted);
  EXPECT_LT(report.episodes.size(), 20u);
  const EvalReport whole = EvaluateExpert(config);
  for (size_t i = 0; i < report.episodes.size(); ++i) {
    EXPECT_EQ(report.episodes[i], whole.episodes[i]);
  }
}

TEST(Evaluate, RefusesNoEpisodes) {
  const auto agent = env::MakeZeroAgent(Reach()->action_dim());
  EXPECT_THAT([&] { Evaluate(Reach(), *agent, {.n_episodes = 0}); },
              ::testing::ThrowsMessage<UserError>("n_episodes must be at least 1, got 0"));
}

TEST(Report, JsonHasTheDocumentedFields) {
  const EvalReport report =
      EvaluateExpert({.n_episodes = 2, .seed = 5, .num_envs = 2, .threads = 1});
  const auto json = nlohmann::json::parse(ReportAsJson(report));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["env"], "reach");
  EXPECT_EQ(json["policy"], "scripted");
  EXPECT_EQ(json["seed"], 5);
  EXPECT_EQ(json["n_episodes"], 2);
  EXPECT_EQ(json["successes"], report.successes);
  EXPECT_EQ(json["success_ci95"][1].get<double>(), report.success_ci95.high);
  ASSERT_EQ(json["episodes"].size(), 2u);
  EXPECT_EQ(json["episodes"][1]["index"], 1);
  EXPECT_EQ(json["episodes"][1]["seed"].get<uint64_t>(), report.episodes[1].key.seed);
  EXPECT_EQ(json["episodes"][1]["return"].get<double>(), report.episodes[1].episode_return);
  EXPECT_EQ(json["episodes"][1]["length"], report.episodes[1].length);
  for (const char* key : {"mean_return", "std_return", "mean_length", "seconds",
                          "env_steps_per_second", "model_hash", "task_config"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_TRUE(json["versions"].contains("mujoco"));
}

}  // namespace
}  // namespace simscale::eval
