// BatchedEnv on the packaged tasks: determinism, ends and resets of episodes, bad states.

#include "simscale/env/batched_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

#include "simscale/common/error.h"
#include "simscale/env/episode_runner.h"
#include "simscale/env/simple_agents.h"
#include "simscale/env/state_dump.h"
#include "simscale/tasks/experts.h"
#include "simscale/tasks/registry.h"

namespace simscale::env {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const Task> SharedTask(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const Task>> tasks;
  auto& task = tasks[name];
  if (!task) task = tasks::MakeTask(tasks::LoadTaskConfig(name));
  return task;
}

template <class F>
std::string MessageOf(F&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Every bit of every step of episodes 0 .. n - 1: outcomes and the running state.
class Digest : public EpisodeObserver {
 public:
  void AfterStep(const BatchedEnv& env) override {
    std::vector<double> state(static_cast<size_t>(env.state_dim()));
    for (int row = 0; row < env.num_envs(); ++row) {
      const auto r = static_cast<size_t>(row);
      if (env.result().episode_length[r] == 0) continue;
      env.GetState(row, state);
      auto& trace = traces[env.key(row).index];
      trace.insert(trace.end(), state.begin(), state.end());
      trace.push_back(env.result().reward[r]);
      for (const auto& key : env.result().observations.keys) {
        const auto values = env.result().observations.row(key.spec->name, row);
        trace.insert(trace.end(), values.begin(), values.end());
      }
    }
  }
  void OnEpisodeEnd(const BatchedEnv&, const EpisodeOutcome& outcome) override {
    outcomes[outcome.key.index] = outcome;
  }
  std::map<uint64_t, std::vector<double>> traces;
  std::map<uint64_t, EpisodeOutcome> outcomes;
};

Digest Play(const std::string& task_name, int num_envs, int threads, uint64_t episodes,
            bool random) {
  const auto task = SharedTask(task_name);
  BatchedEnv env(task, {.num_envs = num_envs, .num_threads = threads});
  const auto agent =
      random ? MakeRandomAgent(num_envs, task->controller())
             : tasks::MakeExpert(*task, num_envs, tasks::DefaultDatagenNoise(task_name));
  Digest digest;
  uint64_t next = 0;
  RunEpisodes(env, *agent, digest, [&](EpisodeKey* key) {
    *key = {7, next};
    return next++ < episodes;
  });
  return digest;
}

TEST(BatchedEnv, EpisodesAreTheSameForAnyNumberOfEnvsAndThreads) {
  for (const bool random : {false, true}) {
    const Digest one = Play("pick_place", 1, 1, 6, random);
    ASSERT_EQ(one.outcomes.size(), 6U);
    for (const auto& [envs, threads] : {std::pair{3, 2}, {8, 1}, {8, 2}}) {
      const Digest other = Play("pick_place", envs, threads, 6, random);
      ASSERT_EQ(other.outcomes.size(), 6U);
      for (const auto& [index, outcome] : one.outcomes) {
        EXPECT_EQ(outcome.length, other.outcomes.at(index).length);
        EXPECT_EQ(outcome.episode_return, other.outcomes.at(index).episode_return);
      }
      // A row that has ended keeps its state and is seen again until the run ends: compare as far
      // as the episode goes.
      for (const auto& [index, trace] : one.traces) {
        const auto& theirs = other.traces.at(index);
        const size_t shared = std::min(trace.size(), theirs.size());
        EXPECT_TRUE(std::equal(trace.begin(), trace.begin() + static_cast<std::ptrdiff_t>(shared),
                               theirs.begin()));
      }
    }
  }
}

TEST(BatchedEnv, DifferentIndicesAndSeedsDiffer) {
  BatchedEnv env(SharedTask("pick_place"), {.num_envs = 3});
  const std::vector<int> rows = {0, 1, 2};
  env.ResetRows(rows, std::vector<EpisodeKey>{{1, 0}, {1, 1}, {2, 0}});
  const auto& view = env.result().observations;
  const auto a = view.row("object_pos", 0), b = view.row("object_pos", 1),
             c = view.row("object_pos", 2);
  EXPECT_NE(a[0], b[0]);
  EXPECT_NE(a[0], c[0]);
}

TEST(BatchedEnv, ObservationsHaveTheDocumentedKeysAndSizes) {
  const auto names = [](const Task& task) {
    std::vector<std::string> result;
    for (const auto& spec : task.observation_specs()) {
      result.push_back(Cat(spec.name, " ", spec.size()));
    }
    return result;
  };
  EXPECT_THAT(names(*SharedTask("reach")),
              ElementsAre("joint_pos 7", "joint_vel 7", "ee_pos 3", "ee_quat 4", "gripper_state 1",
                          "target_pos 3"));
  EXPECT_THAT(names(*SharedTask("pick_place")),
              ElementsAre("joint_pos 7", "joint_vel 7", "ee_pos 3", "ee_quat 4", "gripper_state 1",
                          "object_pos 3", "object_quat 4", "target_pos 3"));
  EXPECT_EQ(SharedTask("pick_place")->action_dim(), 4);
}

TEST(BatchedEnv, ResetsStayInTheirRanges) {
  BatchedEnv env(SharedTask("pick_place"), {.num_envs = 1});
  const std::vector<int> row = {0};
  for (uint64_t i = 0; i < 200; ++i) {
    env.ResetRows(row, std::vector<EpisodeKey>{{3, i}});
    const auto cube = env.result().observations.row("object_pos", 0);
    const auto target = env.result().observations.row("target_pos", 0);
    for (const auto& p : {cube, target}) {
      EXPECT_GE(p[0], 0.4F);
      EXPECT_LE(p[0], 0.65F);
      EXPECT_LE(std::abs(p[1]), 0.25F);
    }
    EXPECT_GE(std::hypot(cube[0] - target[0], cube[1] - target[1]), 0.1F - 1e-6F);
  }
}

TEST(BatchedEnv, StateRestoresBitForBit) {
  const auto task = SharedTask("pick_place");
  BatchedEnv env(task, {.num_envs = 2});
  const auto agent = tasks::MakeExpert(*task, 2);
  const std::vector<int> rows = {0, 1};
  env.ResetRows(rows, std::vector<EpisodeKey>{{1, 4}, {1, 5}});
  agent->Reset(0, {1, 4});
  agent->Reset(1, {1, 5});
  std::vector<float> actions(8);
  std::vector<double> start(static_cast<size_t>(env.state_dim())), end(start), again(start);
  std::vector<std::vector<float>> played;
  for (int step = 0; step < 40; ++step) {  // into the grasp
    agent->Act(env.result().observations, env.active(), actions);
    if (step == 20) env.GetState(0, start);
    if (step >= 20) played.push_back(actions);
    env.Step(actions);
  }
  env.GetState(0, end);
  env.SetState(1, start, {1, 4});
  for (const auto& a : played) {
    std::copy_n(a.begin(), 4, actions.begin() + 4);
    env.Step(actions);
  }
  env.GetState(1, again);
  EXPECT_EQ(end, again);
}

TEST(BatchedEnv, TimeLimitTruncatesAndDoesNotTerminate) {
  auto config = tasks::LoadTaskConfig("reach", {"max_episode_steps=3"});
  BatchedEnv env(tasks::MakeTask(config), {.num_envs = 1});
  env.ResetRows(std::vector<int>{0}, std::vector<EpisodeKey>{{0, 0}});
  const std::vector<float> zero(static_cast<size_t>(env.action_dim()));
  for (int step = 1; step <= 3; ++step) {
    const StepResult& result = env.Step(zero);
    EXPECT_EQ(result.truncated[0], step == 3);
    EXPECT_EQ(result.terminated[0], 0);
    EXPECT_EQ(result.episode_length[0], step);
  }
  EXPECT_EQ(env.active()[0], 0);
}

TEST(BatchedEnv, AutoresetModes) {
  const auto task = tasks::MakeTask(tasks::LoadTaskConfig("reach", {"max_episode_steps=3"}));
  const std::vector<float> zero(static_cast<size_t>(task->action_dim()));
  {
    BatchedEnv env(task, {.seed = 5, .autoreset = AutoresetMode::kNextStep});
    for (int step = 0; step < 3; ++step) env.Step(zero);
    EXPECT_EQ(env.result().truncated[0], 1);
    EXPECT_EQ(env.key(0).index, 0U);
    env.Step(zero);  // this one resets
    EXPECT_EQ(env.result().truncated[0], 0);
    EXPECT_EQ(env.result().reward[0], 0);
    EXPECT_EQ(env.result().episode_length[0], 0);
    EXPECT_EQ(env.key(0), (EpisodeKey{5, 1}));
  }
  {
    BatchedEnv env(task, {.seed = 5, .autoreset = AutoresetMode::kSameStep});
    for (int step = 0; step < 3; ++step) env.Step(zero);
    EXPECT_EQ(env.result().truncated[0], 1);
    EXPECT_EQ(env.result().episode_length[0], 3);
    EXPECT_EQ(env.key(0), (EpisodeKey{5, 1}));
    const auto last = env.final_observation().row("target_pos", 0);
    const auto first = env.result().observations.row("target_pos", 0);
    EXPECT_NE(last[0], first[0]);
  }
}

TEST(BatchedEnv, BadActionsMoveNothing) {
  BatchedEnv env(SharedTask("reach"), {.num_envs = 2});
  env.ResetRows(std::vector<int>{0, 1}, std::vector<EpisodeKey>{{0, 0}, {0, 1}});
  std::vector<double> before(static_cast<size_t>(env.state_dim())), after(before);
  env.GetState(0, before);
  std::vector<float> actions(8, 0.5F);
  actions[6] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(MessageOf([&] { env.Step(actions); }),
              AllOf(HasSubstr("actions must be finite, got nan in row 1, component 2 (dz)"),
                    HasSubstr("no environment has moved")));
  env.GetState(0, after);
  EXPECT_EQ(before, after);
  actions.pop_back();
  EXPECT_THAT(MessageOf([&] { env.Step(actions); }),
              HasSubstr("actions must be [2, 4] = 8 numbers, got 7"));
}

TEST(BatchedEnv, AbsurdSizesAreRefused) {
  const auto make = [](int envs, int threads) {
    return MessageOf(
        [&] { BatchedEnv(SharedTask("reach"), {.num_envs = envs, .num_threads = threads}); });
  };
  EXPECT_EQ(make(0, 1), "num_envs must be in 1 .. 65536, got 0");
  EXPECT_EQ(make(100000000, 1), "num_envs must be in 1 .. 65536, got 100000000");
  EXPECT_EQ(make(1, 0), "num_threads must be in 1 .. 1024, got 0");
}

TEST(BatchedEnv, NonFiniteStateEndsThatEpisodeAlone) {
  const auto dir = std::filesystem::path(::testing::TempDir()) / "simscale_dumps";
  std::filesystem::remove_all(dir);
  BatchedEnv env(SharedTask("pick_place"), {.num_envs = 2, .dump_dir = dir.string()});
  env.ResetRows(std::vector<int>{0, 1}, std::vector<EpisodeKey>{{9, 0}, {9, 1}});
  std::vector<double> state(static_cast<size_t>(env.state_dim()));
  env.GetState(0, state);
  const int nq = env.task().model()->nq;
  // Integration state: time, qpos, qvel, ...
  state[static_cast<size_t>(1 + nq + 2)] = 1e15;
  env.SetState(0, state, {9, 0});
  const std::vector<float> zero(8);
  const StepResult& result = env.Step(zero);
  EXPECT_EQ(result.non_finite[0], 1);
  EXPECT_EQ(result.terminated[0], 1);
  EXPECT_EQ(result.success[0], 0);
  EXPECT_EQ(result.non_finite[1], 0);
  EXPECT_EQ(env.active()[0], 0);
  EXPECT_EQ(env.active()[1], 1);
  for (const auto& key : result.observations.keys) {
    for (float x : key.state) EXPECT_TRUE(std::isfinite(x)) << key.spec->name;
  }
  // The dump brings the same end about again.
  const StateDump dump = LoadStateDump(dir / "non_finite_9_0.json");
  EXPECT_EQ(dump.key, (EpisodeKey{9, 0}));
  EXPECT_EQ(dump.state, state);
  BatchedEnv again(SharedTask("pick_place"), {.num_envs = 1});
  again.SetState(0, dump.state, dump.key);
  EXPECT_EQ(again.Step(dump.action).non_finite[0], 1);
  // The row plays on after a reset.
  env.ResetRows(std::vector<int>{0}, std::vector<EpisodeKey>{{9, 2}});
  EXPECT_EQ(env.Step(zero).terminated[0], 0);
}

TEST(BatchedEnv, SucceedingPaysMoreThanHoveringNear) {
  // reach: the expert's return against a hand that stays just outside of the target.
  for (const std::string name : {"reach", "pick_place"}) {
    const Digest expert = Play(name, 4, 2, 4, false);
    const auto task = SharedTask(name);
    double best_step = -1e9;  // of the steps that do not succeed
    BatchedEnv env(task, {.num_envs = 1});
    const auto agent = tasks::MakeExpert(*task, 1);
    env.ResetRows(std::vector<int>{0}, std::vector<EpisodeKey>{{7, 0}});
    agent->Reset(0, {7, 0});
    std::vector<float> action(4);
    while (env.active()[0]) {
      agent->Act(env.result().observations, env.active(), action);
      env.Step(action);
      if (!env.result().success[0]) {
        best_step = std::max(best_step, static_cast<double>(env.result().reward[0]));
      }
    }
    EXPECT_LE(best_step, 0.0) << name;  // so staying anywhere never pays
    for (const auto& [index, outcome] : expert.outcomes) {
      ASSERT_TRUE(outcome.success) << name << " " << index;
      EXPECT_GT(outcome.episode_return, best_step * task->config().max_episode_steps) << name;
    }
  }
}

}  // namespace
}  // namespace simscale::env
