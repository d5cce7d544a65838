// BatchedEnv on small tasks written here: data types, state options, both ways of stepping,
// signals, randomisation, curriculum, and failures that stay in their row.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "simscale/common/error.h"
#include "simscale/env/batched_env.h"
#include "simscale/env/state_dump.h"
#include "simscale/sim/test_mjcf.h"
#include "simscale/tasks/registry.h"
#include "simscale/tasks/test_task.h"

namespace simscale::env {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A pendulum with a motor: qpos, qvel and nothing else.
constexpr char kPendulum[] = R"(
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <body name="pole" pos="0 0 1">
      <joint name="hinge" axis="0 1 0" damping="0.1"/>
      <geom name="rod" type="capsule" fromto="0 0 0 0 0 -0.5" size="0.02" mass="1"/>
      <site name="tip" pos="0 0 -0.5"/>
    </body>
  </worldbody>
  <actuator><motor name="motor" joint="hinge" ctrlrange="-2 2" ctrllimited="true"/></actuator>
</mujoco>)";

constexpr char kTask[] = R"(
name: pendulum
frame_skip: 2
max_episode_steps: 50
controller: {type: actuators, action_range: ctrlrange}
observations:
  angle: {term: qpos, key: state}
  speed: {term: qvel, key: state}
  tip: {term: frame_position, params: {frame: tip}}
rewards:
  calm: {term: action_norm, weight: -0.5}
  alive: {term: constant}
resets:
  angle: {term: qpos_noise, params: {scale: 0.5}}
)";

class EnvFeatures : public sim::MjcfTest {
 protected:
  void SetUp() override {
    MjcfTest::SetUp();
    Write(kPendulum, "pendulum.xml");
  }

  std::shared_ptr<const Task> Make(const std::string& more,
                                   const std::vector<std::string>& overrides = {}) const {
    const std::string yaml = kTask + tasks::BareScene(dir() / "pendulum.xml");
    return tasks::MakeTask(tasks::ParseTaskConfig(yaml + more, "pendulum.yaml", overrides));
  }
};

std::vector<double> StateOf(const BatchedEnv& env, int row) {
  std::vector<double> state(static_cast<size_t>(env.state_dim()));
  env.GetState(row, state);
  return state;
}

TEST_F(EnvFeatures, TermsOfOneKeyLieSideBySide) {
  const auto task = Make("");
  ASSERT_EQ(task->observation_specs().size(), 2U);
  EXPECT_EQ(task->observation_specs()[0].name, "state");
  EXPECT_THAT(task->observation_specs()[0].shape, ElementsAre(2));
  BatchedEnv env(task, {.num_envs = 3});
  env.Reset(1);
  for (int row = 0; row < 3; ++row) {
    EXPECT_EQ(env.result().observations.row("state", row)[0],
              static_cast<float>(env.data(row)->qpos[0]));
    EXPECT_EQ(env.result().observations.row("state", row)[1], 0.0F);
  }
  EXPECT_TRUE(env.result().observations.at("state").state64.empty());
}

TEST_F(EnvFeatures, BoxNeedsOneKey) {
  EXPECT_THAT([&] { Make("observation_space: box\n"); },
              ::testing::ThrowsMessage<UserError>(
                  HasSubstr("observation_space: box needs one observation key, got 2")));
}

TEST_F(EnvFeatures, Float64IsNotRounded) {
  const auto task = Make("observation_dtype: float64\n");
  BatchedEnv env(task, {.num_envs = 2});
  env.Reset(4);
  const auto& key = env.result().observations.at("state");
  ASSERT_EQ(key.state64.size(), 4U);
  EXPECT_EQ(key.state64[2], env.data(1)->qpos[0]);
  EXPECT_EQ(key.state[2], static_cast<float>(env.data(1)->qpos[0]));
}

TEST_F(EnvFeatures, ResetOptionsSetTheState) {
  BatchedEnv env(Make(""), {.num_envs = 2});
  const std::vector<double> qpos = {0.3, -0.4}, qvel = {1.5, 2.5};
  const std::vector<int> rows = {1, 0};
  const std::vector<EpisodeKey> keys = {{9, 0}, {9, 1}};
  env.ResetRows(rows, keys, {.qpos = qpos, .qvel = qvel, .act = {}, .ctrl = {}});
  EXPECT_EQ(env.data(1)->qpos[0], 0.3);
  EXPECT_EQ(env.data(0)->qvel[0], 2.5);
  EXPECT_NEAR(env.result().observations.row("tip", 0)[0], -0.5 * std::sin(-0.4), 1e-6);
  const std::vector<double> bad = {0.3, NAN};
  const auto before = StateOf(env, 0);
  EXPECT_THAT([&] { env.ResetRows(rows, keys, {.qpos = bad, .qvel = {}, .act = {}, .ctrl = {}}); },
              ::testing::ThrowsMessage<UserError>(HasSubstr("qpos must be finite, got nan")));
  EXPECT_EQ(StateOf(env, 0), before);
  EXPECT_THROW(
      env.ResetRows(rows, keys, {.qpos = {qpos.data(), 1}, .qvel = {}, .act = {}, .ctrl = {}}),
      ShapeError);
}

TEST_F(EnvFeatures, RawControlsPassAndAreNotClipped) {
  BatchedEnv env(Make(""), {});
  env.Reset(0);
  EXPECT_EQ(env.task().controller().action_low(0), -2);
  env.Step(std::vector<double>{3.0});
  EXPECT_EQ(env.data(0)->ctrl[0], 3.0);
  EXPECT_DOUBLE_EQ(env.result().reward_terms[0], -0.5 * 9);
  EXPECT_DOUBLE_EQ(env.result().reward[0], 1 - 0.5 * 9);
}

TEST_F(EnvFeatures, BothWaysOfSteppingMoveAlike) {
  BatchedEnv current(Make(""), {}), stale(Make("stepping: mj_step\n"), {});
  current.Reset(2);
  stale.Reset(2);
  for (int t = 0; t < 20; ++t) {
    const float action = t % 2 == 0 ? 1.0F : -0.5F;
    current.Step(std::vector<float>{action});
    stale.Step(std::vector<float>{action});
    ASSERT_EQ(current.data(0)->qpos[0], stale.data(0)->qpos[0]);
    const double angle = current.data(0)->qpos[0];
    EXPECT_NEAR(current.result().observations.row("tip", 0)[0], -0.5 * std::sin(angle), 1e-6);
    // One physics step old.
    EXPECT_NE(stale.result().observations.row("tip", 0)[0],
              current.result().observations.row("tip", 0)[0]);
  }
}

TEST_F(EnvFeatures, Rk4NeedsMujocosOwnStep) {
  EXPECT_THAT([&] { Make("", {"scene.integrator=rk4"}); },
              ::testing::ThrowsMessage<UserError>(HasSubstr("stepping: mj_step")));
  EXPECT_NO_THROW(Make("stepping: mj_step\n", {"scene.integrator=rk4"}));
}

TEST_F(EnvFeatures, SignalsActOnObservationsRewardsAndActions) {
  const auto task = Make("action: {delay: [1, 1]}\n",
                         {"observations.angle.noise=0.1", "rewards.calm.clip=[0, 1]",
                          "rewards.calm.scale=10", "observations.speed.delay=[1, 1]"});
  BatchedEnv env(task, {});
  env.Reset(3);
  const double first = env.result().observations.row("state", 0)[0] - env.data(0)->qpos[0];
  EXPECT_NE(first, 0);
  EXPECT_LT(std::abs(first), 0.6);
  env.Step(std::vector<float>{2});
  const double speed = env.data(0)->qvel[0];
  EXPECT_EQ(env.result().observations.row("state", 0)[1], 0.0F) << "of the step before";
  EXPECT_EQ(env.result().reward_terms[0], -0.5 * 10);
  env.Step(std::vector<float>{-2});
  EXPECT_EQ(env.data(0)->ctrl[0], 2) << "of the step before";
  EXPECT_EQ(env.result().observations.row("state", 0)[1], static_cast<float>(speed));
}

constexpr char kRandom[] = R"(
randomization:
  mass: {term: body_mass, params: {bodies: [pole]}, distribution: uniform, range: [0.5, 2.0]}
  damping: {term: joint_damping, params: {joints: [hinge]}, distribution: log_uniform, range: [0.1, 10.0]}
  push: {term: push, when: interval, interval: [0.1, 0.3], params: {bodies: [pole]}, range: [-5, 5]}
)";

TEST_F(EnvFeatures, RandomisedEpisodesAreTheSameForAnyNumberOfEnvsAndThreads) {
  const auto task = Make(kRandom);
  ASSERT_NE(task->overlay(), nullptr);
  const auto play = [&](int envs, int threads) {
    std::vector<std::vector<double>> last;
    BatchedEnv env(task, {.num_envs = envs, .num_threads = threads});
    for (int first = 0; first < 6; first += envs) {
      std::vector<int> rows;
      std::vector<EpisodeKey> keys;
      for (int i = 0; i < envs && first + i < 6; ++i) {
        rows.push_back(i);
        keys.push_back({1, static_cast<uint64_t>(first + i)});
      }
      env.Deactivate();
      env.ResetRows(rows, keys);
      for (int t = 0; t < 30; ++t) {
        env.Step(std::vector<float>(static_cast<size_t>(envs), 0.5F));
      }
      for (int row : rows) last.push_back(StateOf(env, row));
    }
    return last;
  };
  const auto one = play(1, 1);
  EXPECT_EQ(play(2, 2), one);
  EXPECT_EQ(play(6, 2), one);
  EXPECT_EQ(play(3, 1), one);
  EXPECT_NE(one[0], one[1]);
}

TEST_F(EnvFeatures, RandomisedValuesAreShownAndAreInTheModel) {
  const auto task = Make(kRandom);
  BatchedEnv env(task, {.num_envs = 4, .num_threads = 2});
  env.Reset(0);
  const auto& names = task->randomization().value_names();
  const auto mass = std::ranges::find(names, "mass") - names.begin();
  ASSERT_LT(static_cast<size_t>(mass), names.size());
  const int pole = task->model().Id(mjOBJ_BODY, "pole");
  for (int row = 0; row < 4; ++row) {
    const double factor =
        env.result()
            .randomization[static_cast<size_t>(row) * names.size() + static_cast<size_t>(mass)];
    EXPECT_GE(factor, 0.5);
    EXPECT_LE(factor, 2);
    EXPECT_DOUBLE_EQ(env.model(row)->body_mass[pole], task->model()->body_mass[pole] * factor);
  }
}

TEST_F(EnvFeatures, StoredStatesCarryTheRandomisation) {
  const auto task = Make(kRandom);
  BatchedEnv env(task, {.num_envs = 2}), other(task, {});
  env.Reset(5);
  const std::vector<float> actions = {1, -1};
  for (int t = 0; t < 7; ++t) env.Step(actions);
  other.SetState(0, StateOf(env, 1), env.key(1));
  EXPECT_EQ(StateOf(other, 0), StateOf(env, 1));
  for (int t = 0; t < 20; ++t) {
    env.Step(actions);
    other.Step(std::vector<float>{-1});
    ASSERT_EQ(StateOf(other, 0), StateOf(env, 1)) << t;
  }
}

TEST_F(EnvFeatures, PresetsMergeAndCanBeTakenBack) {
  const std::string presets = R"(
presets:
  hard: {max_episode_steps: 7, randomization: {gravity: {term: gravity, range: [0.9, 1.1]}},
         observations: {angle: {noise: 0.2}}}
)";
  const auto plain = Make(presets), hard = Make(presets, {"randomize=hard"});
  EXPECT_EQ(plain->config().max_episode_steps, 50);
  EXPECT_EQ(hard->config().max_episode_steps, 7);
  EXPECT_EQ(hard->randomization().num_values(), 1);
  EXPECT_EQ(hard->config().observations[0].second.signal.noise, 0.2);
  const auto again = tasks::MakeTask(tasks::ParseTaskConfig(hard->ResolvedYaml(), "stored"));
  EXPECT_EQ(again->ResolvedYaml(), hard->ResolvedYaml());
  const auto back =
      tasks::MakeTask(tasks::ParseTaskConfig(hard->ResolvedYaml(), "stored", {"randomize=none"}));
  EXPECT_EQ(back->randomization().num_values(), 0);
  EXPECT_EQ(back->config().observations[0].second.signal.noise, 0);
  EXPECT_EQ(back->config().max_episode_steps, 50);
  EXPECT_THAT([&] { Make(presets, {"randomize=hrd"}); },
              ::testing::ThrowsMessage<UserError>(HasSubstr("Did you mean 'hard'?")));
}

TEST_F(EnvFeatures, CurriculumFollowsEachRowsOwnSuccess) {
  const auto task = Make(R"(
curriculum: {enabled: true, start: 0, step: 0.5, window: 2, promote: 0.5, demote: 0.1, fixed: 0.25}
terminations:
  done: {term: time_after, outcome: success, params: {seconds: 0.1}}
randomization:
  gravity: {term: gravity, range: [0.5, 1.5], initial_range: [1.0, 1.0]}
)");
  BatchedEnv training(task, {.num_envs = 2,
                             .seed = 0,
                             .autoreset = AutoresetMode::kSameStep,
                             .dump_dir = "",
                             .curriculum = true});
  EXPECT_EQ(training.level(0), 0);
  EXPECT_EQ(training.result().randomization[0], 1) << "the range at level 0";
  const std::vector<float> actions = {0, 0};
  int ends = 0;
  for (int t = 0; t < 100 && ends < 2; ++t) ends += training.Step(actions).terminated[0];
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(training.level(0), 0.5);
  EXPECT_NE(training.result().randomization[0], 1);
  EXPECT_NEAR(training.result().randomization[0], 1, 0.25);
  BatchedEnv fixed(task, {.num_envs = 2, .autoreset = AutoresetMode::kSameStep});
  for (ends = 0; ends < 4;) ends += fixed.Step(actions).terminated[0];
  EXPECT_EQ(fixed.level(0), 0.25) << "where episodes stand by themselves, none changes the next";
}

TEST_F(EnvFeatures, ABadRowEndsAloneAndItsDumpOpensAgain) {
  const auto task = Make(kRandom);
  BatchedEnv env(task, {.num_envs = 3, .num_threads = 2, .dump_dir = (dir() / "dumps").string()});
  BatchedEnv untouched(task, {.num_envs = 3});
  env.Reset(0);
  untouched.Reset(0);
  std::vector<double> state = StateOf(env, 1);
  state[1] = 1e9;  // qpos: finite, but the next step's speed is not
  state[2] = 1e10 - 1;
  env.SetState(1, state, env.key(1));
  const std::vector<float> actions(3, 0.5F);
  for (int t = 0; t < 5; ++t) {
    env.Step(actions);
    untouched.Step(actions);
    if (t == 0) {
      ASSERT_EQ(env.result().non_finite[1], 1);
      EXPECT_EQ(env.result().terminated[1], 1);
      EXPECT_EQ(env.result().reward[1], 0);
    }
    EXPECT_EQ(env.result().non_finite[0], 0);
  }
  EXPECT_EQ(env.num_quarantined(), 1);
  EXPECT_EQ(StateOf(env, 0), StateOf(untouched, 0));
  EXPECT_EQ(StateOf(env, 2), StateOf(untouched, 2));
  const StateDump dump = LoadStateDump(dir() / "dumps" / "non_finite_1_0.json");
  const auto reopened = tasks::MakeTask(tasks::ParseTaskConfig(dump.task_config, "dump"));
  BatchedEnv again(reopened, {});
  again.SetState(0, dump.state, dump.key);
  EXPECT_EQ(StateOf(again, 0), state);
  EXPECT_EQ(again.Step(dump.action).non_finite[0], 1);
}

TEST_F(EnvFeatures, AFailingTermEndsItsRowAlone) {
  const auto task = Make(R"(
info:
  twice: {term: qpos}
)",
                         {"rewards.bad={term: distance, params: {a: tip, b: pole, kernel: linear, "
                          "scale: 1e-6}, weight: 1e305}"});
  BatchedEnv env(task, {.num_envs = 2});
  env.Reset(0);
  env.Step(std::vector<float>{0, 0});
  EXPECT_EQ(env.result().non_finite[0], 1);
  EXPECT_EQ(env.result().terminated[0], 1);
  EXPECT_EQ(env.result().reward[0], 0);
}

}  // namespace
}  // namespace simscale::env
