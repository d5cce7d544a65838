// The packaged presets of randomisation, on every packaged task.

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "simscale/env/batched_env.h"
#include "simscale/env/episode_runner.h"
#include "simscale/tasks/experts.h"
#include "simscale/tasks/registry.h"

namespace simscale::tasks {
namespace {

using env::BatchedEnv;
using env::EpisodeKey;

std::shared_ptr<const env::Task> Make(const std::string& name, const std::string& preset) {
  static std::map<std::string, std::shared_ptr<const env::Task>> made;
  auto& task = made[name + "/" + preset];
  if (!task) task = MakeTask(LoadTaskConfig(name, {"randomize=" + preset}));
  return task;
}

std::vector<double> StateOf(const BatchedEnv& env, int row) {
  std::vector<double> state(static_cast<size_t>(env.state_dim()));
  env.GetState(row, state);
  return state;
}

/// Plays random actions that depend on the step alone.
std::map<uint64_t, std::vector<double>> Play(const std::shared_ptr<const env::Task>& task, int envs,
                                             int threads, int episodes, int steps) {
  std::map<uint64_t, std::vector<double>> states;
  BatchedEnv env(task, {.num_envs = envs, .num_threads = threads});
  for (int first = 0; first < episodes; first += envs) {
    std::vector<int> rows;
    std::vector<EpisodeKey> keys;
    for (int i = 0; i < envs && first + i < episodes; ++i) {
      rows.push_back(i);
      keys.push_back({1, static_cast<uint64_t>(first + i)});
    }
    env.Deactivate();
    env.ResetRows(rows, keys);
    for (int t = 0; t < steps; ++t) {
      std::vector<float> action(static_cast<size_t>(envs * env.action_dim()));
      for (size_t i = 0; i < action.size(); ++i) {
        action[i] = static_cast<float>(
            std::sin(0.3 * t + static_cast<double>(i % static_cast<size_t>(env.action_dim()))));
      }
      env.Step(action);
      for (int row : rows) EXPECT_EQ(env.result().non_finite[static_cast<size_t>(row)], 0);
    }
    for (int row : rows) states[env.key(row).index] = StateOf(env, row);
  }
  return states;
}

TEST(Randomize, EveryTaskRunsUnderEveryPreset) {
  for (const std::string& name : TaskNames()) {
    for (const char* preset : {"light", "full"}) {
      SCOPED_TRACE(name + " " + preset);
      const auto task = Make(name, preset);
      EXPECT_GT(task->randomization().num_values(), 0);
      ASSERT_NE(task->overlay(), nullptr);
      const auto states = Play(task, 2, 1, 2, 20);
      EXPECT_NE(states.at(0), states.at(1));
    }
  }
}

TEST(Randomize, EpisodesAreTheSameForAnyNumberOfEnvsAndThreads) {
  const auto task = Make("pick_place", "full");
  const auto one = Play(task, 1, 1, 5, 60);
  EXPECT_EQ(Play(task, 3, 2, 5, 60), one);
  EXPECT_EQ(Play(task, 5, 2, 5, 60), one);
}

class Successes : public env::EpisodeObserver {
 public:
  void OnEpisodeEnd(const BatchedEnv&, const env::EpisodeOutcome& outcome) override {
    successes += outcome.success ? 1 : 0;
  }
  int successes = 0;
};

int ExpertSuccesses(const std::string& preset, uint64_t episodes) {
  const auto task = Make("pick_place", preset);
  BatchedEnv env(task, {.num_envs = 10, .num_threads = 2});
  const auto expert = MakeExpert(*task, 10);
  Successes observer;
  uint64_t next = 0;
  env::RunEpisodes(env, *expert, observer, [&](EpisodeKey* key) {
    *key = {11, next};
    return next++ < episodes;
  });
  return observer.successes;
}

TEST(Randomize, TheExpertBearsIt) {
  constexpr uint64_t kEpisodes = 40;
  for (const char* preset : {"light", "full"}) {
    EXPECT_GE(ExpertSuccesses(preset, kEpisodes), 38) << preset;
  }
}

}  // namespace
}  // namespace simscale::tasks
